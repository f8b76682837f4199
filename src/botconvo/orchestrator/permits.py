"""Whether the people behind the clones still agree, while a run goes on.

A withdrawal comes from another process: the store tells that somebody else has written.  Looking
at that number costs next to nothing; the ledger is read only when it has changed, or when a consent
ends by itself.  The claim before each post asks again: whatever is missed here is never said.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from botconvo.agreed import next_reminder, reminder
from botconvo.consent import ConsentRecord, allows, refusal
from botconvo.orchestrator.cast import CastMember
from botconvo.ports import Clock
from botconvo.store import Store

__all__ = ["Permits"]

_LOOK_S = 1.0
"""How often the store is looked at; other processes live in real time, whatever the clock says."""


class Permits:
    """The consents of a run's cast, on its platforms, and the clones that saw too much."""

    def __init__(self, store: Store, clock: Clock, platforms: Sequence[str] = ()) -> None:
        self._store, self._clock, self._platforms = store, clock, tuple(platforms)
        self._seen = store.data_version()
        self._forgets = store.forgets()

    def refusal(self, member: CastMember) -> str | None:
        """Why somebody may not be played any more; an invented character always may."""
        name, record, now = member.persona.name, self._record(member), self._clock.now()
        if member.weights in self._store.disabled():
            return f"{name} has left: this clone saw lines of somebody who was forgotten"
        if member.person is None:
            return None
        places = self._platforms or (None,)
        why = [refusal(record, now, platform=each, processor=member.processor) for each in places]
        if all(why):
            return f"{name} has left: the consent for this clone {why[0]}"
        return None

    def bounded(self, member: CastMember) -> CastMember:
        """With what the person agreed to now: where it may talk, and who may talk to it."""
        persona, record = member.persona, self._record(member)
        if record is not None:
            persona = replace(
                persona,
                platforms=None if record.platforms is None else frozenset(record.platforms),
                audience=None if record.audience is None else frozenset(record.audience),
            )
        if member.processor != "local":
            persona = replace(persona, confided=self._confided(member.processor))
        return replace(member, persona=persona)

    def _confided(self, processor: str) -> frozenset[str]:
        """Whose words may be worked on there."""
        live = self._store.live_records(self._clock.now())
        return frozenset(a for a, record in live.items() if allows(record, processor=processor))

    def reminders(self, members: Sequence[CastMember]) -> tuple[str, ...]:
        """A line for every consent that ends soon."""
        now = self._clock.now()
        found = (reminder(each.persona.name, self._record(each), now) for each in members)
        return tuple(line for line in found if line is not None)

    def next_reminder(self, members: Sequence[CastMember]) -> datetime | None:
        """When there is a new one; None: not before somebody agrees to something else."""
        now = self._clock.now()
        found = (next_reminder(self._record(each), now) for each in members)
        return min((at for at in found if at is not None), default=None)

    def somebody_was_forgotten(self) -> bool:
        """Whether that has happened since this was asked last."""
        before, self._forgets = self._forgets, self._store.forgets()
        return self._forgets != before

    async def changed(self, members: Sequence[CastMember]) -> None:
        """Come back when somebody's consent may not be what it was.

        Raises:
            StoreError: the store cannot be read.
        """
        ends = await asyncio.to_thread(self._next_end, members)
        looking = asyncio.create_task(self._written())
        ending = None if ends is None else asyncio.create_task(self._clock.wait_until(ends))
        tasks = [task for task in (looking, ending) if task is not None]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()

    async def _written(self) -> None:
        """Come back when another process has written."""
        while (version := await asyncio.to_thread(self._store.data_version)) == self._seen:
            await asyncio.sleep(_LOOK_S)
        self._seen = version

    def _next_end(self, members: Sequence[CastMember]) -> datetime | None:
        records = (self._record(member) for member in members)
        ends = [each.expires_at for each in records if each is not None and each.expires_at]
        return min(ends, default=None)

    def _record(self, member: CastMember) -> ConsentRecord | None:
        person = member.person
        if person is None:
            return None
        return self._store.live_record(person, self._clock.now())
