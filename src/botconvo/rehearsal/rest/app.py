"""REST over HTTP: reads requests, lets faults and limits have their way, writes answers."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from aiohttp import BodyPartReader, web

from botconvo.rehearsal import refusal
from botconvo.rehearsal.checking import ApiCheck
from botconvo.rehearsal.faults import Fault, Faults
from botconvo.rehearsal.limits import Allowance, Limiter
from botconvo.rehearsal.refusal import Refusal
from botconvo.rehearsal.rest import channels, interactions, messages, webhooks
from botconvo.rehearsal.rest.call import Call, Rule, Upload
from botconvo.rehearsal.world import World

__all__ = ["API", "Rest", "Seen"]

API = "/api/v10"
RULES: tuple[Rule, ...] = (
    *channels.RULES,
    *messages.RULES,
    *webhooks.RULES,
    *interactions.RULES,
)
_JSON = "application/json"
"""Without a charset: discord.py takes anything else for text."""
_VIA = {"Via": "1.1 google"}
"""discord.py believes a 429 only with it, and takes one without for a ban."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request that came, with what was answered (status 0: nothing)."""

    at: datetime
    method: str
    path: str
    body: Any
    status: int


@dataclass(slots=True, kw_only=True)
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Rest:
    """The application behind ``/api/v10``, attachments and pictures."""

    def __init__(
        self, world: World, faults: Faults, limiter: Limiter, check: ApiCheck | None
    ) -> None:
        self._world, self._faults, self._limiter, self._check = world, faults, limiter, check
        self.seen: deque[Seen] = deque(maxlen=10_000)
        self.discrepancies: list[str] = []

    def add_routes(self, app: web.Application, gateway_url: Callable[[], str]) -> None:
        for rule in RULES:
            app.router.add_route(rule.method, API + rule.path, self._handler(rule))
        for path in ("/gateway", "/gateway/bot"):
            rule = Rule(
                method="GET",
                path=path,
                handler=lambda call: _gateway(call, gateway_url()),
                open=path == "/gateway",
            )
            app.router.add_route("GET", API + path, self._handler(rule))
        app.router.add_get("/attachments/{channel}/{attachment}/{filename}", self._attachment)
        app.router.add_get("/avatars/{owner}/{picture}", self._picture)

    # ---- one request ---------------------------------------------------------------------

    def _handler(self, rule: Rule) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            path = request.path.removeprefix(API)
            body, uploads = await _read(request)
            fault = self._faults.take(request.method, path)
            if fault is not None:
                return await self._misbehave(fault, rule, request, body, uploads)
            return self._write(request, path, body, self._answer(rule, request, body, uploads))

        return handle

    def _answer(self, rule: Rule, request: web.Request, body: Any, uploads: list[Upload]) -> Answer:
        path = request.path.removeprefix(API)
        caller = self._caller(request)
        name = str(caller.id) if caller else path
        allowance = Allowance()
        if not path.startswith("/interactions/"):
            allowance = self._limiter.ask(name, request.method, path, time.monotonic())
        if allowance.retry_after is not None:
            return _too_many(allowance)
        call = Call(
            world=self._world,
            method=request.method,
            path=path,
            route=rule.path,
            parts={key: unquote(value) for key, value in request.match_info.items()},
            query=dict(request.query),
            body=body,
            uploads=uploads,
            caller=caller,
        )
        if self._check is not None:
            self.discrepancies += self._check.request(rule.method, rule.path, body)
        answer = self._carry_out(rule, call)
        if self._check is not None:
            self.discrepancies += self._check.answer(
                rule.method, rule.path, answer.status, answer.body
            )
        answer.headers |= _limit_headers(allowance)
        return answer

    def _carry_out(self, rule: Rule, call: Call) -> Answer:
        try:
            if call.caller is None and not rule.open:
                raise Refusal(*refusal.UNAUTHORIZED)
            body = rule.handler(call)
        except Refusal as no:
            return Answer(status=no.status, body=no.body())
        except (KeyError, TypeError, ValueError) as error:
            what = f"Invalid Form Body ({type(error).__name__}: {error})"
            return Answer(status=400, body={"message": what, "code": 50035})
        return Answer(status=204 if body is None else rule.status, body=body)

    def _caller(self, request: web.Request) -> Any:
        """The bot whose token this is; a user's token is nobody's."""
        token = request.headers.get("Authorization", "").removeprefix("Bot ")
        for application in self._world.applications.values():
            if application.token == token:
                return application
        return None

    def _write(
        self, request: web.Request, path: str, body: Any, answer: Answer
    ) -> web.StreamResponse:
        self._note(request.method, path, body, answer.status)
        if answer.body is None:
            return web.Response(status=answer.status, headers=answer.headers)
        if isinstance(answer.body, str):
            return web.Response(status=answer.status, text=answer.body, headers=answer.headers)
        headers = answer.headers | {"Content-Type": _JSON}
        data = json.dumps(answer.body).encode()
        return web.Response(status=answer.status, body=data, headers=headers)

    def _note(self, method: str, path: str, body: Any, status: int) -> None:
        self.seen.append(
            Seen(at=self._world.now(), method=method, path=path, body=body, status=status)
        )
        self._world.note()

    # ---- faults --------------------------------------------------------------------------

    async def _misbehave(
        self, fault: Fault, rule: Rule, request: web.Request, body: Any, uploads: list[Upload]
    ) -> web.StreamResponse:
        path = request.path.removeprefix(API)
        if fault.kind == "limit":
            return self._write(request, path, body, _limited(fault))
        if fault.kind == "delay":
            await self._wait(fault.seconds)
            return self._write(request, path, body, self._answer(rule, request, body, uploads))
        if fault.after:
            self._answer(rule, request, body, uploads)
        if fault.kind == "answer":
            return self._write(request, path, body, _broken(fault.status))
        self._note(request.method, path, body, 0)
        if fault.kind == "hang":
            await self._faults.closing.wait()
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    async def _wait(self, seconds: float) -> None:
        """Until the time is over, or the server goes."""
        try:
            async with asyncio.timeout(seconds):
                await self._faults.closing.wait()
        except TimeoutError:
            pass

    # ---- files ---------------------------------------------------------------------------

    async def _attachment(self, request: web.Request) -> web.StreamResponse:
        attachment = self._world.attachments.get(int(request.match_info["attachment"]))
        if attachment is None:
            raise web.HTTPNotFound
        return web.Response(body=attachment.content, content_type=attachment.content_type)

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["picture"].partition(".")[0]
        picture = self._world.pictures.get(name)
        if picture is None:
            raise web.HTTPNotFound
        return web.Response(body=picture, content_type="image/png")


