"""What people do about themselves, by their own account, while a run goes on.

Everything happens in a worker thread with a connection of its own: the talk goes on meanwhile, and
sees in the store what has changed, as if it had been typed in another terminal.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from botconvo.agreed import rows
from botconvo.config import load_settings
from botconvo.consent import Terms, latest_record
from botconvo.errors import ConfigError, ConsentError
from botconvo.forgetting import OwnAccount, Project, forget, plan
from botconvo.granting import grant_by_account
from botconvo.holdings import holding, zipped
from botconvo.leaving import leave
from botconvo.messages import Author
from botconvo.people_list import consent_state
from botconvo.ports import Handed
from botconvo.store import KnownPerson, Store

__all__ = ["OwnDesk"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDesk:
    """Implements ``Desk`` over a project; ``now`` tells the time."""

    project: Project
    now: Callable[[], datetime]

    async def show(self, author: Author) -> str:
        """See ``Desk``."""
        return await asyncio.to_thread(self._show, author)

    async def give(self, author: Author, terms: Terms) -> str:
        """See ``Desk``."""
        return await asyncio.to_thread(self._give, author, terms)

    async def withdraw(self, author: Author) -> str:
        """See ``Desk``."""
        return await asyncio.to_thread(self._withdraw, author)

    async def holdings(self, author: Author) -> str:
        """See ``Desk``."""
        return await asyncio.to_thread(self._holdings, author)

    async def forget(self, author: Author) -> str:
        """See ``Desk``."""
        return await asyncio.to_thread(self._forget, author)

    async def export(self, author: Author) -> Handed:
        """See ``Desk``."""
        return await asyncio.to_thread(self._export, author)

    # ---- in the worker -------------------------------------------------------------------

    def _show(self, author: Author) -> str:
        with self._open() as store:
            person = _person(store, author)
            record = None if person is None else latest_record(store.ledger(person.id), person.id)
        if person is None or record is None:
            return "You have agreed to nothing, so there is no clone of you here. /consent give"
        state = consent_state(record, self.now())
        fields = "\n".join(f"{label}: {value}" for label, value in rows(record))
        return f"Your consent is {state}; in transcripts you are {person.name}.\n{fields}"

    def _give(self, author: Author, terms: Terms) -> str:
        said = f': "{terms.statement}"' if terms.statement else ""
        agreed = replace(terms, statement=f"by their own account, {author.id}{said}")
        with self._open() as store:
            name, taken = self._names(author)
            done = grant_by_account(store, author.id, name, agreed, self.now(), taken=taken)
        return (
            f"Recorded ({done.record.id}): you agreed, as {done.person.name}. {done.taken} of your "
            "messages were taken from what the owner has imported. /consent show tells what you "
            "agreed to, /consent withdraw ends it at once, /forgetme removes everything."
        )

    def _names(self, author: Author) -> tuple[str, frozenset[str]]:
        """What somebody is to be called, and what nobody but those whom the owner meant may be."""
        try:
            settings = load_settings(self.project.config, required=False)
        except ConfigError:
            return author.name, frozenset()
        for person in settings.people:
            if author.id in person.authors:
                return person.name, frozenset()
        people = {each.name for each in settings.people}
        return author.name, frozenset(people | {each.name for each in settings.personas})

    def _withdraw(self, author: Author) -> str:
        with self._open() as store:
            if (person := _person(store, author)) is None:
                raise ConsentError("you have agreed to nothing that could be withdrawn")
            left = leave(store, person.id, self.now())
        packs = len(left.packs)
        out = f" Words of yours went out in {packs} packs; the owner has to delete these." * (
            packs > 0
        )
        return (
            f"You have withdrawn. {left.rows} of your messages were removed, and your clone leaves "
            f"the talk within seconds.{out} What was made from your words is still on the owner's "
            "computer, unused; /forgetme removes that too."
        )

    def _holdings(self, author: Author) -> str:
        there = plan(self.project, OwnAccount(author=author.id))
        found = [f"- {each.count} x {keeper}: {each.what}" for keeper, each in there.found]
        listed = "\n".join(found) or "- nothing but that you were seen"
        left = "".join(f"\n- not from here: {each.what}" for each in there.left)
        return f"This is held of you here, and would be removed for good:\n{listed}{left}"

    def _forget(self, author: Author) -> str:
        receipt = forget(self.project, OwnAccount(author=author.id), self.now())
        items = ", ".join(f"{item.count} x {item.keeper}" for item in receipt.items) or "nothing"
        left = "".join(f"\n{each}" for each in receipt.left)
        return f"Forgotten (receipt {receipt.id}, {receipt.at:%Y-%m-%d %H:%M}): {items}.{left}"

    def _export(self, author: Author) -> Handed:
        held = holding(self.project, OwnAccount(author=author.id), self.now())
        return Handed(name="what-is-held-of-me.zip", content=zipped(held))

    def _open(self) -> Store:
        return Store.open(self.project.store, create=False)


def _person(store: Store, author: Author) -> KnownPerson | None:
    return next((each for each in store.people() if author.id in each.authors), None)
