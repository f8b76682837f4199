"""Tweets from the archive that X (Twitter) gives to a person, or from one of its files.

Each file is a script that begins ``window.YTD.tweets.part0 = [``.  The earlier system's options for
cleaning tweets are kept: replies, mentions and hashtags may be left out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TextIO

from botconvo.errors import ImportFailed
from botconvo.importers.discord import attachment
from botconvo.importers.ids import slug
from botconvo.importers.members import list_of
from botconvo.importers.reading import About, as_text, without_escapes
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.importers.trees import DAMAGED, Tree
from botconvo.messages import Attachment, Author, AuthorId, ChannelId, Message, MessageId

__all__ = ["clean", "looks_like", "parse", "parse_archive", "reads", "roots"]

_FILE = re.compile(r"(?P<root>(?:.*/)?)tweets?(?:-part\d+)?\.js\Z")
_HEAD = re.compile(r"\s*window\.YTD\.tweets?\.part\d+ = ")
_HEAD_CHARACTERS = 200
_RETWEET = re.compile(r"RT @\w+")
_LINK = re.compile(r"http\S+|pic\.\S+")
_FRACTURED = re.compile("[\xa0…]")
"""What a tweet that was cut off ends with, and the blank that never breaks."""
_MENTION = re.compile(r"@[a-zA-Z0-9_]+")
_HASHTAG = re.compile(r"#[a-zA-Z0-9_]+")
_SPACES = re.compile(r" {2,}")
_ANSWERED = re.compile(r"(?:@[a-zA-Z0-9_]+\s+)+")
"""Whom a reply is to, which Twitter itself puts in front of it."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WHEN = re.compile(
    r"\w{3} (?P<month>\w{3}) (?P<day>[0-9]{1,2}) (?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):"
    r"(?P<second>[0-9]{2}) \+0000 (?P<year>[0-9]{4})\Z"
)


def roots(names: Sequence[str]) -> tuple[str, ...]:
    """The folders with tweets and an account."""
    have = set(names)
    folders = dict.fromkeys(found["root"] for found in map(_FILE.match, names) if found)
    return tuple(folder for folder in folders if f"{folder}account.js" in have)


def reads(name: str, root: str) -> bool:
    """Whether a file is one that the archive at ``root`` is read from."""
    found = _FILE.match(name)
    return name == f"{root}account.js" or (found is not None and found["root"] == root)


def looks_like(head: str) -> bool:
    """Whether the first characters of a file are those of a file of tweets."""
    return _HEAD.match(head) is not None


def parse(stream: TextIO, about: About) -> Iterator[Row]:
    """The tweets of one file, by ``about.author``."""
    name = about.author or "someone"
    yield from _rows(stream, Author(id=AuthorId(f"twitter:{slug(name)}"), name=name), about)


def parse_archive(tree: Tree, root: str, about: About) -> Iterator[Row]:
    """The tweets of all files of an archive, by whom its account names.

    Raises:
        ImportFailed: the account names nobody, or ``--author`` was given beside it.
    """
    if about.author is not None:
        raise ImportFailed(f"names its own author; import it without --author {about.author!r}")
    author = _author(tree, f"{root}account.js")
    for name in tree.names():
        found = _FILE.match(name)
        if found is None or found["root"] != root:
            continue
        try:
            with as_text(tree.open(name)) as text:
                yield from _rows(text, author, about, name)
        except DAMAGED:
            yield LeftOut(reason=Reason.TORN, file=name)


def clean(text: str, without: frozenset[str] = frozenset()) -> str:
    """Without links and the marks of cut-off tweets; by wish without mentions and hashtags."""
    text = _FRACTURED.sub(" ", _LINK.sub("", text))
    if "mentions" in without:
        text = _MENTION.sub("", text)
    if "hashtags" in without:
        text = _HASHTAG.sub("", text)
    return _SPACES.sub(" ", text).strip()


def _author(tree: Tree, name: str) -> Author:
    try:
        with as_text(tree.open(name)) as text:
            item = next(_items(text, name), None)
    except DAMAGED:
        item = None
    first = item[1] if isinstance(item, tuple) else None
    account = first.get("account") if isinstance(first, Mapping) else None
    number = account.get("accountId") if isinstance(account, Mapping) else None
    if not isinstance(account, Mapping) or not isinstance(number, str) or not number.isalnum():
        raise ImportFailed(
            f"its {name} names no account; import the files of tweets by themselves, each with "
            "--author NAME"
        )
    shown = account.get("accountDisplayName") or account.get("username") or number
    return Author(id=AuthorId(f"twitter:{number}"), name=str(shown))


def _items(text: TextIO, name: str | None) -> Iterator[tuple[int, Any] | LeftOut]:
    """What stands in the list behind the first ``=``."""
    for _ in range(_HEAD_CHARACTERS):
        if text.read(1) in ("=", ""):
            break
    yield from list_of(text, name)


def _rows(text: TextIO, author: Author, about: About, name: str | None = None) -> Iterator[Row]:
    for item in _items(text, name):
        if isinstance(item, LeftOut):
            yield item
            continue
        line, found = item
        tweet = found.get("tweet", found) if isinstance(found, Mapping) else None
        row = _row(tweet, author, about.without) if isinstance(tweet, Mapping) else Reason.MALFORMED
        yield (
            LeftOut(reason=row, author=author.id, line=line, file=name)
            if isinstance(row, Reason)
            else row
        )


def _row(tweet: Mapping[str, Any], author: Author, without: frozenset[str]) -> Message | Reason:
    number, raw = tweet.get("id_str") or tweet.get("id"), tweet.get("full_text", tweet.get("text"))
    if not isinstance(number, str | int) or not str(number).isdigit() or not isinstance(raw, str):
        return Reason.MALFORMED
    at = _date(tweet.get("created_at"))
    if at is None:
        return Reason.DATE
    text = without_escapes(raw)
    if _RETWEET.match(text):
        return Reason.FORWARD
    answered = tweet.get("in_reply_to_status_id_str")
    if "replies" in without and (answered is not None or text.startswith("@")):
        return Reason.UNWANTED
    if answered is not None:
        text = _ANSWERED.sub("", text)
    words, files = clean(text, without), tuple(_media(tweet))
    if not words and not files:
        return Reason.EMPTY
    return Message(
        id=_id(str(number)),
        channel=ChannelId(author.id),
        author=author,
        text=words,
        at=at,
        reply_to=_id(str(answered)) if answered is not None else None,
        attachments=files,
    )


def _id(number: str) -> MessageId:
    """The same in a whole archive and in one file of it."""
    return MessageId(f"twitter:tweets/{number}")


def _date(text: object) -> datetime | None:
    """``Sun Jan 01 00:00:00 +0000 2023``, in English whatever the computer speaks."""
    found = _WHEN.match(text) if isinstance(text, str) else None
    if found is None:
        return None
    try:
        at = datetime(
            int(found["year"]),
            _MONTHS.index(found["month"]) + 1,
            int(found["day"]),
            int(found["hour"]),
            int(found["minute"]),
            int(found["second"]),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return at if 2006 <= at.year < 2100 else None  # Twitter opened in 2006


def _media(tweet: Mapping[str, Any]) -> Iterator[Attachment]:
    entities = tweet.get("extended_entities") or tweet.get("entities")
    media = entities.get("media") if isinstance(entities, Mapping) else None
    for each in media if isinstance(media, list) else ():
        address = each.get("media_url") if isinstance(each, Mapping) else None
        if isinstance(address, str):
            found = attachment(address)
            moving = each.get("type") in ("video", "animated_gif")
            yield replace(found, kind="video") if moving else found
