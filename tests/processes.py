"""Looking at real processes: who is alive, who is whose child.  Linux tells it in /proc."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["PROC", "children_of", "is_alive", "needs_proc", "until"]

PROC = Path("/proc")
needs_proc = pytest.mark.skipif(
    not (PROC / "self" / "stat").exists(), reason="this system has no /proc"
)


def until(condition: Callable[[], bool], within_s: float = 30.0) -> bool:
    """Whether the condition comes true in time; looked at often, and given up after a deadline."""
    deadline, pause = time.monotonic() + within_s, threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.02)
    return True


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not yet collected does not."""
    fields = _fields(pid)
    return fields is not None and fields[0] not in ("Z", "X")


def children_of(pid: int) -> dict[int, str]:
    """The living children of a process with their command lines."""
    found = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            fields = _fields(int(folder.name))
            if fields is not None and int(fields[1]) == pid and fields[0] != "Z":
                found[int(folder.name)] = _command(folder)
    return found


def _fields(pid: int) -> list[str] | None:
    """State, parent and so on; the name before them may hold anything, also parentheses."""
    try:
        return (PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None


def _command(folder: Path) -> str:
    try:
        return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""
