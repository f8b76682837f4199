"""DiscordChatExporter's JSON, as written by 2.18 and later.

Every key but a message's id, time, words and author may be missing, because versions differ.  It
knows nothing of files: it takes a text stream and gives messages, and reasons for the rest.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TextIO

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, ValidationError

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

_SAID = frozenset({"Default", "Reply"})
"""The message types that hold a person's words; the rest are notices and answers of bots."""
_NoneIsEmpty = BeforeValidator(lambda value: [] if value is None else value)
_Snowflake = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]


class _User(BaseModel):
    id: _Snowflake
    name: str
    nickname: str | None = None
    is_bot: Annotated[bool, Field(alias="isBot")] = False


class _File(BaseModel):
    name: Annotated[str, Field(alias="fileName")]


class _Emoji(BaseModel):
    id: str | None = None
    name: str


class _Reaction(BaseModel):
    emoji: _Emoji
    users: Annotated[list[_User], _NoneIsEmpty] = []


class _Reference(BaseModel):
    type: str = "Default"
    message: Annotated[_Snowflake | None, Field(alias="messageId")] = None
    channel: Annotated[_Snowflake | None, Field(alias="channelId")] = None


class _Message(BaseModel):
    id: _Snowflake
    type: str = "Default"
    timestamp: AwareDatetime
    edited: Annotated[AwareDatetime | None, Field(alias="timestampEdited")] = None
    content: str
    author: _User
    attachments: Annotated[list[_File], _NoneIsEmpty] = []
    stickers: Annotated[list[Any], _NoneIsEmpty] = []
    reactions: Annotated[list[_Reaction], _NoneIsEmpty] = []
    reference: _Reference | None = None
    forwarded: Annotated[dict[str, Any] | None, Field(alias="forwardedMessage")] = None


class _Channel(BaseModel):
    id: _Snowflake


def looks_like(head: str) -> bool:
    """Whether the first characters of a file are this format's."""
    return head.lstrip().startswith("{") and '"guild"' in head and '"channel"' in head


def parse(stream: TextIO) -> Iterator[Row]:
    """Messages in file order.  A file that breaks off ends with a ``torn`` row.

    Raises:
        ImportFailed: the file ends, or is something else, before its list of messages.
    """
    export = JsonItems(stream)
    channel = _channel(export)
    try:
        for line, item in export.items():
            yield _row(item, channel, line)
    except BrokenJsonError as broken:
        yield LeftOut(reason=Reason.TORN, line=broken.line)


def _channel(export: JsonItems) -> ChannelId:
    seen: dict[str, Any] = {}
    try:
        seen.update(export.members("messages"))
        channel = _Channel.model_validate(seen.get("channel"))
    except BrokenJsonError as broken:
        raise ImportFailed(
            f"line {broken.line}: {broken}, before the first message; export the channel again"
        ) from None
    except ValidationError:
        keys = ", ".join(sorted(seen)[:8]) or "none"
        raise ImportFailed(
            "a JSON file without a DiscordChatExporter channel "
            f"(its keys are {keys}); export the channel again as JSON"
        ) from None
    return channel_id(channel.id)


def _row(item: object, channel: ChannelId, line: int) -> Row:
    try:
        message = _Message.model_validate(item)
    except ValidationError:
        return LeftOut(reason=Reason.MALFORMED, line=line)
    reason = _why_not(message) if possible(message.timestamp) else Reason.DATE
    if reason is not None:
        return LeftOut(reason=reason, author=author_id(message.author.id), line=line)
    return _message(message, channel)


def _why_not(message: _Message) -> Reason | None:
    if message.author.is_bot:
        return Reason.BOT
    if message.author.id == DELETED_USER:
        return Reason.DELETED
    if message.type not in _SAID:
        return Reason.SYSTEM
    if message.content.strip() or message.attachments:
        return None
    reference = message.reference
    if message.forwarded is not None or (reference is not None and reference.type == "Forward"):
        return Reason.FORWARD
    return Reason.STICKER if message.stickers else Reason.EMPTY


def _message(message: _Message, channel: ChannelId) -> Message:
    reference = message.reference
    replied = reference if message.type == "Reply" else None
    return Message(
        id=message_id(channel, message.id),
        channel=channel,
        author=_author(message.author),
        text=message.content,
        at=message.timestamp,
        reply_to=(
            message_id(channel_id(replied.channel) if replied.channel else channel, replied.message)
            if replied is not None and replied.message is not None
            else None
        ),
        attachments=tuple(attachment(file.name) for file in message.attachments),
        reactions=tuple(_reactions(message.reactions)),
        revision=0 if message.edited is None else 1,
    )


def _reactions(reactions: list[_Reaction]) -> Iterator[Reaction]:
    """One per user; one without a user where the export names none (before 2.40.4)."""
    for reaction in reactions:
        emoji = f":{reaction.emoji.name}:" if reaction.emoji.id else reaction.emoji.name
        if not reaction.users:
            yield Reaction(emoji=emoji)
        for user in reaction.users:
            yield Reaction(emoji=emoji, author=_author(user))


def _author(user: _User) -> Author:
    """Under the name that friends see: the nickname where there is one."""
    kind: Literal["bot", "person"] = "bot" if user.is_bot else "person"
    return Author(id=author_id(user.id), name=user.nickname or user.name, kind=kind)
