"""DiscordChatExporter's CSV, of 2.15 and later, also where a spreadsheet has saved it again.

The format names no channel, no message ids, no replies and no bots: the channel is the caller's or
known by its first message, ids are digests of what stands in the row, and a bot is told from a
person only by the owner's consent records.  Before 2.42.3 times have no zone and mostly no seconds.
It knows nothing of files.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import TextIO

from botconvo.errors import ImportFailed
from botconvo.importers.dates import Moment, dated
from botconvo.importers.discord import (
    DELETED_USER,
    attachment,
    author,
    author_id,
    emoji,
    is_notice,
    is_webhook,
    possible,
    untold_channel,
)
from botconvo.importers.ids import RowIds
from botconvo.importers.reading import csv_rows
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.messages import Attachment, Author, ChannelId, Message, Reaction

__all__ = ["HEADER", "looks_like", "parse"]

HEADER = ["AuthorID", "Author", "Date", "Content", "Attachments", "Reactions"]
_SEPARATORS = ",;\t"
"""Semicolons until 2.15 and from spreadsheets, which also write tabs."""
_REACTION = re.compile(r"(?P<emoji>.+) \(\d+\)\Z")
_BETWEEN_ADDRESSES = re.compile(r",(?=https?://)")
_ROUNDED = re.compile(r"\d[.,]\d+E\+\d+\Z", re.I)
"""What a spreadsheet makes of an id that it takes for a number."""
_HEADER_MOST = 1000
_DELETED = author_id(DELETED_USER)
_PATIENCE = 20
"""So many unreadable dates at the beginning mean a form that is not known, not damage."""


def looks_like(head: str) -> bool:
    """Whether the first characters of a file are this format's."""
    return _separator(_first_line(head)) is not None


def parse(stream: TextIO, channel: ChannelId | None, zone: tzinfo = UTC) -> Iterator[Row]:
    """Messages in file order; ``stream`` must be opened with ``newline=""``.

    Without a ``channel`` one is made up from the first message, so that a longer export of the
    same channel is the same channel.  ``zone`` is whose clock times without a zone are by.

    Raises:
        ImportFailed: the dates have no form that is known, or a spreadsheet has spoiled the ids.
    """
    ids = None if channel is None else RowIds(channel)
    unreadable: list[str] = []
    some = False
    for moment, (line, row) in dated(_rows(stream), zone):
        if isinstance(row, LeftOut):
            yield row
            continue
        if moment is None or not possible(moment.at):
            if len(unreadable) < _PATIENCE:
                unreadable.append(row[2])
            if not some and len(unreadable) >= _PATIENCE:
                raise _other_dates(unreadable[0])
            yield LeftOut(reason=Reason.DATE, author=author_id(row[0]), line=line)
            continue
        some = True
        ids = ids or RowIds(_channel_of(row, moment))
        yield _row(row, moment, ids, line)
    if unreadable and not some:
        raise _other_dates(unreadable[0])


def _rows(stream: TextIO) -> Iterator[tuple[str | None, tuple[int, list[str] | LeftOut]]]:
    """Data rows with their date and the line that each begins in; what has no six fields is out."""
    header = stream.readline(_HEADER_MOST)
    separator = _separator(_bare(header)) or ","
    fields = len(HEADER)
    for line, row in csv_rows(stream, before=1, delimiter=separator):
        if isinstance(row, Reason):
            yield None, (line, LeftOut(reason=row, line=line))
            continue
        if len(row) == fields + 1 and not row[-1]:
            row.pop()
        if not row or row == HEADER or (separator != "," and not any(row)):
            continue
        if len(row) == fields and row[0].isdigit() and row[0].isascii():
            yield row[2], (line, row)
        elif len(row) == fields and _ROUNDED.match(row[0]):
            raise ImportFailed(
                f"line {line}: a spreadsheet has rounded the author's id to {row[0]!r}; "
                "export the channel again, and do not save it with the spreadsheet"
            )
        else:
            yield None, (line, LeftOut(reason=Reason.MALFORMED, line=line))


def _row(row: list[str], moment: Moment, ids: RowIds, line: int) -> Row:
    user, name, _, text, files, reactions = row
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    by = _author(user, name)
    reason = _why_not(by, text, files)
    if reason is not None:
        return LeftOut(reason=reason, author=by.id, line=line)
    mark = f"{moment.unsure}-" if moment.unsure else ""
    return Message(
        id=ids.of(by.id, _utc(moment), text, mark),
        channel=ids.channel,
        author=by,
        text=text,
        at=moment.at,
        attachments=_attachments(files),
        reactions=tuple(
            Reaction(emoji=emoji(found["emoji"]))
            for found in map(_REACTION.match, reactions.split(","))
            if found is not None
        )
        if reactions
        else (),
    )


@lru_cache(maxsize=4096)
def _author(user: str, name: str) -> Author:
    by = author(author_id(user), name)
    return replace(by, kind="bot") if is_webhook(name) else by


def _why_not(by: Author, text: str, files: str) -> Reason | None:
    if by.id == _DELETED:
        return Reason.DELETED
    if by.kind == "bot":
        return Reason.BOT
    if is_notice(text):
        return Reason.SYSTEM
    return None if files or text.strip() else Reason.EMPTY


def _channel_of(first: list[str], moment: Moment) -> ChannelId:
    return untold_channel(first[0], _utc(moment), first[3])


def _utc(moment: Moment) -> str:
    """The millisecond, which is the same one in an export with another time zone."""
    return f"{moment.at.timestamp():.3f}"


def _attachments(files: str) -> tuple[Attachment, ...]:
    """Addresses joined by commas; an address may hold a comma itself."""
    if not files:
        return ()
    return tuple(attachment(file) for file in _BETWEEN_ADDRESSES.split(files) if file)


def _separator(header: str) -> str | None:
    for separator in _SEPARATORS:
        if header.rstrip(separator) == separator.join(HEADER):
            return separator
    return None


def _first_line(head: str) -> str:
    return _bare(head.split("\n", 1)[0])


def _bare(line: str) -> str:
    return line.lstrip("\ufeff").strip("\r\n ").replace('"', "")


def _other_dates(seen: str) -> ImportFailed:
    return ImportFailed(
        f"its dates look like {seen[:40]!r}, which is no form that is known; export the channel "
        "again with DiscordChatExporter 2.42.3 or later, without a date format of your own"
    )
