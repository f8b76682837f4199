"""Files in a folder or a zip, read in place: nothing is unpacked, nothing outside is followed.

A zip may come from anybody: names that lead out of it, locked files and files that grow beyond
reason are refused before a byte of them is read.
"""

import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol, cast

from botconvo.errors import ImportFailed

__all__ = ["DAMAGED", "FolderTree", "Tree", "ZipTree", "is_zip", "natural", "tree_of"]

DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
"""What reading a zip raises where its bytes are damaged."""
_GROWS = 200
"""Chats shrink to a tenth in a zip, hardly ever to a fiftieth; a zip bomb to a thousandth."""
_SMALL_BYTES = 50_000_000
"""What unpacks to less does no harm, however well it was packed."""
_ENCRYPTED = 0x1
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""All other ways are rare, and unpack into memory without a limit."""
_NUMBER = re.compile(r"(\d+)")


class Tree(Protocol):
    """Files by their POSIX paths within it."""

    def names(self) -> tuple[str, ...]:
        """All files, parts of one export in the order of their numbers."""

    def open(self, name: str) -> BinaryIO:
        """The bytes of one of them.

        Raises:
            OSError: it cannot be read.
            KeyError: there is none of that name (any more).
            ImportFailed: it is packed in a way that is not read.
        """

    def size(self, name: str) -> int:
        """How many bytes one of them has."""


class FolderTree:
    """A folder with all that is below it.  Links to folders are not followed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> tuple[str, ...]:
        """With the folders and links that cannot be followed: ``open`` says why.

        Raises:
            OSError: the folder itself cannot be read.
        """
        next(self._folder.iterdir(), None)
        found: list[Path] = []
        closed = lambda error: found.append(Path(error.filename))  # noqa: E731 - a hook
        for folder, below, files in os.walk(self._folder, onerror=closed):
            below[:] = [name for name in below if not name.startswith(".")]
            paths = (Path(folder, name) for name in files if not name.startswith("."))
            found.extend(path for path in paths if path.is_file() or not path.exists())
        return natural(path.relative_to(self._folder).as_posix() for path in found)

    def open(self, name: str) -> BinaryIO:
        path = self._folder / name
        if path.is_dir():
            next(path.iterdir(), None)
        return path.open("rb")

    def size(self, name: str) -> int:
        return (self._folder / name).stat().st_size


class ZipTree:
    """A zip file.

    Raises:
        ImportFailed: it is torn, locked, or made to do harm.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as broken:
            raise ImportFailed(
                f"{path} is a torn zip ({broken}); download or copy it again"
            ) from None
        # One without a name, at which zipfile stumbles, cannot be asked for.
        files = [info for info in self._zip.infolist() if info.filename and not info.is_dir()]
        self._path, self._files = path, {info.filename: info for info in files}
        self._names = natural(name for name in self._files if not _is_clutter(name))
        for info in files:
            self._check(info)
        self._check_growth("its files", path.stat().st_size, sum(info.file_size for info in files))

    def names(self) -> tuple[str, ...]:
        return self._names

    def open(self, name: str) -> BinaryIO:
        info = self._files[name]
        if info.compress_type not in _PACKED:
            raise ImportFailed(
                "is packed in a way that is not read here; unpack the zip and import the folder"
            )
        try:
            return cast(BinaryIO, self._zip.open(info))
        except (ValueError, ArithmeticError, RuntimeError, struct.error) as broken:
            raise zipfile.BadZipFile(f"{name!r} begins nowhere ({broken})") from None

    def size(self, name: str) -> int:
        return self._files[name].file_size

    def _check(self, info: zipfile.ZipInfo) -> None:
        where = f"{self._path} holds {info.filename!r}"
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", info.filename):
            raise ImportFailed(f"{where}, a name that leads out of the zip; nothing was read")
        if info.flag_bits & _ENCRYPTED:
            raise ImportFailed(f"{where}, which has a password; unpack it and import the folder")
        self._check_growth(repr(info.filename), info.compress_size, info.file_size)

    def _check_growth(self, what: str, packed: int, unpacked: int) -> None:
        if unpacked > max(_SMALL_BYTES, _GROWS * packed):
            raise ImportFailed(
                f"{self._path} holds {what}, which would grow from {packed:,} to {unpacked:,} "
                "bytes; if you trust it, unpack it and import the folder"
            )


def tree_of(path: Path) -> FolderTree | ZipTree:
    """The folder or zip at ``path``.

    A zip stays open until another one is asked for: exports are read one by one, several times
    each, and a zip may hold thousands of them.

    Raises:
        ImportFailed, OSError: see ``ZipTree``.
    """
    if path.is_dir():
        return FolderTree(path)
    state = path.stat()
    return _zip_tree(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1)
def _zip_tree(path: Path, _changed: int, _size: int) -> ZipTree:
    return ZipTree(path)


def is_zip(head: bytes) -> bool:
    """Whether a file that begins so is a zip."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def natural(names: Iterable[str]) -> tuple[str, ...]:
    """Sorted as people count: ``a``, ``a [part 2]``, ``a [part 10]``; extensions come last."""
    return tuple(sorted(names, key=_key))


def _key(name: str) -> tuple[list[str | tuple[int, str]], str]:
    path = PurePosixPath(name)
    words = _NUMBER.split(name.removesuffix(path.suffix).casefold())
    # By length and digits: Python makes no number of thousands of them.
    return [_number(word) if at % 2 else word for at, word in enumerate(words)], path.suffix


def _number(digits: str) -> tuple[int, str]:
    plain = digits.lstrip("0")
    return len(plain), plain


def _is_clutter(name: str) -> bool:
    """What macOS adds to every zip, and hidden files."""
    return any(part == "__MACOSX" or part.startswith(".") for part in PurePosixPath(name).parts)
