"""Who is meant, what would go, and the forget itself with its receipt.

Whatever ends the process in between (Ctrl-C, a kill, a full disk), the same command finishes it:
who is meant is noted in the store first, and that note goes last.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from botconvo.consent import PersonId, forgotten, latest_record
from botconvo.errors import ConsentError
from botconvo.forgetting.keeping import Found, Project
from botconvo.forgetting.registry import KEEPERS
from botconvo.granting import find_author, find_person
from botconvo.messages import AuthorId
from botconvo.store import SeenAuthor, Somebody, Store, Underway

__all__ = ["Item", "Plan", "Receipt", "find_somebody", "forget", "plan"]


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
    def from_json(cls, fields: dict[str, object]) -> "Receipt":
        items = fields["items"]
        assert isinstance(items, list)
        return cls(
            id=str(fields["id"]),
            at=datetime.fromisoformat(str(fields["at"])),
            items=tuple(Item(**{**item, "digests": tuple(item["digests"])}) for item in items),
            disabled=tuple(fields["disabled"]),  # type: ignore[arg-type]
            left=tuple(fields["left"]),  # type: ignore[arg-type]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a forget would do.  ``found`` are pairs of a keeper's name and what it holds."""

    somebody: Somebody
    found: tuple[tuple[str, Found], ...]
    left: tuple[str, ...] = ()

    def receipt(self, id: str, at: datetime) -> Receipt:
        return Receipt(
            id=id,
            at=at,
            items=tuple(
                Item(keeper=name, what=each.what, count=each.count, digests=each.digests)
                for name, each in self.found
            ),
            left=self.left,
        )


def find_somebody(store: Store, name: str) -> Somebody:
    """Everything by which the person is known who has that name, author id or opaque id.

    Raises:
        ConsentError: there is nobody, or there are several.
    """
    try:
        person = find_person(store.people(), name)
    except ConsentError:
        author = find_author(store.authors(), name)  # who never agreed to anything
        owned = author.person
        if owned is None:
            return _somebody(store, None, frozenset({author.id}), author.name)
        person = find_person(store.people(), owned)
    return _somebody(store, person.id, person.authors, person.name)


def _somebody(
    store: Store, person: PersonId | None, authors: frozenset[AuthorId], name: str
) -> Somebody:
    seen: list[SeenAuthor] = [each for each in store.authors() if each.id in authors]
    accounts = {shown for shown, author in store.accounts().items() if author in authors}
    record = None if person is None else latest_record(store.ledger(person), person)
    return Somebody(
        person=person,
        names=frozenset({name, *accounts, *(shown for each in seen for shown in each.names)}),
        authors=authors | (frozenset() if record is None else frozenset(record.sources)),
        clones=frozenset({name}),
        bound=frozenset(() if record is None else record.checkpoints),
    )


def plan(project: Project, name: str) -> Plan:
    """What a forget of ``name`` would do; nothing is changed.

    Raises:
        ConsentError: there is nobody of that name, or there are several.
        BotConvoError: something cannot be looked at.
    """
    with Store.open(project.store, create=False) as store:
        return _plan(project, store, find_somebody(store, name))


def _plan(project: Project, store: Store, somebody: Somebody) -> Plan:
    found = tuple(
        (keeper.name, each) for keeper in KEEPERS for each in keeper.find(project, store, somebody)
    )
    return Plan(somebody=somebody, found=found)


def forget(
    project: Project, name: str, now: datetime, *, say: Callable[[str], None] = lambda _: None
) -> Receipt:
    """Erase everything of ``name``'s that the project knows; the same call again finishes it.

    Raises:
        ConsentError: there is nobody of that name, or there are several.
        BotConvoError: something cannot be erased now; it says what to do.
    """
    with Store.open(project.store, create=False) as store:
        underway = store.underway() or _begin(project, store, find_somebody(store, name), now)
        if underway.somebody is not None:
            for keeper in KEEPERS:
                keeper.erase(project, store, underway.somebody)
            store.erase_rows(underway.somebody, underway.at)
        store.leave_no_trace()
        store.end_forget()
        return Receipt.from_json(json.loads(underway.receipt))


def _begin(project: Project, store: Store, somebody: Somebody, now: datetime) -> Underway:
    receipt = _plan(project, store, somebody).receipt(f"f-{secrets.token_hex(5)}", now)
    underway = Underway(
        id=receipt.id, at=now, somebody=somebody, receipt=json.dumps(receipt.as_json())
    )
    with store.transaction():
        if somebody.person is not None:
            store.append_ledger(forgotten(store.ledger(), somebody.person, now))
        store.begin_forget(underway)
    return underway
