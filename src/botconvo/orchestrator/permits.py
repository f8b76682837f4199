"""Whether the people behind the clones still agree, while a run goes on.

A withdrawal comes from another process: the store tells that somebody else has written.  Looking
at that number costs next to nothing; the ledger is read only when it has changed, or when a consent
ends by itself.  The claim before each post asks again: whatever is missed here is never said.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from botconvo.consent import ConsentRecord
from botconvo.orchestrator.cast import CastMember
from botconvo.ports import Clock
from botconvo.store import Store

__all__ = ["Permits"]

_LOOK_S = 1.0
"""How often the store is looked at; other processes live in real time, whatever the clock says."""


class Permits:
    """The consents of a run's cast, and the clones that saw too much."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._seen = store.data_version()
        self._forgets = store.forgets()

    def refusal(self, member: CastMember) -> str | None:
        """Why somebody may not be played any more; an invented character always may."""
        name = member.persona.name
        if member.weights in self._store.disabled():
            return f"{name} has left: this clone saw lines of somebody who was forgotten"
        if member.person is None or self._record(member) is not None:
            return None
        return f"{name} has left: the consent for this clone was withdrawn or has expired"

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
