import asyncio
from datetime import timedelta

import pytest
from fakes import FakeClock, FakeGenerator, FakePlatform

from botconvo.conversation.events import Event, Opened
from botconvo.conversation.orders import React, Say
from botconvo.errors import PlatformError, VoiceError
from botconvo.messages import ChannelId, MessageId
from botconvo.personas import PersonaName, Sampling
from botconvo.ports import GenerateRequest

SECOND = timedelta(seconds=1)
JUNO = PersonaName("Juno")


async def test_time_wakes_each_sleeper_at_its_own_moment_and_in_order() -> None:
    clock = FakeClock()
    start = clock.now()
    woken: list[tuple[int, float]] = []

    async def sleep(seconds: int) -> None:
        await clock.wait_until(start + seconds * SECOND)
        woken.append((seconds, (clock.now() - start).total_seconds()))

    async with asyncio.TaskGroup() as tasks:
        for seconds in (3, 1, 2):
            tasks.create_task(sleep(seconds))
        assert await clock.somebody_waits() == start + SECOND
        await clock.advance(2 * SECOND)
        assert woken == [(1, 1.0), (2, 2.0)]
        assert clock.now() == start + 2 * SECOND
        await clock.advance(SECOND)
    assert woken[-1] == (3, 3.0)


async def test_a_skipping_clock_lets_nobody_wait_and_never_goes_back() -> None:
    clock = FakeClock(skipping=True)
    start = clock.now()
    await clock.wait_until(start + 60 * SECOND)
    await clock.wait_until(start)
    assert clock.now() == start + 60 * SECOND
    assert clock.waits == [start + 60 * SECOND, start]


async def test_a_generator_says_what_it_was_told_and_remembers_what_it_was_asked() -> None:
    request = GenerateRequest(prompt="Juno:", n=2, stop=(), sampling=Sampling(), seed=1)
    generator = FakeGenerator(["a", "b"], VoiceError("gone", retryable=True))
    assert [each.text for each in await generator.complete(request)] == ["a", "b"]
    with pytest.raises(VoiceError, match="gone"):
        await generator.complete(request)
    with pytest.raises(AssertionError, match="nobody told"):
        await generator.complete(request)
    assert generator.history == [request] * 3


async def test_a_platform_remembers_its_posts_and_ends_when_it_closes() -> None:
    async with FakePlatform() as platform:
        channel = platform.channels[0]
        message = await platform.post(channel, JUNO, Say(text="hi"), "1")
        assert message is not None
        react = React(emoji="🍞", message=MessageId("x"))
        assert await platform.post(channel, JUNO, react, "2") is None
        platform.refuse(PlatformError("full"))
        with pytest.raises(PlatformError, match="full"):
            await platform.post(channel, JUNO, Say(text="lost"), "3")
        assert [posting.nonce for posting in await platform.has_posted(2)] == ["1", "2"]
    events: list[tuple[ChannelId, Event]] = [event async for event in platform.events()]
    assert events == [(channel, Opened())]
