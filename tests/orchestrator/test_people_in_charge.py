"""People in charge of a running talk: what they do counts, in the channel, the store and after."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import FakeClock, FakePlatform
from orchestrator.stage import (
    CHANNEL,
    JUNO,
    MAREK,
    Babbler,
    Everything,
    Stage,
    a_member,
    a_stage,
    consents,
    heard,
)

from botconvo.conversation import events as ev
from botconvo.conversation.orders import Say
from botconvo.conversation.reins import Law
from botconvo.errors import PlatformError
from botconvo.messages import Author, AuthorId, ChannelId, MessageId
from botconvo.orchestrator.approvals import Approvals
from botconvo.orchestrator.charge import Charge
from botconvo.personas import PersonaName
from botconvo.ports import (
    Help,
    Info,
    Limits,
    Lines,
    MayAsk,
    Recent,
    Removed,
    Shown,
    ShownRemoval,
    ShownState,
    Status,
    Who,
    Why,
)
from botconvo.safety.refusals import Refusals
from botconvo.store import Store

ANN, BEN = (Author(id=AuthorId(f"fake:{name}"), name=name) for name in ("Ann", "Ben"))
BOTH = (a_member(JUNO), a_member(MAREK))
AMONG_PEOPLE = Limits(characters=2000, reactions=True, replies=True, people=True, commands=True)
OFFICE = ChannelId("fake:office")
HOUR = timedelta(hours=1)


async def next_turn(stage: Stage) -> None:
    when = await stage.clock.somebody_waits()
    await stage.clock.advance(when - stage.clock.now())


async def let_post(stage: Stage, count: int) -> None:
    """Move the clock on until so many messages are out and were taken note of."""
    while (out := len(stage.platform.posted)) < count:
        if out:
            await next_turn(stage)
        await stage.platform.has_posted(out + 1)
    await stage.clock.somebody_waits()


async def seen(
    stage: Stage, wanted: Callable[[Shown], bool], after: Callable[[], Awaitable[object]]
) -> Shown:
    """What a watcher sees that is so, once ``after`` was done."""
    watching = stage.talk.watch()
    await anext(watching)
    await after()
    async with asyncio.timeout(10):
        while not wanted(shown := await anext(watching)):
            pass
    await watching.aclose()  # type: ignore[attr-defined]  # it is a generator
    return shown


def is_paused(shown: Shown) -> bool:
    return isinstance(shown, ShownState) and shown.paused


def reacted(message: MessageId, emoji: str, author: Author) -> ev.Reacted:
    return ev.Reacted(message=message, emoji=emoji, author=author)


def among_people(clock: FakeClock | None = None) -> FakePlatform:
    return FakePlatform(CHANNEL, clock=clock, limits=AMONG_PEOPLE)


# ---- removal and favourites --------------------------------------------------------------------


async def test_two_votes_remove_a_line_for_good(store: Store) -> None:
    refusals = Refusals(Everything())
    charge = Charge(store, FakeClock(), refusals=refusals)
    async with a_stage(store, Babbler(), *BOTH, charge=charge) as stage:
        await let_post(stage, 1)
        line = stage.posted[0][0]
        await stage.talk.put(reacted(line.id, "🗑️", ANN))

        async def ben_votes() -> None:
            await stage.talk.put(reacted(line.id, "🗑", BEN))

        await seen(stage, lambda shown: shown == ShownRemoval(message=line.id), ben_votes)
        assert stage.platform.deleted == [line.id]
        assert refusals.objection(line.text.upper()) == "unsafe"
        assert line not in stage.talk.conversation.messages
    assert store.live_message(line.id) is None
    (refused,) = store.refused_texts()
    assert (refused.text, refused.persona, refused.by) == (line.text, line.author.name, "Ben")


async def test_one_vote_or_a_bots_removes_nothing(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH) as stage:
        await let_post(stage, 1)
        line = stage.posted[0][0]
        bot = Author(id=AuthorId("fake:clone"), name="Marek", kind="clone")
        for voter in (ANN, ANN, bot):
            await stage.talk.put(reacted(line.id, "🗑", voter))
        await let_post(stage, 2)
    assert stage.platform.deleted == []
    assert store.refused_texts() == ()


async def test_a_vote_that_was_taken_back_does_not_count(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH) as stage:
        await let_post(stage, 1)
        line = stage.posted[0][0]
        await stage.talk.put(reacted(line.id, "🗑", ANN))
        await stage.talk.put(ev.Unreacted(message=line.id, emoji="🗑", author=ANN))
        await stage.talk.put(reacted(line.id, "🗑", BEN))
        await let_post(stage, 2)
    assert stage.platform.deleted == []


async def test_votes_from_before_a_restart_count(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH) as stage:
        await let_post(stage, 1)
        line = stage.posted[0][0]
        await stage.talk.put(reacted(line.id, "🗑", ANN))
        await let_post(stage, 2)
    async with a_stage(store, Babbler(), *BOTH, run_id="run2") as stage:
        await stage.talk.put(reacted(line.id, "🗑", BEN))
        await stage.platform.until(lambda: stage.platform.deleted == [line.id])


async def test_what_cannot_be_deleted_is_still_not_said_again(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH) as stage:
        await let_post(stage, 1)
        line = stage.posted[0][0]
        stage.platform.refuse(PlatformError("not allowed"))
        with pytest.raises(PlatformError, match="still stands here: not allowed"):
            await stage.talk.steer(ev.Delete(message=line.id), "Ann")
    assert [each.text for each in store.refused_texts()] == [line.text]


async def test_a_removal_is_undone_by_its_number(store: Store) -> None:
    refusals = Refusals(Everything())
    charge = Charge(store, FakeClock(), refusals=refusals)
    async with a_stage(store, Babbler(), *BOTH, charge=charge) as stage:
        await let_post(stage, 1)
        line = stage.posted[0][0]
        await stage.talk.steer(ev.Delete(message=line.id), "Ann")
        number = stage.talk.query(Removed()).refused[0].number
        assert await stage.talk.steer(ev.Allow(number=number), "Ann") == (
            "allowed: it may be said again"
        )
        with pytest.raises(PlatformError, match="no text with the number"):
            await stage.talk.steer(ev.Allow(number=number), "Ann")
    assert refusals.objection(line.text) is None
    assert store.refused_texts() == ()


async def test_only_lines_of_bots_can_be_removed_or_kept(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH) as stage:
        await stage.talk.put(ev.Heard(message=heard("mine")))
        await let_post(stage, 1)
        for ruling in (ev.Delete, ev.Star):
            with pytest.raises(PlatformError, match="no line of a bot"):
                await stage.talk.steer(ruling(message=MessageId("heard/1")), "Ann")
            with pytest.raises(PlatformError, match="not known here"):
                await stage.talk.steer(ruling(message=MessageId("nowhere/1")), "Ann")


async def test_a_star_keeps_a_line_once_until_it_is_dropped_or_deleted(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH) as stage:
        await let_post(stage, 2)
        first, second = (message for message, _ in stage.posted)
        await stage.talk.put(reacted(first.id, "⭐", ANN))
        await let_post(stage, 3)
        assert await stage.talk.steer(ev.Star(message=first.id), "Ben") == (
            "it is a favourite already"
        )
        await stage.talk.steer(ev.Star(message=second.id), "Ben")
        answer = stage.talk.query(Lines(kind="favourite"))
        assert {(each.text, each.by) for each in answer.noted} == {
            (first.text, "Ann"),
            (second.text, "Ben"),
        }
        await stage.talk.steer(ev.Drop(message=first.id), "Ann")
        with pytest.raises(PlatformError, match="not kept"):
            await stage.talk.steer(ev.Drop(message=first.id), "Ann")
        await stage.talk.steer(ev.Delete(message=second.id), "Ann")
        await next_turn(stage)
    assert store.noted_lines("favourite") == ()


# ---- the kill word and what people leave behind ------------------------------------------------


async def test_the_kill_word_silences_until_somebody_resumes(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH, platform=among_people()) as stage:
        await let_post(stage, 1)
        word = heard("Bots, STOP!", id="kill/1")

        async def say_it() -> None:
            await stage.talk.put(ev.Heard(message=word))

        await seen(stage, is_paused, say_it)
        assert all("STOP" not in each.text for each in stage.talk.conversation.messages)
        await stage.talk.steer(ev.Resume(), "Ann")
        await stage.talk.put(ev.Heard(message=word))  # told again, as after a lost connection
        await let_post(stage, 2)


async def test_a_channel_of_people_stays_silent_and_muted_over_a_restart(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH, platform=among_people()) as stage:
        await let_post(stage, 1)
        await stage.talk.steer(ev.Mute(persona=JUNO), "Ann")

        async def say_it() -> None:
            await stage.talk.put(ev.Heard(message=heard("bots stop")))

        await seen(stage, is_paused, say_it)
    async with a_stage(store, Babbler(), *BOTH, run_id="run2", platform=among_people()) as stage:
        assert stage.talk.conversation.paused
        await stage.talk.steer(ev.Resume(), "Ann")
        await let_post(stage, 2)
        assert {posting.persona for posting in stage.platform.posted} == {MAREK}
    async with a_stage(store, Babbler(), *BOTH, run_id="run3") as stage:
        assert not stage.talk.conversation.muted, "on the owner's own screen a run begins as new"


async def test_a_reset_holds_over_a_restart(store: Store) -> None:
    clock = FakeClock()
    async with a_stage(store, Babbler(), *BOTH, clock=clock) as stage:
        await let_post(stage, 1)
        await stage.talk.steer(ev.Reset(), "Ann")
        while stage.talk.conversation.messages:
            await asyncio.sleep(0)
        await let_post(stage, 2)
        assert len(stage.talk.conversation.messages) == 1
    assert [each.text for each in store.recent_live(CHANNEL, 9)] == ["word2 other14"]


# ---- ignored -----------------------------------------------------------------------------------


async def test_an_ignored_persons_words_are_neither_context_nor_kept(store: Store) -> None:
    charge = Charge(store, FakeClock())
    async with a_stage(store, voice := Babbler(), *BOTH, charge=charge) as stage:
        await stage.talk.put(ev.Heard(message=heard("my horse", id="heard/1")))
        await let_post(stage, 1)
        assert "horse" in voice.asked[-1].prompt
        await stage.talk.steer(ev.Ignore(author=ANN.id), "Ann")
        await stage.talk.put(ev.Heard(message=heard("my other horse", id="heard/2")))
        await let_post(stage, 3)
        assert "horse" not in voice.asked[-1].prompt
        with pytest.raises(PlatformError, match="you are ignored"):
            await stage.talk.steer(ev.SetTopic(message=heard("horses", id="heard/3")), "Ann")
    assert all("horse" not in each.text for each in store.recent_live(CHANNEL, 99))
    assert Charge(store, FakeClock()).is_ignored(ANN.id), "over restarts too"


async def test_an_ignored_person_can_still_stop_the_bots_and_be_heard_again(store: Store) -> None:
    async with a_stage(store, voice := Babbler(), *BOTH) as stage:
        await stage.talk.steer(ev.Ignore(author=ANN.id), "Ann")

        async def say_it() -> None:
            await stage.talk.put(ev.Heard(message=heard("bots stop")))

        await seen(stage, is_paused, say_it)
        await stage.talk.steer(ev.Resume(), "Ben")
        await stage.talk.steer(ev.Heed(author=ANN.id), "Ann")
        await stage.talk.put(ev.Heard(message=heard("a zebra", id="heard/2")))
        await stage.platform.has_posted(1)
    assert any("zebra" in request.prompt for request in voice.asked)


# ---- what the channel is told ------------------------------------------------------------------


async def test_a_channel_of_people_is_told_once_before_anybody_speaks(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH, platform=among_people()) as stage:
        await let_post(stage, 1)
        (notice,) = stage.platform.notices
        assert notice.text.startswith("Juno and Marek are bots")
        assert notice.author.kind == "system"
    async with a_stage(store, Babbler(), *BOTH, run_id="run2", platform=among_people()) as stage:
        await let_post(stage, 1)
        assert stage.platform.notices == []
    curated = Charge(store, FakeClock(), law=Law(curated=True))
    async with a_stage(
        store, Babbler(), *BOTH, run_id="run3", platform=among_people(), charge=curated
    ) as stage:
        await stage.platform.until(lambda: stage.platform.notices)
        assert "A person reads every line" in stage.platform.notices[0].text


async def test_a_channel_is_told_who_is_the_clone_of_somebody(store: Store) -> None:
    consents(store, "p-aaaaaaaaaa", fictional=False)
    consents(store, "p-bbbbbbbbbb", fictional=True)
    members = (a_member(JUNO, person="p-aaaaaaaaaa"), a_member(MAREK, person="p-bbbbbbbbbb"))
    async with a_stage(store, Babbler(), *members, platform=among_people()) as stage:
        await stage.platform.until(lambda: stage.platform.notices)
        told = stage.platform.notices[0].text
        assert "Juno is the clone of a person who agreed to it; Marek is an invented" in told


async def test_a_person_sets_topics_and_asks_only_so_often_and_an_owner_always(
    store: Store,
) -> None:
    clock = FakeClock()
    law = Law(asks=2, asks_within=timedelta(minutes=10), owners=frozenset({BEN.id}))
    charge = Charge(store, clock, law=law)
    platform = among_people(clock)

    def asks(number: int, name: str) -> ev.AskPersona:
        message = heard("and you?", id=f"ask/{name}/{number}", name=name)
        return ev.AskPersona(persona=JUNO, message=message)

    async with a_stage(
        store, Babbler(), *BOTH, clock=clock, platform=platform, charge=charge
    ) as stage:
        await let_post(stage, 1)
        topic = heard("the soup war", id="topic/1")
        await stage.talk.steer(ev.SetTopic(message=topic), "Ann")
        await stage.talk.steer(asks(1, "Ann"), "Ann")
        with pytest.raises(PlatformError, match="2 times in 10 minutes; you may again in 10 min"):
            await stage.talk.steer(asks(2, "Ann"), "Ann")
        with pytest.raises(PlatformError, match="you may again in"):
            stage.talk.query(MayAsk(author=ANN))
        for number in range(5):
            await stage.talk.steer(asks(number, "Ben"), "Ben")
        await clock.advance(timedelta(minutes=10))
        assert stage.talk.query(MayAsk(author=ANN))
        await stage.talk.steer(asks(3, "Ann"), "Ann")


async def test_the_owners_page_asks_in_a_channel_of_people_without_a_limit(store: Store) -> None:
    clock = FakeClock()
    charge = Charge(store, clock, law=Law(asks=1))
    platform = among_people(clock)
    async with a_stage(
        store, Babbler(), *BOTH, clock=clock, platform=platform, charge=charge
    ) as stage:
        await let_post(stage, 1)
        for number in range(3):
            asked = heard("and you?", id=f"ask/{number}")
            author = Author(id=AuthorId("web:general/person/ann"), name="Ann")
            message = replace(asked, author=author)
            await stage.talk.steer(ev.AskPersona(persona=JUNO, message=message), "Ann")


async def test_nobody_speaks_before_the_channel_could_be_told(store: Store) -> None:
    platform = among_people()
    platform.refuse(PlatformError("no permission"))
    async with a_stage(store, Babbler(), *BOTH, platform=platform) as stage:
        await stage.clock.somebody_waits()
        assert stage.platform.posted == []
        await next_turn(stage)
        await stage.platform.has_posted(1)
        assert len(stage.platform.notices) == 1


async def test_the_owners_own_screen_is_told_nothing(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH) as stage:
        await let_post(stage, 1)
        assert stage.platform.notices == []


# ---- approval ----------------------------------------------------------------------------------


async def nothing_waits(stage: Stage) -> None:
    while stage.talk.conversation.held is not None:
        await asyncio.sleep(0)
    await stage.clock.somebody_waits()


class Office:
    """A stage whose lines wait in a channel of the owner's."""

    def __init__(self, store: Store) -> None:
        self.platform = FakePlatform(CHANNEL)
        self.refusals = Refusals(Everything())
        law = Law(curated=True)
        self.charge = Charge(store, FakeClock(), law=law, refusals=self.refusals)
        self.approvals = Approvals(OFFICE)
        self.stage = a_stage(
            store,
            Babbler(),
            *BOTH,
            platform=self.platform,
            charge=self.charge,
            approvals=self.approvals,
            approval=HOUR,
        )

    def attach(self, stage: Stage) -> None:
        async def steer(channel: ChannelId, steer: ev.Steer, by: str) -> str:
            assert channel == CHANNEL
            return await stage.talk.steer(steer, by)

        self.approvals.attach(self.platform, steer)

    async def notice(self, count: int) -> MessageId:
        await self.platform.until(lambda: len(self.platform.notices) >= count)
        assert self.platform.notices[count - 1].channel == OFFICE
        return self.platform.notices[count - 1].id


