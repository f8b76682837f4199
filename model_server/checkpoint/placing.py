"""A folder that appears whole or not at all, beside others that other processes may be making.

Whoever makes something in a cache has it to themselves: the operating system lets go of the lock
of a process that was killed, so the next one knows that what is unfinished there is left over.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from model_server.checkpoint.folder import sync

__all__ = ["LOCK_NAME", "UNFINISHED", "alone_in", "unfinished"]

LOCK_NAME = ".lock"
UNFINISHED = ".partial-"
"""Stands in the name of whatever is being made: the next one to be alone there removes it."""


@contextmanager
def alone_in(cache: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Make the folder, wait until nobody else makes anything in it, and remove what was left over.

    ``waiting`` is called once if somebody else is at it.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    from filelock import FileLock, Timeout

    cache.mkdir(parents=True, exist_ok=True)
    lock = FileLock(cache / LOCK_NAME)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waiting()
        lock.acquire()
    try:
        for path in cache.glob(f"*{UNFINISHED}*"):
            shutil.rmtree(path, ignore_errors=True)
        yield
    finally:
        lock.release()


@contextmanager
def unfinished(place: Path) -> Iterator[Path]:
    """A folder to fill; it becomes ``place`` at the end, in place of what is there.

    Only for whoever is ``alone_in`` the folder around it.

    Raises:
        OSError: the disk refuses; ``place`` is as it was.
    """
    partial = Path(mkdtemp(prefix=f"{place.name}{UNFINISHED}", dir=place.parent))
    try:
        yield partial
        sync(partial)
        partial.chmod(0o755)  # mkdtemp lets nobody else in, who may have to serve it
        if place.exists():
            shutil.rmtree(place)
        partial.rename(place)
        sync(place.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
