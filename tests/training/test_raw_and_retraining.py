"""What training and forgetting do together: raw exports go, disabled clones learn again."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli.typing_in import Done, typed
from training.toy import toy_messages

from botconvo.errors import TrainingError
from botconvo.forgetting import Project, forget
from botconvo.gathering import gather
from botconvo.store import STORE_NAME, Store
from botconvo.training.bases import open_base
from botconvo.training.clone import prepare, train_clone
from botconvo.training.progress import reporter_for
from botconvo.training.settings import TrainingSettings
from model_server.checkpoint.manifest import Manifest

QUICK = ("--epochs", "1", "--rank", "2")
IDS = {"Bort": "1", "Fishvilla": "2"}


def done(*words: object) -> Done:
    told = typed(*words)
    assert told.code == 0, told
    return told


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Bort and Fishvilla talk, in a file beside the project."""
    path = tmp_path / "general.json"
    said = [
        {
            "id": str(1000 + number),
            "type": "Default",
            "timestamp": message.at.isoformat(),
            "content": message.text,
            "author": {"id": IDS[message.author.name], "name": message.author.name},
            "attachments": [],
        }
        for number, message in enumerate(toy_messages(16))
    ]
    channel = {"id": "8", "type": "GuildTextChat", "name": "general"}
    whole = {"guild": {"id": "7", "name": "Toys"}, "channel": channel, "messages": said}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


@pytest.fixture
def project(tmp_path: Path, export: Path) -> Path:
    folder = tmp_path / "p"
    folder.mkdir()
    done("import", export, "--project", folder)
    for name in ("Bort", "Fishvilla"):
        rule = "--acknowledge-discord-policy"
        done("consent", "grant", name, "--adult", rule, "--project", folder)
    return folder


def train(project: Path, base: Path, name: str, *words: str) -> Done:
    return done("train", name, "--base", base, *QUICK, "--project", project, *words)


def clone(project: Path, name: str) -> Manifest:
    path = project / "checkpoints" / name.casefold() / "manifest.json"
    return Manifest.model_validate_json(path.read_bytes())


def test_raw_exports_go_once_the_clone_is_there(
    project: Path, tiny_base: Path, export: Path
) -> None:
    told = train(project, tiny_base, "Bort", "--delete-raw", "--yes")
    assert f"{export} (others wrote in it too: 1)" in told.out
    assert f"Deleted: {export}" in told.out
    assert not export.exists()
    assert clone(project, "Bort").persona == "Bort"


def test_a_raw_export_that_was_changed_stays(project: Path, tiny_base: Path, export: Path) -> None:
    export.write_text(export.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    told = train(project, tiny_base, "Bort", "--delete-raw", "--yes")
    assert f"{export} was changed since it was imported, and is left" in told.err
    assert export.exists()


def test_a_clone_that_heard_them_learns_again_without_them(project: Path, tiny_base: Path) -> None:
    train(project, tiny_base, "Bort")
    before = clone(project, "Bort")
    assert before.heard is not None
    assert len(before.heard) == 2
    told = done("forget", "Fishvilla", "--yes", "--retrain", "--project", project)
    assert "Training Bort again" in told.out
    after = clone(project, "Bort")
    assert after.heard is not None
    assert len(after.heard) == 1
    assert after.base is not None
    assert after.base.sha256 == before.base.sha256 if before.base else None
    assert after.training["rank"] == before.training["rank"] == 2
    assert not (project / "checkpoints" / "bort.previous").exists()
    with Store.open(project / STORE_NAME) as store:
        assert store.disabled() == {before.weights.sha256}


def test_nothing_is_kept_that_was_trained_while_somebody_was_forgotten(
    project: Path, tiny_base: Path, tmp_path: Path
) -> None:
    with Store.open(project / STORE_NAME) as store:
        gathered = gather(store, "Bort", datetime.now(UTC))
        begun = store.forgets_begun()
        base = open_base(tiny_base, bases=tmp_path / "bases")
        prepared = prepare(gathered, base, TrainingSettings(epochs=0.5, rank=2))
        forget(Project.at(project), "Fishvilla", datetime.now(UTC))
        with pytest.raises(TrainingError, match="somebody was forgotten while"):
            train_clone(
                prepared,
                project / "checkpoints" / "bort",
                state=project / "training" / "bort" / "state.safetensors",
                device="cpu",
                reporter=reporter_for(io.StringIO()),
                stopped=lambda: False,
                now=datetime.now(UTC),
                allowed=lambda: store.forgets_begun() == begun,
            )
    assert not (project / "checkpoints").exists()
    assert list((project / "training").rglob("*")) == []
