"""Messages in the form in which the store takes them, many at a time.

Packing is the part of taking that needs no database, so that another process can do it.  It knows
nothing of SQL or of consent.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from botconvo.messages import Author, AuthorId, ChannelId, Message
from botconvo.store.twins import Kind, kind_of, possible_authors
from botconvo.store.values import attachments_text, storable, to_micros

__all__ = ["Packed", "Seen", "StoredRow", "pack"]

StoredRow = tuple[str, ChannelId, AuthorId, int, str, str | None, str, int, str]
"""Id, channel, author, time in microseconds since 1970, text, what it replies to, attachments,
revision and origin: the columns of the table of messages."""


@dataclass(slots=True)
class Seen:
    """How much somebody wrote, and when (microseconds since 1970)."""

    author: Author
    messages: int = 0
    first: int = 2**62
    last: int = -(2**62)

    def add(self, other: "Seen") -> None:
        self.messages += other.messages
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)


@dataclass(slots=True)
class Packed:
    """Rows in the order of their messages, and what is to be known of them together."""

    rows: list[StoredRow] = field(default_factory=list)
    reactions: list[tuple[str, str, AuthorId]] = field(default_factory=list)
    """Message, emoji and by whom ("" where that is not told)."""
    seen: dict[AuthorId, Seen] = field(default_factory=dict)
    possible: dict[AuthorId, tuple[AuthorId, ...]] = field(default_factory=dict)
    """Under which ids rows of the same authors may stand."""
    channels: dict[ChannelId, set[Kind]] = field(default_factory=dict)
    """How much the rows of a channel know."""


def pack(messages: Iterable[Message], origin: str) -> Packed:
    """Messages that came from ``origin``."""
    packed = Packed()
    rows, seen, channels = packed.rows, packed.seen, packed.channels
    for message in messages:
        at, by = to_micros(message.at), message.author
        count = seen.get(by.id)
        if count is None:
            count = seen[by.id] = Seen(by)
            packed.possible[by.id] = possible_authors(by)
        elif count.author is not by and count.author.account != by.account:
            both = (*packed.possible[by.id], *possible_authors(by))
            packed.possible[by.id] = tuple(dict.fromkeys(both))
        count.messages += 1
        if at < count.first:
            count.first = at
        if at > count.last:
            count.last = at
        kinds = channels.get(message.channel)
        if kinds is None:
            kinds = channels[message.channel] = set()
        kinds.add(kind_of(message.id))
        files = message.attachments
        rows.append(
            (
                message.id,
                message.channel,
                by.id,
                at,
                storable(message.text),
                message.reply_to,
                attachments_text(files) if files else "[]",
                message.revision,
                origin,
            )
        )
        for each in message.reactions:
            who = each.author.id if each.author else AuthorId("")
            packed.reactions.append((message.id, storable(each.emoji), who))
    return packed
