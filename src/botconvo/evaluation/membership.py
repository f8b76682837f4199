"""Can somebody who holds a clone's files find out which lines it learned from?  Pure.

The attack is the plainest that there is (membership inference; Carlini et al., "Membership
Inference Attacks From First Principles", 2022, with the base as the reference model): a line is
held to be learned where the clone expects it much more than its base does.  The area under the ROC
curve says how often, of a learned line and a later one, the attack points at the learned one; 0.5
is guessing.

People's topics change with time, and that alone can tell learned lines from later ones; so the
learned ones are the latest, and ``by_time`` tells how well the earlier half of the later lines,
none of which was learned, is told from the later half.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from botconvo.evaluation.evidence import Place
from botconvo.evaluation.intervals import Estimate, Indices, auc, bootstrap

__all__ = ["Expected", "Membership", "latest", "membership_of"]

_FEWEST = 20
"""Lines of each kind below which nothing is said."""
_MOST = 200
"""Lines of each kind; more make the interval hardly narrower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """By how many nats a token the clone expects a line more than its base does."""

    session: int
    gain: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """AUCs: of ``learned`` lines against ``later`` ones, and of later ones by time alone."""

    auc: Estimate
    by_time: Estimate | None
    learned: int
    later: int


def latest(places: Sequence[Place]) -> tuple[Place, ...]:
    """The last places at which something was said, as many as are looked at."""
    return tuple(place for place in places if place.said is not None)[-_MOST:]


def membership_of(
    learned: Sequence[Expected], later: Sequence[Expected], *, seed: int = 0
) -> Membership | None:
    """None where there are too few lines.  No session may have lines of both kinds."""
    if min(len(learned), len(later)) < _FEWEST:
        return None
    whole = _told_apart(learned, later, seed)
    if whole is None:
        return None
    half = len(later) // 2
    by_time = _told_apart(later[:half], later[half:], seed) if half >= _FEWEST // 2 else None
    return Membership(auc=whole, by_time=by_time, learned=len(learned), later=len(later))


def _told_apart(
    first: Sequence[Expected], second: Sequence[Expected], seed: int
) -> Estimate | None:
    gains = np.array([each.gain for each in (*first, *second)])
    is_first = np.arange(len(gains)) < len(first)

    def statistic(chosen: Indices) -> float:
        mine, others = gains[chosen[is_first[chosen]]], gains[chosen[~is_first[chosen]]]
        return auc(mine, others) if len(mine) and len(others) else float("nan")

    return bootstrap([each.session for each in (*first, *second)], statistic, seed=seed)
