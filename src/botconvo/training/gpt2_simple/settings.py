"""The numbers of a run of gpt-2-simple: its own defaults, but for how long it runs.

Plain values: it knows nothing of TensorFlow.
"""

from dataclasses import dataclass, fields
from typing import Literal

from botconvo.errors import TrainingError

__all__ = ["BLOCK", "Optimizer", "SimpleSettings"]

BLOCK = 1024
"""Tokens that gpt-2-simple learns at a time; it takes no other number."""
Optimizer = Literal["adam", "sgd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleSettings:
    """Rate, batch, accumulation, optimizer, samples and states are gpt-2-simple's own defaults."""

    steps: int = 1000
    """Its own number is -1, without end.  At 1,000 it saves its first state, and its own examples
    end there."""
    rate: float = 1e-4
    batch: int = 1
    accumulate: int = 5
    """Batches that make a step."""
    optimizer: Optimizer = "adam"
    sample_every: int = 100
    """Steps between two samples of 1,023 tokens, which take a minute each on a CPU; 0 for none."""
    save_every: int = 1000
    """Steps between two states; the last one is always saved."""
    seed: int = 0

    def __post_init__(self) -> None:
        """
        Raises:
            TrainingError: a number makes no sense.
        """
        for field in fields(self):
            if field.name not in _BOUNDS:
                continue
            value = getattr(self, field.name)
            low, high = _BOUNDS[field.name]
            if not low <= value <= high:
                word = _WORDS.get(field.name, field.name)
                raise TrainingError(f"{word} {value:g}: must be from {low:g} to {high:g}")

    @property
    def tokens(self) -> int:
        """Tokens of a step."""
        return BLOCK * self.batch * self.accumulate


_WORDS = {
    "rate": "learning rate",
    "sample_every": "sample every",
    "save_every": "save every",
}
_BOUNDS: dict[str, tuple[float, float]] = {
    "steps": (1, 10_000_000),
    "rate": (1e-7, 1.0),
    "batch": (1, 1024),
    "accumulate": (1, 1024),
    "sample_every": (0, 10_000_000),
    "save_every": (1, 10_000_000),
    "seed": (0, 2**31 - 1),
}
