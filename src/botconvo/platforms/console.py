"""The terminal as a platform: clones are printed, what the owner types is heard.

Lines are read by a thread of its own that is never waited for, so that a run ends whether or not
anybody presses Enter.  The end of the input is not the end of the run.
"""

import asyncio
import codecs
import concurrent.futures
import contextlib
import io
import sys
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from datetime import datetime
from types import TracebackType
from typing import Self, TextIO, assert_never

from botconvo.conversation.events import Event, Heard, Opened
from botconvo.conversation.orders import Act, React, Say, Trace
from botconvo.errors import PlatformError
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId
from botconvo.personas import PersonaName
from botconvo.platforms.local import (
    MAX_CHARACTERS,
    Mint,
    new_id,
    utc_now,
    visible,
    visible_name,
)
from botconvo.platforms.screen import Colour, Screen
from botconvo.platforms.typed_reins import HELP, TypedReins
from botconvo.ports import (
    Controls,
    Limits,
    Query,
    Shown,
    ShownMessage,
    ShownReaction,
    ShownRemoval,
    ShownState,
    ShownTyping,
)

__all__ = ["CHANNEL", "ConsolePlatform", "terminal_lines"]

CHANNEL = ChannelId("console:main")
"""The only channel of a terminal."""

_MAX_WAITING = 64
"""Events that nobody has taken up; reading the input waits then."""
_MAX_LINE = 64 * 1024
_REMEMBERED = 500


def terminal_lines(stdin: TextIO | None) -> Iterator[str]:
    """The lines of a standard input, as they are entered; blocks while it waits.

    It reads below Python's buffer: a thread that is caught inside the buffer's lock when the
    program ends can end it with a fatal error.
    """
    raw = getattr(getattr(stdin, "buffer", None), "raw", None)
    if stdin is None or not isinstance(raw, io.RawIOBase):
        yield from stdin or ()
        return
    decoder = codecs.getincrementaldecoder(stdin.encoding or "utf-8")(errors="replace")
    rest = ""
    with contextlib.suppress(OSError, ValueError):  # the terminal has gone, or was closed
        while data := raw.read(4096):
            *lines, rest = (rest + decoder.decode(data)).split("\n")
            yield from lines
            rest = rest[-_MAX_LINE:]
    if rest:
        yield rest


