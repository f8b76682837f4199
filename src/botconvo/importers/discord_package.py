"""The data package that a person requests from Discord for themselves: what they wrote, all of it.

A folder per channel (``messages/c<channel>/messages.json``, earlier ``messages.csv`` and without
the ``c``), and the account in ``account/user.json``; newer packages spell the folders with capitals
or in the person's language, so only the names of the files count.  Ids are Discord's own: packages
of several friends meet in the same channels, and the same message in another export is known.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TextIO

from botconvo.errors import ImportFailed
from botconvo.importers.discord import (
    attachment,
    author_id,
    channel_id,
    message_id,
    possible,
)
from botconvo.importers.members import items_in, list_of, small_json
from botconvo.importers.reading import About, csv_rows
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.importers.trees import Tree
from botconvo.messages import Author, ChannelId, Message

__all__ = ["parse", "reads", "roots"]

_MESSAGES = re.compile(
    r"(?P<root>(?:.*/)?)[^/]+/c?(?P<channel>\d{15,20})/messages\.(?:json|csv)\Z", re.I
)
_ACCOUNT = re.compile(r"(?P<root>(?:.*/)?)[^/]+/user\.json\Z", re.I)
_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
_SNOWFLAKE = re.compile(r"[0-9]{1,20}\Z")
_SAME_MOMENT = timedelta(seconds=2)
"""The column of times has lost its fractions of a second since 2023."""


def roots(names: Sequence[str]) -> tuple[str, ...]:
    """The folders of all packages among these files."""
    return tuple(dict.fromkeys(found["root"] for found in map(_MESSAGES.match, names) if found))


def reads(name: str, root: str) -> bool:
    """Whether a file is one that the package at ``root`` is read from."""
    found = _MESSAGES.match(name) or _ACCOUNT.match(name)
    return found is not None and found["root"] == root


def parse(tree: Tree, root: str, about: About) -> Iterator[Row]:
    """What the person wrote, channel by channel.

    Raises:
        ImportFailed: the package has no account, so that nobody knows whose it is.
    """
    if about.author is not None:
        raise ImportFailed(f"names its own author; import it without --author {about.author!r}")
    names = [name for name in tree.names() if reads(name, root)]
    author = _author(tree, next((name for name in names if _ACCOUNT.match(name)), None), root)
    for file in filter(None, map(_MESSAGES.match, names)):
        yield from _rows(tree, file[0], channel_id(file["channel"]), author)


def _author(tree: Tree, account: str | None, package: str) -> Author:
    user = small_json(tree, account) if account is not None else None
    if not isinstance(user, Mapping) or not _SNOWFLAKE.match(str(user.get("id"))):
        where = f"{package or 'its top folder '}holds no account/user.json"
        raise ImportFailed(
            f"{where} that says whose words these are; name the whole package, and where it has "
            "none, request it again from Discord with 'Account' ticked"
        )
    shown = user.get("global_name") or user.get("username") or user["id"]
    return Author(id=author_id(str(user["id"])), name=str(shown))


def _rows(tree: Tree, name: str, channel: ChannelId, author: Author) -> Iterator[Row]:
    items = items_in(tree, name, _table if name.lower().endswith(".csv") else list_of)
    for item in items:
        if isinstance(item, LeftOut):
            yield item
        else:
            line, fields = item
            yield _row(fields, channel, author, name, line)


def _table(text: TextIO, name: str) -> Iterator[tuple[int, dict[str, str]] | LeftOut]:
    columns: list[str] | None = None
    for line, row in csv_rows(text):
        if isinstance(row, Reason):
            yield LeftOut(reason=row, line=line, file=name)
        elif columns is None:
            columns = row
        elif row:
            yield line, dict(zip(columns, row, strict=False))


def _row(item: object, channel: ChannelId, author: Author, name: str, line: int) -> Row:
    # Spellings differ by year: "ID" and "id", "Contents" and "content".
    fields = (
        {str(key).casefold(): value for key, value in item.items()}
        if isinstance(item, Mapping)
        else {}
    )
    number = str(fields.get("id", ""))
    text = fields.get("contents", fields.get("content", ""))
    files = "" if fields.get("attachments") is None else fields["attachments"]
    if not (_SNOWFLAKE.match(number) and isinstance(text, str) and isinstance(files, str | list)):
        return LeftOut(reason=Reason.MALFORMED, author=author.id, line=line, file=name)
    at = _time(int(number), str(fields.get("timestamp", "")))
    if at is None:
        return LeftOut(reason=Reason.DATE, author=author.id, line=line, file=name)
    addresses = files.split() if isinstance(files, str) else [str(file) for file in files]
    if not text.strip() and not addresses:
        return LeftOut(reason=Reason.EMPTY, author=author.id, line=line, file=name)
    return Message(
        id=message_id(channel, number),
        channel=channel,
        author=author,
        text=text,
        at=at,
        attachments=tuple(attachment(address) for address in addresses),
    )


def _time(number: int, column: str) -> datetime | None:
    """By the id, which knows the millisecond, unless the column of times contradicts it."""
    try:
        written = datetime.fromisoformat(column)
        written = written if written.tzinfo is not None else written.replace(tzinfo=UTC)
        exact = _EPOCH + timedelta(milliseconds=number >> 22)
        at = exact if abs(exact - written) < _SAME_MOMENT else written
        return at.astimezone(UTC) if possible(at) else None
    except (ValueError, OverflowError):
        return None
