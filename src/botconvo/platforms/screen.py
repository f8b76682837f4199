"""How a talk looks in a terminal.

Every text goes through ``visible`` and is never read as markup, so that neither a clone nor a
person can colour, move or erase anything.  It knows nothing of input or of the talk's course.
"""

import contextlib
import zlib
from collections.abc import Collection
from typing import Literal, TextIO

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from botconvo.conversation.orders import Trace
from botconvo.messages import Message
from botconvo.platforms.local import visible, visible_name

__all__ = ["Colour", "Screen"]

Colour = Literal["auto", "always", "never"]

_COLOURS = (
    "bright_cyan",
    "bright_magenta",
    "bright_yellow",
    "bright_green",
    "bright_blue",
    "bright_red",
    "cyan",
    "magenta",
    "yellow",
    "green",
)
_COLOUR_SYSTEMS: dict[Colour, Literal["auto", "standard"] | None] = {
    "auto": "auto",
    "always": "standard",
    "never": None,
}
_EXCERPT = 50


class Screen:
    """Prints to ``out``; ``colour`` "auto" asks the stream, ``quiet`` prints nothing."""

    def __init__(
        self, out: TextIO, *, colour: Colour, quiet: bool, personas: Collection[str] = ()
    ) -> None:
        self._quiet = quiet
        self._encoding = getattr(out, "encoding", None) or "utf-8"
        self._console = Console(
            file=out,
            force_terminal=True if colour == "always" else None,
            color_system=_COLOUR_SYSTEMS[colour],
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=True,
        )
        self._colours: dict[str, str] = {}
        for name in sorted(personas):
            self._colour(name)
        self._shows_typing = not quiet and out.isatty()
        self._typing = False

    def message(self, message: Message, replied: Message | None = None) -> None:
        """``Name  BOT  text``; further lines are set in, so that none can pass for a message."""
        line = self._speaker(message.author.name, is_bot=message.author.kind == "clone")
        if replied is not None:
            line.append(self._words(f"→ {visible_name(replied.author.name)}  "), style="dim")
        line.append(self._words(message.text).replace("\n", "\n    "))
        self._print(line)

    def reaction(self, name: str, emoji: str, to: Message | None) -> None:
        line = f"  {visible_name(name)} reacted {_one_line(emoji)}"
        if to is not None:
            line += f" to {visible_name(to.author.name)}: {_excerpt(to.text)}"
        self._print(Text(self._words(line), style="dim"))

    def notice(self, text: str) -> None:
        """Something that is not part of the talk."""
        for line in visible(text).split("\n"):
            self._print(Text(self._words(f"· {line}"), style="dim"))

    def suggestion(self, number: int, name: str, text: str) -> None:
        """One of several things that a clone might say."""
        line = Text(self._words(f"  {number}  "), style="dim")
        line.append_text(self._speaker(name, is_bot=True))
        line.append(self._words(text).replace("\n", "\n    "))
        self._print(line)

    def prompt(self, text: str) -> None:
        """What stands before the words that are typed; only on a terminal."""
        if not self._shows_typing:
            return
        self.clear_typing()
        self._console.print(Text(self._words(text), style="bold"), end=" ")
        self._console.file.flush()

    def new_line(self) -> None:
        """Go on below a prompt behind which nobody pressed Enter."""
        if self._shows_typing:
            self._console.print()

    def typing(self, name: str) -> None:
        """A line that the next one replaces; only a terminal can do that."""
        if not self._shows_typing:
            return
        self.clear_typing()
        text = Text(self._words(f"{visible_name(name)} is typing…"), style="dim italic")
        self._console.print(text, end="")
        self._console.file.flush()
        self._typing = True

    def clear_typing(self) -> None:
        if self._typing:
            self._typing = False
            self._console.control(
                Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))
            )

    def why(self, said: str, trace: Trace) -> None:
        """Everything that a trace knows."""
        phrase = "" if trace.phrase is None else f", phrase {_one_line(trace.phrase)!r}"
        self.notice(_one_line(said))
        self.notice(f"  the turn: {_one_line(trace.reason)}")
        self.notice(f"  taken up: {trace.source.value}{phrase}")
        for index, each in enumerate(trace.candidates):
            mark = "→" if index == trace.chosen else " "
            score = "" if each.score is None else f" {each.score:.2f}"
            self.notice(f"  {mark} [{each.verdict}{score}] {_one_line(each.completion)}")
        self.notice(f"  {trace.latency_ms:.0f} ms, seed {trace.seed}; the prompt was:")
        for line in visible(trace.prompt).split("\n"):
            self.notice(f"    {line}")

    def _speaker(self, name: str, *, is_bot: bool) -> Text:
        line = Text()
        style = f"bold {self._colour(name)}" if is_bot else "bold"
        line.append(self._words(visible_name(name)), style=style)
        line.append("  ")
        if is_bot:
            line.append("BOT", style="reverse dim")
            line.append("  ")
        return line

    def _colour(self, name: str) -> str:
        """The same for the same cast in every run; shared only when the colours run out."""
        if name not in self._colours:
            first = zlib.crc32(name.encode("utf-8", "replace"))
            ring = [_COLOURS[(first + step) % len(_COLOURS)] for step in range(len(_COLOURS))]
            taken = self._colours.values()
            self._colours[name] = next((each for each in ring if each not in taken), ring[0])
        return self._colours[name]

    def _words(self, text: str) -> str:
        # A redirected stream on Windows may know no emoji; a mark is better than an error.
        return visible(text).encode(self._encoding, "replace").decode(self._encoding)

    def _print(self, line: Text) -> None:
        if self._quiet:
            return
        self.clear_typing()
        with contextlib.suppress(BrokenPipeError):  # nobody reads any more; the talk goes on
            self._console.print(line)
            self._console.file.flush()


def _one_line(text: str) -> str:
    return " ".join(visible(text).split())


def _excerpt(text: str) -> str:
    line = _one_line(text)
    return line if len(line) <= _EXCERPT else f"{line[: _EXCERPT - 1]}…"
