"""The store's side of the leak gate: the key of the index, and the words that it is made of."""

from collections.abc import Iterator
from dataclasses import dataclass

from botconvo.messages import AuthorId
from botconvo.store.database import Database

__all__ = ["LeakKey", "Leaks"]

_AT_ONCE = 10_000
"""Rows that are in memory together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakKey:
    """``key`` opens the index whose file has this ``sha256``, made of these ``messages``."""

    key: bytes
    messages: str
    sha256: str


class Leaks(Database):
    """The part of the store that the leak gate needs."""

    def leak_key(self) -> LeakKey | None:
        rows = self._rows("SELECT key, messages, sha256 FROM leak_index")
        return next((LeakKey(key=k, messages=m, sha256=s) for k, m, s in rows), None)

    def keep_leak_key(self, key: bytes, messages: str, sha256: str) -> None:
        """In place of the one before, which nobody knows from then on."""
        self._do(
            "INSERT OR REPLACE INTO leak_index (one, key, messages, sha256) VALUES (1, ?, ?, ?)",
            (key, messages, sha256),
        )

    def drop_leak_key(self) -> None:
        self._do("DELETE FROM leak_index")

    def state_of_messages(self) -> str | None:
        """A text that is another one once rows were taken, renewed or removed; None: no rows."""
        rows = self._rows(
            "SELECT count(*), coalesce(max(place), 0), coalesce(sum(revision), 0) FROM messages"
        )
        return "/".join(str(number) for number in rows[0]) if rows[0][0] else None

    def all_words(self) -> Iterator[tuple[AuthorId, str]]:
        """Author and text of every row, however many there are."""
        last = 0
        while rows := self._rows(
            "SELECT place, author, text FROM messages WHERE place > ? ORDER BY place LIMIT ?",
            (last, _AT_ONCE),
        ):
            yield from ((AuthorId(author), text) for _, author, text in rows)
            last = rows[-1][0]
