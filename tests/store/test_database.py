"""Opening the store's file, transactions, and what is said when something is wrong."""

import contextlib
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from builders import NOON, a_message

from botconvo.errors import StoreError
from botconvo.messages import AuthorId, ChannelId
from botconvo.store import STORE_NAME, Source, Store
from botconvo.store.backups import backups
from botconvo.store.schema import APPLICATION_ID, MIGRATIONS, VERSION

FILE = Source(path=Path("a.json"), sha256="0" * 64, format="discord-json", origin="file")
FILL = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from builders import a_message
from botconvo.errors import StoreError
from botconvo.store import Source, Store

with Store.open(Path(sys.argv[1])) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    source = Source(path=Path("b.json"), sha256="1" * 64, format="discord-json", origin="file")
    try:
        with store.add_export(source, datetime.now(UTC)) as adding:
            for n in range(100_000):
                adding.take(a_message("many words " * 20, id=f"full-{n}"))
    except StoreError as error:
        print(error)
"""
HALF_WAY = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from builders import a_message
from botconvo.store import Source, Store

store = Store.open(Path(sys.argv[1]))
source = Source(path=Path("b.json"), sha256="1" * 64, format="discord-json", origin="file")
with store.add_export(source, datetime.now(UTC)) as adding:
    for n in range(5_000):
        adding.saw(a_message(id=f"half-{n}"))
        adding.take(a_message(id=f"half-{n}"))
    print("half way", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with one message in it."""
    path = tmp_path / STORE_NAME
    with Store.open(path) as store, store.add_export(FILE, NOON) as adding:
        adding.saw(a_message(id="1"))
        adding.take(a_message(id="1"))
    return path


def texts(path: Path) -> list[str]:
    with Store.open(path) as store:
        return [message.text for message in store.messages_of([AuthorId("discord:bort")])]


def test_what_was_stored_is_there_after_opening_again(path: Path) -> None:
    assert texts(path) == ["hello there"]


def test_a_store_is_made_only_where_that_was_asked_for(tmp_path: Path) -> None:
    missing = tmp_path / STORE_NAME
    with pytest.raises(StoreError, match="botconvo import FILE"):
        Store.open(missing, create=False)
    assert not missing.exists()


def test_a_store_of_a_newer_version_is_not_touched(path: Path) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer BotConvo") as failed:
        Store.open(path)
    assert "\n" not in str(failed.value)
    assert path.read_bytes() == before


