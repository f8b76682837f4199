"""The loop of one channel: orders are carried out, and what happened is brought back."""

import asyncio
import math
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fakes import FakeClock, FakeGenerator, FakePlatform
from orchestrator.stage import (
    CHANNEL,
    JUNO,
    MAREK,
    SLOW,
    Babbler,
    Stage,
    a_member,
    a_stage,
    heard,
)

from botconvo.conversation import events as ev
from botconvo.conversation.manners import manners
from botconvo.conversation.orders import Post, PromptSource, React, Say
from botconvo.errors import PlatformError, StoreError, VoiceError
from botconvo.messages import Author, AuthorId
from botconvo.orchestrator.cast import CastMember
from botconvo.orchestrator.talk import company, fitting
from botconvo.personas import Persona
from botconvo.ports import (
    Completion,
    GenerateRequest,
    Limits,
    Shown,
    ShownMessage,
    ShownReaction,
    ShownRemoval,
    ShownState,
    ShownTyping,
)
from botconvo.store import Store

ANN = Author(id=AuthorId("fake:Ann"), name="Ann")
BOTH = (a_member(JUNO), a_member(MAREK))


def claims(store: Store) -> list[str]:
    """The states of all claims, in order."""
    with sqlite3.connect(store.path) as connection:
        found = connection.execute("SELECT state FROM claims ORDER BY post").fetchall()
    connection.close()
    return [state for (state,) in found]


async def next_turn(stage: Stage) -> None:
    """Move the clock on to whatever is waited for."""
    when = await stage.clock.somebody_waits()
    await stage.clock.advance(when - stage.clock.now())


async def let_post(stage: Stage, count: int) -> None:
    """Move the clock on until so many messages are out and were taken note of."""
    while (out := len(stage.platform.posted)) < count:
        if out:
            await next_turn(stage)  # the silence after the last one
        await stage.platform.has_posted(out + 1)
    await stage.clock.somebody_waits()


async def state_seen(watching: AsyncIterator[Shown], wanted: Callable[[ShownState], bool]) -> None:
    """Come back once a watcher sees such a state."""
    while not (isinstance(shown := await anext(watching), ShownState) and wanted(shown)):
        pass


async def test_what_a_voice_answers_is_posted_recorded_and_told(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH) as stage:
        await let_post(stage, 2)
    out = stage.platform.posted
    assert isinstance(out[0].act, Say)
    assert out[0].act.text == "word1 other7"
    assert {out[0].persona, out[1].persona} == {JUNO, MAREK}
    assert [message.text for message, _ in stage.posted][:2] == ["word1 other7", "word2 other14"]
    assert [m.text for m in store.recent_live(CHANNEL, 2)] == ["word1 other7", "word2 other14"]
    assert set(claims(store)) == {"settled"}


async def test_an_order_is_posted_under_a_nonce_of_this_run(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH) as stage:
        await let_post(stage, 2)
    nonces = [posting.nonce for posting in stage.platform.posted]
    assert all(nonce.startswith("run1/") for nonce in nonces)
    assert len(set(nonces)) == len(nonces)


async def test_without_consent_nothing_is_posted(store: Store) -> None:
    voice = Babbler()
    async with a_stage(store, voice, a_member(JUNO, person="p-aaaaaaaaaa")) as stage:
        for _ in range(3):
            await next_turn(stage)
    assert len(voice.asked) >= 2, "it goes on, for consent may come back"
    assert stage.platform.posted == []
    assert store.recent_live(CHANNEL, 9) == ()


async def test_a_refused_post_gives_its_claim_back_and_another_one_follows(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH) as stage:
        stage.platform.refuse(PlatformError("fake: not now"))
        await next_turn(stage)
        await stage.platform.has_posted(1)
        await stage.clock.somebody_waits()
    assert claims(store) == ["released", "settled"]
    assert [message.text for message, _ in stage.posted] == ["word2 other14"]


async def test_a_voice_that_fails_is_asked_again_later(store: Store) -> None:
    voice = FakeGenerator(VoiceError("Juno: gone", retryable=True), " here again")
    async with a_stage(store, voice, a_member()) as stage:
        await next_turn(stage)
        await stage.platform.has_posted(1)
        await stage.clock.somebody_waits()
    assert [message.text for message, _ in stage.posted] == ["here again"]


async def test_nobody_is_asked_whose_model_server_is_down(store: Store) -> None:
    voice = Babbler()
    async with a_stage(store, voice, a_member()) as stage:
        await let_post(stage, 1)
        stage.supervisors["Juno"].fall("Juno: gone")
        for _ in range(3):
            await next_turn(stage)
    assert len(voice.asked) == 1


