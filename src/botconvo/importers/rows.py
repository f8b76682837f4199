"""What comes out of an export, one row at a time: a message, or why there is none.

It knows nothing of files, formats or consent.
"""

from dataclasses import dataclass
from enum import StrEnum

from botconvo.messages import AuthorId, Message

__all__ = ["FAULTS", "LeftOut", "Reason", "Row"]


class Reason(StrEnum):
    """Why a row of an export is not a message of a person; the words are shown to people."""

    BOT = "bot or webhook"
    NOBODY = "author unknown"
    DELETED = "deleted user"
    """One author id that stands for many people: nobody can agree for it."""
    SYSTEM = "system notice"
    FORWARD = "forwarded"
    """Somebody else's words."""
    STICKER = "sticker"
    MEDIA = "media without words"
    REMOVED = "deleted message"
    CHANNEL = "in the name of a channel"
    """Whoever wrote it, nobody can agree for it."""
    EMPTY = "no words"
    UNWANTED = "left out as asked"
    """What the owner said to leave out (replies among tweets)."""
    MALFORMED = "malformed"
    DATE = "unreadable date"
    TORN = "the file breaks off here"


FAULTS = frozenset({Reason.MALFORMED, Reason.DATE, Reason.TORN})
"""The reasons that mean that something is wrong with the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A row that is not taken.  ``line`` is its line in the file, counted from 1.

    ``file`` is the name of the file within an archive.
    """

    reason: Reason
    author: AuthorId | None = None
    line: int | None = None
    file: str | None = None


Row = Message | LeftOut