async def test_what_was_approved_is_what_is_posted(store: Store) -> None:
    office = Office(store)
    async with office.stage as stage:
        office.attach(stage)
        notice = await office.notice(1)
        await stage.clock.somebody_waits()
        assert stage.platform.posted == []
        await office.approvals.hear(reacted(notice, "✅", ANN))
        (posting,) = await stage.platform.has_posted(1)
        assert isinstance(posting.act, Say)
        assert posting.act.text in stage.platform.notices[0].text


async def test_what_was_dropped_teaches_nothing_unless_for_good(store: Store) -> None:
    office = Office(store)
    async with office.stage as stage:
        office.attach(stage)
        first = await office.notice(1)
        await office.approvals.hear(reacted(first, "😂", ANN))
        await office.approvals.hear(reacted(first, "❌", ANN))
        await nothing_waits(stage)
        await next_turn(stage)
        second = await office.notice(2)
        await office.approvals.hear(reacted(second, "🗑", ANN))
        await nothing_waits(stage)
        await next_turn(stage)
        await office.notice(3)
        assert stage.platform.posted == []
    (refused,) = store.refused_texts()
    assert refused.text in stage.platform.notices[1].text


async def test_a_line_that_nobody_approved_goes(store: Store) -> None:
    office = Office(store)
    async with office.stage as stage:
        office.attach(stage)
        notice = await office.notice(1)
        await stage.clock.somebody_waits()
        await stage.clock.advance(HOUR)
        await stage.platform.until(lambda: stage.platform.deleted == [notice])
        await office.approvals.hear(reacted(notice, "✅", ANN))
        await next_turn(stage)
        assert stage.platform.posted == []


