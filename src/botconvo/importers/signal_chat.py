"""Signal's ``chat.md`` (older: ``index.md``) as the program signal-export writes it for every chat.

The person who exported is called "Me" in it: who that is must be said, or "Me" is somebody of that
chat alone.  The file does not say which chat it is; it is known by the first message.  It knows
nothing of files.
"""

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import TextIO

from botconvo.importers.discord import attachment
from botconvo.importers.headed import Block, blocks
from botconvo.importers.ids import RowIds, channel_of_words, name_id
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.messages import Attachment, Author, AuthorId, ChannelId, Message, Reaction

__all__ = ["looks_like", "parse"]

_HEAD = re.compile(
    r"\[(?P<day>\d{4}-\d\d-\d\d)(?:, (?P<minutes>\d\d:\d\d)| (?P<seconds>\d\d:\d\d:\d\d))\] "
    r"(?P<name>[^\n]{1,100}?):(?: |\Z)",
    re.ASCII,
)
_MARK_OF_WHATSAPP = "\u200e"
"""WhatsApp on iOS writes the same heads in some languages, and this mark before its notices."""
_ME = "Me"
_NOBODY = "No-Sender"
_DELETED = "(This message was deleted)"
_CALL = re.compile(
    r"(?:Incoming|Outgoing|Missed)(?: (?:voice|video|group|adhoc))? call(?: \([^()\n]{1,60}\))?\Z"
)
_REACTED = re.compile(r"\n\(- (?P<all>[^\n]+) -\)[ \n]*(?=\Z|\n|!?\[)")
_STICKER = re.compile(
    r"\n\(\( [^\n]{1,40} \)\)|\[[^\]\n]{0,40}\]\(\.\./exported_stickers/[^)\n]+\)"
)
_FILE = re.compile(r"!?\[(?P<name>[^\[\]\n]{1,300})\]\(\./(?:media/)?[^)\n]{1,600}\) *")


def looks_like(head: str) -> bool:
    """Whether the first line of a file is a head of this format."""
    return _MARK_OF_WHATSAPP not in head and _HEAD.match(head.lstrip()) is not None


def parse(
    stream: TextIO, zone: tzinfo, me: str | None = None, channel: ChannelId | None = None
) -> Iterator[Row]:
    """Messages in file order; ``me`` is the name of the person who exported.

    Without a ``channel`` one is made up from the first message, so that a longer export of the
    same chat is the same channel.
    """
    ids = None if channel is None else RowIds(channel)
    for block in blocks(stream, _HEAD):
        if block.head is None:
            yield LeftOut(reason=Reason.MALFORMED, line=block.line)
            continue
        at = _time(block.head, zone)
        if at is None:
            yield LeftOut(reason=Reason.DATE, line=block.line)
            continue
        moment, name = at.replace(tzinfo=None).isoformat(), block.head["name"]
        if ids is None:
            ids = RowIds(channel_of_words("signal", name, moment, block.text.strip()))
        yield _row(block, _author(name, me, ids.channel), at, moment, ids)


def _row(block: Block, author: Author, at: datetime, moment: str, ids: RowIds) -> Row:
    reactions = tuple(_reactions(block.text))
    text, stickers = _STICKER.subn("", _REACTED.sub("", _without_quote(block.text)))
    names = [found["name"] for found in _FILE.finditer(text)]
    text = _FILE.sub("", text)
    # The writer puts two blanks behind every message.
    text = "\n".join(line.rstrip() for line in text.split("\n")).strip()
    files = tuple(attachment(name) for name in names)
    reason = _why_not(author, text, files, stickers > 0)
    if reason is not None:
        by = None if reason is Reason.SYSTEM else author.id
        return LeftOut(reason=reason, author=by, line=block.line)
    return Message(
        id=ids.of(author.id, moment, "\0".join((text, *names))),
        channel=ids.channel,
        author=author,
        text=text,
        at=at,
        attachments=files,
        reactions=reactions,
    )


def _why_not(
    author: Author, text: str, files: tuple[Attachment, ...], sticker: bool
) -> Reason | None:
    if author.name == _NOBODY or _CALL.match(text):
        return Reason.SYSTEM
    if text == _DELETED:
        return Reason.REMOVED
    if text or any(file.kind != "file" for file in files):
        return None
    if sticker:
        return Reason.STICKER
    return Reason.MEDIA if files else Reason.EMPTY


def _author(name: str, me: str | None, channel: ChannelId) -> Author:
    if name != _ME:
        return Author(id=name_id("signal", name), name=name)
    if me is not None:
        return Author(id=name_id("signal", me), name=me)
    return Author(id=AuthorId(f"signal:me-{channel.removeprefix('signal:')}"), name=_ME)


def _time(head: re.Match[str], zone: tzinfo) -> datetime | None:
    """Signal, and TextSecure before it, opened in 2010."""
    try:
        at = datetime.fromisoformat(f"{head['day']} {head['minutes'] or head['seconds']}")
    except ValueError:
        return None
    return at.replace(tzinfo=zone) if 2010 <= at.year < 2100 else None


def _without_quote(text: str) -> str:
    """A reply begins with the words that it answers, each line behind a ``>``."""
    lines = text.split("\n")
    if lines[0].strip() or len(lines) < 3:
        return text
    at = next((place for place, line in enumerate(lines) if line.strip()), 0)
    if not lines[at].startswith("> "):
        return text
    while at < len(lines) and lines[at].startswith("> "):
        at += 1
    return "\n".join(lines[at:])


def _reactions(text: str) -> Iterator[Reaction]:
    """``(- Ana: 😂, Bo: ❤ -)``; who it was is not looked up, because names hold commas too."""
    found = _REACTED.search(text)
    for each in [] if found is None else found["all"].split(", "):
        _, colon, emoji = each.rpartition(": ")
        if colon and 0 < len(emoji.strip()) <= 16:
            yield Reaction(emoji=emoji.strip())
