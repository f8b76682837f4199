"""Training texts of the earlier systems: ssi-bot, FriendSimulator, and transcripts by hand."""

import io
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.importers import LeftOut, Reason, Row, find_exports, ssi_bot
from botconvo.importers import friend_simulator as simulator
from botconvo.importers import markdown_transcript as by_hand
from botconvo.importers.reading import numbered_lines
from botconvo.messages import Message
from botconvo.people import People
from botconvo.transcript.grammar import Command, Line, print_line
from botconvo.transcript.lines import transcript

EXPORTS = Path(__file__).parent.parent / "data" / "exports"
Parse = Callable[[Iterable[tuple[int, str]]], Iterator[Row]]


def rows(parse: Parse, text: str) -> list[Row]:
    return list(parse(numbered_lines(io.StringIO(text, newline=""))))


def said(found: list[Row]) -> list[tuple[str, str]]:
    return [(row.author.name, row.text) for row in found if isinstance(row, Message)]


def why(found: list[Row]) -> list[tuple[Reason, int | None]]:
    return [(row.reason, row.line) for row in found if isinstance(row, LeftOut)]


def test_a_thread_of_ssi_bot_knows_who_wrote_each_part() -> None:
    (export,) = find_exports(EXPORTS / "ssi-bot" / "training.txt").exports
    assert (export.format, export.origin) == ("ssi-bot", "file")
    found = list(export.rows())
    assert said(found) == [
        ("bort", "A self-text title"),
        ("bort", "The self text\n\nwith a second paragraph, isn't it"),
        ("smig", "First reply"),
        ("bort", "the original poster answers"),
        ("smig", "and smig again"),
        ("fishvilla", "lol"),
    ]
    assert why(found) == [(Reason.NOBODY, 2), (Reason.NOBODY, 2)]
    messages = [row for row in found if isinstance(row, Message)]
    assert messages[0].reply_to is None
    assert [each.reply_to for each in messages[1:5]] == [each.id for each in messages[:4]]
    assert len({each.channel for each in messages}) == 2


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"a\nb", "a\nb"),
        (r"a\\nb", r"a\nb"),
        (r"it\'s \x41\u0042", "it's AB"),
        (r"\q \U00110000", r"\q \U00110000"),
    ],
)
def test_the_text_of_ssi_bot_is_the_inside_of_a_repr(escaped: str, text: str) -> None:
    found = rows(ssi_bot.parse, f"<|soss r/x|><|sot|>t<|sor u/bort|>{escaped}<|eoss|>")
    assert said(found) == [("bort", text)]


def test_deleted_users_of_ssi_bot_are_nobody() -> None:
    found = rows(
        ssi_bot.parse, "<|sols r/x|><|sot|>t<|sol|><|sor u/[deleted]|>hi<|sor u/a|>[removed]"
    )
    assert [reason for reason, _ in why(found)] == [Reason.NOBODY, Reason.DELETED, Reason.DELETED]


def test_a_line_that_is_no_thread_does_not_stop_the_rest() -> None:
    found = rows(
        ssi_bot.parse, "<|soss r/x|><|sor u/a|>one\n\nnonsense\n<|soss r/x|><|sor u/a|>two"
    )
    assert said(found) == [("a", "one"), ("a", "two")]
    assert why(found) == [(Reason.MALFORMED, 3)]


def test_friend_simulators_lines_go_on_below(tmp_path: Path) -> None:
    path = tmp_path / "dmTrain.txt"
    path.write_text("<Bort> hi\n<Smig Tan> two\nlines\n\n<Bort> \n<Bort> bye\n")
    (export,) = find_exports(path).exports
    assert (export.format, export.origin) == ("friend-simulator", "file")
    found = list(export.rows())
    assert said(found) == [("Bort", "hi"), ("Smig Tan", "two\nlines"), ("Bort", "bye")]
    assert why(found) == [(Reason.EMPTY, 5)]
    times = [row.at for row in found if isinstance(row, Message)]
    assert times == sorted(times)
    longer = rows(simulator.parse, path.read_text() + "<Bort> more\n")
    assert [row for row in longer if isinstance(row, Message)][:-1] == [
        row for row in found if isinstance(row, Message)
    ]


