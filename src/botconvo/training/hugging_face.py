"""A model in Hugging Face's form becomes a base checkpoint, once.

The model server converts it; here it gets its manifest and its place, and beside it what training
needs to know: ``config.json`` of the part that speaks, and ``tokenizer.json``.  It knows nothing of
training.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from botconvo.training.names import safe_name
from botconvo.training.settings import Weights
from model_server.checkpoint.folder import describe_weights, load_checkpoint, write_checkpoint
from model_server.checkpoint.hugging_face.conversion import (
    convert_hugging_face,
    is_hugging_face,
    source_files,
)
from model_server.checkpoint.hugging_face.families import family_of
from model_server.checkpoint.hugging_face.settings import CONFIG_NAME, read_settings
from model_server.checkpoint.manifest import Manifest
from model_server.checkpoint.placing import UNFINISHED, alone_in
from model_server.checkpoint.tokens import sha256_of
from model_server.errors import CheckpointError, DiskError

__all__ = ["TOKENIZER_NAME", "base_of_hugging_face", "is_hugging_face"]

TOKENIZER_NAME = "tokenizer.json"


def base_of_hugging_face(
    folder: Path, bases: Path, *, name: str, weights: Weights, say: Callable[[str], None]
) -> Path:
    """The base checkpoint of a Hugging Face folder, written below ``bases`` at the first call.

    ``name`` is what it is called there; ``say`` is told what its owner should know about the
    folder.

    Raises:
        CheckpointError: a file is missing or torn, the model is of a kind that cannot be served, or
            the disk refuses.
    """
    source = _digest(folder)
    called = safe_name(name) if weights == "q8_0" else f"{safe_name(name)}-{weights}"
    target = bases / called
    if _source_of(target) not in (None, source):
        target = target.with_name(f"{called}-{source[:8]}")
    if _source_of(target) == source:
        return target
    try:
        with alone_in(bases, lambda: say(f"base {name}: waiting for another conversion")):
            if _source_of(target) != source:  # nobody made it meanwhile
                _make(folder, target, source, weights, say)
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


def _make(
    folder: Path, target: Path, source: str, weights: Weights, say: Callable[[str], None]
) -> None:
    with TemporaryDirectory(prefix=f"base{UNFINISHED}", dir=target.parent) as scratch:
        path = Path(scratch) / "model.gguf"
        converted = convert_hugging_face(folder, path, quantization=weights, name=target.name)
        for note in converted.notes:
            say(note)
        manifest = Manifest(
            persona=None,
            created=datetime.now(UTC),
            weights=describe_weights(path, "full"),
            architecture=converted.architecture,
            tokenizer_sha256=converted.tokenizer_sha256,
            training={"source_sha256": source, "quantization": weights},
            versions={name: version(name) for name in ("botconvo", "gguf")},
        )
        write_checkpoint(target, manifest, path, beside=_beside(folder, Path(scratch)))


def _beside(folder: Path, scratch: Path) -> list[Path]:
    """What training needs beside the weights; a GPT-2's words may stand in other files."""
    _, settings = family_of(read_settings(folder))
    config = scratch / CONFIG_NAME
    config.write_text(json.dumps(dict(settings.values), indent=2), encoding="utf-8", newline="\n")
    tokenizer = folder / TOKENIZER_NAME
    if not tokenizer.is_file():
        return [config]
    return [config, Path(shutil.copyfile(tokenizer, scratch / TOKENIZER_NAME))]


def _digest(folder: Path) -> str:
    """SHA-256 over what the conversion reads."""
    parts = [sha256_of(path) for path in source_files(folder)]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def _source_of(target: Path) -> str | None:
    """What a base was converted from; None where there is none."""
    if not (target / CONFIG_NAME).is_file():
        return None  # or it is of a version that trained on nothing but GPT-2: it is written anew
    try:
        return str(load_checkpoint(target).manifest.training.get("source_sha256"))
    except CheckpointError:
        return None  # torn: it is written anew
