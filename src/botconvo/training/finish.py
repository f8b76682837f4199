"""The trained adapter becomes a checkpoint: tried out, written whole, read back strictly.

It knows nothing of torch or of how the adapter came about.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from botconvo.errors import TrainingError
from botconvo.training.bases import Base
from botconvo.training.settings import TrainingSettings
from botconvo.training.trial import try_out
from model_server.checkpoint.folder import (
    Checkpoint,
    describe_weights,
    load_checkpoint,
    write_checkpoint,
)
from model_server.checkpoint.gguf_files import Array, write_lora
from model_server.checkpoint.manifest import MANIFEST_NAME, Consent, Manifest
from model_server.errors import CheckpointError
from model_server.prompt_format import PromptFormat

__all__ = ["Losses", "Made", "check_target", "write_clone"]

_LIBRARIES = ("botconvo", "torch", "transformers", "peft", "tokenizers", "gguf", "numpy")
_WEIGHTS = "adapter.gguf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Means over the speaker's held-out tokens in nats: of the base, and of the clone."""

    base: float
    clone: float
    epoch: float
    """After how many epochs the clone was taken."""

    @property
    def perplexity(self) -> float:
        """Of the clone."""
        return math.exp(min(self.clone, 700.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """All that a clone's manifest tells of its making."""

    form: PromptFormat
    consent: Consent
    corpus_sha256: str
    settings: TrainingSettings
    losses: Losses


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
    deltas: Mapping[str, tuple[Array, Array]],
    base: Base,
    made: Made,
    now: datetime,
) -> Checkpoint:
    """Write the checkpoint, once a completion was drawn with it; an older one moves aside.

    Raises:
        CheckpointError: the disk refuses, or what was written does not load; the older checkpoint
            is as it was.
        EngineError: the engine cannot use the adapter.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="botconvo-clone-") as scratch:
            path = Path(scratch) / _WEIGHTS
            write_lora(
                path,
                deltas,
                alpha=made.settings.alpha,
                architecture=base.checkpoint.manifest.architecture,
                name=made.form.speaker,
            )
            try_out(
                base.checkpoint.base_path,
                path,
                made.form,
                end_of_text=base.checkpoint.end_of_text,
                reading=base.checkpoint.reading,
            )
            write_checkpoint(folder, _manifest(folder, path, base, made, now), path)
    except OSError as error:
        raise CheckpointError(f"{folder}: cannot be written: {error.strerror or error}") from None
    return load_checkpoint(folder, base=base.checkpoint.folder)


def _manifest(folder: Path, weights: Path, base: Base, made: Made, now: datetime) -> Manifest:
    return Manifest(
        persona=made.form.speaker,
        created=now,
        weights=describe_weights(weights, "adapter"),
        base=base.reference(folder),
        architecture=base.checkpoint.manifest.architecture,
        tokenizer_sha256=base.checkpoint.manifest.tokenizer_sha256,
        prompt_format=made.form,
        consent=made.consent,
        corpus_sha256=made.corpus_sha256,
        training=_training(made),
        versions={name: version(name) for name in _LIBRARIES},
    )


def _training(made: Made) -> dict[str, str | int | float | bool | None]:
    losses = made.losses
    return {
        **asdict(made.settings),
        "method": "lora",
        "held_out_loss_of_base": round(losses.base, 4),
        "held_out_loss": round(losses.clone, 4),
        "held_out_perplexity": round(losses.perplexity, 2),
        "best_epoch": round(losses.epoch, 2),
    }
