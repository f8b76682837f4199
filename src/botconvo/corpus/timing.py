"""When and how much people write: observed message by message, kept as learned manners.  Pure.

``Observed`` never leaves the memory.  What becomes of it (``LearnedManners``) are shares in
hundredths over a few wide parts, each of which rests on at least ``TOGETHER`` messages, so that no
message's time can be read from it; of no histogram with fewer than ``LEAST`` in all.

Some formats tell no times, and importers make some up; of such messages neither delays nor messages
in a row nor hours are learned.  Other formats write whole minutes: where there are too few messages
with seconds, delays below a minute count as one.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from botconvo.corpus.sessions import SILENCE
from botconvo.messages import Message, tells_time
from botconvo.people import People
from botconvo.zones import zone_of
from model_server.checkpoint.learned_manners import HOURS, Hours, LearnedManners, Shares

__all__ = [
    "BURST_PARTS",
    "DELAY_PARTS",
    "LEAST",
    "MINUTE_PARTS",
    "TOGETHER",
    "Observed",
    "counted",
    "learned_manners",
    "observe",
]

LEAST = 30
"""Observations of which a histogram is made; with fewer its parts are mostly chance."""
TOGETHER = 5
"""Messages that a share rests on at least; fewer count as none."""
DELAY_PARTS = (3.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0)
MINUTE_PARTS = DELAY_PARTS[3:]
BURST_PARTS = (2.0, 3.0, 4.0, 5.0, 6.0)
"""One message, two, three, four, five or more."""
_BURST = timedelta(minutes=2)
"""Longer after one's own message is not the same breath any more."""
_DAYS = 14
"""Different days that hours of the day are told from; a weekend tells nothing of a life."""
_SOME = 20
"""Messages of a channel from which it can be told how exact its times are."""
_MOMENTS = 3
"""Times of day in a channel that tells days only: midnight, in summer and in winter."""
_LEAST_TALKATIVE = 0.1
_USUAL = 0.5


@dataclass(slots=True)
class Observed:
    """What one person did.  ``delays`` and ``bursts`` are pairs with the conversation's number.

    ``delays`` are in seconds, ``whole`` the same of channels with whole minutes.  ``fair`` are the
    turns that would have been a fair share, of conversations with others.
    """

    messages: int = 0
    words: int = 0
    reactions: int = 0
    turns: int = 0
    fair: float = 0.0
    delays: list[tuple[float, int]] = field(default_factory=list)
    whole: list[tuple[float, int]] = field(default_factory=list)
    bursts: list[tuple[int, int]] = field(default_factory=list)
    hours: list[tuple[int, int]] = field(default_factory=list)
    days: set[int] = field(default_factory=set)