async def test_a_word_that_comes_before_the_notice_is_known_counts(store: Store) -> None:
    office = Office(store)
    early = reacted(MessageId(f"{OFFICE}/1"), "✅", ANN)
    await office.approvals.hear(early)
    async with office.stage as stage:
        office.attach(stage)
        await stage.platform.has_posted(1)


async def test_without_the_channel_lines_are_drafted_again_later(store: Store) -> None:
    office = Office(store)
    async with office.stage as stage:  # never attached
        await next_turn(stage)
        await next_turn(stage)
        assert stage.platform.posted == []


# ---- what makes no sense, and questions --------------------------------------------------------


@pytest.mark.parametrize(
    ("steer", "why"),
    [
        (ev.Mute(persona=PersonaName("Nobody")), "there is no Nobody"),
        (ev.AskPersona(persona=PersonaName("Nobody")), "there is no Nobody"),
        (ev.AskPersona(persona=JUNO, message=heard("  ")), "no words"),
        (ev.SetTopic(message=heard("")), "no words"),
        (ev.Approve(order=ev.OrderId("x")), "does not wait"),
        (ev.Reject(order=ev.OrderId("x"), for_good=True), "does not wait"),
    ],
)
async def test_a_pull_that_makes_no_sense_is_refused(
    store: Store, steer: ev.Steer, why: str
) -> None:
    async with a_stage(store, Babbler(), *BOTH) as stage:
        with pytest.raises(PlatformError, match=why):
            await stage.talk.steer(steer, "Ann")
    assert store.refused_texts() == ()


