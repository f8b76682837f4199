"""A hub of models on loopback: as much of its protocol as the library uses, and its bad days.

It remembers every request, can end an answer halfway, and answers ranges, so that a test sees
whether a download went on where it broke off.
"""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

__all__ = ["SHA", "FakeHub", "fake_hub"]

SHA = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """Models by id, each a mapping of file names to bytes.

    ``halves`` counts how many answers with a file of more than 10 kB still end halfway;
    ``claimed`` and ``digests`` are sizes and SHA-256 that it lists in place of the true ones;
    ``asked`` are (method, path, range) of all requests.
    """

    def __init__(self, models: Mapping[str, Mapping[str, bytes]]) -> None:
        self.models = dict(models)
        self.gated: set[str] = set()
        self.halves = 0
        self.claimed: dict[str, int] = {}
        self.digests: dict[str, str] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        self.address = ""

    def ranges(self) -> list[str]:
        """The ranges that were asked for behind the first byte."""
        return [asked for _, _, asked in self.asked if asked and not asked.startswith("bytes=0-")]


@contextmanager
def fake_hub(models: Mapping[str, Mapping[str, bytes]]) -> Iterator[FakeHub]:
    hub = FakeHub(models)

    class Handler(_Handler):
        pass

    Handler.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the hub's memory is the log."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append((self.command, path, self.headers.get("Range")))
        if path.startswith("/api/models/"):
            self._api(path.removeprefix("/api/models/"))
        else:
            self._file(path.removeprefix("/"))

    def _model(self, id: str, revision: str) -> Mapping[str, bytes] | None:
        """The files of a model, or None once a refusal was sent."""
        if id in self.hub.gated:
            self._refuse(403, "GatedRepo")
        elif id not in self.hub.models:
            self._refuse(404, "RepoNotFound")
        elif revision not in ("main", SHA):
            self._refuse(404, "RevisionNotFound")
        else:
            return self.hub.models[id]
        return None

    def _api(self, rest: str) -> None:
        model, tree, revision = rest.partition("/tree/")
        if not tree:
            model, _, revision = rest.partition("/revision/")
        files = self._model(model, revision or "main")
        if files is None:
            return
        listed = [
            {
                "type": "file",
                "path": name,
                "rfilename": name,
                "size": self.hub.claimed.get(name, len(data)),
                "oid": _etag(data),
                "lfs": self._large(name, data),
            }
            for name, data in files.items()
        ]
        answer = listed if tree else {"id": model, "sha": SHA, "siblings": listed}
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _large(self, name: str, data: bytes) -> dict[str, object] | None:
        """What the hub lists of files that git itself does not keep."""
        if len(data) <= 10_000:
            return None
        digest = self.hub.digests.get(name, hashlib.sha256(data).hexdigest())
        size = self.hub.claimed.get(name, len(data))
        return {"sha256": digest, "oid": digest, "size": size, "pointerSize": 130}

    def _file(self, rest: str) -> None:
        model, _, place = rest.partition("/resolve/")
        revision, _, name = place.partition("/")
        files = self._model(model, revision)
        if files is None:
            return
        if name not in files:
            self._refuse(404, "EntryNotFound")
            return
        data = files[name]
        headers = {"ETag": f'"{_etag(data)}"', "X-Repo-Commit": SHA, "Accept-Ranges": "bytes"}
        asked = self.headers.get("Range")
        if asked is None:
            self._send(200, data, headers)
            return
        first = int(asked.removeprefix("bytes=").partition("-")[0])
        headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        self._send(206, data[first:], headers)

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

    def _send(self, status: int, data: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if len(data) > 10_000 and self.hub.halves > 0:
            self.hub.halves -= 1
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
            return
        self.wfile.write(data)


def _etag(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()  # noqa: S324  (git's own name for a file)
