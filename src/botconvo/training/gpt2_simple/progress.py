"""What a person sees while gpt-2-simple trains: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, TextIO

from botconvo.training.progress import minutes

__all__ = ["Watch", "watch_for"]

_ROWS = 20
"""Lines about a whole run, where nobody watches a bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Now:
    step: int
    loss: float
    average: float
    tokens_per_s: float
    seconds_left: float


class Watch:
    """Is told how a run goes; ``tokens`` are those of a step."""

    def __init__(self, stream: TextIO, *, total: int, done: int, tokens: int) -> None:
        self.total, self.done, self._tokens = total, done, tokens
        self._stream, self._first = stream, done
        self._began, self._is_first = time.monotonic(), True
        self.average: float | None = None
        """gpt-2-simple's own running mean of the loss, in nats a token."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def opened(self, corpus_tokens: int) -> None:
        """It is told once how much there is to learn from."""
        passes = (self.total - self.done) * self._tokens / corpus_tokens
        going_on = f", going on from step {self.done}" if self.done else ""
        self.say(
            f"gpt-2-simple trains for {self.total} steps of {self._tokens} tokens{going_on}: "
            f"{passes:.1f} passes over {corpus_tokens} tokens. How long that takes stands here "
            "after the first steps. Ctrl-C stops it and keeps what is done; the same command goes "
            "on."
        )
        self._began = time.monotonic()

    def stepped(self, step: int, loss: float, average: float) -> None:
        """A step is done."""
        self.done, self.average = step, average
        now_s = time.monotonic()
        per_step = (now_s - self._began) / max(1, step - self._first)
        if self._is_first:  # TensorFlow makes itself ready in it, and later ones are faster
            self._is_first, self._began, self._first = False, now_s, step
        now = _Now(
            step=step,
            loss=loss,
            average=average,
            tokens_per_s=self._tokens / max(per_step, 1e-9),
            seconds_left=per_step * (self.total - step),
        )
        self.show(now)

    def show(self, now: _Now) -> None:
        every = max(1, self.total // _ROWS)
        if now.step % every == 0 or now.step in (self._first, self.total):
            self.say(
                f"step {now.step} of {self.total}: loss {now.loss:.2f} (mean {now.average:.2f}), "
                f"{now.tokens_per_s:.0f} tokens/s, {minutes(now.seconds_left)} left"
            )

    def say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class _Bar(Watch):
    def __init__(self, stream: TextIO, *, total: int, done: int, tokens: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        super().__init__(stream, total=total, done=done, tokens=tokens)
        self._progress = Progress(
            TextColumn("step {task.completed} of {task.total}"),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("loss {task.fields[loss]:.2f} (mean {task.fields[average]:.2f})"),
            TextColumn("{task.fields[speed]:.0f} tokens/s"),
            console=Console(file=stream),
            speed_estimate_period=600.0,
        )
        nothing: dict[str, Any] = {"loss": float("nan"), "average": float("nan"), "speed": 0.0}
        self._task = self._progress.add_task("training", total=total, completed=done, **nothing)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, now: _Now) -> None:
        fields: dict[str, Any] = {"loss": now.loss, "average": now.average}
        self._progress.update(self._task, completed=now.step, speed=now.tokens_per_s, **fields)

    def say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)


def watch_for(stream: TextIO) -> Callable[..., Watch]:
    """A bar where somebody watches, rows where a file or a pipe does."""
    return _Bar if stream.isatty() else Watch