async def test_nobody_is_asked_who_is_silent(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH) as stage:
        await stage.talk.steer(ev.Mute(persona=JUNO), "Ann")
        await let_post(stage, 1)
        with pytest.raises(PlatformError, match="Juno is muted"):
            await stage.talk.steer(ev.AskPersona(persona=JUNO), "Ann")
        await stage.talk.steer(ev.Pause(), "Ann")
        await next_turn(stage)
        with pytest.raises(PlatformError, match="paused"):
            await stage.talk.steer(ev.AskPersona(persona=MAREK), "Ann")


async def test_questions_are_answered(store: Store) -> None:
    async with a_stage(store, Babbler(), *BOTH, platform=among_people()) as stage:
        with pytest.raises(PlatformError, match="nothing to explain"):
            stage.talk.query(Why())
        await let_post(stage, 2)
        await stage.talk.steer(ev.Mute(persona=JUNO), "Ann")
        await let_post(stage, 3)
        assert stage.talk.query(Who()).text == "Juno: muted\nMarek: ready"
        why = stage.talk.query(Why(message=stage.posted[0][0].id)).text
        assert "word1 other7" in why
        assert "→" in why
        assert "muted: Juno" in stage.talk.query(Status()).text
        assert "an invented character" in stage.talk.query(Info(persona=JUNO)).text
        with pytest.raises(PlatformError, match="there is no Bort"):
            stage.talk.query(Info(persona=PersonaName("Bort")))
        assert "/ignoreme" in stage.talk.query(Help()).text
        recent = stage.talk.query(Recent()).messages
        assert [each.text for each in recent] == [m.text for m, _ in reversed(stage.posted)]
        assert stage.talk.query(Lines(kind="saved")).text == "There are none yet."
