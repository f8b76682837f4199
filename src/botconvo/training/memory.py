"""The memory of a training process.  It knows nothing of models."""

import ctypes
import sys

__all__ = ["keep_freed_memory"]

# Numbers of malloc.h, and what they are set to.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_NEVER = 2**31 - 1
_STEP = 2**28
"""Bytes that the heap grows by."""


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
