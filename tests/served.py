"""Real model-server processes for tests: start, wait until ready, talk, end."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import httpx

TOKEN = "a token for tests"
START_S = 30.0


@dataclass(slots=True)
class Served:
    """A server process and a client that holds its token."""

    process: subprocess.Popen[str]
    http: httpx.Client
    port: int

    def end_input(self) -> None:
        """What happens when the parent dies."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait(self) -> int:
        """The exit code."""
        return self.process.wait(timeout=START_S)

    def errors(self) -> str:
        """All of stderr; only after the end."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def complete(self, **body: Any) -> httpx.Response:
        return self.http.post("/v1/completions", json=body)

    def texts(self, **body: Any) -> list[str]:
        response = self.complete(**body)
        assert response.status_code == 200, response.text
        return [choice["text"] for choice in response.json()["choices"]]


class Serve(Protocol):
    def __call__(self, checkpoint: Path, *options: str, **environment: str) -> Served: ...


def server_environment(**more: str) -> dict[str, str]:
    """This process' environment without anything of BotConvo's in it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BOTCONVO_")}
    return {**kept, "BOTCONVO_MODEL_SERVER_TOKEN": TOKEN, "PYTHONIOENCODING": "utf-8", **more}


def server_command(checkpoint: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "model_server", str(checkpoint), "--port", "0", *options]


@contextmanager
def served(checkpoint: Path, *options: str, **environment: str) -> Iterator[Served]:
    """A server of ``checkpoint`` that is ready; it has ended when the context is left."""
    process = subprocess.Popen(
        server_command(checkpoint, "--report-port", "--exit-with-parent", *options),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=server_environment(**environment),
    )
    assert process.stdin is not None
    try:
        port = _reported_port(process)
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=START_S,
        ) as http:
            _until_ready(http)
            yield Served(process=process, http=http, port=port)
    finally:
        process.stdin.close()
        process.wait(timeout=START_S)
        for stream in (process.stdout, process.stderr):
            _close(stream)


def _reported_port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    assert process.stderr is not None
    row = process.stdout.readline()
    assert row, f"the server ended: {process.stderr.read()}"
    report = json.loads(row)
    assert report["pid"] == process.pid
    return int(report["port"])


def _until_ready(http: httpx.Client) -> None:
    deadline = time.monotonic() + START_S
    pause = threading.Event()
    while http.get("/health").status_code != 200:
        assert time.monotonic() < deadline, "the server does not become ready"
        pause.wait(0.02)


def _close(stream: IO[str] | None) -> None:
    if stream is not None:
        stream.close()
