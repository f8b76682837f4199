"""Who is meant, what would go, and the forget itself with its receipt.

Whatever ends the process in between (Ctrl-C, a kill, a full disk), the same command finishes it:
who is meant is noted in the store first, and that note goes last.
"""

import json
import secrets
from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from botconvo.config import load_settings
from botconvo.consent import PersonId, forgotten, latest_record
from botconvo.errors import ConfigError, ConsentError
from botconvo.forgetting.clones import Disabled, disabled_by, erase_older
from botconvo.forgetting.hosted import hosted_with, owed
from botconvo.forgetting.keeping import Found, Project
from botconvo.forgetting.left import ALWAYS, Left, left_of
from botconvo.forgetting.registry import KEEPERS
from botconvo.granting import find_author, find_person
from botconvo.hosted.records import JobRecord
from botconvo.messages import AuthorId
from botconvo.people import letters
from botconvo.store import Somebody, Store, Underway
from botconvo.writing import write_whole

__all__ = [
    "RECEIPTS",
    "Item",
    "OwnAccount",
    "Plan",
    "Receipt",
    "find_somebody",
    "finish",
    "forget",
    "plan",
    "receipt_path",
    "unfinished",
]

RECEIPTS = "receipts"
"""The project's folder for receipts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A line of a receipt; nothing in it names anybody."""

    keeper: str
    what: str
    count: int
    digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was erased, and when.  None of the person's words, and no name.

    ``disabled`` are digests of other clones' weights that saw lines of theirs; ``left`` says what
    cannot be erased from here.
    """

    id: str
    at: datetime
    items: tuple[Item, ...]
    disabled: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "at": self.at.isoformat()}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Receipt":
        return cls(
            id=fields["id"],
            at=datetime.fromisoformat(fields["at"]),
            items=tuple(
                replace(Item(**each), digests=tuple(each["digests"])) for each in fields["items"]
            ),
            disabled=tuple(fields["disabled"]),
            left=tuple(fields["left"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a forget would do.  ``found`` are pairs of a keeper's name and what it holds.

    ``disabled`` are clones of others that have to be trained again, ``left`` what stays.
    """

    somebody: Somebody
    found: tuple[tuple[str, Found], ...]
    disabled: tuple[Disabled, ...]
    left: tuple[Left, ...]
    hosted: tuple[JobRecord, ...] = ()
    """Other people's clones at services that saw their lines, and are deleted there."""

    def receipt(self, id: str, at: datetime) -> Receipt:
        """What is to be given for it; it names nobody."""
        counts: Counter[tuple[str, str]] = Counter()
        digests: dict[tuple[str, str], list[str]] = {}
        for name, each in self.found:
            counts[name, each.what] += each.count
            digests.setdefault((name, each.what), []).extend(each.digests)
        left = Counter(each.what for each in self.left)
        return Receipt(
            id=id,
            at=at,
            items=tuple(
                Item(keeper=name, what=what, count=count, digests=tuple(digests[name, what]))
                for (name, what), count in counts.items()
            ),
            disabled=tuple(sorted(self._digests())),
            left=(*(f"{count} x {what}" for what, count in left.items()), *ALWAYS),
        )

    def _digests(self) -> set[str]:
        hosted = {record.weights for record in self.hosted if record.weights is not None}
        return {each.manifest.weights.sha256 for each in self.disabled} | hosted


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAccount:
    """Somebody who asks for themselves.  Whatever they call themselves, nothing follows from it."""

    author: AuthorId


def find_somebody(project: Project, store: Store, name: str | OwnAccount) -> Somebody:
    """Everything by which the person is known who has that name, author id or opaque id.

    Raises:
        ConsentError: there is nobody, or there are several.
    """
    if isinstance(name, OwnAccount):
        return _by_account(store, name.author)
    try:
        person = find_person(store.people(), name)
    except ConsentError:
        author = find_author(store.authors(), name)  # who never agreed to anything
        if author.person is None:
            return _somebody(project, store, None, frozenset({author.id}), author.name)
        person = find_person(store.people(), author.person)
    return _somebody(project, store, person.id, person.authors, person.name)


def _by_account(store: Store, author: AuthorId) -> Somebody:
    """By ids alone, and the name of the clone, which is nobody else's."""
    person = next((each for each in store.people() if author in each.authors), None)
    if person is None:
        return Somebody(person=None, names=frozenset(), authors=frozenset({author}))
    record = latest_record(store.ledger(person.id), person.id)
    return Somebody(
        person=person.id,
        names=frozenset(),
        authors=person.authors,
        clones=frozenset({person.name}),
        bound=frozenset(() if record is None else record.checkpoints),
    )


