"""The page as a platform: a web server on loopback that lives in the caller's event loop.

What visitors write comes out as events; what clones do is shown by the page itself, which watches
every channel through ``Controls``.  So ``post`` only makes the message: nothing is sent twice.
"""

import asyncio
import contextlib
import logging
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from botconvo.conversation.events import Event, Heard, Opened, TypingSeen
from botconvo.conversation.orders import Act, React
from botconvo.errors import PlatformError
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId
from botconvo.personas import PersonaName
from botconvo.platforms.local import (
    MAX_CHARACTERS,
    Mint,
    folded_name,
    new_id,
    utc_now,
    visible,
    visible_name,
)
from botconvo.platforms.web.host import BusyError
from botconvo.platforms.web.seat import Seat
from botconvo.platforms.web.view import shown_json
from botconvo.ports import Controls, Game, Limits, Shown, ShownMessage, ShownState

if TYPE_CHECKING:
    import uvicorn

__all__ = ["WebPlatform"]

logger = logging.getLogger(__name__)

_MAX_WAITING = 256
"""Events that nobody has taken up; a visitor who writes on is told to wait."""


class WebPlatform:
    """A chat page on ``http://127.0.0.1:port/``; ``port`` 0 takes a free one.

    ``avatars`` holds PNG, JPEG, GIF or WebP pictures as bytes or files; ``personas`` are the names
    that a visitor may not take (those that speak or are announced later are added by themselves).
    ``browse`` opens an address in a browser.  With a ``seat`` the page has no channel of its own:
    what visitors write goes there.
    """

    def __init__(
        self,
        controls: Controls | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        avatars: Mapping[PersonaName, bytes | Path] | None = None,
        personas: Collection[PersonaName] = (),
        open_browser: bool = False,
        channel_name: str = "general",
        seat: Seat | None = None,
        title: str = "",
        game: Game | None = None,
        now: Callable[[], datetime] = utc_now,
        new_id: Callable[[], str] = new_id,
        browse: Callable[[str], object] | None = None,
    ) -> None:
        self._controls = controls
        self._bind = (host, port)
        self._avatars = dict(avatars or {})
        self._pictures: Mapping[str, tuple[str, bytes]] = {}
        self._taken = {folded_name(name) for name in personas}
        self._open_browser = open_browser
        self._browse = browse
        self._seat = seat
        self._channel = seat.channel if seat else ChannelId(f"web:{channel_name}")
        self._title, self._game = title, game
        self._token = secrets.token_urlsafe(32)
        self._now = now
        self._mint = Mint(self._channel, now=now, new_id=new_id)
        self._inbox: asyncio.Queue[Event] = asyncio.Queue(_MAX_WAITING)
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._address: str | None = None

    @property
    def name(self) -> str:
        return "web"

    @property
    def title(self) -> str:
        return self._title

    @property
    def channel(self) -> ChannelId:
        """The one channel that can be written in through the page."""
        return self._channel

    @property
    def token(self) -> str:
        """The secret of this run, which the served page holds."""
        return self._token

    @property
    def pictures(self) -> Mapping[str, tuple[str, bytes]]:
        return self._pictures

    @property
    def controls(self) -> Controls | None:
        return self._controls

    @property
    def game(self) -> Game | None:
        return self._game

    def player(self, name: str) -> Author:
        """See ``Host``."""
        return self._visitor(name)

    def attach(self, controls: Controls) -> None:
        """Give the page the reins, and with them what it shows."""
        self._controls = controls

    @property
    def address(self) -> str:
        """Where the page is, such as ``http://127.0.0.1:8000/``; known once it is open."""
        if self._address is None:
            raise PlatformError("web: the page is not open yet")
        return self._address

    async def __aenter__(self) -> Self:
        """Serve the page.

        Raises:
            PlatformError: the port is in use, the host is not loopback, a picture is unusable.
        """
        # Not at the top: these load the web server, which only a run with a page needs.
        from botconvo.platforms.web import app, serving

        self._pictures = {
            visible_name(name): serving.picture(name, data) for name, data in self._avatars.items()
        }
        listener, self._address = serving.listen(*self._bind)
        port = listener.getsockname()[1]
        self._server = serving.server(app.create_app(self, port), max_message=app.MAX_BODY)
        self._serving = asyncio.create_task(
            self._server.serve(sockets=[listener]), name="the page's server"
        )
        logger.info("the page is at %s", self._address)
        if self._open_browser:
            # A thread of its own: some browsers only come back when their window is closed.
            open_page = self._browse or serving.browse
            threading.Thread(target=open_page, args=(self._address,), daemon=True).start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving

    def limits(self, channel: ChannelId) -> Limits:
        return Limits(characters=MAX_CHARACTERS, reactions=True, replies=True, people=False)

    async def events(self) -> AsyncIterator[tuple[ChannelId, Event]]:
        """``Opened``, then what visitors do; ends with the server."""
        if self._serving is None:
            raise PlatformError("web: the page is not open yet")
        if self._seat is not None:
            await asyncio.wait((self._serving,))
            self._serving.result()
            return
        yield self._channel, Opened()
        while True:
            taking = asyncio.create_task(self._inbox.get())
            try:
                await asyncio.wait((taking, self._serving), return_when=asyncio.FIRST_COMPLETED)
                if not taking.done():
                    self._serving.result()  # a server that broke says why
                    return
                event = taking.result()
            finally:
                taking.cancel()
            yield self._channel, event

    async def show_typing(self, channel: ChannelId, persona: PersonaName) -> None:
        """Nothing to do: the page sees it through ``Controls.watch``."""

    async def show_presence(self, persona: PersonaName, *, away: bool) -> None:
        """Nothing to do: there is nobody here but the clones' owner."""

    async def post(
        self, channel: ChannelId, persona: PersonaName, act: Act, nonce: str
    ) -> Message | None:
        if channel != self._channel:
            raise PlatformError(f"web: there is no channel {channel}, only {self._channel}")
        self._taken.add(folded_name(persona))
        return None if isinstance(act, React) else self._mint.posted(persona, act, nonce)

    async def notify(self, channel: ChannelId, text: str, draft: str = "") -> Message | None:
        return self._mint.notice("\n".join(filter(None, (text, draft))))

    async def delete(self, channel: ChannelId, message: MessageId) -> None:
        """Nothing to do: the page sees it through ``Controls.watch``."""

    def hear(self, name: str, text: str) -> Mapping[str, Any]:
        """See ``Host.hear``."""
        message = self.said(name, text)
        if self._seat is not None:
            message = self._seat.says(message.author.name, message.text)
            return shown_json(self._channel, ShownMessage(message=message, trace=None))
        try:
            self._inbox.put_nowait(Heard(message=message))
        except asyncio.QueueFull:
            raise BusyError("too many messages are waiting; try again in a moment") from None
        return shown_json(self._channel, ShownMessage(message=message, trace=None))

    def said(self, name: str, text: str) -> Message:
        """See ``Host.said``."""
        author = self._visitor(name)
        text = visible(text).strip()
        if not text:
            raise PlatformError("an empty message was not sent")
        if len(text) > MAX_CHARACTERS:
            raise PlatformError(
                f"a message of {len(text)} characters was not sent; at most {MAX_CHARACTERS}"
            )
        return self._mint.heard(author, text)

    def see_typing(self, name: str) -> None:
        author = self._visitor(name)
        if self._seat is not None:
            self._seat.types(author.name)
            return
        with contextlib.suppress(asyncio.QueueFull):  # typing is news or nothing
            self._inbox.put_nowait(TypingSeen(author=author.id, at=self._now()))

    def learn(self, shown: Shown) -> None:
        if isinstance(shown, ShownState):
            self._taken.update(folded_name(name) for name, _ in shown.personas)

    def _visitor(self, name: str) -> Author:
        shown = visible_name(name) if name.strip() else "You"
        folded = folded_name(shown)
        if folded in self._taken:
            raise PlatformError(f"{shown} is a bot here; choose another name for yourself")
        return Author(id=AuthorId(f"{self._channel}/person/{folded}"), name=shown, kind="person")
