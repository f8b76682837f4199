"""What DiscordChatExporter's formats share: ids, accounts, notices, deleted users, file kinds."""

import hashlib
import re
from datetime import datetime
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from botconvo.importers.reading import About
from botconvo.messages import OF_NAME, UNTOLD, Attachment, Author, AuthorId, ChannelId, MessageId

__all__ = [
    "DELETED_NAME",
    "DELETED_USER",
    "account",
    "attachment",
    "author",
    "author_id",
    "author_of_name",
    "channel_id",
    "channel_of",
    "emoji",
    "is_notice",
    "is_webhook",
    "message_id",
    "possible",
    "untold_channel",
]

DELETED_USER = "456226577798135808"
"""The account that Discord shows in the place of everybody who deleted theirs."""
DELETED_NAME = "Deleted User"
_NOTICE = re.compile(
    r"(?:Pinned a message|Joined the server|Left the group|Started a thread"
    r"|Started a call(?: that lasted [\d.,\u202f\u00a0]+ minutes?)?"
    r"|(?:Added|Removed) .+ (?:to|from) the group|(?:Added|Removed) a recipient"
    r"|Changed the channel (?:icon|name))\.\Z|Changed the channel name: .+\Z"
)
"""The exporter's own words for what Discord shows as a notice, in all versions."""
_CHANNEL_IN_NAME = re.compile(r"\[(\d{15,20})\]")
_DISCRIMINATOR = re.compile(r"#\d{4}\Z")
_USERNAME = re.compile(r"[a-z0-9_.]{2,32}\Z")
"""Names of accounts without a discriminator, by Discord's rule since 2023."""
_EMOJI_NAME = re.compile(r"[A-Za-z0-9_~]{2,40}\Z")
_PHOTOS = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".heic", ".avif"})
_VIDEOS = frozenset({".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v"})


def author_id(user: str) -> AuthorId:
    """``discord:<user>``."""
    return AuthorId(f"discord:{user}")


def channel_id(channel: str) -> ChannelId:
    """``discord:<channel>``."""
    return ChannelId(f"discord:{channel}")


def message_id(channel: ChannelId, message: str) -> MessageId:
    """``discord:<channel>/<message>``."""
    return MessageId(f"{channel}/{message}")


def author_of_name(name: str) -> AuthorId:
    """``discord-name:<account>``, where an export gives no other id."""
    return AuthorId(f"discord{OF_NAME}{account(name)}")


def account(name: str) -> str:
    """An account's name as all versions write it: ``bort``, ``Smigtan#4412``.

    Older ones write ``#0000`` where there is no discriminator.
    """
    return name.removesuffix("#0000")


def is_webhook(name: str) -> bool:
    """Whether ``name`` is no account's: it has no discriminator, and is no user name either."""
    name = account(name)
    return _DISCRIMINATOR.search(name) is None and _USERNAME.match(name) is None


def author(id: AuthorId, name: str, shown: str = "") -> Author:
    """The author with the account ``name``, under ``shown`` if friends see another one."""
    whole = account(name)
    return Author(id=id, name=shown or _DISCRIMINATOR.sub("", whole) or whole, account=whole)


def is_notice(text: str) -> bool:
    """Whether these are the exporter's words for something that happened, not a person's."""
    return (text[-1:] == "." or text[:7] == "Changed") and _NOTICE.match(text) is not None


def emoji(name: str) -> str:
    """As JSON gives it: a custom one, which is a bare word elsewhere, between colons."""
    return f":{name}:" if _EMOJI_NAME.match(name) else name


def channel_of(about: About) -> ChannelId | None:
    """The channel's id, which DiscordChatExporter writes into the file's name."""
    found = _CHANNEL_IN_NAME.findall(about.name)
    return channel_id(found[-1]) if found else about.channel


def untold_channel(*words: str) -> ChannelId:
    """An id for a channel of which only so much is known."""
    digest = hashlib.sha256("\0".join(words).encode(errors="replace")).hexdigest()
    return ChannelId(f"discord{UNTOLD}{digest[:12]}")


def attachment(url_or_name: str) -> Attachment:
    """A file by its name or address; its kind follows from the extension."""
    name = PurePosixPath(unquote(_path(url_or_name))).name or url_or_name
    extension = PurePosixPath(name).suffix.lower()
    if extension in _PHOTOS:
        return Attachment(kind="photo", name=name)
    return Attachment(kind="video" if extension in _VIDEOS else "file", name=name)


def _path(url_or_name: str) -> str:
    """Without what follows the question mark of an address; a plain name stays as it is."""
    try:
        parts = urlsplit(url_or_name)
    except ValueError:
        return url_or_name
    return parts.path if parts.netloc else url_or_name


def possible(at: datetime) -> bool:
    """Whether Discord can have carried a message then: it opened in 2015."""
    return 2015 <= at.year < 2100
