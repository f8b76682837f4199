"""Consent as the owner types it: from a name to a person, a record, and the rows that follow.

The rules are in ``botconvo.consent``; this finds who is meant, appends to the ledger, and takes or
drops that person's rows.  It also finds whose a clone is that names nobody itself.
"""

import base64
import re
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain, count

from botconvo.agreed import audience_words
from botconvo.consent import (
    ConsentRecord,
    PersonId,
    RecordId,
    Terms,
    allows,
    granted,
    latest_record,
    live_record,
    withdrawn,
)
from botconvo.errors import ConsentError, StoreError
from botconvo.messages import AuthorId
from botconvo.people import letters, speaker_name
from botconvo.store import KnownPerson, SeenAuthor, Store
from botconvo.taking import Accounting, Progress, take_again

__all__ = [
    "Granted",
    "Terms",
    "find_author",
    "find_person",
    "grant",
    "grant_by_account",
    "grant_command",
    "shell_word",
    "withdraw",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A recorded consent, and what was taken under it."""

    person: KnownPerson
    record: ConsentRecord
    accounting: Accounting
    trouble: tuple[str, ...]
    """A sentence for every imported file that could not be used."""

    @property
    def taken(self) -> int:
        """Rows of this person that were taken."""
        return sum(self.accounting.by_author[author] for author in self.record.sources)


def grant(
    store: Store,
    name: str,
    terms: Terms,
    now: datetime,
    *,
    author_ids: Sequence[AuthorId] = (),
    speaker: str | None = None,
    progress: Progress | None = None,
) -> Granted:
    """Record a consent and take that person's rows from every file imported so far.

    ``name`` is a shown name or a person's; ``author_ids`` say who is meant where several are, and
    join several accounts of one person.  ``speaker`` is the name in transcripts, else the shown
    name.  A new consent takes the place of an older one of the same person.  Whoever has a clone
    from an earlier system need not have been seen in any export.

    Raises:
        ConsentError: nobody or several are meant, or the terms can allow nothing.
        StoreError: the store cannot be written; it says so where the consent is kept all the same.
    """
    person = _person(store, name, author_ids, speaker, unseen=bool(terms.checkpoints))
    return _granted(store, person, person.authors, terms, now, progress)


def grant_by_account(
    store: Store,
    author: AuthorId,
    shown: str,
    terms: Terms,
    now: datetime,
    *,
    taken: Collection[str] = (),
) -> Granted:
    """Record what somebody agrees to by their own account, and take its rows.

    Nobody else is meant, whatever they are called: only what this account wrote is agreed to, also
    where the owner has joined others to it.  ``shown`` is the name for transcripts if nobody
    has it, in the store or among those ``taken``.

    Raises:
        ConsentError: the terms can allow nothing.
        StoreError: the store cannot be written.
    """
    person = next((each for each in store.people() if author in each.authors), None)
    if person is None:
        name = _another_name(store, speaker_name(shown), taken)
        person = KnownPerson(id=_new_id(), name=name, authors=frozenset({author}))
    return _granted(store, person, frozenset({author}), terms, now, None)


def _granted(
    store: Store,
    person: KnownPerson,
    sources: frozenset[AuthorId],
    terms: Terms,
    now: datetime,
    progress: Progress | None,
) -> Granted:
    with store.transaction():
        entries = store.ledger()
        record = _record(person, sources, terms, live_record(entries, person.id, now), now)
        entry = granted(entries, record, salt=secrets.token_hex(16))
        store.keep_person(person.id, person.name, person.authors)
        store.append_ledger(entry)
        _drop_uncovered(store, person, record)
    try:  # not in one transaction: reading large exports would keep a running talk from writing
        accounting, trouble = take_again(store, sources, now, progress)
    except StoreError as error:
        raise StoreError(
            f"{error} (the consent of {person.name} is recorded, their messages are not taken yet)"
        ) from error
    return Granted(person=person, record=record, accounting=accounting, trouble=trouble)


def _another_name(store: Store, name: str, others: Collection[str]) -> str:
    """The name, with a number where somebody has it already."""
    taken = {_folded(each) for each in (*others, *(known.name for known in store.people()))}
    names = chain([name], (f"{name} {number}" for number in count(2)))
    return next(each for each in names if _folded(each) not in taken)


def withdraw(store: Store, name: str, now: datetime) -> tuple[KnownPerson, int]:
    """End a person's consent and remove their rows; who it was, and how many rows.

    Raises:
        ConsentError: there is no such person, or no consent to withdraw.
    """
    person = find_person(store.people(), name)
    with store.transaction():
        entries = store.ledger()
        record = latest_record(entries, person.id)
        if record is None or record.withdrawn:
            raise ConsentError(f"{person.name} has no consent that could be withdrawn")
        store.append_ledger(withdrawn(entries, person.id, now))
        store.drop_rounds(person.id)
        return person, store.drop_messages(person.authors)


def grant_command(
    name: str, record: ConsentRecord | None, *, processor: str = "local", game: bool = False
) -> str:
    """What to type once ``name`` agreed to ``processor`` too, or to the ``game``, with all other
    terms as they are.

    ``record`` is the live one; None: they have agreed to nothing yet.  What they said before, the
    statement, was said of something else and is left out.
    """
    words = ["botconvo consent grant", f'"{name}"']
    words.append("--fictional" if record is not None and record.fictional else "--adult")
    if game or (record is not None and record.game):
        words.append("--game")
    before = ("local",) if record is None else record.processors
    processors = tuple(dict.fromkeys((*before, processor)))
    options: list[tuple[str, str]] = []
    if processors != ("local",):
        options += [("processor", host) for host in processors]
    if record is not None:
        options += [("channel", channel) for channel in record.channels or ()]
        options += [("platform", platform) for platform in record.platforms or ()]
        options += [("audience", each) for each in audience_words(record.audience)]
        # "--until" takes the last day, and the record holds the moment after it.
        last = None if record.until is None else record.until - timedelta(microseconds=1)
        days = (("since", record.since), ("until", last), ("expires", record.expires_at))
        options += [(option, f"{day:%Y-%m-%d}") for option, day in days if day is not None]
    return " ".join([*words, *(f"--{option} {shell_word(value)}" for option, value in options)])


def shell_word(word: object) -> str:
    """As a shell wants it, on Windows too."""
    return f'"{word}"' if re.search(r"[^\w./\\:-]", str(word)) else str(word)


def find_author(authors: Iterable[SeenAuthor], name: str) -> SeenAuthor:
    """The author of that id or shown name, whatever the case, emoji and marks around it.

    Raises:
        ConsentError: nobody, or more than one, has that name.
    """
    everybody = tuple(authors)
    for same in (
        [author for author in everybody if author.id == name],
        [author for author in everybody if _folded(name) in map(_folded, author.names)],
        [author for author in everybody if letters(name) in map(letters, author.names)],
    ):
        if len(same) == 1:
            return same[0]
        if same:
            who = ", ".join(f"--author-id {author.id} ({author.messages})" for author in same)
            raise ConsentError(
                f"{name!r} is the name of {len(same)} authors (messages in brackets); say which, "
                f"or all that are the same person: {who}"
            )
    seen = ", ".join(author.name for author in everybody[:12])
    if not seen:
        raise ConsentError(f"nobody called {name!r} was seen; import an export first")
    more = f" and {len(everybody) - 12} more" if len(everybody) > 12 else ""
    raise ConsentError(f"nobody called {name!r} was seen; there are {seen}{more}")


def find_person(people: Iterable[KnownPerson], name: str) -> KnownPerson:
    """The person of that name, opaque id or author id.

    Raises:
        ConsentError: there is none; nobody of that name ever agreed.
    """
    everybody = tuple(people)
    for person in everybody:
        if name in (person.id, *person.authors) or _folded(name) == _folded(person.name):
            return person
    alike = [person for person in everybody if letters(name) == letters(person.name)]
    if len(alike) == 1:
        return alike[0]
    known = ", ".join(person.name for person in everybody)
    there = f"there are {known}" if known else "nobody has one yet"
    raise ConsentError(
        f"nobody called {name!r} has a consent record ({there}); "
        "once they agreed: botconvo consent grant NAME --adult"
    )


def _person(
    store: Store,
    name: str,
    author_ids: Sequence[AuthorId],
    speaker: str | None,
    *,
    unseen: bool = False,
) -> KnownPerson:
    """Who is meant: somebody known already, or a new person with an id that says nothing.

    ``unseen`` lets it be somebody who wrote in no export.
    """
    people = store.people()
    named = [person for person in people if _folded(person.name) == _folded(name)]
    seen = store.authors()
    if author_ids:
        meant = {find_author(seen, author).id for author in author_ids}
    elif named:
        meant = set(named[0].authors)
    elif unseen and not _is_seen(seen, name):
        meant = set()
    else:
        meant = {find_author(seen, name).id}
    owners = named or [person for person in people if person.authors & meant]
    taken_by_others = [
        person for person in people if person.authors & meant and person != owners[0]
    ]
    if taken_by_others:
        others = " and ".join(person.name for person in (owners[0], *taken_by_others))
        raise ConsentError(f"these author ids belong to {others}; grant one person at a time")
    shown = speaker or (owners[0].name if owners else _shown(seen, meant, name))
    who = owners[0].id if owners else _new_id()
    known = owners[0].authors if owners else frozenset()
    return KnownPerson(id=who, name=_free_name(store, shown, who), authors=known | meant)


def _is_seen(seen: Iterable[SeenAuthor], name: str) -> bool:
    shown = (alias for author in seen for alias in (author.id, *author.names))
    return letters(name) in map(letters, shown)


def _shown(seen: Iterable[SeenAuthor], meant: set[AuthorId], name: str) -> str:
    """The name as the busiest of the meant accounts shows it."""
    return next((author.name for author in seen if author.id in meant), name)


def _free_name(store: Store, shown: str, person: PersonId) -> str:
    name = speaker_name(shown)
    for other in store.people():
        if _folded(other.name) == _folded(name) and other.id != person:
            raise ConsentError(
                f"{name!r} is already the name of another person; give this one another: --as NAME"
            )
    return name


def _record(
    person: KnownPerson,
    authors: frozenset[AuthorId],
    terms: Terms,
    before: ConsentRecord | None,
    now: datetime,
) -> ConsentRecord:
    """``before`` is the live record that this one takes the place of."""
    record_id, sources = RecordId(f"r-{_random_word()}"), tuple(sorted(authors))
    earlier = before.checkpoints if before is not None else ()
    checkpoints = tuple(dict.fromkeys((*earlier, *terms.checkpoints)))
    if before is not None and terms == Terms(checkpoints=terms.checkpoints):
        return replace(
            before, id=record_id, granted_at=now, sources=sources, checkpoints=checkpoints
        )
    return ConsentRecord(
        id=record_id,
        person=person.id,
        granted_at=now,
        adult=terms.adult,
        fictional=terms.fictional,
        sources=sources,
        channels=terms.channels,
        since=terms.since,
        until=terms.until,
        platforms=terms.platforms,
        audience=terms.audience,
        processors=terms.processors,
        game=terms.game,
        expires_at=terms.expires_at,
        statement=terms.statement,
        checkpoints=checkpoints,
    )


def _drop_uncovered(store: Store, person: KnownPerson, record: ConsentRecord) -> None:
    """Rows that were taken under an older consent and that the new one does not cover."""
    store.remove_messages(
        message.id
        for message in store.messages_of(person.authors)
        if not allows(record, author=message.author.id, channel=message.channel, at=message.at)
    )


def _new_id() -> PersonId:
    return PersonId(f"p-{_random_word()}")


def _random_word() -> str:
    """Ten characters of base 32: fifty random bits."""
    return base64.b32encode(secrets.token_bytes(7)).decode().lower()[:10]


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
