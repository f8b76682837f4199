"""Transcripts that somebody wrote by hand in the grammar of ``botconvo.transcript``, in Markdown.

They begin behind ``# START``; headings and lines with ``TODO:`` are notes of the writer and no part
of the talk.  There are no times: a line a second, and an hour before every ``INIT``.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from botconvo.importers.ids import RowIds, channel_of_words
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.importers.single_column_csv import author_of
from botconvo.messages import Attachment, Message, MessageId, Reaction
from botconvo.transcript.grammar import Command, Line, parse_line

__all__ = ["looks_like", "parse"]

_START = re.compile(r"^# START[ \t\r]*$", re.MULTILINE)
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_SILENCE = timedelta(hours=1)
"""Longer than any silence that ends a session."""
_PICTURES = frozenset({Command.PHOTO, Command.VIDEO, Command.MEME, Command.SCREEN})


def looks_like(head: str) -> bool:
    """Whether a transcript begins in this text."""
    return _START.search(head) is not None


def parse(lines: Iterable[tuple[int, str]]) -> Iterator[Row]:
    """The messages of numbered lines.  The channel follows from the first one."""
    talk = _Talk()
    for number, text in _written(lines):
        line = parse_line(text)
        if line is None:
            yield LeftOut(reason=Reason.MALFORMED, line=number)
        elif line.command is Command.SAVE:
            yield LeftOut(reason=Reason.SYSTEM, author=author_of(line.name).id, line=number)
        elif line.command is Command.INIT:
            talk.pause()
        elif line.command is Command.REACT:
            if not talk.react(line):
                yield LeftOut(reason=Reason.MALFORMED, line=number)
        elif line.command is Command.REPLY and not line.argument:
            yield LeftOut(reason=Reason.MALFORMED, line=number)
        else:
            yield from talk.add(line)
    yield from talk.whole()


def _written(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """What is behind ``# START``, without the writer's notes."""
    begun = False
    for number, line in lines:
        begun = begun or _START.match(line) is not None
        if begun and line.strip() and not line.startswith("#") and "TODO:" not in line:
            yield number, line


@dataclass(slots=True)
class _Talk:
    """``last`` waits for the reactions that may follow it."""

    last: Message | None = None
    _reactions: list[Reaction] = field(default_factory=list)
    _ids: RowIds | None = None
    _at: datetime = _FIRST

    def pause(self) -> None:
        if self._ids is not None:
            self._at += _SILENCE

    def react(self, line: Line) -> bool:
        """False where there is nothing to react to, or with."""
        if self.last is None or not line.argument:
            return False
        reaction = Reaction(emoji=line.argument, author=author_of(line.name))
        self._reactions.append(reaction)
        return True

    def whole(self) -> Iterator[Message]:
        """The last message with its reactions, if there is one."""
        if self.last is not None:
            yield replace(self.last, reactions=tuple(self._reactions))
        self._reactions.clear()

    def add(self, line: Line) -> Iterator[Message]:
        """The message before, which nothing can be put on any more."""
        author = author_of(line.name)
        if self._ids is None:
            self._ids = RowIds(channel_of_words("transcript", line.name, line.argument))
        picture = line.command in _PICTURES
        kind: Literal["photo", "video"] = "video" if line.command is Command.VIDEO else "photo"
        # One moment for all: a line that is put in between later leaves the others' ids alone.
        id_ = self._ids.of(author.id, "", f"{line.command or ''}\0{line.argument}")
        replied = self._replied() if line.command is Command.REPLY else None
        yield from self.whole()
        self.last = Message(
            id=id_,
            channel=self._ids.channel,
            author=author,
            text="" if picture else line.argument,
            at=self._at,
            reply_to=replied,
            attachments=(
                (Attachment(kind=kind, name=kind, description=line.argument),) if picture else ()
            ),
        )
        self._at += timedelta(seconds=1)

    def _replied(self) -> MessageId:
        """The line before, or one that was not written down."""
        if self.last is not None:
            return self.last.id
        return MessageId("transcript:elsewhere/0")
