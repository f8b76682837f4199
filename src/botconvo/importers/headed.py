"""Chats as text: a head line begins each message, and lines without one go on with it.

It knows nothing of what stands in a head.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from botconvo.importers.reading import LINE_MOST, numbered_lines

__all__ = ["Block", "blocks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A head with its lines.  ``head`` is None for what stands before the first one.

    ``text`` is what follows the head, joined by line feeds; ``line`` is counted from 1.
    """

    head: re.Match[str] | None
    text: str
    line: int


def blocks(text: TextIO, head: re.Pattern[str]) -> Iterator[Block]:
    """In file order.  No message is longer than a line may be; the rest of it is dropped."""
    found: re.Match[str] | None = None
    parts: list[str] = []
    begun = length = 0
    for number, line in numbered_lines(text):
        match = head.match(line)
        if match is not None:
            if found is not None:
                yield Block(head=found, text="\n".join(parts), line=begun)
            found, begun = match, number
            parts, length = [line[match.end() :]], len(line)
        elif found is None:
            if line.strip():
                yield Block(head=None, text=line, line=number)
        elif length < LINE_MOST:
            parts.append(line)
            length += len(line) + 1
    if found is not None:
        yield Block(head=found, text="\n".join(parts), line=begun)
