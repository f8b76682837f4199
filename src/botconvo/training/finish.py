"""Trained weights become a checkpoint: tried out, written whole, read back strictly.

It knows nothing of torch or TensorFlow, or of how the weights came about.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from botconvo.errors import TrainingError
from botconvo.training.bases import Base
from botconvo.training.settings import KEPT_VERSIONS
from botconvo.training.trial import try_out
from model_server.checkpoint.folder import (
    Checkpoint,
    describe_weights,
    load_checkpoint,
    write_checkpoint,
)
from model_server.checkpoint.learned_manners import LearnedManners
from model_server.checkpoint.manifest import MANIFEST_NAME, Architecture, Consent, Manifest
from model_server.errors import CheckpointError
from model_server.prompt_format import PromptFormat

__all__ = [
    "Made",
    "Written",
    "check_target",
    "forgotten_meanwhile",
    "write_clone",
]

_LIBRARIES = ("botconvo", "gguf", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """All that a clone's manifest tells of its making; ``libraries`` are the packages that did."""

    form: PromptFormat
    consent: Consent
    corpus_sha256: str
    heard: tuple[str, ...] | None
    manners: LearnedManners | None
    training: Mapping[str, str | int | float | bool | None]
    libraries: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A GGUF file of a clone: an adapter on ``base``, or whole weights where that is None.

    Copies of the files ``beside`` are kept in the checkpoint.
    """

    weights: Path
    base: Base | None
    architecture: Architecture
    tokenizer_sha256: str
    beside: tuple[Path, ...] = ()


def check_target(folder: Path, persona: str) -> None:
    """Refuse to write over what is no older clone of the same person.

    Raises:
        TrainingError: the folder holds something else.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        there = _read_manifest(folder).persona
    except CheckpointError:
        raise TrainingError(
            f"{folder} is there already and is no checkpoint; name another with --output DIR"
        ) from None
    if there != persona:
        raise TrainingError(
            f"{folder} holds {there or 'a base'}, not {persona}; name another with --output DIR"
        )


def forgotten_meanwhile(persona: str) -> TrainingError:
    """What was trained must not be kept."""
    return TrainingError(
        f"{persona}: somebody was forgotten while this clone was trained, so it is not kept; "
        "repeat the command, it begins anew without them"
    )


def _read_manifest(folder: Path) -> Manifest:
    """Only the manifest, for a checkpoint whose base may be gone.

    Raises:
        CheckpointError: there is none, or it is torn.
    """
    try:
        return Manifest.model_validate_json((folder / MANIFEST_NAME).read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder}: {error}") from None


def write_clone(
    folder: Path,
    write: Callable[[Path], Written],
    made: Made,
    now: datetime,
    keep: int = KEPT_VERSIONS,
) -> Checkpoint:
    """Write the checkpoint, once a server of it has answered; an older one moves aside.

    ``write`` is given a folder to write the weights into; ``keep`` older versions stay.

    Raises:
        CheckpointError: the disk refuses, or what was written does not load; the older checkpoint
            is as it was.
        TrainingError: it cannot be served, or says nothing; the same.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="botconvo-clone-") as scratch:
            written = write(Path(scratch))
            base = None if written.base is None else written.base.checkpoint.folder
            write_checkpoint(
                folder,
                _manifest(folder, written, made, now),
                written.weights,
                beside=written.beside,
                keep=keep,
                check=lambda partial: try_out(partial, base),
            )
    except OSError as error:
        raise CheckpointError(f"{folder}: cannot be written: {error.strerror or error}") from None
    return load_checkpoint(folder, base=base)


def _manifest(folder: Path, written: Written, made: Made, now: datetime) -> Manifest:
    base = written.base
    return Manifest(
        persona=made.form.speaker,
        created=now,
        weights=describe_weights(written.weights, "full" if base is None else "adapter"),
        base=None if base is None else base.reference(folder),
        architecture=written.architecture,
        tokenizer_sha256=written.tokenizer_sha256,
        prompt_format=made.form,
        consent=made.consent,
        corpus_sha256=made.corpus_sha256,
        heard=made.heard,
        manners=made.manners,
        training=dict(made.training),
        versions={name: version(name) for name in (*_LIBRARIES, *made.libraries)},
    )
