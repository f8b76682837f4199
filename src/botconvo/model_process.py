"""One model server as a child process: start, wait until it listens, ask how it is, stop.

The child binds a free port itself and reports it on stdout, so that no port can be taken between
choosing and binding.  It ends by itself when its stdin closes: the operating system closes it even
when the parent is killed, on Windows too, and no orphan is left.
"""

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import SecretStr, ValidationError

from botconvo.errors import VoiceError
from model_server.schemas import Health

__all__ = ["ModelProcess", "ModelSpec"]

logger = logging.getLogger(__name__)

_STOP_S = 5.0
_HEALTH_S = 5.0
_LAST_WORDS_S = 1.0
"""How long to wait for the rest of the log of a process that has ended."""
_LONGEST_ROW = 2000
"""Characters of a row of the child's log that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """All that a model server is started with; equal specs need no restart.

    ``digest`` is the manifest's: the server that answers must serve exactly this checkpoint.
    """

    persona: str
    checkpoint: Path
    base: Path | None
    digest: str
    port: int = 0
    context: int = 512
    parallel: int = 5
    threads: int | None = None

    def command(self) -> list[str]:
        # -P: a file of the owner's folder that is called like a module must not run in its place.
        words = [sys.executable, "-P", "-m", "model_server", str(self.checkpoint)]
        if self.base is not None:
            words += ["--base", str(self.base)]
        words += ["--port", str(self.port), "--context", str(self.context)]
        words += ["--parallel", str(self.parallel)]
        if self.threads is not None:
            words += ["--threads", str(self.threads)]
        return [*words, "--report-port", "--exit-with-parent"]


class ModelProcess:
    """A running model server.  Made by ``start``; ``stop`` has to be called."""

    def __init__(self, spec: ModelSpec, process: asyncio.subprocess.Process) -> None:
        self._spec, self._process = spec, process
        self._port: int | None = None
        self._last_words = ""
        assert process.stdout is not None
        assert process.stderr is not None
        self._reported = asyncio.Event()
        self._reading = (
            asyncio.create_task(self._read_report(process.stdout)),
            asyncio.create_task(self._copy_log(process.stderr)),
        )

    @classmethod
    async def start(cls, spec: ModelSpec, token: SecretStr) -> "ModelProcess":
        """Start the process; it is not ready yet.

        Raises:
            VoiceError: the operating system refuses; it may have too many processes just now.
        """
        # None of our own variables but the child's: it has no business with other secrets.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BOTCONVO_")} | {
            "BOTCONVO_MODEL_SERVER_TOKEN": token.get_secret_value(),
            "BOTCONVO_PERMIT": spec.digest,
            "PYTHONIOENCODING": "utf-8",
        }
        # A process group of its own: Ctrl-C in the terminal reaches us alone, and we stop in order.
        new_group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        try:
            process = await asyncio.create_subprocess_exec(
                *spec.command(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
                start_new_session=os.name != "nt",
                creationflags=new_group | no_window,
            )
        except OSError as error:
            raise VoiceError(
                f"{spec.persona}: its model server cannot be started: {error.strerror or error}",
                retryable=True,
            ) from None
        return cls(spec, process)

    @property
    def address(self) -> str | None:
        """The base URL, once the server listens."""
        return None if self._port is None else f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait_until_ready(self, http: httpx.AsyncClient, timeout_s: float) -> None:
        """Until ``/health`` answers with the expected checkpoint.

        Raises:
            VoiceError: it ended, took too long, or serves something else.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._reported.wait()
                while not await self.is_healthy(http):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise VoiceError(
                f"{self._spec.persona}: its model server was not ready after {timeout_s:g} s",
                retryable=True,
            ) from None

    async def is_healthy(self, http: httpx.AsyncClient, patience_s: float = _HEALTH_S) -> bool:
        """Whether it is ready now; an answer that takes longer than ``patience_s`` says no.

        Raises:
            VoiceError: the process has ended, or another checkpoint answers.
        """
        if self._process.returncode is not None:
            raise await self._ended()
        try:
            response = await http.get(f"{self.address}/health", timeout=patience_s)
            health = Health.model_validate_json(response.content)
        except (httpx.HTTPError, ValidationError):
            return False
        if self._process.returncode is not None:  # somebody else may have its port by now
            raise await self._ended()
        if health.checkpoint != self._spec.digest:
            raise VoiceError(
                f"{self._spec.persona}: another checkpoint answers at {self.address}",
                retryable=False,
            )
        return health.status == "ready"

    async def wait_until_ended(self) -> int:
        return await self._process.wait()

    def kill(self) -> None:
        """End it at once: it does not listen any more.  ``stop`` is still to be called."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def stop(self) -> None:
        """Ask, wait, terminate, kill: in that order, each with a deadline.

        Cancelled, it kills at once.
        """
        try:
            await self._stop()
        except asyncio.CancelledError:
            self.kill()
            await self._process.wait()
            raise

    async def _stop(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        for harder in (None, self._process.terminate, self._process.kill):
            with suppress(ProcessLookupError):  # it ended just now
                if harder is not None and self._process.returncode is None:
                    harder()
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_S):
                    await self._process.wait()
                    break
        await self._hear_last_words()
        for reading in self._reading:
            reading.cancel()

    async def _ended(self) -> VoiceError:
        await self._hear_last_words()
        code = self._process.returncode
        silent = "it was killed" if code is not None and code < 0 else "it left no message"
        reason = self._last_words or silent
        # Exit code 2 is an error that a person has to mend: starting again would not help.
        return VoiceError(
            f"{self._spec.persona}: its model server ended with code {code}: {reason}",
            retryable=code != 2,
        )

    async def _hear_last_words(self) -> None:
        # With a deadline: whoever inherited its pipes may hold them open.
        done, _ = await asyncio.wait(self._reading, timeout=_LAST_WORDS_S)
        for reading in done:
            if not reading.cancelled():
                reading.result()

    async def _read_report(self, stdout: asyncio.StreamReader) -> None:
        """The port, then everything else unread: a full pipe would stop the child."""
        async for row in _rows(stdout):
            with suppress(ValueError, KeyError, TypeError):
                self._port = self._port or int(json.loads(row)["port"])
                self._reported.set()
        await self._process.wait()  # so that whoever waits for the port finds it ended
        self._reported.set()

    async def _copy_log(self, stderr: asyncio.StreamReader) -> None:
        async for row in _rows(stderr):
            self._last_words = row.strip() or self._last_words
            logger.debug("%s: %s", self._spec.persona, self._last_words)


async def _rows(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """The rows of a stream to its end, each cut to a bounded length.

    ``readline`` gives up at a long row, and then nobody empties the pipe.
    """
    rest = b""
    while data := await stream.read(4096):
        *rows, rest = (rest + data).split(b"\n")
        rest = rest[:_LONGEST_ROW]
        for row in rows:
            yield row[:_LONGEST_ROW].decode("utf-8", "replace")
    if rest:
        yield rest.decode("utf-8", "replace")
