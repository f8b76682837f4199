"""What a path holds, told by names alone."""

from pathlib import Path

import pytest

from model_server.checkpoint.kinds import recognise
from model_server.errors import CheckpointError


def folder(path: Path, *names: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name in names:
        (path / name).touch()
    return path


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["manifest.json", "model.gguf"], "checkpoint"),
        (["checkpoint", "hparams.json", "model-5.index"], "gpt-2-simple"),
        (["hparams.json"], "gpt-2-simple"),
        (["model-5.index"], "gpt-2-simple"),
        (["config.json", "model.safetensors"], "hugging-face"),
        (["pytorch_model.bin"], "hugging-face"),
        (["manifest.json", "config.json"], "checkpoint"),
    ],
)
def test_a_folder_is_known_by_the_files_in_it(tmp_path: Path, names: list[str], kind: str) -> None:
    assert recognise(folder(tmp_path / "x", *names)) == kind


def test_a_gguf_file_is_known_by_its_ending(tmp_path: Path) -> None:
    folder(tmp_path, "a.gguf", "B.GGUF")
    assert recognise(tmp_path / "a.gguf") == recognise(tmp_path / "B.GGUF") == "gguf"


def told(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        recognise(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_folder_above_the_runs_names_them(tmp_path: Path) -> None:
    run = folder(tmp_path / "checkpoint" / "run1", "checkpoint", "hparams.json")
    folder(tmp_path / "checkpoint" / "run2", "model-1.index")
    assert f"give one of {run}, " in told(tmp_path / "checkpoint")
    assert f"give one of {run}, " in told(tmp_path), "where gpt-2-simple was run"
    run.rename(tmp_path / "clone")
    assert str(tmp_path / "clone") in told(tmp_path)


def test_a_folder_with_a_gguf_file_points_to_it(tmp_path: Path) -> None:
    folder(tmp_path, "adapter.gguf")
    assert f"give the file {tmp_path / 'adapter.gguf'}" in told(tmp_path)


def test_anything_else_is_refused_plainly(tmp_path: Path) -> None:
    folder(tmp_path, "notes.txt")
    assert "there is no such folder" in told(tmp_path / "nowhere")
    assert "notes.txt: is a file" in told(tmp_path / "notes.txt")
    assert "it holds no manifest.json" in told(tmp_path)
    assert "x: " in told(tmp_path / ("x" * 300))
