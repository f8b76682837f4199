"""The parser and the printer of transcript lines belong together."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from botconvo.people import speaker_name
from botconvo.transcript.grammar import (
    Command,
    Line,
    parse_line,
    parse_lines,
    print_line,
    print_lines,
)

NASTY = st.sampled_from(
    "\n|\r|\r\n|\\|\\n|\\\\n|:|: |;|REACT: x|INIT;|bort: hi| ".split("|")
    + list("\x0b\x0c\x1c\x85\u2028\u200b\0🛹\ud800")
)
WORDS = st.lists(st.text() | NASTY, max_size=5).map("".join).map(str.strip)
NAMES = (st.text(max_size=12) | st.lists(NASTY, max_size=4).map("".join)).map(speaker_name)
LINES = st.one_of(
    st.builds(Line, name=NAMES, argument=WORDS.filter(bool)),
    st.builds(Line, name=NAMES, argument=WORDS, command=st.sampled_from(Command)),
)


@given(LINES)
@example(Line(name="a", argument="REACT: x"))
@example(Line(name="a", argument="\\REACT: x"))
@example(Line(name="a", argument="\\\\REACT: x;"))
@example(Line(name="a", argument="INIT;"))
@example(Line(name="a", argument="REACT:"))
@example(Line(name="a", argument="x;", command=Command.REACT))
@example(Line(name="a", argument="; ;", command=Command.REPLY))
@example(Line(name="a", argument="PHOTO;", command=Command.REPLY))
@example(Line(name="a", argument="ends with a backslash\\", command=Command.REPLY))
@example(Line(name="a", argument="ends with a backslash\\"))
@example(Line(name="a", argument="\\n is not a line break\n"[:-1]))
def test_what_is_printed_is_read_back(line: Line) -> None:
    printed = print_line(line)
    assert "\n" not in printed
    assert "\r" not in printed
    assert parse_line(printed) == line


@given(st.lists(LINES))
def test_many_lines_are_read_back_in_order(lines: list[Line]) -> None:
    assert parse_lines(print_lines(lines)) == tuple(lines)


@given(st.text() | WORDS)
@example("bort:\\n")
@example("bort: hello\\n")
@example("bort: REACT: \\n;")
@example("::hello")
def test_any_text_is_a_line_or_none_and_printing_it_settles_it(text: str) -> None:
    line = parse_line(text)
    if line is not None:
        assert parse_line(print_line(line)) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("bort: hello there", Line(name="bort", argument="hello there")),
        ("bort:hello", Line(name="bort", argument="hello")),
        ("bort: INIT;", Line(name="bort", command=Command.INIT)),
        ("bort: REACT: 😂;", Line(name="bort", command=Command.REACT, argument="😂")),
        ("bort: REACT: 😂", Line(name="bort", command=Command.REACT, argument="😂")),
        ("bort: REPLY: so: 5;", Line(name="bort", command=Command.REPLY, argument="so: 5")),
        ("bort: MEME: a cat", Line(name="bort", command=Command.MEME, argument="a cat")),
        ("bort: init;", Line(name="bort", argument="init;")),
        ("Bort S. 🛹: hi\n", Line(name="Bort S. 🛹", argument="hi")),
    ],
)
def test_the_forms_of_the_grammar(text: str, line: Line) -> None:
    assert parse_line(text) == line


@pytest.mark.parametrize("text", ["", "bort", "bort:", "bort: ", ": hi", "\n", "bort: INIT; x"])
def test_what_is_no_line(text: str) -> None:
    assert parse_line(text) is None


def test_somebody_who_types_a_command_says_it() -> None:
    printed = print_line(Line(name="bort", argument="REACT: x"))
    read = parse_line(printed)
    assert read is not None
    assert read.command is None
    assert read.says


@pytest.mark.parametrize("name", ["", " ", "a:b", "a\nb"])
def test_a_name_that_breaks_the_grammar_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="speaker's name"):
        print_line(Line(name=name, argument="hi"))


def test_an_empty_message_has_no_line() -> None:
    with pytest.raises(ValueError, match="says nothing"):
        print_line(Line(name="bort"))


@given(st.text())
def test_every_shown_name_becomes_one_that_fits(shown: str) -> None:
    name = speaker_name(shown)
    assert 0 < len(name) <= 32
    assert not re.search(r"[:\n\r]", name)
    assert parse_line(print_line(Line(name=name, argument="hi"))) == Line(name=name, argument="hi")
