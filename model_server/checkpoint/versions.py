"""Older versions of a checkpoint: folders beside it, ``<folder>.previous`` and ``.previous-2`` on.

The newest has the lowest number.  It knows nothing of what is in them.
"""

import ctypes
import os
import re
import shutil
import sys
from pathlib import Path

__all__ = ["PARTIAL", "is_aside", "older_versions", "plain_name", "put_in_place", "swap_with"]

PARTIAL = ".partial"
"""What is added to a folder's name while it is written."""
_OLDER = ".previous"
_ASIDE = re.compile(r"(?P<plain>.+)\.(?:partial|previous(?:-(?P<number>\d+))?)\Z", re.DOTALL)
_HERE, _EXCHANGE = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE of Linux' ``renameat2``."""


def plain_name(name: str) -> str:
    """A folder's name without what says that it is an older or an unfinished version."""
    found = _ASIDE.match(name)
    return name if found is None else found["plain"]


def is_aside(name: str) -> bool:
    """Whether a folder of that name is an older or an unfinished version."""
    return plain_name(name) != name


def older_versions(folder: Path) -> tuple[Path, ...]:
    """The older versions of the checkpoint ``folder``, the newest first."""
    if not folder.parent.is_dir():
        return ()
    found = {
        _number(path): path
        for path in folder.parent.iterdir()
        if path.name.startswith(folder.name + _OLDER) and plain_name(path.name) == folder.name
    }
    return tuple(found[number] for number in sorted(found))


def _number(path: Path) -> int:
    found = _ASIDE.match(path.name)
    return int(found["number"] or 1) if found else 0


def _older(folder: Path, number: int) -> Path:
    return folder.with_name(folder.name + _OLDER + (f"-{number}" if number > 1 else ""))


def put_in_place(partial: Path, folder: Path, *, keep: int) -> None:
    """Give a finished folder its place; the one that is there becomes the newest older version.

    At most ``keep`` older versions stay.

    Raises:
        OSError: the disk refuses; ``folder`` is as it was.
    """
    if not folder.exists():
        partial.rename(folder)
        return
    _make_room(folder)
    older = _older(folder, 1)
    folder.rename(older)
    try:
        partial.rename(folder)
    except OSError:
        older.rename(folder)
        raise
    for path in older_versions(folder)[keep:]:
        shutil.rmtree(path)


def _make_room(folder: Path) -> None:
    """Move the older versions by one, up to the first number that is free."""
    last = 1
    while _older(folder, last).exists():
        last += 1
    for number in range(last, 1, -1):
        _older(folder, number - 1).rename(_older(folder, number))


def swap_with(older: Path, folder: Path) -> None:
    """An older version and the one in use change places; in one step where the system can.

    Where none is in use, the older one takes its place.

    Raises:
        OSError: the disk refuses; both are as they were.
    """
    if not folder.exists():
        older.rename(folder)
        return
    if _exchanged(older, folder):
        return
    aside = folder.with_name(folder.name + PARTIAL)
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    try:
        older.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    aside.rename(older)


def _exchanged(one: Path, other: Path) -> bool:
    """Whether Linux did it at once."""
    if sys.platform != "linux":
        return False
    exchange = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if exchange is None:  # another C library, or an old one
        return False
    names = os.fsencode(one), os.fsencode(other)
    return bool(exchange(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0)
