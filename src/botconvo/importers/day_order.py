"""In which order a file writes day, month and year: decided once for the whole file.

Numbers above 12 and 31 tell; where none does, the days of a chat must not run backwards; where that
tells nothing either, a clock with AM and PM in capitals is American.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

__all__ = ["DayOrder", "Days", "as_date"]

DayOrder = Literal["ymd", "dmy", "mdy"]
Written = tuple[int, int, int]
"""The three numbers as they stand."""


@dataclass(slots=True)
class Days:
    """What the dates of a file have shown so far.  ``seen`` takes them in the order of the file."""

    _first_above: Written = (0, 0, 0)
    """Dates whose first number is above 12, whose second is, and whose first is above 31."""
    _backwards: dict[DayOrder, int] = field(default_factory=dict)
    _last: dict[DayOrder, date] = field(default_factory=dict)
    _american: bool = False

    def seen(self, written: Written, *, american: bool = False) -> None:
        """``american`` says that capital AM or PM stood behind the clock."""
        first, second, _ = written
        one, two, year = self._first_above
        self._first_above = (one + (first > 12), two + (second > 12), year + (first > 31))
        self._american = self._american or american
        orders: tuple[DayOrder, DayOrder] = ("dmy", "mdy")
        for order in orders:
            day = as_date(written, order)
            if day is None:
                continue
            if day < self._last.get(order, day):
                self._backwards[order] = self._backwards.get(order, 0) + 1
            self._last[order] = day

    def order(self) -> DayOrder:
        """The order that fits the most."""
        one, two, year = self._first_above
        if year:
            return "ymd"
        if one != two:
            return "dmy" if one > two else "mdy"
        dmy, mdy = self._backwards.get("dmy", 0), self._backwards.get("mdy", 0)
        if dmy != mdy:
            return "dmy" if dmy < mdy else "mdy"
        return "mdy" if self._american else "dmy"


def as_date(written: Written, order: DayOrder) -> date | None:
    """None where there is no such day.  Years of two digits are of this century."""
    first, second, third = written
    year, month, day = {
        "ymd": (first, second, third),
        "dmy": (third, second, first),
        "mdy": (third, first, second),
    }[order]
    try:
        return date(year + 2000 if year < 100 else year, month, day)
    except ValueError:
        return None
