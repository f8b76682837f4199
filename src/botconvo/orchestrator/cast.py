"""The personas of a run: their model servers, who is ready, and changes of the cast while it runs.

A change of config restarts only the servers whose spec changed by value.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from botconvo.consent import PersonId
from botconvo.model_process import ModelSpec
from botconvo.orchestrator.hosted import HostedSpec, Watched
from botconvo.personas import Persona, PersonaName
from botconvo.ports import PersonaState
from botconvo.voices import Voice
from model_server.prompt_format import PromptFormat

__all__ = ["Cast", "CastMember", "VoiceMaker"]

VoiceMaker = Callable[["CastMember", Callable[[], str | None]], Voice]
"""Makes a member's voice; the second argument gives its server's address, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CastMember:
    """A persona with everything that serves it.

    ``person`` is the opaque id of whom it was cloned from; None for an invented character.
    ``prompt_format`` belongs to the checkpoint of ``spec``, ``weights`` is their digest.
    """

    persona: Persona
    spec: ModelSpec | HostedSpec
    person: PersonId | None
    prompt_format: PromptFormat
    weights: str = ""

    @property
    def processor(self) -> str:
        """Where words are worked on when it speaks, as consents name it."""
        return self.spec.processor if isinstance(self.spec, HostedSpec) else "local"


@dataclass(frozen=True, slots=True)
class _Playing:
    member: CastMember
    supervisor: Watched
    voice: Voice
    task: asyncio.Task[None]
    from_the_start: bool

    @property
    def has_failed(self) -> bool:
        return self.supervisor.state == "failed"


class Cast:
    """Whoever plays, with one supervised model server each."""

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        supervise: Callable[[ModelSpec | HostedSpec, Callable[[], None]], Watched],
        voice: VoiceMaker,
        *,
        wait_for_all: bool,
    ) -> None:
        self._tasks, self._supervise, self._voice = tasks, supervise, voice
        self._wait_for_all = wait_for_all
        self._began = False
        self._playing: dict[PersonaName, _Playing] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self.changed = asyncio.Event()
        """Set whenever somebody's state changes; whoever waits for it clears it."""

    def play(self, members: Sequence[CastMember], *, anew: bool = False) -> None:
        """Start whoever is new or changed, stop whoever left, keep the rest running.

        Whoever has failed is tried again.  ``anew`` starts every server again: with it goes what
        it remembers of prompts.
        """
        wanted = {member.persona.name: member for member in members}
        for name, playing in list(self._playing.items()):
            member = wanted.get(name)
            is_same = member is not None and member.spec == playing.member.spec
            if member is None or not is_same or playing.has_failed or anew:
                playing.task.cancel()
                self._leaving.add(playing.task)
                playing.task.add_done_callback(self._leaving.discard)
                del self._playing[name]
            else:
                self._playing[name] = replace(playing, member=member)
        self._playing = {
            name: self._playing.get(name) or self._start(member) for name, member in wanted.items()
        }
        self._began = True
        self.changed.set()

    def _start(self, member: CastMember) -> _Playing:
        supervisor = self._supervise(member.spec, self.changed.set)
        voice = self._voice(member, lambda: supervisor.address)
        leaving = set(self._leaving)

        async def run() -> None:
            if leaving:  # a port may pass from one to the other
                await asyncio.wait(leaving)
            await supervisor.run()

        task = self._tasks.create_task(run())
        return _Playing(member, supervisor, voice, task, from_the_start=not self._began)

    async def stop(self) -> None:
        """Stop every model server; they stop side by side."""
        tasks = [playing.task for playing in self._playing.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def ready(self) -> tuple[Persona, ...]:
        """Who can speak now; nobody before everybody can, where a run waits for all."""
        ready = tuple(
            playing.member.persona
            for playing in self._playing.values()
            if playing.supervisor.state == "ready"
        )
        if self._wait_for_all:
            if len(ready) < len(self._playing):
                return ()
            self._wait_for_all = False
        return ready

    def voices(self) -> Mapping[PersonaName, Voice]:
        return {
            name: playing.voice
            for name, playing in self._playing.items()
            if playing.supervisor.state == "ready"
        }

    def member(self, persona: PersonaName) -> CastMember | None:
        """None for somebody who has left."""
        playing = self._playing.get(persona)
        return None if playing is None else playing.member

    def states(self) -> tuple[tuple[PersonaName, PersonaState], ...]:
        return tuple((name, playing.supervisor.state) for name, playing in self._playing.items())

    def note(self) -> str | None:
        """What is wrong, in one line; None when all is well."""
        notes = [p.supervisor.note for p in self._playing.values() if p.supervisor.note]
        return "; ".join(notes) or None

    def failures(self) -> tuple[str, ...]:
        """What a person has to mend, a line for everybody who has failed."""
        failed = (playing for playing in self._playing.values() if playing.has_failed)
        return tuple(playing.supervisor.note or "" for playing in failed)

    def hopeless(self) -> str | None:
        """Why the run cannot be what was asked for before a person has mended something.

        That is so where one who was there from the start never came to be ready, or where nobody
        is left who will ever speak.
        """
        failed = [playing for playing in self._playing.values() if playing.has_failed]
        for playing in failed:
            if playing.from_the_start and not playing.supervisor.was_ready:
                return playing.supervisor.note
        return self.note() if failed and len(failed) == len(self._playing) else None