def observe(
    messages: Iterable[Message],
    people: People,
    *,
    zone: str = "UTC",
    silence: timedelta = SILENCE,
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[str, Observed]:
    """What everybody did, by name, in conversations that began after ``since``.

    Messages may come in any order; those later than ``until`` do not count.  Hours are by the
    clocks of ``zone``; a longer ``silence`` ends a conversation.

    Raises:
        ValueError: there is no such time zone.
    """
    found: dict[str, Observed] = {}
    number = 0
    for channel in _channels(messages, until):
        exactness = _exactness(channel)
        for talk in _talks(channel, silence):
            number += 1
            if since is None or talk[0].at > since:
                _take(found, talk, people, number, exactness, zone)
    return found


def _channels(messages: Iterable[Message], until: datetime | None) -> Iterator[list[Message]]:
    channels: dict[str, list[Message]] = {}
    for message in messages:
        if message.author.kind != "system" and (until is None or message.at <= until):
            channels.setdefault(message.channel, []).append(message)
    for channel in channels.values():
        yield sorted(channel, key=lambda message: message.at)


def _exactness(channel: Sequence[Message]) -> timedelta | None:
    """What the times of a channel are rounded to; None where they tell nothing."""
    if not all(map(tells_time, channel)):
        return None
    moments = {message.at.time() for message in channel}
    if len(channel) >= _SOME and len(moments) <= _MOMENTS:
        return None
    whole = sum(not message.at.second and not message.at.microsecond for message in channel)
    return timedelta(minutes=1) if 2 * whole > len(channel) else timedelta(0)


def _talks(channel: Sequence[Message], silence: timedelta) -> Iterator[list[Message]]:
    talk: list[Message] = []
    for message in channel:
        if talk and message.at - talk[-1].at > silence:
            yield talk
            talk = []
        talk.append(message)
    if talk:
        yield talk


def _take(
    found: dict[str, Observed],
    talk: Sequence[Message],
    people: People,
    number: int,
    exactness: timedelta | None,
    zone: str,
) -> None:
    names = [people.speaker(message.author) for message in talk]
    for name, message in zip(names, talk, strict=True):
        own = found.setdefault(name, Observed())
        own.messages += 1
        own.words += len(message.text.split())
        for reaction in message.reactions:
            if reaction.author is not None:
                found.setdefault(people.speaker(reaction.author), Observed()).reactions += 1
    _take_turns(found, names)
    if exactness is not None:
        _take_times(found, names, [message.at for message in talk], number, exactness)
        place = zone_of(zone)
        for name, message in zip(names, talk, strict=True):
            local = message.at.astimezone(place)
            found[name].hours.append((local.hour, number))
            found[name].days.add(local.toordinal())


def _take_turns(found: dict[str, Observed], names: Sequence[str]) -> None:
    turns = Counter(
        name for place, name in enumerate(names) if place == 0 or names[place - 1] != name
    )
    if len(turns) > 1:
        for name, count in turns.items():
            found[name].turns += count
            found[name].fair += sum(turns.values()) / len(turns)


def _take_times(
    found: dict[str, Observed],
    names: Sequence[str],
    times: Sequence[datetime],
    number: int,
    exactness: timedelta,
) -> None:
    row = 0
    for place, name in enumerate(names):
        first = place == 0
        gap = timedelta(0) if first else times[place] - times[place - 1]
        if not first and names[place - 1] != name:
            own = found[name]
            delays = own.whole if exactness else own.delays
            delays.append((gap.total_seconds(), number))
        row = row + 1 if not first and names[place - 1] == name and gap <= _BURST else 1
        ends = (
            place + 1 == len(names)
            or names[place + 1] != name
            or times[place + 1] - times[place] > _BURST
        )
        if ends:
            found[name].bursts.append((row, number))


def learned_manners(own: Observed, *, zone: str = "UTC") -> LearnedManners | None:
    """What a checkpoint may keep of it; None where that is nothing.

    ``zone`` is the one that hours were observed by.
    """
    exact = len(own.delays) >= LEAST or not own.whole
    delays = own.delays if exact else [*own.delays, *own.whole]
    if own.messages < LEAST:
        return None
    return LearnedManners(
        messages=_rounded(own.messages),
        exact=exact,
        delays=_shares([value for value, _ in delays], DELAY_PARTS if exact else MINUTE_PARTS),
        bursts=_shares([value for value, _ in own.bursts], BURST_PARTS),
        hours=_hours(own, zone),
        words=round(own.words / own.messages, 1),
        talkativeness=_talkativeness(own),
        reactions=_hundredths(own.reactions, own.reactions + own.messages),
    )


def counted(values: Iterable[float], below: Sequence[float]) -> list[int]:
    """How many of the values lie in each part; the last holds all above, too."""
    counts = [0] * len(below)
    for value in values:
        counts[min(bisect_right(below, value), len(below) - 1)] += 1
    return counts


def _shares(values: Sequence[float], below: tuple[float, ...]) -> Shares | None:
    shares = _kept(counted(values, below))
    return None if shares is None else Shares(below=below, shares=shares)


def _hours(own: Observed, zone: str) -> Hours | None:
    counts = Counter(hour for hour, _ in own.hours)
    shares = _kept([counts[hour] for hour in range(HOURS)])
    if shares is None or len(own.days) < _DAYS:
        return None
    return Hours(zone=zone, shares=shares)


def _kept(counts: Sequence[int]) -> tuple[float, ...] | None:
    """Shares in hundredths of what is common enough; None where too little is."""
    common = [count if count >= TOGETHER else 0 for count in counts]
    total = sum(common)
    return None if total < LEAST else tuple(round(count / total, 2) for count in common)


def _talkativeness(own: Observed) -> float | None:
    """Half of the own turns for each turn that a fair share would have been."""
    if own.turns < LEAST or not own.fair:
        return None
    return round(min(1.0, max(_LEAST_TALKATIVE, _USUAL * own.turns / own.fair)), 2)


def _hundredths(count: int, total: int) -> float:
    return round((count if count >= TOGETHER else 0) / total, 2)


def _rounded(count: int) -> int:
    """To two digits: 1234 is 1200."""
    step = int(10 ** max(0, len(str(count)) - 2))
    return round(count / step) * step
