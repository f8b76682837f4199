"""DiscordChatExporter's HTML, in both of its layouts.

Until 2.33 a group has one author and one time for several messages; later every message is a box of
its own, and the first one of a group has the author.  Messages have ids, which hold their moment:
where that agrees with what is written, it tells the seconds.  Words get their marks (``**bold**``)
back.  It knows nothing of files.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import TextIO

from botconvo.importers.dates import Moment, Unsure, dated
from botconvo.importers.discord import (
    DELETED_USER,
    attachment,
    author,
    author_id,
    channel_of,
    emoji,
    is_notice,
    message_id,
    possible,
    untold_channel,
)
from botconvo.importers.reading import LINE_MOST, About
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.messages import ChannelId, Message, Reaction

__all__ = ["looks_like", "parse"]

_CHUNK = 1 << 16
_REST_MOST = 1 << 13
"""Characters behind the last whole tag of a file; the parser goes through them again and again."""
_NESTED_MOST = 200
_NAMES_MOST = 4
_LOOKS = re.compile(r"\s*<!doctype html|\s*<html", re.I)
_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
"""Discord counts the milliseconds in its ids from here."""
_QUARTER = timedelta(minutes=15)
_FARTHEST = timedelta(hours=14)
_ID = re.compile(r"\d{1,20}\Z")
_LINKED = re.compile(r"(\d{15,20})")
_EMPTY_TAGS = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()
)
_MARKS = {
    "strong": "**",
    "em": "*",
    "u": "__",
    "s": "~~",
    "h1": "",
    "h2": "",
    "h3": "",
}
_LINE_MARKS = {"h1": "# ", "h2": "## ", "h3": "### ", "li": "- ", "small": "-# "}


@dataclass(slots=True)
class _Box:
    """A message as it is put together."""

    id: str
    line: int
    words: list[str] = field(default_factory=list)
    size: int = 0
    files: dict[str, None] = field(default_factory=dict)
    """Addresses in order, each once."""
    reactions: list[str] = field(default_factory=list)
    title: str = ""
    time: str = ""
    reply_to: str | None = None
    user: str | None = None
    account: str = ""
    shown: str = ""
    bot: bool = False
    system: bool = False
    forward: bool = False
    sticker: bool = False
    edited: bool = False


def looks_like(head: str) -> bool:
    """Whether the first characters of a file are this format's."""
    return _LOOKS.match(head) is not None and ("chatlog" in head or "DiscordChatExporter" in head)


def parse(stream: TextIO, about: About) -> Iterator[Row]:
    """Messages in file order; one that breaks off at the end of the file is ``torn``."""
    page = _Page()
    channel: ChannelId | None = channel_of(about)
    for moment, box in dated(((_date(box), box) for box in _boxes(stream, page)), about.zone):
        if channel is None:
            channel = untold_channel(*page.names)
        yield _row(box, moment, channel)
    if page.torn is not None:
        yield LeftOut(reason=Reason.TORN, line=page.torn)


def _boxes(stream: TextIO, page: "_Page") -> Iterator[_Box]:
    try:
        while chunk := stream.read(_CHUNK):
            page.feed(chunk)
            yield from page.ready()
            if len(page.rawdata) > LINE_MOST:
                break  # a tag that does not end: it would be read again with every chunk
        if len(page.rawdata) > _REST_MOST:
            page.torn = page.getpos()[0]
        else:
            page.close()
            page.finish()
    except ValueError:
        # The number of a character with thousands of digits, which Python does not read.
        page.torn = page.getpos()[0]
    yield from page.ready()


