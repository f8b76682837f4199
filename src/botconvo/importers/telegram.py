"""Telegram Desktop's ``result.json``: one chat, or everything (``chats.list``).

Messages of big groups have the same numbers for everybody.  In chats of two people and in small
groups every account counts for itself, so there ids are digests of what was said: the exports of
two friends are then the same messages.  It knows nothing of files.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, TextIO

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from botconvo.errors import ImportFailed
from botconvo.importers.discord import attachment
from botconvo.importers.ids import RowIds, channel_of_words, name_id
from botconvo.importers.json_items import BrokenJsonError, JsonItems
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.messages import Attachment, Author, AuthorId, ChannelId, Message, MessageId, Reaction

__all__ = ["looks_like", "owner_of", "parse"]

_FACTS = frozenset({"name", "type", "id"})
_MARKS = ('"date_unixtime"', '"from_id"', '"personal_information"', '"left_chats"')
_OF_TWO = "personal_chat"
_COUNTED_BY_EACH = frozenset({_OF_TWO, "private_group", "bot_chat", "saved_messages"})
_NOTICES = "user777000"
"""Telegram's own account, which sends log-in codes."""
_NOT_THERE = "(File"
"""How a file's place begins where the export left the file out."""
_VIDEOS = frozenset({"video_file", "video_message", "animation"})
_OTHERS_WORDS = frozenset({"blockquote"})
_REMEMBERED = 10_000
"""So many messages back a reply is followed where messages have no numbers for all."""
_OWNER = "the owner"
"""In the place of a chat's type: it is no chat, but the account that exported."""
_Whole = Annotated[int, Field(gt=-(2**63), lt=2**63)]
_NoneIsEmpty = BeforeValidator(lambda value: [] if value is None else value)


class _Entity(BaseModel):
    type: str = ""
    text: str = ""


class _Who(BaseModel):
    name: Annotated[str | None, Field(alias="from")] = None
    account: Annotated[str | int | None, Field(alias="from_id")] = None


class _Reacted(BaseModel):
    type: str = "emoji"
    emoji: str = ""
    count: int = 0
    recent: Annotated[list[_Who], _NoneIsEmpty] = []


class _Said(_Who):
    number: Annotated[_Whole | None, Field(alias="id")] = None
    type: str = "message"
    date: str | None = None
    unix: Annotated[int | None, Field(alias="date_unixtime")] = None
    edited: str | None = None
    text: str | list[str | _Entity] = ""
    forwarded_from: Any = None
    via_bot: str | None = None
    media_type: str | None = None
    photo: str | None = None
    file: str | None = None
    file_name: str | None = None
    reply_to: Annotated[_Whole | None, Field(alias="reply_to_message_id")] = None
    reply_to_peer_id: str | int | None = None
    reactions: Annotated[list[_Reacted], _NoneIsEmpty] = []


class _Facts(BaseModel):
    name: str | None = None
    type: str = ""
    id: _Whole | None = None
    alone: bool = False
    """Whether the export is of this chat only."""


@dataclass(slots=True)
class _Chat:
    """A chat that is being read; ``remembered`` is by the numbers of the exporting account."""

    facts: _Facts
    owner: str | None
    zone: tzinfo
    ids: RowIds | None = None
    remembered: "OrderedDict[int, MessageId] | None" = None

    @property
    def other(self) -> str:
        """The account that a chat of two is named after."""
        return f"user{self.facts.id}"


def looks_like(head: str) -> bool:
    """Whether the first characters of a file are this format's."""
    if not head.lstrip().startswith("{") or '"guild"' in head:
        return False
    return any(mark in head for mark in _MARKS) or ('"chats"' in head and '"list"' in head)


def owner_of(stream: TextIO) -> str | None:
    """The account that exported (``user123``), if it is told or follows from a chat of two."""
    export = JsonItems(stream)
    try:
        for facts, items in _chats(export):
            if facts.id is None or facts.type not in (_OWNER, "saved_messages", _OF_TWO):
                if facts.alone:
                    return None
                continue
            if facts.type != _OF_TWO:
                return f"user{facts.id}"
            for _, item in items:
                by = _account(item.get("from_id")) if isinstance(item, dict) else None
                if by is not None and by.startswith("user") and by != f"user{facts.id}":
                    return by
    except BrokenJsonError:
        pass  # parse tells where
    return None


