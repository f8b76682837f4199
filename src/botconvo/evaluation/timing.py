"""Learned manners beside what the friend did later: delays, rows of messages, hours.  Pure.

No talk is needed for that: a clone draws from what was learned, so that is compared.  Distances are
Jensen-Shannon's, as those of ``habits``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from botconvo.corpus import Observed, learned_manners, told_manners
from botconvo.corpus.timing import LEAST, counted
from botconvo.evaluation.habits import Count, HabitFound, jensen_shannon
from botconvo.evaluation.intervals import Indices, bootstrap
from model_server.checkpoint.learned_manners import HOURS, LearnedManners

__all__ = ["MannersFound", "compare_manners"]

_SPAN = 3
"""Hours that are shown together."""
_HOUR_PARTS = tuple(float(hour) for hour in range(_SPAN, HOURS + 1, _SPAN))

Values = Sequence[tuple[float, int]]
"""With the number of the conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MannersFound:
    """What was learned and what the friend did later, in words and as distributions.

    In ``compared``, ``first`` are the friend's later shares and ``second`` the learned ones, which
    the clone goes by.  ``others`` are by name the mean distances of other friends' later ones.
    """

    learned: str
    later: str
    compared: tuple[HabitFound, ...] = ()
    others: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Something that was learned, and where the same is observed of anybody."""

    name: str
    kinds: tuple[str, ...]
    below: tuple[float, ...]
    shares: Count

    def values(self, own: Observed, *, exact: bool) -> Values:
        match self.name:
            case "delay":
                return own.delays if exact else [*own.delays, *own.whole]
            case "row":
                return own.bursts
            case _:
                return own.hours

    def distance(self, values: Values) -> float | None:
        """None of too few."""
        if len(values) < LEAST:
            return None
        counts = counted((value for value, _ in values), self.below)
        return jensen_shannon(np.array(counts, dtype=np.float64), self.shares)


def compare_manners(
    learned: LearnedManners | None, later: Mapping[str, Observed], name: str, *, seed: int = 0
) -> MannersFound | None:
    """``later`` is what everybody did, by the clocks of the learned zone; None: nothing learned."""
    if learned is None:
        return None
    own = later.get(name, Observed())
    zone = "UTC" if learned.hours is None else learned.hours.zone
    compared, others = [], dict[str, float]()
    for kind in _kinds(learned):
        compared.append(_compared(kind, kind.values(own, exact=learned.exact), seed))
        found = [
            kind.distance(kind.values(other, exact=learned.exact))
            for who, other in later.items()
            if who != name
        ]
        there = [each for each in found if each is not None]
        if there:
            others[kind.name] = sum(there) / len(there)
    return MannersFound(
        learned=told_manners(learned),
        later=told_manners(learned_manners(own, zone=zone)),
        compared=tuple(compared),
        others=others,
    )


def _kinds(learned: LearnedManners) -> list[_Kind]:
    found = []
    if (delays := learned.delays) is not None:
        names = tuple(f"< {_time(below)}" for below in delays.below[:-1])
        found.append(_Kind("delay", (*names, "longer"), delays.below, np.array(delays.shares)))
    if (bursts := learned.bursts) is not None:
        counts = [f"{below - 1:.0f}" for below in bursts.below]
        kinds = (*counts[:-1], f"{counts[-1]} or more")
        found.append(_Kind("row", kinds, bursts.below, np.array(bursts.shares)))
    if (hours := learned.hours) is not None:
        spans = tuple(f"{below - _SPAN:.0f}-{below:.0f}" for below in _HOUR_PARTS)
        shares = np.array(hours.shares).reshape(-1, _SPAN).sum(axis=1)
        found.append(_Kind("hours", spans, _HOUR_PARTS, shares))
    return found


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.0f} min"


def _compared(kind: _Kind, values: Values, seed: int) -> HabitFound:
    counts = np.array(counted((v for v, _ in values), kind.below), dtype=np.float64)
    parts = np.array([np.argmax(counted([v], kind.below)) for v, _ in values], dtype=np.intp)

    def statistic(chosen: Indices) -> float:
        drawn = np.bincount(parts[chosen], minlength=len(kind.below))
        return jensen_shannon(drawn.astype(np.float64), kind.shares)

    groups = [session for _, session in values]
    return HabitFound(
        name=kind.name,
        kinds=kind.kinds,
        distance=bootstrap(groups, statistic, seed=seed) if len(values) >= LEAST else None,
        first=tuple((counts / max(counts.sum(), 1.0)).tolist()),
        second=tuple(kind.shares.tolist()),
    )
