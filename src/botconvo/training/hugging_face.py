"""A GPT-2 in Hugging Face's form becomes a base checkpoint, once.

The model server converts it; here it gets its manifest and its place.  It knows nothing of
training.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from botconvo.errors import TrainingError
from botconvo.training.names import safe_name
from model_server.checkpoint.folder import describe_weights, load_checkpoint, write_checkpoint
from model_server.checkpoint.hugging_face.conversion import (
    convert_hugging_face,
    is_hugging_face,
    source_files,
)
from model_server.checkpoint.hugging_face.settings import read_settings
from model_server.checkpoint.manifest import Manifest
from model_server.checkpoint.placing import UNFINISHED, alone_in
from model_server.checkpoint.tokens import sha256_of
from model_server.errors import CheckpointError, DiskError

__all__ = ["base_of_hugging_face", "is_hugging_face"]

_QUANTIZATION: Literal["q8_0", "f16"] = "q8_0"
"""Half the file and memory of f16, for 0.001 nats of held-out loss (at 14 M parameters)."""


def base_of_hugging_face(
    folder: Path, bases: Path, *, name: str, say: Callable[[str], None]
) -> Path:
    """The base checkpoint of a Hugging Face folder, written below ``bases`` at the first call.

    ``name`` is what it is called there; ``say`` is told what its owner should know about the
    folder.

    Raises:
        TrainingError: the model is of another kind.
        CheckpointError: a file is missing or torn, or the disk refuses.
    """
    kind = read_settings(folder).get("model_type", "model of an unnamed kind")
    if kind != "gpt2":
        raise TrainingError(
            f"base {folder}: is a {kind}; so far clones are trained on GPT-2 models only"
        )
    source = _digest(folder)
    target = bases / safe_name(name)
    if _source_of(target) not in (None, source):
        target = target.with_name(f"{target.name}-{source[:8]}")
    if _source_of(target) == source:
        return target
    try:
        with alone_in(bases, lambda: say(f"base {name}: waiting for another conversion")):
            if _source_of(target) != source:  # nobody made it meanwhile
                _make(folder, target, source, say)
    except DiskError as error:
        raise CheckpointError(f"base {name}: {_refused(bases, error.reason)}") from None
    except OSError as error:
        raise CheckpointError(f"base {name}: {_refused(bases, error.strerror)}") from None
    return target


def _refused(bases: Path, reason: str | None) -> str:
    return (
        f"cannot be converted into {bases}: {reason}; free some space there, or check its "
        "permissions, and try again"
    )


def _make(folder: Path, target: Path, source: str, say: Callable[[str], None]) -> None:
    with TemporaryDirectory(prefix=f"base{UNFINISHED}", dir=target.parent) as scratch:
        path = Path(scratch) / "model.gguf"
        converted = convert_hugging_face(folder, path, quantization=_QUANTIZATION, name=target.name)
        for note in converted.notes:
            say(note)
        manifest = Manifest(
            persona=None,
            created=datetime.now(UTC),
            weights=describe_weights(path, "full"),
            architecture=converted.architecture,
            tokenizer_sha256=converted.tokenizer_sha256,
            training={"source_sha256": source, "quantization": _QUANTIZATION},
            versions={name: version(name) for name in ("botconvo", "gguf")},
        )
        write_checkpoint(target, manifest, path)


def _digest(folder: Path) -> str:
    """SHA-256 over what the conversion reads."""
    parts = [sha256_of(path) for path in source_files(folder)]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def _source_of(target: Path) -> str | None:
    """What a base was converted from; None where there is none."""
    if not target.exists():
        return None
    try:
        return str(load_checkpoint(target).manifest.training.get("source_sha256"))
    except CheckpointError:
        return None  # torn: it is written anew
