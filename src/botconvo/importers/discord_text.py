"""DiscordChatExporter's plain text, of all versions.

It names no ids at all, and accounts instead of people: ``About.accounts`` tells whose they are.
Words are not escaped, so that a line that looks like the beginning of a message is taken for one
where it stands behind a blank line.  It knows nothing of files.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

from botconvo.errors import ImportFailed
from botconvo.importers.dates import Moment, dated, is_date
from botconvo.importers.discord import (
    DELETED_NAME,
    account,
    attachment,
    author,
    author_of_name,
    channel_of,
    emoji,
    is_notice,
    is_webhook,
    possible,
    untold_channel,
)
from botconvo.importers.ids import RowIds
from botconvo.importers.reading import LINE_MOST, About, numbered_lines
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.messages import Message, Reaction

__all__ = ["looks_like", "parse"]

_RULE = "=" * 62
_LOOKS = re.compile(r"={62}\r?\n(?:Guild|Channel|Server): ")
_BEGIN = re.compile(r"\[(?P<date>[^\[\]]{4,60})\] (?P<name>\S.{0,80}?)(?: \(pinned\))?\Z")
_SECTION = re.compile(r"\{(Forwarded Message|Attachments|Embed|Stickers|Reactions|Invite)\}\Z")
_REACTION = re.compile(r"(?P<emoji>[^\s()]\S*)(?: \(\d+\))?")
_NAMES = ("Guild: ", "Server: ", "Channel: ")


@dataclass(slots=True)
class _Said:
    """A message as its lines stand in the file."""

    line: int
    date: str
    name: str
    lines: list[str] = field(default_factory=list)
    size: int = 0


def looks_like(head: str) -> bool:
    """Whether the first characters of a file are this format's."""
    return _LOOKS.match(head) is not None


def parse(stream: TextIO, about: About) -> Iterator[Row]:
    """Messages in file order.

    Raises:
        ImportFailed: no date of the beginning has a form that is known.
    """
    lines = numbered_lines(stream)
    ids = RowIds(channel_of(about) or untold_channel(*_head(lines)))
    rows = ((said.date, said) for said in _said(lines))
    unreadable, some = "", False
    for moment, said in dated(rows, about.zone):
        if moment is None or not possible(moment.at):
            unreadable = unreadable or said.date
            yield LeftOut(reason=Reason.DATE, line=said.line)
            continue
        some = True
        yield _row(said, moment, ids, about)
    if unreadable and not some:
        raise ImportFailed(
            f"its dates look like {unreadable[:40]!r}, which is no form that is known; export the "
            "channel again as JSON"
        )


def _head(lines: Iterator[tuple[int, str]]) -> list[str]:
    """The names of the server and the channel; what follows are messages."""
    names: list[str] = []
    rules = 0
    for _, line in lines:
        if line == _RULE:
            rules += 1
            if rules == 2:
                break
        elif line.startswith(_NAMES):
            names.append(line.split(": ", 1)[1])
    return names


def _said(lines: Iterator[tuple[int, str]]) -> Iterator[_Said]:
    said: _Said | None = None
    blank = True
    for number, line in lines:
        begin = _BEGIN.match(line) if blank else None
        if begin is not None and (said is None or is_date(begin["date"])):
            if said is not None:
                yield said
            said = _Said(number, begin["date"], begin["name"])
        elif said is not None and said.size < LINE_MOST:
            said.lines.append(line)
            said.size += len(line) + 1
        blank = not line
    if said is not None:
        _cut_end(said.lines)
        yield said


def _cut_end(lines: list[str]) -> None:
    """Without the file's last words, "Exported N message(s)" between rules."""
    while lines and not lines[-1]:
        lines.pop()
    if len(lines) > 2 and lines[-1] == lines[-3] == _RULE and lines[-2].startswith("Exported "):
        del lines[-3:]


def _split(said: _Said) -> tuple[str, dict[str, list[str]]]:
    """The words, and the lines of each section below them."""
    words: list[str] = []
    sections: dict[str, list[str]] = {}
    below: list[str] | None = None
    for line in said.lines:
        begin = _SECTION.match(line)
        if begin is not None:
            below = sections.setdefault(begin[1], [])
        elif below is not None:
            below.append(line)
        else:
            words.append(line)
    return "\n".join(words).strip("\n"), sections


def _row(said: _Said, moment: Moment, ids: RowIds, about: About) -> Row:
    text, sections = _split(said)
    name = account(said.name)
    by = about.accounts.get(name) or author_of_name(name)
    files = [line for line in sections.get("Attachments", ()) if line.strip()]
    reason = _why_not(name, text, files, sections)
    if reason is not None:
        return LeftOut(reason=reason, author=by, line=said.line)
    reactions = _REACTION.finditer(" ".join(sections.get("Reactions", ())))
    return Message(
        # By the name, also where it is known whose it is: that may be known later only.
        id=ids.of(author_of_name(name), f"{moment.at.timestamp():.3f}", text, "name-"),
        channel=ids.channel,
        author=author(by, name),
        text=text,
        at=moment.at,
        attachments=tuple(attachment(file) for file in files),
        reactions=tuple(Reaction(emoji=emoji(found["emoji"])) for found in reactions),
    )


def _why_not(
    name: str, text: str, files: list[str], sections: dict[str, list[str]]
) -> Reason | None:
    if name == DELETED_NAME:
        return Reason.DELETED
    if is_webhook(name):
        return Reason.BOT
    if is_notice(text):
        return Reason.SYSTEM
    if text.strip() or files:
        return None
    if "Forwarded Message" in sections:
        return Reason.FORWARD
    return Reason.STICKER if "Stickers" in sections else Reason.EMPTY
