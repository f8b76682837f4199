"""From an ASGI application to a listening server and an open browser; it knows no talk."""

import contextlib
import errno
import socket
import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from botconvo.errors import PlatformError

__all__ = ["browse", "listen", "picture", "server"]

_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}
_WINDOWS_IN_USE = (10013, 10048)
_MAX_PICTURE = 4 * 1024 * 1024
_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


def listen(host: str, port: int) -> tuple[socket.socket, str]:
    """A listening socket on loopback, and the address of the page on it.

    Raises:
        PlatformError: the port is taken, or the host is not loopback.
    """
    address = _LOOPBACK.get(host)
    if address is None:
        raise PlatformError(
            f"web: the page is for this machine only and cannot be served on host {host!r}; "
            "set the host to 127.0.0.1"
        )
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio switches Nagle's delay (40 ms an answer) off only where the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # On Windows SO_REUSEADDR would let two programs share the port.
        if sys.platform == "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise PlatformError(_cannot_listen(address, port, error)) from error
    shown = f"[{address}]" if ":" in address else address
    return listener, f"http://{shown}:{listener.getsockname()[1]}/"


def server(app: ASGIApp, *, max_message: int) -> uvicorn.Server:
    """A server for the caller's event loop; ``max_message`` in bytes bounds WebSocket messages."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        http="h11",
        ws="websockets-sansio",
        ws_max_size=max_message,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=2,
    )
    return _Server(config)


class _Server(uvicorn.Server):
    """Leaves the process's signals to the orchestrator."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def picture(name: str, data: bytes | Path) -> tuple[str, bytes]:
    """The media type and the bytes of an avatar.

    Raises:
        PlatformError: it cannot be read, is too big, or is no PNG, JPEG, GIF or WebP picture.
    """
    where = f"avatar of {name}" if isinstance(data, bytes) else f"avatar of {name} ({data})"
    try:
        content = data if isinstance(data, bytes) else data.read_bytes()
    except OSError as error:
        raise PlatformError(
            f"{where}: it cannot be read ({error.strerror}); correct its path or remove it"
        ) from error
    if len(content) > _MAX_PICTURE:
        raise PlatformError(
            f"{where}: it has {len(content)} bytes; make it smaller than {_MAX_PICTURE}"
        )
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp", content
    for start, kind in _PICTURES.items():
        if content.startswith(start):
            return kind, content
    raise PlatformError(f"{where}: it is no picture; use a PNG, JPEG, GIF or WebP file")


def browse(address: str) -> None:
    """Open the owner's browser, unless the only one there would take over the terminal."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    if type(browser) is not webbrowser.GenericBrowser:
        browser.open(address)


def _cannot_listen(address: str, port: int, error: Exception) -> str:
    taken = (errno.EADDRINUSE, errno.EACCES, *_WINDOWS_IN_USE)
    is_taken = isinstance(error, OSError) and error.errno in taken
    why = "is in use or forbidden" if is_taken else f"cannot be opened ({error})"
    return (
        f"web: port {port} on {address} {why}; set another for the page, or 0 for any free one: "
        "port in [platforms.web], or BOTCONVO_PLATFORMS__WEB__PORT in the environment"
    )
