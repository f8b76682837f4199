"""What a path holds: our checkpoint, or one of another program.

It looks at names alone; whether everything is there and whole is for those who read it.
"""

from pathlib import Path
from typing import Literal

from model_server.checkpoint.manifest import MANIFEST_NAME
from model_server.errors import CheckpointError

__all__ = ["ForeignKind", "Kind", "recognise"]

ForeignKind = Literal["gpt-2-simple", "hugging-face", "gguf"]
"""What is converted before it is served."""
Kind = Literal["checkpoint"] | ForeignKind


def recognise(path: Path) -> Kind:
    """
    Raises:
        CheckpointError: there is nothing, or nothing that can be served, with a hint at what can.
    """
    try:
        there = path.exists()
    except OSError as error:  # a folder that lets nobody in, a name that is too long
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    if not there:
        raise CheckpointError(f"{path}: there is no such folder; give a checkpoint's folder")
    if path.is_file():
        if path.suffix.lower() == ".gguf":
            return "gguf"
        raise CheckpointError(
            f"{path}: is a file; give the folder that holds {MANIFEST_NAME}, or a GGUF file"
        )
    kind = _kind_of_folder(path)
    if kind is None:
        raise CheckpointError(f"{path}: is no checkpoint, {_hint(path)}")
    return kind


def _kind_of_folder(folder: Path) -> Kind | None:
    if (folder / MANIFEST_NAME).exists():
        return "checkpoint"
    if (folder / "hparams.json").is_file() or (folder / "checkpoint").is_file():
        return "gpt-2-simple"
    if (folder / "config.json").is_file() or any(folder.glob("*.safetensors")):
        return "hugging-face"
    if any(folder.glob("*.index")) or (folder / "encoder.json").is_file():
        return "gpt-2-simple"
    return "hugging-face" if (folder / "pytorch_model.bin").is_file() else None


def _hint(folder: Path) -> str:
    """What to give in place of a folder that is none itself."""
    ways = (folder, folder / "checkpoint", folder / "models")
    runs = [run for way in ways if way.is_dir() for run in _runs(way)]
    if runs:
        names = ", ".join(str(run) for run in runs[:6])
        return f"but there are some in it: give one of {names}"
    weights = sorted(folder.glob("*.gguf"))
    if weights:
        return (
            f"it holds no {MANIFEST_NAME}; restore that, or give the file {weights[0]} itself "
            "where it is a whole model"
        )
    return f"it holds no {MANIFEST_NAME}; give another folder or train"


def _runs(folder: Path) -> list[Path]:
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    return [path for path in inside if _kind_of_folder(path) is not None]
