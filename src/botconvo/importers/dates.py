"""Times as programs write them for people: which form a file has is decided for the whole file.

18.03.2024 and 03/18/2024 tell by themselves which number is the day, 03/04/2024 does not: rows wait
until one of the file does, and if none does, the file's order in time and then custom decide.  It
knows nothing of formats.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise
from typing import TypeVar

__all__ = ["Moment", "Unsure", "dated", "is_date"]

_T = TypeVar("_T")
_WAIT_MOST = 20_000
"""Rows that wait for one that tells the day from the month; then the most likely order is taken."""
_NUMBERS = re.compile(
    r"(?<![\d:.])(\d{1,4})(?:([./-])\s?|年\s?)(\d{1,2})(?:[./-]|月)\s?(\d{1,4})(?![\d:])日?"
)
_NAMED = re.compile(
    r"(?<!\d)(?:(?P<day>\d{1,2})[\s.-]{1,2})?(?P<month>[A-Za-z]{3,9})\.?"
    r"(?:[\s-](?P<day2>\d{1,2}),)?[\s,-]{1,2}(?P<year>\d{4}|\d\d)(?![\d:])"
)
_CLOCK = re.compile(
    r"(?<!\d)(\d{1,2})(?::|\.|h| h )(\d\d)(?:[:.](\d\d)(?:[.,](\d{1,7}))?)?(?!\d)", re.I
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = (
    "january february march april may june july august september october november december"
).split()
_WEEKDAYS = frozenset("mon tue wed thu fri sat sun".split()) | frozenset(
    "monday tuesday wednesday thursday friday saturday sunday".split()
)
_MORNING = frozenset({"am", "a m", "πμ", "上午", "午前", "오전"})
_EVENING = frozenset({"pm", "p m", "μμ", "下午", "午後", "오후"})
_NOTHING = frozenset({"", "t", "г", "at", "um", "à", "klo", "kl", "r", "ú"})
_SECONDS = range(9, 12)
_MILLISECONDS = range(12, 15)
_LONGEST = 60


class Unsure(StrEnum):
    """How much of the time a written one leaves out."""

    NOTHING = ""
    SECOND = "second"
    """It is a whole second; the moment lies within it."""
    MINUTE = "minute"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time; ``unsure`` says how long after ``at`` the moment may lie."""

    at: datetime
    unsure: Unsure = Unsure.NOTHING


@dataclass(frozen=True, slots=True)
class _Written:
    """A time on somebody's clock whose day and month may not be told apart yet."""

    date: tuple[int, int, int]
    orders: frozenset[str]
    """In which orders ``date`` can be read, such as "dmy"."""
    clock: tuple[int, int, int, int]
    """Hours, minutes, seconds, microseconds."""
    unsure: Unsure
    custom: tuple[str, ...]
    """The orders, the most likely one first; a single one needs no other dates to tell."""


def dated(
    rows: Iterable[tuple[str | None, _T]], zone: tzinfo
) -> Iterator[tuple[Moment | None, _T]]:
    """Each row with the moment of its time, in the same order; None where none can be read.

    ``zone`` is whose clock the times are by that name no zone.
    """
    calendar = _Calendar(zone)
    waiting: list[tuple[Moment | _Written | None, _T]] = []
    for text, row in rows:
        read = _read(text) if text is not None else None
        if isinstance(read, Moment) and not waiting:
            yield read, row
            continue
        if isinstance(read, _Written):
            calendar.saw(read)
        if not waiting and not (isinstance(read, _Written) and calendar.open()):
            yield calendar.moment(read), row
            continue
        waiting.append((read, row))
        if not calendar.open() or len(waiting) >= _WAIT_MOST:
            yield from _let_go(calendar, waiting)
            waiting = []
    yield from _let_go(calendar, waiting)


def is_date(text: str) -> bool:
    """Whether a time can be read out of this."""
    return _read(text) is not None


def _let_go(
    calendar: "_Calendar", waiting: list[tuple[Moment | _Written | None, _T]]
) -> Iterator[tuple[Moment | None, _T]]:
    calendar.decide([read for read, _ in waiting if isinstance(read, _Written)])
    for read, row in waiting:
        yield calendar.moment(read), row


class _Calendar:
    """Which order the dates of one file have, as far as they have told."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._orders: frozenset[str] | None = None
        self._last: datetime | None = None

    def saw(self, written: _Written) -> None:
        if len(written.custom) == 1:
            return
        both = written.orders if self._orders is None else self._orders & written.orders
        # What fits no order that the others have is a broken row, and decides nothing.
        self._orders = both or self._orders

    def open(self) -> bool:
        """Whether more than one order is still possible."""
        return self._orders is not None and len(self._orders) > 1

    def decide(self, waiting: list[_Written]) -> None:
        """Take the order in which time goes back least, and of those the most usual one."""
        if self._orders is None or not self.open():
            return

        unsure = [written for written in waiting if len(written.custom) > 1]

        def cost(order: str) -> tuple[int, int]:
            times = [_on_clock(written, order) for written in unsure]
            known = [time for time in times if time is not None]
            back = sum(later < earlier for earlier, later in pairwise(known))
            return back, unsure[0].custom.index(order) if unsure else 0

        self._orders = frozenset({min(sorted(self._orders), key=cost)})

    def moment(self, read: Moment | _Written | None) -> Moment | None:
        if not isinstance(read, _Written):
            return read
        if len(read.custom) == 1:
            order: str | None = read.custom[0]
        else:
            (order,) = self._orders or (None,)
        time = _on_clock(read, order) if order in read.orders else None
        if time is None:
            return None
        try:
            return Moment(self._aware(time).astimezone(UTC), read.unsure)
        except (OverflowError, ValueError):
            return None

    def _aware(self, time: datetime) -> datetime:
        """In the hour that autumn's change of clocks repeats, time goes on and not back."""
        first = time.replace(tzinfo=self._zone)
        second = first.replace(fold=1)
        if self._last is not None and first.timestamp() < self._last.timestamp():
            first = second if second.timestamp() >= self._last.timestamp() else first
        self._last = first
        return first