def test_another_programs_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE theirs (x)")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="some other program's"):
        Store.open(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / STORE_NAME
    path.write_bytes(b"not a database, but long enough to be looked at" * 50)
    with pytest.raises(StoreError, match="not a store of BotConvo") as failed:
        Store.open(path)
    assert str(path) in str(failed.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(tmp_path / "nowhere" / STORE_NAME)


def test_a_transaction_is_stored_whole_or_not_at_all(path: Path) -> None:
    with Store.open(path) as store:
        with contextlib.suppress(KeyboardInterrupt), store.transaction():
            store.acknowledge("rule", NOON)
            with store.transaction():
                store.record_live(a_message())
            raise KeyboardInterrupt
        assert store.acknowledged("rule") is None
        assert store.recent_live(ChannelId("discord:1"), 5) == ()


def test_another_process_sees_that_something_was_written(path: Path) -> None:
    with Store.open(path) as ours, Store.open(path) as theirs:
        before = ours.data_version()
        theirs.acknowledge("rule", NOON)
        assert ours.data_version() != before


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_disk_that_fills_up_leaves_the_store_as_it_was(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(path)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "nothing of this step was stored" in done.stdout
    assert done.stdout.count("\n") == 1
    assert texts(path) == ["hello there"]
    with Store.open(path) as store:
        assert [source.path.name for source in store.sources()] == ["a.json"]


def test_a_process_killed_in_the_middle_of_an_import_leaves_the_store_as_it_was(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HALF_WAY, str(path)],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half way\n"
        process.kill()
    assert process.returncode in (-getattr(signal, "SIGKILL", 9), 1)
    assert texts(path) == ["hello there"]
    with Store.open(path) as store:
        assert [author.messages for author in store.authors()] == [1]


def test_a_store_of_an_older_version_keeps_its_sources_and_counts(tmp_path: Path) -> None:
    path = tmp_path / STORE_NAME
    with contextlib.closing(sqlite3.connect(path)) as old, old:
        for script in MIGRATIONS[:3]:
            old.executescript(script)
        old.execute(
            "INSERT INTO sources VALUES (7, 'a.json', 'x', 'discord-json', 'file', NULL, 'n', '{}')"
        )
        old.execute("INSERT INTO authors VALUES ('discord:1', 'Bort', 'person')")
        old.execute("INSERT INTO author_counts VALUES (7, 'discord:1', 3, 0, 5)")
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        old.execute("PRAGMA user_version = 3")
    with Store.open(path) as store:
        (source,) = store.sources([AuthorId("discord:1")])
        assert (source.path.name, source.member, source.zone) == ("a.json", "", "UTC")
        (author,) = store.authors()
        assert author.messages == 3


STORES = Path(__file__).parent.parent / "data" / "stores"
KILLED = """
import os, signal, sys
from pathlib import Path
from botconvo.store import Store

def profile(frame, event, what):
    if event == "c_call" and what.__name__ == "execute":
        if "DROP INDEX messages_by_author" in str(frame.f_locals.get("statement")):
            os.kill(os.getpid(), signal.SIGKILL)

sys.setprofile(profile)
Store.open(Path(sys.argv[1]))
"""


def an_old_store(folder: Path, version: int) -> Path:
    path = folder / STORE_NAME
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.executescript((STORES / f"version-{version}.sql").read_text(encoding="utf-8"))
    return path


def version_of(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as raw:
        return int(raw.execute("PRAGMA user_version").fetchone()[0])


def test_there_is_a_sample_of_every_earlier_version() -> None:
    """scripts/sample_store.py writes one."""
    assert len(list(STORES.iterdir())) == VERSION - 1


@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_store_of_every_earlier_version_is_brought_up_to_date_and_copied_before(
    tmp_path: Path, version: int
) -> None:
    path = an_old_store(tmp_path, version)
    with Store.open(path) as store:
        assert [source.path.name for source in store.sources([AuthorId("discord:1")])] == ["a.json"]
        (author,) = store.authors()
        assert (author.messages, author.taken, author.person) == (3, 1, "p-aaaaaaaaaa")
        (message,) = store.messages_of([author.id])
        assert (message.text, len(message.reactions)) == ("hello there", 1)
        assert store.recent_live(ChannelId("discord:8/5"), 5)[0].text == "said live"
        assert store.acknowledged("discord-developer-policy-21") == NOON
        assert store.collected(ChannelId("discord:5")) is None
        assert store._rows("PRAGMA integrity_check") == [("ok",)]
        assert store._rows("PRAGMA foreign_key_check") == []
    with contextlib.closing(sqlite3.connect(path)) as raw, Store.open(tmp_path / "new") as new:
        tables = "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite%' ORDER BY name"
        assert raw.execute(tables).fetchall() == new._rows(tables)
    (copy,) = backups(path)
    assert f"version-{version}" in copy.name
    assert version_of(copy) == version
    Store.open(path).close()
    assert backups(path) == (copy,), "a store that is up to date is not copied"


def test_only_the_newest_copies_are_kept_and_all_go_with_somebodys_words(tmp_path: Path) -> None:
    path = an_old_store(tmp_path, VERSION - 1)
    for day in ("20250101", "20250201", "20250301"):
        path.with_name(f"{path.name}.backup-{day}-000000-version-1").write_bytes(b"old")
    with Store.open(path) as store:
        kept = [copy.name.partition("backup-")[2] for copy in backups(path)]
        assert kept[0] == "20250301-000000-version-1"
        assert kept[1].endswith(f"version-{VERSION - 1}")
        store.drop_messages([AuthorId("discord:2")])
        assert len(backups(path)) == 2
        store.drop_messages([AuthorId("discord:1")])
        assert backups(path) == ()


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_without_room_for_a_copy_an_old_store_is_left_as_it_was(tmp_path: Path) -> None:
    path = an_old_store(tmp_path, 1)
    before = path.read_bytes()
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom botconvo.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "main(['people', '--project', sys.argv[1]])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "no copy of it could be made" in done.stderr
    assert version_of(path) == 1
    assert path.read_bytes()[100:] == before[100:], "only the header says now that it is a WAL one"
    assert backups(path) == ()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_process_killed_in_the_middle_of_an_update_leaves_the_store_whole(tmp_path: Path) -> None:
    path = an_old_store(tmp_path, 1)
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert version_of(path) == 1
    with Store.open(path) as store:
        assert store._rows("PRAGMA integrity_check") == [("ok",)]
        assert len(store.messages_of([AuthorId("discord:1")])) == 1
    assert version_of(path) == VERSION
