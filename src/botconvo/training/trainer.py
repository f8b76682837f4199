"""The loop: steps, measurements, early stopping, and a state from which it goes on.

Every draw follows from the seed and the step's number, so a run that was stopped and goes on ends
where an uninterrupted one does.  It knows nothing of people, folders of a project or GGUF.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch

from botconvo.errors import TrainingError
from botconvo.training.estimate import forecast
from botconvo.training.examples import Window, batch_of
from botconvo.training.memory import is_out_of_memory
from botconvo.training.network import Network
from botconvo.training.progress import Reporter, Started, Step
from botconvo.training.settings import TrainingSettings
from botconvo.training.state import Position, StateFile

__all__ = ["Examples", "Trained", "train"]

_SMALLEST_SCALE = 1e-3
"""fp16's gradients are scaled up; where even this is too much, they have no end."""
_TRYING_S = 3.0
"""How long a run's speed is measured before it begins, at most."""
_MOST_FIRST = 2
"""Everybody's lines take at most so many times the steps of the friend's own, where nobody says."""
_SHORT = 32
"""Tokens of the first try, which is not counted where a longer one can be afforded."""

T = TypeVar("T")
Rows = Sequence[Sequence[Window]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Packed rows to train on and to measure on; ``pad`` is the token that fills rows up.

    In ``held_out`` only the speaker's own words have a weight, in ``everybody`` everybody's have
    the same: those rows come first, for ``TrainingSettings.everybody`` passes.
    """

    train: Rows
    held_out: Rows
    pad: int
    everybody: Rows = ()

    @property
    def tokens(self) -> int:
        """Tokens of a pass over ``train``."""
        return _tokens(self.train)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """How a run ended.  ``finished`` is False where it was stopped; its state is saved then.

    ``lost`` is the step at which the loss was no number any more, where that ended it: the best
    state before it was kept.
    """

    finished: bool
    steps: int
    epochs: float
    base_loss: float
    best_loss: float
    best_epoch: float
    lost: int | None = None


def train(
    network: Network,
    examples: Examples,
    settings: TrainingSettings,
    state: StateFile,
    reporter: Reporter,
    stopped: Callable[[], bool],
    memory: tuple[int, int] = (0, 0),
) -> Trained:
    """Train the network; afterwards it holds the best of its states by held-out loss.

    Where memory turns out to be too short, fewer rows are worked on at once and more batches make a
    step, so that steps stay the same.  ``memory`` is what the reporter is told: bytes that are
    needed, and those that were free.

    Raises:
        TrainingError: the loss is no number any more and no state before it was better than the
            base, memory is too short for a single row, or the disk is full.
    """
    return _Run(network, examples, settings, state, reporter).go(stopped, memory)


class _Lost(Exception):  # noqa: N818  (it never leaves this module)
    """The loss is no number any more."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step


class _Run:
    def __init__(
        self,
        network: Network,
        examples: Examples,
        settings: TrainingSettings,
        state: StateFile,
        reporter: Reporter,
    ) -> None:
        self._network, self._examples, self._settings = network, examples, settings
        self._state, self._reporter = state, reporter
        self._parameters = network.parameters
        self._optimizer = torch.optim.AdamW(
            self._parameters.values(), lr=settings.rate, weight_decay=settings.weight_decay
        )
        self._scaler = torch.amp.GradScaler(network.device.type, enabled=network.is_fp16)
        self._per_epoch = math.ceil(len(examples.train) / settings.rows)
        self._first_epoch = math.ceil(len(examples.everybody) / settings.rows)
        assert settings.epochs is not None, "settings.for_base chooses"
        own = max(1, math.ceil(settings.epochs * self._per_epoch))
        everybody = settings.everybody
        self._first = (
            min(self._first_epoch, _MOST_FIRST * own)
            if everybody is None
            else math.ceil(everybody * self._first_epoch)
        )
        self._total = self._first + own
        self._every = max(1, self._per_epoch // 2)
        self._batch = settings.batch
        self._best: dict[str, torch.Tensor] = network.learned()
        self._recent: list[float] = []

    def go(self, stopped: Callable[[], bool], memory: tuple[int, int]) -> Trained:
        position = self._begin(memory)
        began, first, tokens = time.monotonic(), position.step, 0
        while position.step < self._total and position.worse < self._settings.patience:
            if stopped():
                self._save(position)
                return self._result(position, finished=False)
            try:
                tokens += self._step(position)
                measured = position.step % self._every == 0 or position.step == self._total
                is_best = measured and self._measure(position)
            except _Lost as lost:
                return self._end_at(lost, position)
            seconds = time.monotonic() - began
            self._reporter.stepped(
                Step(
                    step=position.step,
                    loss=sum(self._recent) / len(self._recent),
                    tokens_per_s=tokens / seconds,
                    seconds_left=seconds / (position.step - first) * (self._total - position.step),
                    held_out=position.losses[-1][1] if measured else None,
                    is_best=is_best,
                )
            )
            if measured:
                self._recent.clear()
                self._save(position)
        self._network.set_learned(self._best)
        return self._result(position, finished=True)

    def _begin(self, memory: tuple[int, int]) -> Position:
        """Where an earlier run of the same kind stopped, or the very beginning."""
        saved = self._state.read()
        if saved is not None:
            self._restore(saved[1])
            self._batch = saved[0].batch or self._batch
        position = Position(base_loss=math.nan) if saved is None else saved[0]
        self._reporter.started(self._started(position, memory))
        if saved is None:
            position.base_loss = self._held_out_loss()
        self._reporter.based(position.base_loss)
        return position

    def _started(self, position: Position, memory: tuple[int, int]) -> Started:
        first = max(0, self._first - position.step)
        most = max(0, self._total - position.step - first)
        # Nothing gets better any more; the first measurement of own lines is the lowest so far.
        bad = self._settings.patience - position.worse + (not self._own_losses(position))
        steps = min(most, max(0, bad) * self._every), most
        early = first // self._every  # measurements that cannot end it
        return Started(
            total=self._total,
            done=position.step,
            everybody=self._first,
            steps_per_epoch=self._per_epoch,
            forecast=forecast(
                before=first * _tokens(self._examples.everybody) / max(1, self._first_epoch),
                tokens=_tokens(self._examples.train),
                held_out=_tokens(self._examples.held_out),
                epochs=(steps[0] / self._per_epoch, steps[1] / self._per_epoch),
                measurements=(
                    early + steps[0] // self._every,
                    early - (-steps[1] // self._every),
                ),
                tokens_per_s=self._speed(),
            ),
            needs=memory[0],
            free=memory[1],
        )

    def _speed(self) -> float:
        """Tokens a second of forward and backward passes, which change nothing.

        Each try is larger than the one before, as long as it can be afforded: a large base on a
        slow computer takes half a minute for one batch.
        """
        # Where everybody's words count, more of them are weighed: that is the slower part.
        rows = self._examples.everybody or self._examples.train
        beginning = rows[0][0]
        short = replace(
            beginning, tokens=beginning.tokens[:_SHORT], weights=beginning.weights[:_SHORT]
        )
        speed, left = 0.0, _TRYING_S
        for tried in ([[short]], rows[:1], rows[: self._batch]):
            if speed and _tokens(tried) / speed > left:
                break
            seconds = self._timed(tried)
            speed, left = _tokens(tried) / seconds, left - seconds
        self._optimizer.zero_grad(set_to_none=True)
        return speed

    def _timed(self, rows: Rows) -> float:
        began = time.monotonic()
        self._within_memory(lambda: self._backward(rows, total=1.0))
        return max(time.monotonic() - began, 1e-9)

    def _step(self, position: Position) -> int:
        """One step of the optimizer; how many tokens it took."""
        settings, step = self._settings, position.step
        rows = self._rows_of(step)

        def pass_through() -> float:
            torch.manual_seed((settings.seed << 20) + step)  # for dropout
            return self._backward(rows)

        loss = self._within_memory(pass_through)
        self._scaler.unscale_(self._optimizer)
        norm = float(torch.nn.utils.clip_grad_norm_(self._parameters.values(), settings.clip))
        if not math.isfinite(loss) or not (math.isfinite(norm) or self._can_scale_down()):
            raise _Lost(step)
        for group in self._optimizer.param_groups:
            group["lr"] = rate_at(step, self._total, settings)
        try:
            self._scaler.step(self._optimizer)  # not at all where fp16 was too small
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise self._too_large() from None  # some weights may have moved: only a state helps
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)
        self._recent.append(loss)
        position.step += 1
        return _tokens(rows)

    def _backward(self, rows: Rows, total: float | None = None) -> float:
        """The weighted mean loss over a step's rows, whose gradients are left in the parameters."""
        batch = self._batch
        parts = [rows[start : start + batch] for start in range(0, len(rows), batch)]
        total = total or (None if len(parts) == 1 else _weight(rows))
        loss = 0.0
        for part in parts:
            partial = self._network.loss(batch_of(part, self._examples.pad), total)
            torch.autograd.backward(self._scaler.scale(partial))
            loss += float(partial.detach())
        return loss

    def _within_memory(self, work: Callable[[], T]) -> T:
        """Do it again with half as many rows at once as long as memory is too short.

        Raises:
            TrainingError: it is too short for a single row.
        """
        while True:
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Out here: the error holds on to all that was computed.
            self._optimizer.zero_grad(set_to_none=True)
            if self._network.device.type == "cuda":
                torch.cuda.empty_cache()
            if self._batch == 1:
                raise self._too_large()
            self._batch = (self._batch + 1) // 2
            self._reporter.told(
                f"The memory is too short: going on with --batch {self._batch} --accumulate "
                f"{-(-self._settings.rows // self._batch)}, by which each step stays the same"
            )

    def _too_large(self) -> TrainingError:
        where = "GPU's memory" if self._network.device.type == "cuda" else "memory"
        return TrainingError(
            f"the {where} is too short for {self._batch} row of {self._settings.block} tokens; "
            "take a smaller --block-size, --method lora, a smaller base, or another --device; "
            "the same command goes on from where it last could save"
        )

    def _can_scale_down(self) -> bool:
        return self._scaler.is_enabled() and self._scaler.get_scale() > _SMALLEST_SCALE

    def _rows_of(self, step: int) -> Rows:
        """The rows of a step: each epoch goes through all of them in an order of its own."""
        seed, count = self._settings.seed, self._settings.rows
        if step < self._first:
            epoch, place = divmod(step, self._first_epoch)
            rows, draw = self._examples.everybody, [seed, epoch, 1]
        else:
            epoch, place = divmod(step - self._first, self._per_epoch)
            rows, draw = self._examples.train, [seed, epoch]
        order = np.random.default_rng(draw).permutation(len(rows))
        return [rows[i] for i in order[place * count : (place + 1) * count]]

    def _measure(self, position: Position) -> bool:
        """Take down the held-out loss; whether it is the best so far."""
        loss = self._held_out_loss()
        if not math.isfinite(loss):
            raise _Lost(position.step)
        # From everybody's lines to the friend's own the loss may rise before it falls again.
        own = self._own_losses(position)
        position.losses.append((position.step, loss))
        if position.step > self._first:
            position.worse = 0 if loss < min(own, default=math.inf) else position.worse + 1
        if loss >= position.best_loss:
            return False
        position.best_loss, position.best_step = loss, position.step
        self._best = self._network.learned()
        return True

    def _own_losses(self, position: Position) -> list[float]:
        """What was measured since the friend's own lines began."""
        return [loss for step, loss in position.losses if step > self._first]

    def _held_out_loss(self) -> float:
        examples = self._examples

        def measured() -> float:
            mean = self._network.mean_loss
            return mean(examples.held_out, batch=self._batch, pad=examples.pad)[0]

        return self._within_memory(measured)

    def _end_at(self, lost: "_Lost", position: Position) -> Trained:
        """With the best state before; one that is worse than the base is of no use."""
        if not position.best_loss < position.base_loss:
            raise TrainingError(
                f"the loss is no number any more at step {lost.step}, and nothing before it was "
                "better than the base; nothing was written, train again with a lower "
                f"--learning-rate than {self._settings.rate:g}"
            )
        self._network.set_learned(self._best)
        return replace(self._result(position, finished=True), lost=lost.step)

    # ---- stop and go on ------------------------------------------------------------------

    def _save(self, position: Position) -> None:
        position.batch = self._batch if self._batch < self._settings.batch else 0
        tensors = {f"now.{name}": tensor for name, tensor in self._network.learned().items()}
        if position.best_step != position.step:  # else it is the same, and may be gigabytes
            tensors |= {f"best.{name}": tensor for name, tensor in self._best.items()}
        tensors |= {f"scaler.{key}": torch.tensor(value) for key, value in self._scales().items()}
        for name, parameter in self._parameters.items():
            for key, value in self._optimizer.state[parameter].items():
                tensors[f"optimizer.{key}.{name}"] = value.detach().cpu()
        self._state.write(position, tensors)

    def _scales(self) -> dict[str, Any]:
        """Empty without fp16."""
        return self._scaler.state_dict()

    def _restore(self, tensors: dict[str, torch.Tensor]) -> None:
        self._network.set_learned({name: tensors[f"now.{name}"] for name in self._parameters})
        self._best = {
            name: tensors.get(f"best.{name}", tensors[f"now.{name}"]) for name in self._parameters
        }
        scales = {key: tensors[f"scaler.{key}"].item() for key in self._scales()}
        self._scaler.load_state_dict(scales)
        for name, parameter in self._parameters.items():
            saved = {
                key: tensors[f"optimizer.{key}.{name}"]
                for key in ("step", "exp_avg", "exp_avg_sq")
                if f"optimizer.{key}.{name}" in tensors  # none before the first step
            }
            self._optimizer.state[parameter] = {
                # The count of steps stays on the CPU, as AdamW itself has it.
                key: value if key == "step" else value.to(parameter.device)
                for key, value in saved.items()
            }

    def _result(self, position: Position, *, finished: bool) -> Trained:
        return Trained(
            finished=finished,
            steps=position.step,
            epochs=max(0, position.step - self._first) / self._per_epoch,
            base_loss=position.base_loss,
            best_loss=position.best_loss,
            best_epoch=max(0, position.best_step - self._first) / self._per_epoch,
        )


def rate_at(step: int, total: int, settings: TrainingSettings) -> float:
    """Linear warm-up, then half a cosine down to a tenth of the highest rate."""
    if step < settings.warmup:
        return settings.rate * (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, total - settings.warmup)
    return settings.rate * (0.1 + 0.9 * 0.5 * (1.0 + math.cos(math.pi * done)))


def _weight(rows: Rows) -> float:
    return sum(sum(map(abs, window.weights)) for row in rows for window in row)


def _tokens(rows: Rows) -> int:
    return sum(len(window.tokens) for row in rows for window in row)
