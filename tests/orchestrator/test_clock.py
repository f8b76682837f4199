"""The real clock never goes back; a scaled one hurries."""

import asyncio
from datetime import UTC, datetime, timedelta

from botconvo.orchestrator.clock import RealClock, ScaledClock

NOON = datetime(2024, 3, 18, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_clock_that_is_put_back_goes_on_in_its_own_time() -> None:
    wall = iter([NOON, NOON + SECOND, NOON - timedelta(hours=1), NOON - timedelta(hours=1)])
    ticks = iter([100.0, 101.0, 103.0, 104.0])
    clock = RealClock(wall=lambda: next(wall), ticks=lambda: next(ticks))
    assert [clock.now() - NOON for _ in range(3)] == [SECOND, 3 * SECOND, 4 * SECOND]


def test_a_clock_that_is_put_forward_is_followed() -> None:
    wall = iter([NOON, NOON + timedelta(hours=1)])
    clock = RealClock(wall=lambda: next(wall), ticks=lambda: 100.0)
    assert clock.now() == NOON + timedelta(hours=1)


async def test_waiting_ends_at_the_time_or_at_once_if_it_has_passed() -> None:
    clock = RealClock()
    async with asyncio.timeout(5):
        await clock.wait_until(clock.now() - timedelta(hours=1))
        when = clock.now() + timedelta(milliseconds=20)
        await clock.wait_until(when)
    assert clock.now() >= when


def test_a_scaled_clock_lets_a_hundred_seconds_pass_in_one() -> None:
    ticks = iter([5.0, 6.0, 7.5])
    clock = ScaledClock(100, start=NOON, ticks=lambda: next(ticks))
    assert [clock.now() - NOON for _ in range(2)] == [100 * SECOND, 250 * SECOND]


async def test_a_scaled_clock_waits_for_its_own_time() -> None:
    clock = ScaledClock(1000, start=NOON)
    when = NOON + timedelta(seconds=20)
    async with asyncio.timeout(5):
        await clock.wait_until(when)
    assert clock.now() >= when
