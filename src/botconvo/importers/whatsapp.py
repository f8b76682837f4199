"""WhatsApp's ``_chat.txt`` (iOS) and ``WhatsApp Chat with ….txt`` (Android), in any language.

The file says neither which chat it is nor in which order day and month stand: the first is known
by the first message, the second is decided for the whole file (``date_facts``).  People are known
by the names in the phone's address book; somebody who is not in it (``~ Name``) is not taken for a
contact of that name.  It knows nothing of files.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, tzinfo
from typing import TextIO

from botconvo.importers.day_order import DayOrder, Days, as_date
from botconvo.importers.discord import attachment
from botconvo.importers.headed import Block, blocks
from botconvo.importers.ids import RowIds, channel_of_words, name_id
from botconvo.importers.reading import numbered_lines
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.importers.whatsapp_phrases import ALL
from botconvo.messages import Attachment, Author, AuthorId, ChannelId, Message

__all__ = ["Dates", "date_facts", "looks_like", "parse"]

_MARKS = "\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"
_DIRECTION = re.compile(f"[{_MARKS}]")
_BLANK = r"[ \t\u202f\u00a0]"
_HALVES = {
    "am": 0,
    "vorm": 0,
    "上午": 0,
    "午前": 0,
    "오전": 0,
    "ص": 0,
    "pm": 12,
    "nachm": 12,
    "下午": 12,
    "午後": 12,
    "오후": 12,
    "م": 12,
}
"""What to add to the hours of a 12-hour clock."""
_HALF = rf"[ap]\.?{_BLANK}?m\.?|vorm\.|nachm\.|上午|下午|午前|午後|오전|오후|ص|م"
_STAMP = (
    r"(?P<one>\d{1,4})(?P<between>[./-]) ?(?P<two>\d{1,2})(?P=between) ?(?P<three>\d{1,4})\.?"
    rf"(?:[,،]|{_BLANK}(?:à|a las|às|um|at|alle|om|klo|kl\.))?{_BLANK}"
    rf"(?:(?P<before>{_HALF}){_BLANK}?)?"
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2}))?"
    rf"(?:{_BLANK}?(?P<behind>{_HALF}))?"
)
_IN_BRACKETS = re.compile(rf"[{_MARKS}]*\[{_STAMP}\]{_BLANK}?", re.IGNORECASE)
_WITH_DASH = re.compile(rf"[{_MARKS}]*{_STAMP}{_BLANK}[-–]{_BLANK}", re.IGNORECASE)
_NAME_MOST = 100
"""Characters; WhatsApp allows fewer for a contact and for a group."""
_QUOTES = frozenset('"“”„«»')
"""Stand in notices ("changed the subject to …"), and in hardly any name."""
_FILE_IN_NAME = re.compile(r"-(PHOTO|VIDEO|GIF|STICKER|AUDIO)-|\b(IMG|VID|STK|PTT|AUD)-", re.I)


def _any_of(field: str) -> str:
    found = {phrase for phrases in ALL.values() for phrase in getattr(phrases, field)}
    return "|".join(re.escape(phrase) for phrase in sorted(found, key=len, reverse=True))


def _whole(field: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{_any_of(field)})\.?\Z", re.IGNORECASE)


_OMITTED, _STICKER, _DELETED = _whole("omitted"), _whole("stickers"), _whole("deleted")
_NOTICE = re.compile(rf"(?:{_any_of('notices')})", re.IGNORECASE)
_EDITED = re.compile(rf" ?<(?:{_any_of('edited')})\.?>\Z", re.IGNORECASE)
_ATTACHED = re.compile(
    rf"<(?:{_any_of('attached')}){_BLANK}?: (?P<name>[^>\n]{{1,300}})>", re.IGNORECASE
)
_FILE_ATTACHED = re.compile(
    rf"\A(?P<name>[^\n]{{1,200}}?) \((?:{_any_of('file_attached')})\)(?:\n|\Z)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """How a whole file writes its heads."""

    order: DayOrder
    head: re.Pattern[str]


def looks_like(head: str) -> bool:
    """Whether one of the first lines of a file is a head of this format."""
    lines = (line for line in head.split("\n", 20)[:20] if line.strip())
    return any(_style(line) is not None for line in lines)


def date_facts(stream: TextIO) -> Dates:
    """A first reading of the whole file."""
    head: re.Pattern[str] | None = None
    days = Days()
    for _, line in numbered_lines(stream):
        head = head or _style(line)
        found = None if head is None else head.match(line)
        if found is not None:
            half = found["before"] or found["behind"] or ""
            days.seen(_written(found), american=half in ("AM", "PM") and found["between"] == "/")
    return Dates(order=days.order(), head=head or _IN_BRACKETS)


def parse(
    stream: TextIO, dates: Dates, zone: tzinfo, channel: ChannelId | None = None
) -> Iterator[Row]:
    """Messages in file order; ``zone`` is the clock of the phone.

    Without a ``channel`` one is made up from the first message, so that a longer export of the
    same chat is the same channel.
    """
    ids = None if channel is None else RowIds(channel)
    for block in blocks(stream, dates.head):
        said = _said(block, dates, zone)
        if isinstance(said, LeftOut):
            yield said
            continue
        if ids is None:
            ids = RowIds(channel_of_words("whatsapp", said.author.id, said.moment, said.text))
        yield Message(
            id=ids.of(said.author.id, said.moment, said.words),
            channel=ids.channel,
            author=said.author,
            text=said.text,
            at=said.at,
            attachments=said.files,
            revision=1 if said.edited else 0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    author: Author
    at: datetime
    moment: str
    """By the phone's clock: the same for every ``--time-zone``."""
    text: str
    words: str
    """With the names of files, so that two pictures are not one."""
    files: tuple[Attachment, ...]
    edited: bool


