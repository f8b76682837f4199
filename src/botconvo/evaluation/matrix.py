"""Whose words does each clone expect?  Perplexities as a table.  Pure."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from botconvo.evaluation.intervals import Estimate, Indices, bootstrap
from botconvo.evaluation.report import Matrix

__all__ = ["Lost", "perplexities", "perplexity"]


class Lost(Protocol):
    """Nats over ``tokens`` tokens of a session."""

    @property
    def session(self) -> int: ...
    @property
    def nats(self) -> float: ...
    @property
    def tokens(self) -> float: ...


def perplexities(
    friends: Sequence[str],
    columns: Sequence[tuple[str, Mapping[str, Sequence[Lost]]]],
    *,
    seed: int = 0,
) -> Matrix | None:
    """The table of all ``friends`` of whom there are losses; None where there are none."""
    rows = [name for name in friends if any(losses.get(name) for _, losses in columns)]
    if not rows:
        return None
    return Matrix(
        rows=tuple(rows),
        columns=tuple(name for name, _ in columns),
        cells=tuple(
            tuple(perplexity(losses.get(row, ()), seed=seed) for _, losses in columns)
            for row in rows
        ),
    )


def perplexity(losses: Sequence[Lost], *, seed: int = 0) -> Estimate | None:
    """exp of the mean loss in nats a token; of as many tokens as ``n`` says."""
    nats = np.array([loss.nats for loss in losses])
    tokens = np.array([loss.tokens for loss in losses])

    def statistic(chosen: Indices) -> float:
        return float(np.exp(nats[chosen].sum() / max(tokens[chosen].sum(), 1e-9)))

    return bootstrap([loss.session for loss in losses], statistic, seed=seed, n=round(tokens.sum()))