async def test_an_answer_that_comes_after_its_ask_was_given_up_is_dropped(store: Store) -> None:
    voice = Babbler()
    voice.hold()
    async with a_stage(store, voice, *BOTH) as stage:
        while not voice.asked:
            await asyncio.sleep(0)
        await stage.talk.put(ev.Heard(message=heard("Marek, are you there?")))
        while len(voice.asked) < 2:
            await asyncio.sleep(0)
        voice.let_go()
        await stage.platform.has_posted(1)
        await stage.clock.somebody_waits()
    assert [message.text for message, _ in stage.posted] == ["word2 other14"]
    assert stage.posted[0][1].persona == MAREK
    assert stage.posted[0][1].trace.source is PromptSource.PERSON


async def test_an_answer_to_an_unknown_ask_changes_nothing(store: Store) -> None:
    stale = ev.Answered(
        ask=ev.OrderId("fake:main/99/ask"),
        candidates=(ev.Candidate(completion=" stale", line=None, verdict="ok"),),
        prompt="",
        phrase=None,
        latency_ms=1.0,
    )
    async with a_stage(store, Babbler(), *BOTH) as stage:
        await stage.talk.put(stale)
        await let_post(stage, 1)
    assert stage.posted[0][0].text == "word1 other7"


async def test_the_answer_of_somebody_who_has_left_is_not_posted(store: Store) -> None:
    slow_typist = replace(SLOW, typing_per_s=1.0, typing_max_s=60.0)
    async with a_stage(store, Babbler(), *BOTH, manners=slow_typist) as stage:
        await stage.clock.somebody_waits()
        (_, typist) = stage.platform.typing[0]
        stays = MAREK if typist == JUNO else JUNO
        stage.cast.play([a_member(stays)])
        await next_turn(stage)
        await next_turn(stage)
        assert stage.platform.posted == []
    assert claims(store) == []


async def test_a_run_that_has_enough_says_no_more(store: Store) -> None:
    voice = Babbler()
    async with a_stage(store, voice, *BOTH, most=2) as stage:
        await let_post(stage, 1)
        await next_turn(stage)
        await stage.platform.has_posted(2)
        while len(stage.posted) < 2:
            await asyncio.sleep(0)
        await stage.clock.advance(timedelta(hours=1))
    assert len(stage.platform.posted) == 2
    assert len(voice.asked) == 2


async def test_typing_is_shown_before_the_words(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH, manners=replace(SLOW, typing_per_s=10.0)) as stage:
        await stage.clock.somebody_waits()
        assert [channel for channel, _ in stage.platform.typing] == [CHANNEL]
        assert stage.platform.posted == []
        await next_turn(stage)
        assert (await stage.platform.has_posted(1))[0].persona == stage.platform.typing[0][1]


async def test_a_clone_that_reacts_uses_its_claim_up(store: Store) -> None:
    voice = FakeGenerator(" REACT: 🔥;", " that one")
    async with a_stage(store, voice, a_member()) as stage:
        await stage.talk.put(ev.Heard(message=heard("look, Juno")))
        await stage.platform.has_posted(1)
        await next_turn(stage)
        await stage.platform.has_posted(2)
        await stage.clock.somebody_waits()
    assert stage.platform.posted[0].act == React(emoji="🔥", message=heard("").id)
    assert claims(store) == ["settled", "settled"]
    assert len(stage.posted) == 1, "a reaction is no message"


# What goes wrong inside


class Broken:
    """A generator with a bug."""

    async def complete(self, request: object) -> list[object]:
        raise ZeroDivisionError("a bug")


class BrokenClock(FakeClock):
    async def wait_until(self, when: object) -> None:
        raise ZeroDivisionError("a bug")


async def test_a_bug_in_a_voice_ends_the_talk(store: Store) -> None:
    with pytest.RaisesGroup(pytest.RaisesGroup(ZeroDivisionError)):
        async with a_stage(store, Broken(), a_member()):  # type: ignore[arg-type]
            await asyncio.Event().wait()


async def test_a_bug_in_the_clock_ends_the_talk(store: Store) -> None:
    with pytest.RaisesGroup(pytest.RaisesGroup(ZeroDivisionError)):
        async with a_stage(store, Babbler(), a_member(), clock=BrokenClock()):
            await asyncio.Event().wait()


async def test_a_store_that_cannot_be_written_ends_the_talk(store: Store) -> None:
    with sqlite3.connect(store.path) as connection:
        connection.execute("DROP TABLE claims")
    connection.close()
    with pytest.RaisesGroup(pytest.RaisesGroup(StoreError)):
        async with a_stage(store, Babbler(), a_member()):
            await asyncio.Event().wait()