def _said(block: Block, dates: Dates, zone: tzinfo) -> _Said | LeftOut:
    if block.head is None:
        return LeftOut(reason=Reason.MALFORMED, line=block.line)
    at = _time(block.head, dates.order)
    if at is None:
        return LeftOut(reason=Reason.DATE, line=block.line)
    name, marked, text = _name_and_text(block.text)
    if name is None:
        return LeftOut(reason=Reason.SYSTEM, line=block.line)
    edited = _EDITED.search(text) is not None
    text = _EDITED.sub("", text)
    text, files, sticker = _without_files(text)
    reason = _why_not(text, files, sticker, marked)
    if reason is not None:
        by = None if reason is Reason.SYSTEM else _author(name).id
        return LeftOut(reason=reason, author=by, line=block.line)
    return _Said(
        author=_author(name),
        at=at.replace(tzinfo=zone),
        moment=at.isoformat(),
        text=text,
        words="\0".join((text, *(file.name for file in files))),
        files=files,
        edited=edited,
    )


def _name_and_text(rest: str) -> tuple[str | None, bool, str]:
    """The name (None in a notice), whether iOS marked what follows as its own, and the words."""
    first, _, more = rest.partition("\n")
    name, colon, text = first.partition(": ")
    if not colon:
        name, colon, text = first.partition(":")
    marked = text.startswith("\u200e")
    name = _DIRECTION.sub("", name).strip()
    if not colon or not name or len(name) > _NAME_MOST or _QUOTES & set(name):
        return None, False, ""
    whole = f"{text}\n{more}" if more else text
    return name, marked, _DIRECTION.sub("", whole).strip()


def _without_files(text: str) -> tuple[str, tuple[Attachment, ...], bool]:
    """The words without the names of attached files; whether one of these is a sticker."""
    names = [found["name"].strip() for found in _ATTACHED.finditer(text)]
    text = _ATTACHED.sub("", text)
    android = _FILE_ATTACHED.match(text)
    if android is not None:
        names.append(android["name"])
        text = text[android.end() :]
    sticker = any(_kind(name) in ("STICKER", "STK") for name in names)
    return text.strip(), tuple(attachment(name) for name in names), sticker


def _why_not(
    text: str, files: tuple[Attachment, ...], sticker: bool, marked: bool
) -> Reason | None:
    if files and not text:
        if sticker:
            return Reason.STICKER
        return None if any(file.kind != "file" for file in files) else Reason.MEDIA
    if not text:
        return Reason.EMPTY
    if _OMITTED.match(text):
        return Reason.MEDIA
    if _STICKER.match(text):
        return Reason.STICKER
    if _DELETED.match(text):
        return Reason.REMOVED
    return Reason.SYSTEM if _NOTICE.match(text) or (marked and not files) else None


def _author(name: str) -> Author:
    """A contact by name, somebody else by number or by the name that they gave themselves."""
    if name.startswith("~"):
        own = name[1:].strip(" \u202f\u00a0") or name
        stranger = name_id("whatsapp", own).removeprefix("whatsapp:")
        return Author(id=AuthorId(f"whatsapp:~{stranger}"), name=own)
    if re.fullmatch(r"\+?[\d\s().\u2010-\u2015-]{5,}", name):
        return Author(id=AuthorId(f"whatsapp:{re.sub(r'[^0-9]', '', name)}"), name=name)
    return Author(id=name_id("whatsapp", name), name=name)


def _time(head: re.Match[str], order: DayOrder) -> datetime | None:
    """WhatsApp opened in 2009."""
    day = as_date(_written(head), order)
    if day is None or not 2009 <= day.year < 2100:
        return None
    hour, minute, second = (int(head[part] or 0) for part in ("hour", "minute", "second"))
    half = head["before"] or head["behind"]
    if half is not None:
        # "00:08 a. m." stands for eight past midnight, as "12:08 a. m." does.
        hour = hour % 12 + _HALVES[re.sub(r"[^\w]", "", half).casefold()]
    try:
        return datetime.combine(day, time(hour, minute, second))
    except ValueError:
        return None


def _written(head: re.Match[str]) -> tuple[int, int, int]:
    return int(head["one"]), int(head["two"]), int(head["three"])


def _style(line: str) -> re.Pattern[str] | None:
    for pattern in (_IN_BRACKETS, _WITH_DASH):
        if pattern.match(line):
            return pattern
    return None


def _kind(name: str) -> str:
    """What WhatsApp calls the kind of a file, from the name that it gave it."""
    found = _FILE_IN_NAME.search(name)
    return "" if found is None else (found[1] or found[2]).upper()
