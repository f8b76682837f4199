"""The store's consent side: the append-only ledger, and beside it what can be erased.

The rules are in ``botconvo.consent``; this keeps and finds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from botconvo.consent import ConsentRecord, LedgerEntry, PersonId, live_record
from botconvo.messages import AuthorId
from botconvo.store.database import Database

__all__ = ["KnownPerson", "Ledger"]

_CONSENT = ("people", "identities", "records", "ledger")
"""The tables that ``copy_consent`` copies; one that refers to another comes after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPerson:
    """Who an opaque id is: the speaker's name in transcripts, and the author ids."""

    id: PersonId
    name: str
    authors: frozenset[AuthorId]


class Ledger(Database):
    """The part of the store that consent is kept in."""

    def ledger(self, person: PersonId | None = None) -> tuple[LedgerEntry, ...]:
        """All entries in order, or only one person's."""
        rows = self._rows(
            "SELECT number, at, kind, person, ledger.record, seal, previous, digest, text, salt"
            " FROM ledger LEFT JOIN records ON records.record = ledger.record"
            " WHERE ? IS NULL OR person = ? ORDER BY number",
            (person, person),
        )
        return tuple(
            LedgerEntry(
                number=number,
                at=datetime.fromisoformat(at),
                kind=kind,
                person=who,
                record=record,
                seal=seal,
                previous=previous,
                digest=digest,
                text=text,
                salt=salt,
            )
            for number, at, kind, who, record, seal, previous, digest, text, salt in rows
        )

    def copy_consent(self, other: "Ledger") -> None:
        """Put who agreed to what into another, empty store; no words of anybody's go along."""
        for table in _CONSENT:
            rows = self._rows(f"SELECT * FROM {table}")  # noqa: S608  (our own names)
            with other.transaction():
                for row in rows:
                    places = ", ".join("?" * len(row))
                    other._do(f"INSERT INTO {table} VALUES ({places})", row)  # noqa: S608

    def append_ledger(self, entry: LedgerEntry) -> None:
        """Add an entry made by ``botconvo.consent`` from all entries so far.

        Do both in one ``transaction``, so that no other process comes in between.

        Raises:
            StoreError: another entry has taken its place.
        """
        with self.transaction():
            self._do(
                "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    entry.number,
                    entry.at.isoformat(),
                    entry.kind,
                    entry.person,
                    entry.record,
                    entry.seal,
                    entry.previous,
                    entry.digest,
                ),
            )
            if entry.text is not None:
                self._do(
                    "INSERT INTO records VALUES (?, ?, ?)", (entry.record, entry.salt, entry.text)
                )

    def people(self) -> tuple[KnownPerson, ...]:
        """Everybody who has, or had, a consent record, by name."""
        authors: dict[str, set[AuthorId]] = {}
        for author, person in self._rows("SELECT author, person FROM identities"):
            authors.setdefault(person, set()).add(AuthorId(author))
        return tuple(
            KnownPerson(id=person, name=name, authors=frozenset(authors.get(person, ())))
            for person, name in self._rows("SELECT person, name FROM people ORDER BY name")
        )

    def keep_person(self, person: PersonId, name: str, authors: Iterable[AuthorId]) -> None:
        """Say who an opaque id is; further author ids are added to those known.

        Raises:
            StoreError: the name is another person's.
        """
        with self.transaction():
            self._do(
                "INSERT INTO people VALUES (?, ?)"
                " ON CONFLICT (person) DO UPDATE SET name = excluded.name",
                (person, name),
            )
            for author in authors:
                self._do(
                    "INSERT INTO identities VALUES (?, ?)"
                    " ON CONFLICT (author) DO UPDATE SET person = excluded.person",
                    (author, person),
                )

    def live_record(self, person: PersonId, now: datetime) -> ConsentRecord | None:
        """What a person agrees to now; None where they do not, or not any more."""
        return live_record(self.ledger(person), person, now)

    def live_records(self, now: datetime) -> dict[AuthorId, ConsentRecord]:
        """By author id, the records under which words may be kept now."""
        entries = self.ledger()
        records = (live_record(entries, person.id, now) for person in self.people())
        return {author: record for record in records if record for author in record.sources}

    def acknowledge(self, policy: str, at: datetime) -> None:
        """Record that the owner has read a platform's rule; the first time counts."""
        self._do("INSERT OR IGNORE INTO acknowledgements VALUES (?, ?)", (policy, at.isoformat()))

    def acknowledged(self, policy: str) -> datetime | None:
        """When the owner acknowledged a platform's rule, if ever."""
        rows = self._rows("SELECT at FROM acknowledgements WHERE policy = ?", (policy,))
        return datetime.fromisoformat(rows[0][0]) if rows else None
