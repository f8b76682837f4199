"""One bot's account: kept connected whatever happens, and heard.

discord.py takes up a broken connection by itself where it can.  Where it gives up (a malformed
event ends its client, as do a revoked token and intents that are switched off) a new client is
made, later and later, for as long as the platform is open.  Knows nothing of personas and talks.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket, KeepAliveHandler
from discord.http import Route
from pydantic import SecretStr

from botconvo.backoff import Backoff
from botconvo.errors import PlatformError
from botconvo.platforms.discord.permissions import token_trouble

__all__ = [
    "INTENT_OFF",
    "REFUSED",
    "UNREACHABLE",
    "Account",
    "Ears",
    "Patience",
    "intents",
    "told",
    "use_addresses",
]

logger = logging.getLogger(__name__)

UNREACHABLE = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, RuntimeError)
"""What a request to Discord may raise; the last where its client was closed meanwhile."""
REFUSED = 401
"""What Discord answers to a token that is not valid (any more)."""
_LOOK_S = 5.0
_FIRST = asyncio.FIRST_COMPLETED
_CANCEL_S = 0.5
_GUILDS_S = 0.5
"""How long after a server the next one is waited for at the start; later ones come in as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long Discord is waited for, in seconds."""

    request_s: float = 30.0
    """For one request, with discord.py's own repetitions."""
    answer_s: float = 15.0
    """For the answer to one post through a webhook."""
    typing_s: float = 5.0
    echo_s: float = 1.5
    """For words that may be out to be heard of."""
    retry_s: tuple[float, float] = (0.5, 60.0)
    """Before a new client is made: the first time, and at most."""
    lost_s: float = 90.0
    """Without a connection, before a new client is made: discord.py waits longer and longer."""
    read_tries_s: tuple[float, ...] = (0.5, 2.0, 5.0, 10.0)
    """After each try to read a channel that failed."""
    read_again_s: float = 30.0
    forbidden_s: float = 60.0
    """Before it is tried again whether something is allowed by now."""


class Ears(Protocol):
    """Who listens.  Called in the order in which things happen, and never waited for."""

    def connected(self, account: "Account") -> None:
        """A new session: what happened before it has to be asked for."""

    def resumed(self, account: "Account") -> None: ...
    def lost(self, account: "Account", reason: str) -> None: ...
    def changed(self, account: "Account") -> None:
        """Servers, channels, roles or permissions are not what they were."""

    def webhooks_changed(self, channel: int) -> None: ...
    def heard(self, account: "Account", message: discord.Message) -> None: ...
    def edited(self, account: "Account", message: discord.Message) -> None: ...
    def removed(self, account: "Account", channel: int, messages: Sequence[int]) -> None: ...
    def reacted(self, account: "Account", what: discord.RawReactionActionEvent) -> None: ...
    def unreacted(self, account: "Account", what: discord.RawReactionActionEvent) -> None: ...
    def cleared(self, account: "Account", channel: int, message: int, emoji: str | None) -> None:
        """Somebody took everybody's emoji off a message; one emoji, or all (None)."""

    def typing(self, account: "Account", what: discord.RawTypingEvent) -> None: ...
    def thread_deleted(self, account: "Account", thread: int) -> None: ...


def intents(*, hears: bool, direct: bool) -> discord.Intents:
    """What an account has to be told of: one hears the servers, everyone its own messages."""
    wanted = discord.Intents.none()
    wanted.guilds = True
    if hears:
        wanted.guild_messages = wanted.guild_reactions = wanted.guild_typing = True
        wanted.message_content = wanted.emojis_and_stickers = wanted.webhooks = True
    if direct:
        wanted.dm_messages = wanted.dm_reactions = wanted.dm_typing = True
    return wanted


def use_addresses(api: str, gateway: str) -> None:
    """Talk to a server at these addresses; discord.py has no setting for it, only two constants."""
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody speaks aloud
    Route.BASE = api.rstrip("/")
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway)


def told(error: BaseException, variable: str) -> str:
    """What went wrong, for the owner, in one line."""
    match error:
        case discord.LoginFailure():
            return _refused(variable)
        case discord.ConnectionClosed(code=4004):
            return _refused(variable)
        case discord.PrivilegedIntentsRequired() | discord.ConnectionClosed(code=4014):
            return INTENT_OFF
        case discord.ConnectionClosed(code=code):
            return f"Discord has closed the connection (code {code})"
        case discord.HTTPException(status=status):
            return f"Discord answers with an error ({status})"
        case TimeoutError():
            return "Discord does not answer"
        case aiohttp.ClientError() | OSError() | discord.DiscordException():
            return f"Discord cannot be reached ({error})"
        case _:
            return f"Discord sent something that cannot be read ({type(error).__name__})"


def _refused(variable: str) -> str:
    return (
        f"{variable}: Discord refuses this token: it was reset, or is not a bot's; copy a new one "
        "from the portal's page 'Bot' ('Reset Token') into .env; a talk that runs takes it up"
    )


INTENT_OFF = (
    "the Message Content intent is off, so nobody's words can be read; switch it on in the portal "
    "(https://discord.com/developers/applications), page 'Bot', 'Privileged Gateway Intents'"
)


