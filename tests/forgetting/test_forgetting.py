"""Whose clones go and whose are disabled, what is left, and what an interruption leaves."""

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from builders import NOON, a_message, an_author
from cli.typing_in import typed
from projects import make_project
from training.full_disk import full_disk

from botconvo.consent import ConsentRecord, PersonId, RecordId, granted, heard_digest, verify
from botconvo.errors import ConsentError, StoreError
from botconvo.forgetting import Project, forget, plan, unfinished
from botconvo.messages import AuthorId
from botconvo.store import STORE_NAME, Source, Store, Written
from botconvo.store.erasing import is_named
from model_server.checkpoint.manifest import Manifest

NAME, ID = "Quibblewort", AuthorId("discord:218000000000000777")
PEOPLE = {NAME: PersonId("p-aaaaaaaaaa"), "Juno": PersonId("p-bbbbbbbbbb")}
CORPUS = "c" * 64
SOURCE = Source(path=Path("gone.json"), sha256="0" * 64, format="discord-json", origin="file")


def facts(project: Project, name: str, **changed: object) -> Manifest:
    """Change a clone's manifest."""
    path = project.folder / "checkpoints" / name.lower() / "manifest.json"
    known = json.loads(path.read_text(encoding="utf-8")) | changed
    path.write_text(json.dumps(known), encoding="utf-8")
    return Manifest.model_validate(known)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two people with clones; Juno's heard the other, as its manifest says."""
    config = make_project(tmp_path, *PEOPLE)
    config.write_text(
        "# about somebody\n"
        + config.read_text(encoding="utf-8")
        + f'[[people]]\nname = "{NAME}"\nauthors = ["{ID}"]\n[reins]\nowners = ["{ID}"]\n',
        encoding="utf-8",
    )
    made = Project.at(tmp_path)
    with Store.open(tmp_path / STORE_NAME) as store:
        with store.add_export(SOURCE, NOON) as adding:
            for number in range(300):
                said = a_message(f"a canary {number} " * 9, author=an_author(NAME), id=f"{number}")
                adding.saw(said)
                adding.take(said)
        for name, person in PEOPLE.items():
            consent = {"person": person, "record": f"r-{person}", "fictional": False}
            heard = [heard_digest(each, CORPUS) for each in PEOPLE.values()]
            facts(made, name, consent=consent, corpus_sha256=CORPUS, heard=heard)
            authors = [ID, an_author(NAME).id] if name == NAME else [an_author(name).id]
            store.keep_person(person, name, authors)
            record = ConsentRecord(
                id=RecordId(f"r-{person}"), person=person, granted_at=NOON, adult=True
            )
            store.append_ledger(granted(store.ledger(), record, salt="salt"))
    return made


def is_gone(project: Project) -> bool:
    """Neither words nor name stand anywhere."""
    files = [path for path in project.folder.rglob("*") if path.is_file()]
    assert files
    found = b"".join(path.read_bytes() for path in files).lower()
    names = " ".join(map(str, files)).lower().encode()
    return not any(each in found + names for each in (b"canary", NAME.lower().encode()))


def test_a_clone_that_heard_them_is_disabled_and_older_ones_go(project: Project) -> None:
    clones = project.folder / "checkpoints"
    shutil.copy(project.store, project.store.with_name(f"{STORE_NAME}.backup-20240101-version-3"))
    for name in (NAME.lower(), "juno"):
        shutil.copytree(clones / name, clones / f"{name}.previous")
    receipt = forget(project, NAME, NOON)
    assert sorted(path.name for path in clones.iterdir()) == ["base", "juno"]
    manifest = Manifest.model_validate_json((clones / "juno" / "manifest.json").read_bytes())
    assert receipt.disabled == (manifest.weights.sha256,)
    with Store.open(project.store) as store:
        assert store.disabled() == {manifest.weights.sha256}
    assert is_gone(project)


def test_a_clone_that_did_not_hear_them_is_left_alone(project: Project) -> None:
    facts(project, "Juno", heard=[heard_digest(PEOPLE["Juno"], CORPUS)])
    assert plan(project, NAME).disabled == ()


@pytest.mark.parametrize(
    ("made", "engine", "is_disabled"),
    [
        (NOON + timedelta(days=1), "transformers", True),
        (NOON - timedelta(days=1), "transformers", False),  # they had not agreed to anything
        (NOON + timedelta(days=1), "gpt-2-simple", False),  # it learns from one person alone
    ],
)
def test_a_clone_of_an_older_version_is_disabled_unless_it_cannot_have_heard_them(
    project: Project, made: object, engine: str, is_disabled: bool
) -> None:
    facts(project, "Juno", heard=None, created=str(made), training={"engine": engine})
    found = plan(project, NAME).disabled
    assert [each.certain for each in found] == ([False] if is_disabled else [])


