"""Manners towards people: who answers whom, who keeps silent, and until when."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from conversation.driving import CHANNEL, JUNO, MAREK, TILLY, Play, said
from hypothesis import given, settings
from hypothesis import strategies as st

from botconvo.conversation import events as ev
from botconvo.conversation.conversation import Conversation, Saved
from botconvo.conversation.manners import PRESETS, Manners
from botconvo.conversation.orders import (
    Ask,
    Cancel,
    Keep,
    Picture,
    Poll,
    Post,
    PromptSource,
    React,
    Say,
    Type,
    Wait,
)
from botconvo.messages import AuthorId, ChannelId, Message, MessageId
from botconvo.people import People
from botconvo.personas import Persona, PersonaName
from botconvo.transcript.grammar import Command, Line

HOUR = timedelta(hours=1)
EAGER = tuple(replace(persona, talkativeness=1.0) for persona in (JUNO, MAREK, TILLY))
SHY = tuple(replace(persona, talkativeness=0.0) for persona in (JUNO, MAREK, TILLY))
few = settings(max_examples=30, deadline=None)


def company(**numbers: Any) -> Manners:
    """Group-chat among people, in which nobody leaves and nothing begins by itself."""
    plain = {"go_on": 1.0, "start_alone_s": None, "fresh_share": 0.0, "hush_s": 0.0}
    return replace(PRESETS["group-chat"], **(plain | numbers))


def a_talk(*personas: Persona, seed: int = 1, begun: bool = True, **numbers: Any) -> Play:
    """A channel with Ann and Bob in it; once ``begun`` the clones have used up their turns."""
    play = Play(*personas, preset=company(**numbers), seed=seed)
    if begun:
        play.person_says("morning", "Bob")
        play.person_says("morning to you", "Ann", reply_to=play.talk.messages[-1].id)
        assert play.next() == Wait(), "they talk to each other"
    return play


def answers(play: Play, count: int) -> list[str]:
    """Who says the next so many messages."""
    before = len(play.posts)
    return [name for name, _ in said(play.posts_made(before + count))[before:]]


def goes_on(play: Play, hours: float) -> list[Post]:
    """What is posted in so many hours, obeying every order."""
    before, end = len(play.posts), play.now + hours * HOUR
    for _ in range(10_000):
        order = play.next()
        if isinstance(order, Wait) and (order.until is None or order.until > end):
            play.now = end
            return play.posts[before:]
        play.obey(order)
    raise AssertionError("it never comes to rest")


# Who is spoken to


@given(seed=st.integers(0, 2**32))
@few
def test_whoever_is_named_answers(seed: int) -> None:
    play = a_talk(*SHY, seed=seed)
    play.person_says("tell me, MAREK: why?")
    assert answers(play, 1) == ["Marek"]
    assert play.posts[-1].trace.reason == "named by Ann"


def test_who_is_spoken_to_is_seen_typing_at_once() -> None:
    play = a_talk(*SHY)
    play.person_says("juno?")
    assert play.next() == Type(persona=JUNO.name)
    assert isinstance(play.until(Ask), Ask)
    play.answer(play.asks[-1], "yes here i am")
    assert [order for order in play.orders if isinstance(order, Type)] == [Type(persona=JUNO.name)]
    assert play.next() == Type(persona=JUNO.name), "and again while it types the words"


def test_everybody_who_is_named_answers_in_turn() -> None:
    play = a_talk(*SHY)
    play.person_says("Tilly, Juno, what do you think?")
    assert answers(play, 3) == ["Tilly", "Juno"]


def test_whoever_is_replied_to_answers() -> None:
    play = a_talk(*SHY)
    play.person_says("Juno, hi")
    post = play.posts_made(1)[0]
    play.person_says("and Marek?", reply_to=f"{CHANNEL}/{post.id}")
    assert answers(play, 2) == ["Juno"]


def test_a_message_to_a_clone_is_not_lost_when_others_write_before_the_answer() -> None:
    play = a_talk(*SHY)
    asked = play.person_says("juno, which soup?", "Ann")
    play.person_says("lol", "Bob")
    play.person_says("lol", "Cleo")
    assert answers(play, 1) == ["Juno"]
    assert play.posts[-1].trace.target == asked.id


def test_an_answer_that_came_to_nothing_is_tried_again_three_times() -> None:
    play = a_talk(*SHY)
    play.says = lambda ask: [""]
    play.person_says("juno?")
    goes_on(play, 1)
    assert [ask.persona for ask in play.asks] == ["Juno"] * 3


def test_what_people_say_to_each_other_is_left_to_them() -> None:
    play = a_talk(*EAGER)
    first = play.person_says("who is in tonight?", "Bob", id="test:room/bob")
    play.until(Ask)
    play.person_says("me, as ever", "Ann", reply_to=first.id)
    drafted = play.asks[-1]
    play.answer(drafted, "so am i then")
    assert said(goes_on(play, 1))[0] == (drafted.persona, "so am i then"), "that one was for them"
    play.person_says("and Cleo?", "Ann", reply_to=first.id)
    assert goes_on(play, 5) == []


def test_what_is_said_to_nobody_is_taken_up_by_those_who_want_to() -> None:
    quarter = tuple(replace(persona, talkativeness=0.25) for persona in (JUNO, MAREK, TILLY))
    taken = 0
    for seed in range(300):
        play = a_talk(*quarter, seed=seed)
        play.person_says("so it is monday again", "Bob")
        play.person_says("what a day", "Ann")
        taken += isinstance(play.next(), Ask) or bool(goes_on(play, 0.01))
    assert 0.5 < taken / 300 < 0.66, "1 - 0.75 ** 3 = 0.58"


def test_who_takes_no_turns_of_its_own_answers_nobody_but_who_speaks_to_it() -> None:
    play = a_talk(*SHY)
    play.person_says("anyone?", "Bob")
    assert goes_on(play, 24) == []


def test_a_person_who_is_alone_with_the_clones_is_always_answered() -> None:
    for seed in range(40):
        play = Play(replace(JUNO, talkativeness=0.1), preset=company(), seed=seed)
        play.person_says("hello?")
        assert len(play.posts_made(1)) == 1


def test_a_bots_message_is_nobodys_turn() -> None:
    play = a_talk(*EAGER)
    author = replace(play.talk.messages[-1].author, name="Radio", kind="bot")
    bot = replace(play.talk.messages[-1], id=MessageId("test:room/bot"), author=author)
    play.talk.receive(ev.Heard(message=bot))
    assert goes_on(play, 5) == []


# Nobody is talked over


def test_nothing_is_posted_while_somebody_types() -> None:
    play = a_talk(*SHY)
    play.person_says("juno?")
    play.until(Ask)
    play.answer(play.asks[-1], "yes ann, here i am")
    play.until(Type)
    typist = AuthorId("test:Bob")
    for _ in range(20):
        play.talk.receive(ev.TypingSeen(author=typist, at=play.now))
        play.wait(8.0)
        assert isinstance(play.next(), Wait)
    play.wait(3.0)
    assert isinstance(play.next(), Post), "nobody has typed for eleven seconds"


def test_one_who_has_sent_it_types_no_more_and_another_still_does() -> None:
    play = a_talk(*SHY)
    for name in ("Ann", "Bob"):
        play.talk.receive(ev.TypingSeen(author=AuthorId(f"test:{name}"), at=play.now))
    typed_at = play.now
    play.person_says("juno?", "Ann")
    play.until(Ask)
    assert play.now - typed_at >= timedelta(seconds=10)


def test_typing_from_the_future_holds_nobody_up_for_ever() -> None:
    play = a_talk(*SHY)
    play.talk.receive(ev.TypingSeen(author=AuthorId("test:Bob"), at=play.now + 5 * HOUR))
    play.person_says("juno?")
    began = play.now
    for _ in range(5):
        play.wait(10.0)
        if isinstance(play.next(), Ask):
            break
    assert play.now - began < timedelta(minutes=1)


# Edits and deletions


def test_an_edit_that_names_somebody_else_moves_the_answer() -> None:
    play = a_talk(*SHY)
    heard = play.person_says("juno?")
    first = play.until(Ask)
    edit = replace(heard, text="sorry, marek?", revision=1)
    play.talk.receive(ev.Edited(message=edit))
    assert play.next() == Cancel(ask=first.id)
    assert answers(play, 2) == ["Marek"]


def test_an_answer_to_what_was_deleted_is_never_posted() -> None:
    play = a_talk(*SHY)
    heard = play.person_says("juno, my password is 1234")
    play.until(Type)
    play.talk.receive(ev.Removed(message=heard.id))
    assert goes_on(play, 5) == []


def test_words_that_are_gone_are_in_no_draft() -> None:
    play = a_talk(*SHY)
    secret = play.person_says("my password is 1234", "Bob")
    play.person_says("juno, what did he say?", "Ann")
    first = play.until(Ask)
    play.talk.receive(ev.Removed(message=secret.id))
    assert play.next() == Cancel(ask=first.id)
    again = play.until(Ask)
    assert (again.persona, again.target) == (first.persona, first.target)
    assert all("1234" not in line.argument for line in again.context)


# How long clones go on


@given(
    seed=st.integers(0, 2**32), limit=st.integers(1, 9), says=st.lists(st.booleans(), max_size=30)
)
@few
def test_clones_never_say_more_than_their_turns_since_a_persons_last_message(
    seed: int, limit: int, says: list[bool]
) -> None:
    """Whatever people do, and also with talks that begin by themselves and those that come back."""
    numbers = {"turn_limit": limit, "go_on": 0.9, "start_alone_s": (3600.0, 36_000.0)}
    play = Play(*EAGER, preset=company(**numbers), seed=seed)
    for speaks in says:
        if speaks:
            play.person_says(f"well, {len(play.posts)}")
        goes_on(play, 12)
        assert runs(play.talk.messages) <= limit


def runs(messages: tuple[Message, ...]) -> int:
    """The longest run of clones' messages and reactions without a person's message between."""
    longest = run = 0
    for message in messages:
        if message.author.kind == "person":
            run = 0
        run += message.author.kind == "clone"
        run += sum(
            each.author is not None and each.author.kind == "clone" for each in message.reactions
        )
        longest = max(longest, run)
    return longest


def test_emoji_count_as_turns_and_none_is_given_twice() -> None:
    play = a_talk(*EAGER, turn_limit=4)
    play.says = lambda ask: ["REACT: 🔥;", "REACT: 💀;"]
    play.person_says("look at this")
    acts = [post.act for post in goes_on(play, 48)]
    assert 1 <= len(acts) <= 4
    given = [(post.persona, post.act) for post in play.posts]
    assert len(set(given)) == len(given)


def test_clones_go_on_for_ever_only_where_somebody_wants_it() -> None:
    assert len(a_talk(*EAGER, begun=False).posts_made(40)) == 6
    assert len(a_talk(*EAGER, begun=False, endless=True).posts_made(40)) == 40


def test_clones_that_go_round_in_circles_stop_until_a_person_writes() -> None:
    def chewing(ask: Ask) -> list[str]:
        order = ["lamp", "soup", "bone", "song", "fish"]
        number = int(ask.id.split("/")[-2])
        return [
            " ".join(order[(number * step + i) % 5] for i in range(2 + number % 3)) + f" {'o' * i}"
            for step in (1, 2, 3)
            for i in range(3)
        ]

    play = a_talk(*EAGER, begun=False, endless=True, repeat_window=0, brake=0.7)
    play.says = chewing
    assert 6 <= len(goes_on(play, 24)) < 12
    play.says = lambda ask: [f"something about ann and number {ask.seed}"]
    play.person_says("what is it with you?")
    ask = play.until(Ask)
    assert [line.argument for line in ask.context if line.says] == ["what is it with you?"]
    play.obey(ask)
    assert len(goes_on(play, 0.01)) >= 1


def test_whoever_has_spoken_rests_before_a_free_turn() -> None:
    play = a_talk(*EAGER, begun=False, cool_down_s=600.0, endless=True)
    play.posts_made(9)
    last: dict[str, datetime] = {}
    for message in play.talk.messages:
        name = message.author.name
        assert message.at - last.get(name, datetime.min.replace(tzinfo=UTC)) >= timedelta(
            minutes=10
        )
        last[name] = message.at
    play.person_says(f"{play.posts[-1].persona}, again?")
    before = play.now
    answers(play, 1)
    assert play.now - before < timedelta(minutes=1), "who is spoken to does not rest"


# Going away and coming back


def test_now_and_then_somebody_leaves_and_comes_back() -> None:
    play = a_talk(*EAGER, begun=False, go_on=0.5, endless=True)
    left: list[float] = []
    asleep: dict[PersonaName, datetime] = {}
    while len(left) < 40:
        decided = play.now
        play.obey(play.next())
        for name, until in play.talk.asleep.items():
            if asleep.get(name) != until:
                left.append((until - decided).total_seconds())
        asleep = dict(play.talk.asleep)
    assert all(30.0 <= seconds <= 3600.0 for seconds in left)
    assert "back after a while" in {post.trace.reason for post in play.posts}


def test_whoever_is_away_answers_by_name_at_once_or_when_it_is_back() -> None:
    def answered_after(odds: float, seed: int) -> timedelta:
        away = {JUNO.name: Play().now + timedelta(minutes=20)}
        play = a_talk(*SHY, seed=seed, asleep_named=odds)
        play.talk = Conversation(
            CHANNEL,
            company(asleep_named=odds),
            SHY,
            seed=seed,
            people=People(),
            kept=play.talk.messages,
            saved=Saved(asleep=away),
        )
        play.talk.receive(ev.Opened())
        asked = play.now
        play.person_says("juno?")
        assert answers(play, 1) == ["Juno"]
        return play.now - asked

    assert answered_after(1.0, 1) < timedelta(minutes=1)
    assert timedelta(minutes=20) <= answered_after(0.0, 1) < timedelta(minutes=21)
    at_once = sum(answered_after(0.125, seed) < timedelta(minutes=1) for seed in range(300))
    assert 0.07 < at_once / 300 < 0.19, "the earlier system's 0.125"


def test_a_talk_begins_by_itself_after_hours_with_the_turns_that_are_left() -> None:
    numbers = {"turn_limit": 6, "opening_turns": 2, "start_alone_s": (18_000.0, 72_000.0)}
    play = Play(*EAGER, preset=company(**numbers))
    play.person_says("hello everybody")
    assert len(goes_on(play, 4)) == 4
    last = play.talk.messages[-1].at
    alone = goes_on(play, 24)
    assert [post.trace.source for post in alone] == [PromptSource.FRESH, PromptSource.CLONE]
    began = play.talk.messages[-2].at - last
    assert timedelta(hours=5) <= began <= timedelta(hours=20) + timedelta(minutes=1)
    assert play.asks[-2].context == (Line(name=alone[0].persona, command=Command.INIT),)
    assert goes_on(play, 240) == [], "nobody took it up"


def test_a_talk_that_is_picked_up_after_a_silence_says_so_in_the_transcript() -> None:
    play = a_talk(*SHY, begun=False, init_after_s=120.0)
    play.person_says("juno?")
    play.posts_made(1)
    play.wait(121.0)
    play.person_says("juno, still here?")
    play.wait(130.0)
    context = play.until(Ask).context
    assert context[-1] == Line(name="Juno", command=Command.INIT)
    assert context[-3] == Line(name="Ann", command=Command.INIT)


def test_quiet_hours_are_kept_and_what_was_said_is_answered_afterwards() -> None:
    play = a_talk(*SHY, begun=False, quiet_hours=("11:30-13:00",), time_zone="UTC")
    play.person_says("juno?")
    order = play.next()
    assert order == Wait(until=play.now.replace(hour=13, minute=0))
    play.obey(order)
    assert answers(play, 1) == ["Juno"]


def test_a_spent_budget_is_silence_until_it_is_another_day() -> None:
    play = a_talk(*SHY, daily_messages=1)
    play.person_says("juno?")
    post = play.until(Post)
    assert post.budget is not None
    assert (post.budget.limit, post.budget.until - post.budget.since) == (1, 24 * HOUR)
    failed = ev.Failed(order=post.id, reason="enough", retryable=False, until=post.budget.until)
    play.talk.receive(failed)
    play.person_says("marek?")
    order = play.next()
    assert order == Wait(until=post.budget.until)
    play.obey(order)
    assert answers(play, 1) == ["Marek"]


# After a restart


def restarted(play: Play, *personas: Persona, **numbers: Any) -> Play:
    """The same channel in another run, from what the store keeps."""
    again = Play(*personas, preset=company(**numbers), seed=99, opened=False)
    again.now, again.run = play.now, "again/"
    again.talk = Conversation(
        CHANNEL,
        company(**numbers),
        personas,
        seed=99,
        people=People(),
        kept=play.talk.messages,
        saved=play.talk.saved(),
    )
    again.talk.receive(ev.Opened())
    return again


def test_turns_are_counted_over_a_restart() -> None:
    play = a_talk(*EAGER, begun=False)
    play.person_says("hi")
    play.posts_made(6)
    again = restarted(play, *EAGER)
    assert goes_on(again, 48) == []
    again.person_says("hello again", id="test:room/again")
    assert len(goes_on(again, 48)) == 6


def test_a_restart_interrupts_nobody() -> None:
    play = a_talk(*EAGER, begun=False)
    play.person_says("hi")
    play.posts_made(1)
    assert goes_on(restarted(play, *EAGER), 48) == []


def test_who_is_away_stays_away_over_a_restart() -> None:
    play = a_talk(*EAGER, begun=False, go_on=0.0)
    play.person_says("hi")
    play.posts_made(1)
    order = play.next()
    assert len(play.talk.asleep) == 1
    again = restarted(play, *EAGER, go_on=0.0)
    assert again.talk.asleep == play.talk.asleep
    assert again.next() == order == Wait(until=next(iter(play.talk.asleep.values())))


def test_after_a_restart_a_talk_begins_when_it_would_have_begun() -> None:
    numbers: dict[str, Any] = {
        "start_alone_s": (18_000.0, 72_000.0),
        "go_on": 0.0,
        "sleep_s": None,
    }
    play = a_talk(*EAGER, begun=False, **numbers)
    play.person_says("hi")
    play.posts_made(1)
    order = play.next()
    assert isinstance(order, Wait)
    assert order.until is not None
    assert order == restarted(play, *EAGER, **numbers).next()


# Acts


def test_a_model_that_begins_anew_goes_away() -> None:
    play = a_talk(*SHY)
    play.says = lambda ask: ["INIT;"] * 5
    play.person_says("juno?")
    assert goes_on(play, 0.001) == []
    assert list(play.talk.asleep) == ["Juno"]


def test_a_clone_saves_a_line() -> None:
    play = a_talk(*SHY)
    play.says = lambda ask: ["SAVE;"] * 5
    heard = play.person_says("juno, remember: soup on friday")
    kept = play.until(Keep)
    assert kept == Keep(persona=JUNO.name, message=heard.id)
    play.says = lambda ask: ["i have it in mind"]
    play.person_says("juno, what was it?")
    assert Line(name="Juno", command=Command.SAVE) in play.until(Ask).context
    assert len([order for order in play.orders if isinstance(order, Keep)]) == 1


@pytest.mark.parametrize(
    ("words", "kind", "text"),
    [
        ("PHOTO: a lamp;", "photo", "[photo: a lamp]"),
        ("VIDEO;", "video", "[video]"),
        ("MEME: two cats;", "meme", "[meme: two cats]"),
    ],
)
def test_a_picture_is_sent_and_stands_in_the_transcript_as_one(
    words: str, kind: str, text: str
) -> None:
    play = a_talk(*SHY)
    play.says = lambda ask: [words]
    play.person_says("juno, show me")
    post = play.until(Post)
    assert isinstance(post.act, Picture)
    assert (post.act.kind, post.act.text) == (kind, text)
    shown = replace(play.talk.messages[-1], id=MessageId("test:room/x"), text=text)
    author = replace(shown.author, name="Juno", kind="clone")
    play.talk.receive(ev.Posted(order=post.id, message=replace(shown, author=author)))
    play.person_says("juno, nice")
    command = Command.VIDEO if kind == "video" else Command.PHOTO
    assert (
        Line(name="Juno", command=command, argument=post.act.description) in play.until(Ask).context
    )


def test_an_act_is_done_as_often_as_the_model_wants_it() -> None:
    """One in five candidates is an act: it is done in one of five turns, and not in every one."""
    done = 0
    for seed in range(300):
        play = a_talk(*SHY, seed=seed)
        play.says = lambda ask: ["INIT;", "hm yes", "well no", "oh that", "soup ok"]
        play.person_says("juno?")
        play.obey(play.until(Ask))
        done += bool(play.talk.asleep)
    assert 0.13 < done / 300 < 0.27


def test_where_nobody_else_can_be_a_model_that_acts_says_nothing() -> None:
    play = Play(JUNO)
    play.says = lambda ask: ["INIT;", "SAVE;", "PHOTO: a lamp;"]
    play.obey(play.until(Ask))
    assert isinstance(play.next(), Wait)
    assert play.talk.asleep == {}


# One channel and another


def test_nothing_of_another_channel_surfaces() -> None:
    play = a_talk(*EAGER)
    elsewhere = replace(play.person_says("juno?"), channel=ChannelId("test:other"))
    strange = replace(elsewhere, id=MessageId("test:other/1"), text="a secret for juno")
    kept = play.talk.messages
    play.talk.receive(ev.Heard(message=strange))
    assert play.talk.messages == kept


def test_what_is_overheard_may_be_taken_up_but_is_replied_to_nowhere() -> None:
    play = a_talk(*EAGER)
    play.person_says("hi all")
    play.posts_made(2)
    other = replace(
        play.talk.messages[-1],
        id=MessageId("test:other/1"),
        channel=ChannelId("test:other"),
        author=play.talk.messages[0].author,
        text="the goblin sword is gone",
    )
    play.says = lambda ask: [f"REPLY: what sword {ask.seed};"]
    play.talk.receive(ev.Overheard(message=other))
    ask = play.until(Ask)
    assert (ask.target, ask.phrase_from) == (other.id, other.text)
    play.obey(ask)
    assert play.until(Post).act == Say(text=f"what sword {ask.seed}", reply_to=None)


# The models say who speaks


def score(play: Play, **urges: float) -> None:
    named = {persona.name: persona.name for persona in (JUNO, MAREK, TILLY)}
    pairs = tuple((named[name], urge) for name, urge in urges.items())  # type: ignore[index]
    play.talk.receive(ev.Scored(poll=play.until(Poll).id, urges=pairs))


def test_the_models_own_probabilities_choose_the_speaker() -> None:
    chosen: Counter[str] = Counter()
    for seed in range(300):
        play = a_talk(*EAGER, seed=seed, speakers="scored")
        play.person_says("who did that?")
        score(play, Juno=0.1, Marek=0.3, Tilly=0.0)
        chosen[play.until(Ask).persona] += 1
    assert chosen["Tilly"] == 0
    assert 0.17 < chosen["Juno"] / 300 < 0.33


def test_whose_model_cannot_tell_is_not_silenced_by_those_whose_can() -> None:
    chosen: Counter[str] = Counter()
    for seed in range(300):
        play = a_talk(*EAGER, seed=seed, speakers="scored")
        play.person_says("who did that?")
        score(play, Juno=0.1, Marek=0.3)
        chosen[play.until(Ask).persona] += 1
    assert 0.25 < chosen["Tilly"] / 300 < 0.42  # 0.2 of 0.6
    play = a_talk(*EAGER, speakers="lurk", lurk_from=0.2)
    play.person_says("who did that?")
    score(play, Juno=0.1)
    assert goes_on(play, 24) == []


def test_whoever_lurks_speaks_only_if_its_model_is_sure() -> None:
    play = a_talk(*EAGER, speakers="lurk")
    play.person_says("who did that?")
    score(play, Juno=0.79, Marek=0.5)
    assert goes_on(play, 24) == []
    play.person_says("come on")
    score(play, Juno=0.81, Marek=0.5)
    ask = play.until(Ask)
    assert ask.persona == "Juno"
    play.person_says("tilly?")
    play.obey(ask)
    goes_on(play, 0.01)
    assert "Tilly" in [post.persona for post in play.posts], "who is spoken to need not be sure"


def test_where_no_model_can_tell_talkativeness_decides() -> None:
    for failure in (True, False):
        play = a_talk(*EAGER, speakers="lurk")
        play.person_says("who did that?")
        poll = play.until(Poll)
        assert set(poll.personas) == {"Juno", "Marek", "Tilly"}
        play.talk.receive(
            ev.Failed(order=poll.id, reason="gone", retryable=True)
            if failure
            else ev.Scored(poll=poll.id, urges=())
        )
        assert isinstance(play.until(Ask), Ask)


def test_what_is_said_during_a_poll_is_polled_about_anew() -> None:
    play = a_talk(*EAGER, speakers="scored")
    play.person_says("who did that?")
    poll = play.until(Poll)
    play.person_says("marek, was it you?")
    assert play.next() == Cancel(ask=poll.id)
    play.talk.receive(ev.Scored(poll=poll.id, urges=((JUNO.name, 1.0),)))
    assert play.until(Ask).persona == "Marek"


def test_a_reaction_of_a_person_lets_the_clones_go_on() -> None:
    play = a_talk(*EAGER, go_on=0.0, sleep_s=None)
    play.person_says("hi there")
    assert len(goes_on(play, 1)) == 1
    message = play.talk.messages[-1]
    ann = play.talk.messages[0].author
    play.talk.receive(ev.Reacted(message=message.id, emoji="😂", author=ann))
    play.talk.set_manners(company(go_on=1.0, turn_limit=3))
    assert len(goes_on(play, 1)) == 2


def test_a_speaker_twice_in_a_row_is_rare_also_among_people() -> None:
    play = a_talk(*EAGER, begun=False, endless=True, same_speaker=0.0)
    speakers = [name for name, _ in said(play.posts_made(40))]
    assert all(one != two for one, two in pairwise(speakers))


def test_a_reaction_is_no_message() -> None:
    play = a_talk(*SHY)
    heard = play.person_says("juno, look")
    play.says = lambda ask: ["REACT: 🔥;"]
    post = play.until(Post)
    assert post.act == React(emoji="🔥", message=heard.id)


def test_clones_that_speak_only_when_spoken_to_begin_no_talk() -> None:
    silent = [replace(persona, talkativeness=0.0) for persona in (JUNO, MAREK)]
    play = Play(*silent, preset=company(start_alone_s=(18_000.0, 72_000.0)))
    play.person_says("morning", "Bob")
    play.person_says("morning to you", "Ann", reply_to=play.talk.messages[-1].id)
    assert isinstance(order := play.next(), Wait)
    assert order.until is not None
    play.wait(100 * 24 * 3600)
    assert play.next() == Wait()


# Whatever happens


HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(
            ["says", "replies", "edits", "removes", "reacts", "types", "time", "fails"]
        ),
        st.integers(0, 999),
    ),
    max_size=60,
)


@given(seed=st.integers(0, 2**32), happenings=HAPPENINGS)
@settings(max_examples=150, deadline=None)
def test_whatever_people_do_the_manners_hold(seed: int, happenings: list[tuple[str, int]]) -> None:
    """Turns are limited, nobody is talked over, nothing is answered that is gone."""
    play = Play(JUNO, MAREK, preset=company(go_on=0.8, fresh_share=0.1), seed=seed)
    typed: dict[str, datetime] = {}
    gone: set[str] = set()
    for what, number in happenings:
        people = [m for m in play.talk.messages if m.author.kind == "person"]
        name = ("Ann", "Bob", "Cleo")[number % 3]
        some = people[number % len(people)] if people else None
        match what:
            case "says":
                play.person_says(("juno?", "so then", "marek, juno!")[number % 7 % 3], name)
                typed.pop(f"test:{name}", None)
            case "replies" if play.talk.messages:
                about = play.talk.messages[number % len(play.talk.messages)]
                play.person_says("really", name, reply_to=about.id)
                typed.pop(f"test:{name}", None)
            case "edits" if some is not None:
                edit = replace(some, text="marek, sorry", revision=some.revision + 1)
                play.talk.receive(ev.Edited(message=edit))
            case "removes" if some is not None:
                gone.add(some.id)
                play.talk.receive(ev.Removed(message=some.id))
            case "reacts" if play.talk.messages:
                about = play.talk.messages[-1]
                author = replace(about.author, name="Ann", kind="person")
                play.talk.receive(ev.Reacted(message=about.id, emoji="😂", author=author))
            case "types":
                typed[f"test:{name}"] = play.now
                play.talk.receive(ev.TypingSeen(author=AuthorId(f"test:{name}"), at=play.now))
            case "time":
                play.wait(number)
            case _:
                pass
        for _ in range(number % 9):
            order = play.next()
            if isinstance(order, Post):
                assert all(play.now - at >= timedelta(seconds=10) for at in typed.values())
                assert order.trace.target not in gone
            if isinstance(order, Ask) and what == "fails":
                play.talk.receive(ev.Failed(order=order.id, reason="", retryable=True))
            elif isinstance(order, Wait):
                break
            else:
                play.obey(order)
    goes_on(play, 48)
    assert play.longest_run <= 6
