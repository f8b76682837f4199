"""Switches that make the rehearsal misbehave, as the real thing does now and then."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from botconvo.rehearsal.entities import Application, Guild
from botconvo.rehearsal.gateway import INVALID_SESSION, RECONNECT, Connection, Gateway
from botconvo.rehearsal.payloads import Payload

__all__ = ["Fault", "FaultKind", "Faults"]

FaultKind = Literal["answer", "limit", "delay", "hang", "cut"]


@dataclass(slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong with requests.

    ``after``: the request is carried out and only its answer is lost; otherwise it never happens.
    """

    kind: FaultKind
    method: str = ""
    path: str = ""
    times: int | None = 1
    after: bool = False
    status: int = 500
    seconds: float = 0.0
    scope: Literal["user", "global", "shared", "cloudflare"] = "user"
    happened: int = 0

    def fits(self, method: str, path: str) -> bool:
        return self.method in ("", method) and re.search(self.path, path) is not None

    def use(self) -> None:
        self.happened += 1
        if self.times is not None:
            self.times -= 1


@dataclass(slots=True)
class Faults:
    """Requests: each rule takes effect ``times`` (None: until ``clear``) on those that fit
    ``method`` ("" is any) and ``path`` (a regular expression over the path behind ``/api/v10``).
    """

    _gateway: Gateway
    rules: list[Fault] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server goes: whatever hangs ends."""

    # ---- requests ------------------------------------------------------------------------

    def fail(
        self,
        status: int = 500,
        *,
        method: str = "",
        path: str = "",
        times: int | None = 1,
        after: bool = False,
    ) -> Fault:
        """Answer with a status and no JSON, as Discord's proxies do."""
        return self._add(
            Fault(kind="answer", status=status, method=method, path=path, times=times, after=after)
        )

    def limit(
        self,
        retry_after: float = 0.1,
        *,
        scope: Literal["user", "global", "shared", "cloudflare"] = "user",
        method: str = "",
        path: str = "",
        times: int | None = 1,
    ) -> Fault:
        """Answer 429; ``cloudflare`` without the ``Via`` header and JSON, as a ban looks."""
        return self._add(
            Fault(
                kind="limit",
                seconds=retry_after,
                scope=scope,
                method=method,
                path=path,
                times=times,
            )
        )

    def delay(
        self, seconds: float, *, method: str = "", path: str = "", times: int | None = 1
    ) -> Fault:
        """Answer late."""
        return self._add(
            Fault(kind="delay", seconds=seconds, method=method, path=path, times=times)
        )

    def hang(
        self, *, method: str = "", path: str = "", times: int | None = 1, after: bool = False
    ) -> Fault:
        """Never answer, and never close: a half-open socket."""
        return self._add(Fault(kind="hang", method=method, path=path, times=times, after=after))

    def cut(
        self, *, method: str = "", path: str = "", times: int | None = 1, after: bool = False
    ) -> Fault:
        """Break the connection instead of answering."""
        return self._add(Fault(kind="cut", method=method, path=path, times=times, after=after))

    def clear(self) -> None:
        """Requests go well again."""
        self.rules.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that a request meets; it is used up by that."""
        for rule in self.rules:
            if rule.times != 0 and rule.fits(method, path):
                rule.use()
                self.rules = [each for each in self.rules if each.times != 0]
                return rule
        return None

    def _add(self, rule: Fault) -> Fault:
        self.rules.append(rule)
        return rule

    # ---- the gateway ---------------------------------------------------------------------

    def close_gateway(self, bot: Application, code: int = 4000) -> int:
        """Close a bot's connections with a code; gives how many there were."""
        return self._each(bot, lambda connection: connection.close(code))

    def drop_gateway(self, bot: Application) -> int:
        """Break a bot's connections without a word."""
        return self._each(bot, lambda connection: connection.abort())

    def freeze_gateway(self, bot: Application) -> int:
        """Neither send nor hear anything on a bot's connections: half-open sockets."""
        return self._each(bot, lambda connection: connection.freeze())

    def ask_to_reconnect(self, bot: Application) -> int:
        """Op 7."""
        return self._each(bot, lambda connection: connection.send(RECONNECT, None))

    def invalidate(self, bot: Application, *, resumable: bool = False) -> int:
        """Op 9; a session that is not resumable is forgotten."""
        count = self._each(bot, lambda connection: connection.send(INVALID_SESSION, resumable))
        if not resumable:
            self._gateway.forget(bot)
        return count

    def refuse_resume(self, refuse: bool = True) -> None:
        """Answer every RESUME with op 9."""
        self._gateway.refuses_resume = refuse

    def duplicate(self, events: int) -> None:
        """Deliver the next events twice."""
        self._gateway.duplicates += events

    def begin_outage(self, bot: Application, guild: Guild) -> None:
        """Discord cannot serve one of a bot's guilds at present."""
        self._gateway.outages.add(guild.id)
        self.send_event(bot, "GUILD_DELETE", {"id": str(guild.id), "unavailable": True})

    def end_outage(self, bot: Application, guild: Guild) -> None:
        """The guild is there again."""
        self._gateway.outages.discard(guild.id)
        self._gateway.world.tell_of_guild(guild, bot.user)

    def send_event(self, bot: Application, name: str, payload: Payload) -> None:
        """Deliver an event as it is given: malformed, unknown, or out of order."""
        for session in list(self._gateway.sessions.values()):
            if session.application is bot:
                session.give(name, payload)

    def _each(self, bot: Application, do: Callable[[Connection], None]) -> int:
        connections = list(self._gateway.connections_of(bot))
        for connection in connections:
            do(connection)
        return len(connections)
