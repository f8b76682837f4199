"""Consent from a typed name to a record and the rows under it."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from builders import NOON, a_message, an_author

from botconvo.checkpoints import bound_person
from botconvo.consent import live_record, verify
from botconvo.errors import ConsentError, StoreError
from botconvo.granting import Terms, find_author, find_person, grant, withdraw
from botconvo.messages import Author, AuthorId, ChannelId
from botconvo.store import Source, Store
from botconvo.taking import take_exports

GENERAL = next(
    (Path(__file__).parent / "data" / "exports" / "discord-dce-2.47").glob("*general*.json")
)
ADULT = Terms(adult=True)
BORT = AuthorId("discord:101000000000000001")


def import_general(store: Store, folder: Path) -> Path:
    """A copy of the sample, imported."""
    path = Path(shutil.copy(GENERAL, folder / "general.json"))
    take_exports(store, [path], NOON)
    return path


def see(store: Store, *authors: Author) -> None:
    """A file in which each of these wrote once."""
    name = "-".join(author.id for author in authors)
    source = Source(path=Path(name), sha256=name.rjust(64), format="discord-csv", origin="file")
    with store.add_export(source, NOON) as adding:
        for author in authors:
            adding.saw(a_message(author=author))


def test_a_consent_takes_the_persons_rows_from_what_was_imported(
    store: Store, tmp_path: Path
) -> None:
    import_general(store, tmp_path)
    done = grant(store, "Bort 🛹", ADULT, NOON)
    assert done.taken == 3
    assert done.trouble == ()
    assert len(store.messages_of([BORT])) == 3
    assert live_record(store.ledger(), done.person.id, NOON) == done.record
    assert verify(store.ledger()) == ()


def test_a_disk_that_fills_up_behind_the_record_is_told_as_it_is(
    store: Store, tmp_path: Path
) -> None:
    long = GENERAL.read_text(encoding="utf-8").replace(
        '"content": "', f'"content": "{"word " * 9999}'
    )
    (tmp_path / "long.json").write_text(long, encoding="utf-8")
    take_exports(store, [tmp_path / "long.json"], NOON)
    connection = store._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(
        f"PRAGMA max_page_count = {pages + 8}"
    )  # the record fits in, the words do not
    with pytest.raises(StoreError, match=r"disk is full; .* \(the consent of Bort 🛹 is recorded"):
        grant(store, "bort", ADULT, NOON)
    assert len(store.ledger()) == 1
    assert store.messages_of([BORT]) == ()
    connection.execute(f"PRAGMA max_page_count = {pages + 800}")
    assert grant(store, "bort", ADULT, NOON).taken == 5  # two more than had words before


def test_the_persons_id_says_nothing_about_them(store: Store, tmp_path: Path) -> None:
    import_general(store, tmp_path)
    done = grant(store, "bort", ADULT, NOON)
    other = grant(store, "smig", ADULT, NOON)
    assert done.person.id != other.person.id
    assert len(done.person.id) == len("p-") + 10


@pytest.mark.parametrize(
    "typed", ["Bort 🛹", "bort 🛹", "BORT", "bort", "discord:101000000000000001"]
)
def test_a_name_is_found_however_it_is_typed(store: Store, tmp_path: Path, typed: str) -> None:
    import_general(store, tmp_path)
    assert find_author(store.authors(), typed).id == BORT


def test_an_unknown_name_lists_who_there_is(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConsentError, match="import an export first"):
        grant(store, "bort", ADULT, NOON)
    import_general(store, tmp_path)
    with pytest.raises(ConsentError, match=r"there are .*Fishvilla"):
        grant(store, "bart", ADULT, NOON)


def test_a_name_of_several_authors_asks_which(store: Store) -> None:
    one, two = an_author("Sam"), replace(an_author("sam"), id=AuthorId("discord:2"))
    see(store, one, two)
    with pytest.raises(
        ConsentError, match=r"2 authors .*--author-id discord:2 .*--author-id discord:sam "
    ):
        grant(store, "sam", ADULT, NOON)
    done = grant(store, "sam", ADULT, NOON, author_ids=[two.id])
    assert done.record.sources == (two.id,)


def test_several_accounts_can_be_one_person(store: Store) -> None:
    see(store, an_author("Sam"), an_author("Sammy"))
    ids = [an_author("sam").id, an_author("sammy").id]
    done = grant(store, "Sam", ADULT, NOON, author_ids=ids)
    assert done.person.authors == set(ids)
    assert done.person.name == "Sam"
    again = grant(store, "sam", ADULT, NOON)
    assert again.person == done.person


def test_an_account_can_be_added_to_a_known_person(store: Store) -> None:
    see(store, an_author("Sam"), an_author("Sammy"))
    first = grant(store, "Sam", ADULT, NOON)
    done = grant(store, "Sam", ADULT, NOON, author_ids=[an_author("sammy").id])
    assert done.person.id == first.person.id
    assert len(done.record.sources) == 2


def test_two_peoples_accounts_are_not_mixed(store: Store) -> None:
    see(store, an_author("Sam"), an_author("Bo"))
    grant(store, "Sam", ADULT, NOON)
    grant(store, "Bo", ADULT, NOON)
    with pytest.raises(ConsentError, match="one person at a time"):
        grant(store, "Sam", ADULT, NOON, author_ids=[an_author("bo").id])


def test_two_people_have_two_names_in_transcripts(store: Store) -> None:
    one, two = an_author("Sam"), replace(an_author("Sam"), id=AuthorId("discord:2"))
    see(store, one, two)
    grant(store, "Sam", ADULT, NOON, author_ids=[one.id])
    with pytest.raises(ConsentError, match="--as NAME"):
        grant(store, "discord:2", ADULT, NOON)
    assert grant(store, "discord:2", ADULT, NOON, speaker="Sam: B").person.name == "Sam B"


def test_a_new_consent_takes_the_place_of_the_old_one(store: Store, tmp_path: Path) -> None:
    import_general(store, tmp_path)
    first = grant(store, "bort", ADULT, NOON)
    narrower = replace(ADULT, channels=(ChannelId("discord:9"),))
    second = grant(store, "bort", narrower, NOON)
    assert second.person.id == first.person.id
    assert store.messages_of([BORT]) == ()
    assert len(store.ledger()) == 2


def test_rows_outlive_a_file_that_was_deleted(store: Store, tmp_path: Path) -> None:
    path = import_general(store, tmp_path)
    grant(store, "bort", ADULT, NOON)
    path.unlink()
    renewed = grant(store, "bort", replace(ADULT, expires_at=NOON + timedelta(days=9)), NOON)
    assert len(store.messages_of([BORT])) == 3
    assert len(renewed.trouble) == 1


def test_a_file_that_was_changed_or_is_gone_is_named(store: Store, tmp_path: Path) -> None:
    path = import_general(store, tmp_path)
    path.write_bytes(path.read_bytes() + b"\n")
    done = grant(store, "bort", ADULT, NOON)
    assert (done.taken, len(done.trouble)) == (0, 1)
    assert "was changed" in done.trouble[0]
    path.unlink()
    (sentence,) = grant(store, "smig", ADULT, NOON).trouble
    assert "there is no file" in sentence
    assert "import it again" in sentence


def test_a_consent_that_cannot_be_given_leaves_no_trace(store: Store, tmp_path: Path) -> None:
    import_general(store, tmp_path)
    with pytest.raises(ConsentError, match="--adult"):
        grant(store, "bort", Terms(), NOON)
    assert store.people() == ()
    assert store.ledger() == ()


def test_a_withdrawal_removes_the_rows_and_keeps_the_chain(store: Store, tmp_path: Path) -> None:
    import_general(store, tmp_path)
    grant(store, "bort", ADULT, NOON)
    person, rows = withdraw(store, "BORT", NOON)
    assert rows == 3
    assert store.authors_with_messages() == set()
    assert live_record(store.ledger(), person.id, NOON) is None
    assert verify(store.ledger()) == ()


def test_what_was_never_given_cannot_be_withdrawn(store: Store, tmp_path: Path) -> None:
    import_general(store, tmp_path)
    with pytest.raises(ConsentError, match="nobody has one yet"):
        withdraw(store, "bort", NOON)
    grant(store, "bort", ADULT, NOON)
    with pytest.raises(ConsentError, match="there are Bort"):
        withdraw(store, "smig", NOON)
    withdraw(store, "bort", NOON)
    with pytest.raises(ConsentError, match="no consent that could be withdrawn"):
        withdraw(store, "bort", NOON)


def test_a_person_is_found_by_name_opaque_id_or_author_id(store: Store, tmp_path: Path) -> None:
    import_general(store, tmp_path)
    person = grant(store, "bort", ADULT, NOON).person
    for typed in (person.id, BORT, "bort 🛹", "bort"):
        assert find_person(store.people(), typed) == person


# Clones of earlier systems


CLONE, OTHER = "a" * 64, "b" * 64
OLD_CLONE = replace(ADULT, checkpoints=(CLONE,))


def test_whoever_has_an_old_clone_need_not_be_in_any_export(store: Store) -> None:
    done = grant(store, "Bort", OLD_CLONE, NOON)
    assert (done.person.name, done.person.authors, done.taken) == ("Bort", frozenset(), 0)
    assert bound_person(store, CLONE, "Bort", NOON) == done.person.id
    assert bound_person(store, OTHER, "Bort", NOON) is None
    with pytest.raises(ConsentError, match="import an export first"):
        grant(store, "Smig", ADULT, NOON)


def test_whoever_is_in_an_export_stays_the_same_person(store: Store, tmp_path: Path) -> None:
    import_general(store, tmp_path)
    done = grant(store, "bort", OLD_CLONE, NOON)
    assert done.person.authors == {BORT}
    assert grant(store, "bort", ADULT, NOON).person == done.person


def test_a_further_clone_is_added_and_a_new_consent_keeps_them(store: Store) -> None:
    person = grant(store, "Bort", OLD_CLONE, NOON).person
    grant(store, "Bort", replace(ADULT, checkpoints=(OTHER, CLONE)), NOON)
    renewed = grant(store, "Bort", replace(ADULT, statement="still fine"), NOON)
    assert renewed.record.checkpoints == (CLONE, OTHER)
    assert bound_person(store, CLONE, "x", NOON) == person.id


def test_nothing_but_a_clone_leaves_the_other_terms_as_they_are(store: Store) -> None:
    expires = NOON + timedelta(days=9)
    before = grant(store, "Bort", replace(OLD_CLONE, platforms=("web",), expires_at=expires), NOON)
    after = grant(store, "Bort", Terms(checkpoints=(OTHER,)), NOON)
    kept = replace(before.record, id=after.record.id, checkpoints=(CLONE, OTHER))
    assert after.record == kept
    with pytest.raises(ConsentError, match="--adult"):
        grant(store, "Smig", Terms(checkpoints=(OTHER,)), NOON)


def test_a_withdrawal_ends_the_binding_too(store: Store) -> None:
    grant(store, "Bort", OLD_CLONE, NOON)
    withdraw(store, "Bort", NOON)
    with pytest.raises(ConsentError, match="was withdrawn or has expired"):
        bound_person(store, CLONE, "Bort", NOON)
    assert grant(store, "Bort", ADULT, NOON).record.checkpoints == ()
    assert bound_person(store, CLONE, "Bort", NOON) is None


def test_an_expired_consent_ends_the_binding(store: Store) -> None:
    later = NOON + timedelta(days=2)
    grant(store, "Bort", replace(OLD_CLONE, expires_at=later), NOON)
    assert bound_person(store, CLONE, "Bort", NOON)
    with pytest.raises(ConsentError, match="has expired"):
        bound_person(store, CLONE, "Bort", later)


def test_of_several_in_one_checkpoint_each_agrees_for_themselves(store: Store) -> None:
    bort = grant(store, "Bort", OLD_CLONE, NOON).person
    assert bound_person(store, CLONE, "Juno", NOON) == bort.id, "whoever it is called"
    assert bound_person(store, CLONE, "Juno", NOON, by_name=True) is None
    juno = grant(store, "Juno", OLD_CLONE, NOON).person
    assert bound_person(store, CLONE, "juno", NOON, by_name=True) == juno.id
    assert bound_person(store, CLONE, "Smig", NOON) is None, "which of the two?"
    withdraw(store, "Bort", NOON)
    assert bound_person(store, CLONE, "Juno", NOON) == juno.id
    for name in ("Bort", "Smig"):
        with pytest.raises(ConsentError, match="withdrawn"):
            bound_person(store, CLONE, name, NOON)
