"""Who may do what where: Discord's own computation, pure.

Bits and order of the computation: https://discord.com/developers/docs/topics/permissions
"""

from enum import IntFlag

from botconvo.rehearsal.entities import Channel, Guild, Overwrite

__all__ = ["EVERYTHING", "MEMBERS", "WEBHOOK_BOT", "Permission", "permissions_in"]


class Permission(IntFlag):
    """The bits that a text channel knows of."""

    CREATE_INSTANT_INVITE = 1 << 0
    KICK_MEMBERS = 1 << 1
    BAN_MEMBERS = 1 << 2
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_AUDIT_LOG = 1 << 7
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    SEND_TTS_MESSAGES = 1 << 12
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    CHANGE_NICKNAME = 1 << 26
    MANAGE_NICKNAMES = 1 << 27
    MANAGE_ROLES = 1 << 28
    MANAGE_WEBHOOKS = 1 << 29
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    USE_EXTERNAL_STICKERS = 1 << 37
    SEND_MESSAGES_IN_THREADS = 1 << 38
    MODERATE_MEMBERS = 1 << 40
    SEND_POLLS = 1 << 49
    PIN_MESSAGES = 1 << 51


NOTHING = Permission(0)
EVERYTHING = ~NOTHING
MEMBERS = (
    Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.ADD_REACTIONS
    | Permission.USE_EXTERNAL_EMOJIS
    | Permission.CHANGE_NICKNAME
    | Permission.USE_APPLICATION_COMMANDS
    | Permission.CREATE_PUBLIC_THREADS
    | Permission.SEND_MESSAGES_IN_THREADS
)
"""What everybody may do in a guild of the rehearsal, unless it is made otherwise."""
WEBHOOK_BOT = MEMBERS | Permission.MANAGE_WEBHOOKS
"""What the role of a bot adds, unless it is made otherwise."""
_TEXT = (
    Permission.SEND_MESSAGES
    | Permission.SEND_MESSAGES_IN_THREADS
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.MENTION_EVERYONE
    | Permission.SEND_TTS_MESSAGES
    | Permission.SEND_POLLS
)
_TIMED_OUT = Permission.VIEW_CHANNEL | Permission.READ_MESSAGE_HISTORY
_IN_DM = (MEMBERS | Permission.MENTION_EVERYONE) & ~Permission.CREATE_PUBLIC_THREADS


def permissions_in(channel: Channel, user: int) -> Permission:
    """What a user may do in a channel, thread or DM; nothing where they are not a member."""
    if channel.guild is None:
        return _IN_DM if user in channel.recipients else NOTHING
    granted = _guild_permissions(channel.guild, user)
    if granted == EVERYTHING or not granted:
        return granted
    place = channel.parent if channel.is_thread and channel.parent is not None else channel
    granted = _overwritten(granted, place.overwrites, channel.guild, user)
    if channel.guild.members[user].timed_out:
        granted &= _TIMED_OUT
    if not granted & Permission.VIEW_CHANNEL:
        return NOTHING
    may_send = Permission.SEND_MESSAGES
    if channel.is_thread:
        may_send = Permission.SEND_MESSAGES_IN_THREADS
    return granted if granted & may_send else granted & ~_TEXT


def _guild_permissions(guild: Guild, user: int) -> Permission:
    member = guild.members.get(user)
    if member is None:
        return NOTHING
    if guild.owner_id == user:
        return EVERYTHING
    bits = guild.roles[guild.id].permissions
    for role in member.roles:
        bits |= guild.roles[role].permissions
    return EVERYTHING if bits & Permission.ADMINISTRATOR else Permission(bits)


def _overwritten(
    granted: Permission, overwrites: dict[int, Overwrite], guild: Guild, user: int
) -> Permission:
    """@everyone's overwrite, then those of the member's roles together, then the member's own."""
    none = Overwrite()
    everyone, own = overwrites.get(guild.id, none), overwrites.get(user, none)
    roles = [overwrites.get(role, none) for role in guild.members[user].roles]
    allow = deny = 0
    for role in roles:
        allow, deny = allow | role.allow, deny | role.deny
    for denied, allowed in ((everyone.deny, everyone.allow), (deny, allow), (own.deny, own.allow)):
        granted = (granted & ~Permission(denied)) | Permission(allowed)
    return granted
