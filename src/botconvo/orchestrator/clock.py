"""The clocks of a run: real time, and one that runs faster."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["RealClock", "ScaledClock"]


class RealClock:
    """Implements ``Clock`` with the machine's own time, which here never goes back.

    A machine whose clock is put back, by a time server for example, would otherwise keep silent
    until the old time comes again.
    """

    def __init__(
        self,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._ticks = wall, ticks
        self._last, self._last_tick = wall(), ticks()

    def now(self) -> datetime:
        tick = self._ticks()
        passed = timedelta(seconds=tick - self._last_tick)
        self._last, self._last_tick = max(self._wall(), self._last + passed), tick
        return self._last

    async def wait_until(self, when: datetime) -> None:
        await asyncio.sleep(max(0.0, (when - self.now()).total_seconds()))


class ScaledClock:
    """Implements ``Clock`` with a time that begins now and runs ``speed`` times as fast."""

    def __init__(
        self,
        speed: float,
        start: datetime | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._speed, self._ticks = speed, ticks
        self._start, self._first_tick = start or datetime.now(UTC), ticks()

    def now(self) -> datetime:
        passed_s = self._ticks() - self._first_tick
        return self._start + timedelta(seconds=passed_s * self._speed)

    async def wait_until(self, when: datetime) -> None:
        await asyncio.sleep(max(0.0, (when - self.now()).total_seconds() / self._speed))