class ConsolePlatform:
    """Talks on ``out`` (None: stdout) and listens to ``lines``, a blocking iterable (None: stdin).

    ``quiet`` prints nothing at all: the stream belongs to somebody else, such as ``--json``.
    ``echo`` prints what was typed, for an input that is not seen on the terminal (None: where stdin
    is no terminal).  ``you`` is the name of whoever types; ``personas`` get colours of their own.
    ``/quit`` ends ``events`` and calls ``quit``.
    """

    def __init__(
        self,
        controls: Controls | None = None,
        *,
        out: TextIO | None = None,
        lines: Iterable[str] | None = None,
        colour: Colour = "auto",
        quiet: bool = False,
        echo: bool | None = None,
        you: str = "You",
        personas: Collection[PersonaName] = (),
        quit: Callable[[], None] | None = None,
        now: Callable[[], datetime] = utc_now,
        new_id: Callable[[], str] = new_id,
    ) -> None:
        self._controls = controls
        self._lines = terminal_lines(sys.stdin) if lines is None else lines
        self._echo = lines is None and not _is_terminal(sys.stdin) if echo is None else echo
        self._screen = Screen(out or sys.stdout, colour=colour, quiet=quiet, personas=personas)
        self._quit = quit
        self._you = Author(id=AuthorId("console:you"), name=visible_name(you), kind="person")
        self._mint = Mint(CHANNEL, now=now, new_id=new_id)
        self._typed_reins = TypedReins(self._said)
        self._inbox: asyncio.Queue[Event | None] = asyncio.Queue(_MAX_WAITING)
        self._known: OrderedDict[MessageId, Message] = OrderedDict()
        self._last: tuple[str, Trace] | None = None
        self._is_closing = threading.Event()
        self._handling: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return "console"

    def attach(self, controls: Controls) -> None:
        """Give the console the reins; before that its commands only say that it is too early."""
        self._controls = controls

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), name="console input", daemon=True).start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_closing.set()
        self._screen.clear_typing()
        tasks = [task for task in (self._handling, self._watching) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._end()

    def limits(self, channel: ChannelId) -> Limits:
        return Limits(characters=MAX_CHARACTERS, reactions=True, replies=True, people=False)

    async def events(self) -> AsyncIterator[tuple[ChannelId, Event]]:
        """``Opened``, then what is typed; ends with ``/quit``."""
        yield CHANNEL, Opened()
        self._watch()
        while (event := await self._inbox.get()) is not None:
            yield CHANNEL, event
        if self._watching is not None and self._watching.done():
            self._watching.result()  # what broke it ends the run

    async def show_typing(self, channel: ChannelId, persona: PersonaName) -> None:
        self._watch()
        self._screen.typing(persona)

    async def show_presence(self, persona: PersonaName, *, away: bool) -> None:
        """Nothing to do: there is nobody here but the clones' owner."""

    async def post(
        self, channel: ChannelId, persona: PersonaName, act: Act, nonce: str
    ) -> Message | None:
        """Print an act; see ``Platform.post``."""
        if channel != CHANNEL:
            raise PlatformError(f"console: there is no channel {channel}, only {CHANNEL}")
        self._watch()
        match act:
            case React():
                self._screen.reaction(persona, act.emoji, self._known.get(act.message))
                return None
            case Say():
                message = self._mint.posted(persona, act, nonce)
                if message.id not in self._known:
                    replied = self._known.get(act.reply_to) if act.reply_to else None
                    self._screen.message(message, replied)
                    self._remember(message)
                return message
            case _:
                assert_never(act)

    async def notify(self, channel: ChannelId, text: str, draft: str = "") -> Message | None:
        self._screen.notice("\n".join(filter(None, (text, draft))))
        return None

    async def delete(self, channel: ChannelId, message: MessageId) -> None:
        """What was printed stays where it is; it is only spoken of no more."""

    def _remember(self, message: Message) -> None:
        self._known[message.id] = message
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """The thread: hands over one line at a time and waits until it was taken."""
        for line in self._lines:
            if self._is_closing.is_set():
                return
            handling = self._typed(line)
            try:
                asyncio.run_coroutine_threadsafe(handling, loop).result()
            except concurrent.futures.CancelledError:
                return
            except RuntimeError:
                handling.close()
                if not loop.is_closed():
                    raise
                return

    async def _typed(self, line: str) -> None:
        self._handling = asyncio.current_task()
        text = visible(line.rstrip("\r\n")).strip()
        if text.startswith("/"):
            try:
                await self._obey(text[1:])
            except PlatformError as error:
                self._screen.notice(str(error))
        elif len(text) > MAX_CHARACTERS:
            self._screen.notice(f"not sent: {len(text)} characters; at most {MAX_CHARACTERS}")
        elif text:
            await self._inbox.put(Heard(message=self._said(text)))

    def _said(self, text: str) -> Message:
        message = self._mint.heard(self._you, text)
        self._remember(message)
        if self._echo:
            self._screen.message(message)
        return message

    async def _obey(self, command: str) -> None:
        word, _, value = command.partition(" ")
        self._watch()
        match word.casefold():
            case "quit" | "exit":
                self._end()
                if self._quit is not None:
                    self._quit()
            case "help" | "?":
                self._screen.notice(HELP)
            case "why" if self._last is None:
                self._screen.notice("nothing to explain yet")
            case "why" if self._last is not None:
                self._screen.why(*self._last)
            case other:
                await self._pull(self._controls, other, value.strip())

    async def _pull(self, controls: Controls | None, word: str, value: str) -> None:
        meant = self._typed_reins.read(word, value)
        if controls is None:
            raise PlatformError("the talk has not begun yet; try again in a moment")
        if isinstance(meant, Query):
            said = (await controls.query(CHANNEL, meant, "the console")).text
        else:
            said = await controls.steer(CHANNEL, meant, "the console")
        for line in said.split("\n"):
            self._screen.notice(line)

    def _end(self) -> None:
        while True:
            try:
                self._inbox.put_nowait(None)
                return
            except asyncio.QueueFull:
                self._inbox.get_nowait()  # whoever quits wants nothing more to be heard

    def _watch(self) -> None:
        """Begin to follow the talk once there is one (for ``/why`` and lines that wait)."""
        controls = self._controls
        if self._watching is None and controls is not None and CHANNEL in controls.channels():
            self._watching = asyncio.create_task(self._follow(controls), name="console watcher")
            self._watching.add_done_callback(self._watched)

    async def _follow(self, controls: Controls) -> None:
        with contextlib.suppress(PlatformError):  # the channel has gone
            async for shown in controls.watch(CHANNEL):
                self._see(shown)

    def _watched(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._end()

    def _see(self, shown: Shown) -> None:
        match shown:
            case ShownMessage(message=message, trace=Trace() as trace):
                self._last = (f"{message.author.name}: {message.text}", trace)
                self._typed_reins.last = message.id
            case ShownReaction(author=author, emoji=emoji, trace=Trace() as trace):
                self._last = (f"{author} reacted {emoji}", trace)
            case ShownState():
                self._see_state(shown)
            case ShownRemoval(message=gone):
                self._known.pop(gone, None)
                if self._typed_reins.last == gone:
                    self._typed_reins.last = self._last = None
            case ShownMessage() | ShownReaction() | ShownTyping():
                pass  # printed when it was posted, or typed here
            case _:
                assert_never(shown)

    def _see_state(self, state: ShownState) -> None:
        # Who is ready and what is wrong stands in the log, which goes to the same terminal.
        self._typed_reins.personas = [name for name, _ in state.personas]
        if state.draft is not None and state.draft != self._typed_reins.draft:
            waiting = f"{visible_name(state.draft.persona)} waits for /approve or /reject: "
            self._screen.notice(f"{waiting}{visible(state.draft.text)}")
        self._typed_reins.draft = state.draft


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()
