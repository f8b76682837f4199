"""Somebody takes their consent back: what goes at once, and what the owner has to delete."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from botconvo.checkpoints import CONVERTED
from botconvo.consent import latest_record
from botconvo.granting import withdraw
from botconvo.packing.records import PackRecord, packs_with
from botconvo.store import KnownPerson, Store
from model_server.checkpoint.conversion import remove_converted

__all__ = ["Left", "leave"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What became of it: ``rows`` and ``converted`` checkpoints removed, ``packs`` still out."""

    person: KnownPerson
    rows: int
    converted: int
    packs: tuple[PackRecord, ...]


def leave(store: Store, name: str, now: datetime, caches: Sequence[Path] = ()) -> Left:
    """End a person's consent; running clones of theirs see it in the store and leave.

    ``caches`` are folders with converted checkpoints besides the project's.

    Raises:
        ConsentError: there is no such person, or no consent to withdraw.
        BotConvoError: a file cannot be read.
    """
    project = store.path.parent
    person, rows = withdraw(store, name, now)
    record = latest_record(store.ledger(), person.id)
    bound = () if record is None else record.checkpoints
    folders = (project / CONVERTED, *caches) if bound else ()
    return Left(
        person=person,
        rows=rows,
        converted=sum(remove_converted(folder, bound) for folder in folders),
        packs=packs_with(project, person.id),
    )
