"""ssi-bot's training text: one thread of Reddit a line, its parts marked by tags.

``<|soss r/SUB|><|sot|>TITLE<|sost|>TEXT`` or ``<|sols r/SUB|><|sot|>TITLE<|sol|>``, then comments
``<|sor u/NAME|>``, ``<|soopr u/NAME|>`` by the original poster, ``<|soocr u/NAME|>`` by the author
of the comment two above; the last comment has no name.  Words of nobody known are left out.  There
are no times: every thread is a channel of its own, and its parts follow each other by a second.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botconvo.importers.ids import slug
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.messages import MADE_UP, Author, AuthorId, ChannelId, Message, MessageId

__all__ = ["looks_like", "parse"]

_THREAD = re.compile(r"\s*<\|so[sl]s r/")
_TAG = re.compile(
    r"<\|(?P<tag>soss|sols|sot|sost|sol|sor|soopr|soocr|eoss|eols|endoftext)"
    r"(?: (?:r|u)/(?P<name>[^|<>]{1,64}))?\|>"
)
_ESCAPED = re.compile(r"\\(n|r|t|\\|'|\"|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})")
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_MOST_THREADS = 10_000_000
"""With an hour for each, times stay below the year 9999."""
_WORDS = ("sot", "sost", "sor", "soopr", "soocr")
_GONE = frozenset({"[deleted]", "[removed]", "deleted"})


@dataclass(frozen=True, slots=True)
class _Part:
    """Words, by ``name`` where somebody is named or can be told."""

    tag: str
    name: str | None
    text: str


def looks_like(head: str) -> bool:
    """Whether the text begins with a thread."""
    return _THREAD.match(head) is not None


def parse(lines: Iterable[tuple[int, str]]) -> Iterator[Row]:
    """The messages of numbered lines, a thread each."""
    threads = 0
    for line, text in lines:
        if not text.strip():
            continue
        if not looks_like(text):
            yield LeftOut(reason=Reason.MALFORMED, line=line)
            continue
        yield from _thread(text, threads, line)
        threads += 1


def _thread(text: str, number: int, line: int) -> Iterator[Row]:
    parts, sub = _parts(text)
    if not parts:
        yield LeftOut(reason=Reason.MALFORMED, line=line)
        return
    key = hashlib.sha256("\0".join(part.text for part in parts[:2]).encode(errors="replace"))
    channel = ChannelId(f"reddit:{slug(sub)}-{key.hexdigest()[:12]}")
    last: MessageId | None = None
    for place, part in enumerate(parts):
        id_ = MessageId(f"{channel}{MADE_UP}{place}")
        at = _FIRST + timedelta(hours=number % _MOST_THREADS, seconds=min(place, 3000))
        row = _row(part, id_, channel, last, at)
        if isinstance(row, Reason):
            yield LeftOut(reason=row, line=line)
        else:
            last = id_
            yield row


def _row(
    part: _Part, id_: MessageId, channel: ChannelId, last: MessageId | None, at: datetime
) -> Message | Reason:
    if not part.text.strip():
        return Reason.EMPTY
    if part.name is None:
        return Reason.NOBODY
    if part.name in _GONE or part.text in _GONE:
        return Reason.DELETED
    return Message(
        id=id_,
        channel=channel,
        author=Author(id=AuthorId(f"reddit:{part.name.casefold()}"), name=part.name),
        text=part.text,
        at=at,
        reply_to=last,
    )


def _parts(text: str) -> tuple[Sequence[_Part], str]:
    """The parts of a thread with their authors, and the name of its subreddit."""
    found = list(_TAG.finditer(text))
    sub = next((tag["name"] for tag in found if tag["name"]), None) or "reddit"
    ends = [*(tag.start() for tag in found[1:]), len(text)][: len(found)]
    raw = [
        _Part(tag["tag"], tag["name"], _unescaped(text[tag.end() : end]))
        for tag, end in zip(found, ends, strict=True)
        if tag["tag"] in _WORDS
    ]
    poster = next((part.name for part in raw if part.tag == "soopr" and part.name), None)
    named: list[_Part] = []
    for part in raw:
        if part.tag in ("sot", "sost"):
            name = poster
        elif part.name is not None:
            name = part.name
        elif part.tag == "soopr":
            name = poster
        else:
            name = named[-2].name if part.tag == "soocr" and len(named) >= 2 else None
        named.append(_Part(part.tag, name, part.text))
    return named, sub


def _unescaped(text: str) -> str:
    """The string that Python's ``repr`` wrote so, without its quotes."""

    def letter(found: re.Match[str]) -> str:
        code = found[1]
        if code in _LETTERS:
            return _LETTERS[code]
        number = int(code[1:], 16)
        return chr(number) if number < 0x110000 else found[0]

    return _ESCAPED.sub(letter, text)
