"""What a person sees while a clone is trained: a bar on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from botconvo.training.estimate import Forecast

__all__ = ["Bar", "Reporter", "Rows", "Started", "Step", "gigabytes", "reporter_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The run as it begins: ``total`` steps at most, ``done`` of them already; times in seconds.

    The first ``everybody`` steps are over everybody's lines, and no epoch of the friend's own.

    ``forecast`` is of the rest, by the speed that was measured; ``needs`` and ``free`` are bytes of
    the memory that trains, and were estimated before anything was loaded.
    """

    total: int
    done: int
    everybody: int
    steps_per_epoch: int
    forecast: Forecast
    needs: int
    free: int

    def part(self, step: int) -> str:
        """Where a run is after so many steps, in words."""
        if step < self.everybody:
            return f"everybody's lines {step / self.everybody:.0%}"
        return f"epoch {(step - self.everybody) / self.steps_per_epoch:.1f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step done.  ``held_out`` is set when it was followed by a measurement."""

    step: int
    loss: float
    tokens_per_s: float
    seconds_left: float
    held_out: float | None = None
    is_best: bool = False


class Reporter(Protocol):
    """Is told how a run goes; entered before the run and left after it."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def started(self, started: Started) -> None: ...
    def based(self, loss: float) -> None:
        """The held-out loss of the base without an adapter."""

    def stepped(self, step: Step) -> None: ...
    def told(self, line: str) -> None:
        """Something that the person has to know."""


def reporter_for(stream: TextIO) -> Reporter:
    """A bar where somebody watches, rows where a file or a pipe does."""
    return Bar(stream) if stream.isatty() else Rows(stream)


def minutes(seconds: float) -> str:
    """A duration in words that promise no more than an estimate can."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def span(least: float, most: float) -> str:
    """From a duration to another, or one where they are the same in words."""
    words = minutes(least), minutes(most)
    if words[0] == words[1]:
        return words[0]
    number, _, unit = words[0].partition(" ")
    return f"{number if words[1].endswith(' ' + unit) else words[0]} to {words[1]}"


def gigabytes(size: int) -> str:
    """Bytes in words."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6))} MB"


def _opening(started: Started) -> str:
    going_on = f", going on from step {started.done}" if started.done else ""
    expected = started.forecast
    return (
        f"Training takes {span(expected.least_s, expected.most_s)}, as measured just now "
        f"({expected.tokens_per_s:.0f} tokens/s; {started.total} steps at most{going_on}): the "
        "sooner the held-out loss stops falling, the less. It needs about "
        f"{gigabytes(started.needs)} of memory; {gigabytes(started.free)} were free. "
        "Ctrl-C stops it; the same command goes on."
    )


class Rows:
    """Plain lines: the beginning, and every measurement."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._part: Callable[[int], str] = str

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def started(self, started: Started) -> None:
        self._part = started.part
        self._say(_opening(started))

    def based(self, loss: float) -> None:
        self._say(f"held-out loss {loss:.3f} (the base)")

    def told(self, line: str) -> None:
        self._say(line)

    def stepped(self, step: Step) -> None:
        if step.held_out is None:
            return
        best = " (best so far)" if step.is_best else ""
        self._say(
            f"{self._part(step.step)}: loss {step.loss:.3f}, "
            f"held-out loss {step.held_out:.3f}{best}, {step.tokens_per_s:.0f} tokens/s, "
            f"{minutes(step.seconds_left)} left at most"
        )

    def _say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class Bar:
    """A bar with ETA, losses and speed."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.fields[part]}"),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("loss {task.fields[loss]:.3f}, held-out {task.fields[held_out]:.3f}"),
            TextColumn("(best {task.fields[best]:.3f})  {task.fields[speed]:.0f} tokens/s"),
            console=Console(file=stream),
        )
        self._task: Any = None
        self._part: Callable[[int], str] = str
        self._best = float("inf")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def started(self, started: Started) -> None:
        self._part = started.part
        self._progress.console.print(_opening(started), highlight=False)
        self._task = self._progress.add_task(
            "training",
            total=started.total,
            completed=started.done,
            part=started.part(started.done),
            loss=float("nan"),
            held_out=float("nan"),
            best=float("nan"),
            speed=0.0,
        )

    def based(self, loss: float) -> None:
        self._progress.update(self._task, held_out=loss, best=loss)

    def told(self, line: str) -> None:
        self._progress.console.print(line, highlight=False)

    def stepped(self, step: Step) -> None:
        fields: dict[str, Any] = {"part": self._part(step.step), "loss": step.loss}
        fields["speed"] = step.tokens_per_s
        if step.held_out is not None:
            fields["held_out"] = step.held_out
            self._best = step.held_out if step.is_best else self._best
            fields["best"] = self._best
        self._progress.update(self._task, completed=step.step, **fields)