def parse(stream: TextIO, zone: tzinfo, owner: str | None = None) -> Iterator[Row]:
    """Messages in file order, chat by chat.  A file that breaks off ends with a ``torn`` row.

    ``zone`` is the clock of times without ``date_unixtime``; ``owner`` comes from ``owner_of``.

    Raises:
        ImportFailed: there is no chat in it.
    """
    export = JsonItems(stream)
    chats = 0
    try:
        for facts, items in _chats(export):
            if facts.type == _OWNER:
                continue
            chats += 1
            chat = _Chat(facts=facts, owner=owner, zone=zone)
            for line, item in items:
                yield _row(item, chat, line)
    except BrokenJsonError as broken:
        if not chats:
            raise ImportFailed(
                f"line {broken.line}: {broken}, before the first chat; export it again"
            ) from None
        yield LeftOut(reason=Reason.TORN, line=broken.line)
    if not chats:
        raise ImportFailed("it holds no chats; export it again, with the chats ticked")


_Items = Iterator[tuple[int, Any]]


def _chats(export: JsonItems) -> Iterator[tuple[_Facts, _Items]]:
    """Each chat with its messages, which are to be read before the next one.

    The account that exported comes as a chat of the type ``_OWNER`` without messages.
    """
    found: dict[str, Any] = {}
    for key in export.walk():
        following = export.next_sign()
        if key in ("chats", "left_chats") and following == "{":
            yield from _listed(export)
        elif key == "personal_information" and following == "{":
            owner = export.value().get("user_id")
            if type(owner) is int and 0 < owner < 2**63:
                yield _Facts(id=owner, type=_OWNER), iter(())
        elif key == "messages" and following == "[":
            yield from _with_messages({**found, "alone": True}, export)
        elif key in _FACTS:
            found[key] = export.value()


def _listed(export: JsonItems) -> Iterator[tuple[_Facts, _Items]]:
    for key in export.walk():
        if key != "list" or export.next_sign() != "[":
            continue
        for _ in export.elements():
            if export.next_sign() == "{":
                yield from _one(export)


def _one(export: JsonItems) -> Iterator[tuple[_Facts, _Items]]:
    found: dict[str, Any] = {}
    for key in export.walk():
        if key == "messages" and export.next_sign() == "[":
            yield from _with_messages(found, export)
        elif key in _FACTS:
            found[key] = export.value()


def _with_messages(found: dict[str, Any], export: JsonItems) -> Iterator[tuple[_Facts, _Items]]:
    items = export.items()
    yield _facts(found), items
    for _ in items:  # what nobody wanted to read
        pass


def _facts(found: dict[str, Any]) -> _Facts:
    try:
        return _Facts.model_validate(found)
    except ValidationError:
        return _Facts()


def _row(item: object, chat: _Chat, line: int) -> Row:
    try:
        said = _Said.model_validate(item)
    except ValidationError:
        return LeftOut(reason=Reason.MALFORMED, line=line)
    if said.type != "message":
        return LeftOut(reason=Reason.SYSTEM, line=line)
    account, at, text = _account(said.account), _time(said, chat.zone), _text(said.text)
    author = None if account is None and not said.name else _author(account, said.name or "")
    files = tuple(_files(said))
    reason = Reason.DATE if at is None else _why_not(said, account, chat, text, files)
    if reason is not None or at is None or author is None:
        # The words of an inline bot come from a person, who is no bot by that.
        known = None if author is None or said.via_bot else author.id
        return LeftOut(reason=reason or Reason.DELETED, author=known, line=line)
    return _message(said, chat, author, at, text, files)


def _why_not(
    said: _Said, account: str | None, chat: _Chat, text: str, files: tuple[Attachment, ...]
) -> Reason | None:
    if account == _NOTICES:
        return Reason.SYSTEM
    if not said.name:
        return Reason.DELETED
    if account is not None and not account.startswith("user"):
        return Reason.CHANNEL
    if said.via_bot or (chat.facts.type == "bot_chat" and account == chat.other):
        return Reason.BOT
    if "forwarded_from" in said.model_fields_set:
        return Reason.FORWARD
    if text.strip() or any(file.kind != "file" for file in files):
        return None
    if said.media_type == "sticker":
        return Reason.STICKER
    return Reason.MEDIA if files else Reason.EMPTY


