"""Everything that happens in the Discord of the rehearsal: things change and it is told.

``World`` asks nobody's permission (``checks`` does) and knows nothing of HTTP or sockets: each
change goes out as a ``Dispatch``, and the gateway decides which bot may hear of it.
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from botconvo.rehearsal import payloads
from botconvo.rehearsal.entities import (
    Application,
    Attachment,
    Channel,
    ChannelType,
    Guild,
    Interaction,
    Member,
    Message,
    Overwrite,
    Role,
    Typing,
    User,
    Webhook,
)
from botconvo.rehearsal.payloads import Payload
from botconvo.rehearsal.permissions import MEMBERS
from botconvo.rehearsal.pings import NOBODY, Pings
from botconvo.rehearsal.refusal import invalid_form

__all__ = ["DEFAULT", "SLASH_COMMAND", "Dispatch", "Draft", "World", "new_token", "webhook_author"]

_EPOCH_MS = 1420070400000
"""Ids count milliseconds since 2015: https://discord.com/developers/docs/reference#snowflakes"""
_NONCES_FOR = timedelta(minutes=5)
"""Discord says "in the past few minutes"."""
_MANY_NONCES = 5000
DEFAULT, REPLY, THREAD_CREATED, SLASH_COMMAND = 0, 19, 18, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """Something that happened.  ``payload`` makes its body for one bot (by user id)."""

    name: str
    payload: Callable[[int], Payload]
    guild: Guild | None = None
    channel: Channel | None = None
    message: Message | None = None
    to: int | None = None
    """The only bot that hears of it, by user id."""
    but: int | None = None
    """The only one that does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message before it stands in a channel."""

    content: str = ""
    reply_to: int | None = None
    pings: Pings = NOBODY
    attachments: Sequence[Attachment] = ()
    embeds: Sequence[dict[str, Any]] = ()
    components: Sequence[dict[str, Any]] = ()
    nonce: int | str | None = None
    flags: int = 0
    tts: bool = False
    kind: int = DEFAULT
    interaction: dict[str, Any] | None = None
    application_id: int | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class World:
    """The whole state.  ``tell`` hears every change, ``now`` is its clock."""

    now: Callable[[], datetime]
    tell: Callable[[Dispatch], None]
    base: str = ""
    """Where attachments and pictures are served."""
    users: dict[int, User] = field(default_factory=dict)
    applications: dict[int, Application] = field(default_factory=dict)
    guilds: dict[int, Guild] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    webhooks: dict[int, Webhook] = field(default_factory=dict)
    interactions: dict[int, Interaction] = field(default_factory=dict)
    attachments: dict[int, Attachment] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    note: Callable[[], None] = lambda: None
    """Called after every change, for those who wait for one."""
    answer_within_s: float = 3.0
    """How long an interaction waits for its first answer."""
    _nonces: dict[tuple[int, int | str], Message] = field(default_factory=dict)
    _last_id: int = 0

    def new_id(self) -> int:
        """The next id; later ids are greater, whatever the clock does."""
        by_clock = (int(self.now().timestamp() * 1000) - _EPOCH_MS) << 22
        self._last_id = max(by_clock, self._last_id + 1)
        return self._last_id

    def picture(self, uri: str | None) -> str | None:
        """Keep a picture that came as ``data:image/png;base64,…``; gives its hash."""
        if uri is None:
            return None
        head, _, data = uri.partition(",")
        if not head.startswith("data:image/") or not head.endswith(";base64"):
            raise invalid_form("avatar", "IMAGE_INVALID", "Invalid image data")
        content = base64.b64decode(data)
        name = _hash(content)
        self.pictures[name] = content
        return name

    # ---- who and where -------------------------------------------------------------------

    def add_user(self, name: str, *, bot: bool = False) -> User:
        user = User(id=self.new_id(), name=name, bot=bot, status="offline" if bot else "online")
        self.users[user.id] = user
        return user

    def add_application(self, name: str, owner: User) -> Application:
        """A registration with a bot user; their ids are the same, as they are nowadays."""
        user = self.add_user(name, bot=True)
        application = Application(
            id=user.id, name=name, user=user, owner=owner, token=new_token(user.id)
        )
        self.applications[application.id] = application
        return application

    def add_guild(self, name: str, owner: User, everyone: int = MEMBERS) -> Guild:
        guild = Guild(id=self.new_id(), name=name, owner_id=owner.id)
        guild.roles[guild.id] = Role(
            id=guild.id, name="@everyone", permissions=everyone, position=0
        )
        self.guilds[guild.id] = guild
        self.join(guild, owner)
        return guild

    def join(self, guild: Guild, user: User, nick: str | None = None) -> Member:
        """Take a user in; a bot is told of the guild, the others of the new member."""
        member = Member(user=user, joined_at=self.now(), nick=nick)
        guild.members[user.id] = member
        if user.bot:
            self.tell_of_guild(guild, user)
        payload = self._with_guild(guild, member)
        self.tell(
            Dispatch(name="GUILD_MEMBER_ADD", payload=lambda _: payload, guild=guild, but=user.id)
        )
        return member

    def tell_of_guild(self, guild: Guild, bot: User) -> None:
        """GUILD_CREATE for one bot; the gateway fills in what its intents let it see."""
        self.tell(Dispatch(name="GUILD_CREATE", payload=lambda _: {}, guild=guild, to=bot.id))

    def leave(self, guild: Guild, user: User) -> None:
        if user.bot:
            gone = {"id": str(guild.id)}
            self.tell(
                Dispatch(name="GUILD_DELETE", payload=lambda _: gone, guild=guild, to=user.id)
            )
        guild.members.pop(user.id, None)
        left = {"guild_id": str(guild.id), "user": payloads.user_payload(user)}
        self._tell("GUILD_MEMBER_REMOVE", left, guild=guild)

    def change_member(self, member: Member, guild: Guild) -> None:
        """Tell of a changed nick, roles or time-out."""
        self._tell("GUILD_MEMBER_UPDATE", self._with_guild(guild, member), guild=guild)

    def add_role(
        self, guild: Guild, name: str, permissions: int, *, managed_by: User | None = None
    ) -> Role:
        role = Role(
            id=self.new_id(),
            name=name,
            permissions=permissions,
            position=len(guild.roles),
            managed_by=managed_by.id if managed_by else None,
        )
        guild.roles[role.id] = role
        self._tell("GUILD_ROLE_CREATE", self._role(guild, role), guild=guild)
        return role

    def give_role(self, guild: Guild, user: User, role: Role) -> None:
        member = guild.members[user.id]
        if role.id not in member.roles:
            member.roles.append(role.id)
            self.change_member(member, guild)

    def set_role_permissions(self, guild: Guild, role: Role, permissions: int) -> None:
        role.permissions = permissions
        self._tell("GUILD_ROLE_UPDATE", self._role(guild, role), guild=guild)

    @staticmethod
    def _role(guild: Guild, role: Role) -> Payload:
        return {"guild_id": str(guild.id), "role": payloads.role_payload(role)}

    @staticmethod
    def _with_guild(guild: Guild, member: Member) -> Payload:
        return payloads.member_payload(member) | {"guild_id": str(guild.id)}

    def set_presence(self, user: User, status: str, activities: list[dict[str, Any]]) -> None:
        """A user comes, goes or does something."""
        if (user.status, user.activities) == (status, activities):
            return
        user.status, user.activities = status, activities
        for guild in self.guilds.values():
            if user.id in guild.members:
                presence = payloads.presence_payload(guild, user)
                self._tell("PRESENCE_UPDATE", presence, guild=guild)

    # ---- channels ------------------------------------------------------------------------

    def add_channel(
        self,
        guild: Guild,
        name: str,
        kind: ChannelType = ChannelType.TEXT,
        topic: str | None = None,
        number: int | None = None,
    ) -> Channel:
        """A channel; ``number`` is its id where it must have a certain one."""
        channel = Channel(
            id=self.new_id() if number is None else number,
            type=kind,
            name=name,
            guild=guild,
            topic=topic,
            position=len(guild.channels),
        )
        self._put(channel, "CHANNEL_CREATE")
        return channel

    def add_thread(
        self, parent: Channel, name: str, owner: User, starter: Message | None = None
    ) -> Channel:
        """A public thread; one that begins with a message has the message's id."""
        assert parent.guild is not None
        thread = Channel(
            id=starter.id if starter else self.new_id(),
            type=ChannelType.PUBLIC_THREAD,
            name=name,
            guild=parent.guild,
            parent=parent,
            owner_id=owner.id,
            created_at=self.now(),
        )
        thread.thread_members[owner.id] = self.now()
        if starter is not None:
            starter.thread = thread
        self._put(thread, "THREAD_CREATE")
        return thread

    def open_dm(self, one: User, other: User) -> Channel:
        """The DM of two users; made at the first time, and told to bots."""
        both = {one.id: one, other.id: other}
        for channel in self.channels.values():
            if channel.type == ChannelType.DM and channel.recipients.keys() == both.keys():
                return channel
        channel = Channel(id=self.new_id(), type=ChannelType.DM, name="", recipients=both)
        self._put(channel, "CHANNEL_CREATE")
        return channel

    def _put(self, channel: Channel, event: str) -> None:
        self.channels[channel.id] = channel
        if channel.guild is not None:
            channel.guild.channels[channel.id] = channel
        self._tell_channel(event, channel)

    def change_channel(self, channel: Channel, **changes: Any) -> None:
        """Set fields of a channel or thread and tell of it."""
        for name, value in changes.items():
            setattr(channel, name, value)
        self._tell_channel("THREAD_UPDATE" if channel.is_thread else "CHANNEL_UPDATE", channel)

    def join_thread(self, thread: Channel, user: User) -> None:
        if user.id not in thread.thread_members:
            thread.thread_members[user.id] = self.now()
            self._tell_channel("THREAD_UPDATE", thread)

    def leave_thread(self, thread: Channel, user: User) -> None:
        thread.thread_members.pop(user.id, None)

    def set_overwrite(
        self, channel: Channel, target: int, *, allow: int = 0, deny: int = 0
    ) -> None:
        """Grant and take in one channel; ``target`` is a role's or a user's id."""
        assert channel.guild is not None
        kind = 0 if target in channel.guild.roles else 1
        overwrites = dict(channel.overwrites)
        overwrites[target] = Overwrite(kind=kind, allow=allow, deny=deny)
        self.change_channel(channel, overwrites=overwrites)

    def delete_channel(self, channel: Channel) -> None:
        """It goes with its threads and webhooks."""
        assert channel.guild is not None
        for other in list(channel.guild.channels.values()):
            if other.parent is channel and other.is_thread:
                self.delete_channel(other)
        for webhook in list(channel.webhooks.values()):
            self._forget_webhook(webhook)
        self._tell_channel("THREAD_DELETE" if channel.is_thread else "CHANNEL_DELETE", channel)
        del channel.guild.channels[channel.id], self.channels[channel.id]
        channel.deleted = True

    def _tell_channel(self, event: str, channel: Channel) -> None:
        new: Payload = {"newly_created": True} if event == "THREAD_CREATE" else {}
        self.tell(
            Dispatch(
                name=event,
                payload=lambda reader: payloads.channel_payload(channel, reader) | new,
                guild=channel.guild,
                channel=channel,
            )
        )

    def type_in(self, channel: Channel, user: User) -> None:
        """Show somebody's typing indicator."""
        now = self.now()
        channel.typings.append(Typing(user=user, at=now))
        payload: Payload = {
            "channel_id": str(channel.id),
            "user_id": str(user.id),
            "timestamp": int(now.timestamp()),
        }
        if channel.guild is not None:
            payload["guild_id"] = str(channel.guild.id)
            payload["member"] = payloads.member_payload(channel.guild.members[user.id])
        self._tell("TYPING_START", payload, guild=channel.guild, channel=channel)

    # ---- messages ------------------------------------------------------------------------

    def post(
        self, channel: Channel, author: User, draft: Draft, webhook: Webhook | None = None
    ) -> Message:
        """Put a message into a channel and tell of it."""
        message = self.compose(channel, author, draft, webhook)
        channel.messages[message.id] = message
        channel.last_message_id = message.id
        if channel.archived:
            self.change_channel(channel, archived=False)
        if channel.is_thread and webhook is None:
            self.join_thread(channel, author)
        if message.nonce is not None:
            self._remember_nonce(author, message.nonce, message)
        self._tell_message("MESSAGE_CREATE", message)
        return message

    def compose(
        self, channel: Channel, author: User, draft: Draft, webhook: Webhook | None = None
    ) -> Message:
        """A message that nobody has seen yet, nor will where it is ephemeral."""
        about = None if draft.reply_to is None else channel.messages.get(draft.reply_to)
        for attachment in draft.attachments:
            self.attachments[attachment.id] = attachment
        member = channel.guild.members.get(author.id) if channel.guild else None
        message = Message(
            id=self.new_id(),
            channel=channel,
            author=author,
            member=member,
            webhook=webhook,
            content=draft.content,
            at=self.now(),
            kind=REPLY if draft.reply_to is not None else draft.kind,
            reply_to=draft.reply_to,
            referenced=about,
            attachments=list(draft.attachments),
            embeds=list(draft.embeds),
            components=list(draft.components),
            nonce=draft.nonce,
            flags=draft.flags,
            tts=draft.tts,
            interaction=draft.interaction,
            application_id=webhook.application_id if webhook else draft.application_id,
        )
        self._set_pings(message, draft.pings)
        return message

    def sent_before(self, author: User, nonce: int | str) -> Message | None:
        """The message of an author that carried this nonce in the past few minutes."""
        message = self._nonces.get((author.id, nonce))
        if message is None or self.now() - message.at > _NONCES_FOR:
            return None
        return message

    def _remember_nonce(self, author: User, nonce: int | str, message: Message) -> None:
        if len(self._nonces) >= _MANY_NONCES:
            limit = self.now() - _NONCES_FOR
            self._nonces = {key: m for key, m in self._nonces.items() if m.at > limit}
        self._nonces[author.id, nonce] = message

    def edit(self, message: Message, pings: Pings, **changes: Any) -> None:
        """Give a message new words, embeds, attachments, components or flags."""
        for name, value in changes.items():
            setattr(message, name, value)
        message.edited_at = self.now()
        self._set_pings(message, pings)
        if not message.ephemeral:
            self._tell_message("MESSAGE_UPDATE", message)

    def _set_pings(self, message: Message, pings: Pings) -> None:
        guild = message.channel.guild
        found = pings.in_text(message.content)
        users = [self.users[user] for user in found.users if user in self.users]
        about = message.referenced
        answered = about.author if about and pings.replied_user and not about.webhook else None
        if answered is not None and answered not in users:
            users.append(answered)
        message.mentions = users
        message.mention_roles = [r for r in found.roles if guild and r in guild.roles]
        message.mention_everyone = found.everyone

    def delete(self, message: Message) -> None:
        message.channel.messages.pop(message.id, None)
        message.deleted = True
        if not message.ephemeral:
            self._tell_about("MESSAGE_DELETE", message, {"id": str(message.id)})

    def delete_many(self, channel: Channel, messages: Iterable[Message]) -> None:
        gone = list(messages)
        for message in gone:
            channel.messages.pop(message.id, None)
            message.deleted = True
        ids: Payload = {
            "ids": [str(message.id) for message in gone],
            "channel_id": str(channel.id),
        }
        if channel.guild is not None:
            ids["guild_id"] = str(channel.guild.id)
        self._tell("MESSAGE_DELETE_BULK", ids, guild=channel.guild, channel=channel)

    def react(self, message: Message, user: User, emoji: str) -> None:
        users = message.reactions.setdefault(emoji, [])
        if user in users:
            return
        users.append(user)
        details = self._reaction(user, emoji)
        guild = message.channel.guild
        if guild is not None:
            details["member"] = payloads.member_payload(guild.members[user.id])
        details |= {"message_author_id": str(message.author.id), "burst": False, "type": 0}
        self._tell_about("MESSAGE_REACTION_ADD", message, details)

    def unreact(self, message: Message, user: User, emoji: str) -> None:
        users = message.reactions.get(emoji, [])
        if user not in users:
            return
        users.remove(user)
        if not users:
            del message.reactions[emoji]
        details = self._reaction(user, emoji) | {"burst": False, "type": 0}
        self._tell_about("MESSAGE_REACTION_REMOVE", message, details)

    def clear_reactions(self, message: Message) -> None:
        message.reactions.clear()
        self._tell_about("MESSAGE_REACTION_REMOVE_ALL", message, {})

    @staticmethod
    def _reaction(user: User, emoji: str) -> Payload:
        return {"user_id": str(user.id), "emoji": payloads.emoji_payload(emoji)}

    def pin(self, message: Message, *, pinned: bool) -> None:
        message.pinned = pinned
        channel = message.channel
        payload: Payload = {"channel_id": str(channel.id), "last_pin_timestamp": None}
        if channel.guild is not None:
            payload["guild_id"] = str(channel.guild.id)
        self._tell("CHANNEL_PINS_UPDATE", payload, guild=channel.guild, channel=channel)
        self._tell_message("MESSAGE_UPDATE", message)

    def _tell_message(self, event: str, message: Message) -> None:
        self.tell(
            Dispatch(
                name=event,
                payload=lambda reader: payloads.message_event(message, self.base, reader),
                guild=message.channel.guild,
                channel=message.channel,
                message=message,
            )
        )

    def _tell_about(self, event: str, message: Message, details: Payload) -> None:
        channel = message.channel
        payload = details | {"channel_id": str(channel.id)}
        if event != "MESSAGE_DELETE":
            payload["message_id"] = str(message.id)
        if channel.guild is not None:
            payload["guild_id"] = str(channel.guild.id)
        self._tell(event, payload, guild=channel.guild, channel=channel)

    def _tell(
        self, name: str, payload: Payload, *, guild: Guild | None, channel: Channel | None = None
    ) -> None:
        self.tell(Dispatch(name=name, payload=lambda _: payload, guild=guild, channel=channel))

    # ---- webhooks, interactions ----------------------------------------------------------

    def add_webhook(
        self,
        channel: Channel,
        name: str,
        user: User,
        *,
        avatar: str | None = None,
        application: Application | None = None,
    ) -> Webhook:
        webhook = Webhook(
            id=self.new_id(),
            token=secrets.token_urlsafe(51),
            channel=channel,
            name=name,
            avatar=avatar,
            application_id=application.id if application else None,
            user=user,
        )
        channel.webhooks[webhook.id] = self.webhooks[webhook.id] = webhook
        self.tell_webhooks(channel)
        return webhook

    def delete_webhook(self, webhook: Webhook) -> None:
        self._forget_webhook(webhook)
        self.tell_webhooks(webhook.channel)

    def _forget_webhook(self, webhook: Webhook) -> None:
        del webhook.channel.webhooks[webhook.id], self.webhooks[webhook.id]
        webhook.deleted = True

    def tell_webhooks(self, channel: Channel) -> None:
        """WEBHOOKS_UPDATE says only that something changed in a channel."""
        assert channel.guild is not None
        payload = {"guild_id": str(channel.guild.id), "channel_id": str(channel.id)}
        self._tell("WEBHOOKS_UPDATE", payload, guild=channel.guild, channel=channel)

    def add_interaction(
        self,
        application: Application,
        user: User,
        channel: Channel,
        kind: int,
        data: dict[str, Any],
        message: Message | None = None,
    ) -> Interaction:
        """Ask a bot; the answer comes over REST."""
        interaction = Interaction(
            id=self.new_id(),
            token=secrets.token_urlsafe(60),
            kind=kind,
            application=application,
            user=user,
            channel=channel,
            data=data,
            message=message,
            asked_at=time.monotonic(),
        )
        self.interactions[interaction.id] = interaction
        payload = payloads.interaction_payload(interaction, self.base)
        self.tell(
            Dispatch(
                name="INTERACTION_CREATE",
                payload=lambda _: payload,
                guild=channel.guild,
                channel=channel,
                to=application.user.id,
            )
        )
        return interaction


def webhook_author(webhook: Webhook, name: str | None, avatar: str | None) -> User:
    """Who stands over a webhook's message: an account with the webhook's id."""
    return User(
        id=webhook.id,
        name=name or webhook.name,
        bot=True,
        avatar=_hash(avatar.encode()) if avatar else webhook.avatar,
        avatar_url=avatar,
    )


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def new_token(user: int) -> str:
    """A token of the shape that Discord gives: the id, a time and a secret."""
    head = base64.b64encode(str(user).encode()).decode().rstrip("=")
    return f"{head}.{secrets.token_urlsafe(4)}.{secrets.token_urlsafe(28)}"
