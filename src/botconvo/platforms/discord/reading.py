"""What Discord says somebody wrote, as a message; and what changed while nobody listened.

Reads discord.py's values and makes none; knows no connection.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Literal

import discord

from botconvo.conversation.events import Edited, Event, Heard, Reacted, Removed, Unreacted
from botconvo.messages import Attachment, Author, ChannelId, Message, MessageId, clone_author
from botconvo.people import speaker_name
from botconvo.personas import PersonaName
from botconvo.platforms.discord.ids import author_id, group_id, message_id, message_numbers
from botconvo.platforms.discord.text import plain, unnamed, unquoted

__all__ = ["Reader", "as_written", "changed_emoji", "differences", "person", "revision_of"]

_WORDS = (
    discord.MessageType.default,
    discord.MessageType.reply,
    discord.MessageType.thread_starter_message,
)
"""The kinds of messages in which somebody says something; the others are Discord's own notices."""
_PICTURES = ("image", "gifv")
_MAX_CHARACTERS = 4000
"""What a person with a paid account may write at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Knows whose accounts are ours: the application's webhooks, and accounts of personas.

    ``clerk`` is the account whose own words count, as nobody's: the notices of an office.
    """

    application: int
    account: int
    clerk: int
    webhooks: Collection[int]
    personas: Collection[PersonaName]
    accounts: Mapping[int, PersonaName]

    def message(self, raw: discord.Message, channel: ChannelId) -> Message | None:
        """The message; None for what nobody says: notices, answers to commands, our own notes."""
        if raw.type not in _WORDS or raw.interaction_metadata is not None:
            return None
        written = as_written(raw, channel)
        text, author, reply = written.text, self._author(raw), written.reply_to
        if author is None:
            author, text = self._speaking_through_us(text)
            if author is None:
                return None
        if author.kind == "clone":
            quoted, text = unquoted(text)
            text = plain(text)
            reply = reply if quoted is None else message_id(*quoted)
        words = _resolved(text, raw, self.accounts) or _described(raw)
        return replace(written, author=author, text=words, reply_to=reply)

    def _author(self, raw: discord.Message) -> Author | None:
        """Who wrote it; None for our own account."""
        if self.clerk and raw.author.id == self.clerk:
            return Author(id=author_id(raw.author.id), name=raw.author.name, kind="system")
        if (persona := self.accounts.get(raw.author.id)) is not None:
            return clone_author(persona)
        if raw.webhook_id is not None and raw.webhook_id == raw.author.id:
            name = PersonaName(raw.author.name)
            ours = raw.application_id == self.application or raw.webhook_id in self.webhooks
            if ours and name in self.personas:
                return clone_author(name)
        elif raw.author.id == self.account:
            return None
        return person(raw.author)

    def _speaking_through_us(self, text: str) -> tuple[Author | None, str]:
        quoted = text[: len(text) - len(unquoted(text)[1])]
        name, words = unnamed(text[len(quoted) :])
        if name is None or name not in self.personas:
            return None, text
        return clone_author(name), quoted + words


def as_written(raw: discord.Message, channel: ChannelId) -> Message:
    """The message of whoever's account it is, with Discord's own markup for names."""
    return Message(
        id=message_id(raw.channel.id, raw.id),
        channel=channel,
        author=person(raw.author),
        text=raw.content[:_MAX_CHARACTERS],
        at=raw.created_at.astimezone(UTC),
        reply_to=_reply_of(raw),
        attachments=tuple(_attachments(raw)),
        revision=revision_of(raw),
    )


def person(user: discord.abc.User) -> Author:
    """A user as an author, in a server with their roles; bots and webhooks of others are bots."""
    roles = user.roles if isinstance(user, discord.Member) else ()
    return Author(
        id=author_id(user.id),
        name=speaker_name(user.display_name),
        kind="bot" if user.bot else "person",
        groups=frozenset(group_id(role.id) for role in roles),
    )


def revision_of(raw: discord.Message) -> int:
    """Grows with every edit: 0, or when it was edited, in milliseconds."""
    return 0 if raw.edited_at is None else round(raw.edited_at.timestamp() * 1000)


def differences(
    known: Mapping[MessageId, int],
    found: Sequence[Message],
    *,
    there: Collection[MessageId] = (),
    since: int,
    start: int,
) -> Iterator[Event]:
    """What happened while nobody listened: deleted, new and edited messages.

    ``known`` are the revisions of messages that were heard before, ``found`` those of the channel
    from the number ``since`` on, oldest first; ``there`` are ids of messages that stand there and
    were not read.  What stands before ``start`` was never listened to and is no news.
    """
    there = {message.id for message in found}.union(there)
    numbers = {message: message_numbers(message)[1] for message in known}
    for message, number in numbers.items():
        if message not in there and number >= since:
            yield Removed(message=message)
    for each in found:
        revision = known.get(each.id)
        if revision is None and message_numbers(each.id)[1] > start:
            yield Heard(message=each)
        elif revision is not None and revision < each.revision:
            yield Edited(message=each)


def changed_emoji(
    message: MessageId, emoji: str, known: Sequence[Author], there: Sequence[Author]
) -> Iterator[Event]:
    """Who put an emoji on a message while nobody listened, and who took it back.

    ``known`` are those of whom that was known, ``there`` those of whom it is true.
    """
    before, now = {author.id for author in known}, {author.id for author in there}
    for author in known:
        if author.id not in now:
            yield Unreacted(message=message, emoji=emoji, author=author)
    for author in there:
        if author.id not in before:
            yield Reacted(message=message, emoji=emoji, author=author)


def _reply_of(raw: discord.Message) -> MessageId | None:
    reference = raw.reference
    if reference is None or reference.type is not discord.MessageReferenceType.reply:
        return None
    if reference.message_id is None:
        return None
    return message_id(reference.channel_id, reference.message_id)


def _resolved(text: str, raw: discord.Message, accounts: Mapping[int, PersonaName]) -> str:
    """The words with names in place of mentions."""
    for user in raw.mentions:
        name = accounts.get(user.id) or speaker_name(user.display_name)
        for mention in (f"<@{user.id}>", f"<@!{user.id}>"):
            text = text.replace(mention, f"@{name}")
    for role in raw.role_mentions:
        text = text.replace(f"<@&{role.id}>", f"@{role.name}")
    for channel in raw.channel_mentions:
        text = text.replace(f"<#{channel.id}>", f"#{channel.name}")
    return text


def _described(raw: discord.Message) -> str:
    """What a message without words shows instead: a card of a bot, or a question that is voted on.

    Previews of links are not somebody's words.
    """
    if raw.poll is not None:
        return raw.poll.question
    cards = [embed for embed in raw.embeds if embed.type == "rich"]
    return " ".join(part for e in cards for part in (e.title, e.description) if part)


def _attachments(raw: discord.Message) -> Iterator[Attachment]:
    for attachment in raw.attachments:
        kind = (attachment.content_type or "").partition("/")[0]
        name = attachment.filename
        yield Attachment(kind=_KINDS.get(kind, "file"), name=name)
    for sticker in raw.stickers:
        yield Attachment(kind="photo", name=sticker.name)
    for embed in raw.embeds:
        if embed.type in _PICTURES:
            yield Attachment(kind="photo", name=embed.type)


_KINDS: Mapping[str, Literal["photo", "video"]] = {"image": "photo", "video": "video"}
