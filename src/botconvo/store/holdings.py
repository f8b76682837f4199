"""What the store holds of one person, for that person to read: their own rows, nobody else's words.

Which rows are somebody's is said by ``rows_of``, for counting and erasing; a test keeps both alike.
"""

import json
from typing import Any

from botconvo.store.erasing import Erasing, Somebody
from botconvo.store.values import from_micros

__all__ = ["HELD", "Holdings"]

_BY_ID = "author IN (SELECT value FROM json_each(:authors))"
_CLONES = "folded(name) IN (SELECT value FROM json_each(:clones))"
HELD: dict[str, tuple[tuple[str, str], ...]] = {
    "messages": (
        (
            "messages",
            "SELECT id, channel, at, text, reply_to, attachments, origin FROM messages"
            f" WHERE {_BY_ID} ORDER BY channel, at",
        ),
        ("reactions", f"SELECT message, emoji FROM reactions WHERE {_BY_ID} ORDER BY message"),
    ),
    "exports": (),  # files of the owner's; what was seen of this person in them is below
    "authors": (
        (
            "accounts",
            "SELECT id, name FROM authors WHERE id IN (SELECT value FROM json_each(:authors))",
        ),
        ("names", f"SELECT author, name FROM author_names WHERE {_BY_ID} ORDER BY author, name"),
        (
            "seen",
            "SELECT author_counts.author, format, origin, sha256, imported_at, messages, first,"
            " last"
            f" FROM author_counts JOIN sources ON sources.id = source WHERE author_counts.{_BY_ID}"
            " ORDER BY sources.id",
        ),
    ),
    "transcripts": (
        (
            "said in live talks",
            f"SELECT id, channel, at, text, reply_to, attachments FROM live WHERE {_BY_ID}"
            " ORDER BY channel, at",
        ),
        (
            "said by the clone",
            "SELECT id, channel, at, name, text FROM live WHERE kind = 'clone'"
            f" AND {_CLONES} ORDER BY channel, at",
        ),
    ),
    "saved lines": (
        (
            "saved lines",
            "SELECT kind, message, channel, name, text, at FROM noted"
            f" WHERE {_BY_ID} OR (author_kind = 'clone' AND {_CLONES}) ORDER BY noted_at",
        ),
        (
            "removed lines of the clone",
            "SELECT text, channel, at FROM refused_texts"
            " WHERE folded(persona) IN (SELECT value FROM json_each(:clones)) ORDER BY number",
        ),
    ),
    "corrections": (
        (
            "what was said of the clone's lines",
            "SELECT message, channel, text, judgement, judge, at FROM corrections"
            " WHERE folded(persona) IN (SELECT value FROM json_each(:clones)) ORDER BY at",
        ),
    ),
    "reins": (
        ("wish to be ignored", f"SELECT author, at FROM ignored WHERE {_BY_ID}"),
        (
            "posts of the clone",
            "SELECT channel, count(*) AS posts FROM claims WHERE person = :person"
            " AND state = 'settled' GROUP BY channel",
        ),
    ),
    "game": (
        (
            "rounds played",
            "SELECT persona, session, line, guessed_real, at FROM rounds"
            f" JOIN players USING (player) WHERE {_BY_ID} ORDER BY at",
        ),
        (
            "rounds about the clone",
            "SELECT persona, session, line, checkpoint, is_real, at FROM rounds"
            " WHERE person = :person ORDER BY at",
        ),
    ),
    "leak key": (),  # a random number, and digests made with it
    "agreement": (
        ("ids", "SELECT author, person FROM identities WHERE person = :person"),
        (
            "ledger",
            "SELECT number, at, kind, ledger.record, seal, digest, text, salt FROM ledger"
            " LEFT JOIN records ON records.record = ledger.record WHERE person = :person"
            " ORDER BY number",
        ),
    ),
}
"""By kind of rows, what is handed out: a title, and the statement that reads it."""

_TIMES = ("first", "last")


class Holdings(Erasing):
    """The part of the store that tells somebody what it holds of them."""

    def holdings(self, somebody: Somebody) -> dict[str, list[dict[str, Any]]]:
        """Everything, by title; times are ISO 8601, and what is kept as JSON is given as that."""
        values = self._values(somebody, "")
        return {
            title: self._read(statement, values)
            for statements in HELD.values()
            for title, statement in statements
        }

    def _read(self, statement: str, values: dict[str, str | None]) -> list[dict[str, Any]]:
        used = {name: value for name, value in values.items() if f":{name}" in statement}
        with self._lock:
            cursor = self._connection.execute(statement, used)
            columns = [column[0] for column in cursor.description]
            return [
                {name: _plain(name, value) for name, value in zip(columns, row, strict=True)}
                for row in cursor
            ]


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, int) and name in ("at", *_TIMES):
        return from_micros(value).isoformat()
    if name == "attachments" and isinstance(value, str):
        return json.loads(value)
    return value