def test_the_settings_lose_the_person_and_keep_the_comments(project: Project) -> None:
    forget(project, NAME, NOON)
    text = project.config.read_text(encoding="utf-8")
    assert text.startswith("# about somebody\n")
    assert 'name = "Juno"' in text
    assert "people" not in text
    assert "owners = []" in text


def test_what_names_them_and_is_not_botconvos_is_named_and_kept(project: Project) -> None:
    (project.folder / "notes.txt").write_text(f"ask {NAME} again", encoding="utf-8")
    with zipfile.ZipFile(project.folder / "old.zip", "w") as archive:
        archive.writestr("inside.txt", f"{NAME} said")
    (project.folder / ".env").write_text(
        f"BOTCONVO_DISCORD_TOKEN_{NAME.upper()}=secret\n", encoding="utf-8"
    )
    shown = " ".join(left.shown for left in plan(project, NAME).left)
    assert str(project.folder / "notes.txt") in shown
    assert str(project.folder / "old.zip") in shown
    assert ".env, line 1" in shown
    assert "secret" not in shown
    receipt = forget(project, NAME, NOON)
    assert NAME not in json.dumps(receipt.as_json())
    assert any("file of the owner's" in left for left in receipt.left)


def test_a_file_that_is_gone_already_leaves_no_trace_of_its_name(project: Project) -> None:
    kinds: tuple[Literal["csv", "report", "clone"], ...] = ("csv", "report", "clone")
    for kind in kinds:
        path = project.folder / f"{NAME}-{kind}"
        with Store.open(project.store) as store:
            people = frozenset({PEOPLE[NAME]})
            store.note_written(Written(path=path, kind=kind, sha256="0" * 64, people=people))
    forget(project, NAME, NOON)
    assert is_gone(project)


def test_somebody_who_never_agreed_is_forgotten_too(tmp_path: Path) -> None:
    with Store.open(tmp_path / STORE_NAME) as store, store.add_export(SOURCE, NOON) as adding:
        adding.saw(a_message("hi", author=an_author(NAME)))
    project = Project.at(tmp_path)
    forget(project, NAME, NOON)
    assert is_gone(project)
    with Store.open(project.store) as store:
        assert store.ledger() == ()


DIES = """
import os, signal, sys
name, part, project = sys.argv[1:]
def look(event, arguments):
    if event == name and part in str(arguments):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(look)
from botconvo.cli import main
main(["forget", "Quibblewort", "--yes", "--project", project])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such signal")
@pytest.mark.parametrize(
    ("event", "part"),
    [
        ("shutil.rmtree", "quibblewort"),
        ("os.rename", "config.toml"),
        ("os.mkdir", "receipts"),  # the rows are gone, and the receipt is not there
    ],
)
def test_a_forget_that_was_killed_is_finished_by_the_same_command(
    project: Project, event: str, part: str
) -> None:
    words = [sys.executable, "-c", DIES, event, part, str(project.folder)]
    killed = subprocess.run(words, capture_output=True, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert unfinished(project)
    with Store.open(project.store) as store:
        assert store.live_record(PEOPLE[NAME], NOON) is None, "nothing of theirs is said any more"
    done = typed("forget", NAME, "--yes", "--project", project.folder)
    assert done.code == 0, done
    assert "An earlier forget was interrupted; it is finished now." in done.out
    assert "Receipt f-" in done.out
    assert is_gone(project)
    assert not unfinished(project)
    assert len(list((project.folder / "receipts").iterdir())) == 1
    with Store.open(project.store) as store:
        assert verify(store.ledger()) == ()


def test_a_full_disk_is_one_line_and_the_rest_is_done_later(project: Project) -> None:
    largest = max(path.stat().st_size for path in project.folder.rglob("*") if path.is_file())
    with full_disk(min(largest, project.store.stat().st_size) // 2), pytest.raises(StoreError):
        forget(project, NAME, NOON)
    forget(project, NAME, NOON)
    assert is_gone(project)


def test_an_unfinished_forget_does_not_keep_others_from_theirs(project: Project) -> None:
    with Store.open(project.store) as store:
        assert store.underway() is None
    forget(project, NAME, NOON)
    forget(project, "Juno", NOON)
    with Store.open(project.store) as store:
        assert store.people() == ()
        assert store.forgets() == 2
    with pytest.raises(ConsentError):
        forget(project, "Juno", NOON)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("exports/DM with bort mcgee.json", True),
        ("bort_mcgee_12", True),
        ("telegram:5-2180001", True),
        ("abort mcgeery", False),
        ("bort and mcgee", False),
        ("21800011", False),
    ],
)
def test_a_name_is_found_as_words_of_its_own(text: str, named: bool) -> None:
    assert is_named(text, ["Bort McGee"], [AuthorId("telegram:2180001")]) == named
