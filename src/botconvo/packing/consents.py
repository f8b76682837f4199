"""Who agreed that a pack goes out, and whether they still do when it comes back."""

from collections.abc import Collection, Mapping
from datetime import datetime

from botconvo.consent import PersonId, allows
from botconvo.errors import ConsentError, PackError
from botconvo.gathering import gather
from botconvo.packing.records import PackRecord
from botconvo.store import Store
from botconvo.training.material import material_of

__all__ = ["check_consents", "consents_of", "kept_home"]


def consents_of(
    store: Store, speakers: Collection[str], processor: str, now: datetime
) -> Mapping[str, str]:
    """The consent record of everybody with these names, by opaque id."""
    return {
        person.id: record.id
        for person in store.people()
        if person.name in speakers
        and (record := store.live_record(person.id, now)) is not None
        and allows(record, processor=processor)
    }


def kept_home(store: Store, processor: str, now: datetime) -> tuple[str, ...]:
    """The names of those whose words may be worked on here, and not by ``processor``."""
    records = ((p, store.live_record(p.id, now)) for p in store.people())
    return tuple(
        person.name
        for person, record in records
        if record is not None
        and allows(record, processor="local")
        and not allows(record, processor=processor)
    )


def check_consents(store: Store, record: PackRecord, now: datetime) -> None:
    """Everybody whose lines went out still agrees to that, and to these lines.

    Raises:
        ConsentError: somebody does not.
        PackError: what they agree to is not the same any more.
    """
    pack, names = record.pack, {person.id: person.name for person in store.people()}
    changed = False
    for person, agreed in ((PersonId(p), agreed) for p, agreed in record.people.items()):
        live = store.live_record(person, now)
        name = names.get(person, "somebody who is not known here any more")
        if live is None or not allows(live, processor=pack.processor):
            again = "" if person == pack.consent.person else ", and pack again"
            raise ConsentError(
                f"{name} does not agree any more that their words go to {pack.processor!r}, and "
                f"the clone of {pack.speaker} was trained on them; delete it here and there{again}"
            )
        changed |= live.id != agreed
    if changed and not _same_corpus(store, record, now):
        raise PackError(
            f"since the pack for {pack.speaker} was made, somebody in it has agreed to other "
            "messages than those in it; delete it here and there, and pack again"
        )


def _same_corpus(store: Store, record: PackRecord, now: datetime) -> bool:
    pack = record.pack
    gathered = gather(store, pack.consent.person, now, processor=pack.processor)
    return material_of(gathered).corpus.digest() == pack.corpus_sha256
