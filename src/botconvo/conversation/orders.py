"""What a conversation wants done.  Frozen values; the union ``Order`` is closed.

Each order is given once.  ``Trace`` says why a message was posted: ``--json``, the page and the
logs all show this one value.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from botconvo.conversation.events import Candidate, OrderId
from botconvo.messages import MessageId
from botconvo.personas import PersonaName, Sampling
from botconvo.transcript.grammar import Line

__all__ = [
    "Act",
    "Ask",
    "Budget",
    "Cancel",
    "Keep",
    "Order",
    "PhraseLaw",
    "Picture",
    "PictureKind",
    "Poll",
    "Post",
    "PromptSource",
    "React",
    "Say",
    "Submit",
    "Trace",
    "Type",
    "Wait",
    "Withdraw",
]


PhraseLaw = Literal["any", "classic"]
"""How a phrase is picked (``botconvo.phrases``)."""


class PromptSource(StrEnum):
    """What a turn takes up."""

    PERSON = "person"
    CLONE = "clone"
    FRESH = "fresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Draft ``n`` completions for ``persona``.

    ``context`` is the transcript so far, oldest first.  ``phrase_from`` is the text whose noun
    phrase the voice is to pick (None: none), ``open_with_phrase`` says whether the reply has to
    begin with it.  ``phrase_law`` is the law by which it is picked, ``avoid`` are phrases that
    were used lately.  ``opening`` are words that it has to begin with in any case.
    """

    id: OrderId
    persona: PersonaName
    source: PromptSource
    target: MessageId | None
    context: tuple[Line, ...]
    phrase_from: str | None
    open_with_phrase: bool
    phrase_law: PhraseLaw = "any"
    avoid: tuple[str, ...] = ()
    opening: str = ""
    n: int
    sampling: Sampling
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """Ask the models of these personas how likely it is that each speaks next."""

    id: OrderId
    personas: tuple[PersonaName, ...]
    context: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """Show that ``persona`` is typing until it posts."""

    persona: PersonaName


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Post these words, as a reply to a message or on their own."""

    text: str
    reply_to: MessageId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class React:
    """Put an emoji on a message."""

    emoji: str
    message: MessageId


Act = Say | React
"""What a platform puts out."""


PictureKind = Literal["photo", "video", "meme"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Send a picture of what ``description`` says ("" = any); as words where nobody draws it."""

    kind: PictureKind
    description: str

    @property
    def text(self) -> str:
        """The words that stand for it."""
        return f"[{self.kind}: {self.description}]" if self.description else f"[{self.kind}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """At most ``limit`` posts in this channel from ``since`` to ``until``."""

    limit: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Why this was said."""

    source: PromptSource
    target: MessageId | None
    prompt: str
    phrase: str | None
    candidates: tuple[Candidate, ...]
    chosen: int
    """Index of the candidate that was taken."""
    reason: str
    """Why this persona had the turn, in a few words."""
    latency_ms: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Put this out in the channel, once."""

    id: OrderId
    persona: PersonaName
    act: Act | Picture
    trace: Trace
    budget: Budget | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Put a message among the channel's saved lines: a clone found it worth that."""

    persona: PersonaName
    message: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Show this to whoever approves; ``Approve`` or ``Reject`` with its id is the word."""

    post: Post
    until: datetime
    """When it is withdrawn without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """The line that waits for a word is no longer wanted."""

    post: OrderId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """The answer to this ask is no longer wanted."""

    ask: OrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing to do before ``until``, or before something is heard (None)."""

    until: datetime | None = field(default=None)


Order = Ask | Poll | Type | Post | Keep | Submit | Withdraw | Cancel | Wait
