"""Keeps one model server alive: the restart policy of one persona.

States: starting -> ready -> (backing off -> starting)* ; failed when a person has to mend
something.  Hung is told from dead by ``/health``, not by the pid.
"""

import asyncio
import logging
from collections.abc import Callable
from random import Random

import httpx
from pydantic import SecretStr

from botconvo.backoff import Backoff
from botconvo.errors import VoiceError
from botconvo.model_process import ModelProcess, ModelSpec
from botconvo.ports import PersonaState

__all__ = ["Supervisor"]

logger = logging.getLogger(__name__)

_PING_S = 2.0
_PATIENCE_S = 5.0
"""How long a ping may take."""
_MISSED_PINGS = 3
"""So many pings in a row without an answer, and the server counts as hung."""
_STEADY_S = 60.0
"""After so long without trouble the next failure starts from the shortest wait again."""


class Supervisor:
    """One model server and its restarts.

    ``run`` ends by cancellation, or in the state "failed", when a person has to mend something.
    """

    def __init__(
        self,
        spec: ModelSpec,
        token: SecretStr,
        http: httpx.AsyncClient,
        changed: Callable[[], None],
        *,
        start_timeout_s: float = 120.0,
        ping_s: float = _PING_S,
        patience_s: float = _PATIENCE_S,
        rng: Random | None = None,
    ) -> None:
        self.spec = spec
        self.state: PersonaState = "starting"
        self.note: str | None = None
        """What is wrong, for people."""
        self.was_ready = False
        """Whether it was ready at least once."""
        self._token, self._http, self._changed = token, http, changed
        self._start_timeout_s = start_timeout_s
        self._ping_s, self._patience_s = ping_s, patience_s
        self._backoff = Backoff(rng=rng or Random())
        self._process: ModelProcess | None = None

    @property
    def address(self) -> str | None:
        """Where the server answers, while it is ready."""
        if self.state != "ready" or self._process is None:
            return None
        return self._process.address

    @property
    def pid(self) -> int | None:
        """The process id of the server; None while there is none."""
        return None if self._process is None else self._process.pid

    async def run(self) -> None:
        """Start, watch and restart, until cancelled or failed."""
        while True:
            try:
                await self._live()
            except VoiceError as error:
                if not error.retryable:
                    self._enter("failed", str(error))
                    return
                delay = self._backoff.next_s()
                logger.warning("%s; starting it again in %.1f s", error, delay)
                self._enter("backing off", str(error))
                await asyncio.sleep(delay)

    async def _live(self) -> None:
        """One life of the server, from start to its end, which is always a ``VoiceError``."""
        self._enter("starting", None)
        process = self._process = await ModelProcess.start(self.spec, self._token)
        try:
            await process.wait_until_ready(self._http, self._start_timeout_s)
            logger.info("%s: ready at %s", self.spec.persona, process.address)
            self.was_ready = True
            self._enter("ready", None)
            await self._watch(process)
        finally:
            if self.state == "ready":
                self._enter("backing off", None)
            # Also when cancelled: the stop has deadlines of its own and must be finished.
            await asyncio.shield(asyncio.create_task(process.stop()))
            self._process = None

    async def _watch(self, process: ModelProcess) -> None:
        missed, steady = 0, 0.0
        ended = asyncio.ensure_future(process.wait_until_ended())
        try:
            while True:
                await asyncio.wait({ended}, timeout=self._ping_s)
                healthy = await process.is_healthy(self._http, self._patience_s)
                missed = 0 if healthy else missed + 1
                steady = steady + self._ping_s if healthy else 0.0
                if steady >= _STEADY_S:
                    self._backoff.reset()
                if missed >= _MISSED_PINGS:
                    process.kill()  # it would not hear a polite request
                    raise VoiceError(
                        f"{self.spec.persona}: its model server hangs "
                        f"({missed} health checks without an answer)",
                        retryable=True,
                    )
        finally:
            ended.cancel()

    def _enter(self, state: PersonaState, note: str | None) -> None:
        self.state, self.note = state, note
        self._changed()
