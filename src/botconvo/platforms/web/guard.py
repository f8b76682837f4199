"""The door of the page: who may speak to it at all, and what every answer must carry.

A page on loopback that steers a talk is within reach of every site that its owner visits.  Three
checks keep those out: the ``Host`` header (a foreign name that was re-bound to 127.0.0.1), the
``Origin`` header (a foreign page), and the token of this run, which ``app`` asks for on every call.
"""

from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

__all__ = ["Guard", "own_hosts"]

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def own_hosts(port: int) -> frozenset[str]:
    """The ``Host`` headers that mean this server and nobody else's name for it."""
    with_port = {f"{name}:{port}" for name in _LOOPBACK}
    return frozenset(with_port | set(_LOOPBACK) if port == 80 else with_port)


class Guard:
    """Lets only requests through that were meant for this server and sent by its own page."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        sealed = _sealed(send, host if host in self._hosts else "localhost")
        if host not in self._hosts:
            await _refuse(421, "this server answers to loopback names only", scope, receive, sealed)
        elif headers.get("origin", f"http://{host}").lower() != f"http://{host}":
            await _refuse(403, "this page takes orders from itself only", scope, receive, sealed)
        else:
            await self._app(scope, receive, sealed)


async def _refuse(status: int, why: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        # Closed before it was accepted: the handshake is answered with 403.
        await WebSocketClose()(scope, receive, send)
    else:
        await JSONResponse({"error": why}, status)(scope, receive, send)


def _sealed(send: Send, host: str) -> Send:
    """``send`` with the security headers on every HTTP answer."""
    seals = {
        "Content-Security-Policy": "; ".join(
            (
                "default-src 'self'",
                # Safari does not take 'self' to mean the WebSocket of the same host.
                f"connect-src 'self' ws://{host}",
                "object-src 'none'",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
                "require-trusted-types-for 'script'",
                "trusted-types 'none'",
            )
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }

    async def send_sealed(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(seals)
        await send(message)

    return send_sealed
