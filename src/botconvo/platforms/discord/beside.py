"""Tasks that run beside a platform for as long as it is open; a bug in one of them is told."""

import asyncio
from collections.abc import Callable, Coroutine

__all__ = ["Beside"]


class Beside:
    """``broken`` is called once something failed that should not have; ``failure`` says what."""

    def __init__(self, broken: Callable[[], None]) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken = broken
        self.failure: BaseException | None = None

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Begin with it; whoever wants it to end earlier cancels the task."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def stop(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failure = self.failure or error
            self._broken()
