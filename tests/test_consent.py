"""The rules of consent and the chain of the ledger."""

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from builders import CHANNEL, NOON
from hypothesis import given
from hypothesis import strategies as st

from botconvo.consent import (
    START,
    ConsentRecord,
    LedgerEntry,
    PersonId,
    RecordId,
    allows,
    forgotten,
    granted,
    head,
    is_live,
    latest_record,
    live_record,
    verify,
    withdrawn,
)
from botconvo.errors import ConsentError
from botconvo.messages import AuthorId, ChannelId

BORT, SMIG = PersonId("p-aaaaaaaaaa"), PersonId("p-bbbbbbbbbb")
LATER = NOON + timedelta(days=1)


def a_record(person: PersonId = BORT, **terms: Any) -> ConsentRecord:
    usual: dict[str, Any] = {
        "id": RecordId(f"r-{person[2:]}"),
        "granted_at": NOON,
        "adult": True,
        "sources": (AuthorId("discord:bort"),),
    }
    return ConsentRecord(person=person, **{**usual, **terms})


def a_ledger() -> list[LedgerEntry]:
    """Bort agrees, Smig agrees, Bort withdraws, Smig agrees to something else."""
    entries: list[LedgerEntry] = []
    entries.append(granted(entries, a_record(), salt="s1"))
    entries.append(granted(entries, a_record(SMIG, statement="ja, gern: ñ"), salt="s2"))
    entries.append(withdrawn(entries, BORT, LATER))
    narrower = a_record(SMIG, id=RecordId("r-2"), platforms=("web",))
    entries.append(granted(entries, narrower, salt="s3"))
    return entries


def test_only_an_adult_or_an_invented_character_can_agree() -> None:
    with pytest.raises(ConsentError, match="--adult"):
        granted([], a_record(adult=False), salt="s")
    assert granted([], a_record(adult=False, fictional=True), salt="s").kind == "granted"


def test_a_consent_that_could_never_hold_is_refused() -> None:
    with pytest.raises(ConsentError, match="expired on 2024-03-18"):
        granted([], a_record(expires_at=NOON), salt="s")
    with pytest.raises(ConsentError, match="no message"):
        granted([], a_record(since=LATER, until=NOON), salt="s")


def test_a_persons_id_must_say_nothing_about_them() -> None:
    with pytest.raises(ValueError, match="opaque"):
        a_record(PersonId("bort"))


def test_the_record_that_comes_back_is_the_one_that_was_agreed_to() -> None:
    record = a_record(
        channels=(ChannelId(CHANNEL),),
        since=NOON,
        until=LATER,
        platforms=("web", "console"),
        expires_at=LATER,
        statement='"fine", she said\n🛹',
    )
    assert latest_record([granted([], record, salt="s")], BORT) == record


def test_a_consent_is_live_until_it_expires() -> None:
    entries = [granted([], a_record(expires_at=LATER), salt="s")]
    assert live_record(entries, BORT, LATER - timedelta(seconds=1)) is not None
    assert live_record(entries, BORT, LATER) is None


def test_a_withdrawal_ends_it_and_a_new_consent_begins_anew() -> None:
    entries = a_ledger()
    assert live_record(entries, BORT, LATER) is None
    record = latest_record(entries, BORT)
    assert record is not None
    assert record.withdrawn_at == LATER
    entries.append(granted(entries, a_record(id=RecordId("r-3")), salt="s4"))
    assert live_record(entries, BORT, LATER) == a_record(id=RecordId("r-3"))


def test_the_last_consent_is_the_one_that_counts() -> None:
    record = live_record(a_ledger(), SMIG, LATER)
    assert record is not None
    assert record.platforms == ("web",)


def test_nobody_who_never_agreed_has_a_record() -> None:
    assert live_record(a_ledger(), PersonId("p-cccccccccc"), LATER) is None


