"""Discord's numbers as qualified ids, and back.  Pure.

channel   discord:<server>/<channel or thread>    discord:@me/<channel>  for direct messages
message   discord:<channel or thread>/<message>
author    discord:<user>
group     discord:role/<role>
"""

from botconvo.errors import PlatformError
from botconvo.messages import AuthorId, ChannelId, MessageId

__all__ = [
    "author_id",
    "channel_id",
    "group_id",
    "jump_link",
    "message_id",
    "message_numbers",
    "place_of",
]


def channel_id(server: int | None, channel: int) -> ChannelId:
    """The id of a channel or thread; ``server`` is None for direct messages."""
    return ChannelId(f"discord:{server or '@me'}/{channel}")


def message_id(channel: int, message: int) -> MessageId:
    return MessageId(f"discord:{channel}/{message}")


def author_id(user: int) -> AuthorId:
    return AuthorId(f"discord:{user}")


def group_id(role: int) -> str:
    """What the members of a role belong to."""
    return f"discord:role/{role}"


def place_of(channel: ChannelId) -> int:
    """The number of a channel or thread.

    Raises:
        PlatformError: it is no channel of Discord.
    """
    return _numbers(channel)[1]


def server_of(channel: ChannelId) -> int:
    """The number of a channel's server; 0 for direct messages.

    Raises:
        PlatformError: it is no channel of Discord.
    """
    return _numbers(channel)[0]


def message_numbers(message: MessageId) -> tuple[int, int]:
    """The numbers of a message's channel and of itself.

    Raises:
        PlatformError: it is no message of Discord.
    """
    return _numbers(message)


def jump_link(server: int | None, message: MessageId) -> str:
    """An address that leads a reader to a message of that server."""
    place, number = message_numbers(message)
    return f"https://discord.com/channels/{server or '@me'}/{place}/{number}"


def _numbers(qualified: str) -> tuple[int, int]:
    platform, _, rest = qualified.partition(":")
    before, _, after = rest.partition("/")
    if platform != "discord" or not after.isdecimal():
        raise PlatformError(f"{qualified!r} is not an id of Discord")
    return (int(before) if before.isdecimal() else 0), int(after)
