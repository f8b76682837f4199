"""The gateway: sessions of bots over WebSockets, with replay, compression and its own faults.

It decides nothing about what happened, only who hears of it and how the line behaves.
https://discord.com/developers/docs/events/gateway
"""

import asyncio
import json
import logging
import secrets
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, assert_never

from aiohttp import WSCloseCode, WSMsgType, web

from botconvo.rehearsal.entities import Application, Guild
from botconvo.rehearsal.intents import Intent, forbidden, hears, shown_to
from botconvo.rehearsal.payloads import (
    Payload,
    member_payload,
    user_payload,
    whole_guild_payload,
)
from botconvo.rehearsal.world import Dispatch, World

__all__ = ["Connection", "Gateway", "Session"]

logger = logging.getLogger(__name__)

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, RESUME, RECONNECT, MEMBERS = 0, 1, 2, 3, 6, 7, 8
INVALID_SESSION, HELLO, HEARTBEAT_ACK = 9, 10, 11
UNKNOWN_OP, DECODE_ERROR, NOT_AUTHENTICATED, AUTHENTICATION_FAILED = 4001, 4002, 4003, 4004
ALREADY_AUTHENTICATED, INVALID_SEQ, TIMED_OUT, DISALLOWED_INTENTS = 4005, 4007, 4009, 4014
_REPLAYED = 10_000
"""Events that a session keeps for RESUME."""
_CHUNK = 1000
_AWAY_S = 0.1
"""How far away Discord is.  discord.py notes when it sent a heartbeat after it did, in a thread of
its own: it takes an answer that is faster for one to the heartbeat before, and says "Can't keep
up, … websocket is 41s behind"."""


class Session:
    """What a bot's IDENTIFY opened; it outlives its connections until it is invalidated."""

    def __init__(self, application: Application, intents: int, shard: list[int]) -> None:
        self.id = secrets.token_hex(16)
        self.application, self.intents, self.shard = application, intents, shard
        self.sequence = 0
        self.sent: deque[tuple[int, str]] = deque(maxlen=_REPLAYED)
        self.connection: Connection | None = None

    def give(self, name: str, payload: Payload) -> None:
        """Number an event, keep it for a RESUME and send it where there is a connection."""
        self.sequence += 1
        text = json.dumps({"op": DISPATCH, "t": name, "s": self.sequence, "d": payload})
        self.sent.append((self.sequence, text))
        if self.connection is not None:
            self.connection.send_text(text)

    def missed(self, since: int) -> list[str] | None:
        """What came after a sequence number; None where that is no longer known."""
        if since > self.sequence or (self.sent and self.sent[0][0] > since + 1):
            return None
        return [text for number, text in self.sent if number > since]


