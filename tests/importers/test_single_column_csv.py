"""One column of one person's lines."""

import csv
import io
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from botconvo.corpus import SILENCE
from botconvo.importers import LeftOut, Reason, Row
from botconvo.importers.single_column_csv import author_of, looks_like, parse
from botconvo.messages import Message

SAMPLE = Path(__file__).parent.parent / "data" / "exports" / "gpt-2-simple" / "bort.csv"
BORT = author_of("Bort")


def rows(text: str) -> list[Row]:
    return list(parse(io.StringIO(text, newline=""), BORT))


def messages(text: str) -> list[Message]:
    return [row for row in rows(text) if isinstance(row, Message)]


def test_the_sample_is_read_without_its_header() -> None:
    found = messages(SAMPLE.read_text(encoding="utf-8"))
    assert [message.text for message in found] == [
        "ok so who's playing tonight",
        "yeah, i'm down",
        "two\nlines",
        'he said "no"',
    ]
    assert {message.author for message in found} == {BORT}


def test_each_row_stands_alone_in_time() -> None:
    found = messages("tweets\na\nb\nc\n")
    assert all(later.at - earlier.at > SILENCE for earlier, later in pairwise(found))


def test_the_same_row_has_the_same_id_in_every_export() -> None:
    short, long = messages("x\na\na\n"), messages("header\nb\na\na\n")
    assert [each.id for each in short] == [each.id for each in long][1:]
    assert len({each.id for each in long}) == 3


def test_the_same_name_is_the_same_author() -> None:
    assert author_of("Bort S.").id == author_of("bort s").id != author_of("bert").id
    assert author_of("🛹").id != author_of("🎸").id


def test_the_header_is_skipped_whole_even_when_it_is_torn() -> None:
    assert [message.text for message in messages('"twe\nhello\n')] == ["hello"]


def test_empty_rows_are_left_out_and_a_torn_end_is_said() -> None:
    assert [row for row in rows('tweets\na\n""\n"b\nc') if isinstance(row, LeftOut)] == [
        LeftOut(reason=Reason.EMPTY, author=BORT.id, line=3),
        LeftOut(reason=Reason.TORN, author=BORT.id, line=4),
    ]


def test_two_columns_are_another_format() -> None:
    assert looks_like("tweets\nhello\n")
    assert not looks_like("name,text\nbort,hello\n")
    assert not looks_like("tweets\n")


@given(st.lists(st.text(min_size=1).filter(lambda text: bool(text.strip()))))
def test_what_was_written_is_read(texts: list[str]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([["tweets"], *([text] for text in texts)])
    assert [message.text for message in messages(out.getvalue())] == texts


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    rows(text)