@pytest.mark.parametrize(
    ("terms", "asked", "answer"),
    [
        ({}, {"author": "discord:bort"}, True),
        ({}, {"author": "discord:smig"}, False),
        ({}, {"channel": "discord:9"}, True),
        ({"channels": ("discord:1",)}, {"channel": "discord:9"}, False),
        ({"channels": ("discord:1",)}, {"channel": "discord:1"}, True),
        ({"since": LATER}, {"at": NOON}, False),
        ({"since": NOON}, {"at": NOON}, True),
        ({"until": NOON}, {"at": NOON}, False),
        ({"until": LATER}, {"at": NOON}, True),
        ({"platforms": ("web",)}, {"platform": "discord"}, False),
        ({"platforms": ("web",)}, {"platform": "web"}, True),
        ({}, {"platform": "discord"}, True),
        ({}, {"processor": "local"}, True),
        ({}, {"processor": "api.example.org"}, False),
        ({"processors": ("local", "api.example.org")}, {"processor": "api.example.org"}, True),
    ],
)
def test_a_record_allows_what_it_covers_and_nothing_else(
    terms: dict[str, Any], asked: dict[str, Any], answer: bool
) -> None:
    assert allows(a_record(**terms), **asked) is answer


def test_being_live_is_another_question_than_covering() -> None:
    ended = a_record(withdrawn_at=NOON)
    assert allows(ended, author=AuthorId("discord:bort"))
    assert not is_live(ended, NOON)


def test_an_untouched_ledger_holds() -> None:
    assert verify([]) == ()
    assert verify(a_ledger()) == ()
    assert head([]) == START
    assert head(a_ledger()) == a_ledger()[-1].digest


@given(
    place=st.integers(0, 3),
    field=st.sampled_from(
        ["number", "at", "kind", "person", "record", "seal", "previous", "digest", "text", "salt"]
    ),
)
def test_any_edit_of_any_entry_is_found(place: int, field: str) -> None:
    entries = a_ledger()
    entry = entries[place]
    value = getattr(entry, field)
    if field in ("text", "salt") and value is None:
        return
    other: dict[str, Any] = {
        "number": 9,
        "at": entry.at + timedelta(seconds=1),
        "kind": "withdrawn" if entry.kind == "granted" else "granted",
    }
    entries[place] = replace(entry, **{field: other.get(field, f"{value}x")})
    assert verify(entries)


@given(data=st.data())
def test_any_edit_of_any_ledger_is_found(data: st.DataObject) -> None:
    """Change, drop, insert or reorder: also in the texts and salts of the table beside it."""
    entries = data.draw(ledgers())
    edited = data.draw(edits(entries))
    if edited != entries:
        assert verify(edited)


@given(data=st.data())
def test_an_erased_ledger_is_guarded_as_any_other(data: st.DataObject) -> None:
    entries = data.draw(ledgers())
    entries.append(forgotten(entries, SMIG, LATER))
    kept = [replace(e, text=None, salt=None) if e.person == SMIG else e for e in entries]
    assert verify(kept) == ()
    edited = data.draw(edits(kept))
    if edited != kept:
        assert verify(edited)


@st.composite
def ledgers(draw: st.DrawFn) -> list[LedgerEntry]:
    """Two people who agree and withdraw, in any order; the first of them agreed to begin with."""
    entries = [granted([], a_record(), salt="s0")]
    entries.append(granted(entries, a_record(SMIG), salt="s1"))
    for number, (person, agrees) in enumerate(
        draw(st.lists(st.tuples(st.sampled_from([BORT, SMIG]), st.booleans()), max_size=5))
    ):
        record = a_record(person, id=RecordId(f"r-{number}"), statement=draw(st.text(max_size=9)))
        entries.append(
            granted(entries, record, salt=f"t{number}")
            if agrees
            else withdrawn(entries, person, LATER)
        )
    return entries


