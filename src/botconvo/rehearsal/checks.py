"""May this be done?  Each function returns, or raises the ``Refusal`` that Discord would send."""

import unicodedata
from collections.abc import Sequence

from botconvo.rehearsal import refusal
from botconvo.rehearsal.entities import Attachment, Channel, ChannelType, Message, User
from botconvo.rehearsal.permissions import Permission, permissions_in
from botconvo.rehearsal.refusal import Refusal, invalid_form, unknown

__all__ = [
    "check_content",
    "check_files",
    "check_nonce",
    "check_webhook_name",
    "emoji_of",
    "may",
    "may_post",
    "may_react",
    "may_see",
]

_LONGEST = 2000
_LONGEST_NONCE = 25
_LONGEST_NAME = 80
_LARGEST_FILE = 10 * 1024 * 1024
_MOST_EMBEDS = 10
_MOST_REACTIONS = 20
_FORBIDDEN_IN_NAMES = ("discord", "clyde")
_TALKING = (
    ChannelType.TEXT,
    ChannelType.NEWS,
    ChannelType.VOICE,
    ChannelType.DM,
    ChannelType.PUBLIC_THREAD,
    ChannelType.PRIVATE_THREAD,
)


def may_see(channel: Channel, user: User) -> Permission:
    """What a user may do there; a channel that they cannot see is refused (50001)."""
    granted = permissions_in(channel, user.id)
    if not granted & Permission.VIEW_CHANNEL:
        raise Refusal(*refusal.MISSING_ACCESS)
    return granted


def may(channel: Channel, user: User, permission: Permission) -> None:
    if not may_see(channel, user) & permission:
        raise Refusal(*refusal.MISSING_PERMISSIONS)


def may_post(channel: Channel, user: User, *, reply: bool = False, files: bool = False) -> None:
    """A user writes there themselves."""
    granted = may_see(channel, user)
    if channel.type not in _TALKING:
        raise Refusal(*refusal.WRONG_CHANNEL_TYPE)
    if channel.guild is None:
        other = next(u for u in channel.recipients.values() if u is not user)
        if not other.takes_dms:
            raise Refusal(*refusal.CANNOT_DM)
        return
    send = Permission.SEND_MESSAGES_IN_THREADS if channel.is_thread else Permission.SEND_MESSAGES
    if not granted & send or (files and not granted & Permission.ATTACH_FILES):
        raise Refusal(*refusal.MISSING_PERMISSIONS)
    if reply and not granted & Permission.READ_MESSAGE_HISTORY:
        raise Refusal(403, 160002, "Cannot reply without permission to read message history")
    if channel.locked and not granted & Permission.MANAGE_THREADS:
        raise Refusal(*refusal.THREAD_ARCHIVED)


def may_react(message: Message, user: User, emoji: str) -> None:
    """Joining a reaction that is there needs less than adding a new one."""
    granted = may_see(message.channel, user)
    needed = Permission.READ_MESSAGE_HISTORY
    if emoji not in message.reactions:
        needed |= Permission.ADD_REACTIONS
        if len(message.reactions) >= _MOST_REACTIONS:
            raise Refusal(400, 30010, f"Maximum number of reactions reached ({_MOST_REACTIONS})")
    if granted & needed != needed:
        raise Refusal(*refusal.MISSING_PERMISSIONS)


def check_content(
    content: str, *, others: bool = False, embeds: Sequence[object] = (), field: str = "content"
) -> None:
    """``others``: there are files or components, so the text may be empty."""
    if len(content) > _LONGEST:
        raise invalid_form(field, "BASE_TYPE_MAX_LENGTH", f"Must be {_LONGEST} or fewer in length.")
    if len(embeds) > _MOST_EMBEDS:
        raise invalid_form(
            "embeds", "BASE_TYPE_MAX_LENGTH", f"Must be {_MOST_EMBEDS} or fewer in length."
        )
    if not content.strip() and not embeds and not others:
        raise Refusal(*refusal.EMPTY_MESSAGE)


def check_files(files: Sequence[Attachment]) -> None:
    if any(file.size > _LARGEST_FILE for file in files):
        raise Refusal(*refusal.TOO_LARGE)


def check_nonce(nonce: int | str | None) -> None:
    if isinstance(nonce, str) and len(nonce) > _LONGEST_NONCE:
        raise invalid_form(
            "nonce", "NONCE_TYPE_TOO_LONG", f"Nonce must be {_LONGEST_NONCE} or fewer in length."
        )


def check_webhook_name(name: str, field: str) -> None:
    """1 to 80 characters, and nothing that looks like Discord itself."""
    if not 1 <= len(name.strip()) <= _LONGEST_NAME:
        raise invalid_form(
            field, "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {_LONGEST_NAME} in length."
        )
    for word in _FORBIDDEN_IN_NAMES:
        if word in name.lower():
            raise invalid_form(
                field, "USERNAME_INVALID_CONTAINS", f'Username cannot contain "{word}"'
            )


def emoji_of(text: str) -> str:
    """An emoji of a path: a character of Unicode, or ``name:id``."""
    name, _, identifier = text.removeprefix("a:").partition(":")
    if identifier:
        if identifier.isdigit() and name:
            return text
    elif text and not any(character.isalnum() and not _keycap(text) for character in text):
        kinds = {unicodedata.category(character) for character in text}
        if kinds & {"So", "Sk", "Me", "Sm", "Cn"} or {"‼", "⁉", "〰", "〽"} & set(text):
            return text
    raise Refusal(400, 10014, unknown("Emoji").message)


def _keycap(text: str) -> bool:
    return text.endswith("\u20e3")
