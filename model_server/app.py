"""The HTTP face of one checkpoint: OpenAI's completions, the old contracts, health and metrics.

It knows nothing of processes, ports or files; it is given an engine, which may still be loading.
"""

import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import Receive, Scope, Send

from model_server.checkpoint.folder import Checkpoint
from model_server.completions import Completions, RefusalError
from model_server.door import (
    error_answer,
    gone,
    json_answer,
    parse,
    read_body,
    require_token,
    while_connected,
)
from model_server.engine import Engine, EngineSettings
from model_server.metrics import Metrics
from model_server.plain import Plain
from model_server.schemas import CompletionRequest, Health

__all__ = ["ServerSettings", "create_app"]

_METRICS = "/metrics"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """``most_waiting`` requests queue behind those at work; a body has ``largest_body`` bytes.

    ``host`` is the address that the server listens on.
    """

    engine: EngineSettings
    most_waiting: int = 16
    largest_body: int = 1_000_000
    host: str = "127.0.0.1"


def create_app(
    checkpoint: Checkpoint, engine: Future[Engine], settings: ServerSettings, token: str | None
) -> FastAPI:
    """The app; ``token`` None leaves every door open, which only loopback should."""
    app = FastAPI(title="BotConvo model server", docs_url=None, redoc_url=None, openapi_url=None)
    if token is None:
        # A page of another site may have its own name point at this computer; then its scripts
        # may read what is answered.
        own = ["localhost", "127.0.0.1", "[::1]", "::1", settings.host]
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=own, www_redirect=False)
    name = checkpoint.manifest.persona or checkpoint.folder.name
    completions = Completions(name, engine, settings.engine, settings.most_waiting)
    app.state.completions = completions  # whoever runs the app closes it
    form = checkpoint.manifest.prompt_format
    app.router.routes.extend(Plain(completions, form, token, settings.largest_body).routes())

    @app.post("/v1/completions")
    async def complete(request: Request) -> Response:
        arrived = time.monotonic()
        require_token(request, token)
        asked = parse(CompletionRequest, await read_body(request, settings.largest_body))
        completions.check(asked)
        if asked.stream:
            return _Live(lambda send: completions.stream(asked, arrived, send), completions.metrics)
        work = completions.answer(asked, arrived)
        answer = await while_connected(request.receive, work, completions.metrics)
        return gone() if answer is None else json_answer(answer)

    @app.get("/health")
    async def health() -> Response:
        ready = completions.ready
        body = Health(
            status="ready" if ready else "loading",
            persona=name,
            checkpoint=checkpoint.digest,
            prompt_format=form.digest() if form else "",
            context=settings.engine.context,
            parallel=settings.engine.parallel,
        )
        return json_answer(body, 200 if ready else 503)

    @app.get(_METRICS)
    async def metrics(request: Request) -> Response:
        require_token(request, token)
        return Response(completions.metrics.text(), media_type="text/plain; version=0.0.4")

    @app.exception_handler(RefusalError)
    async def refuse(request: Request, refusal: RefusalError) -> Response:
        if request.url.path != _METRICS:
            completions.metrics.count(refusal.outcome)
        return error_answer(refusal.status, str(refusal), refusal.kind, refusal.headers)

    @app.exception_handler(HTTPException)
    async def refuse_route(_: Request, error: HTTPException) -> Response:
        return error_answer(error.status_code, str(error.detail), "not_found_error")

    return app


class _Live(Response):
    """An answer that writes itself, and is cancelled when its reader goes away."""

    def __init__(
        self, write: Callable[[Send], Coroutine[Any, Any, None]], metrics: Metrics
    ) -> None:
        super().__init__()
        self._write = write
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await while_connected(receive, self._written(send), self._metrics)

    async def _written(self, send: Send) -> bool:
        await self._write(send)
        return True
