"""A checkpoint folder: reading it strictly, and writing it so that it is whole or not there.

It knows what fits together (manifest, weights, base, vocabulary), and nothing of serving.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from model_server.checkpoint.gguf_header import Header, read_header
from model_server.checkpoint.manifest import MANIFEST_NAME, Manifest, Weights
from model_server.checkpoint.sizes import sizes_of
from model_server.checkpoint.tokens import AS_IT_IS, Reading, sha256_of, tokenizer_digest, tokens_of
from model_server.checkpoint.versions import PARTIAL, put_in_place
from model_server.errors import CheckpointError
from model_server.prompt_format import KNOWN_VERSION, PromptFormat

__all__ = ["Checkpoint", "describe_weights", "load_checkpoint", "sync", "write_checkpoint"]

_LARGE = 200_000_000
"""Bytes; hashing a larger file would cost more than 0.2 s at every start."""
_FLOATS = (None, 0, 1, 32)
"""llama.cpp's types of files (``general.file_type``): float32, f16, bf16; None says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint that was found whole.

    ``base_path`` are the weights to load, ``adapter_path`` the LoRA adapter on them or None;
    ``digest`` is the SHA-256 of the manifest's bytes, ``end_of_text`` a token id, ``reading`` what
    has to be done to a prompt.  ``quantised`` says that the base's matrices are no floats.
    """

    manifest: Manifest
    folder: Path
    base_path: Path
    adapter_path: Path | None
    digest: str
    end_of_text: int
    reading: Reading = AS_IT_IS
    quantised: bool = False


def load_checkpoint(
    folder: Path, *, base: Path | None = None, hash_large: bool = False
) -> Checkpoint:
    """Read a checkpoint and check that all of it fits together.

    ``base`` is a base checkpoint's folder or its GGUF file, used where the manifest names no path
    or that path holds nothing.  Files past 200 MB are hashed only with ``hash_large``.

    Raises:
        CheckpointError: one line with the file, the key and what to do.
    """
    manifest, digest = _read_manifest(folder)
    weights = folder / manifest.weights.file
    _check_weights(weights, manifest.weights, folder / MANIFEST_NAME, hash_large)
    header = read_header(weights)
    if manifest.weights.kind == "full":
        base_path, adapter_path, base_header = weights, None, header
    else:
        base_path, adapter_path = _find_base(folder, manifest, base, hash_large), weights
        base_header = read_header(base_path)
        _check_adapter(weights, header, manifest, base_path, base_header)
    _check_architecture(base_path, base_header, manifest)
    tokens = tokens_of(base_path, base_header)
    if tokenizer_digest(tokens) != manifest.tokenizer_sha256:
        raise CheckpointError(
            f"{base_path}: has another tokenizer than {folder / MANIFEST_NAME} says "
            f"(tokenizer_sha256); give the base that the checkpoint was trained on"
        )
    return Checkpoint(
        manifest=manifest,
        folder=folder,
        base_path=base_path,
        adapter_path=adapter_path,
        digest=digest,
        end_of_text=tokens.end_of_text,
        reading=tokens.reading,
        quantised=base_header.number("general.file_type") not in _FLOATS,
    )


def _read_manifest(folder: Path) -> tuple[Manifest, str]:
    path = folder / MANIFEST_NAME
    if not folder.exists():
        raise CheckpointError(f"{folder}: there is no such folder; give a checkpoint's folder")
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: is a file; give the folder that holds {MANIFEST_NAME}")
    try:
        data = path.read_bytes()
        parsed = json.loads(data)
    except FileNotFoundError:
        raise CheckpointError(
            f"{folder}: is no checkpoint, it holds no {MANIFEST_NAME}; give another folder or train"
        ) from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise CheckpointError(f"{path}: is not JSON; restore it or train again") from None
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        raise CheckpointError(f"{path}: {_first_fault(error)}") from None
    _refuse_unknown_format(path, parsed)
    return manifest, hashlib.sha256(data).hexdigest()


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    key = ".".join(str(part) for part in fault["loc"])
    hint = {
        "extra_forbidden": "is not a known key; a newer BotConvo may have written it",
        "missing": "is missing",
        "literal_error": f"{fault['msg']}; another version of BotConvo wrote it",
    }.get(fault["type"], fault["msg"])
    return f"{key}: {hint}" if key else hint


def _refuse_unknown_format(path: Path, parsed: dict[str, object]) -> None:
    """PromptFormat is a plain dataclass, of which pydantic overlooks unknown keys."""
    given = parsed.get("prompt_format")
    if isinstance(given, dict):
        unknown = sorted(set(given) - {field.name for field in fields(PromptFormat)})
        if unknown:
            raise CheckpointError(
                f"{path}: prompt_format.{unknown[0]}: is not a known key; "
                "a newer BotConvo may have written it"
            )
        version = given.get("version", KNOWN_VERSION)
        if version != KNOWN_VERSION:
            raise CheckpointError(
                f"{path}: prompt_format.version: is {version}, and this BotConvo writes prompts of "
                f"version {KNOWN_VERSION} only; update BotConvo, or train the clone again"
            )


def _check_weights(path: Path, expected: Weights, manifest: Path, hash_large: bool) -> None:
    try:
        size = path.stat().st_size
        if size != expected.bytes:
            raise CheckpointError(
                f"{path}: is {size} bytes, {manifest} says {expected.bytes} (weights.bytes); "
                "copy or train it again"
            )
        same = (size > _LARGE and not hash_large) or sha256_of(path) == expected.sha256
    except FileNotFoundError:
        raise CheckpointError(
            f"{path}: is missing, but {manifest} names it (weights.file); copy it there"
        ) from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    if not same:
        raise CheckpointError(
            f"{path}: is not the file that {manifest} describes (weights.sha256); "
            "copy or train it again"
        )


def _find_base(folder: Path, manifest: Manifest, given: Path | None, hash_large: bool) -> Path:
    reference = manifest.base
    if reference is None:
        raise CheckpointError(f"{folder / MANIFEST_NAME}: base: is missing")
    named = folder / reference.path if reference.path else None
    found = next((path for path in (named, given) if path is not None and path.exists()), None)
    if found is None:
        looked = " or ".join(str(path) for path in (named, given) if path is not None)
        raise CheckpointError(
            f"{folder}: its base {reference.name} was not found"
            f"{f' at {looked}' if looked else ''}; give it with --base"
        )
    if found.is_dir():
        found = _weights_of_base_folder(found, hash_large)
    large = found.stat().st_size > _LARGE
    if not (large and not hash_large) and sha256_of(found) != reference.sha256:
        raise CheckpointError(
            f"{found}: is not the base {reference.name} that {folder} was trained on "
            "(base.sha256); give the right one with --base"
        )
    return found


def _weights_of_base_folder(folder: Path, hash_large: bool) -> Path:
    manifest, _ = _read_manifest(folder)
    if manifest.weights.kind != "full":
        raise CheckpointError(f"{folder}: holds an adapter and cannot be the base of another")
    path = folder / manifest.weights.file
    _check_weights(path, manifest.weights, folder / MANIFEST_NAME, hash_large)
    return path


def _check_architecture(path: Path, header: Header, manifest: Manifest) -> None:
    """The sizes in the GGUF file's metadata against the manifest's."""
    expected, found_sizes = manifest.architecture.model_dump(), sizes_of(header)
    if header.text("general.type") not in ("model", None):
        raise CheckpointError(f"{path}: is not whole weights but {header.text('general.type')}")
    for key, wanted in expected.items():
        if (found := found_sizes[key]) != wanted:
            raise CheckpointError(
                f"{path}: has {key} {found}, the manifest says {wanted} (architecture.{key}); "
                "these do not belong together"
            )


def _check_adapter(
    path: Path, header: Header, manifest: Manifest, base_path: Path, base: Header
) -> None:
    if header.text("general.type") != "adapter" or header.text("adapter.type") != "lora":
        raise CheckpointError(
            f"{path}: is no LoRA adapter, but the manifest says so (weights.kind)"
        )
    if header.text("general.architecture") != manifest.architecture.name:
        raise CheckpointError(
            f"{path}: is an adapter for {header.text('general.architecture')}, the manifest says "
            f"{manifest.architecture.name} (architecture.name)"
        )
    for name, tensor in header.tensors.items():
        found = re.fullmatch(r"(.+)\.lora_([ab])", name)
        target = base.tensors.get(found[1]) if found else None
        if found is None or target is None:
            raise CheckpointError(f"{path}: {name} has no counterpart in {base_path}")
        # llama.cpp keeps both parts of an adapted embedding transposed; those it checks itself.
        if found[1] != "token_embd.weight" and not _fits(tensor.shape, found[2], target.shape):
            raise CheckpointError(
                f"{path}: {name} {tensor.shape} does not fit {target.shape} of {base_path}; "
                "give the base that it was trained on"
            )


def _fits(shape: tuple[int, ...], part: str, target: tuple[int, ...]) -> bool:
    """A is (rank, in) and B is (out, rank), for a matrix (out, in)."""
    return len(shape) == 2 and (shape[1] == target[1] if part == "a" else shape[0] == target[0])


def describe_weights(path: Path, kind: Literal["adapter", "full"]) -> Weights:
    """The manifest's entry for a GGUF file, under its own name."""
    return Weights(file=path.name, kind=kind, sha256=sha256_of(path), bytes=path.stat().st_size)