async def test_a_flood_slows_its_source_and_not_the_talk(store: Store) -> None:
    """More events than the inbox holds, while the talk puts its own results into it as well."""
    quick = replace(SLOW, gap_s=(0.0, 0.0))
    async with a_stage(store, Babbler(), *BOTH, manners=quick, most=20) as stage:

        async def flood() -> None:
            for number in range(4000):
                reaction = ev.Reacted(message=heard("").id, emoji=str(number), author=ANN)
                await stage.talk.put(reaction)

        await asyncio.gather(flood(), stage.platform.has_posted(20))
    assert len(stage.posted) >= 19, "the last one may not have been told yet"


# Watchers


async def test_a_watcher_gets_the_state_then_the_recent_messages_then_live_ones(
    store: Store,
) -> None:
    async with a_stage(store, Babbler(), *BOTH) as stage:
        await let_post(stage, 2)
        state, first, second, *live = await stage.watch(3)
        watching = stage.talk.watch()
        for _ in range(3):
            await anext(watching)
        await stage.talk.put(ev.Heard(message=heard("hello you")))
        live.append(await anext(watching))
    assert isinstance(state, ShownState)
    assert (state.paused, state.speed) == (False, 1.0)
    assert isinstance(first, ShownMessage)
    assert isinstance(second, ShownMessage)
    assert (first.message.text, second.message.text) == ("word1 other7", "word2 other14")
    assert first.trace is not None
    assert first.trace.prompt.endswith(f"{first.message.author.name}:")
    assert live == [ShownMessage(message=heard("hello you"), trace=None)]


async def test_a_watcher_sees_typing_and_reactions(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH, manners=replace(SLOW, typing_per_s=10.0)) as stage:
        watching = stage.talk.watch()
        assert isinstance(await anext(watching), ShownState)
        await stage.talk.put(ev.Heard(message=heard("hi")))
        assert isinstance(await anext(watching), ShownMessage)
        reacted = ev.Reacted(message=heard("").id, emoji="🔥", author=ANN)
        await stage.talk.put(reacted)
        seen = [await anext(watching)]
        while not isinstance(seen[-1], ShownTyping):
            await next_turn(stage)
            seen.append(await anext(watching))
    assert seen[0] == ShownReaction(message=heard("").id, emoji="🔥", author="Ann", trace=None)


async def test_who_comes_later_sees_messages_as_they_are_now(store: Store) -> None:
    async with a_stage(store, Babbler(), manners=SLOW) as stage:
        typo, gone, liked = (heard(text, id=text) for text in ("teh", "never mind", "nice"))
        for message in (typo, gone, liked):
            await stage.talk.put(ev.Heard(message=message))
        await stage.talk.put(ev.Edited(message=replace(typo, text="the", revision=1)))
        await stage.talk.put(ev.Edited(message=replace(typo, text="older", revision=1)))
        await stage.talk.put(ev.Removed(message=gone.id))
        watching = stage.talk.watch()
        await anext(watching)
        await stage.talk.put(ev.Reacted(message=liked.id, emoji="🔥", author=ANN))
        while not isinstance(await anext(watching), ShownReaction):
            pass
        _, *messages = await stage.watch(3)
    assert [m.message.text for m in messages if isinstance(m, ShownMessage)] == ["the", "nice"]
    kept = store.recent_live(CHANNEL, 9)
    assert {m.text for m in kept} == {"the", "nice"}
    assert [r.emoji for m in kept for r in m.reactions] == ["🔥"]


async def test_a_deletion_is_shown(store: Store) -> None:
    async with a_stage(store, Babbler(), manners=SLOW) as stage:
        watching = stage.talk.watch()
        await anext(watching)
        await stage.talk.put(ev.Heard(message=heard("oops")))
        await stage.talk.put(ev.Removed(message=heard("").id))
        await anext(watching)
        assert await anext(watching) == ShownRemoval(message=heard("").id)


async def test_a_slow_watcher_loses_the_oldest_and_never_the_newest(store: Store) -> None:
    async with a_stage(store, Babbler(), manners=SLOW) as stage:
        slow, quick = stage.talk.watch(), stage.talk.watch()
        await anext(slow)
        await anext(quick)
        for number in range(300):
            await stage.talk.put(ev.Heard(message=heard(f"m{number}", id=f"m{number}")))
            await anext(quick)
        seen = [await anext(slow) for _ in range(200)]
    texts = [shown.message.text for shown in seen if isinstance(shown, ShownMessage)]
    assert texts == [f"m{number}" for number in range(100, 300)]


