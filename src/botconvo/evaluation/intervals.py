"""Figures with what chance may have made of them.  Pure.

Messages of one session resemble each other, so the bootstrap draws whole sessions: with single
messages the intervals would promise too much.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Estimate", "Floats", "Indices", "auc", "bootstrap", "mean_estimate"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
_LEVEL = 95.0
"""Per cent of the draws that lie within an interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure, the interval in which 95 % of the draws lie, and how many things it is made of."""

    value: float
    low: float
    high: float
    n: int

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            # A percentile interval of a skewed figure may leave the figure out; shown with it.
            object.__setattr__(self, "low", min(self.low, self.value))
            object.__setattr__(self, "high", max(self.high, self.value))


def bootstrap(
    groups: Sequence[int],
    statistic: Callable[[Indices], float],
    *,
    draws: int = 300,
    seed: int = 0,
    n: int | None = None,
) -> Estimate | None:
    """``statistic`` of all, with an interval over draws of whole groups with replacement.

    ``groups[i]`` is the group of thing i.  A draw of which there is no figure (NaN) is left out;
    None where there is none of all.
    """
    labels = np.asarray(groups)
    value = statistic(np.arange(len(labels))) if len(labels) else float("nan")
    if np.isnan(value):
        return None
    members = [np.flatnonzero(labels == group) for group in np.unique(labels)]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        chosen = rng.integers(len(members), size=len(members))
        drawn.append(statistic(np.concatenate([members[i] for i in chosen])))
    figures = np.asarray(drawn, dtype=np.float64)
    figures = figures[~np.isnan(figures)]
    outside = (100.0 - _LEVEL) / 2
    low, high = np.percentile(figures, [outside, 100.0 - outside]) if len(figures) else (value,) * 2
    return Estimate(
        value=float(value),
        low=float(low),
        high=float(high),
        n=len(labels) if n is None else n,
    )


def mean_estimate(
    values: Sequence[float], groups: Sequence[int], *, seed: int = 0
) -> Estimate | None:
    """The mean of ``values``."""
    array = np.asarray(values, dtype=np.float64)
    return bootstrap(groups, lambda chosen: float(array[chosen].mean()), seed=seed)


def auc(positive: Floats, negative: Floats) -> float:
    """How often a score of ``positive`` is above one of ``negative``; ties count half."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    not_above = np.searchsorted(ordered, positive, side="right")
    return float((below + not_above).mean() / 2 / len(negative))
