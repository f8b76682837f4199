"""What somebody wrote in a channel, whichever platform or export it came from.

Ids are qualified by their platform (``discord:<channel>/<message>``), so that two platforms never
clash.  Times are aware datetimes.  This module knows nothing of clones, transcripts or storage.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NewType

__all__ = [
    "MADE_UP",
    "OF_NAME",
    "UNTOLD",
    "Attachment",
    "Author",
    "AuthorId",
    "ChannelId",
    "Message",
    "MessageId",
    "Reaction",
    "clone_author",
    "tells_time",
]

MessageId = NewType("MessageId", str)
ChannelId = NewType("ChannelId", str)
AuthorId = NewType("AuthorId", str)

MADE_UP = "/row-"
"""In ids of messages whose export gives none; the same one may come with a real id elsewhere."""
UNTOLD = ":untold-"
"""In ids of channels whose export does not tell which one it is of; another export may."""
OF_NAME = "-name:"
"""In ids of authors whose export gives only the name of their account, which follows."""
_TIMELESS = ("friendsimulator:", "transcript:", "file:")
"""Beginnings of channels whose exports tell no times, so that importers make some up."""
_TIMELESS_ROWS = "reddit:"
"""The same, of messages that have no id of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who wrote: a person, a clone of ours, somebody else's bot, or the platform itself."""

    id: AuthorId
    name: str
    kind: Literal["person", "clone", "bot", "system"] = "person"
    account: str = ""
    """The name of the account, where it is known and is no other's; ``name`` is the one shown."""
    groups: frozenset[str] = field(default=frozenset(), compare=False)
    """What they belonged to when they wrote (``discord:role/12``); a consent may name it.  It is
    not kept: whoever was heard before a restart belongs to nothing."""


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


def tells_time(message: Message) -> bool:
    """Whether it was written at its time, and not only before and after others."""
    if message.channel.startswith(_TIMELESS):
        return False
    return not (message.channel.startswith(_TIMELESS_ROWS) and MADE_UP in message.id)
