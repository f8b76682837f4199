"""The store's side of corrections: which lines of clones people judged, and what stood before them.

A correction stays until it is taken back or somebody concerned is forgotten.  What people said
before the line goes with the live transcript it is from: with their message, and with its age.
"""

import json
from collections.abc import Iterable

from botconvo.conversation.corrections import Correction
from botconvo.conversation.noted import NotedKind, NotedLine
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId
from botconvo.store.noted import Noted
from botconvo.store.values import from_micros, storable, to_micros

__all__ = ["Corrections"]


class Corrections(Noted):
    """The part of the store that keeps what people say of clones' lines."""

    def correct(self, correction: Correction) -> None:
        """Keep it; an earlier one of the same line is replaced."""
        line = correction.line
        self._do(
            "INSERT OR REPLACE INTO corrections (message, channel, author, persona, text, reply_to,"
            " said_at, context, drawn, judgement, judge, by, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                line.id,
                line.channel,
                line.author.id,
                storable(line.author.name),
                storable(line.text),
                line.reply_to,
                to_micros(line.at),
                _context_text(correction.context),
                json.dumps([storable(text) for text in correction.drawn], ensure_ascii=False),
                correction.judgement,
                correction.judge,
                storable(correction.by),
                to_micros(correction.at),
            ),
        )

    def corrections(self, persona: str | None = None) -> tuple[Correction, ...]:
        """Those on lines of a persona, or of all of them; the oldest first."""
        rows = self._rows(
            "SELECT message, channel, author, persona, text, reply_to, said_at, context, drawn,"
            " judgement, judge, by, at FROM corrections WHERE ? IS NULL OR persona = ?"
            " ORDER BY at, message",
            (persona, persona),
        )
        return tuple(
            Correction(
                line=Message(
                    id=MessageId(message),
                    channel=ChannelId(channel),
                    author=Author(id=AuthorId(author), name=name, kind="clone"),
                    text=text,
                    at=from_micros(said_at),
                    reply_to=None if reply_to is None else MessageId(reply_to),
                ),
                judgement=judgement,
                judge=judge,
                by=by,
                at=from_micros(at),
                context=_context_from(context, ChannelId(channel)),
                drawn=tuple(json.loads(drawn)),
            )
            for (
                message,
                channel,
                author,
                name,
                text,
                reply_to,
                said_at,
                context,
                drawn,
                judgement,
                judge,
                by,
                at,
            ) in rows
        )

    def noted_lines(
        self, kind: NotedKind, channel: ChannelId | None = None, limit: int = 500
    ) -> tuple[NotedLine, ...]:
        """What was noted in a channel, or in all of them; the newest first."""
        if kind != "disowned":
            return super().noted_lines(kind, channel, limit)
        found = [
            _noted(each)
            for each in reversed(self.corrections())
            if each.judgement == "never" and channel in (None, each.channel)
        ]
        return tuple(found[:limit])


def _noted(correction: Correction) -> NotedLine:
    line = correction.line
    return NotedLine(
        kind="disowned",
        message=line.id,
        channel=line.channel,
        author=line.author,
        text=line.text,
        at=line.at,
        by=correction.by,
        noted_at=correction.at,
    )


def _context_text(context: Iterable[Message]) -> str:
    """Each message as a list; author and name stand where a forget looks for them."""
    return json.dumps(
        [
            [
                each.id,
                each.author.id,
                storable(each.author.name),
                each.author.kind,
                to_micros(each.at),
                storable(each.text),
                each.reply_to,
            ]
            for each in context
        ],
        ensure_ascii=False,
    )


def _context_from(text: str, channel: ChannelId) -> tuple[Message, ...]:
    return tuple(
        Message(
            id=MessageId(message),
            channel=channel,
            author=Author(id=AuthorId(author), name=name, kind=kind),
            text=words,
            at=from_micros(at),
            reply_to=reply_to,
        )
        for message, author, name, kind, at, words, reply_to in json.loads(text)
    )
