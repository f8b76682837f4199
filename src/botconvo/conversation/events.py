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
    "Allow",
    "Answered",
    "Approve",
    "AskPersona",
    "Candidate",
    "Closed",
    "Delete",
    "Disown",
    "Drop",
    "Edited",
    "Event",
    "Failed",
    "Heard",
    "Heed",
    "Hindered",
    "Ignore",
    "Mute",
    "Objection",
    "Opened",
    "OrderId",
    "Overheard",
    "Pause",
    "PersonasChanged",
    "Posted",
    "Reacted",
    "Reject",
    "Removed",
    "Reset",
    "Resume",
    "Ruling",
    "Scored",
    "SetSpeed",
    "SetTemperature",
    "SetTopic",
    "Silence",
    "Star",
    "Steer",
    "Steered",
    "Step",
    "TypingSeen",
    "Unmute",
    "Unreacted",
    "Verdict",
]

OrderId = NewType("OrderId", str)

Objection = Literal["unsafe", "copied"]
"""A filter's: bad words, or a stretch of somebody's own message."""
Verdict = Literal["ok", "empty", "foreign", "unsafe", "copied", "repeated", "silent", "disowned"]
"""Why a candidate may be posted or not.

``foreign``: it is not a line of this persona; ``silent``: the model chose to say nothing;
``disowned``: nearly the same as what the person would never say.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A platform's channel is there and may be talked in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Somebody wrote; echoes of our own posts are told by their id and ignored."""

    message: Message
    late: bool = False
    """It was said while nobody listened: remembered, and nobody waits for an answer any more."""


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
    moderates: bool = False
    """Whether the platform lets them remove messages of others there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindered:
    """Why the channel cannot be talked in at present; None: it can again."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The channel is gone for good: this talk is over, and nothing of it happens any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreacted:
    """Somebody took an emoji back."""

    message: MessageId
    emoji: str
    author: Author


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Say nothing more, not even what is being typed, until ``Resume``: the kill word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTopic:
    """Talk about what a person said by a command; nothing from before it is a context."""

    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class AskPersona:
    """The next turn is this persona's, to answer ``message`` (None: whatever was said last)."""

    persona: PersonaName
    message: Message | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """This persona takes no turn here until ``Unmute``."""

    persona: PersonaName


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmute:
    """This persona may speak again."""

    persona: PersonaName


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Forget what was said here and begin afresh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """Nothing of what this author wrote or writes is ever a context."""

    author: AuthorId


@dataclass(frozen=True, slots=True, kw_only=True)
class Heed:
    """What this author writes from now on may be a context again."""

    author: AuthorId


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve:
    """Post the line that waits for a word, as it was shown."""

    order: OrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Drop the line that waits for a word; ``for_good``: its text is never said at all."""

    order: OrderId
    for_good: bool = False


Steer = (
    Pause
    | Resume
    | Step
    | SetSpeed
    | SetTemperature
    | Silence
    | SetTopic
    | AskPersona
    | Mute
    | Unmute
    | Reset
    | Ignore
    | Heed
    | Approve
    | Reject
)
"""What people do with a talk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Take a clone's line out of the channel, and let its text never be said again.

    ``author`` is who wants it (None: somebody at the owner's own screen), and ``moderates`` whether
    the platform lets them do so with everybody's messages; the same in what follows.
    """

    message: MessageId
    author: Author | None = None
    moderates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Star:
    """Put a clone's line among the favourites."""

    message: MessageId
    author: Author | None = None
    moderates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Disown:
    """The person would never say what this line says: their clone says it never again.

    The line stays where it is.
    """

    message: MessageId
    author: Author | None = None
    moderates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Take a line out of the favourites, of what the clones saved, or of what is disowned."""

    message: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """Let a text be said again that was removed; ``number`` is that of its refusal."""

    number: int


Ruling = Delete | Star | Disown | Drop | Allow
"""What people decide about single lines; a conversation only hears what comes of it."""


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
    taste: float = 0.0
    """Nats that people's corrections add to it (``taste``)."""


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
    | Unreacted
    | TypingSeen
    | Hindered
    | Closed
    | Steered
    | PersonasChanged
    | Answered
    | Scored
    | Failed
    | Posted
)
