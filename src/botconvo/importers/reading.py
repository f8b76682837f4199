"""The bytes of an export as text and lines, whatever a program did to them; progress is counted."""

import codecs
import csv
import html
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import partial
from typing import BinaryIO, TextIO, cast

from botconvo.importers.rows import Reason
from botconvo.messages import AuthorId, ChannelId

__all__ = [
    "LINE_MOST",
    "About",
    "Counting",
    "Opened",
    "as_text",
    "characters",
    "csv_rows",
    "numbered_lines",
    "without_escapes",
]

LINE_MOST = 1_000_000
"""Characters of a line; nobody typed a longer one, and a file without line ends must not fill the
memory."""
_BUFFER_BYTES = 1 << 18
_LENIENT = "botconvo-lenient"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an export does not say itself.

    ``name`` is the file's own, without folders, ``within`` that of the folder or zip which it lies
    in; ``author`` is whose lines it holds where it names
    nobody, ``zone`` whose clock it was written by where its times name none, ``channel`` where it
    belongs if it does not say so.  ``without`` is what the owner wants to be left out of tweets:
    "replies", "mentions", "hashtags".
    """

    name: str = ""
    within: str = ""
    author: str | None = None
    zone: tzinfo = UTC
    channel: ChannelId | None = None
    accounts: Mapping[str, AuthorId] = field(default_factory=dict)
    """Whose accounts these names are, as far as the store knows."""
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is being read."""

    raw: BinaryIO
    about: About = field(default_factory=About)

    def text(self) -> TextIO:
        """As text with its line ends (``newline=""``)."""
        return as_text(self.raw)

    def octets(self) -> tuple[TextIO, bool]:
        """With a character for each byte, and True, where it is UTF-8: that reads faster.

        Elsewhere as text, and False.
        """
        buffered = io.BufferedReader(self.raw, _BUFFER_BYTES)  # type: ignore[type-var]
        if buffered.peek(2).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return io.TextIOWrapper(buffered, "utf-16", errors=_LENIENT, newline=""), False
        if buffered.peek(3).startswith(codecs.BOM_UTF8):
            buffered.read(len(codecs.BOM_UTF8))
        return io.TextIOWrapper(buffered, "latin-1", newline=""), True

    @contextmanager
    def first_look(self) -> Iterator[TextIO]:
        """The same, to learn something of the whole file; ``text`` is read after it, not during."""
        text = as_text(self.raw)
        try:
            yield text
        finally:
            cast(io.BufferedReader, text.detach()).detach()  # or the text would close the file
            self.raw.seek(0)


def characters(octets: bytes) -> str:
    """As ``as_text`` reads these bytes of UTF-8."""
    return octets.decode("utf-8", errors=_LENIENT)


def as_text(raw: BinaryIO) -> io.TextIOWrapper:
    """UTF-8 or UTF-16 by its mark; line ends as they are, as ``csv`` wants them.

    Bytes that are no UTF-8 are read as Windows-1252: files that two programs wrote in are mixed.
    """
    buffered = io.BufferedReader(raw, _BUFFER_BYTES)  # type: ignore[type-var]
    head = buffered.peek(4)[:4]
    encoding = "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    return io.TextIOWrapper(buffered, encoding=encoding, errors=_LENIENT, newline="")


def without_escapes(text: str) -> str:
    """With the characters that ``&amp;`` and ``&#39;`` stand for.

    A number of thousands of digits, which Python does not read, leaves the text as it is.
    """
    try:
        return html.unescape(text)
    except ValueError:
        return text


def numbered_lines(text: TextIO) -> Iterator[tuple[int, str]]:
    """Lines without their ends, counted from 1; what is beyond ``LINE_MOST`` of one is dropped.

    Only a line feed ends a line, because messages hold U+2028, form feeds and the like.
    """
    number, rest = 0, False
    while piece := text.readline(LINE_MOST):
        if not rest:
            number += 1
            yield number, piece.rstrip("\r\n")
        rest = not piece.endswith("\n")


def csv_rows(
    stream: TextIO, *, before: int = 0, delimiter: str = ","
) -> Iterator[tuple[int, list[str] | Reason]]:
    """Rows with the line that each begins in; where one cannot be split, why.

    ``before`` lines were read already; ``stream`` must be opened with ``newline=""``.
    """
    lines = iter(partial(stream.readline, LINE_MOST), "")
    rows = csv.reader(lines, strict=True, delimiter=delimiter)
    line = before + 1
    while True:
        try:
            for row in rows:
                yield line, row
                line = before + rows.line_num + 1
        except csv.Error as broken:
            yield line, Reason.TORN if "unexpected end" in str(broken) else Reason.MALFORMED
            line = before + rows.line_num + 1
        else:
            return


class Counting(io.RawIOBase):
    """Tells how many bytes were read."""

    def __init__(self, raw: BinaryIO, told: Callable[[int], None] | None) -> None:
        self._raw, self._told, self._bytes = raw, told, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._bytes = self._raw.seek(offset, whence)
        return self._bytes

    def readinto(self, buffer: "memoryview[int] | bytearray") -> int:  # type: ignore[override]
        read = self._raw.readinto(buffer)  # type: ignore[attr-defined]
        self._bytes += read
        if self._told is not None:
            self._told(self._bytes)
        return int(read)


def _lenient(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeDecodeError):
        bad = error.object[error.start : error.end]
        return bad.decode("cp1252", errors="replace"), error.end
    raise error


codecs.register_error(_LENIENT, _lenient)