class _Page(HTMLParser):
    """Collects messages while the page comes in."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.names: list[str] = []
        self.torn: int | None = None
        self._done: list[_Box] = []
        self._box: _Box | None = None
        self._by = ("", "", "", False)
        """Id, account and shown name of a group's author, and whether it is a bot."""
        self._times = ("", "")
        self._open: list[tuple[str, str, str]] = []
        """Of each open element the tag, its part of the message, and what is written behind it."""
        self._closed = False

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """Of SGML's "<![...]>" HTML has none: browsers take them for comments."""
        return self.parse_bogus_comment(i)

    def ready(self) -> list[_Box]:
        done, self._done = self._done, []
        return done

    def finish(self) -> None:
        """The file has ended."""
        if self._box is None or not self._box.id:
            return
        if self._closed:
            self._done.append(self._box)
        else:
            self.torn = self._box.line
        self._box = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        classes = given.get("class", "").split()
        if "data-message-id" in given and "chatlog__reply" not in classes:
            self._begin(given["data-message-id"])
        elif "chatlog__message-group" in classes:
            # Until 2.33 the author and the time stand in front of the first message.
            self._begin("")
            self._by, self._times = ("", "", "", False), ("", "")
        part, behind = self._part(tag, classes, given)
        if tag in _EMPTY_TAGS:
            return
        if len(self._open) < _NESTED_MOST:
            self._open.append((tag, part, behind))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _EMPTY_TAGS:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not any(name == tag for name, _, _ in self._open):
            return
        while self._open:
            name, part, behind = self._open.pop()
            if behind:
                self._write(behind)
            if part == "message" and self._box is not None:
                self._closed = True
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        part = self._open[-1][1] if self._open else ""
        box = self._box
        if part == "name" and len(self.names) < _NAMES_MOST and data.strip():
            self.names.append(data.strip())
        if box is None:
            return
        if part == "words":
            self._write(data)
        elif part == "author":
            user, name, shown, bot = self._by
            self._by = (user, name, (shown + data)[:100], bot)
            box.shown = self._by[2]
        elif part == "time":
            box.time = (box.time + data)[:100]
            self._times = (self._times[0], box.time)

    def _begin(self, id: str) -> None:
        if self._box is not None and self._box.id:
            self._done.append(self._box)
        user, name, shown, bot = self._by if id else ("", "", "", False)
        title, time = self._times if id else ("", "")
        self._box = _Box(id, self.getpos()[0], user=user, account=name, shown=shown, bot=bot)
        self._box.title, self._box.time = title, time
        self._closed = False

    def _part(self, tag: str, classes: list[str], given: dict[str, str]) -> tuple[str, str]:
        """What an element is in the message, and what is to be written at its end."""
        within = self._open[-1][1] if self._open else ""
        if any(name.startswith("preamble__entry") for name in classes):
            return ("name" if "preamble__entry" in classes else ""), ""
        if self._box is None:
            return within, ""
        if "data-message-id" in given:
            return "message", ""
        for name in classes:
            if name.startswith("chatlog__"):
                part = self._chatlog(name, within, given)
                if part is not None:
                    return part, ""
        if within == "words":
            return self._markdown(tag, classes, given)
        if within == "attachment":
            self._file(given)
        elif within == "reply":
            self._reply(given)
        elif within == "reaction" and tag == "img" and given.get("alt"):
            self._box.reactions.append(given["alt"])
        return ("" if within == "message" else within), ""

    def _chatlog(self, name: str, within: str, given: dict[str, str]) -> str | None:
        """The part that a class of the exporter's stands for; None where it stands for none."""
        box = self._box
        if box is None or within in ("other", "reply", "forward"):
            if within == "reply":
                self._reply(given)
            return within or None
        name = name.removeprefix("chatlog__")
        if name in ("reply", "reference"):
            self._reply(given)
            return "reply"
        if name == "forwarded":
            box.forward = True
            return "forward"
        if name.startswith("system-notification"):
            box.system = True
            if given.get("data-user-id"):
                box.user, box.account = given["data-user-id"], given.get("title", "")
            return "time" if name.endswith("timestamp") and self._timed(given) else "other"
        if name in ("author", "author-name"):
            self._by = (given.get("data-user-id", ""), given.get("title", ""), "", self._by[3])
            box.user, box.account, box.shown = self._by[:3]
            return "author"
        if name in ("author-tag", "bot-tag"):
            self._by = (*self._by[:3], True)
            box.bot = True
            return "other"
        if name in ("timestamp", "short-timestamp"):
            self._timed(given)
            return "time" if name == "timestamp" else "other"
        if name == "edited-timestamp":
            box.edited = True
            return "other"
        if name.startswith("attachment"):
            self._file(given)
            return "attachment"
        if name == "reactions":
            return "reaction"
        if name.startswith("sticker"):
            box.sticker = True
            return "other"
        if name.startswith("embed"):
            return "other"
        return "words" if name == "content" else None

    def _timed(self, given: dict[str, str]) -> bool:
        if self._box is not None:
            self._box.title, self._box.time = given.get("title", ""), ""
            self._times = (self._box.title, "")
        return True

    def _reply(self, given: dict[str, str]) -> None:
        found = _LINKED.search(given.get("onclick", "") or given.get("data-reference-id", ""))
        if found is not None and self._box is not None and self._box.reply_to is None:
            self._box.reply_to = found[1]

    def _file(self, given: dict[str, str]) -> None:
        address = given.get("href") or given.get("src") or ""
        box = self._box
        if box is not None and address and not _is_icon(given):
            box.files[address] = None

    def _markdown(self, tag: str, classes: list[str], given: dict[str, str]) -> tuple[str, str]:
        """What an element of the words was before it was made one."""
        mark = _MARKS.get(tag, "")
        if tag == "img":
            self._write(given.get("alt", ""))
        elif tag == "br":
            self._write("\n")
        elif tag in _LINE_MARKS:
            self._write(_LINE_MARKS[tag])
            return "words", "\n"
        elif "chatlog__markdown-spoiler" in classes or "spoiler-text" in classes:
            mark = "||"
        elif "chatlog__markdown-pre--multiline" in classes or "pre--multiline" in classes:
            language = next((c.removeprefix("language-") for c in classes if "language-" in c), "")
            self._write(f"```{language}\n")
            return "words", "\n```"
        elif "chatlog__markdown-pre--inline" in classes or "pre--inline" in classes:
            mark = "`"
        elif "chatlog__markdown-quote-content" in classes or tag == "blockquote":
            self._write("> ")
        self._write(mark)
        return "words", mark

    def _write(self, text: str) -> None:
        box = self._box
        if box is not None and text and box.size < LINE_MOST:
            box.words.append(text)
            box.size += len(text)


