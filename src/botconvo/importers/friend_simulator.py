"""FriendSimulator's training text: ``<author> words`` line by line, in the order of the talk.

There are no times: lines get one a second, so that the whole text is one talk.  A line that begins
with no name goes on with the message before it.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from botconvo.importers.ids import RowIds, channel_of_words, slug
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.messages import Author, AuthorId, Message

__all__ = ["looks_like", "parse"]

_LINE = re.compile(r"<(?P<name>[^<>|\n]{1,64})> (?P<text>.*)\Z", re.DOTALL)
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_MOST_CHARACTERS = 1_000_000
"""Of one message, however many lines it goes on for."""


def looks_like(head: str) -> bool:
    """Whether the text begins with somebody's line, and most lines are somebody's."""
    lines = [line for line in head.splitlines()[:50] if line.strip()]
    named = [line for line in lines if (found := _LINE.match(line)) and found["text"].strip()]
    return bool(named) and named[0] is lines[0] and len(named) * 2 > len(lines)


def parse(lines: Iterable[tuple[int, str]]) -> Iterator[Row]:
    """The messages of numbered lines.  The channel follows from the first one."""
    ids: RowIds | None = None
    for place, (line, name, text) in enumerate(_messages(lines)):
        author = Author(id=AuthorId(f"friendsimulator:{slug(name)}"), name=name)
        if ids is None:
            ids = RowIds(channel_of_words("friendsimulator", name, text))
        if not text.strip():
            yield LeftOut(reason=Reason.EMPTY, author=author.id, line=line)
            continue
        yield Message(
            id=ids.of(author.id, str(place), text),
            channel=ids.channel,
            author=author,
            text=text,
            at=_FIRST + timedelta(seconds=place),
        )


def _messages(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str, str]]:
    """The line that each begins in, its name and its words."""
    begun: tuple[int, str] | None = None
    parts: list[str] = []
    size = 0
    for number, line in lines:
        found = _LINE.match(line)
        if found is None:
            if begun is not None and size < _MOST_CHARACTERS:
                parts.append(line)
                size += len(line) + 1
            continue
        if begun is not None:
            yield *begun, "\n".join(parts).strip()
        begun, parts, size = (number, found["name"].strip()), [found["text"]], 0
    if begun is not None:
        yield *begun, "\n".join(parts).strip()