def _somebody(
    project: Project, store: Store, person: PersonId | None, known: frozenset[AuthorId], name: str
) -> Somebody:
    authors = known | _joined(project, name, known)
    seen = [each for each in store.authors() if each.id in authors]
    accounts = {shown for shown, author in store.accounts().items() if author in authors}
    record = None if person is None else latest_record(store.ledger(person), person)
    return Somebody(
        person=person,
        names=frozenset({name, *accounts, *(shown for each in seen for shown in each.names)}),
        authors=authors | (frozenset() if record is None else frozenset(record.sources)),
        clones=frozenset({name}),
        bound=frozenset(() if record is None else record.checkpoints),
    )


def _joined(project: Project, name: str, known: frozenset[AuthorId]) -> frozenset[AuthorId]:
    """Accounts that config.toml joins with these."""
    try:
        people = load_settings(project.config, required=False).people
    except ConfigError:
        return frozenset()
    return frozenset(
        AuthorId(author)
        for each in people
        if letters(each.name) == letters(name) or known & set(each.authors)
        for author in each.authors
    )


def plan(project: Project, name: str | OwnAccount) -> Plan:
    """What a forget of ``name`` would do; nothing is changed.

    Raises:
        ConsentError: there is nobody of that name, or there are several.
        BotConvoError: something cannot be looked at.
    """
    with Store.open(project.store, create=False) as store:
        return _plan(project, store, find_somebody(project, store, name))


def _plan(project: Project, store: Store, somebody: Somebody) -> Plan:
    found = tuple(
        (keeper.name, each) for keeper in KEEPERS for each in keeper.find(project, store, somebody)
    )
    disabled = disabled_by(project, store, somebody)
    going = (*(each.shown for _, each in found), *(str(each.folder) for each in disabled))
    left = tuple(left_of(project, store, somebody, going))
    hosted = tuple(
        record
        for record in hosted_with(project, somebody)
        if record.person != somebody.person and record.model is not None
    )
    return Plan(somebody=somebody, found=found, disabled=disabled, left=left, hosted=hosted)


def finish(project: Project) -> Receipt | None:
    """Finish the forget that was interrupted here; None where there is none.

    Raises:
        BotConvoError: something cannot be erased now; it says what to do.
    """
    with Store.open(project.store, create=False) as store:
        return _finish(project, store)


def unfinished(project: Project) -> bool:
    """Whether a forget was begun here and interrupted."""
    with Store.open(project.store, create=False) as store:
        return store.underway() is not None


def forget(project: Project, name: str | OwnAccount, now: datetime) -> Receipt:
    """Erase everything of ``name``'s that the project knows.

    One that was interrupted is finished first; where that was the one that is meant, its receipt
    is given.  Other processes may use the store meanwhile: a running talk lets go of the person.

    Raises:
        ConsentError: there is nobody of that name, or there are several.
        BotConvoError: something cannot be erased now; it says what to do.
    """
    with Store.open(project.store, create=False) as store:
        finished = _finish(project, store)
        if finished is not None and not _is_here(project, store, name):
            return finished
        _begin(project, store, find_somebody(project, store, name), now)
        receipt = _finish(project, store)
        assert receipt is not None
        return receipt


def _is_here(project: Project, store: Store, name: str | OwnAccount) -> bool:
    try:
        find_somebody(project, store, name)
    except ConsentError:
        return False
    return True


def _begin(project: Project, store: Store, somebody: Somebody, now: datetime) -> None:
    """From here on nothing of theirs is said, and the same command finishes the rest."""
    with store.transaction():
        planned = _plan(project, store, somebody)
        receipt = planned.receipt(f"f-{secrets.token_hex(5)}", now)
        if somebody.person is not None:
            store.append_ledger(forgotten(store.ledger(), somebody.person, now))
        store.disable(receipt.disabled, now)
        store.begin_forget(
            Underway(
                id=receipt.id, at=now, somebody=somebody, receipt=json.dumps(receipt.as_json())
            )
        )


def _finish(project: Project, store: Store) -> Receipt | None:
    """Do what is not done yet of the forget under way; None where there is none."""
    underway = store.underway()
    if underway is None:
        return None
    if underway.somebody is not None:
        erase_older(disabled_by(project, store, underway.somebody))
        for keeper in KEEPERS:
            keeper.erase(project, store, underway.somebody)
        store.erase_rows(underway.somebody, underway.at)
    store.leave_no_trace()
    receipt = Receipt.from_json(json.loads(underway.receipt))
    receipt = replace(receipt, left=(*receipt.left, *owed(project)))
    _keep(project, receipt)
    store.end_forget()
    return receipt


def receipt_path(project: Project, receipt: Receipt) -> Path:
    """Where a receipt is kept."""
    return project.folder / RECEIPTS / f"{receipt.at:%Y-%m-%d}-{receipt.id}.json"


def _keep(project: Project, receipt: Receipt) -> None:
    path = receipt_path(project, receipt)
    path.parent.mkdir(exist_ok=True)
    write_whole(path, json.dumps(receipt.as_json(), indent=2) + "\n", force=True)
