"""The personas of a run: their model servers, who is ready, and changes of the cast while it runs.

A change of config restarts only the servers whose spec changed by value.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from botconvo.consent import PersonId
from botconvo.model_process import ModelSpec
from botconvo.orchestrator.supervisor import Supervisor
from botconvo.personas import Persona, PersonaName
from botconvo.ports import PersonaState
from botconvo.voices import Voice

__all__ = ["Cast", "CastMember", "VoiceMaker"]

VoiceMaker = Callable[["CastMember", Callable[[], str | None]], Voice]
"""Makes a member's voice; the second argument gives its server's address, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CastMember:
    """A persona with everything that serves it.

    ``person`` is the opaque id of whom it was cloned from; None for an invented character.
    """

    persona: Persona
    spec: ModelSpec
    person: PersonId | None


@dataclass(frozen=True, slots=True)
class _Playing:
    member: CastMember
    supervisor: Supervisor
    voice: Voice
    task: asyncio.Task[None]


class Cast:
    """Whoever plays, with one supervised model server each."""

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        supervise: Callable[[ModelSpec, Callable[[], None]], Supervisor],
        voice: VoiceMaker,
        *,
        wait_for_all: bool,
    ) -> None:
        self._tasks, self._supervise, self._voice = tasks, supervise, voice
        self._wait_for_all = wait_for_all
        self._playing: dict[PersonaName, _Playing] = {}
        self.changed = asyncio.Event()
        """Set whenever somebody's state changes; whoever waits for it clears it."""

    def play(self, members: Sequence[CastMember]) -> None:
        """Start whoever is new or changed, stop whoever left, keep the rest running."""
        wanted = {member.persona.name: member for member in members}
        for name, playing in list(self._playing.items()):
            member = wanted.get(name)
            if member is None or member.spec != playing.member.spec:
                playing.task.cancel()
                del self._playing[name]
            elif member != playing.member:
                self._playing[name] = _Playing(
                    member, playing.supervisor, playing.voice, playing.task
                )
        for name, member in wanted.items():
            if name not in self._playing:
                self._playing[name] = self._start(member)
        self._playing = {name: self._playing[name] for name in wanted}
        self.changed.set()

    def _start(self, member: CastMember) -> _Playing:
        supervisor = self._supervise(member.spec, self.changed.set)
        voice = self._voice(member, lambda: supervisor.address)
        task = self._tasks.create_task(supervisor.run())
        return _Playing(member, supervisor, voice, task)

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

    def person(self, persona: PersonaName) -> PersonId | None:
        playing = self._playing.get(persona)
        return None if playing is None else playing.member.person

    def states(self) -> tuple[tuple[PersonaName, PersonaState], ...]:
        return tuple((name, playing.supervisor.state) for name, playing in self._playing.items())

    def note(self) -> str | None:
        """What is wrong, in one line; None when all is well."""
        notes = [p.supervisor.note for p in self._playing.values() if p.supervisor.note]
        return "; ".join(notes) or None

    def all_failed(self) -> bool:
        """Whether nobody will ever speak: a person has to mend something first."""
        return bool(self._playing) and all(
            playing.supervisor.state == "failed" for playing in self._playing.values()
        )
