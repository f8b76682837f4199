"""The memory of a training process: what may still be taken, and whether an error means too little.

It knows nothing of models.
"""

import ctypes
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["free_memory", "is_out_of_memory", "keep_freed_memory"]

# Numbers of malloc.h, and what they are set to.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_NEVER = 2**31 - 1
_STEP = 2**28
"""Bytes that the heap grows by."""
_GROUPS = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
"""A container's limit and what it has taken, in cgroups of both versions."""
_NO_ROOM = ("allocate memory", "out of memory", "not enough memory", "alloc_cpu")


def keep_freed_memory() -> None:
    """Let glibc keep what is freed, for the next step; elsewhere nothing happens.

    By default it gives every large array back to the system, which clears the same pages anew for
    each array of each step: 14 % of a clone's training (BENCHMARKS.md), more of a base's (LOG.md).
    It holds for as long as the process lives: only a command that trains should ask for it.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library than glibc
        return
    for setting, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER), (_TOP_PAD, _STEP)):
        mallopt(setting, value)


def free_memory() -> int:
    """Bytes that this process may still take: of the computer, its container, its own limit."""
    import psutil

    free = [int(psutil.virtual_memory().available), *_left_of_groups(), *_left_of_limits()]
    return max(0, min(free))


def _left_of_groups(root: Path = Path("/sys/fs/cgroup")) -> list[int]:
    left = []
    for most, taken in _GROUPS:
        for folder in (root, root / "memory"):
            with suppress(OSError, ValueError):  # no such group, or "max": it has no limit
                limit = int((folder / most).read_text(encoding="ascii"))
                used = int((folder / taken).read_text(encoding="ascii"))
                left.append(limit - used + _given_back(folder / "memory.stat"))
    return left


def _given_back(stat: Path) -> int:
    """Pages of files that a group counts, and that go when somebody needs the room."""
    rows = (row.split() for row in stat.read_text(encoding="ascii").splitlines())
    return next((int(size) for name, size in rows if name == "inactive_file"), 0)


def _left_of_limits() -> list[int]:
    """What ``ulimit -d`` and ``ulimit -v`` leave, on Linux."""
    if not sys.platform.startswith("linux"):
        return []
    import resource

    left = []
    rows = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    taken = {name: value for name, _, value in (row.partition(":") for row in rows)}
    for kind, name in ((resource.RLIMIT_DATA, "VmData"), (resource.RLIMIT_AS, "VmSize")):
        limit = resource.getrlimit(kind)[0]
        if limit != resource.RLIM_INFINITY:
            left.append(limit - int(taken[name].split()[0]) * 1024)
    return left


def is_out_of_memory(error: BaseException) -> bool:
    """torch has a class of its own for a GPU's memory alone; a computer's is told by its words."""
    if isinstance(error, MemoryError):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and any(word in words for word in _NO_ROOM)
