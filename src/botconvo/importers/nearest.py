"""Which format an unknown file is nearest to, by words that stand in such files.  Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["MARKS", "Nearest", "nearest"]

MARKS: Mapping[str, tuple[str, ...]] = {
    "discord-json": ('"guild"', '"channel"', '"messages"', '"author"', '"timestamp"', '"content"'),
    "discord-csv": ("AuthorID", "Author", "Date", "Content", "Attachments", "Reactions"),
    "discord-html": ("DiscordChatExporter", "chatlog", "chatlog__message", "preamble"),
    "discord-text": ("Guild:", "Channel:", "======", "Exported "),
    "telegram-json": ('"messages"', '"from_id"', '"date"', '"text"', '"type"', '"from"'),
    "meta-json": ('"participants"', '"messages"', '"sender_name"', '"timestamp_ms"', '"content"'),
    "slack-export": ('"ts"', '"user"', '"text"', '"type"', '"client_msg_id"'),
    "discord-package": ("ID", "Timestamp", "Contents", "Attachments"),
    "twitter": ("window.YTD", "full_text", "created_at", "tweet"),
}
"""By the format's name."""
_LEAST = 2
"""One word stands somewhere by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The format of that name has ``there`` in common with a file, and ``missing`` not."""

    name: str
    there: tuple[str, ...]
    missing: tuple[str, ...]


def nearest(head: str) -> Nearest | None:
    """The format of which most marks stand in the first characters of a file; None: of none."""
    best: Nearest | None = None
    for name, marks in MARKS.items():
        there = tuple(mark for mark in marks if mark in head)
        better = best is None or len(there) * _all(best) > len(best.there) * len(marks)
        if len(there) >= _LEAST and better:
            missing = tuple(mark for mark in marks if mark not in head)
            best = Nearest(name=name, there=there, missing=missing)
    return best


def _all(found: Nearest) -> int:
    return len(found.there) + len(found.missing)