def write_checkpoint(
    folder: Path,
    manifest: Manifest,
    weights: Path,
    *,
    beside: Iterable[Path] = (),
    keep: int = 1,
    check: Callable[[Path], None] = lambda _: None,
) -> None:
    """Write a checkpoint folder with a copy of ``weights``; it appears whole or not at all.

    Copies of the files ``beside`` stand in it too, for training or for other programs.  What was
    there is kept beside it (see ``versions``), ``keep`` older versions at most.  ``check`` is given
    the finished folder before it takes its place, and raises where it must not.

    Raises:
        CheckpointError: the weights are not those of the manifest, or the disk refuses; what was
            there before is as it was.
    """
    partial = folder.with_name(folder.name + PARTIAL)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        copy = partial / manifest.weights.file
        shutil.copyfile(weights, copy)
        _check_weights(copy, manifest.weights, folder / MANIFEST_NAME, hash_large=True)
        others = [Path(shutil.copyfile(path, partial / path.name)) for path in beside]
        text = manifest.model_dump_json(indent=2) + "\n"
        (partial / MANIFEST_NAME).write_text(text, encoding="utf-8", newline="\n")
        for path in (copy, *others, partial / MANIFEST_NAME, partial):
            sync(path)
        check(partial)
        put_in_place(partial, folder, keep=keep)
        sync(folder.parent)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise CheckpointError(
            f"{folder}: cannot be written: {error.strerror or error}; free some space, or stop "
            "the server that uses it, and try again"
        ) from None
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def sync(path: Path) -> None:
    """Force a file or a folder out to the disk."""
    if path.is_dir() and os.name == "nt":  # Windows opens no folders and needs no sync of them
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
