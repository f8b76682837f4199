"""One column of one person's lines, as gpt-2-simple trains on it: read, and written.

Its rule: the first line is a header and is skipped whole, and of every further row column 0
counts.  Nothing says who wrote, when, or to whom; the caller names the author, and every row gets
a time of its own, an hour after the one before, so that each stands alone.
"""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TextIO

from botconvo.importers.ids import slug
from botconvo.importers.reading import LINE_MOST, csv_rows
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId

__all__ = ["author_of", "looks_like", "parse", "print_rows"]

_HEADER = "text"
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_STEP = timedelta(hours=1)
"""Longer than any silence that ends a session."""


def looks_like(head: str) -> bool:
    """Whether the header of this text is one column wide and something stands below it."""
    header, _, below = head.partition("\n")
    try:
        columns = next(csv.reader([header], strict=True), [])
    except csv.Error:
        return False
    return len(columns) == 1 and bool(below.strip())


def author_of(name: str) -> Author:
    """The author that ``--author NAME`` stands for; the same name is the same author."""
    return Author(id=AuthorId(f"file:{slug(name)}"), name=name)


def parse(stream: TextIO, author: Author) -> Iterator[Row]:
    """The rows as messages of ``author``; ``stream`` must be opened with ``newline=""``."""
    channel = ChannelId(f"file:{author.id.removeprefix('file:')}")
    while (header := stream.readline(LINE_MOST)) and not header.endswith("\n"):
        pass
    alike: Counter[str] = Counter()
    place = 0
    for line, row in csv_rows(stream, before=1):
        if isinstance(row, Reason):
            yield LeftOut(reason=row, author=author.id, line=line)
            continue
        text = row[0] if row else ""
        if not text.strip():
            yield LeftOut(reason=Reason.EMPTY, author=author.id, line=line)
            continue
        place += 1
        alike[text] += 1
        yield Message(
            id=_id(channel, text, alike[text]),
            channel=channel,
            author=author,
            text=text,
            at=_FIRST + place * _STEP,
        )


def print_rows(texts: Iterable[str]) -> str:
    """The file for these texts: a header, then a row for each that is not blank."""
    out = io.StringIO(newline="")
    out.write(f"{_HEADER}\n")
    rows = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    # A NUL is no text to any reader of CSV, and a blank row would be no row at all.
    plain = (text.replace("\0", "") for text in texts)
    rows.writerows([text] for text in plain if text.strip())
    return out.getvalue()


def _id(channel: ChannelId, text: str, ordinal: int) -> MessageId:
    digest = hashlib.sha256(f"{text}\0{ordinal}".encode(errors="replace")).hexdigest()
    return MessageId(f"{channel}/row-{digest[:20]}")
