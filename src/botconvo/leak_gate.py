"""The project's leak index, made of its messages and kept beside its store.

The file holds digests alone, and the key to them stands in the store.  Whenever the messages are
others than those that the index was made of, it is made anew under a new key: after a withdrawal,
copies of the old file say nothing any more.
"""

import hashlib
import io
import json
import logging
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import numpy as np

from botconvo.conversation.events import Objection
from botconvo.errors import OutputError
from botconvo.ports import KnownFilter
from botconvo.safety.leaks import RULES, LeakIndex, build_index
from botconvo.store import Store
from botconvo.transcript.cleaning import PROFILES
from botconvo.writing import write_whole

__all__ = [
    "INDEX_NAME",
    "SAMPLE_KEY",
    "LeakGate",
    "leak_index",
    "sample_index",
    "write_sample_index",
]

logger = logging.getLogger(__name__)

INDEX_NAME = "leak-index.npy"
"""The file in the project's folder."""
SAMPLE_KEY = b"nobody's secret!"
"""The sample server lies open beside its index."""


class LeakGate:
    """Implements ``TextFilter``: ``inner``, and nothing that stands in an index."""

    def __init__(self, inner: KnownFilter, indexes: Iterable[LeakIndex]) -> None:
        self._inner, self._indexes = inner, tuple(indexes)

    def use(self, indexes: Iterable[LeakIndex]) -> None:
        """Look into these from now on, and into no others."""
        self._indexes = tuple(indexes)

    def digest(self) -> str:
        """Another one for other messages."""
        known = sorted(index.digest() for index in self._indexes)
        return hashlib.sha256(json.dumps([self._inner.digest(), known]).encode()).hexdigest()

    def objection(self, text: str) -> Objection | None:
        if any(index.copies(text) for index in self._indexes):
            return "copied"
        return self._inner.objection(text)


def leak_index(store: Store, told: Callable[[int], None] = lambda _: None) -> LeakIndex:
    """The index of what is in the store now; ``told`` hears how many messages are done, if it has
    to be made.

    Raises:
        StoreError: the store cannot be read or written.
    """
    path, now = store.path.parent / INDEX_NAME, store.state_of_messages()
    kept = store.leak_key()
    if now is None:
        if kept is not None:
            store.drop_leak_key()
            with suppress(OSError):
                path.unlink()
        return build_index((), secrets.token_bytes(32))
    now = f"{now}/{RULES}"
    if kept is not None and kept.messages == now:
        index = _read(path, kept.key, kept.sha256)
        if index is not None:
            return index
    index = build_index(
        ((author, PROFILES["chat"](text)) for author, text in store.all_words()),
        secrets.token_bytes(32),
        told,
    )
    content = _packed(index)
    store.keep_leak_key(index.key, now, hashlib.sha256(content).hexdigest())
    try:
        write_whole(path, content, force=True)
    except OutputError as error:
        logger.warning("%s; it will be made again at the next start", error)
    return index


def sample_index() -> LeakIndex:
    """The index of the sample server, for the clones of the demo.

    Raises:
        FileNotFoundError: the installation is torn.
    """
    content = (files("botconvo") / "demo" / INDEX_NAME).read_bytes()
    return LeakIndex(SAMPLE_KEY, np.load(io.BytesIO(content), allow_pickle=False))


def write_sample_index(path: Path, messages: Iterable[tuple[str, str]]) -> None:
    """Write what ``sample_index`` reads; ``messages`` are pairs of author and text."""
    cleaned = ((author, PROFILES["chat"](text)) for author, text in messages)
    write_whole(path, _packed(build_index(cleaned, SAMPLE_KEY)), force=True)


def _packed(index: LeakIndex) -> bytes:
    file = io.BytesIO()
    np.save(file, index.spans, allow_pickle=False)
    return file.getvalue()


def _read(path: Path, key: bytes, sha256: str) -> LeakIndex | None:
    """None where the file is not the one that the store knows."""
    with suppress(OSError):
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() == sha256:
            return LeakIndex(key, np.load(io.BytesIO(content), allow_pickle=False))
    return None
