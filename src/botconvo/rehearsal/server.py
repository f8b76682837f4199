"""The rehearsal itself: a small Discord on loopback, to be entered as a context."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar

from aiohttp import web

from botconvo.rehearsal.actors import Person
from botconvo.rehearsal.checking import ApiCheck
from botconvo.rehearsal.entities import (
    Application,
    Channel,
    ChannelType,
    Guild,
    User,
    Webhook,
)
from botconvo.rehearsal.faults import Faults
from botconvo.rehearsal.gateway import AUTHENTICATION_FAILED, Gateway
from botconvo.rehearsal.limits import DISCORD, Limiter, Limits
from botconvo.rehearsal.permissions import MEMBERS, WEBHOOK_BOT
from botconvo.rehearsal.rest.app import API, Rest, Seen
from botconvo.rehearsal.world import Dispatch, World, new_token

__all__ = ["Rehearsal"]

_GATEWAY = "/gateway"
_LARGEST_REQUEST = 30 * 1024 * 1024
_PATIENCE_S = 10.0
_T = TypeVar("_T")


def _real_time() -> datetime:
    return datetime.now(UTC)


class Rehearsal:
    """A Discord for one process of tests, or for a rehearsed conversation.

    ``now`` is its clock (ids and times of messages), ``limits`` how often bots may call,
    ``heartbeat_s`` what HELLO says, ``answer_within_s`` how long an interaction waits for its
    first answer (3 s at Discord), ``check`` what compares bodies with Discord's own document.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        now: Callable[[], datetime] = _real_time,
        limits: Limits = DISCORD,
        heartbeat_s: float = 41.25,
        answer_within_s: float = 30.0,
        check: ApiCheck | None = None,
    ) -> None:
        self._host, self._port = host, port
        self.world = World(now=now, tell=self._tell, note=self._note)
        self.world.answer_within_s = answer_within_s
        self.gateway = Gateway(self.world, heartbeat_s=heartbeat_s)
        self.faults = Faults(self.gateway)
        self._rest = Rest(self.world, self.faults, Limiter(limits), check)
        self._waiters: set[asyncio.Future[None]] = set()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_LARGEST_REQUEST)
        self._rest.add_routes(app, lambda: self.gateway_url)
        app.router.add_get(_GATEWAY, self.gateway.handle)
        app.router.add_get(_GATEWAY + "/", self.gateway.handle)
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=1.0, handler_cancellation=True
        )
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        self._stack.push_async_callback(self.gateway.close)
        self._stack.callback(self.faults.closing.set)
        site = web.TCPSite(runner, self._host, self._port)
        await site.start()
        self._port = runner.addresses[0][1]
        self.world.base = f"http://{self._host}:{self._port}"
        self.gateway.url = self.gateway_url
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    # ---- where it is ---------------------------------------------------------------------

    @property
    def api_base(self) -> str:
        """``http://127.0.0.1:PORT/api/v10``"""
        return f"{self.world.base}{API}"

    @property
    def gateway_url(self) -> str:
        """``ws://127.0.0.1:PORT/gateway``"""
        return f"ws://{self._host}:{self._port}{_GATEWAY}"

    @property
    def requests(self) -> Sequence[Seen]:
        """The last 10,000 requests that came."""
        return self._rest.seen

    @property
    def discrepancies(self) -> Sequence[str]:
        """Where bodies were not as Discord's document says; empty without a ``check``."""
        return self._rest.discrepancies

    # ---- setting the stage ---------------------------------------------------------------

    def add_person(self, name: str, *guilds: Guild) -> Person:
        """Somebody with an account, a member of these guilds."""
        user = self.world.add_user(name)
        for guild in guilds:
            self.world.join(guild, user)
        return Person(user, self.world, self.wait_for)

    def add_guild(self, name: str, owner: Person | None = None, everyone: int = MEMBERS) -> Guild:
        """A server; ``everyone`` is what all members may do."""
        owner = owner or self.add_person(f"Owner of {name}")
        return self.world.add_guild(name, owner.user, everyone)

    def add_channel(
        self,
        guild: Guild,
        name: str,
        kind: ChannelType = ChannelType.TEXT,
        number: int | None = None,
    ) -> Channel:
        """A channel; ``number`` is its id where it must have a certain one."""
        return self.world.add_channel(guild, name, kind, number=number)

    def add_bot(
        self,
        name: str,
        *guilds: Guild,
        permissions: int = WEBHOOK_BOT,
        owner: Person | None = None,
        message_content: bool = True,
        members: bool = True,
        presences: bool = False,
    ) -> Application:
        """A bot application, invited to these guilds; the flags are its privileged intents."""
        owner = owner or self.add_person(f"Maker of {name}")
        bot = self.world.add_application(name, owner.user)
        bot.message_content, bot.members, bot.presences = message_content, members, presences
        for guild in guilds:
            self.invite(bot, guild, permissions)
        return bot

    def invite(self, bot: Application, guild: Guild, permissions: int = WEBHOOK_BOT) -> None:
        """Take a bot in, with a role of its own that grants ``permissions``."""
        role = self.world.add_role(guild, bot.name, permissions, managed_by=bot.user)
        self.world.join(guild, bot.user).roles.append(role.id)

    def put_out(self, bot: Application, guild: Guild) -> None:
        """Put a bot out of a guild; it may be invited again."""
        self.world.leave(guild, bot.user)

    def set_permissions(self, bot: Application, guild: Guild, permissions: int) -> None:
        """Change what the bot's own role grants in the whole guild."""
        for role in guild.roles.values():
            if role.managed_by == bot.user.id:
                self.world.set_role_permissions(guild, role, permissions)

    def set_overwrite(
        self,
        channel: Channel,
        target: "Person | Application | User | Guild",
        *,
        allow: int = 0,
        deny: int = 0,
    ) -> None:
        """Grant and take in one channel; a guild as ``target`` is @everyone."""
        who = target.user if isinstance(target, Person | Application) else target
        self.world.set_overwrite(channel, who.id, allow=allow, deny=deny)

    def delete_channel(self, channel: Channel) -> None:
        self.world.delete_channel(channel)

    def delete_webhook(self, webhook: Webhook) -> None:
        self.world.delete_webhook(webhook)

    def revoke_token(self, bot: Application) -> str:
        """The old token is worth nothing from now on; gives the new one."""
        bot.token = new_token(bot.user.id)
        self.faults.close_gateway(bot, AUTHENTICATION_FAILED)
        self.gateway.forget(bot)
        return bot.token

    @staticmethod
    def user_token(person: Person) -> str:
        """A token of the right shape that belongs to a person's account; no bot may use it."""
        return new_token(person.id)

    # ---- waiting -------------------------------------------------------------------------

    async def wait_for(
        self,
        look: Callable[[], _T],
        *,
        timeout_s: float = _PATIENCE_S,
        what: str = "what was waited for",
    ) -> _T:
        """Until ``look()`` gives something true; it is asked again after every change.

        Raises:
            TimeoutError: it did not come to pass.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not (found := look()):
                    changed = asyncio.get_running_loop().create_future()
                    self._waiters.add(changed)
                    await changed
                return found
        except TimeoutError:
            raise TimeoutError(f"{what} did not come within {timeout_s:g} s") from None

    async def wait_until_connected(self, bot: Application, timeout_s: float = _PATIENCE_S) -> None:
        """Until a session of the bot is there with a live connection."""
        await self.wait_for(
            lambda: any(True for _ in self.gateway.connections_of(bot)),
            timeout_s=timeout_s,
            what=f"a connection of {bot.name}",
        )

    def _tell(self, dispatch: Dispatch) -> None:
        self.gateway.tell(dispatch)
        self._note()

    def _note(self) -> None:
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