HAND = """Notes about Bort: not part of it

# START
Bort: INIT;

Bort: anybody there

# a heading
Smig: REPLY: me;
Bort: REACT: 😂;
TODO: think of more
Smig: PHOTO: a very big hat;
Smig: SAVE;
nonsense
Bort: INIT;
Bort: next day
"""


def test_a_transcript_by_hand_begins_behind_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "bort.md"
    path.write_text(HAND)
    (export,) = find_exports(path).exports
    assert (export.format, export.origin) == ("transcript", "file")
    found = list(export.rows())
    assert said(found) == [
        ("Bort", "anybody there"),
        ("Smig", "me"),
        ("Smig", ""),
        ("Bort", "next day"),
    ]
    assert why(found) == [(Reason.SYSTEM, 13), (Reason.MALFORMED, 14)]
    first, reply, photo, later = (row for row in found if isinstance(row, Message))
    assert reply.reply_to == first.id
    assert [(r.emoji, r.author and r.author.name) for r in reply.reactions] == [("😂", "Bort")]
    assert photo.attachments[0].description == "a very big hat"
    assert later.at - photo.at > timedelta(minutes=30)


def test_a_line_that_is_put_in_leaves_the_others_known() -> None:
    def ids(text: str) -> set[str]:
        return {row.id for row in rows(by_hand.parse, text) if isinstance(row, Message)}

    changed = HAND.replace("Smig: PHOTO", "Bort: what else\n\nSmig: PHOTO")
    assert ids(HAND) < ids(changed)
    assert len(ids(changed)) == len(ids(HAND)) + 1


NAMES = st.sampled_from(["bort", "Smig Tan", "ñandú", "日本語"])
WORDS = (
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
    .map(str.strip)
    .filter(lambda text: text and "TODO:" not in text)
)
SAID = st.builds(Line, name=NAMES, argument=WORDS)
REPLIES = st.builds(Line, name=NAMES, argument=WORDS, command=st.just(Command.REPLY))
PICTURES = st.builds(
    Line,
    name=NAMES,
    argument=st.just("") | WORDS,
    command=st.sampled_from([Command.PHOTO, Command.VIDEO]),
)
REACTIONS = st.lists(
    st.builds(Line, name=NAMES, argument=WORDS, command=st.just(Command.REACT)),
    max_size=2,
    unique_by=lambda line: (line.name, line.argument),
)
TURNS = st.tuples(SAID | REPLIES | PICTURES, REACTIONS).map(lambda turn: [turn[0], *turn[1]])
SESSIONS = st.lists(TURNS, min_size=1, max_size=5).map(
    lambda turns: [
        Line(name=turns[0][0].name, command=Command.INIT),
        *(line for turn in turns for line in turn),
    ]
)


@given(st.lists(SESSIONS, min_size=1, max_size=3))
def test_what_the_printer_wrote_comes_back(sessions: list[list[Line]]) -> None:
    lines = [line for session in sessions for line in session]
    text = "# START\n\n" + "\n\n".join(map(print_line, lines))
    found = rows(by_hand.parse, text)
    assert why(found) == []
    messages = [row for row in found if isinstance(row, Message)]
    again = transcript(messages, People(), str.strip, init_after=timedelta(minutes=30))
    assert [spoken.line for spoken in again] == lines


PARSERS = [
    (ssi_bot.parse, "<|soss r/x|><|sot|>t<|sor u/a|>"),
    (simulator.parse, "<a> b\n"),
    (by_hand.parse, "# START\n"),
]


@pytest.mark.parametrize(("parse", "head"), PARSERS)
@given(
    st.text()
    | st.lists(
        st.sampled_from(
            [
                "<|",
                "sor u/a",
                "|>",
                "soocr",
                "soopr",
                "<a>",
                " ",
                "\n",
                "\\",
                "x4",
                "a: ",
                "REACT: ",
                "INIT;",
                "REPLY: ",
                "PHOTO;",
                "# START",
                ";",
                "b",
            ]
        )
    ).map("".join)
)
def test_no_content_stops_the_import(parse: Parse, head: str, content: str) -> None:
    found = rows(parse, head + content)
    assert all(isinstance(row, Message | LeftOut) for row in found)
    ids = [row.id for row in found if isinstance(row, Message)]
    assert len(ids) == len(set(ids))
