"""Everybody who was seen, with how their consent stands: what ``botconvo people`` shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from botconvo.consent import ConsentRecord, LedgerEntry, is_live, latest_record
from botconvo.store import SeenAuthor, Store

__all__ = ["ConsentState", "Listed", "consent_state", "list_people"]

ConsentState = Literal["none", "bot", "live", "fictional", "expired", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An author and the state of their consent."""

    author: SeenAuthor
    consent: ConsentState

    def as_json(self) -> dict[str, object]:
        """The form of ``botconvo people --json``."""
        author = self.author
        return {
            "id": author.id,
            "name": author.name,
            "names": list(author.names),
            "kind": author.kind,
            "messages": author.messages,
            "taken": author.taken,
            "first": author.first.isoformat(),
            "last": author.last.isoformat(),
            "person": author.person,
            "consent": self.consent,
        }


def list_people(store: Store, now: datetime) -> tuple[Listed, ...]:
    """All authors of the imported files, the busiest first."""
    ledger = store.ledger()
    return tuple(
        Listed(
            author=author,
            consent=_state(author, ledger, now),
        )
        for author in store.authors()
    )


def _state(author: SeenAuthor, ledger: Sequence[LedgerEntry], now: datetime) -> ConsentState:
    if author.person is None:
        return "bot" if author.kind == "bot" else "none"
    return consent_state(latest_record(ledger, author.person), now)


def consent_state(record: ConsentRecord | None, now: datetime) -> ConsentState:
    """How a person's last record stands."""
    if record is None:
        return "none"
    if record.withdrawn:
        return "withdrawn"
    if not is_live(record, now):
        return "expired"
    return "fictional" if record.fictional else "live"
