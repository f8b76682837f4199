"""Whether a pull at the reins makes sense now, and the sentence that says what it did.  Pure."""

from collections.abc import Collection
from typing import assert_never

from botconvo.conversation import events as ev
from botconvo.conversation.orders import Post
from botconvo.errors import PlatformError
from botconvo.messages import Message
from botconvo.personas import PersonaName

__all__ = ["done"]


def done(
    steer: ev.Steer,
    *,
    personas: Collection[PersonaName],
    ready: Collection[PersonaName],
    muted: Collection[PersonaName],
    paused: bool,
    held: Post | None,
) -> str:
    """What will have been done, in one sentence.

    ``personas`` are all of the channel, ``ready`` those that can speak now, ``held`` is the line
    that waits for a word.

    Raises:
        PlatformError: it makes no sense now.
    """
    match steer:
        case ev.Pause():
            return "paused"
        case ev.Resume():
            return "resumed"
        case ev.Step():
            return "one more message"
        case ev.SetSpeed(factor=factor):
            if not 0.1 <= factor <= 100:
                raise PlatformError(f"speed {factor:g}: must be from 0.1 to 100")
            return f"speed {round(factor, 2):g}"
        case ev.SetTemperature(value=value):
            if value is not None and not 0.0 <= value <= 3.0:
                raise PlatformError(f"temperature {value:g}: must be from 0 to 3")
            return "temperature " + ("as configured" if value is None else f"{value:g}")
        case ev.Silence():
            return "silent, until somebody resumes the talk"
        case ev.SetTopic(message=message):
            _check_words(message, paused=paused)
            return "a new topic"
        case ev.AskPersona(persona=persona, message=message):
            _check_known(persona, personas)
            _check_words(message, paused=paused)
            if persona in muted:
                raise PlatformError(f"{persona} is muted here; unmute it first")
            if persona not in ready:
                raise PlatformError(f"{persona} cannot speak now; try again in a moment")
            return f"{persona} was asked"
        case ev.Mute(persona=persona):
            _check_known(persona, personas)
            return f"{persona} is muted here"
        case ev.Unmute(persona=persona):
            _check_known(persona, personas)
            return f"{persona} may speak here"
        case ev.Reset():
            return "begun afresh: what was said here so far is forgotten"
        case ev.Ignore():
            return (
                "ignored: nothing you write is shown to the bots, and what you wrote is forgotten"
            )
        case ev.Heed():
            return "heard again: the bots see what you write from now on"
        case ev.Approve(order=order):
            _check_held(order, held)
            return "approved"
        case ev.Reject(order=order, for_good=for_good):
            _check_held(order, held)
            return "dropped for good" if for_good else "dropped"
        case _:
            assert_never(steer)


def _check_known(persona: PersonaName, personas: Collection[PersonaName]) -> None:
    if persona not in personas:
        there = f"there are {', '.join(personas)}" if personas else "there is nobody"
        raise PlatformError(f"there is no {persona} here; {there}")


def _check_words(message: Message | None, *, paused: bool) -> None:
    if paused:
        raise PlatformError("the talk is paused; resume it first")
    if message is not None and not message.text.strip():
        raise PlatformError("there are no words in it")


def _check_held(order: ev.OrderId, held: Post | None) -> None:
    if held is None or held.id != order:
        raise PlatformError("that line does not wait any longer")
