"""A project is written into one archive: a consistent copy, checked, whole or not there."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from botconvo import __version__
from botconvo.config import load_settings
from botconvo.consent import PersonId, verify
from botconvo.errors import ConsentError, OutputError
from botconvo.moving.contents import CONFIG, Contents, LeftBehind, contents_of
from botconvo.moving.listing import LISTING, PackedFile, made
from botconvo.store import Store
from botconvo.taking import drop_without_consent

__all__ = ["PackedProject", "check_ledger", "pack_project"]

Progress = Callable[[str, int, int], None]
_AT_ONCE = 1 << 20
_DENSE = (".gguf", ".safetensors", ".png", ".jpg", ".jpeg", ".webp", ".zip")
"""Files that packing makes no smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedProject:
    """What was written, and what stayed behind; ``dropped`` rows were of nobody who agrees now."""

    archive: Path
    files: int
    size: int
    dropped: int
    left: tuple[LeftBehind, ...]


def pack_project(
    project: Path, archive: Path, now: datetime, progress: Progress = lambda *_: None
) -> PackedProject:
    """Write a project into ``archive``, also while its clones talk.

    Raises:
        OutputError: something is there already, or the disk refuses; nothing is left of it.
        ConsentError: somebody has edited the record of who agreed.
        ConfigError, StoreError, PackError: config.toml, the store or a file cannot be used.
    """
    if archive.exists():
        raise OutputError(f"{archive} is there already; name another file, or move it away")
    settings = load_settings(project / CONFIG, required=False)
    try:
        archive.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".botconvo-pack-", dir=archive.parent) as scratch:
            copy = Path(scratch) / "store"
            with Store.open(settings.store, create=False) as store:
                check_ledger(store)
                store.copy_to(copy)
            with Store.open(copy) as store:
                dropped = drop_without_consent(store, now)
                contents = contents_of(project, settings, store, now)
                people = frozenset(person.id for person in store.people())
            contents.files[contents.store] = copy
            whole = Path(scratch) / "archive"
            size = _write(whole, contents, now, archive.name, progress)
            if archive.exists():
                raise OutputError(f"{archive} is there already; name another file")
            whole.replace(archive)
        _keep_in_mind(settings.store, archive, people)
    except OSError as error:
        raise OutputError(
            f"{archive} cannot be written: {error.strerror or error}"
            f"{f' ({error.filename})' if error.filename else ''}; nothing of it is left, free "
            "space and repeat it"
        ) from None
    return PackedProject(
        archive=archive,
        files=len(contents.files) + (contents.config is not None),
        size=size,
        dropped=dropped,
        left=tuple(contents.left),
    )


def _keep_in_mind(store: Path, archive: Path, people: frozenset[PersonId]) -> None:
    """Who is forgotten has to go from the archive, too, as long as it lies there."""
    with Store.open(store, create=False) as opened:
        opened.note_file(archive, "project", people)


def check_ledger(store: Store) -> None:
    """
    Raises:
        ConsentError: somebody has edited the record of who agreed.
    """
    faults = verify(store.ledger())
    if faults:
        wrong = "; ".join(f"entry {fault.number} {fault.what}" for fault in faults[:3])
        raise ConsentError(f"{store.path}: the ledger does not hold: {wrong}; restore a copy of it")


def _write(path: Path, contents: Contents, now: datetime, shown: str, progress: Progress) -> int:
    total = sum(source.stat().st_size for source in contents.files.values())
    done = 0
    packed: list[PackedFile] = []
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(handle, "w+b") as file:
        with ZipFile(file, "w", ZIP_DEFLATED) as archive:
            if contents.config is not None:
                data = contents.config.encode()
                archive.writestr(CONFIG, data)
                digest = hashlib.sha256(data).hexdigest()
                packed.append(PackedFile(name=CONFIG, size=len(data), sha256=digest))
            for name, source in contents.files.items():
                sha256, size = hashlib.sha256(), 0
                info = ZipInfo(name, (now.year, now.month, now.day, now.hour, now.minute, 0))
                info.compress_type = ZIP_STORED if name.endswith(_DENSE) else ZIP_DEFLATED
                with source.open("rb") as read, archive.open(info, "w", force_zip64=True) as out:
                    while block := read.read(_AT_ONCE):
                        out.write(block)
                        sha256.update(block)
                        size += len(block)
                        done += len(block)
                        progress(shown, done, total)
                packed.append(PackedFile(name=name, size=size, sha256=sha256.hexdigest()))
            listing = made(tuple(packed), contents.store, __version__, now)
            archive.writestr(LISTING, listing.model_dump_json(indent=2) + "\n")
        file.flush()
        with suppress(OSError):  # not every disk can be asked
            os.fsync(file.fileno())
    return path.stat().st_size
