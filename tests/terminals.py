"""A program on a terminal of its own, and the person in front of it."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

pty = pytest.importorskip("pty", reason="Windows has no such terminals")

__all__ = ["Terminal", "on_a_terminal"]

_PATIENCE_S = 120.0
_STYLE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r")


class Terminal:
    """What is on the screen, as text without colours; ``type`` and ``press`` are the keyboard."""

    def __init__(self, process: "subprocess.Popen[bytes]", screen: int) -> None:
        self.process, self._screen = process, screen
        self.seen = ""
        self._read_to = 0

    def type(self, line: str) -> None:
        self.press(f"{line}\n".encode())

    def press(self, keys: bytes) -> None:
        """Ctrl-C is ``\\x03``, Ctrl-D ``\\x04``."""
        os.write(self._screen, keys)

    def until(self, pattern: str) -> str:
        """What is shown up to a match that begins after the last one; an error when none comes."""
        deadline = time.monotonic() + _PATIENCE_S
        while (match := re.compile(pattern).search(self.seen, self._read_to)) is None:
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.seen!r}"
            assert self._read(), f"no {pattern!r} before the end: {self.seen!r}"
        shown = self.seen[self._read_to : match.end()]
        self._read_to = match.end()
        return shown

    def end(self) -> int:
        """The exit code, once it has ended by itself; all that it showed is read."""
        while self._read():
            pass
        return self.process.wait(_PATIENCE_S)

    def _read(self) -> bool:
        """Read what is there, waiting a little; False at the end."""
        if not select.select([self._screen], [], [], 0.1)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self._screen, 65536)
        except OSError:  # Linux' way to say that nobody has the terminal open any more
            return False
        self.seen += _STYLE.sub("", data.decode("utf-8", "replace"))
        return bool(data)


@contextmanager
def on_a_terminal(*words: object, cwd: Path) -> Iterator[Terminal]:
    """``botconvo WORDS...`` on a terminal; it has ended when the context is left."""
    screen, inside = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BOTCONVO_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "botconvo", *map(str, words)],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        cwd=cwd,
        env=environment | {"TERM": "xterm", "COLUMNS": "200"},
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(inside)
    try:
        yield Terminal(process, screen)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(_PATIENCE_S)
        os.close(screen)


def _take_terminal() -> None:
    """So that Ctrl-C reaches the program."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
