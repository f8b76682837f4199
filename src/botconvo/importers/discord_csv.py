"""DiscordChatExporter's CSV in today's dialect (2.42.3 and later: commas, ISO 8601 dates).

The format names no channel, no message ids, no replies and no bots: the channel is the caller's or
known by its first message, ids are digests of what stands in the row, and a bot is told from a
person only by the owner's consent records.  It knows nothing of files.
"""

import csv
import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

from botconvo.errors import ImportFailed
from botconvo.importers.discord import (
    DELETED_USER,
    attachment,
    author_id,
    channel_id,
    possible,
)
from botconvo.importers.ids import RowIds
from botconvo.importers.reading import About
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.messages import Attachment, Author, ChannelId, Message, Reaction

if TYPE_CHECKING:
    from _csv import Reader

__all__ = ["HEADER", "channel_of", "looks_like", "older_dialect", "parse"]

HEADER = ["AuthorID", "Author", "Date", "Content", "Attachments", "Reactions"]
_NOTICE = re.compile(
    r"(?:Pinned a message|Joined the server|Left the group|Started a thread"
    r"|Started a call that lasted [\d.,\u202f\u00a0]+ minutes?"
    r"|(?:Added|Removed) .+ (?:to|from) the group"
    r"|Changed the channel icon)\.\Z|Changed the channel name: .+\Z"
)
"""The exporter's own words for what Discord shows as a notice."""
_REACTION = re.compile(r"(?P<emoji>.+?) \((?P<count>\d+)\)(?:,|\Z)")
_BETWEEN_ADDRESSES = re.compile(r",(?=https?://)")
_CHANNEL_IN_NAME = re.compile(r"\[(\d{15,20})\]")
_DISCRIMINATOR = re.compile(r"#\d{4}\Z")
_PATIENCE = 20
"""So many unreadable dates at the beginning mean an older dialect, not damage."""


def channel_of(about: About) -> ChannelId | None:
    """The channel's id, which DiscordChatExporter writes into the file's name."""
    found = _CHANNEL_IN_NAME.findall(about.name)
    return channel_id(found[-1]) if found else about.channel


def looks_like(head: str) -> bool:
    """Whether the first characters of a file are this format's, in today's dialect."""
    return _first_line(head).replace('"', "") == ",".join(HEADER)


def older_dialect(head: str) -> bool:
    """Whether this is the same format with semicolons (2.15, or saved by a spreadsheet)."""
    return _first_line(head).replace('"', "").rstrip(";") == ";".join(HEADER)


def parse(stream: TextIO, channel: ChannelId | None) -> Iterator[Row]:
    """Messages in file order; ``stream`` must be opened with ``newline=""``.

    Without a ``channel`` one is made up from the first message, so that a longer export of the
    same channel is the same channel.

    Raises:
        ImportFailed: the dates are those of an older dialect.
    """
    rows = csv.reader(stream, strict=True)
    ids = None if channel is None else RowIds(channel)
    unreadable: list[str] = []
    dated = False
    for line, row in _rows(rows):
        if isinstance(row, LeftOut):
            yield row
            continue
        at = _date(row[2])
        if at is None:
            unreadable.append(row[2])
            if not dated and len(unreadable) >= _PATIENCE:
                raise _other_dates(unreadable[0])
            yield LeftOut(reason=Reason.DATE, author=author_id(row[0]), line=line)
            continue
        dated = True
        ids = ids or RowIds(_channel_of(row))
        yield _row(row, at, ids, line)
    if unreadable and not dated:
        raise _other_dates(unreadable[0])


def _rows(rows: "Reader") -> Iterator[tuple[int, list[str] | LeftOut]]:
    """Data rows with the line that each begins in; what cannot be split into six fields is out."""
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as broken:
            torn = "unexpected end" in str(broken)
            yield line, LeftOut(reason=Reason.TORN if torn else Reason.MALFORMED, line=line)
            continue
        if not row or row == HEADER or (line == 1 and _is_header(row)):
            continue
        if len(row) != len(HEADER) or not row[0].isascii() or not row[0].isdigit():
            yield line, LeftOut(reason=Reason.MALFORMED, line=line)
        else:
            yield line, row


def _row(row: list[str], at: datetime, ids: RowIds, line: int) -> Row:
    user, name, date, text, files, reactions = row
    reason = _why_not(user, name, text, files)
    if reason is not None:
        return LeftOut(reason=reason, author=author_id(user), line=line)
    return Message(
        id=ids.of(author_id(user), _utc(date), text),
        channel=ids.channel,
        author=Author(id=author_id(user), name=_DISCRIMINATOR.sub("", name) or name),
        text=text,
        at=at,
        attachments=_attachments(files),
        reactions=tuple(Reaction(emoji=found["emoji"]) for found in _REACTION.finditer(reactions)),
    )


def _why_not(user: str, name: str, text: str, files: str) -> Reason | None:
    if user == DELETED_USER:
        return Reason.DELETED
    if name.endswith("#0000"):
        return Reason.BOT
    if _NOTICE.match(text):
        return Reason.SYSTEM
    return None if text.strip() or files else Reason.EMPTY


def _channel_of(first: list[str]) -> ChannelId:
    key = "\0".join((first[0], _utc(first[2]), first[3])).encode(errors="replace")
    return channel_id(f"csv-{hashlib.sha256(key).hexdigest()[:12]}")


def _date(text: str) -> datetime | None:
    """An ISO 8601 date with its offset, or None."""
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return date if date.tzinfo is not None and possible(date) else None


def _utc(text: str) -> str:
    """The millisecond, which is the same one in an export with another time zone."""
    date = _date(text)
    return text if date is None else f"{date.timestamp():.3f}"


def _attachments(files: str) -> tuple[Attachment, ...]:
    """Addresses joined by commas; an address may hold a comma itself."""
    return tuple(attachment(file) for file in _BETWEEN_ADDRESSES.split(files) if file)


def _first_line(head: str) -> str:
    return head.lstrip("\ufeff").split("\n", 1)[0].strip()


def _is_header(row: list[str]) -> bool:
    return [field.lstrip("\ufeff").strip('"') for field in row] == HEADER


def _other_dates(seen: str) -> ImportFailed:
    return ImportFailed(
        f"its dates look like {seen[:40]!r}, as DiscordChatExporter before 2.42.3 wrote them; "
        "export the channel again with 2.42.3 or later"
    )
