"""The seams: every place where the program meets the world, as a protocol.

Each has at least two adapters, one of which needs no account, no GPU and no network, so that the
demo and the end-to-end tests are the same thing.  Adapters take plain arguments; only ``build``
knows which one is used.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Literal, Protocol, Self

from botconvo.consent import Terms
from botconvo.conversation.events import Event, Objection, OrderId, Ruling, Steer
from botconvo.conversation.manners import Manners
from botconvo.conversation.noted import NotedKind, NotedLine, RefusedText
from botconvo.conversation.orders import Act, Trace
from botconvo.game.rounds import Guess, Round, Verdict
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId
from botconvo.personas import PersonaName, Sampling

__all__ = [
    "Answer",
    "Clock",
    "Completion",
    "Controls",
    "Desk",
    "Game",
    "GenerateRequest",
    "Handed",
    "Help",
    "Info",
    "KnownFilter",
    "Limits",
    "Lines",
    "MayAsk",
    "PersonaState",
    "PhraseExtractor",
    "Platform",
    "Query",
    "Recent",
    "Removed",
    "Shown",
    "ShownDraft",
    "ShownMessage",
    "ShownReaction",
    "ShownRemoval",
    "ShownState",
    "ShownTyping",
    "Status",
    "TextFilter",
    "TextGenerator",
    "Who",
    "Why",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a channel can carry.  ``people`` is False where nobody but the owner can be there.

    ``commands`` says whether people steer by slash commands.
    """

    characters: int
    reactions: bool
    replies: bool
    people: bool
    manners: Manners | None = None
    """The channel's own; None: those of the run."""
    personas: frozenset[PersonaName] | None = None
    """Who may talk there; None: everybody."""
    commands: bool = False


class Platform(Protocol):
    """A place to talk in: events in, acts out."""

    @property
    def name(self) -> str: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def limits(self, channel: ChannelId) -> Limits: ...
    def events(self) -> AsyncIterator[tuple[ChannelId, Event]]:
        """Every channel begins with ``Opened``, and is over with ``Closed`` if it goes for good;
        the end of the iterator ends the run."""
        ...

    async def show_typing(self, channel: ChannelId, persona: PersonaName) -> None: ...
    async def show_presence(self, persona: PersonaName, *, away: bool) -> None:
        """Show whether a persona is there, where it has an account of its own that can."""
        ...

    async def post(
        self, channel: ChannelId, persona: PersonaName, act: Act, nonce: str
    ) -> Message | None:
        """Put an act out.  Returns the message; None for a reaction, and for words of which nobody
        can say whether they are out: they must not be posted again.

        Raises:
            PlatformError: it was certainly not posted.
        """
        ...

    async def notify(self, channel: ChannelId, text: str, draft: str = "") -> Message | None:
        """Say something in the platform's own name, never as a clone.

        ``draft`` are words of a model to be shown below: as harmless as what is posted.

        Returns the message (of kind "system"), or None where it is none, as on a terminal.

        Raises:
            PlatformError: it was not said.
        """
        ...

    async def delete(self, channel: ChannelId, message: MessageId) -> None:
        """Take a message of ours out of the channel; one that has gone already is no error.

        Raises:
            PlatformError: it is still there.
        """
        ...


