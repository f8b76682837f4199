"""A persona whose model is at a service: nothing to start, watch or stop here."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from botconvo.ports import PersonaState

__all__ = ["HostedServer", "HostedSpec", "Watched"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedSpec:
    """The model of a persona, and what consents call the service (``processor``)."""

    persona: str
    endpoint: str
    model: str
    form: Literal["chat", "completions", "window"]
    processor: str
    context: int = 4096
    """Tokens of prompt and completion together; the smallest model that services tune has more."""


class Watched(Protocol):
    """Whatever answers for a persona, as a cast sees it (see ``Supervisor``)."""

    state: PersonaState
    note: str | None
    was_ready: bool

    @property
    def address(self) -> str | None: ...

    async def run(self) -> None: ...


class HostedServer:
    """Ready once ``prepare`` is done (the library loaded); whether the service answers shows when
    it is asked.
    """

    def __init__(
        self, spec: HostedSpec, changed: Callable[[], None], prepare: Callable[[], None]
    ) -> None:
        self.spec = spec
        self.state: PersonaState = "starting"
        self.note: str | None = None
        self.was_ready = False
        self._changed, self._prepare = changed, prepare

    @property
    def address(self) -> str | None:
        """The service's."""
        return self.spec.endpoint

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.to_thread(self._prepare)
        self.state, self.was_ready = "ready", True
        self._changed()
        await asyncio.Event().wait()
