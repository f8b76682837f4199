"""Everybody who was seen, with how their consent stands: what ``botconvo people`` shows.

A language is looked for in the words that were taken, so only in those of people who agreed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from botconvo.aliases import alike
from botconvo.consent import ConsentRecord, LedgerEntry, is_live, latest_record
from botconvo.languages import language_of
from botconvo.messages import AuthorId
from botconvo.people import People
from botconvo.store import SeenAuthor, Store

__all__ = ["ConsentState", "Listed", "consent_state", "list_people"]

_LOOKED_AT = 300
"""Messages by which a language is told."""

ConsentState = Literal["none", "bot", "live", "fictional", "expired", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An author and the state of their consent.

    ``known_as`` is the name under which ``config.toml`` or a consent joins the accounts of one
    person; ``alike`` are authors who may be the same person, and are not joined yet; ``language``
    has two letters.
    """

    author: SeenAuthor
    consent: ConsentState
    known_as: str | None = None
    alike: tuple[AuthorId, ...] = ()
    language: str | None = None

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
            "known_as": self.known_as,
            "alike": list(self.alike),
            "language": self.language,
        }


def list_people(store: Store, now: datetime, people: People | None = None) -> tuple[Listed, ...]:
    """All authors of the imported files, the busiest first; ``people`` are those of the owner."""
    ledger, authors = store.ledger(), store.authors()
    joined = People() if people is None else people
    names = {person.id: person.name for person in store.people()}
    known = {
        author.id: joined.known(author.id)
        or (None if author.person is None else names.get(author.person))
        for author in authors
    }
    alike_to = _alike(authors, known)
    return tuple(
        Listed(
            author=author,
            consent=_state(author, ledger, now),
            known_as=known[author.id],
            alike=alike_to.get(author.id, ()),
            language=language_of(store.words_of(author.id, _LOOKED_AT)) if author.taken else None,
        )
        for author in authors
    )


def _alike(
    authors: Sequence[SeenAuthor], known: Mapping[AuthorId, str | None]
) -> dict[AuthorId, tuple[AuthorId, ...]]:
    """By author, the others of similar names, unless all of them are one person already."""
    people = {author.id: author.names for author in authors if author.kind == "person"}
    found: dict[AuthorId, tuple[AuthorId, ...]] = {}
    for group in alike(people):
        persons = {known[author] for author in group}
        if len(persons) == 1 and None not in persons:
            continue
        for author in group:
            found[author] = tuple(other for other in group if other != author)
    return found


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
