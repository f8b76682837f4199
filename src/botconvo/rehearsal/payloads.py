"""What is held, as Discord sends it.  Pure: it reads entities and changes nothing."""

from datetime import datetime
from typing import Any

from botconvo.rehearsal.entities import (
    Application,
    Attachment,
    Channel,
    ChannelType,
    Guild,
    Interaction,
    Member,
    Message,
    Role,
    User,
    Webhook,
)
from botconvo.rehearsal.permissions import permissions_in

__all__ = [
    "Payload",
    "application_payload",
    "attachment_payload",
    "channel_payload",
    "emoji_payload",
    "guild_payload",
    "interaction_payload",
    "member_payload",
    "message_event",
    "message_payload",
    "presence_payload",
    "redacted",
    "role_payload",
    "thread_member_payload",
    "time_text",
    "user_payload",
    "webhook_payload",
    "whole_guild_payload",
]

Payload = dict[str, Any]
_ARCHIVE_MINUTES = 1440
_ATTACHMENT_LIMIT = 10 * 1024 * 1024


def time_text(when: datetime) -> str:
    """``2025-03-01T12:00:00.123000+00:00``"""
    return when.isoformat(timespec="microseconds")


def user_payload(user: User) -> Payload:
    return {
        "id": str(user.id),
        "username": user.name if user.bot else user.username,
        "avatar": user.avatar,
        "discriminator": "0000" if user.bot else "0",
        "public_flags": 0,
        "flags": 0,
        "bot": user.bot,
        "banner": None,
        "accent_color": None,
        "global_name": None if user.bot else user.name,
        "avatar_decoration_data": None,
        "collectibles": None,
        "primary_guild": None,
    }


def member_payload(member: Member, *, with_user: bool = True) -> Payload:
    payload: Payload = {
        "avatar": None,
        "banner": None,
        "communication_disabled_until": None,
        "flags": 0,
        "joined_at": time_text(member.joined_at),
        "nick": member.nick,
        "pending": False,
        "premium_since": None,
        "roles": [str(role) for role in member.roles],
        "mute": False,
        "deaf": False,
    }
    if with_user:
        payload["user"] = user_payload(member.user)
    return payload


def role_payload(role: Role) -> Payload:
    payload: Payload = {
        "id": str(role.id),
        "name": role.name,
        "permissions": str(int(role.permissions)),
        "position": role.position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": role.managed_by is not None,
        "mentionable": False,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }
    if role.managed_by is not None:
        payload["tags"] = {"bot_id": str(role.managed_by)}
    return payload


# ---- channels and guilds -------------------------------------------------------------------


def channel_payload(channel: Channel, reader: int | None = None) -> Payload:
    """A channel, thread or DM; ``reader`` is the bot that gets it."""
    payload: Payload = {
        "id": str(channel.id),
        "type": int(channel.type),
        "flags": 0,
        "last_message_id": _id(channel.last_message_id),
    }
    if channel.guild is None:
        others = [user for user in channel.recipients.values() if user.id != reader]
        return payload | {"recipients": [user_payload(user) for user in others]}
    payload |= {
        "guild_id": str(channel.guild.id),
        "name": channel.name,
        "parent_id": _id(channel.parent.id if channel.parent else None),
        "rate_limit_per_user": channel.slowmode_s,
    }
    if channel.is_thread:
        return payload | _thread_fields(channel, reader)
    payload |= {
        "topic": channel.topic,
        "position": channel.position,
        "nsfw": channel.nsfw,
        "permission_overwrites": [
            {
                "id": str(target),
                "type": overwrite.kind,
                "allow": str(int(overwrite.allow)),
                "deny": str(int(overwrite.deny)),
            }
            for target, overwrite in channel.overwrites.items()
        ],
    }
    if channel.type == ChannelType.VOICE:
        payload |= {"bitrate": 64000, "user_limit": 0, "rtc_region": None}
    return payload


def _thread_fields(channel: Channel, reader: int | None) -> Payload:
    assert channel.created_at is not None
    fields: Payload = {
        "owner_id": str(channel.owner_id),
        "thread_metadata": {
            "archived": channel.archived,
            "archive_timestamp": time_text(channel.created_at),
            "auto_archive_duration": _ARCHIVE_MINUTES,
            "locked": channel.locked,
            "create_timestamp": time_text(channel.created_at),
        },
        "message_count": len(channel.messages),
        "member_count": len(channel.thread_members),
        "total_message_sent": len(channel.messages),
    }
    if reader is not None and reader in channel.thread_members:
        fields["member"] = thread_member_payload(channel, reader)
    return fields


