"""The numbers of a training run, and the digest by which a stopped run knows itself again.

Plain values: it knows nothing of torch.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields

from botconvo.errors import TrainingError

__all__ = ["TrainingSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """Rate, rank and context weight were found by trial on two of the sample friends, each on 190
    to 300 own lines and an early base; figures are held-out losses (Juno, Marek) in nats.
    """

    epochs: float = 4.0
    """At most so many passes over the corpus; the best one by held-out loss is kept.

    With 1,000 to 1,500 own lines the best came after 2 or 3.  The rate falls over all of them, so
    planning many more loses a little (Tilly: 3.420 of 4, 3.447 of 12; Juno: 3.893 of 3, 3.900).
    """
    rank: int = 16
    """Rank of the LoRA matrices; alpha is twice the rank.  16: 4.69; 8: 4.75 (Juno alone)."""
    rate: float = 3e-3
    """Highest learning rate.  3e-3: 4.44, 4.60; 1e-3: 4.62, 4.68."""
    seed: int = 0
    block: int = 256
    """Most tokens of a window: the context that a line is learned with."""
    batch: int = 8
    """Rows of ``block`` tokens a step."""
    context_weight: float = 0.1
    """Weight of the others' words in the loss, against 1 for the friend's own.

    0.0: 4.70, 4.61; 0.1: 4.69, 4.61; 0.3: 4.79, 4.63: between 0 and 0.1 there is only noise.
    """
    dropout: float = 0.05
    weight_decay: float = 0.01
    warmup: int = 10
    """Steps until the learning rate is at its highest."""
    clip: float = 1.0
    """Largest norm of a step's gradient."""
    patience: int = 3
    """Half epochs without a better held-out loss after which the run ends."""

    def __post_init__(self) -> None:
        """
        Raises:
            TrainingError: a number makes no sense.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            low, high = _BOUNDS[field.name]
            if not low <= value <= high:
                raise TrainingError(f"{field.name} {value:g}: must be from {low:g} to {high:g}")

    @property
    def overlap(self) -> int:
        """Most tokens of context that a later window of a session repeats from the one before."""
        return self.block * 3 // 8

    @property
    def alpha(self) -> int:
        """What the LoRA matrices' product is multiplied with, times the rank."""
        return 2 * self.rank

    def digest(self, *inputs: str) -> str:
        """SHA-256 in hexadecimal over the settings and over the digests of all that goes in."""
        text = json.dumps([asdict(self), inputs], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


_BOUNDS: dict[str, tuple[float, float]] = {
    "epochs": (0.01, 1000.0),
    "rank": (1, 512),
    "rate": (1e-7, 1.0),
    "seed": (0, 2**32 - 1),
    "block": (32, 4096),
    "batch": (1, 1024),
    "context_weight": (0.0, 1.0),
    "dropout": (0.0, 0.9),
    "weight_decay": (0.0, 1.0),
    "warmup": (0, 10_000),
    "clip": (1e-3, 1e3),
    "patience": (1, 1000),
}
