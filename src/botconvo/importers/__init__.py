"""From an export to messages: one pure parser per format, picked by what stands in the file.

The only place that opens exports.  It knows nothing of consent or of the store.
"""

import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO, Literal

from botconvo.errors import ImportFailed
from botconvo.importers import discord_csv, discord_json, single_column_csv
from botconvo.importers.discord import channel_id
from botconvo.importers.rows import FAULTS, LeftOut, Reason, Row
from botconvo.messages import ChannelId

__all__ = [
    "FAULTS",
    "Export",
    "Format",
    "LeftOut",
    "Origin",
    "Reason",
    "Row",
    "digest_of",
    "read_export",
]

Format = Literal["discord-json", "discord-csv", "single-column-csv"]
Origin = Literal["discord-api", "file"]
"""Where rows come from: Discord's API (its Developer Policy applies), or a file of the owner's."""
_ORIGINS: dict[Format, Origin] = {
    "discord-json": "discord-api",
    "discord-csv": "discord-api",
    "single-column-csv": "file",
}

_HEAD_BYTES = 1 << 16
_CHANNEL_IN_NAME = re.compile(r"\[(\d{15,20})\]")
"""DiscordChatExporter writes the channel's id into the file's name."""
_KNOWN_BUT_NOT_READ: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"PK\x03\x04"), "a zip file: unpack it and import the files inside"),
    (re.compile(r"\s*<(?:!doctype|html)", re.I), "HTML: export the channel again as JSON"),
    (re.compile(r"={20,}\s"), "DiscordChatExporter's plain text: export the channel again as JSON"),
    (re.compile(r"\s*window\.YTD\."), "a Twitter archive, which is not read yet"),
    (re.compile(r"<\|so[sl]"), "ssi-bot training text, which is not read yet"),
    (re.compile(r"\[\d\d:\d\d(?::\d\d)?\] +(?:<|\*|===)"), "an IRC log, which is not read yet"),
    (
        re.compile(r"\[?\d{1,4}[./-]\d{1,2}[./-]\d{1,4},? "),
        "a WhatsApp chat, which is not read yet",
    ),
    (re.compile(r"\s*\["), "a JSON list, not a DiscordChatExporter JSON"),
    (re.compile(r"\s*\{"), "JSON, but not DiscordChatExporter's"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One file whose format is known.  ``author`` is the name of the person where it has none."""

    path: Path
    format: Format
    author: str | None = None

    @property
    def origin(self) -> Origin:
        return _ORIGINS[self.format]

    def rows(self, progress: Callable[[int], None] | None = None) -> Iterator[Row]:
        """The file's rows in order; ``progress`` is told the bytes read so far.

        Raises:
            ImportFailed: the file went away, or turns out to be of an older dialect.
        """
        try:
            with self.path.open("rb") as raw:
                # Undecodable bytes become U+FFFD: a wrong letter is better than a lost file.
                yield from self._parse(
                    io.TextIOWrapper(
                        io.BufferedReader(_Counting(raw, progress), 1 << 18),
                        encoding="utf-8-sig",
                        errors="replace",
                        newline="",
                    )
                )
        except OSError as error:
            raise _cannot_open(self.path, error) from None
        except ImportFailed as failed:
            raise ImportFailed(f"{self.path}: {failed}") from None

    def _parse(self, text: io.TextIOWrapper) -> Iterator[Row]:
        match self.format:
            case "discord-json":
                return discord_json.parse(text)
            case "discord-csv":
                return discord_csv.parse(text, _channel(self.path))
            case "single-column-csv":
                return single_column_csv.parse(
                    text, single_column_csv.author_of(self.author or "someone")
                )


def read_export(path: Path, *, author: str | None = None) -> Export:
    """What kind of export a file is, from its content alone; nothing is parsed yet.

    ``author`` names the person for a format that names nobody.

    Raises:
        ImportFailed: there is no such file, it is empty, or it is no export that can be read.
    """
    head = _head(path)
    found = _format(head)
    if found is None:
        raise ImportFailed(f"{path} {_what_else(head)}")
    if found == "single-column-csv" and author is None:
        raise ImportFailed(
            f"{path} names no authors (its first line is {_first_line(head)!r}); if it is one "
            "person's lines in one column, say whose: --author NAME"
        )
    if found != "single-column-csv" and author is not None:
        raise ImportFailed(f"{path} names its own authors; import it without --author {author!r}")
    return Export(path=path, format=found, author=author)


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal.

    Raises:
        ImportFailed: the file cannot be read.
    """
    try:
        with path.open("rb") as raw:
            return hashlib.file_digest(raw, "sha256").hexdigest()
    except OSError as error:
        raise _cannot_open(path, error) from None


def _head(path: Path) -> str:
    if path.is_dir():
        raise ImportFailed(f"{path} is a folder; name the export files inside it")
    try:
        with path.open("rb") as raw:
            head = raw.read(_HEAD_BYTES)
    except OSError as error:
        raise _cannot_open(path, error) from None
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ImportFailed(f"{path} is UTF-16 text; save it again as UTF-8")
    text = head.decode("utf-8-sig", errors="replace")
    if not text.strip():
        raise ImportFailed(f"{path} is empty; export the channel again")
    return text


def _format(head: str) -> Format | None:
    if discord_json.looks_like(head.lstrip()):
        return "discord-json"
    if discord_csv.looks_like(head):
        return "discord-csv"
    if discord_csv.older_dialect(head) or "\0" in head:
        return None
    if any(pattern.match(head) for pattern, _ in _KNOWN_BUT_NOT_READ):
        return None
    return "single-column-csv" if single_column_csv.looks_like(head) else None


def _what_else(head: str) -> str:
    """The end of a sentence that begins with the file's name."""
    if discord_csv.older_dialect(head):
        return (
            "is a DiscordChatExporter CSV with semicolons (2.15 or older, or saved again by a "
            "spreadsheet); export the channel again with 2.42.3 or later"
        )
    for pattern, what in _KNOWN_BUT_NOT_READ:
        if pattern.match(head):
            return f"is {what}"
    return (
        f"is no export that BotConvo reads (it begins with {_first_line(head)!r}); "
        "it reads DiscordChatExporter's JSON and CSV, and CSV of one column"
    )


def _first_line(head: str) -> str:
    line = head.strip().split("\n", 1)[0].strip()
    return line if len(line) <= 40 else f"{line[:40]}…"


def _channel(path: PurePath) -> ChannelId | None:
    """CSV names no channel; the exporter's file name does, so that JSON and CSV meet."""
    found = _CHANNEL_IN_NAME.findall(path.name)
    return channel_id(found[-1]) if found else None


def _cannot_open(path: Path, error: OSError) -> ImportFailed:
    if isinstance(error, FileNotFoundError):
        return ImportFailed(f"there is no file {path}; check its name")
    return ImportFailed(f"{path} cannot be read: {error.strerror or error}")


class _Counting(io.RawIOBase):
    """Tells how many bytes were read."""

    def __init__(self, raw: BinaryIO, told: Callable[[int], None] | None) -> None:
        self._raw, self._told, self._bytes = raw, told, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int] | bytearray") -> int:  # type: ignore[override]
        read = self._raw.readinto(buffer)  # type: ignore[attr-defined]
        self._bytes += read
        if self._told is not None:
            self._told(self._bytes)
        return int(read)