PersonaState = Literal["starting", "ready", "backing off", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMessage:
    """A message as watchers see it; ``trace`` only for what a clone said."""

    message: Message
    trace: Trace | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTyping:
    persona: PersonaName


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownReaction:
    message: MessageId
    emoji: str
    author: str
    trace: Trace | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRemoval:
    message: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDraft:
    """A line that waits for somebody's word."""

    order: OrderId
    persona: PersonaName
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownState:
    """How the talk stands; sent at once to a new watcher and after every change."""

    paused: bool
    speed: float
    temperature: float | None
    personas: tuple[tuple[PersonaName, PersonaState], ...]
    note: str | None = None
    """What is wrong or awaited, for people; None when all is well."""
    muted: tuple[PersonaName, ...] = ()
    draft: ShownDraft | None = None


Shown = ShownMessage | ShownTyping | ShownReaction | ShownRemoval | ShownState


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Which clones are here, and how they are?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why was this said?  None: the last thing that a clone said."""

    message: MessageId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How does the talk stand, and what is wrong?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What is this persona?"""

    persona: PersonaName


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """What can people do here?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """What did the clones say last?  The newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Which lines were noted here, or with ``everywhere`` in any channel?  The newest first."""

    kind: NotedKind
    everywhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """Which texts were removed here, or ``everywhere``?  The newest first."""

    everywhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MayAsk:
    """May this person set a topic, or ask a clone, now?  Where not, the answer is an error."""

    author: Author
    persona: PersonaName | None = None
    """Whom they want to ask."""


Query = Who | Why | Status | Info | Help | Recent | Lines | Removed | MayAsk


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``text`` says all of it, in a few lines for people; the rest is the same as values."""

    text: str
    messages: tuple[Message, ...] = ()
    noted: tuple[NotedLine, ...] = ()
    refused: tuple[RefusedText, ...] = ()
    personas: tuple[PersonaName, ...] = ()


class Controls(Protocol):
    """The reins, for a page, slash commands or the console.

    Who may do what is for those to decide: they know who asks.
    """

    def channels(self) -> Sequence[ChannelId]: ...
    def is_owner(self, author: AuthorId) -> bool:
        """Whether somebody may do everything, wherever they are."""
        ...

    async def steer(self, channel: ChannelId, steer: Steer | Ruling, by: str) -> str:
        """Do it and say what was done, in one sentence.  ``by`` is the name of whoever asks.

        Raises:
            PlatformError: there is no such channel, or the value makes no sense.
        """
        ...

    async def query(self, channel: ChannelId, query: Query, by: str) -> Answer:
        """
        Raises:
            PlatformError: there is no such channel, message or persona, or it may not be.
        """
        ...

    def watch(self, channel: ChannelId) -> AsyncIterator[Shown]:
        """The state, the recent messages, then everything as it happens.

        A watcher that does not keep up loses old items, never the newest.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A file for somebody."""

    name: str
    content: bytes


class Desk(Protocol):
    """What people do about themselves: each by their own account, and for nobody else.

    Whoever calls has made sure that the account is theirs.  Answers are a few lines for them.
    Everything raises a BotConvoError where it cannot be done; it may take long, and blocks nobody.
    """

    async def show(self, author: Author) -> str: ...
    async def give(self, author: Author, terms: Terms) -> str: ...
    async def withdraw(self, author: Author) -> str: ...
    async def holdings(self, author: Author) -> str:
        """What a forget would remove."""
        ...

    async def forget(self, author: Author) -> str: ...
    async def export(self, author: Author) -> Handed: ...


class Game(Protocol):
    """The blind game.  Whoever calls has made sure who the player is, and where."""

    async def round(self, persona: PersonaName, player: Author, platform: str) -> Round:
        """Another round, or the one that waits for an answer.

        Raises:
            BotConvoError: there is nothing to play with, somebody has not agreed to it, or the
                model server does not answer.
        """
        ...

    async def answer(self, round_id: str, guess: Guess, player: Author, platform: str) -> Verdict:
        """
        Raises:
            BotConvoError: that round is over, or somebody in it does not agree any more.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """``sampling`` has no gaps here."""

    prompt: str
    n: int
    stop: tuple[str, ...]
    sampling: Sampling
    seed: int
    alternatives: int = 0
    """How many of the likeliest tokens are wanted for the first place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a model returned.  ``finished`` is False where the token limit cut it off."""

    text: str
    finished: bool
    logprob: float | None
    """Mean natural log-probability of its tokens; None where the server gave none."""
    first: tuple[tuple[str, float], ...] = ()
    """The likeliest tokens at its first place, with their natural log-probabilities."""


class TextGenerator(Protocol):
    async def complete(self, request: GenerateRequest) -> Sequence[Completion]:
        """
        Raises:
            VoiceError: no usable answer; ``retryable`` says whether waiting may help.
        """
        ...


class PhraseExtractor(Protocol):
    def noun_phrases(self, text: str) -> Sequence[str]: ...


class TextFilter(Protocol):
    """The last word on a text before it is posted."""

    def objection(self, text: str) -> Objection | None:
        """Why it must not be posted; None: it may be."""
        ...


class KnownFilter(TextFilter, Protocol):
    """One that says which it is, as what was drawn behind it depends on that."""

    def digest(self) -> str:
        """Another one where other texts may be refused."""
        ...


class Clock(Protocol):
    def now(self) -> datetime: ...
    async def wait_until(self, when: datetime) -> None: ...
