"""The formats that are read: how each is told from the others, and who parses it.

A new format is a module with ``looks_like`` and ``parse``, and a row in one of the two tables.  The
first row that fits wins, so the more particular formats stand first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from botconvo.importers import (
    discord,
    discord_csv,
    discord_html,
    discord_json,
    discord_package,
    discord_text,
    friend_simulator,
    irc,
    markdown_transcript,
    meta,
    signal_chat,
    single_column_csv,
    slack,
    ssi_bot,
    telegram,
    twitter,
    whatsapp,
)
from botconvo.importers.reading import About, Opened, numbered_lines
from botconvo.importers.rows import Row
from botconvo.importers.trees import Tree

__all__ = ["ARCHIVES", "FORMATS", "ArchiveFormat", "FileFormat", "Origin"]

Origin = Literal["discord-api", "slack-api", "file"]
"""Where rows come from: a platform's API, whose rule for developers applies, or a file that a
person was given of their own words."""


def _never(_: About) -> bool:
    return False


def _always(_: About) -> bool:
    return True


def _telegram(file: Opened) -> Iterator[Row]:
    with file.first_look() as text:
        owner = telegram.owner_of(text)
    return telegram.parse(file.text(), file.about.zone, owner)


def _whatsapp(file: Opened) -> Iterator[Row]:
    with file.first_look() as text:
        dates = whatsapp.date_facts(text)
    return whatsapp.parse(file.text(), dates, file.about.zone, file.about.channel)


def _meta(file: Opened) -> Iterator[Row]:
    with file.first_look() as text:
        thread = meta.thread_of(text)
    return meta.parse(file.text(), thread)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """A format of single files.

    ``looks_like`` is asked with the first 64 KiB of text, ``parse`` gives the rows in file order.
    ``guesses_channel`` says whether rows cannot tell where they belong: then the store is asked
    for the channel of rows that it knows already.  ``names_authors`` is False where the caller has
    to say who wrote; ``names_owner`` where everybody is named but the one who exported, who may
    be told by the same word.
    """

    name: str
    what: str
    """How people call it."""
    origin: Origin
    looks_like: Callable[[str], bool]
    parse: Callable[[Opened], Iterator[Row]]
    names_authors: bool = True
    names_only: bool = False
    """Whether authors are told by the names of their accounts alone: the store may know them."""
    names_owner: bool = True
    guesses_channel: Callable[[About], bool] = _never


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFormat:
    """A format of many files that belong together, in a folder or a zip.

    ``roots`` is given the names of all files, and gives the folders in which such archives begin
    (``""`` for the top); ``reads`` says of a name whether the archive at a root is read from it.
    """

    name: str
    what: str
    origin: Origin
    roots: Callable[[Sequence[str]], tuple[str, ...]]
    reads: Callable[[str, str], bool]
    parse: Callable[[Tree, str, About], Iterator[Row]]

    def own(self, root: str, names: Sequence[str]) -> tuple[str, ...]:
        """The files of the archive at ``root``: what it is read from, and what lies beside that."""

        def top(name: str) -> str:
            return name[len(root) :].partition("/")[0]

        inside = [name for name in names if name.startswith(root)]
        read = {name for name in inside if self.reads(name, root)}
        folders = {top(name) for name in read if "/" in name[len(root) :]}
        return tuple(name for name in inside if name in read or top(name) in folders)


FORMATS: tuple[FileFormat, ...] = (
    FileFormat(
        name="discord-json",
        what="DiscordChatExporter's JSON",
        origin="discord-api",
        looks_like=discord_json.looks_like,
        parse=lambda file: discord_json.parse(*file.octets()),
    ),
    FileFormat(
        name="discord-csv",
        what="DiscordChatExporter's CSV",
        origin="discord-api",
        looks_like=discord_csv.looks_like,
        parse=lambda file: discord_csv.parse(
            file.text(), discord.channel_of(file.about), file.about.zone
        ),
        guesses_channel=lambda about: discord.channel_of(about) is None,
    ),
    FileFormat(
        name="discord-html",
        what="DiscordChatExporter's HTML",
        origin="discord-api",
        looks_like=discord_html.looks_like,
        parse=lambda file: discord_html.parse(file.text(), file.about),
        guesses_channel=lambda about: discord.channel_of(about) is None,
    ),
    FileFormat(
        name="discord-text",
        what="DiscordChatExporter's plain text",
        origin="discord-api",
        looks_like=discord_text.looks_like,
        parse=lambda file: discord_text.parse(file.text(), file.about),
        names_only=True,
        guesses_channel=lambda about: discord.channel_of(about) is None,
    ),
    FileFormat(
        name="telegram-json",
        what="Telegram's result.json",
        origin="file",
        looks_like=telegram.looks_like,
        parse=_telegram,
    ),
    FileFormat(
        name="meta-json",
        what="Messenger's or Instagram's JSON",
        origin="file",
        looks_like=meta.looks_like,
        parse=_meta,
    ),
    FileFormat(
        name="irc-log",
        what="an IRC log",
        origin="file",
        looks_like=irc.looks_like,
        parse=lambda file: irc.parse(
            file.text(), irc.channel_of(file.about), file.about.zone, irc.day_of(file.about)
        ),
    ),
    FileFormat(
        name="signal-chat",
        what="signal-export's chat.md",
        origin="file",
        looks_like=signal_chat.looks_like,
        parse=lambda file: signal_chat.parse(
            file.text(), file.about.zone, file.about.author, file.about.channel
        ),
        names_owner=False,
        guesses_channel=_always,
    ),
    FileFormat(
        name="whatsapp-chat",
        what="WhatsApp's chat.txt",
        origin="file",
        looks_like=whatsapp.looks_like,
        parse=_whatsapp,
        guesses_channel=_always,
    ),
    FileFormat(
        name="ssi-bot",
        what="ssi-bot's training text",
        origin="file",
        looks_like=ssi_bot.looks_like,
        parse=lambda file: ssi_bot.parse(numbered_lines(file.text())),
    ),
    FileFormat(
        name="friend-simulator",
        what="FriendSimulator's training text",
        origin="file",
        looks_like=friend_simulator.looks_like,
        parse=lambda file: friend_simulator.parse(numbered_lines(file.text())),
    ),
    FileFormat(
        name="transcript",
        what="a transcript written by hand",
        origin="file",
        looks_like=markdown_transcript.looks_like,
        parse=lambda file: markdown_transcript.parse(numbered_lines(file.text())),
    ),
    FileFormat(
        name="twitter",
        what="tweets of an archive from X (Twitter)",
        origin="file",
        looks_like=twitter.looks_like,
        parse=lambda file: twitter.parse(file.text(), file.about),
        names_authors=False,
    ),
    FileFormat(
        name="single-column-csv",
        what="CSV of one column",
        origin="file",
        looks_like=single_column_csv.looks_like,
        parse=lambda file: single_column_csv.parse(
            file.text(), single_column_csv.author_of(file.about.author or "someone")
        ),
        names_authors=False,
    ),
)

ARCHIVES: tuple[ArchiveFormat, ...] = (
    ArchiveFormat(
        name="discord-package",
        what="the data package that Discord sends",
        origin="file",
        roots=discord_package.roots,
        reads=discord_package.reads,
        parse=discord_package.parse,
    ),
    ArchiveFormat(
        name="slack-export",
        what="a workspace's export from Slack",
        origin="slack-api",
        roots=slack.roots,
        reads=slack.reads,
        parse=slack.parse,
    ),
    ArchiveFormat(
        name="twitter-archive",
        what="an archive from X (Twitter)",
        origin="file",
        roots=twitter.roots,
        reads=twitter.reads,
        parse=twitter.parse_archive,
    ),
)
