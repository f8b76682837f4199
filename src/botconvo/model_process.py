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
        words = [sys.executable, "-m", "model_server", str(self.checkpoint)]
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
        self._log = asyncio.create_task(self._copy_log())
        self._last_words = ""

    @classmethod
    async def start(cls, spec: ModelSpec, token: SecretStr) -> "ModelProcess":
        """Start the process; it is not ready yet."""
        # None of our own variables but the child's: it has no business with other secrets.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BOTCONVO_")} | {
            "BOTCONVO_MODEL_SERVER_TOKEN": token.get_secret_value(),
            "BOTCONVO_PERMIT": spec.digest,
            "PYTHONIOENCODING": "utf-8",
        }
        # A process group of its own: Ctrl-C in the terminal reaches us alone, and we stop in order.
        new_group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        process = await asyncio.create_subprocess_exec(
            *spec.command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=os.name != "nt",
            creationflags=new_group | no_window,
        )
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
                await self._read_port()
                while not await self.is_healthy(http):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise VoiceError(
                f"{self._spec.persona}: its model server was not ready after {timeout_s:g} s",
                retryable=True,
            ) from None

    async def is_healthy(self, http: httpx.AsyncClient) -> bool:
        """Whether it is ready now.

        Raises:
            VoiceError: the process has ended, or another checkpoint answers.
        """
        if self._process.returncode is not None:
            raise await self._ended()
        try:
            response = await http.get(f"{self.address}/health", timeout=_HEALTH_S)
            health = Health.model_validate_json(response.content)
        except (httpx.HTTPError, ValidationError):
            return False
        if health.checkpoint != self._spec.digest:
            raise VoiceError(
                f"{self._spec.persona}: another checkpoint answers at {self.address}",
                retryable=False,
            )
        return health.status == "ready"

    async def wait_until_ended(self) -> int:
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask, wait, terminate, kill: in that order, each with a deadline."""
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
        await self._log

    async def _read_port(self) -> None:
        assert self._process.stdout is not None
        row = await self._process.stdout.readline()
        try:
            self._port = int(json.loads(row)["port"])
        except (ValueError, KeyError, TypeError):
            await self._process.wait()
            raise await self._ended() from None

    async def _ended(self) -> VoiceError:
        await self._log
        reason = self._last_words or "it left no message"
        code = self._process.returncode
        # Exit code 2 is an error that a person has to mend: starting again would not help.
        return VoiceError(
            f"{self._spec.persona}: its model server ended with code {code}: {reason}",
            retryable=code != 2,
        )

    async def _copy_log(self) -> None:
        assert self._process.stderr is not None
        while row := await self._process.stderr.readline():
            self._last_words = row.decode("utf-8", "replace").strip() or self._last_words
            logger.debug("%s: %s", self._spec.persona, self._last_words)
