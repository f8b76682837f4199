"""Who agreed to what: the rules, and the chain that shows that nobody edited them.  Pure.

The ledger is append-only, and every entry holds the digest of the one before it.  It must survive
a person's wish to be forgotten, so nothing in it says who anybody is: an entry holds an opaque id
and a *seal*, the digest of a random salt and of the record's text.  The text itself (authors' ids,
channels, the person's own statement) and the salt stand in a table that can be erased.  While they
are there, the seal shows that they are the ones that were agreed to; once they are gone, the seal
is a number that nobody can trace back, and the chain still holds.

What a chain cannot show is that entries were cut off at its end: note the last digest elsewhere
(``head``) to be sure of that too.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal, NewType

from botconvo.errors import ConsentError
from botconvo.messages import AuthorId, ChannelId

__all__ = [
    "START",
    "ConsentRecord",
    "Fault",
    "LedgerEntry",
    "PersonId",
    "RecordId",
    "Terms",
    "allows",
    "forgotten",
    "granted",
    "head",
    "heard_digest",
    "is_live",
    "latest_record",
    "live_record",
    "may_be_shown",
    "refusal",
    "verify",
    "withdrawn",
]

PersonId = NewType("PersonId", str)
"""Opaque: "p-" and ten characters that say nothing about the person."""
RecordId = NewType("RecordId", str)
EntryKind = Literal["granted", "withdrawn", "forgotten"]

START = "0" * 64
"""What stands for the previous digest in the first entry."""
_PERSON = re.compile(r"p-[a-z2-7]{10}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord:
    """One person's consent, in their owner's words and within its bounds."""

    id: RecordId
    person: PersonId
    granted_at: datetime
    adult: bool = False
    """The person is an adult; without it, only a fictional character can be cloned."""
    fictional: bool = False
    """An invented character: there is nobody to ask."""
    sources: tuple[AuthorId, ...] = ()
    """The author ids whose messages may be taken."""
    channels: tuple[ChannelId, ...] | None = None
    """None: from all channels."""
    since: datetime | None = None
    until: datetime | None = None
    """Messages written from ``since`` on and before ``until``."""
    platforms: tuple[str, ...] | None = None
    """Where the clone may talk ("web", "console", "discord"); None: everywhere."""
    audience: tuple[str, ...] | None = None
    """Who may talk to the clone: ids of authors and of groups (``discord:role/12``); empty: other
    clones alone; None: anyone.  Whoever runs it can in any case, on their own screen."""
    processors: tuple[str, ...] = ("local",)
    """Where the words may be worked on: this machine, or named remote hosts."""
    game: bool = False
    """Whether lines of theirs may be shown in the blind game, to those who may talk to the clone
    and where it may talk.  Neither of the two says that: they are about what the clone writes."""
    expires_at: datetime | None = None
    statement: str = ""
    """What the person said, in their own words."""
    checkpoints: tuple[str, ...] = ()
    """Digests of clones from earlier systems that are of this person and may be served."""
    withdrawn_at: datetime | None = None
    """Not part of what was agreed: filled in from the ledger."""

    def __post_init__(self) -> None:
        if not _PERSON.match(self.person):
            raise ValueError(f"{self.person!r} is not an opaque person id")

    @property
    def withdrawn(self) -> bool:
        return self.withdrawn_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a person agrees to; the fields are those of ``ConsentRecord``.

    ``checkpoints`` are added to those that a live record has.  With nothing said but checkpoints
    (neither ``adult`` nor ``fictional``) the other terms stay those of the live record.
    """

    adult: bool = False
    fictional: bool = False
    channels: tuple[ChannelId, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    platforms: tuple[str, ...] | None = None
    audience: tuple[str, ...] | None = None
    processors: tuple[str, ...] = ("local",)
    game: bool = False
    expires_at: datetime | None = None
    statement: str = ""
    checkpoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One row of the chain.  ``text`` and ``salt`` are None once they were erased."""

    number: int
    at: datetime
    kind: EntryKind
    person: PersonId
    record: RecordId | None
    seal: str
    previous: str
    digest: str
    text: str | None = None
    salt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong with the ledger, in the entry of that number."""

    number: int
    what: str


def granted(entries: Sequence[LedgerEntry], record: ConsentRecord, *, salt: str) -> LedgerEntry:
    """The entry that records a consent; ``salt`` must be random and never used before.

    Raises:
        ConsentError: the record could never allow anything.
    """
    if not (record.adult or record.fictional):
        raise ConsentError(
            "only an adult can agree to be cloned; say --adult when the person is one "
            "(--fictional for an invented character)"
        )
    if record.expires_at is not None and record.expires_at <= record.granted_at:
        raise ConsentError(
            f"the consent would have expired on {record.expires_at:%Y-%m-%d} already; "
            "give a later date"
        )
    if record.since is not None and record.until is not None and record.until <= record.since:
        raise ConsentError("no message is both since the one date and until the other")
    text = _text(record)
    entry = _after(entries, at=record.granted_at, kind="granted", person=record.person)
    return _sealed(replace(entry, record=record.id, seal=_seal(salt, text), text=text, salt=salt))


def withdrawn(entries: Sequence[LedgerEntry], person: PersonId, at: datetime) -> LedgerEntry:
    """The entry that ends every consent of a person given so far."""
    return _sealed(_after(entries, at=at, kind="withdrawn", person=person))


def forgotten(entries: Sequence[LedgerEntry], person: PersonId, at: datetime) -> LedgerEntry:
    """The entry after which the texts of a person's records may be missing."""
    return _sealed(_after(entries, at=at, kind="forgotten", person=person))


def verify(entries: Sequence[LedgerEntry]) -> tuple[Fault, ...]:
    """Everything that was edited, removed or put in between; empty when the chain holds."""
    gone = {entry.person: entry.number for entry in entries if entry.kind == "forgotten"}
    faults: list[Fault] = []
    previous = START
    for place, entry in enumerate(entries, start=1):
        if entry.number != place or entry.previous != previous:
            faults.append(Fault(number=entry.number, what="does not follow on the one before it"))
        if entry.digest != _digest(entry):
            faults.append(Fault(number=entry.number, what="was edited"))
        bare = entry.text is None and entry.salt is None
        erased = bare and gone.get(entry.person, 0) > entry.number
        if entry.kind != "granted":
            wrong = None if bare else "has a record, and is no consent"
        else:
            wrong = None if erased else _text_fault(entry)
        if wrong is not None:
            faults.append(Fault(number=entry.number, what=wrong))
        previous = entry.digest
    return tuple(faults)


def head(entries: Sequence[LedgerEntry]) -> str:
    """The digest that stands for the whole ledger."""
    return entries[-1].digest if entries else START


def heard_digest(person: PersonId, corpus_sha256: str) -> str:
    """What stands for a person in the manifest of a clone that heard them.

    It is another one for every corpus, so that two clones do not show that they heard the same.
    """
    return hashlib.sha256(f"{corpus_sha256}\n{person}".encode()).hexdigest()


def latest_record(entries: Iterable[LedgerEntry], person: PersonId) -> ConsentRecord | None:
    """The last record of a person, withdrawn or not.

    None where there is none, or where its text was erased or edited: neither allows anything.
    """
    record: ConsentRecord | None = None
    for entry in entries:
        if entry.person != person:
            continue
        match entry.kind:
            case "granted":
                record = None if _text_fault(entry) is not None else _record(entry.text or "")
            case "withdrawn" | "forgotten":
                record = None if record is None else replace(record, withdrawn_at=entry.at)
    return record


def live_record(
    entries: Iterable[LedgerEntry], person: PersonId, now: datetime
) -> ConsentRecord | None:
    """The record under which a person may be cloned now: the last one, if it is still live."""
    record = latest_record(entries, person)
    return record if record is not None and is_live(record, now) else None


def is_live(record: ConsentRecord, now: datetime) -> bool:
    """Neither withdrawn nor expired, and by somebody who could agree."""
    return (
        not record.withdrawn
        and (record.adult or record.fictional)
        and (record.expires_at is None or now < record.expires_at)
    )


def allows(
    record: ConsentRecord,
    *,
    author: AuthorId | None = None,
    channel: ChannelId | None = None,
    at: datetime | None = None,
    platform: str | None = None,
    processor: str | None = None,
    checkpoint: str | None = None,
) -> bool:
    """Whether a record covers everything that is named; what is left out is not asked.

    ``author``, ``channel`` and ``at`` are a message's, ``platform`` is where the clone is to talk,
    ``processor`` the host that is to work on the words, ``checkpoint`` the digest of a clone that
    names nobody itself.  Whether the record is live is another
    question: ``is_live``.
    """
    return (
        (author is None or author in record.sources)
        and (channel is None or record.channels is None or channel in record.channels)
        and (at is None or record.since is None or at >= record.since)
        and (at is None or record.until is None or at < record.until)
        and (platform is None or record.platforms is None or platform in record.platforms)
        and (processor is None or processor in record.processors)
        and (checkpoint is None or checkpoint in record.checkpoints)
    )


def may_be_shown(record: ConsentRecord, *, platform: str) -> bool:
    """Whether lines of theirs may stand in the blind game on a platform.

    Nobody has to be asked for an invented character.  Who may see them is another question:
    ``audience``.
    """
    return (record.game or record.fictional) and allows(record, platform=platform)


def refusal(
    record: ConsentRecord | None,
    now: datetime,
    *,
    platform: str | None = None,
    processor: str | None = None,
) -> str | None:
    """Why a clone may not talk there, or be worked on there; None where its person agrees.

    It follows on "the consent for this clone".
    """
    if record is None or not is_live(record, now):
        return "was withdrawn or has expired"
    if platform is not None and not allows(record, platform=platform):
        places = ", ".join(record.platforms or ()) or "nothing"
        return f"names other platforms than {platform!r} ({places})"
    if processor is not None and not allows(record, processor=processor):
        where = "this computer" if processor == "local" else repr(processor)
        return f"does not let {where} work on their words"
    return None


def _after(
    entries: Sequence[LedgerEntry], *, at: datetime, kind: EntryKind, person: PersonId
) -> LedgerEntry:
    return LedgerEntry(
        number=len(entries) + 1,
        at=at,
        kind=kind,
        person=person,
        record=None,
        seal="",
        previous=head(entries),
        digest="",
    )


def _sealed(entry: LedgerEntry) -> LedgerEntry:
    return replace(entry, digest=_digest(entry))


def _digest(entry: LedgerEntry) -> str:
    fields = (
        entry.number,
        entry.at.isoformat(),
        entry.kind,
        entry.person,
        entry.record,
        entry.seal,
        entry.previous,
    )
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()


def _seal(salt: str, text: str) -> str:
    return hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()


def _text_fault(entry: LedgerEntry) -> str | None:
    if entry.text is None or entry.salt is None:
        return "has lost its record"
    if entry.seal != _seal(entry.salt, entry.text):
        return "has a record that was edited"
    return None


def _text(record: ConsentRecord) -> str:
    agreed = {key: value for key, value in asdict(record).items() if key != "withdrawn_at"}
    return json.dumps(agreed, sort_keys=True, ensure_ascii=False, default=datetime.isoformat)


def _record(text: str) -> ConsentRecord:
    fields: dict[str, Any] = json.loads(text)
    for key in ("granted_at", "since", "until", "expires_at"):
        if fields[key] is not None:
            fields[key] = datetime.fromisoformat(fields[key])
    if fields["audience"] == "anyone":  # so the oldest records say it
        fields["audience"] = None
    for key in ("sources", "channels", "platforms", "audience", "processors", "checkpoints"):
        if fields.get(key) is not None:  # the oldest records know no checkpoints
            fields[key] = tuple(fields[key])
    return ConsentRecord(**fields)
