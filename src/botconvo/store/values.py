"""How values stand in columns: times, attachments, reactions and texts."""

import json
import re
from datetime import UTC, datetime, timedelta

from botconvo.messages import Attachment, Author, AuthorId, Reaction

__all__ = [
    "attachments_from",
    "attachments_text",
    "from_micros",
    "reactions_from",
    "reactions_text",
    "same_words",
    "storable",
    "to_micros",
]

_MARKUP = re.compile(r"<(?:@[!&]?|#|a?:\w+:|t:)[\w:-]+>")
"""Mentions, custom emoji and times as Discord itself has them; exporters put words in place."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(at: datetime) -> int:
    """Whole microseconds since 1970; exact, unlike a float of seconds."""
    return (at - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The moment, in UTC."""
    return _EPOCH + micros * _MICROSECOND


def storable(text: str) -> str:
    """The text without lone surrogates, which are no characters and have no UTF-8 form."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text


def same_words(one: str, other: str) -> bool:
    """Whether two texts of one moment are one message, although an exporter put names for ids.

    What stands before the first piece of markup and behind the last one must be the same.
    """
    if one == other:
        return True
    for raw, shown in ((one, other), (other, one)):
        marks = list(_MARKUP.finditer(raw))
        if marks:
            before, behind = raw[: marks[0].start()], raw[marks[-1].end() :]
            if shown.startswith(before) and shown.endswith(behind):
                return len(shown) > len(before) + len(behind)
    return False


def attachments_text(attachments: tuple[Attachment, ...]) -> str:
    return json.dumps(
        [
            [each.kind, each.name, *([each.description] if each.description else [])]
            for each in attachments
        ]
    )


def attachments_from(text: str) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(kind=kind, name=name, description="".join(described))
        for kind, name, *described in json.loads(text)
    )


def reactions_text(reactions: tuple[Reaction, ...]) -> str:
    return json.dumps(
        [
            [reaction.emoji, *(_author_fields(reaction.author) if reaction.author else ())]
            for reaction in reactions
        ]
    )


def reactions_from(text: str) -> tuple[Reaction, ...]:
    return tuple(
        Reaction(
            emoji=emoji,
            author=Author(id=AuthorId(author[0]), name=author[1], kind=author[2])
            if author
            else None,
        )
        for emoji, *author in json.loads(text)
    )


def _author_fields(author: Author) -> tuple[str, str, str]:
    return author.id, author.name, author.kind
