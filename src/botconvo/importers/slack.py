"""A workspace's export from Slack: its people, its channels, and a file per channel and day."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from botconvo.errors import ImportFailed
from botconvo.importers.discord import attachment
from botconvo.importers.ids import slug
from botconvo.importers.members import list_in
from botconvo.importers.reading import About, without_escapes
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.importers.trees import Tree
from botconvo.messages import Attachment, Author, AuthorId, ChannelId, Message, MessageId, Reaction

__all__ = ["User", "parse", "plain", "reads", "roots"]

_DAY = re.compile(r"(?P<root>(?:.*/)?)(?P<channel>[^/]+)/\d{4}-\d\d-\d\d\.json\Z")
_LISTS = ("channels.json", "groups.json", "mpims.json", "dms.json")
"""Public and private channels, and direct messages of several and of two people."""
_SAID = frozenset({None, "thread_broadcast", "me_message", "file_share", "reply_broadcast"})
"""The kinds that hold a person's words; all others are notices."""
_SLACKBOT = "USLACKBOT"
_UPLOAD = re.compile(r"<@\w+(?:\|[^>]*)?> (?:uploaded|shared) a file: <[^>]*>(?: and commented: )?")
"""Slack's own words before 2018, in front of what the person wrote."""
_QUOTED = re.compile(r"^(?:&gt;){3}.*|^&gt;[^\n]*\n?", re.MULTILINE | re.DOTALL)
"""Somebody else's words: a line, or with three marks all that follows."""
_TOKEN = re.compile(r"<(?P<inner>[^<>]*)>")
_EMPTY_IS = BeforeValidator(lambda value: [] if value is None else value)


class _Profile(BaseModel):
    display_name: str | None = None
    real_name: str | None = None


@dataclass(frozen=True, slots=True)
class User:
    """Somebody of the workspace; ``shown`` is the name that the others see."""

    shown: str
    is_bot: bool = False


class _Listed(BaseModel):
    id: str
    name: str | None = None
    real_name: str | None = None
    is_bot: bool = False
    profile: _Profile = _Profile()

    @property
    def shown(self) -> str:
        profile = self.profile
        names = (profile.display_name, profile.real_name, self.real_name, self.name)
        return next((name for name in names if name and name.strip()), self.id)


class _File(BaseModel):
    name: str | None = None
    title: str | None = None


class _Reaction(BaseModel):
    name: str
    users: Annotated[list[str], _EMPTY_IS] = []


class _Message(BaseModel):
    type: str = "message"
    subtype: str | None = None
    ts: Annotated[str, Field(pattern=r"^[0-9]{1,11}\.[0-9]{1,6}$")]
    user: str | None = None
    bot_id: str | None = None
    text: str | None = None
    thread_ts: str | None = None
    edited: Any = None
    file: _File | None = None
    files: Annotated[list[_File], _EMPTY_IS] = []
    reactions: Annotated[list[_Reaction], _EMPTY_IS] = []
    attachments: Annotated[list[Any], _EMPTY_IS] = []


def roots(names: Sequence[str]) -> tuple[str, ...]:
    """The folders with ``users.json`` and channels' days."""
    have = set(names)
    days = dict.fromkeys(found["root"] for found in map(_DAY.match, names) if found)
    return tuple(folder for folder in days if f"{folder}users.json" in have)


def reads(name: str, root: str) -> bool:
    """Whether a file is one that the export at ``root`` is read from."""
    found = _DAY.match(name)
    return name in {f"{root}{each}" for each in ("users.json", *_LISTS)} or (
        found is not None and found["root"] == root
    )


def parse(tree: Tree, root: str, about: About) -> Iterator[Row]:
    """Channel by channel and day by day.

    Raises:
        ImportFailed: ``--author`` was given; the export names its authors.
    """
    if about.author is not None:
        raise ImportFailed(f"names its own authors; import it without --author {about.author!r}")
    users = _users(list_in(tree, f"{root}users.json"))
    channels = _channels(tree, root)
    for name in tree.names():
        found = _DAY.match(name)
        if found is None or found["root"] != root:
            continue
        folder = found["channel"]
        channel = ChannelId(f"slack:{channels.get(folder) or slug(folder)}")
        for item in list_in(tree, name):
            yield (
                item if isinstance(item, LeftOut) else _row(item[1], channel, users, name, item[0])
            )


