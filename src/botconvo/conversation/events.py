"""What a conversation hears.  Frozen values; the union ``Event`` is closed.

``Opened`` to ``Steered`` come from platforms and people, ``PersonasChanged`` from the supervisor,
``Answered``, ``Scored``, ``Failed`` and ``Posted`` from the orders that a conversation gave.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NewType

from botconvo.messages import Author, AuthorId, Message, MessageId
from botconvo.personas import Persona, PersonaName
from botconvo.transcript.grammar import Line

__all__ = [
    "Answered",
    "Candidate",
    "Edited",
    "Event",
    "Failed",
    "Heard",
    "Hindered",
    "Opened",
    "OrderId",
    "Overheard",
    "Pause",
    "PersonasChanged",
    "Posted",
    "Reacted",
    "Removed",
    "Resume",
    "Scored",
    "SetSpeed",
    "SetTemperature",
    "Steer",
    "Steered",
    "Step",
    "TypingSeen",
    "Verdict",
]

OrderId = NewType("OrderId", str)

Verdict = Literal["ok", "empty", "foreign", "unsafe", "repeated", "silent"]
"""Why a candidate may be posted or not.

``foreign``: it is not a line of this persona; ``silent``: the model chose to say nothing.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A platform's channel is there and may be talked in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Somebody wrote; echoes of our own posts are told by their id and ignored."""

    message: Message
    late: bool = False
    """It was said while nobody listened: remembered, and not answered any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overheard:
    """A person wrote in another channel, to which this one listens.

    It may be taken up here like what is said here, and is otherwise nobody's turn or limit.
    """

    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """A message has new words; ``message.revision`` is higher than before."""

    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """A message was deleted."""

    message: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class Reacted:
    """Somebody put an emoji on a message."""

    message: MessageId
    emoji: str
    author: Author


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindered:
    """Why the channel cannot be talked in at present; None: it can again."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TypingSeen:
    """A person is typing now."""

    author: AuthorId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Stop after what is being said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One more message at once, also while paused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSpeed:
    """Waiting and typing times are divided by ``factor`` (> 0)."""

    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTemperature:
    """Every persona's sampling temperature from now on; None restores each one's own."""

    value: float | None


Steer = Pause | Resume | Step | SetSpeed | SetTemperature


@dataclass(frozen=True, slots=True, kw_only=True)
class Steered:
    """Somebody holds the reins."""

    steer: Steer


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonasChanged:
    """The personas that can speak now (their model servers are ready)."""

    personas: tuple[Persona, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One completion, read and judged.  ``line`` is None where it could not be read."""

    completion: str
    line: Line | None
    verdict: Verdict
    cut: bool = False
    """The token limit ended it, not the model."""
    logprob: float | None = None
    """Mean natural log-probability of its tokens, where the server gave it."""
    score: float | None = None
    """Set by the choice: higher is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The candidates for an ask, with what was really sent to the model."""

    ask: OrderId
    candidates: tuple[Candidate, ...]
    prompt: str
    phrase: str | None
    latency_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """How likely each persona's own model finds it that the next line is this persona's.

    Whoever cannot tell is left out.
    """

    poll: OrderId
    urges: tuple[tuple[PersonaName, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An ask, a poll or a post came to nothing; none of the kind is any use before ``until``."""

    order: OrderId
    reason: str
    retryable: bool
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A post is out; None where the platform cannot say as which message (a reaction)."""

    order: OrderId
    message: Message | None


Event = (
    Opened
    | Heard
    | Overheard
    | Edited
    | Removed
    | Reacted
    | TypingSeen
    | Hindered
    | Steered
    | PersonasChanged
    | Answered
    | Scored
    | Failed
    | Posted
)
