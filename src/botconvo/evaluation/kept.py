"""What an evaluation has found so far, row by row in a file: a run that was stopped goes on.

A row is an object of JSON.  It knows nothing of what the rows say.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botconvo.errors import OutputError

__all__ = ["KEPT", "appending", "digest_of", "rows_in"]

KEPT = "evaluation"
"""The project's folder for what clones said when they were evaluated, and how it was scored."""


def digest_of(facts: Any) -> str:
    """A name for what follows from ``facts``, which JSON can say."""
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def rows_in(file: Path | None) -> Iterator[Mapping[str, Any]]:
    """What is there; a row that was torn by a stop is passed over."""
    if file is None or not file.exists():
        return
    with file.open(encoding="utf-8", errors="replace") as rows:
        for row in rows:
            try:
                found = json.loads(row)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found


@contextmanager
def appending(file: Path | None) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """What writes a row behind those that are there; nothing is written without a file.

    Raises:
        OutputError: the file cannot be written, now or later; what it holds can be used.
    """
    if file is None:
        yield lambda row: None
        return
    with _refusals_told(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("a+b", buffering=0)
    with stream:
        torn = _ends_torn(file)

        def write(row: Mapping[str, Any]) -> None:
            nonlocal torn
            text = json.dumps(row, ensure_ascii=False) + "\n"
            with _refusals_told(file):
                stream.write((b"\n" if torn else b"") + text.encode())
            torn = False

        yield write


def _ends_torn(file: Path) -> bool:
    """Whether a stop left a part of a row, to which nothing may be added."""
    with file.open("rb") as stream:
        size = stream.seek(0, 2)
        if size == 0:
            return False
        stream.seek(size - 1)
        return stream.read(1) != b"\n"


@contextmanager
def _refusals_told(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror or error}") from None
