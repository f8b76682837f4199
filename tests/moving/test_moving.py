"""``botconvo pack`` and ``botconvo unpack``: a whole project in one file."""

import json
import os
import sqlite3
import subprocess
import sys
import tomllib
from contextlib import ExitStack
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from builders import NOON, a_message, an_author
from cli.typing_in import typed
from hypothesis import given
from hypothesis import strategies as st
from projects import make_project

from botconvo.errors import BotConvoError
from botconvo.granting import Terms, grant, withdraw
from botconvo.moving import pack_project, unpack_project
from botconvo.moving.listing import LISTING, fault_of_name, read_listing
from botconvo.store import STORE_NAME, Source, Store
from model_server.checkpoint.manifest import MANIFEST_NAME

LATER = NOON + timedelta(days=1)
SECRET = "BOTCONVO_DISCORD_TOKEN=a.secret.token"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Bort agreed and Smig withdrew; both have a clone, and there is more in the folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    make_project(folder, "Bort", "Smig")
    (folder / ".env").write_text(SECRET, encoding="utf-8")
    (folder / "run.log").write_text("a log", encoding="utf-8")
    source = Source(path=folder / "a.json", sha256="0" * 64, format="x", origin="file")
    with Store.open(folder / STORE_NAME) as store:
        with store.add_export(source, NOON) as adding:
            for name in ("bort", "smig"):
                adding.saw(a_message(f"what {name} said", author=name))
        for name in ("bort", "smig"):
            grant(store, name, Terms(adult=True), NOON)
        with store.add_export(source, NOON) as adding:
            for name in ("bort", "smig"):
                adding.saw(a_message(f"what {name} said", author=name))
                adding.take(a_message(f"what {name} said", author=name))
        for person in store.people():
            manifest = folder / "checkpoints" / person.name.lower() / MANIFEST_NAME
            parsed = json.loads(manifest.read_text(encoding="utf-8"))
            parsed["consent"] = {"person": person.id, "record": "r-1", "fictional": False}
            manifest.write_text(json.dumps(parsed), encoding="utf-8")
        withdraw(store, "smig", NOON)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_project_is_the_same_on_the_other_machine(project: Path, tmp_path: Path) -> None:
    archive, there = tmp_path / "moved.zip", tmp_path / "there"
    done = typed("pack", archive, "--project", project)
    assert done.code == 0, done.err
    assert "not in it: Smig's clone: Smig: the consent for this clone was withdrawn" in done.err
    done = typed("unpack", archive, there)
    assert done.code == 0, done.err
    before, after = contents(project), contents(there)
    same = {name for name in after if name != STORE_NAME}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert {"config.toml", f"checkpoints/bort/{MANIFEST_NAME}"} < same
    assert not any("smig" in name or name in (".env", "run.log") for name in after)
    assert not any(b"what smig said" in data or b"a.secret" in data for data in after.values())
    with Store.open(there / STORE_NAME) as store:
        assert [m.text for m in store.messages_of([an_author("bort").id])] == ["what bort said"]
    if os.name == "posix":
        assert archive.stat().st_mode & 0o077 == 0
        assert (there / STORE_NAME).stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "moved.zip", "there"]


def test_neither_of_the_two_replaces_anything(project: Path, tmp_path: Path) -> None:
    archive = tmp_path / "moved.zip"
    assert typed("pack", archive, "--project", project).code == 0
    before = archive.read_bytes()
    done = typed("pack", archive, "--project", project)
    assert (done.code, "is there already" in done.err) == (2, True)
    assert archive.read_bytes() == before
    done = typed("unpack", archive, project)
    assert (done.code, "is not empty" in done.err) == (2, True)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert typed("unpack", archive, empty).code == 0


def test_what_is_written_while_it_is_packed_does_not_tear_the_copy(
    project: Path, tmp_path: Path
) -> None:
    with Store.open(project / STORE_NAME) as store, ExitStack() as writing:
        writing.enter_context(store.transaction())
        store.record_live(a_message("not stored yet", author="bort"))
        pack_project(project, tmp_path / "moved.zip", LATER, lambda *_: writing.close())
    unpack_project(tmp_path / "moved.zip", tmp_path / "there", LATER)
    with sqlite3.connect(tmp_path / "there" / STORE_NAME) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert raw.execute("SELECT COUNT(*) FROM live").fetchone() == (0,)
    raw.close()


def test_paths_of_the_old_machine_become_paths_of_the_project(
    project: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "face.png").write_bytes(b"a picture")
    config = project / "config.toml"
    text = config.read_text(encoding="utf-8").replace(
        'checkpoint = "checkpoints/bort"',
        f"checkpoint = '{project / 'checkpoints' / 'bort'}' # Bort's\n"
        f"avatar = '{elsewhere / 'face.png'}'",
    )
    config.write_text(f"# mine\nstore = '{project / STORE_NAME}'\n{text}", encoding="utf-8")
    pack_project(project, tmp_path / "moved.zip", LATER)
    unpack_project(tmp_path / "moved.zip", tmp_path / "there", LATER)
    moved = (tmp_path / "there" / "config.toml").read_text(encoding="utf-8")
    assert str(tmp_path) not in moved
    assert moved.startswith("# mine\n")
    assert "# Bort's" in moved
    parsed = tomllib.loads(moved)
    assert parsed["store"] == STORE_NAME
    assert parsed["personas"][0]["checkpoint"] == "checkpoints/bort"
    assert (tmp_path / "there" / parsed["personas"][0]["avatar"]).read_bytes() == b"a picture"
    assert str(tmp_path) in config.read_text(encoding="utf-8"), "here nothing was changed"


