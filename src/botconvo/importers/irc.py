"""Logs of IRC, as the common clients and bouncers write them.

``[04:46] <nick> words``, ``04:46 <@nick> words`` (irssi), ``2024-01-01 04:46:00 nick words`` with
tabs (WeeChat), ``Jan 01 04:46:00 <nick> words`` (HexChat), with or without seconds and days.
Where no line says which day it is, the file's name may; else the log begins on a day that stands
for all (``STAND_IN``).  A clock that goes back begins the next day.  A nick is an author: who
changes it is somebody else, because nothing proves who uses a nick.  It knows nothing of files.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import TextIO

from botconvo.importers.ids import RowIds, name_id, slug
from botconvo.importers.reading import About, numbered_lines
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.messages import Author, ChannelId, Message

__all__ = ["STAND_IN", "channel_of", "day_of", "looks_like", "parse"]

STAND_IN = date(2000, 1, 1)
"""The first day of a log that names none."""
_BACK = timedelta(hours=2)
"""A clock that goes back by more has passed midnight; summer time ends with less."""
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_NICK = r"(?P<nick>[^\s<>]{1,64})"
_STAMP = re.compile(
    rf"\[?(?:(?P<day>\d{{4}}-\d\d-\d\d)[ T]|{_MONTH} +(?P<monthday>\d\d?) )?"
    r"(?P<hour>[0-2]?\d):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)(?:\.\d{1,6})?)?"
    r"(?:Z|[+-]\d\d:?\d\d)?\]?(?P<gap>[ \t]+)",
    re.ASCII,
)
_SAID = re.compile(rf"<[@+%&~! ]?{_NICK}>(?:[ \t]|\Z)")
_DID = re.compile(rf"\*[ \t]+{_NICK}(?:[ \t]+|\Z)")
_TABBED = re.compile(r"[@+%&~! ]?(?P<nick>[^\s<>]{1,64}) ?\t")
_NOT_NICKS = frozenset({"-->", "<--", "--", "=!=", "***", "-!-", "*", "-"})
_NOTICE = re.compile(
    r"(?:-!-|\*\*\*|===|-->|<--|--[ \t]|=!=|-[^\s-][^\s]*-[ \t]|\*[ \t]*\Z|[!>]{1,3}[ \t])"
)
_CAME_OR_WENT = re.compile(
    r"(?:\([^()\s]+\) )?(?:has (?:joined|left|quit)\b|is now known as\b|sets? (?:mode|channel)\b"
    r"|(?:gives|removes) (?:channel operator|voice)\b|has changed the topic\b|changes topic to\b"
    r"|(?:was|has been) kicked\b|has kicked\b|Quit\b|\([^()\s@]*@[^()\s]*\) (?:Join|Quit|Part))"
)
"""What follows "* nick" in HexChat and mIRC where nobody did anything but come or go."""
_UNDATED_NOTICE = re.compile(
    r"(?:===|---|\*\*\*\*?|Session (?:Start|Time|Close|Ident)\b|-!-|\[?INFO\]?\b)"
)
_DAY_NAMED = re.compile(
    r"(?:--- (?:Log opened|Day changed)|\*{2,4} (?:BEGIN|ENDING) LOGGING AT"
    rf"|Session (?:Start|Time):).*?\b{_MONTH} +(?P<monthday>\d\d?)\b.*?\b(?P<year>\d{{4}})\s*\Z",
    re.ASCII,
)
_COLOURS = re.compile(r"\x03(?:\d{1,2}(?:,\d{1,2})?)?|[\x02\x04\x0f\x11\x16\x1d\x1e\x1f]")
_DAY_IN_NAME = re.compile(r"(?<!\d)(\d{4})[-_.]?(\d\d)[-_.]?(\d\d)(?!\d)")
_ENDINGS = re.compile(r"(?:\.(?:raw|log|txt|weechatlog|gz)){1,4}\Z", re.IGNORECASE)
_LOOKED_AT = 60
"""Lines by which the format is told."""


def looks_like(head: str) -> bool:
    """Whether most of the first lines of a file are lines of a log, and one is a message."""
    lines = [line.rstrip("\r") for line in head.split("\n", _LOOKED_AT)[:_LOOKED_AT]]
    lines = [line for line in lines if line.strip()]
    kinds = [_kind(line) for line in lines]
    said = sum(kind is not None and kind[0] is not None for kind in kinds)
    return said > 0 and sum(kind is not None for kind in kinds) * 4 > len(lines) * 3


def day_of(about: About) -> date | None:
    """The day in a file's name: ``2024-01-31.log``, ``#cats_20240131.log``."""
    for year, month, day in _DAY_IN_NAME.findall(about.name):
        found = _date(int(year), int(month), int(day))
        if found is not None:
            return found
    return None


