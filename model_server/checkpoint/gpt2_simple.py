"""A run's folder of gpt-2-simple as a checkpoint: which state is the newest, sizes, vocabulary.

The weights lie in TensorFlow's files.  A process of its own reads them (``tensorflow_weights``):
TensorFlow takes seconds to load, holds its memory for good and writes to stderr what it likes.  The
format is plain: gpt-2-simple knows no special tokens, and writes its markers as letters.
"""

import json
import os
import re
import subprocess
import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from model_server.checkpoint.conversion import Converted, Found, Precision, Progress
from model_server.checkpoint.manifest import Architecture
from model_server.checkpoint.sizes import MOST_LAYERS
from model_server.checkpoint.tokens import END_OF_TEXT, Tokens, tokenizer_digest
from model_server.errors import CheckpointError, DiskError
from model_server.prompt_format import START_OF_TEXT, PromptFormat

__all__ = [
    "Run",
    "convert",
    "find",
    "find_run",
    "read_sizes",
    "read_tokens",
    "variables_of",
    "write_names",
]

_STATE, _SIZES, _ENCODER, _MERGES = "checkpoint", "hparams.json", "encoder.json", "vocab.bpe"
_DEFAULTS = {"n_vocab": 0, "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12}
"""What gpt-2-simple takes for a size that hparams.json leaves out."""
_OUTER = {
    "transformer.wte.weight": "wte",
    "transformer.wpe.weight": "wpe",
    "transformer.ln_f.weight": "ln_f/g",
    "transformer.ln_f.bias": "ln_f/b",
}
_LAYERS = {"attn.c_attn": "w", "attn.c_proj": "w", "mlp.c_fc": "w", "mlp.c_proj": "w"}
_NORMS = {"ln_1": "g", "ln_2": "g"}
"""Modules of a block by their names in transformers, and what TensorFlow's weight is called."""
_FAILED = 2
"""The code with which the process that reads TensorFlow's files tells what is wrong."""
_SHARD = re.compile(r"\.data-(?P<number>\d{5})-of-(?P<count>\d{5})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run's folder, and the newest state in it: ``model-1000`` of ``model-1000.index``."""

    folder: Path
    state: str
    shards: tuple[Path, ...]

    @property
    def index(self) -> Path:
        return self.folder / f"{self.state}.index"

    @property
    def named(self) -> tuple[Path, ...]:
        """Sizes and vocabulary."""
        return tuple(self.folder / name for name in (_SIZES, _ENCODER, _MERGES))


def find(path: Path) -> Found:
    """See ``Converter``."""
    run = find_run(path)
    name = f"{path.resolve().name}/{run.state}"
    return Found(name=name, files=(*run.named, run.index, *run.shards))


def find_run(folder: Path) -> Run:
    """The newest state of a run, by the file ``checkpoint``, with everything that it needs.

    Raises:
        CheckpointError: something is missing, which is named.
    """
    missing = [name for name in (_SIZES, _ENCODER, _MERGES) if not (folder / name).is_file()]
    if not (folder / _STATE).is_file():
        raise _lacking(folder, [_STATE, *missing])
    state = _newest(folder / _STATE)
    files = (path for path in folder.iterdir() if path.is_file())
    shards = sorted(p for p in files if _SHARD.sub("", p.name) == state != p.name)
    missing += [] if (folder / f"{state}.index").is_file() else [f"{state}.index"]
    missing += list(_missing_shards(state, shards))
    if missing:
        raise _lacking(folder, missing)
    return Run(folder=folder, state=state, shards=tuple(shards))


def _newest(path: Path) -> str:
    """The state's name; the file may hold the path of the machine that it was trained on.

    It may have been written by hand: in Windows' Unicode, or with other quotation marks.
    """
    try:
        data = path.read_bytes()
        wide = data.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except (OSError, UnicodeDecodeError):
        text = ""
    found = re.search(
        r"^\s*model_checkpoint_path\s*:\s*(['\"])(?P<path>[^\n]+?)\1", text, re.MULTILINE
    )
    name = re.split(r"[/\\]", found["path"])[-1] if found else ""
    if not name:
        raise CheckpointError(
            f"{path}: does not say which state is the newest; copy it again, or write: "
            'model_checkpoint_path: "model-1000"'
        )
    return name


def _missing_shards(state: str, shards: list[Path]) -> Iterator[str]:
    matches = [match for match in (_SHARD.search(shard.name) for shard in shards) if match]
    count = max((int(match["count"]) for match in matches), default=1)
    there = {int(match["number"]) for match in matches}
    for number in range(count):
        if number not in there:
            yield f"{state}.data-{number:05}-of-{count:05}"


def _lacking(folder: Path, missing: list[str]) -> CheckpointError:
    states = sorted(path.stem for path in folder.glob("*.index"))
    there = f" (it has {', '.join(states)})" if states else ""
    return CheckpointError(
        f"{folder}: lacks {', '.join(missing)}{there}; copy the whole folder of the run again"
    )


def read_sizes(folder: Path) -> Architecture:
    """hparams.json.

    Raises:
        CheckpointError: it cannot be read, or the sizes make no sense.
    """
    path = folder / _SIZES
    given = _read_json(path)
    sizes = {key: given.get(key, default) for key, default in _DEFAULTS.items()}
    for key, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise CheckpointError(
                f"{path}: {key} is {size!r}, which is no size; copy the file again"
            )
    if sizes["n_layer"] > MOST_LAYERS:
        raise CheckpointError(
            f"{path}: n_layer is {sizes['n_layer']}, more than the engine's {MOST_LAYERS}; "
            "copy the hparams.json that belongs to this run"
        )
    if sizes["n_embd"] % sizes["n_head"]:
        raise CheckpointError(
            f"{path}: n_embd {sizes['n_embd']} cannot be shared by n_head {sizes['n_head']}; "
            "copy the hparams.json that belongs to this run"
        )
    return Architecture(
        name="gpt2",
        layers=sizes["n_layer"],
        width=sizes["n_embd"],
        heads=sizes["n_head"],
        vocabulary=sizes["n_vocab"],
        context=sizes["n_ctx"],
    )


def read_tokens(folder: Path, vocabulary: int) -> Tokens:
    """encoder.json and vocab.bpe, which have to fit each other and the weights.

    Raises:
        CheckpointError: they cannot be read, or do not fit.
    """
    path = folder / _ENCODER
    encoder = _read_json(path)
    if len(encoder) != vocabulary:
        raise CheckpointError(
            f"{path}: has {len(encoder)} tokens, {_SIZES} says n_vocab {vocabulary}; "
            "copy the encoder.json and the hparams.json of the same run"
        )
    numbers = {number for number in encoder.values() if isinstance(number, int)}
    if numbers != set(range(vocabulary)) or END_OF_TEXT not in encoder:
        raise CheckpointError(
            f"{path}: its numbers have gaps or it lacks {END_OF_TEXT}; copy the file again"
        )
    return Tokens(
        tokens=tuple(sorted(encoder, key=lambda token: int(encoder[token]))),
        merges=tuple(_merges(folder / _MERGES, encoder)),
        end_of_text=encoder[END_OF_TEXT],
    )


def _merges(path: Path, encoder: dict[str, Any]) -> Iterator[str]:
    """Behind a first line with the version, as gpt-2-simple reads it."""
    try:
        rows = path.read_text(encoding="utf-8").split("\n")[1:-1]
    except (OSError, UnicodeDecodeError):
        raise CheckpointError(f"{path}: cannot be read; copy the file again") from None
    for row in rows:
        pair = row.split()
        if len(pair) != 2 or "".join(pair) not in encoder:
            raise CheckpointError(
                f"{path}: {row!r} is no pair of {_ENCODER}; copy both files of the same run"
            )
        yield " ".join(pair)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        parsed = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise CheckpointError(f"{path}: is torn or no JSON; copy the file again")
    return parsed


def write_names(folder: Path, architecture: Architecture, tokens: Tokens) -> None:
    """Write ``hparams.json``, ``encoder.json`` and ``vocab.bpe``: a run but for its weights."""
    a = architecture
    sizes = (a.vocabulary, a.context, a.width, a.heads, a.layers)
    hparams = dict(zip(_DEFAULTS, sizes, strict=True))
    encoder = {token: number for number, token in enumerate(tokens.tokens)}
    merges = "\n".join(["#version: 0.2", *tokens.merges, ""])
    for name, text in (
        (_SIZES, json.dumps(hparams)),
        (_ENCODER, json.dumps(encoder)),
        (_MERGES, merges),
    ):
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def variables_of(architecture: Architecture) -> dict[str, tuple[str, tuple[int, ...]]]:
    """By the name in transformers, TensorFlow's name and shape; a block's matrix has a 1 in front.

    It is a convolution over one position.
    """
    a = architecture
    shapes: dict[str, tuple[int, ...]] = {
        "wte": (a.vocabulary, a.width),
        "wpe": (a.context, a.width),
        "attn.c_attn": (1, a.width, 3 * a.width),
        "attn.c_proj": (1, a.width, a.width),
        "mlp.c_fc": (1, a.width, 4 * a.width),
        "mlp.c_proj": (1, 4 * a.width, a.width),
    }
    variables = {
        theirs: (f"model/{name}", shapes.get(name, (a.width,))) for theirs, name in _OUTER.items()
    }
    for layer in range(a.layers):
        for module, letter in (_LAYERS | _NORMS).items():
            shape = shapes.get(module, (a.width,))
            ours = f"model/h{layer}/{module.replace('.', '/')}"
            theirs = f"transformer.h.{layer}.{module}"
            variables[f"{theirs}.weight"] = (f"{ours}/{letter}", shape)
            variables[f"{theirs}.bias"] = (f"{ours}/b", shape[-1:])
    return variables


def convert(path: Path, weights: Path, precision: Precision, progress: Progress) -> Converted:
    """See ``Converter``."""
    architecture = read_sizes(path)
    tokens = read_tokens(path, architecture.vocabulary)
    if not _is_installed("tensorflow"):
        raise CheckpointError(
            f"{path}: TensorFlow is needed to read a checkpoint of gpt-2-simple, once; "
            'pip install "botconvo[tensorflow]"'
        )
    _read_weights(path, weights, precision, progress)
    return Converted(
        architecture=architecture,
        tokenizer_sha256=tokenizer_digest(tokens),
        prompt_format=PromptFormat(kind="plain", speaker="", start=START_OF_TEXT),
    )


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # somebody has forbidden it
        return False


def _read_weights(path: Path, weights: Path, precision: Precision, progress: Progress) -> None:
    """Have a child process write ``weights``; it reports row by row on its stdout."""
    module = "model_server.checkpoint.tensorflow_weights"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BOTCONVO_")}
    environment = kept | {"CUDA_VISIBLE_DEVICES": "-1", "PYTHONIOENCODING": "utf-8"}
    # -P: a file of the owner's folder that is called like a module must not run in its place.
    words = [sys.executable, "-P", "-m", module, str(path.resolve()), str(weights.resolve())]
    with (
        TemporaryFile() as errors,
        subprocess.Popen(
            [*words, precision],
            stdin=subprocess.PIPE,  # it ends with us, however we end
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            env=environment,
        ) as child,
    ):
        try:
            assert child.stdout is not None
            fault, disk = _follow(child.stdout, progress)
        finally:
            if sys.exc_info()[0] is not None:
                child.kill()
        code = child.wait()
        if fault is not None and disk is not None:
            raise DiskError(fault, disk)
        if fault is not None and code == _FAILED:
            raise CheckpointError(fault)
        if code:  # it crashed, or was killed for its memory
            raise CheckpointError(
                f"{path}: the process that reads TensorFlow's files ended with code {code}: "
                f"{_last_line(errors)}"
            )


def _follow(rows: IO[str], progress: Progress) -> tuple[str | None, str | None]:
    """Hand on how far the child is; what it says is wrong, and why the disk refuses, if it does."""
    fault = disk = None
    for row in rows:
        report = json.loads(row)
        if "error" in report:
            fault, disk = str(report["error"]), report.get("disk")
        else:
            progress(report["done"], report["total"])
    return fault, disk


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    rows = errors.read().decode("utf-8", "replace").split("\n")
    return next((row.strip() for row in reversed(rows) if row.strip()), "it left no message")