def thread_member_payload(channel: Channel, user: int) -> Payload:
    return {
        "id": str(channel.id),
        "user_id": str(user),
        "join_timestamp": time_text(channel.thread_members[user]),
        "flags": 0,
    }


def guild_payload(guild: Guild) -> Payload:
    """A guild without its members and channels, as REST gives it."""
    return {
        "id": str(guild.id),
        "name": guild.name,
        "icon": None,
        "description": None,
        "home_header": None,
        "splash": None,
        "discovery_splash": None,
        "features": [],
        "banner": None,
        "owner_id": str(guild.owner_id),
        "application_id": None,
        "region": "us-central",
        "afk_channel_id": None,
        "afk_timeout": 300,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "widget_enabled": False,
        "widget_channel_id": None,
        "verification_level": 0,
        "roles": [role_payload(role) for role in guild.roles.values()],
        "default_message_notifications": 0,
        "mfa_level": 0,
        "explicit_content_filter": 0,
        "max_presences": None,
        "max_members": 500000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "vanity_url_code": None,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "rules_channel_id": None,
        "safety_alerts_channel_id": None,
        "public_updates_channel_id": None,
        "premium_progress_bar_enabled": False,
        "nsfw": False,
        "nsfw_level": 0,
        "emojis": [],
        "stickers": [],
        "incidents_data": None,
    }