def _read(text: str) -> Moment | _Written | None:
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    if text.isdigit() and text.isascii():
        return _unix(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return _by_people(text)
    if at.tzinfo is not None:
        return Moment(at)
    return _by_people(text.replace("T", " "))


def _unix(text: str) -> Moment | None:
    try:
        if len(text) in _SECONDS:
            return Moment(datetime.fromtimestamp(int(text), UTC), Unsure.SECOND)
        if len(text) in _MILLISECONDS:
            whole = datetime.fromtimestamp(int(text) // 1000, UTC)
            return Moment(whole + timedelta(milliseconds=int(text) % 1000))
    except (OverflowError, ValueError, OSError):
        pass
    return None


def _by_people(text: str) -> _Written | None:
    numbers = _NUMBERS.search(text)
    found = numbers or _NAMED.search(text)
    if found is None:
        return None
    text = f"{text[: found.start()]} {text[found.end() :]}"
    clock = _CLOCK.search(text)
    if clock is None:
        return None
    rest = _words(f"{text[: clock.start()]} {text[clock.end() :]}")
    hour = _hour(int(clock[1]), rest)
    minute, second = int(clock[2]), int(clock[3] or 0)
    if hour is None or minute > 59 or second > 59:
        return None
    micros = int((clock[4] or "").ljust(6, "0")[:6])
    unsure = Unsure.MINUTE if clock[3] is None else Unsure.NOTHING if clock[4] else Unsure.SECOND
    times = (hour, minute, second, micros)
    if numbers is not None:
        return _numbers(numbers, times, unsure, twelve=rest not in _NOTHING)
    return _named(found, times, unsure)


def _numbers(
    found: re.Match[str], clock: tuple[int, int, int, int], unsure: Unsure, *, twelve: bool
) -> _Written | None:
    day = (int(found[1]), int(found[3]), int(found[4]))
    if len(found[1]) >= 3:
        custom: tuple[str, ...] = ("ymd",)
    elif found[2] == "/" and twelve:
        custom = ("mdy", "dmy", "ymd")
    else:
        custom = ("dmy", "mdy", "ymd")
    if len(found[4]) >= 3:
        custom = tuple(order for order in custom if order != "ymd")
    orders = frozenset(order for order in custom if _day(day, order) is not None)
    if not orders:
        return None
    return _Written(day, orders, clock, unsure, custom)


def _named(
    found: re.Match[str], clock: tuple[int, int, int, int], unsure: Unsure
) -> _Written | None:
    name = found["month"].lower()
    known = name in _LONG_MONTHS or name in _MONTHS or name == "sept"
    day = found["day"] or found["day2"]
    if not known or day is None:
        return None
    numbers = (int(day), _MONTHS.index(name[:3]) + 1, int(found["year"]))
    if _day(numbers, "dmy") is None:
        return None
    return _Written(numbers, frozenset({"dmy"}), clock, unsure, ("dmy",))


def _words(rest: str) -> str:
    """What is left beside date and clock: half of the day, or words that mean nothing."""
    words = re.sub(r"[\W_]+", " ", rest).strip().lower()
    return " ".join(word for word in words.split() if word not in _WEEKDAYS)


def _hour(hour: int, rest: str) -> int | None:
    joined = rest.replace(" ", "")
    if rest in _MORNING or joined in _MORNING:
        return hour % 12 if 1 <= hour <= 12 else None
    if rest in _EVENING or joined in _EVENING:
        # "20:59 PM" is written by formats that mix both clocks.
        return hour % 12 + 12 if 0 <= hour <= 12 else hour if hour < 24 else None
    return hour if rest in _NOTHING and hour < 24 else None


def _day(numbers: tuple[int, int, int], order: str) -> tuple[int, int, int] | None:
    """Year, month and day, if there is such a day."""
    by = dict(zip(order, numbers, strict=True))
    year = by["y"] + 2000 if by["y"] < 100 else by["y"]
    try:
        date(year, by["m"], by["d"])
    except (ValueError, OverflowError):
        return None
    return year, by["m"], by["d"]


def _on_clock(written: _Written, order: str) -> datetime | None:
    day = _day(written.date, order)
    return None if day is None else datetime(*day, *written.clock)  # noqa: DTZ001 - its zone is told later
