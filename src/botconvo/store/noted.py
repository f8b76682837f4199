"""The store's side of the reins: lines that were kept or removed, who is ignored, how a channel is.

Favourites and saved lines stay until somebody drops them, or their message is deleted.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from botconvo.conversation.noted import NotedKind, NotedLine, RefusedText
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId
from botconvo.personas import PersonaName
from botconvo.store.live import Live
from botconvo.store.values import from_micros, storable, to_micros

__all__ = ["ChannelReins", "Noted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelReins:
    """How people left a channel."""

    paused: bool = False
    muted: frozenset[PersonaName] = frozenset()


class Noted(Live):
    """The part of the store that people in charge write."""

    # ---- lines ---------------------------------------------------------------------------

    def note_line(self, message: Message, kind: NotedKind, by: str, now: datetime) -> bool:
        """Keep a line as it is now; False where it is kept already."""
        author = message.author
        return bool(
            self._do(
                "INSERT INTO noted (kind, message, channel, author, name, author_kind, text, at,"
                " by, noted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    kind,
                    message.id,
                    message.channel,
                    author.id,
                    storable(author.name),
                    author.kind,
                    storable(message.text),
                    to_micros(message.at),
                    storable(by),
                    to_micros(now),
                ),
            )
        )

    def drop_line(self, message: MessageId) -> bool:
        """Keep it no longer, and forget what was said of it; whether there was anything."""
        with self.transaction():
            noted = self._do("DELETE FROM noted WHERE message = ?", (message,))
            judged = self._do("DELETE FROM corrections WHERE message = ?", (message,))
        return bool(noted + judged)

    def noted_lines(
        self, kind: NotedKind, channel: ChannelId | None = None, limit: int = 500
    ) -> tuple[NotedLine, ...]:
        """What was noted in a channel, or in all of them; the newest first."""
        rows = self._rows(
            "SELECT message, channel, author, name, author_kind, text, at, by, noted_at"
            " FROM noted WHERE kind = ? AND (? IS NULL OR channel = ?)"
            " ORDER BY noted_at DESC, message LIMIT ?",
            (kind, channel, channel, limit),
        )
        return tuple(
            NotedLine(
                kind=kind,
                message=MessageId(message),
                channel=ChannelId(where),
                author=Author(id=AuthorId(author), name=name, kind=author_kind),
                text=text,
                at=from_micros(at),
                by=by,
                noted_at=from_micros(noted_at),
            )
            for message, where, author, name, author_kind, text, at, by, noted_at in rows
        )

    # ---- texts that are not said again ---------------------------------------------------

    def refuse_text(
        self, text: str, channel: ChannelId, persona: str, by: str, now: datetime
    ) -> RefusedText:
        """Remember that nobody is to hear a text again."""
        values = (storable(text), channel, storable(persona), storable(by), to_micros(now))
        with self.transaction():
            self._do(
                "INSERT INTO refused_texts (text, channel, persona, by, at) VALUES (?, ?, ?, ?, ?)",
                values,
            )
            number = self._rows("SELECT last_insert_rowid()")[0][0]
        return RefusedText(
            number=number, text=values[0], channel=channel, persona=persona, by=by, at=now
        )

    def allow_text(self, number: int) -> bool:
        """Forget a refusal; whether there was one of that number."""
        with self.transaction():
            self._do(
                "DELETE FROM corrections WHERE judgement = 'bad' AND (persona, text) IN"
                " (SELECT persona, text FROM refused_texts WHERE number = ?)",
                (number,),
            )
            return bool(self._do("DELETE FROM refused_texts WHERE number = ?", (number,)))

    def refused_texts(self) -> tuple[RefusedText, ...]:
        """All of the project, the newest first."""
        rows = self._rows(
            "SELECT number, text, channel, persona, by, at FROM refused_texts ORDER BY number DESC"
        )
        return tuple(
            RefusedText(
                number=number,
                text=text,
                channel=ChannelId(channel),
                persona=persona,
                by=by,
                at=from_micros(at),
            )
            for number, text, channel, persona, by, at in rows
        )

    # ---- people --------------------------------------------------------------------------

    def ignore_author(self, author: AuthorId, now: datetime) -> int:
        """Keep nothing of an author any longer; how many live messages were dropped."""
        with self.transaction():
            self._do(
                "INSERT INTO ignored (author, at) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (author, to_micros(now)),
            )
            self._do("DELETE FROM noted WHERE author = ?", (author,))
            self._drop_reactions_of(author)
            self._cut_contexts("$[1]", author)
            return self._do("DELETE FROM live WHERE author = ?", (author,))

    def heed_author(self, author: AuthorId) -> bool:
        """Whether the author was ignored until now."""
        return bool(self._do("DELETE FROM ignored WHERE author = ?", (author,)))

    def ignored_authors(self) -> frozenset[AuthorId]:
        return frozenset(AuthorId(author) for (author,) in self._rows("SELECT author FROM ignored"))

    def _drop_reactions_of(self, author: AuthorId) -> None:
        rows = self._rows(
            "SELECT id, reactions FROM live WHERE instr(reactions, ?)", (json.dumps(author)[1:-1],)
        )
        for message, reactions in rows:
            kept = [each for each in json.loads(reactions) if each[1:2] != [author]]
            self._do("UPDATE live SET reactions = ? WHERE id = ?", (json.dumps(kept), message))

    # ---- channels ------------------------------------------------------------------------

    def channel_reins(self, channel: ChannelId) -> ChannelReins:
        """How people left a channel; as new where they never touched it."""
        rows = self._rows("SELECT paused, muted FROM channels WHERE channel = ?", (channel,))
        if not rows:
            return ChannelReins()
        paused, muted = rows[0]
        names = frozenset(PersonaName(name) for name in json.loads(muted))
        return ChannelReins(paused=bool(paused), muted=names)

    def set_channel_reins(self, channel: ChannelId, reins: ChannelReins) -> None:
        self._do(
            "INSERT INTO channels (channel, paused, muted) VALUES (?, ?, ?)"
            " ON CONFLICT (channel) DO UPDATE SET paused = excluded.paused, muted = excluded.muted",
            (channel, int(reins.paused), json.dumps(sorted(reins.muted))),
        )

    def reset_channel(self, channel: ChannelId, now: datetime) -> None:
        """Let ``recent_live`` begin here."""
        self._set_in_channel(channel, "begins", to_micros(now))

    def introduced_as(self, channel: ChannelId) -> str | None:
        """What a channel was told that the bots are; None where it was told nothing yet."""
        rows = self._rows("SELECT introduced FROM channels WHERE channel = ?", (channel,))
        return rows[0][0] if rows else None

    def introduce(self, channel: ChannelId, introduced: str | None) -> None:
        """Remember what a channel was told; None: it was told nothing after all."""
        self._set_in_channel(channel, "introduced", introduced)

    def _set_in_channel(
        self, channel: ChannelId, column: Literal["begins", "introduced"], value: object
    ) -> None:
        self._do(
            f"INSERT INTO channels (channel, {column}) VALUES (?, ?)"  # noqa: S608 - two literals
            f" ON CONFLICT (channel) DO UPDATE SET {column} = excluded.{column}",
            (channel, value),
        )
