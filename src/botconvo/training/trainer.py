"""The loop: steps, measurements, early stopping, and a state from which it goes on.

Every draw follows from the seed and the step's number, so a run that was stopped and goes on ends
where an uninterrupted one does.  It knows nothing of people, folders of a project or GGUF.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from botconvo.errors import TrainingError
from botconvo.training.examples import Window, batch_of
from botconvo.training.network import Network
from botconvo.training.progress import Reporter, Started, Step
from botconvo.training.settings import TrainingSettings
from botconvo.training.state import Position, StateFile

__all__ = ["Examples", "Trained", "train"]

_SMALLEST_SCALE = 1e-3
"""fp16's gradients are scaled up; where even this is too much, they have no end."""
_BACKWARD = 3.0
"""A training step against a forward pass: the usual rule, a little over what was measured."""

Rows = Sequence[Sequence[Window]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Packed rows to train on and to measure on; ``pad`` is the token that fills rows up.

    In ``held_out`` only the speaker's own words have a weight.
    """

    train: Rows
    held_out: Rows
    pad: int

    @property
    def tokens(self) -> int:
        """Tokens of a pass over ``train``."""
        return _tokens(self.train)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """How a run ended.  ``finished`` is False where it was stopped; its state is saved then."""

    finished: bool
    steps: int
    epochs: float
    base_loss: float
    best_loss: float
    best_epoch: float


def train(
    network: Network,
    examples: Examples,
    settings: TrainingSettings,
    state: StateFile,
    reporter: Reporter,
    stopped: Callable[[], bool],
) -> Trained:
    """Train the network; afterwards it holds the best of its states by held-out loss.

    Raises:
        TrainingError: the loss is no number any more, memory or the disk is full.
    """
    run = _Run(network, examples, settings, state, reporter)
    try:
        return run.go(stopped)
    except torch.OutOfMemoryError:
        raise TrainingError(
            f"the GPU's memory is too short for {settings.batch} rows of {settings.block} tokens; "
            "take a smaller --batch (and a larger --accumulate) or --block-size, or --device cpu"
        ) from None


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
        self._total = max(1, math.ceil(settings.epochs * self._per_epoch))
        self._every = max(1, self._per_epoch // 2)
        self._best: dict[str, torch.Tensor] = network.learned()
        self._recent: list[float] = []

    def go(self, stopped: Callable[[], bool]) -> Trained:
        position = self._begin()
        began, first, tokens = time.monotonic(), position.step, 0
        while position.step < self._total and position.worse < self._settings.patience:
            if stopped():
                self._save(position)
                return self._result(position, finished=False)
            tokens += self._step(position)
            measured = position.step % self._every == 0 or position.step == self._total
            is_best = measured and self._measure(position)
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

    def _begin(self) -> Position:
        """Where an earlier run of the same kind stopped, or the very beginning."""
        saved = self._state.read()
        if saved is not None:
            self._restore(saved[1])
        began = time.monotonic()
        loss = self._held_out_loss()
        per_token = (time.monotonic() - began) / _tokens(self._examples.held_out)
        position = Position(base_loss=loss) if saved is None else saved[0]
        epochs_left = (self._total - position.step) / self._per_epoch
        self._reporter.started(
            Started(
                total=self._total,
                done=position.step,
                steps_per_epoch=self._per_epoch,
                base_loss=position.base_loss,
                seconds=epochs_left * _tokens(self._examples.train) * per_token * _BACKWARD,
            )
        )
        return position

    def _step(self, position: Position) -> int:
        """One step of the optimizer; how many tokens it took."""
        settings, step = self._settings, position.step
        rows = self._rows_of(step)
        torch.manual_seed((settings.seed << 20) + step)  # for dropout
        loss = self._backward(rows)
        self._scaler.unscale_(self._optimizer)
        norm = float(torch.nn.utils.clip_grad_norm_(self._parameters.values(), settings.clip))
        if not math.isfinite(loss) or not (math.isfinite(norm) or self._can_scale_down()):
            raise self._lost(step, position)
        for group in self._optimizer.param_groups:
            group["lr"] = rate_at(step, self._total, settings)
        self._scaler.step(self._optimizer)  # not at all where fp16 was too small for a gradient
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)
        self._recent.append(loss)
        position.step += 1
        return _tokens(rows)

    def _backward(self, rows: Rows) -> float:
        """The weighted mean loss over a step's rows, whose gradients are left in the parameters."""
        batch = self._settings.batch
        parts = [rows[start : start + batch] for start in range(0, len(rows), batch)]
        total = None if len(parts) == 1 else _weight(rows)
        loss = 0.0
        for part in parts:
            partial = self._network.loss(batch_of(part, self._examples.pad), total)
            torch.autograd.backward(self._scaler.scale(partial))
            loss += float(partial.detach())
        return loss

    def _can_scale_down(self) -> bool:
        return self._scaler.is_enabled() and self._scaler.get_scale() > _SMALLEST_SCALE

    def _rows_of(self, step: int) -> Rows:
        """The rows of a step: each epoch goes through all of them in an order of its own."""
        epoch, place = divmod(step, self._per_epoch)
        order = np.random.default_rng((self._settings.seed, epoch)).permutation(
            len(self._examples.train)
        )
        rows = self._settings.rows
        return [self._examples.train[i] for i in order[place * rows : (place + 1) * rows]]

    def _measure(self, position: Position) -> bool:
        """Take down the held-out loss; whether it is the best so far."""
        loss = self._held_out_loss()
        if not math.isfinite(loss):
            raise self._lost(position.step, position)
        position.losses.append((position.step, loss))
        if loss >= position.best_loss:
            position.worse += 1
            return False
        position.best_loss, position.best_step, position.worse = loss, position.step, 0
        self._best = self._network.learned()
        return True

    def _held_out_loss(self) -> float:
        examples, batch = self._examples, self._settings.batch
        return self._network.mean_loss(examples.held_out, batch=batch, pad=examples.pad)[0]

    def _lost(self, step: int, position: Position) -> TrainingError:
        kept = f"; the best until then had {position.best_loss:.3f}" if position.losses else ""
        return TrainingError(
            f"the loss is no number any more at step {step}{kept}; nothing was written, "
            f"train again with a lower --learning-rate than {self._settings.rate:g}"
        )

    # ---- stop and go on ------------------------------------------------------------------

    def _save(self, position: Position) -> None:
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
            epochs=position.step / self._per_epoch,
            base_loss=position.base_loss,
            best_loss=position.best_loss,
            best_epoch=position.best_step / self._per_epoch,
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
