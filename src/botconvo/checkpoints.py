"""Checkpoints as a project has them: with the base that comes along, its cache, and who agreed.

Loads nothing that a model server does not need: every one of them starts through here.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from botconvo.consent import (
    ConsentRecord,
    PersonId,
    allows,
    is_live,
    latest_record,
    live_record,
    refusal,
)
from botconvo.errors import ConsentError
from botconvo.granting import shell_word
from botconvo.people import letters
from botconvo.store import STORE_NAME, KnownPerson, Store
from model_server.checkpoint import opening
from model_server.checkpoint.conversion import Precision
from model_server.checkpoint.folder import Checkpoint
from model_server.checkpoint.manifest import MANIFEST_NAME, Consent, Manifest
from model_server.checkpoint.opening import DEFAULT_PRECISION

__all__ = [
    "CONVERTED",
    "bound_people",
    "bound_person",
    "bundled_base",
    "cache_beside",
    "checkpoint_digest",
    "consenting_person",
    "manifest_in",
    "open_checkpoint",
    "project_cache",
    "refuse_disabled",
    "refuse_weights",
]

CONVERTED = "converted"
"""The project's folder for what was converted from other programs' checkpoints."""


def bundled_base() -> Path:
    """The folder of the base model that comes with BotConvo."""
    return Path(str(files("botconvo") / "demo" / "base"))


def manifest_in(folder: Path) -> Manifest | None:
    """The manifest of a folder; None where there is none that can be read."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST_NAME).read_bytes())
    except (OSError, ValueError):
        return None


def open_checkpoint(
    path: Path, cache: Path | None = None, precision: Precision = DEFAULT_PRECISION
) -> Checkpoint:
    """A checkpoint with its base: the one that it names, else the one that comes with BotConvo.

    One of another program is converted once, into ``cache`` (None: the user's).

    Raises:
        CheckpointError: it is missing, torn, or does not fit together.
    """
    return opening.open_checkpoint(
        path,
        base=bundled_base(),
        cache=cache or opening.user_cache(os.environ),
        precision=precision,
    )


def project_cache(project: Path) -> Path | None:
    """Where a project keeps converted checkpoints; None for a folder that is no project."""
    return cache_beside(project / STORE_NAME)


def cache_beside(store: Path) -> Path | None:
    """Where there is no store there is no project, and nothing is to be written."""
    return store.parent / CONVERTED if store.exists() else None


def checkpoint_digest(checkpoint: Path, project: Path) -> str:
    """What the consent of a person is bound to, for a checkpoint that names nobody.

    Raises:
        CheckpointError: there is no such checkpoint, or it says itself whose it is.
    """
    return opening.digest_of(checkpoint, project / CONVERTED)


def consenting_person(consent: Consent, store: Store, name: str) -> PersonId | None:
    """Who agreed to a clone; None for an invented character that the ledger does not know.

    Raises:
        ConsentError: nobody agreed, or no longer.
    """
    person = PersonId(consent.person)
    entries = store.ledger(person)
    now = datetime.now(UTC)
    why = refusal(live_record(entries, person, now), now, processor="local")
    if why is None:
        return person
    if consent.fictional and not entries:
        return None
    state = why if entries else f"is not in {store.path}"
    raise ConsentError(
        f"{name}: the consent for this clone {state}; "
        f"record it with 'botconvo consent grant {name}', or remove the persona"
    )


def refuse_disabled(checkpoint: Checkpoint, store: Store, name: str) -> None:
    """
    Raises:
        ConsentError: the clone saw lines of somebody who was forgotten since.
    """
    refuse_weights(checkpoint.manifest.weights.sha256, store, name)


def refuse_weights(weights: str, store: Store, name: str) -> None:
    """The same, of weights by their digest."""
    if weights in store.disabled():
        raise ConsentError(
            f"{name}: this clone was trained on lines of somebody who was forgotten; "
            f"train it again: botconvo train {shell_word(name)}"
        )


def bound_person(
    store: Store, checkpoint: str, name: str, now: datetime, *, by_name: bool = False
) -> PersonId | None:
    """Whose clone the weights of that digest are; None where nobody is bound to them any more.

    Where several are, it is the one called ``name``; ``by_name`` asks for that in any case.

    Raises:
        ConsentError: whoever was bound has withdrawn, or the consent has expired.
    """
    bound = _bound(store, checkpoint)
    refusals = {person.id: refusal(record, now, processor="local") for person, record in bound}
    live = [person for person, _ in bound if refusals[person.id] is None]
    named = [person for person in live if letters(person.name) == letters(name)]
    if named:
        return named[0].id
    if len(live) < len(bound):
        why = next(filter(None, refusals.values()))
        raise ConsentError(f"{name}: the consent for this clone {why}")
    return live[0].id if len(live) == 1 and not by_name else None


def bound_people(store: Store, checkpoint: str, now: datetime) -> tuple[KnownPerson, ...]:
    """Everybody who agrees to the clone that the weights of that digest are."""
    return tuple(person for person, record in _bound(store, checkpoint) if is_live(record, now))


def _bound(store: Store, checkpoint: str) -> Sequence[tuple[KnownPerson, ConsentRecord]]:
    entries = store.ledger()
    latest = ((person, latest_record(entries, person.id)) for person in store.people())
    return [(p, r) for p, r in latest if r is not None and allows(r, checkpoint=checkpoint)]
