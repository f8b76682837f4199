"""``botconvo rollback``: an older clone comes back, if it may, and what runs is told."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from builders import NOON
from cli.test_root import told
from cli.typing_in import typed
from tiny_model import make_tiny_checkpoint

from botconvo.forgetting import forget
from botconvo.forgetting.keeping import Project
from botconvo.store import STORE_NAME, Store
from model_server.checkpoint.folder import load_checkpoint, write_checkpoint
from model_server.checkpoint.versions import older_versions

VERSIONS = 4


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Three older versions of an invented character, the newest first."""
    make_versions(tmp_path / "checkpoints")
    Store.open(tmp_path / STORE_NAME).close()
    return tmp_path


def make_versions(folder: Path) -> None:
    for seed in range(VERSIONS):
        made = make_tiny_checkpoint(folder / "made" / str(seed), "Bort", seed=seed)
        checkpoint = load_checkpoint(made)
        if seed == 0:
            shutil.copytree(made.parent / "base", folder / "base")
        assert checkpoint.adapter_path is not None
        manifest = checkpoint.manifest.model_copy(
            update={"training": {"base": "tiny", "held_out_loss": 4.0 - seed}}
        )
        write_checkpoint(folder / "bort", manifest, checkpoint.adapter_path, keep=3)
    shutil.rmtree(folder / "made")


def digests(project: Path) -> list[str]:
    folder = project / "checkpoints" / "bort"
    return [load_checkpoint(each).digest for each in (folder, *older_versions(folder))]


def test_the_version_before_comes_back_and_the_same_command_takes_it_back(project: Path) -> None:
    before = digests(project)
    assert len(set(before)) == VERSIONS
    done = typed("rollback", "Bort", "--project", project)
    assert (done.code, done.err) == (0, "")
    assert "held-out loss 2.0 is in use again" in done.out
    assert digests(project) == [before[1], before[0], *before[2:]]
    assert typed("rollback", "bort", "--project", project).code == 0
    assert digests(project) == before


def test_any_version_can_be_named_and_all_are_listed(project: Path) -> None:
    before = digests(project)
    rows = typed("rollback", "Bort", "--list", "--project", project).out.splitlines()
    assert [row.split()[0] for row in rows] == ["in", "1", "2", "3"]
    assert [f"held-out loss {loss}" in row for row, loss in zip(rows, "1234", strict=True)]
    assert digests(project) == before
    assert typed("rollback", "Bort", "--version", "3", "--project", project).code == 0
    assert digests(project) == [before[3], before[1], before[2], before[0]]


def test_what_is_not_there_is_one_line(project: Path) -> None:
    before = digests(project)
    line = told("rollback", "Bort", "--version", "7", "--project", project)
    assert "there is no older version 7; there is 1, 2, 3" in line
    assert "there is no clone in" in told("rollback", "Milly", "--project", project)
    torn = project / "checkpoints" / "bort.previous" / "bort-adapter.gguf"
    torn.write_bytes(torn.read_bytes()[:-10])
    assert "weights.bytes" in told("rollback", "Bort", "--project", project)
    assert "in use" in typed("rollback", "Bort", "--list", "--project", project).out
    shutil.copyfile(project / "checkpoints" / "bort" / "bort-adapter.gguf", torn)
    assert "weights.sha256" in told("rollback", "Bort", "--project", project)
    assert load_checkpoint(project / "checkpoints" / "bort").digest == before[0]


def test_a_version_that_saw_somebody_who_was_forgotten_does_not_come_back(project: Path) -> None:
    folder = project / "checkpoints" / "bort.previous"
    weights = load_checkpoint(folder).manifest.weights.sha256
    with Store.open(project / STORE_NAME) as store:
        store.disable([weights], NOON)
    assert "somebody who was forgotten" in told("rollback", "Bort", "--project", project)
    assert typed("rollback", "Bort", "--version", "2", "--project", project).code == 0
    assert not folder.exists()  # nobody can use it


def test_a_forget_takes_every_version(project: Path) -> None:
    with Store.open(project / STORE_NAME) as store:
        store.keep_person("person-1", "Bort", ["discord:1"])  # type: ignore[arg-type, list-item]
    forget(Project.at(project), "Bort", NOON)
    assert [path.name for path in (project / "checkpoints").iterdir()] == ["base"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signal to one process")
def test_a_server_that_was_started_by_hand_says_that_another_version_is_there(
    project: Path,
) -> None:
    clone = project / "checkpoints" / "bort"
    words = ["serve-model", str(clone), "--port", "0", "--no-token", "--project", str(project)]
    process = subprocess.Popen(
        [sys.executable, "-m", "botconvo", *words], stderr=subprocess.PIPE, encoding="utf-8"
    )
    with process:
        assert process.stderr is not None
        assert any("is served at" in row for row in process.stderr)
        assert typed("rollback", "Bort", "--project", project).code == 0
        said = process.stderr.readline()
        assert f"{clone} holds another version now; start this server again" in said
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
