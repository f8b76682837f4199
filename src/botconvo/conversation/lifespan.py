"""When clones are there: sleep, beginnings, quiet hours, days and a friend's own hours.

Pure; no state.

The law of all spans is GPT-3-Chatbot-2.0's: ``U(min^0.1, max^0.1)^10``, which is mostly short and
now and then long.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from random import Random

from botconvo.personas import PersonaName
from botconvo.zones import zone_of
from model_server.checkpoint.learned_manners import HOURS, Hours

__all__ = ["ABSENT", "activity", "day_of", "next_hour", "presences", "quiet_until", "span"]

_SKEW = 10
_HOURS = re.compile(r"\s*([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)\s*\Z")
_MOST_IN_A_ROW = 10
"""Quiet times that may follow upon each other without a pause."""
ABSENT = 0.2
"""Activity below which somebody is as good as never there at that hour."""


def span(bounds: tuple[float, float], rng: Random) -> timedelta:
    """How long something lasts, from the shortest to the longest, in seconds."""
    least, most = (seconds ** (1 / _SKEW) for seconds in bounds)
    return timedelta(seconds=min(max(rng.uniform(least, most) ** _SKEW, bounds[0]), bounds[1]))


@lru_cache
def _hours(text: str) -> tuple[time, time]:
    match = _HOURS.match(text)
    if match is None:
        raise ValueError(f"{text!r} is no span of hours; write it as '23:00-07:30'")
    first, last = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    if first == last:
        raise ValueError(f"{text!r} has no length; let it end at another time than it begins")
    return first, last


def quiet_until(now: datetime, hours: Sequence[str], zone: str) -> datetime | None:
    """When the quiet time ends in which ``now`` lies; None if it lies in none.

    ``hours`` are spans such as "23:00-07:30", by the clocks of ``zone``.

    Raises:
        ValueError: a span or the zone cannot be read.
    """
    spans, place = [_hours(text) for text in hours], zone_of(zone)
    until = now
    for _ in range(_MOST_IN_A_ROW):
        ends = [_end(until.astimezone(place), *each) for each in spans]
        later = max((end for end in ends if end is not None), default=None)
        if later is None:
            break
        until = later
    return until if until > now else None


def _end(local: datetime, first: time, last: time) -> datetime | None:
    """When a span of every day ends, if ``local`` lies in it."""
    clock = local.time()
    within = first <= clock < last if first < last else clock >= first or clock < last
    if not within:
        return None
    day = local.date() + timedelta(days=int(first > last and clock >= first))
    # An hour that comes twice in autumn: the first end that is still to come.
    ends = (
        datetime.combine(day, last.replace(fold=fold), tzinfo=local.tzinfo).astimezone(UTC)
        for fold in (0, 1)
    )
    coming = [end for end in ends if end > local.astimezone(UTC)]
    return min(coming) if coming else None


def day_of(now: datetime, zone: str) -> tuple[datetime, datetime]:
    """Beginning and end, in UTC, of the day that it is in ``zone``.

    Raises:
        ValueError: there is no such time zone.
    """
    place = zone_of(zone)
    today = now.astimezone(place).date()
    first, last = (
        datetime.combine(day, time(), tzinfo=place).astimezone(UTC)
        for day in (today, today + timedelta(days=1))
    )
    return first, last


def activity(hours: Hours | None, now: datetime) -> float:
    """How much a friend writes at this hour, from 0 to 1; 1 where nobody knows.

    It is 1 in every hour in which the friend writes as much as in the mean one of those hours in
    which it writes at all, and less in proportion in the others.

    Raises:
        ValueError: there is no such time zone.
    """
    if hours is None:
        return 1.0
    mean = sum(hours.shares) / sum(share > 0.0 for share in hours.shares)
    return min(1.0, hours.shares[now.astimezone(zone_of(hours.zone)).hour] / mean)


def next_hour(hours: Hours, now: datetime) -> datetime:
    """When the friend is there again who is absent at this hour, to the full hour.

    Raises:
        ValueError: there is no such time zone.
    """
    begun = now.astimezone(zone_of(hours.zone)).replace(minute=0, second=0, microsecond=0)
    hour = begun.astimezone(UTC)
    coming = (hour + timedelta(hours=ahead) for ahead in range(1, HOURS + 2))
    return next((at for at in coming if activity(hours, at) >= ABSENT), hour + timedelta(days=1))


def presences(
    channels: Iterable[tuple[Iterable[PersonaName], Collection[PersonaName]]],
) -> Mapping[PersonaName, bool]:
    """Whether each persona is away, by (who talks there, who sleeps there) of all channels.

    Only who sleeps in every channel in which it talks is away.
    """
    away: dict[PersonaName, bool] = {}
    for personas, asleep in channels:
        for name in personas:
            away[name] = away.get(name, True) and name in asleep
    return away
