"""The places on Discord that are heard: what was heard there, and whose talks it goes to.

Decides only what is passed on; knows no connection.  From when a connection is lost until what was
missed is there (``waiting``), what happens is held back, so that everything comes in its order.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from botconvo.conversation.events import (
    Edited,
    Event,
    Heard,
    Overheard,
    Reacted,
    Removed,
    Unreacted,
)
from botconvo.conversation.manners import Manners
from botconvo.conversation.reins import without_reaction
from botconvo.messages import Author, ChannelId, Message, MessageId, Reaction
from botconvo.personas import PersonaName
from botconvo.platforms.discord.ids import message_numbers

__all__ = ["ChannelRules", "Flight", "Place"]

_KNOWN = 100
"""Messages that a place remembers: as many as Discord tells of at once."""
_KNOWN_AT_MOST = 1000
"""The same while something may be missing, which is to be compared with what is known."""
_LATE = timedelta(minutes=5)
"""Whoever wrote longer ago expects no answer any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRules:
    """What the owner set for a channel; its threads keep to the same."""

    id: int
    personas: frozenset[PersonaName] | None = None
    listens_to: frozenset[int] = frozenset()
    threads: bool = False
    manners: Manners | None = None
    office: ChannelId | None = None
    """Here people approve lines, and nobody talks; it is known by this id."""


@dataclass(slots=True, kw_only=True)
class Flight:
    """Words on their way: the echo of them may come before Discord's answer."""

    persona: PersonaName
    text: str
    seen: Callable[[Message], None]


@dataclass(slots=True, kw_only=True)
class Place:
    """A channel or thread.  ``talk`` is None where clones only listen, for ``listeners``."""

    number: int
    talk: ChannelId | None
    rules: ChannelRules
    emit: Callable[[ChannelId, Event], None]
    listeners: set[ChannelId] = field(default_factory=set)
    start: int = 0
    """The number of the last message before anybody listened, or of the last that was forgotten."""
    newest: int = 0
    """The number of the newest message that was heard of."""
    known: dict[MessageId, Message] = field(default_factory=dict)
    waiting: list[Event] | None = None
    gap: int | None = None
    """The number of the newest message from before something may have been missed."""
    is_reading: bool = False
    flights: list[Flight] = field(default_factory=list)
    hindrance: str | None = None
    told: str | None = None
    """The hindrance that the talk was told of last."""
    again: bool = False
    """It has to catch up once more."""

    def hear(self, event: Event) -> None:
        """Something happened here."""
        if self.waiting is not None:
            self.waiting.append(event)
        else:
            self._pass(event)
            self._forget()

    def hold(self) -> None:
        """Something may be missed from now on: what happens waits for it."""
        if self.waiting is None:
            self.waiting = []
        if self.gap is None:
            self.gap = max(self.newest, self.start)

    def catch_up(
        self,
        missed: Iterable[Event],
        now: datetime,
        has_gone: Callable[[MessageId], bool] = lambda _: False,
    ) -> None:
        """Nothing is missing any more: what was missed comes first.

        ``has_gone`` knows which of the messages that wait do not stand there any more.
        """
        for event in missed:
            if isinstance(event, Heard):
                event = replace(event, late=now - event.message.at > _LATE)
            self._pass(event)
        self.gap = None
        self.waiting = [e for e in self.waiting or () if not _is_of(e, has_gone)]
        self.release()

    def release(self) -> None:
        """What was held back goes on, though something may still be missing."""
        waiting, self.waiting = self.waiting or [], None
        for event in waiting:
            self._pass(event)
        self._forget()

    def remember(self, message: Message) -> None:
        """It is known; hearing of it again is no news."""
        self._know(message)
        if self.waiting is None:
            self._forget()

    def _know(self, message: Message) -> None:
        self.known.setdefault(message.id, message)
        self.newest = max(self.newest, message_numbers(message.id)[1])

    def _forget(self) -> None:
        """Drop the oldest; not earlier, as what waits may tell of them once more."""
        most = _KNOWN if self.gap is None else _KNOWN_AT_MOST
        while len(self.known) > most:
            oldest = min(self.known, key=lambda message: message_numbers(message)[1])
            del self.known[oldest]
            self.start = max(self.start, message_numbers(oldest)[1])

    @property
    def oldest(self) -> int:
        """The number of the oldest message that may be missed, or not be what it was."""
        gap = self.start if self.gap is None else self.gap
        return min([gap, *(message_numbers(message)[1] for message in self.known)])

    def react(self, about: MessageId, emoji: str, author: Author) -> bool:
        """Note an emoji on a known message; False where it is no news."""
        message = self.known.get(about)
        if message is None:
            return True
        if any(
            (r.emoji, r.author and r.author.id) == (emoji, author.id) for r in message.reactions
        ):
            return False
        reaction = Reaction(emoji=emoji, author=author)
        self.known[about] = replace(message, reactions=(*message.reactions, reaction))
        return True

    def revisions(self) -> dict[MessageId, int]:
        return {message.id: message.revision for message in self.known.values()}

    def _pass(self, event: Event) -> None:
        match event:
            case Heard(message=message):
                if message.id in self.known or message_numbers(message.id)[1] <= self.start:
                    return
                self._know(message)
                if self._lands(message):
                    return
            case Edited(message=message):
                known = self.known.get(message.id)
                if known is not None and known.revision >= message.revision:
                    return
                if known is not None:  # Discord tells of words and of emoji apart
                    message = replace(message, reactions=known.reactions)
                    self.known[message.id] = message
                    event = Edited(message=message)
            case Reacted(message=about, emoji=emoji, author=author):
                if not self.react(about, emoji, author):
                    return
            case Unreacted(message=about, emoji=emoji, author=author):
                if (known := self.known.get(about)) is not None:
                    self.known[about] = without_reaction(known, emoji, author)
            case Removed(message=gone):
                self.known.pop(gone, None)
            case _:
                pass
        if self.talk is not None:
            self.emit(self.talk, event)
        if (overheard := _overheard(event)) is not None:
            for listener in self.listeners:
                self.emit(listener, overheard)

    def _lands(self, message: Message) -> bool:
        """Whether it is the echo of words on their way."""
        if message.author.kind != "clone":
            return False
        for flight in self.flights:
            if (flight.persona, flight.text) == (message.author.name, message.text):
                flight.seen(message)
                return True
        return False


def _is_of(event: Event, has_gone: Callable[[MessageId], bool]) -> bool:
    return isinstance(event, Heard | Edited) and has_gone(event.message.id)


def _overheard(event: Event) -> Event | None:
    """What other channels hear of it: what people say now, and what becomes of that."""
    match event:
        case Heard(message=message, late=late) if message.author.kind == "person":
            return None if late else Overheard(message=message)
        case Edited(message=message) if message.author.kind == "person":
            return event
        case Removed():
            return event
        case _:
            return None
