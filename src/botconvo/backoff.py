"""How long to wait before trying again: a value without a clock, so that it can be tested."""

from dataclasses import dataclass
from random import Random

__all__ = ["Backoff"]


@dataclass(slots=True, kw_only=True)
class Backoff:
    """Doubles from ``first_s`` to ``most_s``, each time spread by a fifth to both sides."""

    first_s: float = 0.5
    most_s: float = 60.0
    rng: Random
    tries: int = 0

    def next_s(self) -> float:
        """Seconds to wait before the next try."""
        plain = min(self.first_s * 2.0 ** min(self.tries, 20), self.most_s)
        self.tries += 1
        return plain * self.rng.uniform(0.8, 1.2)

    def reset(self) -> None:
        self.tries = 0
