"""DiscordChatExporter's JSON, as written by 2.18 and later.

Every key but a message's id, time, words and author may be missing, because versions differ.  It
knows nothing of files: it takes a text stream and gives messages, and reasons for the rest.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated, Any, TextIO

import msgspec

from botconvo.errors import ImportFailed
from botconvo.importers.discord import (
    DELETED_USER,
    attachment,
    author_id,
    channel_id,
    message_id,
    possible,
)
from botconvo.importers.json_items import BrokenJsonError, JsonItems
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.messages import Author, ChannelId, Message, Reaction

__all__ = ["looks_like", "parse"]

_AUTHORS_MOST = 10_000
_REPLY = frozenset({"Reply", "19"})
"""Versions that did not know replies yet wrote their number."""
_SAID = frozenset({"Default", "0", *_REPLY})
"""The message types that hold a person's words; the rest are notices and answers of bots."""
_Snowflake = Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
"""Digits; that they are is checked where they are used, which is faster than a pattern."""
_Aware = Annotated[datetime, msgspec.Meta(tz=True)]


class _NoIdError(ValueError):
    pass


class _User(msgspec.Struct, frozen=True, gc=False):
    id: _Snowflake
    name: str
    discriminator: str = ""
    nickname: str | None = None
    is_bot: bool = msgspec.field(name="isBot", default=False)


class _File(msgspec.Struct, gc=False):
    name: str = msgspec.field(name="fileName")


class _Emoji(msgspec.Struct, gc=False):
    name: str
    id: str | None = None


class _Reaction(msgspec.Struct, gc=False):
    emoji: _Emoji
    users: list[_User] | None = None


class _Reference(msgspec.Struct, gc=False):
    type: str = "Default"
    message: _Snowflake | None = msgspec.field(name="messageId", default=None)
    channel: _Snowflake | None = msgspec.field(name="channelId", default=None)


class _Message(msgspec.Struct, gc=False):
    id: _Snowflake
    timestamp: _Aware
    content: str
    author: _User
    type: str = "Default"
    edited: _Aware | None = msgspec.field(name="timestampEdited", default=None)
    attachments: list[_File] | None = None
    stickers: list[msgspec.Raw] | None = None
    reactions: list[_Reaction] | None = None
    reference: _Reference | None = None
    forwarded: dict[str, msgspec.Raw] | None = msgspec.field(name="forwardedMessage", default=None)


class _Channel(msgspec.Struct, gc=False):
    id: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,20}\Z")]


_DECODE = msgspec.json.Decoder(list[_Message]).decode


def looks_like(head: str) -> bool:
    """Whether the first characters of a file are this format's."""
    return head.lstrip().startswith("{") and '"guild"' in head and '"channel"' in head


def parse(stream: TextIO, octets: bool = False) -> Iterator[Row]:
    """Messages in file order.  A file that breaks off ends with a ``torn`` row.

    ``octets`` says that each character of ``stream`` is one byte of UTF-8.

    Raises:
        ImportFailed: the file ends, or is something else, before its list of messages.
    """
    export = JsonItems(stream, octets=octets)
    rows = _Rows(_channel(export))
    try:
        for item in export.decoded(_DECODE, msgspec.DecodeError):
            yield rows.row(item, export.item_line)
    except BrokenJsonError as broken:
        yield LeftOut(reason=Reason.TORN, line=broken.line)


def _channel(export: JsonItems) -> ChannelId:
    seen: dict[str, Any] = {}
    try:
        seen.update(export.members("messages"))
        channel = msgspec.convert(seen.get("channel"), _Channel)
    except BrokenJsonError as broken:
        raise ImportFailed(
            f"line {broken.line}: {broken}, before the first message; export the channel again"
        ) from None
    except msgspec.ValidationError:
        keys = ", ".join(repr(key[:40])[1:-1] for key in sorted(seen)[:8]) or "none"
        raise ImportFailed(
            "a JSON file without a DiscordChatExporter channel "
            f"(its keys are {keys}); export the channel again as JSON"
        ) from None
    return channel_id(channel.id)


class _Rows:
    """Makes rows of messages; of a few authors there are many."""

    def __init__(self, channel: ChannelId) -> None:
        self._channel = channel
        self._authors: dict[_User, Author] = {}

    def row(self, item: object, line: Callable[[], int]) -> Row:
        try:
            if not isinstance(item, _Message):
                item = msgspec.convert(item, _Message)
            return self._row(item, line)
        except (msgspec.ValidationError, _NoIdError, RecursionError):
            return LeftOut(reason=Reason.MALFORMED, line=line())

    def _row(self, item: _Message, line: Callable[[], int]) -> Row:
        by = self._author(item.author)
        reason = _why_not(item) if possible(item.timestamp) else Reason.DATE
        if reason is not None:
            return LeftOut(reason=reason, author=by.id, line=line())
        reply_to = None
        reference = item.reference
        if reference is not None and item.type in _REPLY and reference.message is not None:
            where = channel_id(_digits(reference.channel)) if reference.channel else self._channel
            reply_to = message_id(where, _digits(reference.message))
        return Message(
            id=message_id(self._channel, _digits(item.id)),
            channel=self._channel,
            author=by,
            text=item.content,
            at=item.timestamp,
            reply_to=reply_to,
            attachments=tuple(attachment(file.name) for file in item.attachments)
            if item.attachments
            else (),
            reactions=tuple(self._reactions(item.reactions)) if item.reactions else (),
            revision=0 if item.edited is None else 1,
        )

    def _reactions(self, reactions: list[_Reaction]) -> Iterator[Reaction]:
        """One per user; one without a user where the export names none (before 2.40.4)."""
        for reaction in reactions:
            emoji = f":{reaction.emoji.name}:" if reaction.emoji.id else reaction.emoji.name
            if not reaction.users:
                yield Reaction(emoji=emoji)
            for user in reaction.users or ():
                yield Reaction(emoji=emoji, author=self._author(user))

    def _author(self, user: _User) -> Author:
        known = self._authors.get(user)
        if known is None:
            if len(self._authors) >= _AUTHORS_MOST:
                self._authors.clear()
            known = self._authors[user] = _author(user)
        return known


def _why_not(message: _Message) -> Reason | None:
    if message.author.is_bot:
        return Reason.BOT
    if message.author.id == DELETED_USER:
        return Reason.DELETED
    if message.type not in _SAID:
        return Reason.SYSTEM
    if message.attachments or message.content.strip():
        return None
    reference = message.reference
    if message.forwarded is not None or (reference is not None and reference.type == "Forward"):
        return Reason.FORWARD
    return Reason.STICKER if message.stickers else Reason.EMPTY


def _author(user: _User) -> Author:
    """Under the name that friends see: the nickname where there is one."""
    numbered = user.discriminator not in ("", "0", "0000")
    return Author(
        id=author_id(_digits(user.id)),
        name=user.nickname or user.name,
        kind="bot" if user.is_bot else "person",
        account=f"{user.name}#{user.discriminator}" if numbered else user.name,
    )


def _digits(number: str) -> str:
    if number.isascii() and number.isdigit():
        return number
    raise _NoIdError(number)
