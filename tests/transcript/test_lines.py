"""Messages as transcript lines."""

from datetime import timedelta

from builders import a_conversation, a_message, a_reaction, an_author
from hypothesis import given
from hypothesis import strategies as st

from botconvo.messages import Message
from botconvo.people import People, Person
from botconvo.transcript.cleaning import clean_chat
from botconvo.transcript.grammar import print_line, print_lines
from botconvo.transcript.lines import lines, transcript

HALF_AN_HOUR = timedelta(minutes=30)


def printed(*messages: Message, people: People | None = None) -> list[str]:
    found = transcript(messages, people or People(), clean_chat, init_after=HALF_AN_HOUR)
    return print_lines(spoken.line for spoken in found).splitlines()


def test_a_conversation_reads_like_one() -> None:
    assert printed(
        a_message("who's in?", author="bort", minutes=0, id="1"),
        a_message(
            "me", author="smig", minutes=1, reply_to="1", reactions=[a_reaction("👍", by="bort")]
        ),
        a_message("look", author="smig", minutes=2, attachments=["photo", "video", "file"]),
    ) == [
        "bort: INIT;",
        "bort: who's in?",
        "smig: REPLY: me;",
        "bort: REACT: 👍;",
        "smig: PHOTO;",
        "smig: VIDEO;",
        "smig: look",
    ]


def test_who_speaks_after_a_silence_begins_anew() -> None:
    found = printed(
        *a_conversation(("bort", "night"), ("smig", "morning"), ("bort", "oi"), every=30.5)[:2],
        a_message("still here", author="bort", minutes=60.5),
    )
    assert found == [
        "bort: INIT;",
        "bort: night",
        "smig: INIT;",
        "smig: morning",
        "bort: still here",
    ]


def test_a_person_has_one_name_under_all_accounts() -> None:
    people = People([Person(name="Bo", authors=frozenset({an_author("bort").id}))])
    assert printed(a_message("hi", author="bort"), people=people)[1] == "Bo: hi"


def test_what_says_nothing_has_no_lines_and_no_beginning() -> None:
    silent = a_message("https://example.org", reactions=[a_reaction()])
    assert printed(silent) == []
    assert printed(silent, a_message("hi", minutes=40)) == ["bort: INIT;", "bort: hi"]


def test_a_notice_of_the_platform_is_nobodys_line() -> None:
    assert lines(a_message(author=an_author("x", kind="system")), People(), clean_chat) == ()


def test_a_reaction_that_names_nobody_is_nobodys_line() -> None:
    message = a_message("hi", reactions=[a_reaction(by=None)])
    assert len(lines(message, People(), clean_chat)) == 1


@given(st.text(), st.text(), st.text())
def test_any_message_can_be_printed(name: str, text: str, emoji: str) -> None:
    message = a_message(text, author=an_author(name), reactions=[a_reaction(emoji, by=name)])
    for line in lines(message, People(), clean_chat):
        print_line(line)
