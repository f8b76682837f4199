"""Reads the long lists inside a JSON object without holding the file in memory.

A window of text moves over the file and the standard library's decoder, which is written in C,
reads one value at a time from it.  Memory is bounded by the longest value, nesting by Python's own
recursion limit, and a file that breaks off still gives every whole item before the break.  Where
every item ends on a line of its own, as programs write them for people, a faster decoder of the
caller's may read many items at once: no string of JSON holds a line end, so that those lines are
certain.
It knows nothing of what the values mean.
"""

import json
import re
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any, TextIO

from botconvo.importers.reading import characters

__all__ = ["BrokenJsonError", "JsonItems"]

_MAYBE_NOTHING = frozenset(("", " ", "\t", "\r", "\n"))
_BLANKS = re.compile(r"[ \t\r\n]*")
_WINDOW = 1 << 18
"""Characters that are read at a time."""
_UNDECIDED = len("e+0")
"""So many characters behind a number tell that it has ended."""
_LONGEST_VALUE = 1 << 22
"""A value of more characters than this is taken for a break in the file."""


class BrokenJsonError(ValueError):
    """The text stops being JSON.  ``line`` is counted from 1."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.line = line


class JsonItems:
    """The object at the root of ``stream``.

    Where one list matters, read ``members`` and then ``items``.  Otherwise ``walk`` through an
    object and take the ``elements`` of a list: both stop before every value, which is read by
    ``value`` or ``items`` or walked in its turn; what is left unread is passed over.

    ``octets`` says that each character of it is one byte of UTF-8, which is faster to go through.
    """

    def __init__(self, stream: TextIO, *, octets: bool = False) -> None:
        self._stream = stream
        self._octets = octets
        self._decoder = json.JSONDecoder()
        self._text = ""
        self._at = 0
        self._line = 1
        self._counted = 0
        self._gone = 0
        self._ended = False
        self._block = _Block(1, "", "")

    def line(self) -> int:
        """The line that the next value begins in, counted from 1."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def members(self, stop: str) -> Iterator[tuple[str, Any]]:
        """The members of the object up to the list ``stop``, which is left for ``items``.

        Raises:
            BrokenJsonError: the text is not a JSON object so far, or has no such list.
        """
        self._expect("{")
        while self._peek() != "}":
            key = self._value()
            self._expect(":")
            if key == stop and self._peek() == "[":
                return
            yield str(key), self._value()
            if self._peek() != "}":
                self._expect(",")
        raise BrokenJsonError(f"no list named {stop!r}", self.line())

    def items(self) -> Iterator[tuple[int, Any]]:
        """Each item of the list with its line.

        Raises:
            BrokenJsonError: the file breaks off, or goes on with something else.
        """
        for _ in self._places("[", "]"):
            self._peek()
            line = self.line()
            yield line, self._value()

    def decoded(
        self, decode: Callable[[bytes], list[Any]], refused: type[Exception] = ValueError
    ) -> Iterator[Any]:
        """Each item of the list; ``item_line`` tells where the last one begins.

        ``decode`` reads a list of some of them faster, in UTF-8; an item that it ``refused``, and
        every one that is not on lines of its own, comes as plain values.

        Raises:
            BrokenJsonError: the file breaks off, or goes on with something else.
        """
        self._expect("[")
        before = self._at
        if self._peek() == "]":
            self._at += 1
            return
        blanks = self._text[before : self._at] if self._at > before else ""
        end, between = (f"{blanks}}}", f"{blanks}}},{blanks}") if "\n" in blanks else ("", "")
        one_by_one = nowhere = 0
        while True:
            start, text = self._gone + self._at, ""
            if end and start >= nowhere:
                text = self._until(end, between if start >= one_by_one else "")
                # Where each item is a line, all that is near would be searched for every one.
                nowhere = 0 if text else self._gone + len(self._text)
            self._block = _Block(self.line(), text, between)
            try:
                found = decode(self._bytes(f"[{text}]")) if text else []
            except (refused, UnicodeError, RecursionError):
                if between in text:
                    one_by_one = start + len(text)
                    continue
                found = []
            if found:
                for self._block.place, item in enumerate(found):
                    yield item
                self._at += len(text)
            else:
                yield self._value()
            if self._peek() == "]":
                self._at += 1
                return
            self._expect(",")
            self._peek()

    def item_line(self) -> int:
        """The line that the last item of ``decoded`` begins in, counted from 1."""
        return self._block.line()

    def walk(self) -> Iterator[str]:
        """The keys of the object that stands next, each before its value is read.

        Raises:
            BrokenJsonError: there is none, or the text breaks off.
        """
        for _ in self._places("{", "}"):
            key = self.value()
            self._expect(":")
            before = self._offset()
            yield str(key)
            self._pass_over(before)

    def elements(self) -> Iterator[int]:
        """The line of each value of the list that stands next.

        Raises:
            BrokenJsonError: there is none, or the text breaks off.
        """
        for _ in self._places("[", "]"):
            self.next_sign()
            before = self._offset()
            yield self.line()
            self._pass_over(before)

    def value(self) -> Any:
        """The next value.

        Raises:
            BrokenJsonError: it is none, or the text breaks off.
        """
        return self._value()

    def next_sign(self) -> str:
        """The first character of what stands next; empty at the end."""
        return self._peek()

    def _places(self, opening: str, closing: str) -> Iterator[None]:
        self._expect(opening)
        if self._peek() == closing:
            self._at += 1
            return
        while True:
            yield
            if self._peek() == closing:
                self._at += 1
                return
            self._expect(",")

    def _until(self, end: str, between: str) -> str:
        """The text of whole items: all that are near, or, without ``between``, the next one.

        An item ends with the line ``end``; the text is empty where there is no such line near.
        """
        if between:
            if len(self._text) - self._at < _WINDOW // 2:
                self._more()
            found = self._text.rfind(between, self._at)
            if found >= 0:
                return self._text[self._at : found + len(end)]
        found = self._text.find(end, self._at)
        while found < 0 and len(self._text) - self._at < _WINDOW and self._more():
            found = self._text.find(end, self._at)
        return self._text[self._at : found + len(end)] if found >= 0 else ""

    def _bytes(self, text: str) -> bytes:
        return text.encode("latin-1" if self._octets else "utf-8")

    def _offset(self) -> int:
        """How much of the text is read, without blanks behind it."""
        self._peek()
        return self._gone + self._at

    def _pass_over(self, before: int) -> None:
        if self._offset() == before:
            self._value()

    def _value(self) -> Any:
        """The next value.  Where the window is too short for it, the window grows."""
        self._peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except RecursionError:
                raise BrokenJsonError("nested too deeply", self.line()) from None
            except ValueError:
                # Broken, or only cut off by the window: more text tells.
                if len(self._text) - self._at > _LONGEST_VALUE or not self._more():
                    raise BrokenJsonError(
                        "the text breaks off or is not JSON", self.line()
                    ) from None
                continue
            # A number may go on behind the window: "1" is whole, but of "1e+" only "1" was read.
            if len(self._text) - end >= _UNDECIDED or not self._more():
                start, self._at = self._at, end
                return self._in_words(value, start) if self._octets else value

    def _in_words(self, value: Any, start: int) -> Any:
        """The value that was read from ``start`` on, where characters are bytes."""
        if not isinstance(value, str | dict | list) or self._text[start : self._at].isascii():
            return value
        return json.loads(characters(self._text[start : self._at].encode("latin-1")))

    def _peek(self) -> str:
        """The next character that is not blank, not consumed; empty at the end."""
        if self._text[self._at : self._at + 1] not in _MAYBE_NOTHING:
            return self._text[self._at]
        while True:
            blanks = _BLANKS.match(self._text, self._at)
            self._at = self._at if blanks is None else blanks.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _expect(self, character: str) -> None:
        found = self._peek()
        if found != character:
            what = f"{found!r} instead of {character!r}" if found else "the text breaks off"
            raise BrokenJsonError(what, self.line())
        self._at += 1

    def _more(self) -> bool:
        """Let go of what was read and take in more: as much again as is still unread."""
        if self._ended:
            return False
        rest = self._text[self._at :]
        read = self._stream.read(max(_WINDOW, len(rest)))
        self._ended = not read
        self._line = self.line()
        self._gone += self._at
        self._text, self._at, self._counted = rest + read, 0, 0
        return True


class _Block:
    """The text of several items; on which line one begins is rarely asked."""

    def __init__(self, line: int, text: str, between: str) -> None:
        self._first, self._text, self._between = line, text, between
        self._lines: list[int] = []
        self.place = 0

    def line(self) -> int:
        if not self.place:
            return self._first
        if not self._lines:
            counts = (part.count("\n") for part in self._text.split(self._between))
            more = self._between.count("\n")
            self._lines = list(accumulate((count + more for count in counts), initial=self._first))
        return self._lines[min(self.place, len(self._lines) - 1)]
