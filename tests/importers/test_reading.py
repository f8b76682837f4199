"""Bytes as text and lines, whatever a program did to them."""

import io
from typing import BinaryIO, cast

from hypothesis import given
from hypothesis import strategies as st

from botconvo.importers.reading import LINE_MOST, as_text, numbered_lines


def text_of(data: bytes) -> str:
    return as_text(cast(BinaryIO, io.BytesIO(data))).read()


def test_marks_tell_the_encoding_and_are_no_text() -> None:
    assert text_of("né\r\n".encode("utf-8-sig")) == "né\r\n"
    assert text_of("né\r\n".encode("utf-16")) == "né\r\n"
    assert text_of("né".encode()) == "né"


def test_mixed_encodings_lose_nothing() -> None:
    assert text_of("né ".encode() + "né".encode("cp1252") + " 😀".encode()) == "né né 😀"


@given(st.binary(max_size=200))
def test_any_bytes_are_some_text(data: bytes) -> None:
    assert isinstance(text_of(data), str)


def test_lines_are_counted_and_only_line_feeds_end_them() -> None:
    text = io.StringIO("a\u2028b\r\n\nc\x0cd", newline="")
    assert list(numbered_lines(text)) == [(1, "a\u2028b"), (2, ""), (3, "c\x0cd")]


def test_a_line_without_an_end_is_cut() -> None:
    text = io.StringIO("x" * (2 * LINE_MOST + 5) + "\nshort\n", newline="")
    (first, _), second = ((line, number) for number, line in numbered_lines(text))
    assert len(first) == LINE_MOST
    assert second == ("short", 2)
