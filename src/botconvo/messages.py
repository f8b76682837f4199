"""What somebody wrote in a channel, whichever platform or export it came from.

Ids are qualified by their platform (``discord:<channel>/<message>``), so that two platforms never
clash.  Times are aware datetimes.  This module knows nothing of clones, transcripts or storage.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NewType

__all__ = [
    "MADE_UP",
    "Attachment",
    "Author",
    "AuthorId",
    "ChannelId",
    "Message",
    "MessageId",
    "Reaction",
    "clone_author",
]

MessageId = NewType("MessageId", str)
ChannelId = NewType("ChannelId", str)
AuthorId = NewType("AuthorId", str)

MADE_UP = "/row-"
"""In ids of messages whose export gives none; the same one may come with a real id elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who wrote: a person, a clone of ours, somebody else's bot, or the platform itself."""

    id: AuthorId
    name: str
    kind: Literal["person", "clone", "bot", "system"] = "person"


def clone_author(persona: str) -> Author:
    """A clone as an author where the platform knows it by no id of its own."""
    return Author(id=AuthorId(f"clone:{persona}"), name=persona, kind="clone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that hangs on a message."""

    kind: Literal["photo", "video", "file"]
    name: str
    description: str = ""
    """What it shows, where somebody has said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """An emoji put on a message; ``author`` is None where an export does not say by whom."""

    emoji: str
    author: Author | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message.  ``revision`` counts its edits; the same id with a higher one replaces it."""

    id: MessageId
    channel: ChannelId
    author: Author
    text: str
    at: datetime
    reply_to: MessageId | None = None
    attachments: tuple[Attachment, ...] = ()
    reactions: tuple[Reaction, ...] = field(default=())
    revision: int = 0

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError(f"message {self.id}: its time {self.at} has no time zone")