def _is_icon(given: dict[str, str]) -> bool:
    return given.get("href", "").startswith("#") or given.get("src", "").startswith("data:")


def _date(box: _Box) -> str:
    """The short form, which is numbers, in front of the long one, which is words of a language."""
    return box.time.strip() or box.title.strip()


def _row(box: _Box, moment: Moment | None, channel: ChannelId) -> Row:
    if _ID.match(box.id) is None or not box.user or _ID.match(box.user) is None:
        return LeftOut(reason=Reason.MALFORMED, line=box.line)
    by = author_id(box.user)
    at = _at(int(box.id), moment)
    text = "".join(box.words).strip("\n")
    reason = _why_not(box, text) if at is not None else Reason.DATE
    if at is None or reason is not None:
        return LeftOut(reason=reason or Reason.DATE, author=by, line=box.line)
    return Message(
        id=message_id(channel, box.id),
        channel=channel,
        author=author(by, box.account or box.shown, box.shown.strip()),
        text=text,
        at=at,
        reply_to=None if box.reply_to is None else message_id(channel, box.reply_to),
        attachments=tuple(attachment(file) for file in box.files),
        reactions=tuple(Reaction(emoji=emoji(name)) for name in box.reactions),
        revision=1 if box.edited else 0,
    )


def _at(id: int, moment: Moment | None) -> datetime | None:
    """The moment in the id, if what is written may mean it by some clock of the earth."""
    made = _EPOCH + timedelta(milliseconds=min(id, (1 << 63) - 1) >> 22)
    if moment is None:
        return made if possible(made) and id >> 22 else None
    if not possible(moment.at):
        return None
    if moment.unsure is Unsure.NOTHING:
        return moment.at
    written = made.replace(second=0, microsecond=0)
    apart = moment.at.replace(second=0, microsecond=0) - written
    return made if abs(apart) <= _FARTHEST and not apart % _QUARTER else moment.at


def _why_not(box: _Box, text: str) -> Reason | None:
    if box.bot:
        return Reason.BOT
    if box.user == DELETED_USER:
        return Reason.DELETED
    if box.system or is_notice(text):
        return Reason.SYSTEM
    if text.strip() or box.files:
        return None
    if box.forward:
        return Reason.FORWARD
    return Reason.STICKER if box.sticker else Reason.EMPTY
