"""Where a turn is: a ``Phase``, and what can be told of it alone.  Pure.

A turn goes Resting -> Asking -> Typing -> Posting -> Resting; where the models say who speaks, it
is Polling before Asking, and where people approve every line, Held after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from botconvo.conversation.events import AskPersona
from botconvo.conversation.floor import Occasion
from botconvo.conversation.orders import Ask, Poll, Post, PromptSource
from botconvo.messages import Message, MessageId
from botconvo.personas import PersonaName

__all__ = [
    "Asking",
    "Held",
    "Phase",
    "Polling",
    "Posting",
    "Resting",
    "Typing",
    "UnderWay",
    "answers_person",
    "speaker",
    "target",
]


@dataclass(frozen=True, slots=True)
class Resting:
    """Nobody's turn, for so long."""

    seconds: float
    until: datetime | None = None
    """Set when ``next`` first sees it: events do not know what time it is."""


@dataclass(frozen=True, slots=True)
class Polling:
    """The models are asked who speaks."""

    poll: Poll
    occasion: Occasion
    source: PromptSource
    target: Message | None
    urges: Mapping[PersonaName, float] | None = None
    """Set by the answer; empty where no model could tell."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A model drafts."""

    ask: Ask
    reason: str
    asked: AskPersona | None = None
    """What a person asked for, where this turn is the answer."""
    more: bool = False
    """Whether it follows upon its own message at once."""


@dataclass(frozen=True, slots=True)
class Held:
    """A line waits for somebody's word."""

    post: Post
    until: datetime | None = None
    """Set when ``next`` first sees it."""


@dataclass(frozen=True, slots=True)
class Typing:
    """A clone is seen typing."""

    post: Post
    seconds: float
    until: datetime | None = None
    shown: bool = False
    begins: datetime | None = None
    """Set for somebody who takes a while to answer."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A line goes out; nothing can call it back."""

    post: Post


Phase = Resting | Polling | Asking | Held | Typing | Posting
UnderWay = Polling | Asking | Held | Typing
"""A turn that can still be given up."""


def target(phase: Phase) -> MessageId | None:
    """The message that a turn under way is about."""
    match phase:
        case Polling(target=message):
            return None if message is None else message.id
        case Asking(ask=ask):
            return ask.target
        case Held(post=post) | Typing(post=post):
            return post.trace.target
        case Resting() | Posting():
            return None


def speaker(phase: Phase) -> PersonaName | None:
    """Whose turn is under way, where that is clear."""
    match phase:
        case Asking(ask=ask):
            return ask.persona
        case Held(post=post) | Typing(post=post):
            return post.persona
        case Resting() | Polling() | Posting():
            return None


def answers_person(phase: Phase, *, company: bool) -> bool:
    """Whether the turn is an answer to a person; in ``company`` a draft is one as well."""
    match phase:
        case Held(post=post) | Typing(post=post):
            return post.trace.source is PromptSource.PERSON
        case Asking(ask=ask):
            return company and ask.source is PromptSource.PERSON
        case Resting() | Polling() | Posting():
            return False
