"""Copies of the store that are made before it is changed for a newer version.

They hold the words of people as the store does.  They lie beside it and nowhere else, so that
whatever erases somebody's words finds all of them here: ``backups`` and ``delete_backups``.
"""

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["backups", "delete_backups", "make_backup", "snapshot"]

_KEPT = 2
"""The newest ones; older ones are deleted when another is made."""


def backups(store: Path) -> tuple[Path, ...]:
    """The copies of this store that are there, oldest first; torn ones too."""
    if not store.parent.is_dir():
        return ()
    begins = f"{store.name}.backup-"
    return tuple(sorted((p for p in store.parent.iterdir() if p.name.startswith(begins)), key=_age))


def delete_backups(store: Path) -> int:
    """Delete all of them; how many there were.

    Raises:
        OSError: one cannot be deleted.
    """
    found = backups(store)
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def make_backup(store: Path, version: int) -> Path:
    """Copy a store that is of ``version``; the copy is there whole, or not at all.

    Raises:
        sqlite3.Error, OSError: it cannot be written, for example because the disk is full.
    """
    now = datetime.now(UTC)
    target = store.with_name(f"{store.name}.backup-{now:%Y%m%d-%H%M%S}-version-{version}")
    snapshot(store, target)
    for old in backups(store)[:-_KEPT]:
        with suppress(OSError):  # open elsewhere: the next time
            old.unlink()
    return target


def snapshot(store: Path, target: Path) -> None:
    """Copy what a store holds at this moment, also while others write; for its owner alone.

    Raises:
        sqlite3.Error, OSError: it cannot be written.
    """
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        partial.touch(0o600)
        # A connection of its own: one that is about to write would be waited for without end.
        with closing(sqlite3.connect(store)) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
            # One file with everything in it: a log beside it would stay behind.
            copy.execute("PRAGMA journal_mode = DELETE")
        _flush(partial)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _age(path: Path) -> tuple[str, str]:
    return path.name.partition(".backup-")[2], path.name
