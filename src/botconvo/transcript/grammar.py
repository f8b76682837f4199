"""One unit of a transcript, its parser and its printer.

The grammar, one line per message or act::

    name: text
    name: COMMAND;
    name: COMMAND: argument;

It knows nothing of platforms, people or models.  ``parse_line(print_line(line)) == line`` holds for
every line whose argument carries no outer white space (a property test says so).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Command", "Line", "parse_line", "parse_lines", "print_line", "print_lines"]


class Command(StrEnum):
    """What a line does beside saying something."""

    INIT = "INIT"
    SAVE = "SAVE"
    REACT = "REACT"
    REPLY = "REPLY"
    PHOTO = "PHOTO"
    VIDEO = "VIDEO"
    MEME = "MEME"
    SCREEN = "SCREEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """``name`` says ``argument``, or does ``command`` with it."""

    name: str
    argument: str = ""
    command: Command | None = None

    @property
    def says(self) -> bool:
        """Whether the line holds words that were said (a message or a reply)."""
        return self.command in (None, Command.REPLY) and bool(self.argument)


_NAME_AND_REST = re.compile(r"(?P<name>[^:\n\r]+): ?(?P<rest>[^\n]*)\Z")
_COMMAND = re.compile(rf"(?P<command>{'|'.join(Command)})(?P<mark>[;:])(?P<argument>[^\n]*)\Z")
_ESCAPED = re.compile(r"\\(.)")
_UNESCAPES = {"n": "\n", "r": "\r", "\\": "\\"}


def print_line(line: Line) -> str:
    """The one text form of a line, without a line break.

    Raises:
        ValueError: the name is empty or holds a colon or a line break, or nothing is said.
    """
    if not line.name.strip() or re.search(r"[:\n\r]", line.name):
        raise ValueError(f"{line.name!r} cannot be a speaker's name in a transcript")
    argument = _escape(line.argument.strip())
    if line.command is not None:
        end = f": {argument};" if argument else ";"
        return f"{line.name}: {line.command}{end}"
    if not argument:
        raise ValueError(f"{line.name} says nothing: an empty message has no line")
    # Somebody who types "REACT: x" says it; the backslash keeps it from being read as an act.
    guard = "\\" if _COMMAND.match(argument) else ""
    return f"{line.name}: {guard}{argument}"


def print_lines(lines: Iterable[Line]) -> str:
    """Lines joined by line breaks, with no break at the end."""
    return "\n".join(print_line(line) for line in lines)


def parse_line(text: str) -> Line | None:
    """Read one line; None if it is not one (a torn line, a line without a speaker or words)."""
    match = _NAME_AND_REST.match(text.strip("\r\n"))
    if match is None or not match["name"].strip():
        return None
    name, rest = match["name"].strip(), match["rest"].strip()
    act = _COMMAND.match(rest)
    if act is not None:
        return _act(name, act)
    if not rest:
        return None
    if rest.startswith("\\") and _COMMAND.match(rest[1:]):
        rest = rest[1:]
    # A model may write nothing but escaped line breaks.
    argument = _unescape(rest).strip()
    return Line(name=name, argument=argument) if argument else None


def parse_lines(text: str) -> tuple[Line, ...]:
    """Every line of a text that is one, in order; others are passed over."""
    parsed = (parse_line(row) for row in text.split("\n"))
    return tuple(line for line in parsed if line is not None)


def _act(name: str, act: re.Match[str]) -> Line | None:
    command, argument = Command(act["command"]), act["argument"].strip()
    if act["mark"] == ";":
        return None if argument else Line(name=name, command=command)
    argument = _unescape(argument.removesuffix(";").strip()).strip()
    return Line(name=name, command=command, argument=argument)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: _UNESCAPES.get(match[1], match[0]), text)
