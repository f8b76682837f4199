"""The unmodified discord.py, connected to a rehearsal."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from botconvo.rehearsal import Application, Rehearsal

__all__ = ["Client", "connected", "point_at"]


class Client(discord.Client):
    """A client that remembers what it heard, by the name of discord.py's event."""

    def __init__(self, **options: Any) -> None:
        intents = options.pop("intents", None) or _intents()
        options = {"guild_ready_timeout": 0.1, "max_ratelimit_timeout": 30, **options}
        super().__init__(intents=intents, **options)
        self.heard: list[tuple[str, tuple[Any, ...]]] = []
        self.running: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        """Remember, then do what discord.py does."""
        self.heard.append((event, args))
        self._changed.set()
        super().dispatch(event, *args, **kwargs)

    def all(self, event: str) -> list[Any]:
        """The first arguments of all events of a name."""
        return [args[0] if args else None for name, args in self.heard if name == event]

    async def ended(self, timeout_s: float = 10.0) -> BaseException | None:
        """Wait until the client gives up; gives the reason."""
        assert self.running is not None
        async with asyncio.timeout(timeout_s):
            await asyncio.wait({self.running})
        return self.running.exception()

    async def next(self, event: str, count: int = 1, timeout_s: float = 10.0) -> Any:
        """The first argument of the ``count``-th event of a name, when it is there."""
        async with asyncio.timeout(timeout_s):
            while len(found := self.all(event)) < count:
                self._changed.clear()
                await self._changed.wait()
        return found[count - 1]


def _intents() -> discord.Intents:
    intents = discord.Intents.default()
    intents.message_content = intents.members = True
    return intents


def point_at(rehearsal: Rehearsal) -> None:
    """Where discord.py looks for REST and the gateway; it has no setting of its own for it."""
    Route.BASE = rehearsal.api_base
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(rehearsal.gateway_url)


@asynccontextmanager
async def connected(
    rehearsal: Rehearsal, bot: Application, *, ready: bool = True, **options: Any
) -> AsyncIterator[Client]:
    """A client that is logged in and has heard READY."""
    point_at(rehearsal)
    client = Client(**options)
    async with client:
        running = client.running = asyncio.create_task(client.start(bot.token))
        try:
            if ready:
                waiting = asyncio.create_task(client.next("ready"))
                await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    waiting.cancel()
                await (running if running.done() else waiting)
            yield client
        finally:
            await client.close()
            await asyncio.gather(running, return_exceptions=True)
