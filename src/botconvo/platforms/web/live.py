"""The live stream to the open pages: everything that happens, in every channel.

The server keeps no history and no queue of its own.  ``Controls.watch`` gives each connection the
recent messages first, so that a page which comes back after a break catches up by itself (it knows
messages by their ids), and a page that is too slow holds up nothing but its own watcher.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from botconvo.errors import PlatformError
from botconvo.messages import ChannelId
from botconvo.platforms.local import MAX_CHARACTERS
from botconvo.platforms.web.host import Host
from botconvo.platforms.web.view import shown_json
from botconvo.ports import Controls

__all__ = ["MAX_WATCHERS", "TOO_MANY", "WRONG_TOKEN", "Live"]

MAX_WATCHERS = 32
"""Open pages; each holds one watcher per channel."""
WRONG_TOKEN, TOO_MANY = 4401, 4429
"""Close codes that the page knows: load yourself again, and stay away for a while."""

_FIRST_WORD_S = 10.0
_PATIENCE_S = 30.0
"""A page that takes nothing for this long is let go; it comes back by itself."""
_LOOK_AGAIN_S = 0.5
"""How often the list of channels is looked at; ``Controls`` does not announce new ones."""


class _Hello(BaseModel):
    """The first message of a page."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    token: Annotated[str, Field(max_length=200)]


class Live:
    """The WebSocket endpoint of one run."""

    def __init__(self, host: Host, knows: Callable[[str], bool]) -> None:
        self._host = host
        self._knows = knows
        self._watchers = 0

    async def serve(self, socket: WebSocket) -> None:
        await socket.accept()
        if not await self._introduced(socket):
            await socket.close(WRONG_TOKEN, "wrong token")
        elif self._watchers >= MAX_WATCHERS:
            await socket.close(TOO_MANY, "too many pages are open")
        else:
            self._watchers += 1
            try:
                await self._stream(socket)
            finally:
                self._watchers -= 1

    async def _introduced(self, socket: WebSocket) -> bool:
        try:
            async with asyncio.timeout(_FIRST_WORD_S):
                hello = _Hello.model_validate_json(await socket.receive_text())
        except (TimeoutError, ValidationError, KeyError):  # KeyError: it sent bytes
            return False
        except WebSocketDisconnect:
            return False
        return self._knows(hello.token)

    async def _stream(self, socket: WebSocket) -> None:
        line = _Line(socket, self._host)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_until_gone(socket))
                await line.send(_welcome(self._host))
                await self._follow_all(line, tasks)
        except* (WebSocketDisconnect, TimeoutError):
            pass

    async def _follow_all(self, line: "_Line", tasks: asyncio.TaskGroup) -> None:
        following: dict[ChannelId, asyncio.Task[None]] = {}
        told: Sequence[ChannelId] | None = None
        while True:
            controls = self._host.controls
            channels = tuple(controls.channels()) if controls else ()
            if channels != told:
                await line.send({"type": "channels", "channels": channels})
                told = channels
            for channel in following.keys() - set(channels):
                following.pop(channel).cancel()
            for channel in [each for each, task in following.items() if task.done()]:
                del following[channel]  # it was closed, and another talk may be there by now
            if controls:
                for channel in [each for each in channels if each not in following]:
                    following[channel] = tasks.create_task(line.follow(controls, channel))
            await asyncio.sleep(_LOOK_AGAIN_S)


class _Line:
    """The way to one page; a send waits until the page has room for it."""

    def __init__(self, socket: WebSocket, host: Host) -> None:
        self._socket = socket
        self._host = host

    async def send(self, item: Mapping[str, Any]) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            try:
                await self._socket.send_text(json.dumps(item))
            except RuntimeError:
                # Starlette's and uvicorn's word for a socket that was closed meanwhile.
                raise WebSocketDisconnect from None

    async def follow(self, controls: Controls, channel: ChannelId) -> None:
        # A channel that has gone is no error: the list of channels will say so.
        with contextlib.suppress(PlatformError):
            watching = controls.watch(channel)
            try:
                async for shown in watching:
                    self._host.learn(shown)
                    await self.send(shown_json(channel, shown))
            finally:
                if isinstance(watching, AsyncGenerator):
                    await watching.aclose()


def _welcome(host: Host) -> Mapping[str, Any]:
    return {
        "type": "hello",
        "channel": host.channel,
        "avatars": sorted(host.pictures),
        "limit": MAX_CHARACTERS,
    }


async def _until_gone(socket: WebSocket) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
