"""Consent in the store."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from builders import NOON

from botconvo.consent import (
    ConsentRecord,
    PersonId,
    RecordId,
    granted,
    live_record,
    verify,
    withdrawn,
)
from botconvo.errors import StoreError
from botconvo.messages import AuthorId
from botconvo.store import STORE_NAME, KnownPerson, Store

BORT = PersonId("p-aaaaaaaaaa")
RECORD = ConsentRecord(
    id=RecordId("r-1"),
    person=BORT,
    granted_at=NOON,
    adult=True,
    sources=(AuthorId("discord:bort"),),
    expires_at=NOON + timedelta(days=9),
    statement="fine by me",
)


def agree(store: Store) -> None:
    with store.transaction():
        store.keep_person(BORT, "bort", RECORD.sources)
        store.append_ledger(granted(store.ledger(), RECORD, salt="salt"))


def test_a_consent_comes_back_as_it_was_given(store: Store) -> None:
    agree(store)
    assert verify(store.ledger()) == ()
    assert live_record(store.ledger(BORT), BORT, NOON) == RECORD
    assert store.people() == (KnownPerson(id=BORT, name="bort", authors=frozenset(RECORD.sources)),)


def test_live_records_are_found_by_author(store: Store) -> None:
    agree(store)
    assert store.live_records(NOON) == {AuthorId("discord:bort"): RECORD}
    assert store.live_records(NOON + timedelta(days=9)) == {}
    store.append_ledger(withdrawn(store.ledger(), BORT, NOON))
    assert store.live_records(NOON) == {}


@pytest.mark.parametrize(
    "edit", ["UPDATE ledger SET kind = 'withdrawn'", "DELETE FROM ledger WHERE number = 1"]
)
def test_the_ledger_cannot_be_edited_with_sql_alone(
    store: Store, tmp_path: Path, edit: str
) -> None:
    agree(store)
    raw = sqlite3.connect(tmp_path / STORE_NAME)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(edit)
    raw.close()


def test_an_edit_behind_the_triggers_is_found(store: Store, tmp_path: Path) -> None:
    agree(store)
    raw = sqlite3.connect(tmp_path / STORE_NAME)
    with raw:
        raw.execute(
            "UPDATE records SET text = replace(text, '\"adult\": true', '\"adult\": false')"
        )
    raw.close()
    assert [fault.number for fault in verify(store.ledger())] == [1]
    assert store.live_records(NOON) == {}


def test_of_two_entries_for_one_place_only_one_gets_in(store: Store) -> None:
    agree(store)
    late = withdrawn((), BORT, NOON)
    with pytest.raises(StoreError):
        store.append_ledger(late)
    assert verify(store.ledger()) == ()


def test_a_person_can_get_further_accounts_and_another_name(store: Store) -> None:
    agree(store)
    store.keep_person(BORT, "Bort", [AuthorId("file:bort")])
    (person,) = store.people()
    assert person.name == "Bort"
    assert person.authors == {"discord:bort", "file:bort"}


def test_two_people_cannot_have_one_name(store: Store) -> None:
    agree(store)
    with pytest.raises(StoreError):
        store.keep_person(PersonId("p-bbbbbbbbbb"), "BORT", [])


def test_the_first_acknowledgement_counts(store: Store) -> None:
    assert store.acknowledged("rule") is None
    store.acknowledge("rule", NOON)
    store.acknowledge("rule", NOON + timedelta(days=1))
    assert store.acknowledged("rule") == NOON
