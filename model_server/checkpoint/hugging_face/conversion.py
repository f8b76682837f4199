"""The conversion itself: settings, tokenizer and weights of a folder into one GGUF file.

It knows nothing of caches, manifests or the command line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model_server.checkpoint.gguf_writing import Plan, Progress, Tensor, write_model
from model_server.checkpoint.hugging_face.families import Family, family_of
from model_server.checkpoint.hugging_face.settings import CONFIG_NAME, Settings, read_settings
from model_server.checkpoint.hugging_face.tokenizer import read_tokenizer, tokenizer_files
from model_server.checkpoint.hugging_face.weights import open_weights, weight_files
from model_server.checkpoint.manifest import Architecture
from model_server.checkpoint.tokens import Reading, Tokens, tokenizer_digest
from model_server.errors import CheckpointError

__all__ = [
    "Converted",
    "Model",
    "convert_hugging_face",
    "is_hugging_face",
    "open_hugging_face",
    "source_files",
]

_OUTPUT = "lm_head.weight"
_NEVER_USED = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")
"""Ends of names that older versions saved and none reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What a conversion made.

    ``typed`` are the tokens that are found in a text as they are spelled (tags of speakers and of
    the transcript); ``notes`` are lines for the person whose folder it is.
    """

    architecture: Architecture
    tokenizer_sha256: str
    end_of_text: int
    reading: Reading
    typed: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A folder's model: its files, the settings of its part that speaks, and what they mean.

    ``weights`` go by the names of ``plan`` and are read when they are asked for.
    """

    files: tuple[Path, ...]
    settings: Settings
    plan: Plan
    tokens: Tokens
    weights: Mapping[str, Tensor]
    notes: tuple[str, ...]


def is_hugging_face(folder: Path) -> bool:
    """Whether a folder looks like a model in Hugging Face's form."""
    return (folder / CONFIG_NAME).is_file()


def source_files(folder: Path) -> tuple[Path, ...]:
    """All files that a conversion reads: while they are the same, so is what it makes.

    Raises:
        CheckpointError: one of them is missing.
    """
    settings = read_settings(folder)
    return (settings.path, *tokenizer_files(folder), *weight_files(folder))


def convert_hugging_face(
    folder: Path,
    target: Path,
    *,
    quantization: Literal["q8_0", "f16"],
    progress: Progress | None = None,
    name: str | None = None,
) -> Converted:
    """Write a folder's model to ``target`` as GGUF; the file appears whole or not at all.

    No code of the model is run, and torch is needed only where the weights are pickled.
    ``progress`` is told the bytes written and the bytes in all; ``name`` is what the model calls
    itself, where it is not the folder's name.

    Raises:
        CheckpointError: one line with the file and what to do about it.
    """
    model = open_hugging_face(folder)
    tokens = model.tokens
    write_model(
        target,
        model.plan,
        model.weights,
        tokens,
        quantization=quantization,
        name=name or folder.resolve().name,
        source=f"{model.files[0]}: ",
        progress=progress,
    )
    return Converted(
        architecture=model.plan.architecture,
        tokenizer_sha256=tokenizer_digest(tokens),
        end_of_text=tokens.end_of_text,
        reading=tokens.reading,
        typed=tokens.typed,
        notes=model.notes,
    )


def open_hugging_face(folder: Path) -> Model:
    """A folder's model; of its weights only the places are read.

    Raises:
        CheckpointError: one line with the file and what to do about it.
    """
    own = read_settings(folder)
    family, settings = family_of(own)
    files = weight_files(folder)
    plan = _plan(family, settings)
    tokens, notes = read_tokenizer(folder, own, plan.architecture.vocabulary)
    weights = _named(open_weights(files), family)
    others = tuple(_others(files[0], plan, weights))
    return Model(
        files=files,
        settings=settings,
        plan=plan,
        tokens=tokens,
        weights=weights,
        notes=(*_about_code(own), *others, *notes),
    )


def _plan(family: Family, settings: Settings) -> Plan:
    try:
        return family.plan(settings)
    except (TypeError, ValueError, ArithmeticError):
        raise CheckpointError(
            f"{settings.path}: holds a value of another kind than it should; fetch the model again"
        ) from None


def _named(weights: Mapping[str, Tensor], family: Family) -> dict[str, Tensor]:
    """The weights under the names that a plan has, whichever class saved them."""
    return {_name(name, family.prefix): tensor for name, tensor in weights.items()}


def _name(name: str, prefix: str) -> str:
    for outer in ("language_model.", "model.language_model."):  # of a model with eyes
        if name.startswith(outer):
            name = name.removeprefix(outer)
            break
    return name if name == _OUTPUT else prefix + name.removeprefix(prefix)


def _others(path: Path, plan: Plan, weights: Mapping[str, Tensor]) -> Iterator[str]:
    """A line about weights that the plan has no place for, if there are any.

    Raises:
        CheckpointError: they belong to blocks, so these are the weights of another model.
    """
    known = {_OUTPUT, *(wanted.theirs for wanted in plan.tensors)}
    others = sorted(n for n in weights if n not in known and not n.endswith(_NEVER_USED))
    block = next((n for n in others if n.startswith(("model.layers.", "transformer.h."))), None)
    if block is not None:
        raise CheckpointError(
            f"{path}: has a weight {block}, of which {CONFIG_NAME} knows nothing; "
            "these do not belong together"
        )
    if others:
        yield f"{path}: {others[0]} and {len(others) - 1} other weights are not part of it"


def _about_code(settings: Settings) -> Iterator[str]:
    if "auto_map" in settings:
        yield f"{settings.path} names code of its own (auto_map), which was not run"
