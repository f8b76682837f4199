"""What a training run will take, before it takes it: memory by sizes, time by speed.

Pure: it knows nothing of torch, of files, or of how much memory there is.  Sizes are in bytes,
times in seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from botconvo.training.settings import TrainingSettings

__all__ = ["Forecast", "Need", "Sizes", "fits", "forecast", "memory_needed", "smaller"]

_FLOAT = 4
_HALF_SHARE = 0.6
"""Of activations under bf16 and fp16: sums, norms and masks stay in float32."""
_INPUTS = 1.1
"""Copies of what goes into a matrix; an adapter's dropout keeps one more."""
_OUTPUTS, _WIDTHS, _INNERS, _SCORES, _LOGITS = 0.7, 4.0, 2.0, 2.5, 3.5
"""Copies of a matrix's outcome, of the stream, of the inner layer, of attention and of logits.

Fitted to the measured peak of a GPT-2 of 6 layers of 384; ``BENCHMARKS.md`` has how far off it is.
"""
_ADAPTED, _WHOLE = 28, 24
"""Bytes of a trained weight: itself, gradient, Adam's two means, the best so far, one being saved;
an adapter's are besides kept in two types."""
_SLACK = 80_000_000
"""What libraries take on their first use."""
_FORWARD = 3.0
"""A training step against a forward pass: the usual rule, a little over what was measured."""
_SHORTEST = 64
_FULLEST = 0.95
"""Of the free memory that a run may plan with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Of a base: ``parameters`` of which ``linear`` are matrices of its blocks, whose inputs and
    outputs are ``inputs`` and ``outputs`` numbers wide, all together.

    ``width``, ``inner`` and ``heads`` are of one of ``layers``.  ``largest`` is its largest matrix
    and ``copies`` how many of its weights stand in memory at once while it is loaded.
    """

    parameters: int
    linear: int
    inputs: int
    outputs: int
    layers: int
    width: int
    inner: int
    heads: int
    vocabulary: int
    largest: int
    copies: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Peak memory of the computer and of a GPU (0 where none is used)."""

    computer: int
    gpu: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How long a run takes at least, where it ends as early as it can, and at most."""

    least_s: float
    most_s: float
    tokens_per_s: float


def memory_needed(
    sizes: Sizes, settings: TrainingSettings, *, half: bool, weighted: float, gpu: bool
) -> Need:
    """Peak memory of loading and training, beyond what the process has taken already.

    ``half`` says that bf16 or fp16 is multiplied in, ``weighted`` is the share of tokens with a
    weight in the loss, ``gpu`` says that a GPU with memory of its own does it.
    """
    loading = sizes.copies * _FLOAT * sizes.parameters + 2 * _FLOAT * sizes.largest
    working = _weights(sizes, settings, half) + _activations(sizes, settings, half, weighted)
    if gpu:
        return Need(computer=loading + _SLACK, gpu=working + _SLACK)
    return Need(computer=max(loading, working) + _SLACK)


def _weights(sizes: Sizes, settings: TrainingSettings, half: bool) -> int:
    if settings.method == "full":
        cast = sizes.linear * 2 if half else 0
        return sizes.parameters * _WHOLE + cast
    frozen = _FLOAT * sizes.parameters - (2 * sizes.linear if half else 0)
    return frozen + settings.rank * (sizes.inputs + sizes.outputs) * _ADAPTED


def _activations(sizes: Sizes, settings: TrainingSettings, half: bool, weighted: float) -> int:
    tokens = settings.batch * settings.block
    dropped = settings.method == "lora" and settings.dropout > 0
    a_token = (
        _INPUTS * (1 + dropped) * sizes.inputs
        + _OUTPUTS * sizes.outputs
        + sizes.layers * (_WIDTHS * sizes.width + _INNERS * sizes.inner)
        + sizes.layers * _SCORES * sizes.heads * settings.block
    )
    logits = _LOGITS * sizes.vocabulary * weighted
    return round(tokens * _FLOAT * (a_token * (_HALF_SHARE if half else 1.0) + logits))


def fits(need: Need, free: Need) -> bool:
    """Whether a run may begin with so much free."""
    return need.computer <= _FULLEST * free.computer and need.gpu <= _FULLEST * free.gpu


def smaller(settings: TrainingSettings) -> Iterator[TrainingSettings]:
    """What to try where memory is too short, the least loss first.

    Fewer rows at once make the same clone, a shorter block sees less of a talk, an adapter in place
    of all weights is another clone.
    """
    rows = settings.rows
    for method in ("full", "lora") if settings.method == "full" else ("lora",):
        tried = replace(settings, method=method)
        while tried.block >= _SHORTEST or tried.batch > 1:
            yield tried
            if tried.batch > 1:
                batch = (tried.batch + 1) // 2
                tried = replace(tried, batch=batch, accumulate=-(-rows // batch))
            elif tried.block // 2 >= _SHORTEST:
                tried = replace(tried, block=tried.block // 2)
            else:
                break


def forecast(
    *,
    before: float,
    tokens: int,
    held_out: int,
    epochs: tuple[float, float],
    measurements: tuple[int, int],
    tokens_per_s: float,
) -> Forecast:
    """``before`` tokens that come first in any case, ``tokens`` of a pass, and ``held_out`` ones
    that each of the ``measurements`` goes through.

    Both pairs are of the shortest and of the longest run.
    """
    least, most = (
        (before + passes * tokens + times * held_out / _FORWARD) / tokens_per_s
        for passes, times in zip(epochs, measurements, strict=True)
    )
    return Forecast(least_s=least, most_s=most, tokens_per_s=tokens_per_s)