def whole_guild_payload(guild: Guild, reader: User, *, with_members: bool) -> Payload:
    """A guild as GUILD_CREATE carries it to a bot.

    ``with_members``: the bot has the presences intent; without it Discord sends the bot alone.
    """
    members = guild.members.values() if with_members else [guild.members[reader.id]]
    channels = guild.channels.values()
    visible = [c for c in channels if c.is_thread and permissions_in(c, reader.id)]
    return guild_payload(guild) | {
        "joined_at": time_text(guild.members[reader.id].joined_at),
        "large": len(guild.members) > 250,
        "unavailable": False,
        "member_count": len(guild.members),
        "members": [member_payload(member) for member in members],
        "channels": [channel_payload(c, reader.id) for c in channels if not c.is_thread],
        "threads": [channel_payload(c, reader.id) for c in visible if not c.archived],
        "presences": [presence_payload(guild, m.user) for m in members] if with_members else [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def presence_payload(guild: Guild, user: User) -> Payload:
    return {
        "user": {"id": str(user.id)},
        "guild_id": str(guild.id),
        "status": user.status,
        "activities": user.activities,
        "client_status": {} if user.status == "offline" else {"desktop": user.status},
    }


def application_payload(application: Application) -> Payload:
    return {
        "id": str(application.id),
        "name": application.name,
        "icon": None,
        "description": "",
        "type": None,
        "bot": user_payload(application.user),
        "bot_public": application.public,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": application.flags,
        "flags_new": str(application.flags),
        "owner": user_payload(application.owner),
        "team": None,
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "integration_types_config": {"0": {}},
        "approximate_guild_count": 1,
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "eligible_oauth2_scopes": [],
    }


# ---- messages ------------------------------------------------------------------------------


def message_payload(
    message: Message, base: str, reader: int | None = None, *, nested: bool = False
) -> Payload:
    """A message as REST gives it; ``base`` is where attachments are served."""
    payload: Payload = {
        "type": message.kind,
        "content": message.content,
        "mentions": [user_payload(user) for user in message.mentions],
        "mention_roles": [str(role) for role in message.mention_roles],
        "attachments": [
            attachment_payload(attachment, message.channel, base)
            for attachment in message.attachments
        ],
        "embeds": message.embeds,
        "timestamp": time_text(message.at),
        "edited_timestamp": None if message.edited_at is None else time_text(message.edited_at),
        "flags": message.flags,
        "components": message.components,
        "id": str(message.id),
        "channel_id": str(message.channel.id),
        "author": user_payload(message.author),
        "pinned": message.pinned,
        "mention_everyone": message.mention_everyone,
        "tts": message.tts,
    }
    if message.webhook is not None:
        payload["webhook_id"] = str(message.webhook.id)
    if message.application_id is not None:
        payload["application_id"] = str(message.application_id)
    if message.nonce is not None:
        payload["nonce"] = message.nonce
    if message.interaction is not None:
        payload["interaction_metadata"] = message.interaction
    if message.reactions:
        payload["reactions"] = [
            _reaction_payload(emoji, users, reader) for emoji, users in message.reactions.items()
        ]
    if message.thread is not None:
        payload["thread"] = channel_payload(message.thread, reader)
    if message.reply_to is not None:
        payload["message_reference"] = _reference(message)
        if not nested:
            about = message.referenced
            gone = about is None or about.deleted
            payload["referenced_message"] = (
                None if gone or about is None else message_payload(about, base, reader, nested=True)
            )
    return payload


def message_event(message: Message, base: str, reader: int | None = None) -> Payload:
    """A message as the gateway sends it: with its guild and its author's member."""
    payload = message_payload(message, base, reader)
    if message.channel.guild is not None:
        payload["guild_id"] = str(message.channel.guild.id)
        if message.member is not None and message.webhook is None:
            payload["member"] = member_payload(message.member, with_user=False)
    return payload


def redacted(payload: Payload) -> Payload:
    """What a bot without the message content intent gets of somebody else's message."""
    hidden: Payload = {"content": "", "attachments": [], "embeds": [], "components": []}
    about = payload.get("referenced_message")
    return payload | hidden | ({"referenced_message": about | hidden} if about else {})


def _reference(message: Message) -> Payload:
    reference: Payload = {
        "type": 0,
        "channel_id": str(message.channel.id),
        "message_id": str(message.reply_to),
    }
    if message.channel.guild is not None:
        reference["guild_id"] = str(message.channel.guild.id)
    return reference


def _reaction_payload(emoji: str, users: list[User], reader: int | None) -> Payload:
    return {
        "emoji": emoji_payload(emoji),
        "count": len(users),
        "count_details": {"burst": 0, "normal": len(users)},
        "burst_colors": [],
        "me_burst": False,
        "me": any(user.id == reader for user in users),
    }


def emoji_payload(emoji: str) -> Payload:
    """``"🎉"`` or ``"name:id"``."""
    name, _, identifier = emoji.partition(":")
    return {"id": identifier or None, "name": name}


def attachment_payload(attachment: Attachment, channel: Channel, base: str) -> Payload:
    url = f"{base}/attachments/{channel.id}/{attachment.id}/{attachment.filename}"
    payload: Payload = {
        "id": str(attachment.id),
        "filename": attachment.filename,
        "size": attachment.size,
        "url": url,
        "proxy_url": url,
        "flags": 0,
    }
    if attachment.content_type is not None:
        payload["content_type"] = attachment.content_type
    if attachment.description is not None:
        payload["description"] = attachment.description
    return payload


# ---- webhooks and interactions -------------------------------------------------------------


def webhook_payload(
    webhook: Webhook, reader_application: int | None, base: str, *, with_user: bool = True
) -> Payload:
    """A webhook; its token only for the application that made it, or where a person did."""
    assert webhook.channel.guild is not None
    payload: Payload = {
        "application_id": _id(webhook.application_id),
        "avatar": webhook.avatar,
        "channel_id": str(webhook.channel.id),
        "guild_id": str(webhook.channel.guild.id),
        "id": str(webhook.id),
        "name": webhook.name,
        "type": 1,
    }
    if webhook.application_id in (None, reader_application):
        payload["token"] = webhook.token
        payload["url"] = f"{base}/api/webhooks/{webhook.id}/{webhook.token}"
    if with_user:
        payload["user"] = user_payload(webhook.user)
    return payload


def interaction_payload(interaction: Interaction, base: str) -> Payload:
    """INTERACTION_CREATE."""
    channel, user = interaction.channel, interaction.user
    bot = interaction.application.user.id
    payload: Payload = {
        "id": str(interaction.id),
        "application_id": str(interaction.application.id),
        "type": interaction.kind,
        "data": interaction.data,
        "channel_id": str(channel.id),
        "channel": channel_payload(channel, bot)
        | {"permissions": str(int(permissions_in(channel, user.id)) & _UNSIGNED)},
        "token": interaction.token,
        "version": 1,
        "app_permissions": str(int(permissions_in(channel, bot)) & _UNSIGNED),
        "locale": "en-US",
        "entitlements": [],
        "attachment_size_limit": _ATTACHMENT_LIMIT,
        "authorizing_integration_owners": {},
        "context": 1,
    }
    if interaction.message is not None:
        payload["message"] = message_payload(interaction.message, base)
    if channel.guild is None:
        return payload | {"user": user_payload(user)}
    member = member_payload(channel.guild.members[user.id])
    permissions = str(int(permissions_in(channel, user.id)) & _UNSIGNED)
    return payload | {
        "context": 0,
        "guild_id": str(channel.guild.id),
        "guild": {"id": str(channel.guild.id), "locale": "en-US", "features": []},
        "guild_locale": "en-US",
        "authorizing_integration_owners": {"0": str(channel.guild.id)},
        "member": member | {"permissions": permissions},
    }


_UNSIGNED = (1 << 53) - 1
"""All permission bits that there are: an owner has them all."""


def _id(value: int | None) -> str | None:
    return None if value is None else str(value)
