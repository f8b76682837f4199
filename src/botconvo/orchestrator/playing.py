"""One checkpoint that is played with: its model server for as long, and answers drafted with it.

The decisions are in ``conversation.drafting``; this carries its asks to voices.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from botconvo.conversation.drafting import Drafting
from botconvo.conversation.manners import Manners
from botconvo.errors import VoiceError
from botconvo.orchestrator.cast import CastMember
from botconvo.orchestrator.hosted import Watched
from botconvo.personas import Persona
from botconvo.voices import Voice

__all__ = ["Playing", "Server", "draft", "serving"]

Address = Callable[[], str | None]
_LOOK_S = 1.0
"""How often it is looked whether the clone may still speak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Playing:
    """Everything that ``chat`` and ``generate`` need, made by ``build``.

    ``company`` are the others that the model may speak as: people who agreed to be cloned, and
    invented characters.  ``voice`` makes the voice of somebody, or with None the voice of whoever
    the model thinks speaks next of those named.  ``check_consent`` raises a ConsentError once the
    clone, or one of those named, may speak no more.
    """

    member: CastMember
    company: tuple[Persona, ...]
    names_speakers: bool
    """Whether the model writes the name of whoever speaks."""
    manners: Manners
    seed: int
    supervise: Callable[[Callable[[], None]], Watched]
    voice: Callable[[Persona | None, Sequence[Persona], Address], Voice]
    check_consent: Callable[[Sequence[Persona]], None]
    keep_in_mind: Callable[[Path], None] = lambda _: None
    """Told of every file that a chat was saved in."""


class Server:
    """The model server of what is played with."""

    def __init__(self, playing: Playing) -> None:
        self._changed = asyncio.Event()
        self._supervisor = playing.supervise(self._changed.set)

    async def run(self) -> None:
        """See ``Supervisor.run``."""
        await self._supervisor.run()

    def address(self) -> str | None:
        """Where it answers, while it is ready."""
        return self._supervisor.address

    async def until_ready(self, *, patient: bool) -> None:
        """
        Raises:
            VoiceError: a person has to mend something; or it ended, and nobody is ``patient``.
        """
        while self._supervisor.state != "ready":
            hopeless = self._supervisor.state == "failed"
            if hopeless or (self._supervisor.state == "backing off" and not patient):
                raise VoiceError(self._supervisor.note or "its model server ended", retryable=False)
            self._changed.clear()
            await self._changed.wait()


@asynccontextmanager
async def serving(playing: Playing) -> AsyncIterator[Server]:
    """A server that starts now, is started again when it dies, and has ended when this is left.

    It ends by itself, with what goes on around it, once the clone may speak no more.

    Raises:
        ConsentError: in a group; the consent was withdrawn or has expired.
    """
    async with asyncio.TaskGroup() as tasks:
        server = Server(playing)
        running = [tasks.create_task(server.run()), tasks.create_task(_watch_consent(playing))]
        try:
            yield server
        finally:
            for task in running:
                task.cancel()


async def _watch_consent(playing: Playing) -> None:
    """Somebody may sit before an answer for hours."""
    while True:
        await asyncio.sleep(_LOOK_S)
        await asyncio.to_thread(playing.check_consent, ())


async def draft(
    playing: Playing,
    drafting: Drafting,
    address: Address,
    progress: Callable[[Drafting], None] | None = None,
) -> Drafting:
    """Ask until there is enough, or until it is no use; ``progress`` is told after each ask.

    Raises:
        ConsentError: the clone may speak no more.
        VoiceError: the model server gave no usable answer.
    """
    while (ask := drafting.ask()) is not None:
        await asyncio.to_thread(playing.check_consent, drafting.chat.cast)
        voice = playing.voice(drafting.speaker(), drafting.chat.cast, address)
        came = await voice.draft(ask)
        drafting = drafting.drafted(came.candidates, prompt=came.prompt, phrase=came.phrase)
        if progress is not None:
            progress(drafting)
    return drafting