def channel_of(about: About) -> ChannelId:
    """From the file's name without its day, or from the folder's where nothing else is in it."""
    name = _ENDINGS.sub("", _DAY_IN_NAME.sub("", _ENDINGS.sub("", about.name)))
    name = re.sub(r"[\W_]+\Z", "", name)
    return ChannelId(f"irc:{slug(name if re.search(r'[^0-9_]', name) else about.within)}")


def parse(
    stream: TextIO, channel: ChannelId, zone: tzinfo, day: date | None = None
) -> Iterator[Row]:
    """Messages in file order; ``zone`` is the clock of the log, ``day`` its first day."""
    ids = RowIds(channel)
    clock = _Clock(day=day or STAND_IN)
    for number, line in numbered_lines(stream):
        if not line.strip():
            continue
        named = _named_day(line)
        if named is not None:
            clock = _Clock(day=named)
        kind = _kind(line)
        stamp = _STAMP.match(line)
        if kind is None:
            yield LeftOut(reason=Reason.MALFORMED, line=number)
        elif kind[0] is None or stamp is None:
            yield LeftOut(reason=Reason.SYSTEM, line=number)
        else:
            clock = clock.at(stamp)
            yield _row(kind, clock.now, number, ids, zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    """What the lines of a log say of the time; ``now`` is None where it is impossible."""

    day: date
    now: datetime | None = None

    def at(self, stamp: re.Match[str]) -> "_Clock":
        try:
            clock = time(int(stamp["hour"]), int(stamp["minute"]), int(stamp["second"] or 0))
        except ValueError:
            return replace(self, now=None)
        if stamp["day"] is not None or stamp["month"] is not None:
            named = self._named(stamp)
            if named is None:
                return replace(self, now=None)
            return _Clock(day=named, now=datetime.combine(named, clock))
        day = self.day
        if self.now is not None and self.now - datetime.combine(day, clock) > _BACK:
            if day >= date(2099, 12, 31):
                return replace(self, now=None)
            day += timedelta(days=1)
        return _Clock(day=day, now=datetime.combine(day, clock))

    def _named(self, stamp: re.Match[str]) -> date | None:
        """HexChat names no year: the one before, or the next where the months begin again."""
        if stamp["day"] is not None:
            year, number, day = map(int, stamp["day"].split("-"))
            return _date(year, number, day)
        month = _MONTHS.index(stamp["month"]) + 1
        year = self.day.year + (month < self.day.month and self.now is not None)
        return _date(year, month, int(stamp["monthday"]))


_Kind = tuple[str | None, str]
"""Who said what; nobody, where it is a notice."""


def _kind(line: str) -> _Kind | None:
    """None where it is no line of a log."""
    stamp = _STAMP.match(line)
    if stamp is None:
        return (None, "") if _UNDATED_NOTICE.match(line) else None
    rest = _COLOURS.sub("", line[stamp.end() :])
    said = _SAID.match(rest)
    if said is not None:
        return said["nick"], rest[said.end() :]
    did = _DID.match(rest)
    if did is not None:
        deed = rest[did.end() :]
        return (None, "") if _CAME_OR_WENT.match(deed) else (did["nick"], f"*{deed.strip()}*")
    if _NOTICE.match(rest):
        return None, ""
    tabbed = _TABBED.match(rest) if "\t" in stamp["gap"] else None
    if tabbed is None:
        return None
    nick = tabbed["nick"]
    return (None, "") if nick in _NOT_NICKS else (nick, rest[tabbed.end() :])


def _row(kind: _Kind, at: datetime | None, number: int, ids: RowIds, zone: tzinfo) -> Row:
    nick, text = kind
    author = Author(id=name_id("irc", nick or ""), name=nick or "")
    if at is None:
        return LeftOut(reason=Reason.DATE, author=author.id, line=number)
    if not text.replace("*", " ").strip():
        return LeftOut(reason=Reason.EMPTY, author=author.id, line=number)
    return Message(
        id=ids.of(author.id, at.isoformat(), text),
        channel=ids.channel,
        author=author,
        text=text,
        at=at.replace(tzinfo=zone),
    )


def _named_day(line: str) -> date | None:
    found = _DAY_NAMED.match(line)
    if found is None:
        return None
    return _date(int(found["year"]), _MONTHS.index(found["month"]) + 1, int(found["monthday"]))


def _date(year: int, month: int, day: int) -> date | None:
    """IRC began in 1988."""
    try:
        return date(year, month, day) if 1988 <= year < 2100 else None
    except ValueError:
        return None
