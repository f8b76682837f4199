"""What people in charge decided is there after a restart, and goes with what it is about."""

import sqlite3
from datetime import timedelta
from pathlib import Path

from builders import NOON, a_message, a_reaction, an_author

from botconvo.messages import AuthorId, ChannelId
from botconvo.personas import PersonaName
from botconvo.store import STORE_NAME, ChannelReins, Store
from botconvo.store.schema import APPLICATION_ID, MIGRATIONS

HERE, THERE = ChannelId("discord:1/1"), ChannelId("discord:1/2")
LINE = a_message("the soup war", author=an_author("Juno", kind="clone"), channel=HERE, minutes=1)


def test_a_store_of_the_first_version_gets_the_new_tables(tmp_path: Path) -> None:
    path = tmp_path / STORE_NAME
    connection = sqlite3.connect(path)
    connection.executescript(MIGRATIONS[0])
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.execute(
        "INSERT INTO live (id, channel, author, name, kind, at, text, attachments, reactions,"
        " revision) VALUES ('discord:1/9', 'discord:1/1', 'a', 'Ann', 'person', 1, 'old', '[]',"
        " '[]', 0)"
    )
    connection.commit()
    connection.close()
    with Store.open(path) as store:
        assert [each.text for each in store.recent_live(HERE, 9)] == ["old"]
        assert store.note_line(LINE, "saved", "Juno", NOON)
    with Store.open(path) as store:
        assert len(store.noted_lines("saved")) == 1


def test_a_line_is_noted_once_of_a_kind_and_comes_back_as_it_was(store: Store) -> None:
    assert store.note_line(LINE, "favourite", "Ann", NOON)
    assert not store.note_line(LINE, "favourite", "Ben", NOON + timedelta(hours=1))
    assert store.note_line(LINE, "saved", "Marek", NOON)
    (found,) = store.noted_lines("favourite", HERE)
    assert (found.message, found.author, found.text, found.at) == (
        LINE.id,
        LINE.author,
        LINE.text,
        LINE.at,
    )
    assert (found.by, found.noted_at) == ("Ann", NOON)
    assert store.noted_lines("favourite", THERE) == ()


def test_the_newest_is_first(store: Store) -> None:
    for minute in range(3):
        line = a_message(f"line {minute}", author=LINE.author, channel=HERE, minutes=minute)
        store.note_line(line, "favourite", "Ann", NOON + timedelta(minutes=minute))
    assert [each.text for each in store.noted_lines("favourite", limit=2)] == ["line 2", "line 1"]


def test_a_deleted_message_is_kept_nowhere(store: Store) -> None:
    store.record_live(LINE)
    store.note_line(LINE, "favourite", "Ann", NOON)
    store.remove_live(LINE.id)
    assert store.noted_lines("favourite") == ()
    assert store.live_message(LINE.id) is None


def test_favourites_outlive_the_transcript(store: Store) -> None:
    store.record_live(LINE)
    store.note_line(LINE, "favourite", "Ann", NOON)
    store.purge_live(NOON + timedelta(days=400))
    assert store.recent_live(HERE, 9) == ()
    assert len(store.noted_lines("favourite")) == 1


def test_a_refusals_number_is_never_used_again(store: Store) -> None:
    first = store.refuse_text("soup", HERE, "Juno", "Ann", NOON)
    assert store.allow_text(first.number)
    assert not store.allow_text(first.number)
    second = store.refuse_text("war", THERE, "Juno", "Ann", NOON)
    assert second.number > first.number
    assert store.refused_texts() == (second,)


def test_of_an_ignored_author_nothing_is_left_in_the_file(store: Store, tmp_path: Path) -> None:
    ann = an_author("Ann")
    store.record_live(a_message("my secret horse", author=ann, channel=HERE))
    store.note_line(a_message("my secret mule", author=ann, channel=HERE), "saved", "Juno", NOON)
    others = (a_reaction("😂", by=ann), a_reaction("😂", by="Ben"))
    store.record_live(
        a_message("hi", author=an_author("Ben"), id="2", channel=HERE, reactions=others)
    )
    assert store.ignore_author(ann.id, NOON) == 1
    (left,) = store.recent_live(HERE, 9)
    assert left.reactions == (a_reaction("😂", by="Ben"),)
    assert store.noted_lines("saved") == ()
    assert store.ignored_authors() == {ann.id}
    store.close()
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"secret" not in content


def test_an_author_is_heeded_again(store: Store) -> None:
    ann = AuthorId('discord:"odd\\id')
    store.ignore_author(ann, NOON)
    store.ignore_author(ann, NOON)
    assert store.heed_author(ann)
    assert not store.heed_author(ann)
    assert store.ignored_authors() == frozenset()


def test_a_channel_is_left_as_it_was(store: Store) -> None:
    assert store.channel_reins(HERE) == ChannelReins()
    left = ChannelReins(paused=True, muted=frozenset({PersonaName("Juno")}))
    store.introduce(HERE, "open")
    store.set_channel_reins(HERE, left)
    assert store.channel_reins(HERE) == left
    assert store.introduced_as(HERE) == "open"
    assert store.channel_reins(THERE) == ChannelReins()
    assert store.introduced_as(THERE) is None


def test_after_a_reset_a_channel_begins_afresh(store: Store) -> None:
    store.record_live(a_message("before", minutes=0, channel=HERE))
    store.record_live(a_message("elsewhere", minutes=0, channel=THERE))
    store.reset_channel(HERE, NOON + timedelta(minutes=1))
    store.record_live(a_message("after", minutes=2, channel=HERE))
    assert [each.text for each in store.recent_live(HERE, 9)] == ["after"]
    assert [each.text for each in store.recent_live(THERE, 9)] == ["elsewhere"]
