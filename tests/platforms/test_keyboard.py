"""Lines that are typed, for a loop that does other things meanwhile."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing

from botconvo.platforms.keyboard import typed


async def test_lines_come_as_they_are_typed_and_end_with_the_input() -> None:
    assert [line async for line in typed(["one", "", "three"])] == ["one", "", "three"]


async def test_nobody_waits_while_nothing_is_typed() -> None:
    pressed = threading.Event()

    def keyboard() -> Iterator[str]:
        yield "first"
        assert pressed.wait(20)
        yield "second"

    async with aclosing(typed(keyboard())) as lines:
        assert await anext(lines) == "first"
        second = asyncio.ensure_future(anext(lines))
        await asyncio.sleep(0)
        assert not second.done()
        pressed.set()
        async with asyncio.timeout(20):
            assert await second == "second"


def test_a_loop_that_ends_leaves_no_thread_that_hands_lines_over() -> None:
    pressed, threads = threading.Event(), list[threading.Thread]()

    def keyboard() -> Iterator[str]:
        threads.append(threading.current_thread())
        yield "first"
        assert pressed.wait(20)
        yield "nobody wants this"
        yield "nor this"

    async def take_one() -> str:
        async with aclosing(typed(keyboard())) as lines:
            return await anext(lines)

    assert asyncio.run(take_one()) == "first"
    pressed.set()
    threads[0].join(20)
    assert not threads[0].is_alive()
