"""What a Discord holds: users, guilds, channels, messages, webhooks, commands.

They change in place, by the hand of ``World`` alone.  Ids are numbers here and strings outside.
"""

import re
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

__all__ = [
    "Application",
    "Attachment",
    "Channel",
    "ChannelType",
    "Guild",
    "Interaction",
    "Member",
    "Message",
    "Overwrite",
    "Role",
    "Typing",
    "User",
    "Webhook",
]


class ChannelType(IntEnum):
    """The kinds that a text bot meets."""

    TEXT = 0
    DM = 1
    VOICE = 2
    CATEGORY = 4
    NEWS = 5
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12
    FORUM = 15


@dataclass(slots=True, kw_only=True, eq=False)
class User:
    """A person or a bot."""

    id: int
    name: str
    bot: bool = False
    avatar: str | None = None
    """The hash of a picture."""
    avatar_url: str | None = None
    """Where a webhook's message took its picture from."""
    status: str = "online"
    activities: list[dict[str, Any]] = field(default_factory=list)
    takes_dms: bool = True

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    @property
    def username(self) -> str:
        """The account's name: lower case, without blanks."""
        return re.sub(r"[^a-z0-9_.]", "", self.name.lower()) or f"user{self.id}"


@dataclass(slots=True, kw_only=True, eq=False)
class Application:
    """A bot's registration in the developer portal; the three flags are its privileged intents."""

    id: int
    name: str
    user: User
    owner: User
    token: str
    message_content: bool = True
    members: bool = True
    presences: bool = False
    public: bool = True
    commands: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Global and guild commands by id, as Discord would send them."""

    @property
    def flags(self) -> int:
        """The *limited* flags of a bot in fewer than 100 guilds."""
        presences, members, content = self.presences, self.members, self.message_content
        return presences << 13 | members << 15 | content << 19


@dataclass(slots=True, kw_only=True, eq=False)
class Role:
    id: int
    name: str
    permissions: int
    position: int = 1
    managed_by: int | None = None
    """The user id of the bot that it belongs to."""


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    user: User
    joined_at: datetime
    nick: str | None = None
    roles: list[int] = field(default_factory=list)
    timed_out: bool = False


@dataclass(slots=True, kw_only=True)
class Overwrite:
    """What a channel grants or takes, for a role (``kind`` 0) or a member (1)."""

    kind: int = 0
    allow: int = 0
    deny: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Guild:
    """A server.  The role with the guild's own id is @everyone."""

    id: int
    name: str
    owner_id: int
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, "Channel"] = field(default_factory=dict)
    """Threads too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing:
    """Somebody's typing indicator."""

    user: User
    at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Channel:
    """A channel, thread or DM with its messages, oldest first."""

    id: int
    type: ChannelType
    name: str
    guild: Guild | None = None
    parent: "Channel | None" = None
    owner_id: int | None = None
    topic: str | None = None
    position: int = 0
    slowmode_s: int = 0
    nsfw: bool = False
    archived: bool = False
    locked: bool = False
    created_at: datetime | None = None
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    recipients: dict[int, User] = field(default_factory=dict)
    thread_members: dict[int, datetime] = field(default_factory=dict)
    messages: dict[int, "Message"] = field(default_factory=dict)
    webhooks: dict[int, "Webhook"] = field(default_factory=dict)
    typings: deque[Typing] = field(default_factory=lambda: deque(maxlen=1000))
    last_message_id: int | None = None
    deleted: bool = False

    @property
    def is_thread(self) -> bool:
        return self.type in (ChannelType.PUBLIC_THREAD, ChannelType.PRIVATE_THREAD)

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"

    @property
    def history(self) -> list["Message"]:
        """What stands in it now, oldest first."""
        return list(self.messages.values())

    def transcript(self) -> list[str]:
        """``"Name: text"`` of all that stands in it, oldest first."""
        return [f"{message.author_name}: {message.content}" for message in self.messages.values()]


@dataclass(slots=True, kw_only=True, eq=False)
class Webhook:
    id: int
    token: str
    channel: Channel
    name: str
    avatar: str | None
    application_id: int | None
    user: User
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file; ``size`` may say more bytes than ``content`` holds, for the sake of tests."""

    id: int
    filename: str
    size: int
    content_type: str | None
    content: bytes
    description: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """One message.  ``author`` is the account; a webhook's has the webhook's id."""

    id: int
    channel: Channel
    author: User
    content: str
    at: datetime
    kind: int = 0
    member: Member | None = None
    webhook: Webhook | None = None
    application_id: int | None = None
    edited_at: datetime | None = None
    reply_to: int | None = None
    referenced: "Message | None" = None
    attachments: list[Attachment] = field(default_factory=list)
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    mentions: list[User] = field(default_factory=list)
    """Whom it pings, replies included."""
    mention_roles: list[int] = field(default_factory=list)
    mention_everyone: bool = False
    reactions: dict[str, list[User]] = field(default_factory=dict)
    nonce: int | str | None = None
    flags: int = 0
    tts: bool = False
    pinned: bool = False
    interaction: dict[str, Any] | None = None
    thread: Channel | None = None
    deleted: bool = False

    @property
    def author_name(self) -> str:
        """The name that stands over it."""
        if self.member is not None and self.member.nick:
            return self.member.nick
        return self.author.name

    @property
    def by_machine(self) -> bool:
        """A bot or a webhook wrote it."""
        return self.author.bot or self.webhook is not None

    @property
    def pings_somebody(self) -> bool:
        return bool(self.mentions or self.mention_roles or self.mention_everyone)

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & 1 << 6)


@dataclass(slots=True, kw_only=True, eq=False)
class Interaction:
    """One use of a command, a button, a menu or a form, and what came back."""

    id: int
    token: str
    kind: int
    application: Application
    user: User
    channel: Channel
    data: dict[str, Any]
    asked_at: float
    """``time.monotonic()``: how long it may take does not depend on the world's clock."""
    acknowledged: bool = False
    deferred: bool = False
    ephemeral: bool = False
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    choices: list[dict[str, Any]] | None = None
    modal: dict[str, Any] | None = None
    message: Message | None = None
    """What the button or menu hangs on, or that from which the form was opened."""

    @property
    def content(self) -> str:
        """What the answer says; empty where there is none."""
        return "" if self.original is None else self.original.content