def _message(
    said: _Said,
    chat: _Chat,
    author: Author,
    at: datetime,
    text: str,
    files: tuple[Attachment, ...],
) -> Message:
    moment = str(int(at.timestamp()))
    if chat.ids is None:
        chat.ids = RowIds(_channel(chat, author.id, moment, text))
    channel, replied = chat.ids.channel, None
    if said.number is not None and chat.facts.type not in _COUNTED_BY_EACH:
        number = MessageId(f"{channel}/{said.number}")
        if said.reply_to is not None and said.reply_to_peer_id is None:
            replied = MessageId(f"{channel}/{said.reply_to}")
    else:
        number = chat.ids.of(author.id, moment, text)
        replied = _remember(chat, said, number)
    return Message(
        id=number,
        channel=channel,
        author=author,
        text=text,
        at=at,
        reply_to=replied,
        attachments=files,
        reactions=tuple(_reactions(said.reactions)),
        revision=0 if said.edited is None else 1,
    )


def _remember(chat: _Chat, said: _Said, number: MessageId) -> MessageId | None:
    """What a message answers, by the ids that were given to the messages before it."""
    if chat.remembered is None:
        chat.remembered = OrderedDict()
    if said.number is not None:
        chat.remembered[said.number] = number
        if len(chat.remembered) > _REMEMBERED:
            chat.remembered.popitem(last=False)
    if said.reply_to is None or said.reply_to_peer_id is not None:
        return None
    return chat.remembered.get(said.reply_to)


def _channel(chat: _Chat, *first: str) -> ChannelId:
    facts = chat.facts
    if facts.id is not None and facts.type == _OF_TWO and chat.owner is not None:
        two = sorted((facts.id, int(chat.owner.removeprefix("user"))))
        return ChannelId(f"telegram:{two[0]}-{two[1]}")
    if facts.id is not None:
        return ChannelId(f"telegram:{facts.id}")
    if facts.name:
        return ChannelId(name_id("telegram", facts.name))
    return channel_of_words("telegram", *first)


def _account(from_id: object) -> str | None:
    """``user123``, ``channel123``; a bare number is a user of the years before 2021."""
    if type(from_id) is int and 0 < from_id < 2**63:
        return f"user{from_id}"
    if isinstance(from_id, str) and re.fullmatch(r"[a-z]{1,8}[0-9]{1,19}", from_id):
        kind = from_id.rstrip("0123456789")
        return from_id if kind in ("user", "channel", "chat") else None
    return None


def _author(account: str | None, name: str) -> Author:
    if account is None:
        return Author(id=name_id("telegram", name), name=name)
    return Author(id=AuthorId(f"telegram:{account}"), name=name)


def _time(said: _Said, zone: tzinfo) -> datetime | None:
    """Telegram opened in 2013."""
    try:
        if said.unix is not None:
            at = datetime.fromtimestamp(said.unix, UTC)
        else:
            at = datetime.fromisoformat(said.date or "")
            at = at.replace(tzinfo=zone) if at.tzinfo is None else at
        return at if 2013 <= at.year < 2100 else None
    except (ValueError, OverflowError, OSError):
        return None


def _text(parts: str | list[str | _Entity]) -> str:
    """The words without what is quoted of others."""
    if isinstance(parts, str):
        return parts
    return "".join(
        part if isinstance(part, str) else part.text
        for part in parts
        if isinstance(part, str) or part.type not in _OTHERS_WORDS
    )


def _files(said: _Said) -> Iterator[Attachment]:
    if said.photo is not None:
        name = "photo" if said.photo.startswith(_NOT_THERE) else attachment(said.photo).name
        yield Attachment(kind="photo", name=name)
    if said.file is None or said.media_type == "sticker":
        return
    there = said.file_name or ("" if said.file.startswith(_NOT_THERE) else said.file)
    file = attachment(there or said.media_type or "file")
    video = said.media_type in _VIDEOS
    yield Attachment(kind="video", name=file.name) if video else file


def _reactions(found: list[_Reacted]) -> Iterator[Reaction]:
    """One for each account that is named, and one more where others reacted too."""
    for each in found:
        if each.type != "emoji" or not each.emoji:
            continue
        named = 0
        for who in each.recent:
            account = _account(who.account)
            if account is not None and account.startswith("user") and who.name:
                named += 1
                yield Reaction(emoji=each.emoji, author=_author(account, who.name))
        if each.count > named:
            yield Reaction(emoji=each.emoji)