class _Client(discord.Client):
    """Hands on what discord.py reports."""

    def __init__(self, account: "Account", **options: Any) -> None:
        super().__init__(**options)
        self._account = account
        self._ears = account.ears
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._connect_socket = self.http.ws_connect
        self.http.ws_connect = self._keep_socket  # type: ignore[method-assign]  # see there

    async def _keep_socket(self, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        """discord.py drops a socket unclosed if it is ended before Discord's first word there."""
        self._socket = await self._connect_socket(url, compress=compress)
        return self._socket

    async def close_socket(self) -> None:
        """To be called when nothing is left that a goodbye could go through."""
        if self._socket is not None:
            with suppress(*UNREACHABLE):
                async with asyncio.timeout(_CANCEL_S):
                    await self._socket.close()

    async def setup_hook(self) -> None:
        await self._account.prepare(self)

    async def on_ready(self) -> None:
        self._account.is_up()
        self._ears.connected(self._account)
        await self._account.show_again()

    async def on_resumed(self) -> None:
        self._account.is_up()
        self._ears.resumed(self._account)
        await self._account.show_again()

    async def on_disconnect(self) -> None:
        self._account.is_down("the connection to Discord is lost")

    async def on_message(self, message: discord.Message) -> None:
        self._ears.heard(self._account, message)

    async def on_raw_message_edit(self, what: discord.RawMessageUpdateEvent) -> None:
        self._ears.edited(self._account, what.message)

    async def on_raw_message_delete(self, what: discord.RawMessageDeleteEvent) -> None:
        self._ears.removed(self._account, what.channel_id, [what.message_id])

    async def on_raw_bulk_message_delete(self, what: discord.RawBulkMessageDeleteEvent) -> None:
        self._ears.removed(self._account, what.channel_id, sorted(what.message_ids))

    async def on_raw_reaction_add(self, what: discord.RawReactionActionEvent) -> None:
        self._ears.reacted(self._account, what)

    async def on_raw_reaction_remove(self, what: discord.RawReactionActionEvent) -> None:
        self._ears.unreacted(self._account, what)

    async def on_raw_reaction_clear(self, what: discord.RawReactionClearEvent) -> None:
        self._ears.cleared(self._account, what.channel_id, what.message_id, None)

    async def on_raw_reaction_clear_emoji(self, what: discord.RawReactionClearEmojiEvent) -> None:
        self._ears.cleared(self._account, what.channel_id, what.message_id, str(what.emoji))

    async def on_raw_typing(self, what: discord.RawTypingEvent) -> None:
        self._ears.typing(self._account, what)

    async def on_webhooks_update(self, channel: discord.abc.GuildChannel) -> None:
        self._ears.webhooks_changed(channel.id)

    async def on_raw_thread_delete(self, what: discord.RawThreadDeleteEvent) -> None:
        self._ears.thread_deleted(self._account, what.thread_id)

    async def _changed(self, *_: object) -> None:
        self._ears.changed(self._account)

    on_guild_available = on_guild_join = on_guild_remove = on_guild_unavailable = _changed
    on_guild_update = on_guild_channel_create = on_guild_channel_delete = _changed
    on_guild_channel_update = on_guild_role_create = on_guild_role_delete = _changed
    on_guild_role_update = on_member_update = _changed
    on_thread_create = on_thread_join = on_thread_update = _changed


class Account:
    """An account that ``stay`` keeps connected.  ``variable`` is where its token comes from.

    ``prepare`` is awaited with every new client before it connects (slash commands hang there).
    """

    def __init__(
        self,
        variable: str,
        token: SecretStr,
        ears: Ears,
        wanted: discord.Intents,
        *,
        prepare: Callable[[discord.Client], Awaitable[None]] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.variable, self.ears = variable, ears
        self._token, self._intents, self._prepare = token, wanted, prepare
        self.patience = patience or Patience()
        first_s, most_s = self.patience.retry_s
        self._backoff = Backoff(first_s=first_s, most_s=most_s, rng=Random())
        self._status = discord.Status.online
        self._client = self._make()
        self._logged_in = False
        self._renewed = asyncio.Event()
        self._id = 0
        self._down_since: float | None = time.monotonic()
        self._up_since: float | None = None

    @property
    def client(self) -> discord.Client:
        return self._client

    @property
    def connected(self) -> bool:
        return self._down_since is None

    @property
    def id(self) -> int:
        """The number of its user; 0 before the first login."""
        if self._client.user is not None:  # as it is not with a client that has just been made
            self._id = self._client.user.id
        return self._id

    async def open(self) -> None:
        """Log in for the first time; what only the owner can mend is told now.

        Raises:
            PlatformError: the token is no bot's, or an intent is off.
        """
        if (trouble := token_trouble(self._token.get_secret_value())) is not None:
            raise PlatformError(f"{self.variable}: {trouble}")
        try:
            await self._log_in()
        except discord.LoginFailure as error:
            raise PlatformError(told(error, self.variable)) from None
        except UNREACHABLE as error:
            logger.warning("%s; trying again", told(error, self.variable))
            await self._close()
            self._client = self._make()
            return
        user, flags = self._client.user, self._client.application_flags
        if user is None or not user.bot:
            raise PlatformError(f"{self.variable}: it is a user's token; take a bot's")
        readable = flags.gateway_message_content or flags.gateway_message_content_limited
        if self._intents.message_content and not readable:
            raise PlatformError(f"{user.name}: {INTENT_OFF}")

    async def stay(self) -> None:
        """Be connected, for ever."""
        while True:
            try:
                await self._log_in()
                await self._listen()
                reason = "the connection to Discord is lost"
            except Exception as error:  # discord.py lets out whatever its parsers trip over
                reason = told(error, self.variable)
                logger.debug("what ended the client", exc_info=error)
            finally:
                await self._close()
            if self._up_s() > self._backoff.most_s:  # else a bad event a second would not end
                self._backoff.reset()
            await self._pause(reason)
            self._client, self._logged_in = self._make(), False

    def renew(self, token: SecretStr) -> None:
        """Go on with another token; nothing happens where it is the same."""
        if token != self._token:
            logger.info("%s: a new token is taken up", self.variable)
            self._token = token
            self._renewed.set()

    async def _pause(self, reason: str) -> None:
        """Wait longer and longer, but not with a new token."""
        if self._renewed.is_set():
            self._backoff.reset()
            self.is_down("a new token is taken up")
            return
        pause_s = self._backoff.next_s()
        logger.warning("%s; trying again in %.0f s", reason, pause_s)
        self.is_down(reason)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._renewed.wait()

    async def close(self) -> None:
        """Log out; ``stay`` has ended before."""
        await self._close()

    async def prepare(self, client: discord.Client) -> None:
        if self._prepare is not None:
            await self._prepare(client)

    async def show(self, status: discord.Status) -> None:
        """Be seen so from now on, in later sessions too; at once where it is connected.

        Raises:
            One of ``UNREACHABLE``: the connection has just gone.
        """
        self._status = self._client.status = status
        if self.connected:
            await self._client.change_presence(status=status)

    async def show_again(self) -> None:
        """A session begins as it was logged in with, which may not be what is shown by now."""
        if self._status is not discord.Status.online:
            with suppress(*UNREACHABLE):
                await self._client.change_presence(status=self._status)

    def is_up(self) -> None:
        if self._down_since is not None:
            self._down_since, self._up_since = None, time.monotonic()

    def is_down(self, reason: str) -> None:
        if self._down_since is None:
            self._down_since = time.monotonic()
        self.ears.lost(self, reason)

    def _up_s(self) -> float:
        """How long the client that has just ended was connected."""
        return 0.0 if self._up_since is None else time.monotonic() - self._up_since

    async def _log_in(self) -> None:
        if not self._logged_in:
            self._renewed.clear()
            async with asyncio.timeout(self.patience.request_s):
                await self._client.login(self._token.get_secret_value())
            self._logged_in = True

    async def _listen(self) -> None:
        """Until the client ends, has not come back for too long, or there is a new token."""
        self._down_since, self._up_since = time.monotonic(), None
        connecting = asyncio.create_task(self._client.connect())
        renewed = asyncio.create_task(self._wait_for_a_token())
        look_s = min(_LOOK_S, self.patience.lost_s)
        try:
            while not (connecting.done() or renewed.done()):
                await asyncio.wait({connecting, renewed}, timeout=look_s, return_when=_FIRST)
                if self._down_since and time.monotonic() - self._down_since > self.patience.lost_s:
                    return
            if connecting.done():
                connecting.result()
        finally:
            renewed.cancel()
            await self._end(connecting)

    async def _wait_for_a_token(self) -> None:
        await self._renewed.wait()

    async def _end(self, work: asyncio.Task[None]) -> None:
        while not work.done():  # asyncio.wait_for of Python 3.11 may swallow a cancellation
            work.cancel()
            await asyncio.wait({work}, timeout=_CANCEL_S)
        if not work.cancelled():
            work.exception()  # told already, or of no interest any more

    async def _close(self) -> None:
        _stop_waiting_for_servers(self._client)
        # A task of its own: discord.py keeps the first try, and one that is broken off for good.
        closing = asyncio.create_task(self._client.close())
        await asyncio.wait({closing}, timeout=_LOOK_S)
        await self._end(closing)
        await self._client.http.close()  # which a goodbye that is not answered leaves open
        await self._client.close_socket()
        _stop_heartbeats(self._client)

    def _make(self) -> _Client:
        return _Client(
            self,
            intents=self._intents,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=_GUILDS_S,
            max_ratelimit_timeout=60.0,
            status=self._status,
        )


def _stop_waiting_for_servers(client: discord.Client) -> None:
    """Else discord.py reports a client as ready that is closed by then, and fails with it."""
    waiting = client._connection._ready_task
    if waiting is not None:
        waiting.cancel()


def _stop_heartbeats(client: discord.Client) -> None:
    """End the threads of a client that discord.py forgets when it is closed while connecting."""
    for thread in threading.enumerate():
        if isinstance(thread, KeepAliveHandler) and thread.ws._connection is client._connection:
            thread.stop()