def _gateway(call: Call, url: str) -> Any:
    if call.path == "/gateway":
        return {"url": url}
    limit = {"total": 1000, "remaining": 999, "reset_after": 86400000, "max_concurrency": 1}
    return {"url": url, "shards": 1, "session_start_limit": limit}


async def _read(request: web.Request) -> tuple[Any, list[Upload]]:
    """The body and the files of a request; a body that is no JSON is none."""
    if not request.content_type.startswith("multipart/"):
        try:
            return json.loads(await request.read() or b"null"), []
        except ValueError:
            return None, []
    body, uploads = None, []
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        data = bytes(await part.read())
        if part.name == "payload_json":
            body = json.loads(data)
        else:
            number = "".join(c for c in part.name or "" if c.isdigit())
            uploads.append(
                Upload(
                    number=int(number or 0),
                    filename=part.filename or "file",
                    content_type=part.headers.get("Content-Type"),
                    content=data,
                )
            )
    return body, uploads


def _too_many(allowance: Allowance) -> Answer:
    assert allowance.retry_after is not None
    return _answer_429(
        allowance.retry_after,
        scope="global" if allowance.overall else "user",
        headers=_limit_headers(allowance),
    )


def _limited(fault: Fault) -> Answer:
    if fault.scope == "cloudflare":
        return Answer(status=429, body="error code: 1015")
    return _answer_429(fault.seconds, scope=fault.scope, headers={})


def _answer_429(seconds: float, *, scope: str, headers: dict[str, str]) -> Answer:
    everything = scope == "global"
    message = "You are being rate limited."
    body = {"message": message, "retry_after": round(seconds, 3), "global": everything}
    headers = headers | _VIA | {"Retry-After": str(int(seconds) + 1), "X-RateLimit-Scope": scope}
    if everything:
        headers["X-RateLimit-Global"] = "true"
    return Answer(status=429, body=body, headers=headers)


def _limit_headers(allowance: Allowance) -> dict[str, str]:
    """All five or none: discord.py reads them together."""
    if allowance.bucket is None:
        return {}
    return {
        "X-RateLimit-Limit": str(allowance.limit),
        "X-RateLimit-Remaining": str(allowance.remaining),
        "X-RateLimit-Reset": f"{time.time() + allowance.reset_after:.3f}",
        "X-RateLimit-Reset-After": f"{allowance.reset_after:.3f}",
        "X-RateLimit-Bucket": allowance.bucket,
    }


def _broken(status: int) -> Answer:
    """Discord's proxies answer 5xx with a page, Discord itself anything else with JSON."""
    if status >= 500:
        return Answer(status=status, body="upstream connect error")
    return Answer(status=status, body={"message": f"{status}: on purpose", "code": 0})
