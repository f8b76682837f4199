"""What a person sees while clones are evaluated: a bar on a terminal, plain lines elsewhere."""

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from botconvo.training.progress import minutes

__all__ = ["Bars", "Progress", "Quiet", "Rows", "progress_for"]

_ROW_S = 10.0
"""Seconds between two lines where nobody watches a bar."""


class Progress(Protocol):
    """Is told how far a piece of work has come; entered before the first and left after all."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def told(self, work: str, done: int, total: int) -> None: ...


def progress_for(stream: TextIO) -> Progress:
    return Bars(stream) if stream.isatty() else Rows(stream)


class Quiet:
    """Says nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def told(self, work: str, done: int, total: int) -> None:
        """See ``Progress``."""


class Rows:
    """A line at the beginning and the end of each piece of work, and now and then between."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._work, self._began, self._last, self._first = "", 0.0, 0.0, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def told(self, work: str, done: int, total: int) -> None:
        """See ``Progress``."""
        now = time.monotonic()
        if work != self._work:
            self._work, self._began, self._last, self._first = work, now, now, done
            self._say(f"{work}: {done} of {total}" if total > 1 else work)
            return
        if done == total and total > 1 and done > self._first:
            self._say(f"{work}: {total} of {total} in {minutes(now - self._began)}")
        elif now - self._last > _ROW_S and done > self._first:
            self._last = now
            left = (now - self._began) / (done - self._first) * (total - done)
            self._say(f"{work}: {done} of {total}, {minutes(left)} left")

    def _say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class Bars:
    """A bar with the remaining time for each piece of work."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeRemainingColumn(),
            console=Console(file=stream),
        )
        self._tasks: dict[str, Any] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self._progress)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def told(self, work: str, done: int, total: int) -> None:
        """See ``Progress``."""
        if work not in self._tasks:
            # What was there before is no speed: it would promise too much.
            self._tasks[work] = self._progress.add_task(work, total=total, completed=done)
        self._progress.update(self._tasks[work], completed=done)
