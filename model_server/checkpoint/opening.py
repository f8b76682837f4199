"""Whatever a path holds, as a checkpoint that can be served.

Our folders are read as they are, everything else is converted once (``conversion.py``).  Which
module converts what stands here, and each is loaded only when it is needed.
"""

import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from model_server.checkpoint.folder import Checkpoint, load_checkpoint
from model_server.checkpoint.kinds import ForeignKind, recognise
from model_server.errors import CheckpointError

if TYPE_CHECKING:
    from model_server.checkpoint.conversion import Converter, Precision

__all__ = ["CACHE_VARIABLE", "DEFAULT_PRECISION", "digest_of", "open_checkpoint", "user_cache"]

CACHE_VARIABLE = "BOTCONVO_CACHE"
"""Names another folder than the operating system's for what a user's programs keep."""
DEFAULT_PRECISION: "Precision" = "q8_0"
"""Half the file and memory of f16 and well over its speed; what it costs is in BENCHMARKS.md."""

_CONVERTERS: dict[ForeignKind, str] = {
    "gpt-2-simple": "model_server.checkpoint.gpt2_simple",
    "hugging-face": "model_server.checkpoint.hugging_face_source",
    "gguf": "model_server.checkpoint.gguf_source",
}
_SILENT_S = 0.5
"""A shorter conversion is not worth a word."""


def open_checkpoint(
    path: Path,
    *,
    cache: Path,
    base: Path | None = None,
    precision: "Precision" = DEFAULT_PRECISION,
) -> Checkpoint:
    """Open our folder, gpt-2-simple's, Hugging Face's, or a GGUF file.

    ``base`` is used under an adapter that names none; ``cache`` keeps what was converted; a long
    conversion tells on stderr how far it is.

    Raises:
        CheckpointError: one line with the file, what is wrong with it and what to do.
        KeyboardInterrupt: Ctrl-C or a termination signal came during a conversion, and nothing is
            left of it.
    """
    kind = recognise(path)
    if kind == "checkpoint":
        return load_checkpoint(path, base=base)
    from model_server.checkpoint.conversion import Wish, convert_once

    with _at_once_on_signals(), _ProgressLine(path, sys.stderr) as progress:
        wish = Wish(
            path=path,
            kind=kind,
            converter=_converter(kind),
            precision=precision,
            progress=progress.tell,
            waiting=progress.wait,
        )
        return convert_once(wish, cache)


def digest_of(path: Path, cache: Path) -> str:
    """What a checkpoint of another program is known by, which names nobody: ``Source.sha256``.

    Raises:
        CheckpointError: there is no such checkpoint, or it is one of ours.
    """
    kind = recognise(path)
    if kind == "checkpoint":
        raise CheckpointError(f"{path}: says itself whose clone it is; it needs no binding")
    from model_server.checkpoint.conversion import digest_of_files

    return digest_of_files(_converter(kind).find(path).files, cache)


def _converter(kind: ForeignKind) -> "Converter":
    return cast("Converter", import_module(_CONVERTERS[kind]))


def user_cache(environment: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Where a user's programs keep what they can make again."""
    if named := environment.get(CACHE_VARIABLE):
        return Path(named)
    home = Path.home()
    match platform:
        case "win32":
            return Path(environment.get("LOCALAPPDATA") or home / "AppData/Local") / "botconvo"
        case "darwin":
            return home / "Library" / "Caches" / "botconvo"
        case _:
            return Path(environment.get("XDG_CACHE_HOME") or home / ".cache") / "botconvo"


@contextmanager
def _at_once_on_signals() -> Iterator[None]:
    """A conversion takes minutes: no handler that waits for the end of a step may hold it up.

    Only the main thread can take signals.
    """
    names = ("SIGINT", "SIGTERM", "SIGBREAK")  # SIGBREAK is Windows' Ctrl-Break
    before = {}

    def end(number: int, _: object) -> None:
        raise KeyboardInterrupt

    try:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
                before[number] = signal.signal(number, end)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


class _ProgressLine:
    """One line on a terminal that is written over; elsewhere a line for every quarter.

    Of a conversion that failed nothing stays on the terminal: the error says it all.
    """

    def __init__(self, path: Path, stream: TextIO) -> None:
        self._path, self._stream = path, stream
        self._live = stream.isatty()
        self._started = time.monotonic()
        self._told = -1 if self._live else 0
        self._shown = ""

    def __enter__(self) -> "_ProgressLine":
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if self._shown:
            blank = " " * len(self._shown)
            self._stream.write("\n" if failure is None else f"\r{blank}\r")
            self._stream.flush()

    def tell(self, done: int, total: int) -> None:
        step = 1 if self._live else 25
        percent = 100 * done // max(1, total) // step * step
        if percent == self._told or time.monotonic() - self._started < _SILENT_S:
            return
        self._told = percent
        self._show(f"{self._path}: converting it for the model server, once: {percent} %")

    def wait(self) -> None:
        """Another process is converting, and comes first."""
        self._show(f"{self._path}: waiting for another conversion into the same cache")

    def _show(self, text: str) -> None:
        self._stream.write(f"\r{text:{len(self._shown)}}" if self._live else f"{text}\n")
        self._stream.flush()
        self._shown = text if self._live else ""
