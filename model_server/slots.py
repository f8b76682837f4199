"""Places at the engine, handed out in order of arrival, with a bounded queue in front."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["QueueFullError", "Slots"]


class QueueFullError(Exception):
    """More are waiting already than may."""


class Slots:
    """``total`` places, of which one request may need several at once."""

    def __init__(self, total: int, *, most_waiting: int) -> None:
        self._total = total
        self._free = total
        self._most_waiting = most_waiting
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    @property
    def taken(self) -> int:
        """Places in use."""
        return self._total - self._free

    @asynccontextmanager
    async def hold(self, count: int) -> AsyncIterator[None]:
        """Wait for ``count`` places (all of them, if it asks for more) and give them back after.

        Raises:
            QueueFullError: at once, where one would have to wait and the queue is full.
        """
        count = min(count, self._total)
        await self._take(count)
        try:
            yield
        finally:
            self._free += count
            self._hand_out()

    async def _take(self, count: int) -> None:
        if not self._waiting and count <= self._free:
            self._free -= count
            return
        if len(self._waiting) >= self._most_waiting:
            raise QueueFullError
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((count, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # its turn came while its task was being cancelled
                self._free += count
            self._hand_out()
            raise

    def _hand_out(self) -> None:
        # A cancelled waiter stands in the queue until somebody looks.
        self._waiting = deque(entry for entry in self._waiting if not entry[1].cancelled())
        while self._waiting and self._waiting[0][0] <= self._free:
            count, turn = self._waiting.popleft()
            self._free -= count
            turn.set_result(None)
