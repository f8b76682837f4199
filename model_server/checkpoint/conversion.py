"""A checkpoint of another program becomes one of ours, once, in a cache.

The cache holds a folder for every digest of what was read, so a checkpoint that changed is
converted anew.  A folder is written beside its place and put there whole.  One process at a time
converts into a cache: a model may take gigabytes of memory, and who waits takes what was made
meanwhile.  It knows nothing of any program's files: each has a module with a ``Converter``.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

from model_server.checkpoint.folder import Checkpoint, load_checkpoint, sync
from model_server.checkpoint.kinds import ForeignKind
from model_server.checkpoint.manifest import (
    MANIFEST_NAME,
    Architecture,
    Manifest,
    Source,
    Weights,
)
from model_server.checkpoint.placing import alone_in, unfinished
from model_server.checkpoint.tokens import sha256_of
from model_server.errors import CheckpointError, DiskError
from model_server.prompt_format import PromptFormat

__all__ = [
    "Converted",
    "Converter",
    "Found",
    "Precision",
    "Progress",
    "Wish",
    "convert_once",
    "digest_of_files",
    "remove_converted",
]

Precision = Literal["q8_0", "f16"]
Progress = Callable[[int, int], None]
"""Takes how much is done, and of how much."""
_WEIGHTS_NAME = "model.gguf"
_CONVERSION = {"conversion": "2"}
"""Goes up when the same files are converted to something else: what older ones made is replaced."""
_SMALL = 4_000_000
"""Bytes that are hashed at every start; the digest of more is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a conversion would read: a name for people, and every file, in a fixed order."""

    name: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What a manifest tells of the weights that were written; the format names nobody."""

    architecture: Architecture
    tokenizer_sha256: str
    prompt_format: PromptFormat


class Converter(Protocol):
    """Reads one program's checkpoints."""

    def find(self, path: Path) -> Found:
        """
        Raises:
            CheckpointError: something is missing, which is named.
        """
        ...

    def convert(
        self, path: Path, weights: Path, precision: Precision, progress: Progress
    ) -> Converted:
        """Write the weights as GGUF.

        Raises:
            CheckpointError: what was found is damaged, or does not fit together.
            OSError: the disk refuses.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to convert, with what, how exactly, and who hears how far it is.

    ``waiting`` is called once if another process is converting just now.
    """

    path: Path
    kind: ForeignKind
    converter: Converter
    precision: Precision
    progress: Progress
    waiting: Callable[[], None] = lambda: None


def convert_once(wish: Wish, cache: Path) -> Checkpoint:
    """The checkpoint of ours that ``wish.path`` was converted to, now or earlier.

    Raises:
        CheckpointError: it cannot be read or does not fit together, or the disk refuses; the cache
            is as it was.
    """
    found = wish.converter.find(wish.path)
    try:
        digest = digest_of_files(found.files, cache)
        place = cache / _place_name(wish, digest)
        return _whole(place) or _made(wish, found, digest, place)
    except (OSError, DiskError) as error:
        if isinstance(error, OSError) and error.filename in map(str, found.files):
            raise CheckpointError(
                f"{error.filename}: cannot be read: {error.strerror}; look at its permissions"
            ) from None
        reason = error.reason if isinstance(error, DiskError) else error.strerror or error
        raise CheckpointError(
            f"{wish.path}: cannot be converted into {cache}: {reason}; "
            "free some space there, or check its permissions, and try again"
        ) from None


def remove_converted(cache: Path, sources: Collection[str]) -> int:
    """Delete what was converted from these sources, by their digests; how many folders.

    Raises:
        CheckpointError: one of them cannot be deleted.
    """
    removed = 0
    for path in sorted(cache.glob(f"*/{MANIFEST_NAME}")):
        try:
            manifest = Manifest.model_validate_json(path.read_bytes())
            if manifest.source is not None and manifest.source.sha256 in sources:
                shutil.rmtree(path.parent)
                removed += 1
        except ValueError:  # torn, and not known by anybody
            continue
        except OSError as error:
            raise CheckpointError(
                f"{path.parent}: cannot be deleted: {error.strerror or error}; stop the server "
                "that uses it, and delete it"
            ) from None
    return removed


def _made(wish: Wish, found: Found, digest: str, place: Path) -> Checkpoint:
    with alone_in(place.parent, wish.waiting):
        checkpoint = _whole(place)  # another process may have made it meanwhile
        if checkpoint is None:
            with unfinished(place) as partial:
                _convert(wish, found, digest, partial)
            checkpoint = load_checkpoint(place)
    return checkpoint


def _convert(wish: Wish, found: Found, digest: str, folder: Path) -> None:
    weights = folder / _WEIGHTS_NAME
    made = wish.converter.convert(wish.path, weights, wish.precision, wish.progress)
    manifest = Manifest(
        persona=None,
        created=datetime.now(UTC),
        weights=_describe(weights, digest, wish.kind),
        architecture=made.architecture,
        tokenizer_sha256=made.tokenizer_sha256,
        prompt_format=made.prompt_format,
        source=Source(kind=wish.kind, name=found.name, sha256=digest),
        versions=_CONVERSION,
    )
    text = manifest.model_dump_json(indent=2) + "\n"
    (folder / MANIFEST_NAME).write_text(text, encoding="utf-8", newline="\n")
    if wish.kind != "gguf":  # a linked file is somebody else's
        sync(weights)
    sync(folder / MANIFEST_NAME)


def _describe(weights: Path, digest: str, kind: ForeignKind) -> Weights:
    """A GGUF file was hashed already, and is taken as it is."""
    sha256 = digest if kind == "gguf" else sha256_of(weights)
    return Weights(file=weights.name, kind="full", sha256=sha256, bytes=weights.stat().st_size)


def _whole(place: Path) -> Checkpoint | None:
    if not place.exists():
        return None
    try:
        checkpoint = load_checkpoint(place)
    except CheckpointError:
        return None  # torn: it is written anew
    return checkpoint if checkpoint.manifest.versions == _CONVERSION else None


def digest_of_files(files: Sequence[Path], cache: Path) -> str:
    """SHA-256 over all files; remembered as long as they have not been touched."""
    states = [(file.resolve(), file.stat()) for file in files]
    if sum(state.st_size for _, state in states) <= _SMALL:
        return _hash(files)
    stamps = [
        (str(file), state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
        for file, state in states
    ]
    remembered = cache / "digests" / hashlib.sha256(json.dumps(stamps).encode()).hexdigest()[:32]
    with suppress(OSError, ValueError):
        digest = remembered.read_text(encoding="ascii")
        if len(digest) == len(hashlib.sha256().hexdigest()):
            return digest
    digest = _hash(files)
    with suppress(OSError):  # it is only for speed
        remembered.parent.mkdir(parents=True, exist_ok=True)
        partial = remembered.with_name(f"{remembered.name}.{os.getpid()}")
        partial.write_text(digest, encoding="ascii")
        partial.replace(remembered)
    return digest


def _hash(files: Sequence[Path]) -> str:
    digests = [sha256_of(file) for file in files]
    return (
        digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()
    )


def _place_name(wish: Wish, digest: str) -> str:
    """Begins with a name by which people find a checkpoint in the cache."""
    resolved = wish.path.resolve()
    name = resolved.stem if resolved.is_file() else resolved.name
    kept = "".join(c if c.isalnum() or c in "-_" else "-" for c in name.casefold()).strip("-")
    parts = [kept[:40] or "checkpoint", digest[:16]]
    if wish.kind != "gguf":  # which keeps its own
        parts.append(wish.precision)
    return "-".join(parts)