async def test_somebody_who_stops_watching_costs_nothing_more(store: Store) -> None:
    async with a_stage(store, Babbler(), manners=SLOW) as stage:
        for _ in range(3):
            await stage.watch(1)
        assert stage.talk.watchers == 0
        watching = stage.talk.watch()
        await anext(watching)
        assert stage.talk.watchers == 1


async def test_an_echo_of_an_own_post_is_not_shown_twice(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH) as stage:
        await let_post(stage, 1)
        own = stage.posted[0][0]
        watching = stage.talk.watch()
        for _ in range(2):
            await anext(watching)
        await stage.talk.put(ev.Heard(message=own))
        await stage.talk.put(ev.Heard(message=heard("me")))
        assert await anext(watching) == ShownMessage(message=heard("me"), trace=None)


# The reins


async def test_a_paused_talk_is_silent_and_a_step_gives_one_message(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH) as stage:
        await let_post(stage, 1)
        watching = stage.talk.watch()
        assert await stage.talk.steer(ev.Pause(), "Ann") == "paused"
        await state_seen(watching, lambda state: state.paused)
        await stage.clock.advance(timedelta(minutes=5))
        assert len(stage.platform.posted) == 1
        assert await stage.talk.steer(ev.Step(), "Ann") == "one more message"
        await stage.platform.has_posted(2)
        await stage.clock.advance(timedelta(minutes=5))
        assert len(stage.platform.posted) == 2
        assert await stage.talk.steer(ev.Resume(), "Ann") == "resumed"
        await let_post(stage, 3)


async def test_speed_and_temperature_are_taken_up_and_shown(store: Store) -> None:
    voice = Babbler()
    async with a_stage(store, voice, *BOTH) as stage:
        await let_post(stage, 1)
        watching = stage.talk.watch()
        assert await stage.talk.steer(ev.SetSpeed(factor=10.0), "Ann") == "speed 10"
        assert await stage.talk.steer(ev.SetTemperature(value=1.5), "Ann") == "temperature 1.5"
        await state_seen(watching, lambda state: (state.speed, state.temperature) == (10.0, 1.5))
        await let_post(stage, 2)
        assert (
            await stage.talk.steer(ev.SetTemperature(value=None), "Ann")
            == "temperature as configured"
        )
        await state_seen(watching, lambda state: state.temperature is None)
    assert voice.asked[1].sampling.temperature == 1.5


@pytest.mark.parametrize(
    ("steer", "told"),
    [
        (ev.SetSpeed(factor=0.0), "speed 0: must be from 0.1 to 100"),
        (ev.SetSpeed(factor=float("nan")), "speed nan"),
        (ev.SetTemperature(value=9.0), "temperature 9: must be from 0 to 3"),
        (ev.SetTemperature(value=float("nan")), "temperature nan"),
    ],
)
async def test_a_pull_that_makes_no_sense_is_refused(
    store: Store, steer: ev.Steer, told: str
) -> None:
    async with a_stage(store, Babbler(), manners=SLOW) as stage:
        with pytest.raises(PlatformError, match=told):
            await stage.talk.steer(steer, "Ann")


async def test_new_manners_count_from_the_next_turn_on(store: Store) -> None:
    voice = Babbler()
    people = Limits(characters=2000, reactions=True, replies=True, people=True)
    platform = FakePlatform(CHANNEL, limits=people)
    async with a_stage(store, voice, *BOTH, platform=platform) as stage:
        await let_post(stage, 1)
        stage.talk.set_manners(replace(SLOW, samples=2, turn_limit=2))
        await stage.clock.advance(timedelta(hours=1))
        await stage.platform.has_posted(2)
        await stage.clock.advance(timedelta(hours=1))
        assert len(stage.platform.posted) == 2
    assert voice.asked[-1].n == 2


def test_a_turn_limit_holds_only_where_people_are() -> None:
    limited = manners("group-chat", {"turn_limit": 3})
    alone = Limits(characters=1, reactions=True, replies=True, people=False)
    assert fitting(limited, alone).turn_limit is None
    assert fitting(limited, replace(alone, people=True)).turn_limit == 3


# Among people


PEOPLE = Limits(characters=2000, reactions=True, replies=True, people=True)
AMONG_PEOPLE = replace(
    manners("group-chat"), gap_s=(10.0, 10.0), typing_per_s=0.0, answer_s=(1.0, 1.0), go_on=1.0
)


