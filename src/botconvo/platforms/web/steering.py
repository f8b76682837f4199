"""What the page asks of the reins: the bodies that it sends, and what they mean."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field

from botconvo.conversation import events as ev
from botconvo.errors import PlatformError
from botconvo.messages import ChannelId, Message, MessageId
from botconvo.personas import PersonaName

__all__ = ["Body", "Steering", "meant"]

_Id = Annotated[str, Field(max_length=300)]


class Body(BaseModel):
    """A body of the page's; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Steering(Body):
    """``steer`` says which of the others are needed."""

    channel: _Id
    steer: Literal[
        "pause",
        "resume",
        "step",
        "speed",
        "temperature",
        "topic",
        "mute",
        "unmute",
        "reset",
        "approve",
        "reject",
        "refuse",
        "delete",
        "star",
        "disown",
        "drop",
        "allow",
    ]
    value: Annotated[float | None, Field(ge=0, le=100, allow_inf_nan=False)] = None
    name: Annotated[str, Field(max_length=200)] = ""
    text: str = ""
    persona: Annotated[str, Field(max_length=200)] = ""
    message: _Id = ""
    order: _Id = ""
    number: Annotated[int, Field(ge=0)] = 0


def meant(body: Steering, said: Callable[[str, str], Message]) -> ev.Steer | ev.Ruling:
    """The pull; ``said`` makes the message of a visitor's name and words.

    Raises:
        PlatformError: something is missing.
    """
    persona, message = PersonaName(body.persona), MessageId(body.message)
    match body.steer:
        case "pause":
            return ev.Pause()
        case "resume":
            return ev.Resume()
        case "step":
            return ev.Step()
        case "speed":
            if not body.value:
                raise PlatformError("a speed is a number above 0")
            return ev.SetSpeed(factor=body.value)
        case "temperature":
            return ev.SetTemperature(value=body.value)
        case "topic":
            words = said(body.name, body.text)
            return ev.SetTopic(message=_in_channel(words, ChannelId(body.channel)))
        case "mute":
            return ev.Mute(persona=persona)
        case "unmute":
            return ev.Unmute(persona=persona)
        case "reset":
            return ev.Reset()
        case "approve":
            return ev.Approve(order=ev.OrderId(body.order))
        case "reject":
            return ev.Reject(order=ev.OrderId(body.order))
        case "refuse":
            return ev.Reject(order=ev.OrderId(body.order), for_good=True)
        case "delete":
            return ev.Delete(message=message)
        case "star":
            return ev.Star(message=message)
        case "disown":
            return ev.Disown(message=message)
        case "drop":
            return ev.Drop(message=message)
        case "allow":
            return ev.Allow(number=body.number)
        case _:
            assert_never(body.steer)


def _in_channel(message: Message, channel: ChannelId) -> Message:
    return message if message.channel == channel else replace(message, channel=channel)
