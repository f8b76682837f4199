"""Channels, threads, DMs, guilds, members and users."""

from typing import Any

from botconvo.rehearsal import payloads, refusal
from botconvo.rehearsal.checks import may, may_see
from botconvo.rehearsal.entities import Channel, ChannelType
from botconvo.rehearsal.permissions import Permission, permissions_in
from botconvo.rehearsal.refusal import Refusal, unknown
from botconvo.rehearsal.rest.call import Call, Rule

__all__ = ["RULES"]


# ---- channels and threads ------------------------------------------------------------------


def read_channel(call: Call) -> Any:
    channel = call.channel()
    may_see(channel, call.user)
    return payloads.channel_payload(channel, call.user.id)


def change_channel(call: Call) -> Any:
    channel = call.channel()
    needed = Permission.MANAGE_THREADS if channel.is_thread else Permission.MANAGE_CHANNELS
    if channel.owner_id != call.user.id:
        may(channel, call.user, needed)
    names = {"name": "name", "topic": "topic", "rate_limit_per_user": "slowmode_s"}
    names |= {"archived": "archived", "locked": "locked", "nsfw": "nsfw"}
    changes = {names[field]: value for field, value in call.fields.items() if field in names}
    call.world.change_channel(channel, **changes)
    return payloads.channel_payload(channel, call.user.id)


def delete_channel(call: Call) -> Any:
    channel = call.channel()
    needed = Permission.MANAGE_THREADS if channel.is_thread else Permission.MANAGE_CHANNELS
    may(channel, call.user, needed)
    payload = payloads.channel_payload(channel, call.user.id)
    call.world.delete_channel(channel)
    return payload


def start_thread(call: Call) -> Any:
    """A thread of its own, or from a message where the path names one."""
    channel = call.channel()
    may(channel, call.user, Permission.CREATE_PUBLIC_THREADS)
    if channel.type not in (ChannelType.TEXT, ChannelType.NEWS):
        raise Refusal(*refusal.WRONG_CHANNEL_TYPE)
    starter = call.message() if "message_id" in call.parts else None
    if starter is not None and starter.thread is not None:
        raise Refusal(400, 160004, "A thread has already been created for this message")
    thread = call.world.add_thread(channel, call.fields["name"], call.user, starter)
    return payloads.channel_payload(thread, call.user.id)


def join_thread(call: Call) -> None:
    call.world.join_thread(_thread(call), call.user)


def leave_thread(call: Call) -> None:
    call.world.leave_thread(_thread(call), call.user)


def thread_members(call: Call) -> Any:
    thread = _thread(call)
    return [payloads.thread_member_payload(thread, user) for user in thread.thread_members]


def _thread(call: Call) -> Channel:
    channel = call.channel()
    may_see(channel, call.user)
    if not channel.is_thread:
        raise Refusal(*refusal.WRONG_CHANNEL_TYPE)
    return channel


def archived_threads(call: Call) -> Any:
    channel = call.channel()
    may(channel, call.user, Permission.READ_MESSAGE_HISTORY)
    assert channel.guild is not None
    found = [c for c in channel.guild.channels.values() if c.parent is channel and c.archived]
    return _threads(call, found)


def active_threads(call: Call) -> Any:
    guild = call.guild()
    found = [c for c in guild.channels.values() if c.is_thread and not c.archived]
    return _threads(call, [c for c in found if permissions_in(c, call.user.id)])


def _threads(call: Call, found: list[Channel]) -> payloads.Payload:
    mine = [thread for thread in found if call.user.id in thread.thread_members]
    return {
        "threads": [payloads.channel_payload(thread, call.user.id) for thread in found],
        "members": [payloads.thread_member_payload(thread, call.user.id) for thread in mine],
        "has_more": False,
    }


# ---- guilds and members --------------------------------------------------------------------


def read_guild(call: Call) -> Any:
    guild = call.guild()
    payload = payloads.guild_payload(guild)
    if call.query.get("with_counts", "").lower() in ("1", "true"):
        present = [m for m in guild.members.values() if m.user.status != "offline"]
        payload |= {
            "approximate_member_count": len(guild.members),
            "approximate_presence_count": len(present),
        }
    return payload


def guild_channels(call: Call) -> Any:
    channels = [each for each in call.guild().channels.values() if not each.is_thread]
    return [payloads.channel_payload(channel, call.user.id) for channel in channels]


def add_channel(call: Call) -> Any:
    guild = call.guild()
    may_manage = any(
        permissions_in(channel, call.user.id) & Permission.MANAGE_CHANNELS
        for channel in guild.channels.values()
    )
    if not may_manage:
        raise Refusal(*refusal.MISSING_PERMISSIONS)
    kind = ChannelType(call.fields.get("type", 0))
    channel = call.world.add_channel(guild, call.fields["name"], kind, call.fields.get("topic"))
    return payloads.channel_payload(channel, call.user.id)