class Connection:
    """One WebSocket.  What is sent waits in a queue, so that nobody is held up by a slow line."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.WriteTransport,
        *,
        compressed: bool,
    ) -> None:
        self.socket, self._transport = socket, transport
        self.session: Session | None = None
        self.frozen = False
        self.closing = False
        """Its last words are on their way."""
        self._queue: asyncio.Queue[str | tuple[int, str]] = asyncio.Queue()
        self._deflate = zlib.compressobj() if compressed else None

    def send(self, op: int, payload: Any) -> None:
        self.send_text(json.dumps({"op": op, "t": None, "s": None, "d": payload}))

    def send_text(self, text: str) -> None:
        self._queue.put_nowait(text)

    def close(self, code: int, reason: str = "") -> None:
        """Close once everything before it is sent."""
        self._queue.put_nowait((code, reason))

    def freeze(self) -> None:
        """Say and hear nothing any more, without closing."""
        self.frozen = True

    def abort(self) -> None:
        """Break off without a word."""
        self._transport.abort()

    async def write(self) -> None:
        """Send what is queued, until it closes."""
        while True:
            item = await self._queue.get()
            if self.frozen:
                continue
            match item:
                case str():
                    await self._write_frame(item)
                case (code, reason):
                    self.closing = True
                    await self.socket.close(code=code, message=reason.encode())
                    return
                case _:
                    assert_never(item)

    async def _write_frame(self, text: str) -> None:
        if self._deflate is None:
            await self.socket.send_str(text)
            return
        frame = self._deflate.compress(text.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        await self.socket.send_bytes(frame)


class Gateway:
    """All sessions.  ``tell`` brings an event to those that may hear of it."""

    def __init__(self, world: World, *, heartbeat_s: float) -> None:
        self.world = world
        self.url = ""
        self.heartbeat_s = heartbeat_s
        self.sessions: dict[str, Session] = {}
        self.identifies: dict[int, int] = {}
        """How often each bot (user id) identified."""
        self.resumes: dict[int, int] = {}
        self.duplicates = 0
        """So many coming events are delivered twice."""
        self.refuses_resume = False
        self.outages: set[int] = set()
        """Guilds (ids) that new sessions do not get."""
        self._connections: set[Connection] = set()

    # ---- events out ----------------------------------------------------------------------

    def tell(self, dispatch: Dispatch) -> None:
        """Deliver to every session whose bot may hear of it."""
        for session in list(self.sessions.values()):
            bot, intents = session.application.user, session.intents
            if not hears(dispatch, bot, intents) or not self._in_shard(session, dispatch):
                continue
            if dispatch.name == "GUILD_CREATE" and dispatch.guild is not None:
                self._give_guild(session, dispatch.guild)
                continue
            payload = shown_to(dispatch, bot, intents)
            session.give(dispatch.name, payload)
            if self.duplicates:
                self.duplicates -= 1
                session.give(dispatch.name, payload)

    @staticmethod
    def _in_shard(session: Session, dispatch: Dispatch) -> bool:
        number, count = session.shard
        guild = dispatch.guild
        return number == (0 if guild is None else (guild.id >> 22) % count)

    def _give_guild(self, session: Session, guild: Guild) -> None:
        bot, presences = session.application.user, session.intents & Intent.GUILD_PRESENCES
        whole = whole_guild_payload(guild, bot, with_members=bool(presences))
        session.give("GUILD_CREATE", whole)

    def connections_of(self, application: Application) -> Iterator[Connection]:
        """The live connections of a bot."""
        for session in list(self.sessions.values()):
            if session.application is application and session.connection is not None:
                yield session.connection

    def forget(self, application: Application) -> None:
        """No session of a bot can be resumed any more."""
        self.sessions = {
            key: session
            for key, session in self.sessions.items()
            if session.application is not application
        }

    # ---- connections ---------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One connection from HELLO to its end."""
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        compressed = request.query.get("compress") == "zlib-stream"
        transport = request.transport
        assert isinstance(transport, asyncio.WriteTransport)
        connection = Connection(socket, transport, compressed=compressed)
        self._connections.add(connection)
        connection.send(HELLO, {"heartbeat_interval": int(self.heartbeat_s * 1000), "_trace": []})
        writer = asyncio.create_task(self._write(connection))
        try:
            await self._read(connection)
        finally:
            if not connection.closing:
                writer.cancel()
            try:  # aiohttp breaks off here when the client has hung up
                await asyncio.wait({writer})
            finally:
                self._connections.discard(connection)
                self._hang_up(connection)
        return socket

    @staticmethod
    async def _write(connection: Connection) -> None:
        with suppress(ConnectionError):
            await connection.write()

    async def _read(self, connection: Connection) -> None:
        async for frame in connection.socket:
            if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            if connection.frozen:
                continue
            try:
                message = json.loads(frame.data)
                op, payload = message["op"], message.get("d")
            except (ValueError, KeyError, TypeError):
                connection.close(DECODE_ERROR, "Error while decoding payload.")
                continue
            self._receive(connection, op, payload)

    def _hang_up(self, connection: Connection) -> None:
        """A bot that says goodbye (1000, 1001) gives its session up."""
        session = connection.session
        if session is None or session.connection is not connection:
            return
        session.connection = None
        self.world.note()
        code = connection.socket.close_code
        if code in (WSCloseCode.OK, WSCloseCode.GOING_AWAY) and not connection.frozen:
            self.sessions.pop(session.id, None)
        if not any(True for _ in self.connections_of(session.application)):
            self.world.set_presence(session.application.user, "offline", [])

    async def close(self) -> None:
        """End all connections."""
        for connection in list(self._connections):
            await connection.socket.close(code=WSCloseCode.GOING_AWAY)

    # ---- what bots say -------------------------------------------------------------------

    def _receive(self, connection: Connection, op: int, payload: Any) -> None:
        if op == HEARTBEAT:
            asyncio.get_running_loop().call_later(_AWAY_S, connection.send, HEARTBEAT_ACK, None)
        elif op == IDENTIFY:
            self._identify(connection, payload)
        elif op == RESUME:
            self._resume(connection, payload)
        elif op not in (PRESENCE, MEMBERS, 4, 31):
            connection.close(UNKNOWN_OP, "Unknown opcode.")
        elif connection.session is None:
            connection.close(NOT_AUTHENTICATED, "Not authenticated.")
        elif op == PRESENCE:
            self._set_presence(connection.session, payload)
        elif op == MEMBERS:
            self._give_members(connection.session, payload)

    def _identify(self, connection: Connection, payload: Payload) -> None:
        if connection.session is not None:
            connection.close(ALREADY_AUTHENTICATED, "Already authenticated.")
            return
        application = self._application(payload.get("token"))
        if application is None:
            connection.close(AUTHENTICATION_FAILED, "Authentication failed.")
            return
        intents = int(payload.get("intents", 0))
        bot = application.user
        self.identifies[bot.id] = self.identifies.get(bot.id, 0) + 1
        if forbidden(intents, application):
            connection.close(DISALLOWED_INTENTS, "Disallowed intent(s).")
            return
        session = Session(application, intents, payload.get("shard", [0, 1]))
        self.sessions[session.id] = session
        self._attach(session, connection)
        self._welcome(session, whole_shard="shard" in payload)
        self._set_presence(session, payload.get("presence") or {})

    def _welcome(self, session: Session, *, whole_shard: bool) -> None:
        application = session.application
        bot = application.user
        mine = [guild for guild in self.world.guilds.values() if bot.id in guild.members]
        number, count = session.shard
        mine = [guild for guild in mine if (guild.id >> 22) % count == number]
        ready: Payload = {
            "v": 10,
            "user": user_payload(bot) | {"verified": True, "mfa_enabled": False, "email": None},
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in mine],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "application": {"id": str(application.id), "flags": application.flags},
            "private_channels": [],
            "presences": [],
            "relationships": [],
            "user_settings": {},
            "_trace": [],
        }
        if whole_shard:
            ready["shard"] = session.shard
        session.give("READY", ready)
        for guild in mine:
            if session.intents & Intent.GUILDS and guild.id not in self.outages:
                self._give_guild(session, guild)

    def _resume(self, connection: Connection, payload: Payload) -> None:
        application = self._application(payload.get("token"))
        if application is None:
            connection.close(AUTHENTICATION_FAILED, "Authentication failed.")
            return
        session = self.sessions.get(payload.get("session_id", ""))
        missed = None
        if session is not None and session.application is application:
            missed = session.missed(int(payload.get("seq") or 0))
        if session is None or missed is None or self.refuses_resume:
            connection.send(INVALID_SESSION, False)
            return
        self.resumes[application.user.id] = self.resumes.get(application.user.id, 0) + 1
        for text in missed:
            connection.send_text(text)
        self._attach(session, connection)
        session.give("RESUMED", {"_trace": []})
        self.world.set_presence(application.user, "online", application.user.activities)

    def _attach(self, session: Session, connection: Connection) -> None:
        session.connection, connection.session = connection, session
        self.world.note()

    def _application(self, token: str | None) -> Application | None:
        for application in self.world.applications.values():
            if application.token == token:
                return application
        return None

    def _set_presence(self, session: Session, payload: Payload) -> None:
        status = payload.get("status") or "online"
        activities = payload.get("activities") or []
        shown = "offline" if status == "invisible" else status
        self.world.set_presence(session.application.user, shown, activities)

    def _give_members(self, session: Session, payload: Payload) -> None:
        """REQUEST_GUILD_MEMBERS: by ids, or by the beginning of the name."""
        guild = self.world.guilds.get(int(payload["guild_id"]))
        if guild is None or session.application.user.id not in guild.members:
            return
        wanted = payload.get("user_ids")
        members = list(guild.members.values())
        if wanted is not None:
            ids = {int(user) for user in (wanted if isinstance(wanted, list) else [wanted])}
            members = [member for member in members if member.user.id in ids]
        elif query := payload.get("query", ""):
            members = [m for m in members if m.user.name.lower().startswith(query.lower())]
        if limit := payload.get("limit", 0):
            members = members[:limit]
        parts = [members[at : at + _CHUNK] for at in range(0, len(members), _CHUNK)] or [[]]
        for number, part in enumerate(parts):
            chunk: Payload = {
                "guild_id": str(guild.id),
                "members": [member_payload(member) for member in part],
                "chunk_index": number,
                "chunk_count": len(parts),
                "not_found": [],
            }
            if "nonce" in payload:
                chunk["nonce"] = payload["nonce"]
            session.give("GUILD_MEMBERS_CHUNK", chunk)