def test_an_edited_ledger_is_not_packed(project: Path, tmp_path: Path) -> None:
    with sqlite3.connect(project / STORE_NAME) as raw:
        raw.execute("DROP TRIGGER ledger_is_not_edited")
        raw.execute("UPDATE ledger SET at = '2020-01-01T00:00:00+00:00' WHERE number = 1")
    raw.close()
    done = typed("pack", tmp_path / "moved.zip", "--project", project)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "the ledger does not hold" in done.err
    assert not (tmp_path / "moved.zip").exists()


def rewritten(archive: Path, **changes: Any) -> Path:
    """The same archive with these files in it, or without those that are None."""
    with ZipFile(archive) as old:
        files = {name: old.read(name) for name in old.namelist()}
    fresh = archive.with_name("changed.zip")
    with ZipFile(fresh, "w", ZIP_DEFLATED) as new:
        for name, data in {**files, **changes}.items():
            if data is not None:
                new.writestr(name, data)
    return fresh


def listed(archive: Path, **files: bytes) -> bytes:
    """The listing with these files added, as an attacker writes it."""
    with ZipFile(archive) as old:
        listing = json.loads(old.read(LISTING))
    listing["files"] += [
        {"name": name, "size": len(data), "sha256": sha256(data).hexdigest()}
        for name, data in files.items()
    ]
    return json.dumps(listing).encode()


BAD_NAMES = ("../evil", "/etc/evil", "C:/evil", "a/../../evil", "a\\evil", "con.txt", ".env", "a/")


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_lead_elsewhere_are_refused(project: Path, tmp_path: Path, name: str) -> None:
    archive = tmp_path / "moved.zip"
    pack_project(project, archive, LATER)
    evil: dict[str, Any] = {name: b"evil"}
    bad = rewritten(archive, **evil, **{LISTING: listed(archive, **evil)})
    before = contents(tmp_path)
    done = typed("unpack", bad, tmp_path / "there")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "such a file is in no project" in done.err
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"config.toml": b"changed"}, "is not as long as"),
        ({"more.txt": b"more"}, "its files are not those"),
        ({"config.toml": None}, "its files are not those"),
        ({LISTING: b"{}"}, "it was changed"),
        ({LISTING: None}, "no archive of 'botconvo pack'"),
        ({LISTING: None, "pack.json": b"{}"}, "it is a training pack"),
    ],
)
def test_a_changed_archive_is_refused(
    project: Path, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    archive = tmp_path / "moved.zip"
    pack_project(project, archive, LATER)
    done = typed("unpack", rewritten(archive, **changes), tmp_path / "there")
    assert (done.code, done.err.count("\n"), said in done.err) == (2, 1, True), done.err
    assert not (tmp_path / "there").exists()


def test_other_words_of_the_same_length_are_refused(project: Path, tmp_path: Path) -> None:
    archive = tmp_path / "moved.zip"
    pack_project(project, archive, LATER)
    with ZipFile(archive) as zipped:
        other = zipped.read("config.toml").swapcase()
    done = typed("unpack", rewritten(archive, **{"config.toml": other}), tmp_path / "there")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "config.toml is not what was packed" in done.err
    assert not (tmp_path / "there").exists()


def test_a_bomb_and_a_flipped_bit_are_refused(project: Path, tmp_path: Path) -> None:
    archive = tmp_path / "moved.zip"
    pack_project(project, archive, LATER)
    with ZipFile(archive) as zipped:
        size = len(zipped.read("config.toml"))
    # It says how small it is in both places, and unpacks to a thousand times as much.
    bomb = rewritten(archive, **{"config.toml": b"0" * (size * 1000)})
    data = bytearray(bomb.read_bytes())
    where = data.rfind(b"config.toml") - 46
    data[where + 24 : where + 28] = size.to_bytes(4, "little")
    bomb.write_bytes(data)
    flipped = bytearray(archive.read_bytes())
    flipped[len(flipped) // 3] ^= 1
    torn = archive.read_bytes()[:-2000]
    for bad in (bytes(data), bytes(flipped), torn, b"", b"no zip at all"):
        path = tmp_path / "bad.zip"
        path.write_bytes(bad)
        done = typed("unpack", path, tmp_path / "there")
        assert (done.code, done.err.count("\n")) == (2, 1), done.err
    left = {"here", "moved.zip", "changed.zip", "bad.zip"}
    assert {path.name for path in tmp_path.iterdir()} == left


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("verb", ["pack", "unpack"])
def test_a_full_disk_leaves_nothing_behind(project: Path, tmp_path: Path, verb: str) -> None:
    archive = tmp_path / "moved.zip"
    words = ["pack", str(archive), "--project", str(project)]
    if verb == "unpack":
        pack_project(project, archive, LATER)
        words = ["unpack", str(archive), str(tmp_path / "there")]
    before = {path.name for path in tmp_path.iterdir()}
    code = (
        "import resource, sys\nfrom botconvo.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\nmain(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert {path.name for path in tmp_path.iterdir()} == before


@given(st.binary(max_size=300))
def test_any_bytes_for_a_listing_are_refused_in_one_way(data: bytes) -> None:
    with pytest.raises(BotConvoError):
        read_listing(data)


@given(st.text(max_size=30))
def test_a_name_without_a_fault_stays_within_the_folder(name: str) -> None:
    folder = Path("/project")
    if fault_of_name(name) is None:
        assert (folder / name).resolve().is_relative_to(folder)
        assert name