def plain(text: str, users: Mapping[str, User]) -> str:
    """The words as people saw them: names for mentions, labels for links, no escapes, no quotes."""

    def shown(token: re.Match[str]) -> str:
        target, _, label = token["inner"].partition("|")
        if target.startswith("@"):
            user = users.get(target[1:])
            return f"@{user.shown if user else label or 'someone'}"
        if target.startswith("#"):
            return f"#{label or target[1:]}"
        if target.startswith("!"):
            return label or f"@{target[1:].split('^')[0]}"
        return label or target.removeprefix("mailto:").removeprefix("tel:")

    return without_escapes(_TOKEN.sub(shown, _QUOTED.sub("", text)))


def _users(found: Iterable[tuple[int, Any] | LeftOut]) -> dict[str, User]:
    users: dict[str, User] = {}
    for item in found:
        try:
            listed = _Listed.model_validate(item[1] if isinstance(item, tuple) else None)
        except ValidationError:
            continue
        users[listed.id] = User(listed.shown, listed.is_bot)
    return users


def _channels(tree: Tree, root: str) -> dict[str, str]:
    """Ids by the names of folders; a folder of direct messages has the id itself as its name."""
    names = set(tree.names())
    channels: dict[str, str] = {}
    for listed in _LISTS:
        for found in list_in(tree, f"{root}{listed}") if f"{root}{listed}" in names else ():
            item = found[1] if isinstance(found, tuple) else None
            if isinstance(item, dict) and isinstance(item.get("id"), str):
                channels[str(item.get("name") or item["id"])] = item["id"]
    return channels


def _row(item: object, channel: ChannelId, users: Mapping[str, User], name: str, line: int) -> Row:
    try:
        message = _Message.model_validate(item)
        at = datetime.fromtimestamp(int(message.ts.partition(".")[0]), UTC)
        at = at.replace(microsecond=int(message.ts.partition(".")[2].ljust(6, "0")))
    except (ValidationError, ValueError, OverflowError, OSError):
        return LeftOut(reason=Reason.MALFORMED, line=line, file=name)
    author = None if message.user is None else AuthorId(f"slack:{message.user}")
    text = plain(_UPLOAD.sub("", message.text or "", count=1), users)
    reason = _why_not(message, users, text)
    if reason is not None or author is None:
        return LeftOut(reason=reason or Reason.SYSTEM, author=author, line=line, file=name)
    return Message(
        id=_id(channel, message.ts),
        channel=channel,
        author=_author(str(message.user), users),
        text=text,
        at=at,
        reply_to=_thread(message, channel),
        attachments=tuple(_files(message)),
        reactions=tuple(_reactions(message, users)),
        revision=1 if message.edited else 0,
    )


def _why_not(message: _Message, users: Mapping[str, User], text: str) -> Reason | None:
    user = users.get(message.user or "")
    if message.bot_id or message.subtype == "bot_message" or message.user == _SLACKBOT:
        return Reason.BOT if message.subtype in _SAID | {"bot_message"} else Reason.SYSTEM
    if message.type != "message" or message.subtype not in _SAID or message.user is None:
        return Reason.SYSTEM
    if user is not None and user.is_bot:
        return Reason.BOT
    if text.strip() or any(_files(message)):
        return None
    shared = any(isinstance(each, dict) and each.get("is_share") for each in message.attachments)
    return Reason.FORWARD if shared else Reason.EMPTY


def _thread(message: _Message, channel: ChannelId) -> MessageId | None:
    if message.thread_ts is None or message.thread_ts == message.ts:
        return None
    return _id(channel, message.thread_ts)


def _id(channel: ChannelId, ts: str) -> MessageId:
    return MessageId(f"{channel}/{ts}")


def _author(user: str, users: Mapping[str, User]) -> Author:
    known = users.get(user)
    return Author(id=AuthorId(f"slack:{user}"), name=user if known is None else known.shown)


def _files(message: _Message) -> Iterator[Attachment]:
    for file in (*([message.file] if message.file else ()), *message.files):
        name = file.name or file.title
        if name:
            yield attachment(name)


def _reactions(message: _Message, users: Mapping[str, User]) -> Iterator[Reaction]:
    for reaction in message.reactions:
        for user in reaction.users:
            yield Reaction(emoji=f":{reaction.name}:", author=_author(user, users))
