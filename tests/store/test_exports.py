"""What the store keeps of imported files."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from builders import NOON, a_message, a_reaction, an_author
from hypothesis import given
from hypothesis import strategies as st

from botconvo.messages import AuthorId, Message, MessageId
from botconvo.store import STORE_NAME, Source, Store, pack
from botconvo.store.values import from_micros, to_micros

BORT, SMIG = AuthorId("discord:bort"), AuthorId("discord:smig")
FILE = Source(path=Path("a.json"), sha256="0" * 64, format="discord-json", origin="discord-api")

MINUTES = st.integers(0, 2)


def add(store: Store, *messages: Message, source: Source = FILE) -> list[bool]:
    """Import and take these messages; which of them were new."""
    with store.add_export(source, NOON) as adding:
        for message in messages:
            adding.saw(message)
        return [adding.take(message) for message in messages]


def another(name: str, **keys: Any) -> Source:
    return replace(FILE, path=Path(name), sha256=name.rjust(64, "0"), **keys)


def test_a_message_comes_back_as_it_was_taken(store: Store) -> None:
    message = a_message(
        "ñandú\n日本語 💀",
        reply_to="1",
        attachments=["photo", "video", "file"],
        reactions=[a_reaction("😂", by="bort"), a_reaction("👍", by=None)],
    )
    add(store, message)
    assert store.messages_of([BORT]) == (message,)


def test_messages_come_back_in_the_order_of_time_and_of_the_file(store: Store) -> None:
    found = [a_message("b", minutes=1), a_message("a", minutes=1), a_message("c", minutes=0)]
    add(store, *found)
    assert [message.text for message in store.messages_of([BORT])] == ["c", "b", "a"]


def test_the_same_export_twice_adds_nothing(store: Store) -> None:
    messages = [a_message("a", reactions=[a_reaction(by="bort")]), a_message("b")]
    assert add(store, *messages) == [True, True]
    assert add(store, *messages, source=another("copy.json")) == [False, False]
    assert store.messages_of([BORT]) == tuple(messages)


def test_a_newer_revision_takes_the_place_of_an_older_one(store: Store) -> None:
    add(store, a_message("teh", id="1"))
    assert add(store, a_message("the", id="1", revision=1)) == [True]
    assert add(store, a_message("teh", id="1")) == [False]
    assert [message.text for message in store.messages_of([BORT])] == ["the"]


def test_a_reaction_of_somebody_who_agreed_later_is_added(store: Store) -> None:
    message = a_message("hi", id="1")
    add(store, message)
    assert add(store, replace(message, reactions=(a_reaction(by="smig"),))) == [False]
    assert [each.author and each.author.id for each in store.messages_of([BORT])[0].reactions] == [
        SMIG
    ]


def test_rows_that_come_together_are_told_apart_one_by_one(store: Store) -> None:
    old, new = a_message("a", id="2"), [a_message("b", id="1"), a_message("c", id="3")]
    add(store, old)
    with store.add_export(another("more.json"), NOON) as adding:
        mixed = [new[0], old, new[1], new[1]]
        assert adding.take_all(pack(mixed, FILE.origin)) == [True, False, True, False]
        assert adding.take_all(pack(mixed, FILE.origin)) == [False] * 4
    assert [message.text for message in store.messages_of([BORT])] == ["a", "b", "c"]


@given(
    before=st.lists(st.tuples(st.sampled_from(["1", "2", "row-1", "row-minute-1"]), MINUTES)),
    mark=st.sampled_from(["", "row-", "row-minute-"]),
    rows=st.lists(st.tuples(st.sampled_from(["1", "2", "3"]), MINUTES)),
)
def test_rows_that_come_together_are_taken_as_one_by_one(
    before: list[tuple[str, int]], mark: str, rows: list[tuple[str, int]]
) -> None:
    first = [a_message("a", id=id_, minutes=minutes) for id_, minutes in before]
    messages = [a_message("a", id=f"{mark}{id_}", minutes=minutes) for id_, minutes in rows]
    kept = []
    with TemporaryDirectory() as folder:
        for at_once in (1, 3):
            with Store.open(Path(folder) / f"{at_once}.sqlite3") as store:
                add(store, *first)
                taken: list[bool] = []
                with store.add_export(another("b.json"), NOON) as adding:
                    for start in range(0, len(messages), at_once):
                        packed = pack(messages[start : start + at_once], FILE.origin)
                        adding.saw_all(packed)
                        taken += adding.take_all(packed)
                kept.append((taken, store.messages_of([BORT]), store.authors()))
    assert kept[0] == kept[1]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_json_and_csv_of_one_channel_hold_each_message_once(
    store: Store, order: tuple[int, int]
) -> None:
    pair = (a_message("hi", id="123", reply_to="9"), a_message("hi", id="row-abc"))
    for place in order:
        add(store, pair[place], source=another(f"{place}"))
    assert store.messages_of([BORT]) == pair[:1]


OWN = another("package.zip", format="discord-package", origin="file")


@pytest.mark.parametrize("own_first", [True, False])
def test_what_a_person_gave_themselves_stands_above_the_api(store: Store, own_first: bool) -> None:
    own = a_message("hi <@7>", id="1")
    api = a_message("hi @smig", id="1", reply_to="9", revision=3)
    for message, source in [(own, OWN), (api, FILE)][:: 1 if own_first else -1]:
        add(store, message, source=source)
    (kept,) = store.messages_of([BORT])
    assert (kept.text, kept.reply_to) == ("hi <@7>", api.reply_to)
    assert store.origins_of([BORT]) == {"file"}


def test_a_newer_revision_in_a_persons_own_file_is_taken(store: Store) -> None:
    add(store, a_message("teh", id="1"), source=OWN)
    assert add(store, a_message("the", id="1", revision=1), source=OWN) == [True]


@pytest.mark.parametrize("own_first", [True, False])
def test_a_row_without_an_id_is_known_although_its_mentions_are_names(
    store: Store, own_first: bool
) -> None:
    own = a_message("hi <@7>, all <a:hat:8> well", id="1", minutes=1)
    api = a_message("hi @Smig Tan, all :hat: well", id="row-1", minutes=1)
    for message, source in [(own, OWN), (api, FILE)][:: 1 if own_first else -1]:
        add(store, message, source=source)
    assert store.messages_of([BORT]) == (own,)


@pytest.mark.parametrize("shown", ["hi @Smig", "ho @Smig, all :hat: well", "hi , all"])
def test_other_words_of_the_same_moment_are_another_message(store: Store, shown: str) -> None:
    add(store, a_message("hi <@7>, all <a:hat:8> well", id="1", minutes=1), source=OWN)
    add(store, a_message(shown, id="row-1", minutes=1))
    assert len(store.messages_of([BORT])) == 2


def test_two_messages_of_one_moment_in_one_export_are_two(store: Store) -> None:
    add(store, a_message("ha", id="row-1"), a_message("ha", id="row-2"))
    assert len(store.messages_of([BORT])) == 2


def test_only_the_asked_authors_messages_come_back(store: Store) -> None:
    add(store, a_message("a"), a_message("b", author="smig"))
    assert [message.text for message in store.messages_of([SMIG])] == ["b"]
    assert store.messages_of([]) == ()


def test_nothing_that_was_only_seen_is_kept(store: Store, tmp_path: Path) -> None:
    with store.add_export(FILE, NOON) as adding:
        adding.saw(a_message("the canary sings", reactions=[a_reaction("canary")]))
    store.close()
    assert b"canary" not in (tmp_path / STORE_NAME).read_bytes()


def test_authors_are_counted_over_all_files(store: Store) -> None:
    add(store, a_message("a"), a_message("b", minutes=60), a_message("c", author="smig"))
    with store.add_export(another("b.json"), NOON) as adding:
        adding.saw(a_message("d", minutes=-60))
    bort, smig = store.authors()
    assert (bort.id, bort.messages, bort.taken) == (BORT, 3, 2)
    assert (bort.first, bort.last) == (
        NOON - timedelta(hours=1),
        NOON + timedelta(hours=1),
    )
    assert (smig.messages, smig.person) == (1, None)


def test_a_file_that_is_imported_again_is_not_counted_twice(store: Store) -> None:
    add(store, a_message("a"))
    add(store, a_message("a"), source=replace(FILE, sha256="1" * 64))
    add(store, a_message("a"), source=replace(FILE, path=Path("moved.json"), sha256="1" * 64))
    assert [author.messages for author in store.authors()] == [1]
    assert [source.path.name for source in store.sources()] == ["moved.json"]


def test_an_author_keeps_every_name_and_shows_the_last(store: Store) -> None:
    add(store, a_message(author=an_author("bort")))
    renamed = replace(an_author("bort"), name="Bort 🛹")
    add(store, a_message(author=renamed), source=another("b.json"))
    (author,) = store.authors()
    assert author.name == "Bort 🛹"
    assert author.names == ("Bort 🛹", "bort")


def test_a_bot_stays_one_where_another_export_does_not_say_so(store: Store) -> None:
    with store.add_export(FILE, NOON) as adding:
        adding.saw(a_message())
        adding.saw_bot(BORT)
    add(store, a_message(), source=another("b.csv"))
    assert [author.kind for author in store.authors()] == ["bot"]


def test_sources_can_be_asked_for_by_who_wrote_in_them(store: Store) -> None:
    add(store, a_message())
    add(store, a_message(author="smig"), source=another("b.json"))
    assert [source.path.name for source in store.sources([SMIG])] == ["b.json"]
    assert len(store.sources()) == 2


def test_rows_know_where_they_came_from(store: Store) -> None:
    add(store, a_message())
    add(store, a_message(author="smig"), source=another("b.csv", origin="file"))
    assert store.origins_of([BORT]) == {"discord-api"}
    assert store.origins_of([BORT, SMIG]) == {"discord-api", "file"}


def test_dropping_a_person_leaves_no_word_of_theirs_in_the_file(
    store: Store, tmp_path: Path
) -> None:
    canaries = [a_message(f"canary number {n} sings", minutes=n) for n in range(200)]
    add(store, *canaries, a_message("stays", author="smig", reactions=[a_reaction(by="bort")]))
    assert store.drop_messages([BORT]) == 200
    assert store.authors_with_messages() == {SMIG}
    store.close()
    assert b"canary" not in (tmp_path / STORE_NAME).read_bytes()


def test_single_messages_can_be_removed(store: Store) -> None:
    messages = [a_message("a"), a_message("b", reactions=[a_reaction()])]
    add(store, *messages)
    store.remove_messages([messages[1].id, MessageId("unknown")])
    assert store.messages_of([BORT]) == (messages[0],)


def test_half_a_character_does_not_stop_an_import(store: Store) -> None:
    half = replace(an_author("bort"), name="b\ud83d")
    add(
        store,
        a_message("half \ud83d", id="1", author=half, reactions=[a_reaction("\ud83d", by=None)]),
    )
    (message,) = store.messages_of([BORT])
    assert (message.text, message.author.name) == ("half ?", "b?")


@given(
    st.datetimes(
        timezones=st.integers(-720, 720).map(lambda minutes: timezone(timedelta(minutes=minutes)))
    ).filter(lambda at: 1 < at.year < 9999)
)
def test_a_time_is_exact_to_the_microsecond(at: datetime) -> None:
    assert from_micros(to_micros(at)) == at
    assert from_micros(to_micros(at)).tzinfo is UTC
