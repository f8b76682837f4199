"""The numbers of a training run, and the digest by which a stopped run knows itself again.

Plain values: it knows nothing of torch.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Literal

from botconvo.errors import TrainingError

__all__ = ["EPOCHS", "KEPT_VERSIONS", "Method", "Precision", "TrainingSettings", "Weights"]

Method = Literal["auto", "lora", "full"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Weights = Literal["q8_0", "f16"]
"""How exactly whole weights are written: q8_0 is half of f16's size, and faster."""

KEPT_VERSIONS = 3
"""Older versions of a clone that stay beside it, where nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """Rank and context weight were found by trial on two of the sample friends, each on 190
    to 300 own lines and an early base; figures are held-out losses (Juno, Marek) in nats.
    """

    epochs: float | None = None
    """At most so many passes over the corpus; the best one by held-out loss is kept.

    None: a number for the method (``for_base``).
    """
    method: Method = "auto"
    """Matrices beside the frozen base (lora), or all weights; auto are all of a small base.

    With auto a base from elsewhere is converted before its size is known, into q8_0.
    """
    rank: int = 16
    """Rank of the LoRA matrices; alpha is twice the rank.  16: 4.69; 8: 4.75 (Juno alone)."""
    rate: float = 0.0
    """Highest learning rate; 0 is one for the method and the base's size (``for_base``)."""
    seed: int = 0
    block: int = 256
    """Most tokens of a window: the context that a line is learned with."""
    batch: int = 4
    """Rows of ``block`` tokens that are worked on at once.

    After 210,000 tokens of one friend by LoRA: 8: 4.574; 4: 4.501; 2: 4.475, in longer.
    """
    accumulate: int = 1
    """So many batches make a step: as a batch of all their rows, in the memory of one."""
    precision: Precision = "auto"
    """What is multiplied in; auto is bf16 where the device itself has it, else fp32."""
    save_as: Weights = "q8_0"
    """Of the weights that ``full`` writes; an adapter is small, and always f16."""
    context_weight: float = 0.0
    """Weight of the others' words in the loss, against 1 for the friend's own.

    0.0: 4.70, 4.61; 0.1: 4.69, 4.61; 0.3: 4.79, 4.63: between 0 and 0.1 there is only noise, and
    with 0 what follows the last own line of a window need not be read.
    """
    head_weight: float = 0.0
    """Weight of the name and the colon that a line begins with, whoever's: who speaks next.

    Without it a clone of the bundled base cannot tell whose turn it is.  After half a pass Juno's
    own words: 0.0: 4.181; 0.1: 4.210; 0.3: 4.251; and turns were not told well by any (``LOG.md``).
    """
    everybody: float | None = None
    """Passes over all lines of the corpus, whoever's, before those over the friend's own.

    None: one, or a part of it where that would take twice as long as what comes after.
    """
    dropout: float = 0.0
    """Of an adapter alone; 0.05 takes a fifth of the speed."""
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
            if field.name not in _BOUNDS:
                continue
            value = getattr(self, field.name)
            low, high = _BOUNDS[field.name]
            if value is not None and not low <= value <= high:
                word = _WORDS.get(field.name, field.name)
                raise TrainingError(f"{word} {value:g}: must be from {low:g} to {high:g}")

    @property
    def base_weights(self) -> Weights:
        """How exactly the base is kept: an adapter is served on what it was trained on."""
        return "f16" if self.method == "full" else "q8_0"

    @property
    def rows(self) -> int:
        """Rows of a step."""
        return self.batch * self.accumulate

    def for_base(self, parameters: int, context: int) -> "TrainingSettings":
        """The same for a base of so many weights and of this context, without open questions."""
        method = self.method
        if method == "auto":
            method = "full" if parameters <= _SMALL else "lora"
        rate = self.rate or next(r for most, r in _RATES[method] if parameters <= most)
        epochs = EPOCHS[method] if self.epochs is None else self.epochs
        block = min(self.block, context)
        return replace(self, method=method, rate=rate, epochs=epochs, block=block)

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


_SMALL = 5e7
"""Weights of a base that are all trained where nothing is said: as fast as an adapter, a file of 16
MB in place of 1, and a loss that is 0.16 to 0.23 nats lower (``BENCHMARKS.md``).
"""
EPOCHS: dict[Method, float] = {"lora": 4.0, "full": 1.5}
"""With 1,000 to 1,500 own lines an adapter was best after 2 or 3 passes, whole weights after 0.9.

The rate falls over all that are planned, so planning many more loses a little (adapters, Tilly:
3.420 of 4, 3.447 of 12; whole weights, Juno: 3.480 of 2, 3.502 of 4).
"""
_RATES: dict[Method, tuple[tuple[float, float], ...]] = {
    "lora": ((_SMALL, 3e-3), (5e8, 1e-3), (float("inf"), 3e-4)),
    "full": ((_SMALL, 6e-4), (5e8, 5e-5), (float("inf"), 2e-5)),
}
"""(parameters at most, highest learning rate).

At 14 M weights LoRA was measured (Juno and Marek: 3e-3: 4.44, 4.60; 1e-3: 4.62, 4.68), and whole
weights at 6e-4 alone.  5e-5 is what FriendSimulator trained a GPT-2 with, as transformers' Trainer
does by default.  The others follow from rules of thumb: LoRA wants five to twenty times as much,
and larger models less of both.
"""
_WORDS = {
    "block": "block size",
    "rate": "learning rate",
    "context_weight": "context weight",
    "head_weight": "head weight",
}
_BOUNDS: dict[str, tuple[float, float]] = {
    "epochs": (0.01, 1000.0),
    "rank": (1, 512),
    "rate": (0.0, 1.0),
    "seed": (0, 2**32 - 1),
    "block": (32, 4096),
    "batch": (1, 1024),
    "accumulate": (1, 1024),
    "context_weight": (0.0, 1.0),
    "head_weight": (0.0, 1.0),
    "everybody": (0.0, 1000.0),
    "dropout": (0.0, 0.9),
    "weight_decay": (0.0, 1.0),
    "warmup": (0, 10_000),
    "clip": (1e-3, 1e3),
    "patience": (1, 1000),
}
