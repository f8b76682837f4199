"""A project comes out of its archive: everything is checked before anything is put in its place."""

import hashlib
import os
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from botconvo.errors import BotConvoError, OutputError, PackError
from botconvo.moving.listing import LISTING, LISTING_MOST, Listing, PackedFile, read_listing
from botconvo.moving.pack import check_ledger
from botconvo.store import Store
from botconvo.taking import drop_without_consent

__all__ = ["UnpackedProject", "unpack_project"]

Progress = Callable[[str, int, int], None]
_AT_ONCE = 1 << 20
_ENCRYPTED = 0x1
_DAMAGED = (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpackedProject:
    """The folder that is there now; ``dropped`` rows were of nobody who agrees any more."""

    folder: Path
    listing: Listing
    dropped: int


def unpack_project(
    archive: Path, folder: Path, now: datetime, progress: Progress = lambda *_: None
) -> UnpackedProject:
    """Put the project of ``archive`` into ``folder``, which must not be there, or be empty.

    Raises:
        PackError: the archive is torn, was changed, or is of something else.
        OutputError: there is something in the folder already, or the disk refuses.
        ConsentError, StoreError: its store cannot be used.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise OutputError(f"{folder} is not empty; name a folder that is not there yet")
    try:
        with archive.open("rb") as file, ZipFile(file) as zipped:
            listing, members = _examined(zipped)
            return _place(zipped, listing, members, folder, now, archive.name, progress)
    except FileNotFoundError:
        raise PackError(f"there is no file {archive}; check its name") from None
    except BotConvoError as error:
        raise type(error)(f"{archive}: {error}") from None
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written: {error.strerror or error}; nothing of it is left, free "
            "space and repeat it"
        ) from None
    except _DAMAGED as error:
        raise PackError(
            f"{archive}: it is torn, or no archive of 'botconvo pack' ({error}); copy it again"
        ) from None


def _examined(zipped: ZipFile) -> tuple[Listing, dict[str, ZipInfo]]:
    """What the archive says it holds, compared with what it holds, before anything is unpacked."""
    infos = zipped.infolist()
    members = {info.filename: info for info in infos}
    if LISTING not in members:
        if "pack.json" in members:
            raise PackError("it is a training pack; unpack it and use 'botconvo train-packed'")
        raise PackError(f"it is no archive of 'botconvo pack' (it holds no {LISTING})")
    if members[LISTING].file_size > LISTING_MOST:
        raise PackError(f"its {LISTING} is too large to be one")
    listing = read_listing(zipped.read(members.pop(LISTING)))
    if len(infos) - 1 != len(members) or members.keys() != {file.name for file in listing.files}:
        raise PackError(f"its files are not those that {LISTING} names; it was changed")
    for file in listing.files:
        info = members[file.name]
        if info.file_size != file.size or info.is_dir():
            raise PackError(f"{file.name} is not as long as {LISTING} says; it was changed")
        if info.flag_bits & _ENCRYPTED or info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise PackError(f"{file.name} is packed in a way that 'botconvo pack' does not use")
    return listing, members


def _place(
    zipped: ZipFile,
    listing: Listing,
    members: dict[str, ZipInfo],
    folder: Path,
    now: datetime,
    shown: str,
    progress: Progress,
) -> UnpackedProject:
    parent = folder.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(parent).free
    if listing.size > free:
        raise OutputError(
            f"it needs {listing.size / 1e9:.1f} GB and {parent} has {free / 1e9:.1f} GB free"
        )
    scratch = Path(mkdtemp(prefix=f".{folder.name}-unpacking-", dir=parent))
    try:
        done = 0
        for file in listing.files:
            _unpack(zipped, members[file.name], file, scratch / file.name)
            done += file.size
            progress(shown, done, listing.size)
        with Store.open(scratch / listing.store, create=False) as store:
            check_ledger(store)
            dropped = drop_without_consent(store, now)
        if folder.is_dir():
            folder.rmdir()  # it is empty, or this fails
        scratch.replace(folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return UnpackedProject(folder=folder, listing=listing, dropped=dropped)


def _unpack(zipped: ZipFile, info: ZipInfo, file: PackedFile, target: Path) -> None:
    """No more bytes than it has to have, and exactly these."""
    target.parent.mkdir(parents=True, exist_ok=True)
    sha256, size = hashlib.sha256(), 0
    handle = os.open(
        target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600
    )
    with os.fdopen(handle, "wb") as out, zipped.open(info) as read:
        while block := read.read(_AT_ONCE):
            size += len(block)
            if size > file.size:
                break
            out.write(block)
            sha256.update(block)
    if size != file.size or sha256.hexdigest() != file.sha256:
        raise PackError(f"{file.name} is not what was packed; copy the archive again")