def guild_roles(call: Call) -> Any:
    return [payloads.role_payload(role) for role in call.guild().roles.values()]


def guild_members(call: Call) -> Any:
    """All of them; needs the privileged intent."""
    guild = call.guild()
    if not call.application.members:
        raise Refusal(*refusal.MISSING_ACCESS)
    limit, after = int(call.query.get("limit", 1)), int(call.query.get("after", 0))
    found = sorted(user for user in guild.members if user > after)[:limit]
    return [payloads.member_payload(guild.members[user]) for user in found]


def guild_member(call: Call) -> Any:
    member = call.guild().members.get(call.number("user_id"))
    if member is None:
        raise unknown("Member")
    return payloads.member_payload(member)


def rename_myself(call: Call) -> Any:
    guild = call.guild()
    member = guild.members[call.user.id]
    member.nick = call.fields.get("nick") or None
    call.world.change_member(member, guild)
    return payloads.member_payload(member)


def read_user(call: Call) -> Any:
    user = call.world.users.get(call.number("user_id"))
    if user is None:
        raise unknown("User")
    return payloads.user_payload(user)


# ---- the bot itself ------------------------------------------------------------------------


def read_myself(call: Call) -> Any:
    return payloads.user_payload(call.user) | {
        "mfa_enabled": False,
        "locale": "en-US",
        "premium_type": 0,
        "email": None,
        "verified": True,
    }


def change_myself(call: Call) -> Any:
    call.user.name = call.fields.get("username") or call.user.name
    if "avatar" in call.fields:
        call.user.avatar = call.world.picture(call.fields["avatar"])
    return read_myself(call)


def my_guilds(call: Call) -> Any:
    mine = [guild for guild in call.world.guilds.values() if call.user.id in guild.members]
    return [
        {
            "id": str(guild.id),
            "name": guild.name,
            "icon": None,
            "banner": None,
            "owner": guild.owner_id == call.user.id,
            "permissions": str(sum(guild.roles[r].permissions for r in _roles(call, guild.id))),
            "features": [],
        }
        for guild in mine
    ]


def _roles(call: Call, guild: int) -> list[int]:
    return [guild, *call.world.guilds[guild].members[call.user.id].roles]


def leave_guild(call: Call) -> None:
    call.world.leave(call.guild(), call.user)


def open_dm(call: Call) -> Any:
    other = call.world.users.get(int(call.fields["recipient_id"]))
    if other is None:
        raise unknown("User")
    return payloads.channel_payload(call.world.open_dm(call.user, other), call.user.id)


def read_application(call: Call) -> Any:
    return payloads.application_payload(call.application)


_CHANNEL, _GUILD = "/channels/{channel_id}", "/guilds/{guild_id}"
RULES = (
    Rule(method="GET", path="/users/@me", handler=read_myself),
    Rule(method="PATCH", path="/users/@me", handler=change_myself),
    Rule(method="GET", path="/users/@me/guilds", handler=my_guilds),
    Rule(method="DELETE", path="/users/@me/guilds/{guild_id}", handler=leave_guild, status=204),
    Rule(method="POST", path="/users/@me/channels", handler=open_dm),
    Rule(method="GET", path="/users/{user_id}", handler=read_user),
    Rule(method="GET", path="/oauth2/applications/@me", handler=read_application),
    Rule(method="GET", path="/applications/@me", handler=read_application),
    Rule(method="GET", path=_CHANNEL, handler=read_channel),
    Rule(method="PATCH", path=_CHANNEL, handler=change_channel),
    Rule(method="DELETE", path=_CHANNEL, handler=delete_channel),
    Rule(method="POST", path=_CHANNEL + "/threads", handler=start_thread, status=201),
    Rule(
        method="POST",
        path=_CHANNEL + "/messages/{message_id}/threads",
        handler=start_thread,
        status=201,
    ),
    Rule(method="PUT", path=_CHANNEL + "/thread-members/@me", handler=join_thread),
    Rule(method="DELETE", path=_CHANNEL + "/thread-members/@me", handler=leave_thread),
    Rule(method="GET", path=_CHANNEL + "/thread-members", handler=thread_members),
    Rule(method="GET", path=_CHANNEL + "/threads/archived/public", handler=archived_threads),
    Rule(method="GET", path=_GUILD, handler=read_guild),
    Rule(method="GET", path=_GUILD + "/channels", handler=guild_channels),
    Rule(method="POST", path=_GUILD + "/channels", handler=add_channel, status=201),
    Rule(method="GET", path=_GUILD + "/roles", handler=guild_roles),
    Rule(method="GET", path=_GUILD + "/threads/active", handler=active_threads),
    Rule(method="GET", path=_GUILD + "/members", handler=guild_members),
    Rule(method="GET", path=_GUILD + "/members/{user_id}", handler=guild_member),
    Rule(method="PATCH", path=_GUILD + "/members/@me", handler=rename_myself),
)
