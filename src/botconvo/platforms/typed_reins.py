"""A command that was typed, as a pull at the reins or a question.  Pure."""

from collections.abc import Callable, Sequence

from botconvo.conversation import events as ev
from botconvo.errors import PlatformError
from botconvo.messages import Message, MessageId
from botconvo.personas import PersonaName
from botconvo.ports import Info, Lines, Query, Removed, ShownDraft, Status, Who

__all__ = ["HELP", "TypedReins"]

HELP = """\
/pause            stop after what is being said
/resume           go on
/step             one more message at once
/speed N          2 = twice as fast, 0.5 = half
/temperature N    0.2 = predictable, 1.2 = wild; without N each bot's own
/topic TEXT       talk about this, and forget what was before
/ask NAME TEXT    let one of them answer
/mute NAME        let one of them be silent; /unmute NAME
/reset            forget what was said here
/why              why the last message was said
/who  /status     who is here; how the talk stands
/info NAME        what one of them is
/star             keep the last message; /favourites lists what was kept, /saved what bots saved
/delete           remove the last message and never say it again
/never            the person would never say the last message; /disowned lists such lines
/removed          what is not said again; /allow N undoes that
/approve          post the line that waits; /reject drops it
/quit             end the run
Anything else that you type is said by you."""


class TypedReins:
    """Reads commands for one channel.

    ``said`` makes a message of the owner's words, ``last`` is the last thing that a clone said.
    """

    def __init__(self, said: Callable[[str], Message]) -> None:
        self._said = said
        self.personas: Sequence[PersonaName] = ()
        self.last: MessageId | None = None
        self.draft: ShownDraft | None = None

    def read(self, word: str, value: str) -> ev.Steer | ev.Ruling | Query:
        """What ``/word value`` means.

        Raises:
            PlatformError: nothing, or its value is missing or no good.
        """
        meant = self._question(word, value) or self._ruling(word, value)
        return meant or self._steer(word, value)

    def _question(self, word: str, value: str) -> Query | None:
        match word:
            case "who":
                return Who()
            case "status":
                return Status()
            case "info":
                return Info(persona=self._persona(word, value))
            case "favourites":
                return Lines(kind="favourite")
            case "saved":
                return Lines(kind="saved")
            case "disowned":
                return Lines(kind="disowned")
            case "removed":
                return Removed(everywhere=True)
            case _:
                return None

    def _ruling(self, word: str, value: str) -> ev.Ruling | None:
        match word:
            case "delete":
                return ev.Delete(message=self._last())
            case "star":
                return ev.Star(message=self._last())
            case "never":
                return ev.Disown(message=self._last())
            case "allow" if value.isdecimal():
                return ev.Allow(number=int(value))
            case "allow":
                raise PlatformError("/allow takes a number of the list that /removed shows")
            case _:
                return None

    def _steer(self, word: str, value: str) -> ev.Steer:
        match word:
            case "pause":
                return ev.Pause()
            case "resume":
                return ev.Resume()
            case "step":
                return ev.Step()
            case "speed":
                return ev.SetSpeed(factor=_number(word, value))
            case "temperature":
                return ev.SetTemperature(value=_number(word, value) if value else None)
            case "topic" if value:
                return ev.SetTopic(message=self._said(value))
            case "topic":
                raise PlatformError("/topic takes a few words, such as /topic the soup war")
            case "ask":
                return self._ask(value)
            case "mute":
                return ev.Mute(persona=self._persona(word, value))
            case "unmute":
                return ev.Unmute(persona=self._persona(word, value))
            case "reset":
                return ev.Reset()
            case "approve":
                return ev.Approve(order=self._waiting())
            case "reject":
                return ev.Reject(order=self._waiting())
            case _:
                raise PlatformError(f"there is no command /{word}; /help lists them")

    def _ask(self, value: str) -> ev.AskPersona:
        for name in sorted(self.personas, key=len, reverse=True):  # "Al B" before "Al"
            if value.casefold() == name.casefold():
                return ev.AskPersona(persona=name)
            if value.casefold().startswith(f"{name.casefold()} "):
                text = value[len(name) :].strip()
                return ev.AskPersona(persona=name, message=self._said(text))
        return ev.AskPersona(persona=self._persona("ask", value.partition(" ")[0]))

    def _persona(self, word: str, value: str) -> PersonaName:
        for name in self.personas:
            if name.casefold() == value.casefold():
                return name
        there = ", ".join(self.personas) or "nobody yet"
        raise PlatformError(f"/{word} takes a name: there is {there}")

    def _last(self) -> MessageId:
        if self.last is None:
            raise PlatformError("nothing was said yet")
        return self.last

    def _waiting(self) -> ev.OrderId:
        if self.draft is None:
            raise PlatformError("no line waits for approval")
        return self.draft.order


def _number(word: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100:
        raise PlatformError(f"/{word} takes a number, such as /{word} 1.5")
    return number
