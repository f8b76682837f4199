"""Values for tests, each with sensible defaults: name only what the test is about."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from botconvo.messages import (
    Attachment,
    Author,
    AuthorId,
    ChannelId,
    Message,
    MessageId,
    Reaction,
)

__all__ = ["CHANNEL", "NOON", "a_conversation", "a_message", "a_reaction", "an_author"]

NOON = datetime(2024, 3, 18, 12, tzinfo=UTC)
"""When the first message of every test is written."""
CHANNEL = "discord:1"


def an_author(
    name: str = "bort", *, kind: Literal["person", "clone", "bot", "system"] = "person"
) -> Author:
    """An author whose id follows from the name: ``bort`` is ``discord:bort``."""
    return Author(id=AuthorId(f"discord:{name.lower()}"), name=name, kind=kind)


def a_reaction(emoji: str = "😂", *, by: str | Author | None = "fishvilla") -> Reaction:
    author = an_author(by) if isinstance(by, str) else by
    return Reaction(emoji=emoji, author=author)


def a_message(
    text: str = "hello there",
    *,
    author: str | Author = "bort",
    minutes: float = 0.0,
    id: str | None = None,
    channel: str = CHANNEL,
    reply_to: str | None = None,
    attachments: Sequence[str] = (),
    reactions: Iterable[Reaction] = (),
    revision: int = 0,
) -> Message:
    """A message ``minutes`` after NOON.

    Without an ``id`` it follows from channel, author, time and text.  ``id`` and ``reply_to`` are
    the last part of the message's id; ``attachments`` are kinds ("photo", "video", "file").
    """
    writer = an_author(author) if isinstance(author, str) else author
    own = f"{writer.name}-{minutes:g}-{text[:12]}" if id is None else id
    return Message(
        id=MessageId(f"{channel}/{own}"),
        channel=ChannelId(channel),
        author=writer,
        text=text,
        at=NOON + timedelta(minutes=minutes),
        reply_to=None if reply_to is None else MessageId(f"{channel}/{reply_to}"),
        attachments=tuple(_attachment(kind) for kind in attachments),
        reactions=tuple(reactions),
        revision=revision,
    )


def a_conversation(
    *said: tuple[str, str], start: float = 0.0, every: float = 1.0, channel: str = CHANNEL
) -> list[Message]:
    """Messages from (author, text) pairs, ``every`` minutes apart."""
    return [
        a_message(text, author=author, minutes=start + every * place, channel=channel)
        for place, (author, text) in enumerate(said)
    ]


def _attachment(kind: str) -> Attachment:
    match kind:
        case "photo":
            return Attachment(kind="photo", name="a.png")
        case "video":
            return Attachment(kind="video", name="a.mp4")
        case _:
            return Attachment(kind="file", name="a.pdf")
