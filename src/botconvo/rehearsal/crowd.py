"""Invented people who chat, so that the clones have somebody to talk with.

What they do next is drawn purely (``next_deed``); ``Crowd`` does it, at the pace of a clock.  They
know of the clones only what stands in the channel: names, and what was said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import assert_never

from botconvo.ports import Clock
from botconvo.rehearsal.actors import Person
from botconvo.rehearsal.entities import Channel, Message
from botconvo.rehearsal.refusal import Refusal

__all__ = [
    "PEOPLE",
    "Answers",
    "Asks",
    "Crowd",
    "Deed",
    "Edits",
    "Reacts",
    "Says",
    "Withdraws",
    "next_deed",
]

PEOPLE = ("Priya", "Olek", "Sunniva")
"""Nobody here is real."""
_SMALL_TALK = (
    "morning everyone",
    "the kettle is on, who wants tea?",
    "I made far too much soup again",
    "my train is late, tell me something nice",
    "has anybody seen my blue umbrella?",
    "I am reading a book about lighthouses and it is wonderful",
    "we should play that board game again on friday",
    "there is a fox in the garden!!",
    "I tried to bake bread and it came out like a brick",
    "is it raining where you are?",
    "the neighbours are practising the trumpet",
    "I need a film for tonight, something short",
    "finally weekend",
    "look at this sky, all pink",
    "who left half a biscuit on the piano?",
    "I have walked twelve kilometres today and my feet know it",
    "the library has a new cat",
    "what did you all have for lunch?",
    "I have forgotten my password for the third time this week",
    "somebody sing me a song",
)
_QUESTIONS = (
    "{name}, what do you think?",
    "{name}: tea or coffee?",
    "hey {name}, are you coming on friday?",
    "what are you up to, {name}?",
    "{name} tell us a story",
    "do you remember the picnic, {name}?",
    "{name}, is that true?",
)
_ANSWERS = (
    "really?",
    "haha",
    "no way",
    "I knew you would say that",
    "tell me more",
    "that makes no sense at all and I love it",
    "same here",
    "why though?",
    "good point",
)
_EMOJI = ("😂", "❤️", "👍", "🎉", "😮", "🍵")
_GAP_S = (15.0, 90.0)
"""Between two deeds of a crowd."""
_PATIENCE_S = 45.0
"""How long an answer is waited for before somebody goes on."""
_KEYS_PER_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks:
    """Somebody speaks to a clone and waits for what it says."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """A reply to the clone that spoke last."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reacts:
    emoji: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """A second thought about one's last message."""

    more: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraws:
    """One's last message is deleted."""


Deed = Says | Asks | Answers | Reacts | Edits | Withdraws


def next_deed(rng: Random, clones: Sequence[str], *, clone_spoke: bool, said: bool) -> Deed:
    """What somebody does next.

    ``clone_spoke``: there is a clone's message to react to; ``said``: one's own to think over.
    """
    draw = rng.random()
    if draw < 0.25 and clones:
        return Asks(text=rng.choice(_QUESTIONS).format(name=rng.choice(clones)))
    if draw < 0.40 and clone_spoke:
        return Answers(text=rng.choice(_ANSWERS))
    if draw < 0.52 and clone_spoke:
        return Reacts(emoji=rng.choice(_EMOJI))
    if draw < 0.56 and said:
        return Edits(more=rng.choice(_ANSWERS))
    if draw < 0.58 and said:
        return Withdraws()
    return Says(text=rng.choice(_SMALL_TALK))


class Crowd:
    """People in a channel, chatting until cancelled.  ``clones`` are the names they call."""

    def __init__(
        self,
        people: Sequence[Person],
        channel: Channel,
        clones: Sequence[str],
        clock: Clock,
        rng: Random,
    ) -> None:
        self._people, self._channel, self._clones = people, channel, clones
        self._clock, self._rng = clock, rng
        self._said: dict[int, Message] = {}
        self.deeds = 0

    async def chat(self) -> None:
        """One deed after the other, for ever."""
        while True:
            await self._wait(self._rng.uniform(*_GAP_S))
            person = self._rng.choice(self._people)
            about = self._last_of_a_clone()
            mine = self._said.get(person.id)
            deed = next_deed(
                self._rng,
                self._clones,
                clone_spoke=about is not None,
                said=mine is not None and not mine.deleted,
            )
            try:
                await self._do(person, deed, about, mine)
            except Refusal:
                continue  # the channel is not what it was a moment ago
            self.deeds += 1

    async def _do(
        self, person: Person, deed: Deed, about: Message | None, mine: Message | None
    ) -> None:
        match deed:
            case Says(text=text):
                await self._say(person, text)
            case Asks(text=text):
                asked = await self._say(person, text)
                await self._wait_for_an_answer(asked)
            case Answers(text=text):
                await self._say(person, text, about)
            case Reacts(emoji=emoji):
                if about is not None:
                    person.reacts(about, emoji)
            case Edits(more=more):
                if mine is not None:
                    person.edits(mine, f"{mine.content} ({more})"[:2000])
            case Withdraws():
                if mine is not None:
                    person.deletes(mine)
            case _:
                assert_never(deed)

    async def _say(self, person: Person, text: str, about: Message | None = None) -> Message:
        person.types(self._channel)
        await self._wait(len(text) / _KEYS_PER_S)
        about = None if about is not None and about.deleted else about
        said = person.says(self._channel, text, reply_to=about)
        self._said[person.id] = said
        return said

    async def _wait_for_an_answer(self, asked: Message) -> None:
        until = self._clock.now() + timedelta(seconds=_PATIENCE_S)
        while self._clock.now() < until:
            last = self._last_of_a_clone()
            if last is not None and last.id > asked.id:
                return
            await self._wait(1.0)

    def _last_of_a_clone(self) -> Message | None:
        newest_first = reversed(self._channel.messages.values())
        return next((message for message in newest_first if message.by_machine), None)

    async def _wait(self, seconds: float) -> None:
        await self._clock.wait_until(self._clock.now() + timedelta(seconds=seconds))
