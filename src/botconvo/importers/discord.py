"""What both of DiscordChatExporter's formats share: ids, the pool of deleted users, file kinds."""

from datetime import datetime
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from botconvo.messages import Attachment, AuthorId, ChannelId, MessageId

__all__ = ["DELETED_USER", "attachment", "author_id", "channel_id", "message_id", "possible"]

DELETED_USER = "456226577798135808"
"""The account that Discord shows in the place of everybody who deleted theirs."""
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
