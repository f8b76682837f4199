"""Sessions by silence."""

from itertools import pairwise

from builders import a_conversation, a_message
from hypothesis import given
from hypothesis import strategies as st

from botconvo.corpus import SILENCE, Session, split_into_sessions
from botconvo.messages import Message
from botconvo.people import People
from botconvo.transcript.cleaning import clean_chat
from botconvo.transcript.grammar import Command


def sessions(*messages: Message) -> tuple[Session, ...]:
    return split_into_sessions(messages, People(), clean_chat)


def test_a_silence_ends_a_session_and_the_next_begins_anew() -> None:
    found = sessions(
        *a_conversation(("bort", "one"), ("smig", "two"), every=30),
        *a_conversation(("smig", "three"), ("bort", "four"), start=61),
    )
    assert [session.text for session in found] == [
        "bort: INIT;\nbort: one\nsmig: two\nsmig: INIT;",
        "smig: INIT;\nsmig: three\nbort: four",
    ]


def test_channels_do_not_talk_into_each_other() -> None:
    found = sessions(
        a_message("a", minutes=0, channel="discord:1"),
        a_message("b", minutes=1, channel="discord:2"),
        a_message("c", minutes=2, channel="discord:1"),
    )
    assert [session.text for session in found] == [
        "bort: INIT;\nbort: a\nbort: c",
        "bort: INIT;\nbort: b",
    ]


def test_the_order_of_the_messages_does_not_matter() -> None:
    talk = a_conversation(*[("bort", f"line {n}") for n in range(9)], every=20)
    assert sessions(*reversed(talk)) == sessions(*talk)


def test_a_message_without_words_does_not_bridge_a_silence() -> None:
    found = sessions(
        a_message("one", minutes=0),
        a_message("https://example.org", minutes=20),
        a_message("two", minutes=40),
    )
    assert len(found) == 2


def test_what_somebody_says_is_counted_and_what_they_do_is_not() -> None:
    (session,) = sessions(
        a_message("one"), a_message("two", reply_to="x"), a_message("", attachments=["photo"])
    )
    assert session.said_by("bort") == 2
    assert session.said_by("smig") == 0


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 300)), max_size=12))
def test_no_line_is_lost_and_every_session_begins_once(said: list[tuple[str, int]]) -> None:
    messages = [
        a_message(f"w{place}", author=who, minutes=minute)
        for place, (who, minute) in enumerate(said)
    ]
    found = sessions(*messages)
    begins = [[line.command is Command.INIT for line in session.lines] for session in found]
    assert all(begin[0] and not any(begin[1:-1]) for begin in begins)
    ends = [session.lines[-1] for session in found[:-1]]
    assert ends == [session.lines[0] for session in found[1:]]
    words = [line.argument for session in found for line in session.lines if line.says]
    assert sorted(words) == sorted(message.text for message in messages)
    starts = [session.started for session in found]
    assert all(later - earlier > SILENCE for earlier, later in pairwise(starts))
