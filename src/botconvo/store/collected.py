"""The store's side of collecting: which part of a channel was read, and under which consents.

A channel that is collected is a source like a file, whose rows come in page by page.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from botconvo.consent import ConsentRecord
from botconvo.messages import AuthorId, ChannelId
from botconvo.store.exports import Adding, Exports
from botconvo.store.twins import Kind

__all__ = ["COLLECTED", "Collected", "Kinds", "Span"]

Kinds = dict[ChannelId, set[Kind]]
"""By channel, how much its rows know, as ``Adding`` keeps it."""

COLLECTED = "discord-collected"
"""The format of a source that is no file."""
_ORIGIN = "discord-api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What was read of a channel: everything from ``oldest`` to ``newest``, both included.

    They are Discord's numbers of messages, which grow with time.
    """

    oldest: int
    newest: int


class Collected(Exports):
    """The part of the store that ``botconvo collect`` fills."""

    def collected(self, channel: ChannelId) -> Span | None:
        """What was read of a channel so far."""
        rows = self._rows("SELECT oldest, newest FROM collected WHERE channel = ?", (channel,))
        return Span(oldest=rows[0][0], newest=rows[0][1]) if rows else None

    def collected_under(self, channel: ChannelId) -> dict[AuthorId, str]:
        """By everybody who wrote there, the record under which they were read; "" for none."""
        rows = self._rows(
            "SELECT author, record FROM author_counts"
            " JOIN collected ON collected.source = author_counts.source WHERE channel = ?",
            (channel,),
        )
        return {AuthorId(author): record or "" for author, record in rows}

    @contextmanager
    def add_page(
        self,
        channel: ChannelId,
        span: Span,
        records: Mapping[AuthorId, ConsentRecord],
        now: datetime,
        kinds: Kinds,
    ) -> Iterator[Adding]:
        """Take in a page, and remember that ``span`` is read with it, in one transaction.

        ``kinds`` is empty for the first page, and the same for all that follow.

        Raises:
            StoreError: the page cannot be written; it is to be read again.
        """
        adding = Adding(self, _ORIGIN, _kinds=kinds)
        with self.transaction():
            yield adding
            ((source, counts),) = self._rows(
                "INSERT INTO sources (path, sha256, format, origin, channel, imported_at, counts)"
                " VALUES (?1, ?2, ?3, ?4, ?1, ?5, '{}') ON CONFLICT (path, member)"
                " DO UPDATE SET imported_at = excluded.imported_at RETURNING id, counts",
                (channel, _digest(channel), COLLECTED, _ORIGIN, now.isoformat()),
            )
            total = json.loads(counts)
            for what, count in adding.counts.items():
                total[what] = total.get(what, 0) + count
            self._do("UPDATE sources SET counts = ? WHERE id = ?", (json.dumps(total), source))
            self._do(
                "INSERT INTO collected VALUES (?, ?, ?, ?) ON CONFLICT (source) DO UPDATE SET"
                " oldest = min(oldest, excluded.oldest), newest = max(newest, excluded.newest)",
                (source, channel, span.oldest, span.newest),
            )
            self._keep_counts(source, adding)
            for author in adding._seen:
                record = records.get(author)
                self._do(
                    "UPDATE author_counts SET record = ifnull(record, ?)"
                    " WHERE source = ? AND author = ?",
                    ("" if record is None else record.id, source, author),
                )

    def forget_collected(self, channel: ChannelId) -> None:
        """Let a channel be read from the beginning; its rows stay."""
        self._do("DELETE FROM sources WHERE path = ? AND format = ?", (channel, COLLECTED))


def _digest(channel: ChannelId) -> str:
    """In the place of a file's."""
    return hashlib.sha256(f"collected/{channel}".encode()).hexdigest()
