"""The HTTP face of one checkpoint: OpenAI's completions, health and metrics.

It knows nothing of processes, ports or files; it is given an engine, which may still be loading.
"""

import asyncio
import hmac
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from model_server.checkpoint.folder import Checkpoint
from model_server.completions import Completions, RefusalError
from model_server.engine import Engine, EngineSettings
from model_server.metrics import Metrics
from model_server.schemas import CompletionRequest, ErrorBody, ErrorDetail, Health

__all__ = ["ServerSettings", "create_app"]

T = TypeVar("T")
_CLIENT_GONE = 499  # the status that nginx logs in this case; nobody receives it


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """``most_waiting`` requests queue behind those at work; a body has ``largest_body`` bytes."""

    engine: EngineSettings
    most_waiting: int = 16
    largest_body: int = 1_000_000


def create_app(
    checkpoint: Checkpoint, engine: Future[Engine], settings: ServerSettings, token: str | None
) -> FastAPI:
    """The app; ``token`` None leaves every door open, which only loopback should."""
    app = FastAPI(title="BotConvo model server", docs_url=None, redoc_url=None, openapi_url=None)
    name = checkpoint.manifest.persona or checkpoint.folder.name
    completions = Completions(name, engine, settings.engine, settings.most_waiting)
    app.state.completions = completions  # whoever runs the app closes it

    @app.post("/v1/completions")
    async def complete(request: Request) -> Response:
        arrived = time.monotonic()
        _require_token(request, token)
        asked = _parse(await _body(request, settings.largest_body))
        completions.check(asked)
        if asked.stream:
            return _Live(lambda send: completions.stream(asked, arrived, send), completions.metrics)
        answer = await _while_connected(request.receive, completions.answer(asked, arrived))
        if answer is None:
            completions.metrics.count("client_gone")
            return Response(status_code=_CLIENT_GONE)
        return _json(answer.model_dump_json(), 200)

    @app.get("/health")
    async def health() -> Response:
        ready = completions.ready
        body = Health(
            status="ready" if ready else "loading",
            persona=name,
            checkpoint=checkpoint.digest,
            prompt_format=_prompt_format(checkpoint),
            context=settings.engine.context,
            parallel=settings.engine.parallel,
        )
        return _json(body.model_dump_json(), 200 if ready else 503)

    @app.get("/metrics")
    async def metrics(request: Request) -> Response:
        _require_token(request, token)
        return Response(completions.metrics.text(), media_type="text/plain; version=0.0.4")

    @app.exception_handler(RefusalError)
    async def refuse(request: Request, refusal: RefusalError) -> Response:
        if request.method == "POST":
            completions.metrics.count(refusal.outcome)
        return _error(refusal.status, str(refusal), refusal.kind, refusal.headers)

    @app.exception_handler(HTTPException)
    async def refuse_route(_: Request, error: HTTPException) -> Response:
        return _error(error.status_code, str(error.detail), "not_found_error", None)

    return app


def _prompt_format(checkpoint: Checkpoint) -> str:
    form = checkpoint.manifest.prompt_format
    return form.digest() if form else ""


def _json(text: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(text, status_code=status, media_type="application/json", headers=headers)


def _error(status: int, message: str, kind: str, headers: dict[str, str] | None) -> Response:
    body = ErrorBody(error=ErrorDetail(message=message, type=kind))
    return _json(body.model_dump_json(), status, headers)


def _require_token(request: Request, token: str | None) -> None:
    if token is None:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode(), token.encode())
    if scheme.lower() != "bearer" or not same:
        raise RefusalError(
            401,
            "the token is missing or wrong; send it as 'Authorization: Bearer TOKEN'",
            "authentication_error",
            outcome="unauthorized",
            headers={"WWW-Authenticate": "Bearer"},
        )


async def _body(request: Request, largest: int) -> bytes:
    """The body of a JSON request.

    A page in a browser can send other types to loopback without asking first.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusalError(415, "the body has to be application/json", "invalid_request_error")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest:
            raise RefusalError(
                413, f"the body is larger than {largest} bytes; shorten it", "invalid_request_error"
            )
    return bytes(body)


def _parse(body: bytes) -> CompletionRequest:
    try:
        return CompletionRequest.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        key = ".".join(str(part) for part in fault["loc"])
        raise RefusalError(
            400 if fault["type"] == "json_invalid" else 422,
            f"{key}: {fault['msg']}" if key else fault["msg"],
            "invalid_request_error",
        ) from None


class _Live(Response):
    """An answer that writes itself, and is cancelled when its reader goes away."""

    def __init__(
        self, write: Callable[[Send], Coroutine[Any, Any, None]], metrics: Metrics
    ) -> None:
        super().__init__()
        self._write = write
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def written() -> bool:
            await self._write(send)
            return True

        if await _while_connected(receive, written()) is None:
            self._metrics.count("client_gone")


async def _while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T | None:
    """The result of ``work``; it is cancelled, and None comes back, when the client goes away."""
    task = asyncio.create_task(work)
    gone = asyncio.create_task(_disconnection(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
