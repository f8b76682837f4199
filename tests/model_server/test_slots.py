"""Places: first come, first served, never more than there are, and none is ever lost."""

import asyncio
import random

import pytest

from model_server.slots import QueueFullError, Slots


async def test_places_are_handed_out_in_order_of_arrival() -> None:
    slots, order = Slots(2, most_waiting=10), []

    async def work(name: str, count: int) -> None:
        async with slots.hold(count):
            order.append(name)
            await asyncio.sleep(0)

    async with slots.hold(2):
        tasks = [asyncio.create_task(work(name, n)) for name, n in (("a", 1), ("b", 2), ("c", 1))]
        await asyncio.sleep(0)
        assert slots.waiting == 3
        assert order == []
    await asyncio.gather(*tasks)
    assert order == ["a", "b", "c"]  # c would have fitted beside a, but b was first
    assert (slots.taken, slots.waiting) == (0, 0)


async def test_asking_for_more_than_there_are_takes_all() -> None:
    slots = Slots(3, most_waiting=0)
    async with slots.hold(64):
        assert slots.taken == 3


async def test_a_full_queue_refuses_at_once() -> None:
    slots = Slots(1, most_waiting=1)

    async def work() -> None:
        async with slots.hold(1):
            pass

    async with slots.hold(1):
        waiting = asyncio.create_task(work())
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError):
            await work()
    await waiting
    await work()


async def test_whoever_leaves_the_queue_lets_the_next_one_in() -> None:
    slots = Slots(2, most_waiting=10)
    done = []

    async def work(name: str, count: int) -> None:
        async with slots.hold(count):
            done.append(name)

    async with slots.hold(1):
        large = asyncio.create_task(work("large", 2))
        small = asyncio.create_task(work("small", 1))
        await asyncio.sleep(0)
        assert done == []
        large.cancel()
        await asyncio.gather(large, small, return_exceptions=True)
        assert done == ["small"]
    assert slots.taken == 0


@pytest.mark.parametrize("seed", range(20))
async def test_no_place_is_lost_whoever_is_cancelled_and_when(seed: int) -> None:
    rng, slots = random.Random(seed), Slots(3, most_waiting=100)

    async def work(count: int, steps: int) -> None:
        async with slots.hold(count):
            assert slots.taken <= 3
            for _ in range(steps):
                await asyncio.sleep(0)

    tasks = []
    for _ in range(40):
        tasks.append(asyncio.create_task(work(rng.randint(1, 4), rng.randint(0, 3))))
        for _ in range(rng.randint(0, 3)):
            await asyncio.sleep(0)
        if rng.random() < 0.4:
            rng.choice(tasks).cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (slots.taken, slots.waiting) == (0, 0)