def among_people(store: Store, voice: object, *members: CastMember, **numbers: Any) -> Any:
    clock = FakeClock()
    store.introduce(CHANNEL, "open")  # they were told what the bots are
    platform = FakePlatform(CHANNEL, clock=clock, limits=PEOPLE)
    fitted = replace(AMONG_PEOPLE, **numbers)
    return a_stage(store, voice, *members, manners=fitted, clock=clock, platform=platform)  # type: ignore[arg-type]


async def answered(stage: Stage) -> Post:
    """The first post that takes up what a person said."""
    while True:
        for _, post in stage.posted:
            if post.trace.source is PromptSource.PERSON:
                return post
        await next_turn(stage)


class Torn(Babbler):
    """Finds Marek likelier than Juno, and says so in its own time."""

    async def complete(self, request: GenerateRequest) -> Sequence[Completion]:
        if not request.alternatives:
            return await super().complete(request)
        if self.held.is_set():
            raise VoiceError("gone", retryable=True)
        first = (("Marek", math.log(0.9)), ("Juno", math.log(0.1)))
        return [Completion(text="Marek", finished=False, logprob=-0.1, first=first)]


async def test_the_models_are_asked_who_speaks_next(store: Store) -> None:
    async with among_people(store, Torn(), *BOTH, speakers="lurk") as stage:
        await stage.talk.put(ev.Heard(message=heard("who was that?")))
        answer = await answered(stage)
    assert answer.persona == MAREK
    assert answer.trace.reason == "its model gives it 90% of the turn"


async def test_where_no_model_answers_talkativeness_decides(store: Store) -> None:
    voice = Torn()
    voice.held.set()
    voice.let_go()
    voice.held.set()
    async with among_people(store, voice, *BOTH, speakers="lurk") as stage:
        await stage.talk.put(ev.Heard(message=heard("who was that?")))
        answer = await answered(stage)
    assert "drawn with odds" in answer.trace.reason


async def test_a_spent_budget_stops_a_channel_until_the_next_day_over_restarts(
    store: Store,
) -> None:
    midnight = FakeClock().now().replace(hour=0) + timedelta(days=1)
    for asked, posted in ((3, 2), (1, 0)):
        async with among_people(store, Babbler(), *BOTH, daily_messages=2) as stage:
            for number in range(asked):
                await stage.talk.put(ev.Heard(message=heard("Juno?", id=f"{posted}/{number}")))
            while await stage.clock.somebody_waits() < midnight:
                await next_turn(stage)
            assert len(stage.platform.posted) == posted
    assert set(claims(store)) == {"settled"}


async def test_a_picture_that_nobody_draws_is_posted_as_words_and_kept_as_a_picture(
    store: Store,
) -> None:
    voice = FakeGenerator(*4 * (" PHOTO: an old lamp;",))
    async with among_people(store, voice, a_member(), daily_messages=1) as stage:
        await stage.talk.put(ev.Heard(message=heard("show me, Juno")))
        while not stage.posted:
            await next_turn(stage)
        posting = stage.platform.posted[0]
    assert posting.act == Say(text="[photo: an old lamp]")
    kept = store.recent_live(CHANNEL, 1)[0]
    assert [(each.kind, each.description) for each in kept.attachments] == [
        ("photo", "an old lamp")
    ]
    assert kept.text == ""


async def test_who_goes_away_is_remembered_in_the_store(store: Store) -> None:
    async with among_people(store, Babbler(), *BOTH, go_on=0.0) as stage:
        await stage.platform.has_posted(1)
        while not store.away(CHANNEL):
            await asyncio.sleep(0)
        assert store.away(CHANNEL) == stage.talk.conversation.asleep


def test_a_channels_own_manners_and_personas_go_before_those_of_the_run() -> None:
    own, run = manners("classic"), manners("group-chat")
    limits = Limits(characters=2000, reactions=True, replies=True, people=True)
    assert fitting(run, limits) == run
    assert fitting(run, replace(limits, manners=own)) == own
    everybody = [Persona(name=JUNO), Persona(name=MAREK)]
    assert company(everybody, limits, CHANNEL) == tuple(everybody)
    assert company(everybody, replace(limits, personas=frozenset({MAREK})), CHANNEL) == (
        everybody[1],
    )


async def test_what_hinders_a_channel_is_shown_until_it_is_over(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH) as stage:
        watching = stage.talk.watch()
        await stage.talk.put(ev.Hindered(reason="no connection"))
        await state_seen(watching, lambda state: state.note == "no connection")
        await stage.talk.put(ev.Hindered(reason=None))
        await state_seen(watching, lambda state: state.note is None)
