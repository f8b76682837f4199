"""Which bot hears of what: gateway intents and the sight of channels, pure.

https://discord.com/developers/docs/events/gateway#list-of-intents
"""

from enum import IntFlag

from botconvo.rehearsal.entities import Application, User
from botconvo.rehearsal.payloads import Payload, redacted
from botconvo.rehearsal.permissions import Permission, permissions_in
from botconvo.rehearsal.world import Dispatch

__all__ = ["Intent", "forbidden", "hears", "shown_to"]


class Intent(IntFlag):
    """The bits of IDENTIFY."""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_MODERATION = 1 << 2
    GUILD_WEBHOOKS = 1 << 5
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_MESSAGE_REACTIONS = 1 << 10
    GUILD_MESSAGE_TYPING = 1 << 11
    DIRECT_MESSAGES = 1 << 12
    DIRECT_MESSAGE_REACTIONS = 1 << 13
    DIRECT_MESSAGE_TYPING = 1 << 14
    MESSAGE_CONTENT = 1 << 15


_ALWAYS = ~Intent(0)
_IN_GUILDS = {
    "GUILD_": Intent.GUILDS,
    "CHANNEL_": Intent.GUILDS,
    "THREAD_": Intent.GUILDS,
    "GUILD_MEMBER_": Intent.GUILD_MEMBERS,
    "WEBHOOKS_": Intent.GUILD_WEBHOOKS,
    "PRESENCE_": Intent.GUILD_PRESENCES,
    "MESSAGE_": Intent.GUILD_MESSAGES,
    "MESSAGE_REACTION_": Intent.GUILD_MESSAGE_REACTIONS,
    "TYPING_": Intent.GUILD_MESSAGE_TYPING,
    "INTERACTION_": _ALWAYS,
}
_IN_DMS = {
    "MESSAGE_": Intent.DIRECT_MESSAGES,
    "MESSAGE_REACTION_": Intent.DIRECT_MESSAGE_REACTIONS,
    "TYPING_": Intent.DIRECT_MESSAGE_TYPING,
    "INTERACTION_": _ALWAYS,
}
_UNSEEN_TOO = ("CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE")
"""A bot is told of channels that it cannot see."""


def forbidden(intents: int, application: Application) -> bool:
    """The bot asks for a privileged intent that is off in the portal (close code 4014)."""
    off = Intent(0)
    off |= Intent(0) if application.members else Intent.GUILD_MEMBERS
    off |= Intent(0) if application.presences else Intent.GUILD_PRESENCES
    off |= Intent(0) if application.message_content else Intent.MESSAGE_CONTENT
    return bool(intents & off)


def hears(dispatch: Dispatch, bot: User, intents: int) -> bool:
    """Whether a session of a bot gets this event."""
    if dispatch.to not in (None, bot.id) or dispatch.but == bot.id:
        return False
    guild, channel = dispatch.guild, dispatch.channel
    if guild is not None and bot.id not in guild.members:
        return False
    if not intents & _needed(dispatch):
        return False
    if channel is None or dispatch.name in _UNSEEN_TOO or dispatch.to == bot.id:
        return True
    return bool(permissions_in(channel, bot.id) & Permission.VIEW_CHANNEL)


def _needed(dispatch: Dispatch) -> Intent:
    table = _IN_DMS if dispatch.guild is None else _IN_GUILDS
    fitting = [prefix for prefix in table if dispatch.name.startswith(prefix)]
    return table[max(fitting, key=len)] if fitting else Intent(0)


def shown_to(dispatch: Dispatch, bot: User, intents: int) -> Payload:
    """The event's body for a bot: words of others only with the message content intent.

    Its own messages, DMs and messages that mention it are always whole.
    """
    payload = dispatch.payload(bot.id)
    message = dispatch.message
    if message is None or intents & Intent.MESSAGE_CONTENT or dispatch.guild is None:
        return payload
    if message.author is bot or bot in message.mentions:
        return payload
    return redacted(payload)