@st.composite
def edits(draw: st.DrawFn, entries: list[LedgerEntry]) -> list[LedgerEntry]:
    """One thing done to a ledger by somebody who computes no digests anew.

    Entries cut off at the end are no edit that a chain can show.
    """
    edited = list(entries)
    place = draw(st.integers(0, len(edited) - 1))
    other = draw(st.integers(0, len(edited) - 1))
    match draw(st.sampled_from(["change", "drop", "insert", "swap", "swap texts"])):
        case "change":
            field = draw(st.sampled_from(LedgerEntry.__slots__))
            edited[place] = replace(edited[place], **{field: draw(another(edited[place], field))})
        case "drop" if place < len(edited) - 1:
            del edited[place]
        case "insert":
            edited.insert(other, edited[place])
        case "swap":
            edited[place], edited[other] = edited[other], edited[place]
        case _:
            one, two = edited[place], edited[other]
            edited[place] = replace(one, text=two.text, salt=two.salt)
    return edited


def another(entry: LedgerEntry, field: str) -> st.SearchStrategy[Any]:
    """Another value of a field, also none where there is one."""
    value = getattr(entry, field)
    match field:
        case "number":
            return st.integers(0, 99)
        case "at":
            return st.timedeltas().map(lambda by: entry.at + by % timedelta(days=9))
        case "kind":
            return st.sampled_from(["granted", "withdrawn", "forgotten"])
        case "text" | "salt":
            return st.none() | st.text() | st.just(f"{value} ")
        case _:
            return st.none() | st.text() if field == "record" else st.text()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_entry_that_was_taken_out_is_missed(place: int) -> None:
    entries = a_ledger()
    del entries[place]
    assert verify(entries)


def test_entries_that_changed_places_are_found() -> None:
    entries = a_ledger()
    entries[1], entries[2] = entries[2], entries[1]
    assert verify(entries)


def test_the_chain_holds_after_a_person_was_forgotten() -> None:
    entries = a_ledger()
    entries.append(forgotten(entries, BORT, LATER))
    erased = [
        replace(entry, text=None, salt=None) if entry.person == BORT else entry for entry in entries
    ]
    assert verify(erased) == ()
    assert latest_record(erased, BORT) is None


def test_a_record_that_is_lost_without_a_forget_is_found_and_allows_nothing() -> None:
    entries = a_ledger()
    entries[3] = replace(entries[3], text=None, salt=None)
    assert [fault.number for fault in verify(entries)] == [4]
    assert live_record(entries, SMIG, LATER) is None


def test_an_edited_record_allows_nothing() -> None:
    entries = a_ledger()
    text = entries[3].text
    assert text is not None
    entries[3] = replace(entries[3], text=text.replace('"web"', '"discord"'))
    assert live_record(entries, SMIG, LATER) is None
    assert [fault.what for fault in verify(entries)] == ["has a record that was edited"]


def test_nothing_in_the_chain_itself_says_who_anybody_is() -> None:
    for entry in a_ledger():
        bare = str(replace(entry, text=None, salt=None))
        assert "discord" not in bare
        assert "gern" not in bare


@given(st.datetimes(), st.text(), st.lists(st.text()))
def test_every_record_survives_its_text(at: datetime, statement: str, names: list[str]) -> None:
    record = a_record(
        granted_at=at.replace(tzinfo=NOON.tzinfo), statement=statement, platforms=tuple(names)
    )
    entries = [granted([], record, salt="s")]
    assert latest_record(entries, BORT) == record
    assert verify(entries) == ()


def test_a_clone_is_covered_by_the_record_that_names_it() -> None:
    record = a_record(checkpoints=("a" * 64,))
    assert allows(record, checkpoint="a" * 64)
    assert not allows(record, checkpoint="b" * 64)
    assert not allows(a_record(), checkpoint="a" * 64)
    kept = latest_record([granted([], record, salt="s")], BORT)
    assert kept == record


def test_a_record_from_before_there_were_old_clones_is_still_read() -> None:
    entry = granted([], a_record(), salt="s")
    assert entry.text is not None
    older = json.loads(entry.text)
    del older["checkpoints"]
    text = json.dumps(older, sort_keys=True, ensure_ascii=False)
    seal = hashlib.sha256(f"s\n{text}".encode()).hexdigest()
    assert latest_record([replace(entry, text=text, seal=seal)], BORT) == a_record()
