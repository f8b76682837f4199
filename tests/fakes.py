"""Fakes of the ports, each with a memory: tests assert on what they were told, not on calls.

They hold no behaviour of the program beyond what their protocol promises.
"""

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self

from botconvo.consent import Terms
from botconvo.conversation.events import (
    Approve,
    Event,
    Mute,
    Opened,
    Pause,
    Reject,
    Resume,
    Ruling,
    SetSpeed,
    SetTemperature,
    Steer,
    Unmute,
)
from botconvo.conversation.orders import Act, React
from botconvo.errors import BotConvoError, PlatformError
from botconvo.game.rounds import Guess, Round, Verdict
from botconvo.game.score import Score
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId
from botconvo.personas import PersonaName
from botconvo.ports import (
    Answer,
    Clock,
    Completion,
    Controls,
    GenerateRequest,
    Handed,
    Limits,
    PersonaState,
    PhraseExtractor,
    Platform,
    Query,
    Shown,
    ShownMessage,
    ShownReaction,
    ShownState,
    TextGenerator,
)

__all__ = [
    "FakeClock",
    "FakeControls",
    "FakeDesk",
    "FakeExtractor",
    "FakeGame",
    "FakeGenerator",
    "FakePlatform",
    "Posting",
    "Steering",
]

if TYPE_CHECKING:

    def _they_keep_their_promises() -> tuple[
        Clock, Controls, PhraseExtractor, Platform, TextGenerator
    ]:
        return FakeClock(), FakeControls(), FakeExtractor(), FakePlatform(), FakeGenerator()


NOON = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    """Time that moves only when a test says so; ``skipping`` lets every wait end at once.

    ``waits`` remembers what was waited for, in order.
    """

    def __init__(self, start: datetime = NOON, *, skipping: bool = False) -> None:
        self._now = start
        self._skipping = skipping
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._somebody = asyncio.Event()
        self.waits: list[datetime] = []

    def now(self) -> datetime:
        return self._now

    async def wait_until(self, when: datetime) -> None:
        self.waits.append(when)
        if when <= self._now or self._skipping:
            self._now = max(self._now, when)
            await asyncio.sleep(0)
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (when, next(self._numbers), sleeper))
        self._somebody.set()
        await sleeper

    async def somebody_waits(self) -> datetime:
        """Come back once something sleeps; returns the earliest time that is waited for."""
        while not (times := [when for when, _, sleeper in self._sleepers if not sleeper.done()]):
            self._somebody.clear()
            await self._somebody.wait()
        return min(times)

    async def advance(self, by: timedelta) -> None:
        """Move on, waking every sleeper at its own time and in order."""
        end = self._now + by
        while self._sleepers and self._sleepers[0][0] <= end:
            when, _, sleeper = heapq.heappop(self._sleepers)
            self._now = max(self._now, when)
            if not sleeper.done():
                sleeper.set_result(None)
            await _let_others_run()
        self._now = end
        await _let_others_run()


class FakeGenerator:
    """Says what was enqueued, request by request; ``history`` holds what it was asked.

    A string stands for one finished completion, a sequence for several, an error is raised.
    """

    def __init__(self, *answers: str | Sequence[str | Completion] | BotConvoError) -> None:
        self._answers = deque(answers)
        self.history: list[GenerateRequest] = []

    def enqueue(self, *answers: str | Sequence[str | Completion] | BotConvoError) -> None:
        self._answers.extend(answers)

    async def complete(self, request: GenerateRequest) -> Sequence[Completion]:
        self.history.append(request)
        await asyncio.sleep(0)
        if not self._answers:
            raise AssertionError(f"nobody told the generator what to answer to {request.prompt!r}")
        answer = self._answers.popleft()
        if isinstance(answer, BotConvoError):
            raise answer
        texts = [answer] if isinstance(answer, str) else answer
        return [
            text
            if isinstance(text, Completion)
            else Completion(text=text, finished=True, logprob=-1.0)
            for text in texts
        ]


class FakeExtractor:
    """Finds the phrases that it was given for a text, and otherwise none."""

    def __init__(self, phrases: Mapping[str, Sequence[str]] | None = None) -> None:
        self.phrases = dict(phrases or {})
        self.history: list[str] = []

    def noun_phrases(self, text: str) -> Sequence[str]:
        self.history.append(text)
        return self.phrases.get(text, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """What a platform was asked to put out, and the message that came of it."""

    channel: ChannelId
    persona: PersonaName
    act: Act
    nonce: str
    message: Message | None


class FakePlatform:
    """One place with channels that a test speaks into; ``posted``, ``typing``, ``notices`` and
    ``deleted`` remember.

    ``refuse`` makes the next post, notice or deletion fail with the given error.
    """

    def __init__(
        self,
        *channels: ChannelId,
        name: str = "fake",
        limits: Limits | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self._name = name
        self._limits = limits or Limits(characters=2000, reactions=True, replies=True, people=False)
        self._clock = clock or FakeClock()
        self._inbox: asyncio.Queue[tuple[ChannelId, Event] | None] = asyncio.Queue()
        self._refusals: deque[BotConvoError] = deque()
        self._numbers = itertools.count(1)
        self._changed = asyncio.Event()
        self.channels = channels or (ChannelId(f"{name}:main"),)
        self.posted: list[Posting] = []
        self.typing: list[tuple[ChannelId, PersonaName]] = []
        self.notices: list[Message] = []
        self.deleted: list[MessageId] = []
        self.presence: list[tuple[PersonaName, bool]] = []
        self.is_open = False

    @property
    def name(self) -> str:
        return self._name

    async def __aenter__(self) -> Self:
        self.is_open = True
        for channel in self.channels:
            self.happens(Opened(), channel)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.is_open = False
        self.close()

    def limits(self, channel: ChannelId) -> Limits:
        return self._limits

    def happens(self, event: Event, channel: ChannelId | None = None) -> None:
        """Let an event come in."""
        self._inbox.put_nowait((channel or self.channels[0], event))

    def close(self) -> None:
        """End the events, as a platform does when its owner quits."""
        self._inbox.put_nowait(None)

    def refuse(self, error: BotConvoError) -> None:
        self._refusals.append(error)

    async def events(self) -> AsyncIterator[tuple[ChannelId, Event]]:
        while (item := await self._inbox.get()) is not None:
            yield item

    async def show_typing(self, channel: ChannelId, persona: PersonaName) -> None:
        self.typing.append((channel, persona))
        await asyncio.sleep(0)

    async def show_presence(self, persona: PersonaName, *, away: bool) -> None:
        self.presence.append((persona, away))
        await asyncio.sleep(0)

    async def post(
        self, channel: ChannelId, persona: PersonaName, act: Act, nonce: str
    ) -> Message | None:
        await asyncio.sleep(0)
        if self._refusals:
            raise self._refusals.popleft()
        message = None if isinstance(act, React) else self._message(channel, persona, act.text)
        if message is not None and not isinstance(act, React):
            message = replace(message, reply_to=act.reply_to)
        self.posted.append(
            Posting(channel=channel, persona=persona, act=act, nonce=nonce, message=message)
        )
        self._changed.set()
        return message

    async def notify(self, channel: ChannelId, text: str, draft: str = "") -> Message | None:
        await asyncio.sleep(0)
        if self._refusals:
            raise self._refusals.popleft()
        text = "\n".join(filter(None, (text, draft)))
        notice = replace(
            self._message(channel, PersonaName(self._name), text),
            author=Author(id=AuthorId(self._name), name=self._name, kind="system"),
        )
        self.notices.append(notice)
        self._changed.set()
        return notice

    async def delete(self, channel: ChannelId, message: MessageId) -> None:
        await asyncio.sleep(0)
        if self._refusals:
            raise self._refusals.popleft()
        self.deleted.append(message)
        self._changed.set()

    async def until(self, holds: Callable[[], object]) -> None:
        """Come back once it holds; looked at whenever something was put out."""
        while not holds():
            self._changed.clear()
            await self._changed.wait()

    async def has_posted(self, count: int) -> Sequence[Posting]:
        """Come back once that many acts are out."""
        while len(self.posted) < count:
            self._changed.clear()
            await self._changed.wait()
        return self.posted

    def _message(self, channel: ChannelId, persona: PersonaName, text: str) -> Message:
        return Message(
            id=MessageId(f"{channel}/{next(self._numbers)}"),
            channel=channel,
            author=Author(id=AuthorId(f"{self._name}:{persona}"), name=persona, kind="clone"),
            text=text,
            at=self._clock.now(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """One pull at the reins."""

    channel: ChannelId
    steer: Steer | Ruling
    by: str


@dataclass(slots=True, kw_only=True)
class _Talk:
    """One channel: its state, what was shown in it, and who watches."""

    state: ShownState
    recent: deque[Shown]
    watchers: list["_Watcher"] = field(default_factory=list)


class FakeDesk:
    """A desk at which nothing is held; ``asked`` remembers who came, and for what."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Author, Terms | None]] = []

    async def _ask(self, what: str, author: Author, terms: Terms | None = None) -> str:
        self.asked.append((what, author, terms))
        return f"{what} done"

    async def show(self, author: Author) -> str:
        return await self._ask("show", author)

    async def give(self, author: Author, terms: Terms) -> str:
        return await self._ask("give", author, terms)

    async def withdraw(self, author: Author) -> str:
        return await self._ask("withdraw", author)

    async def holdings(self, author: Author) -> str:
        return await self._ask("holdings", author)

    async def forget(self, author: Author) -> str:
        return await self._ask("forget", author)

    async def export(self, author: Author) -> Handed:
        return Handed(name="x.zip", content=(await self._ask("export", author)).encode())


class FakeGame:
    """A blind game in which every line is a clone's; ``ending`` is raised in place of an answer.

    ``played`` remembers who asked for whom, and ``guesses`` what they thought.
    """

    def __init__(self, text: str = "some soup", context: Sequence[tuple[str, str]] = ()) -> None:
        self._text, self._context = text, tuple(context)
        self._score = Score()
        self.ending: BotConvoError | None = None
        self.played: list[tuple[PersonaName, Author, str]] = []
        self.guesses: list[tuple[str, Guess, Author, str]] = []

    async def round(self, persona: PersonaName, player: Author, platform: str) -> Round:
        self._end()
        self.played.append((persona, player, platform))
        return Round(
            id=f"round-{len(self.played)}",
            persona=persona,
            context=self._context,
            text=self._text,
            score=self._score,
        )

    async def answer(self, round_id: str, guess: Guess, player: Author, platform: str) -> Verdict:
        self._end()
        self.guesses.append((round_id, guess, player, platform))
        right = guess == "clone"
        self._score = Score(right=self._score.right + right, rounds=self._score.rounds + 1)
        persona = self.played[-1][0]
        return Verdict(persona=persona, was_real=False, is_right=right, score=self._score)

    def _end(self) -> None:
        if self.ending is not None:
            raise self.ending


class FakeControls:
    """Reins that remember who pulled them, over channels in which a test shows things.

    ``steered`` holds every order, ``queries`` every question; ``answers`` are by kind of question.
    Steering changes the state as the real reins do.
    """

    def __init__(
        self,
        *channels: ChannelId,
        personas: Iterable[tuple[PersonaName, PersonaState]] = (),
        recent: int = 100,
        backlog: int = 100,
    ) -> None:
        self._personas = tuple(personas)
        self._recent = recent
        self._backlog = backlog
        self._talks: dict[ChannelId, _Talk] = {}
        self._changed = asyncio.Event()
        self.steered: list[Steering] = []
        self.queries: list[Query] = []
        self.owners: set[AuthorId] = set()
        self.answers: dict[type[Query], Answer] = {}
        for channel in channels:
            self.open(channel)

    def open(self, channel: ChannelId) -> None:
        """A channel begins."""
        state = ShownState(paused=False, speed=1.0, temperature=None, personas=self._personas)
        self._talks[channel] = _Talk(state=state, recent=deque(maxlen=self._recent))

    def channels(self) -> Sequence[ChannelId]:
        return tuple(self._talks)

    def state(self, channel: ChannelId) -> ShownState:
        return self._talks[channel].state

    def watchers(self, channel: ChannelId) -> int:
        return len(self._talks[channel].watchers)

    def show(self, channel: ChannelId, *items: Shown) -> None:
        """Let something be seen by everybody who watches, now or later."""
        talk = self._talks[channel]
        for item in items:
            if isinstance(item, ShownState):
                talk.state = item
            elif isinstance(item, ShownMessage | ShownReaction):
                talk.recent.append(item)
            for watcher in talk.watchers:
                watcher.put(item)

    def forget(self, message: MessageId) -> None:
        """Drop a message from what later watchers get, without telling the present ones."""
        for talk in self._talks.values():
            kept = [
                item
                for item in talk.recent
                if not (isinstance(item, ShownMessage) and item.message.id == message)
            ]
            talk.recent = deque(kept, maxlen=self._recent)

    def interrupt(self) -> None:
        """Break off every watching, as a lost connection does."""
        for talk in self._talks.values():
            for watcher in talk.watchers:
                watcher.interrupt()

    async def has_watchers(self, channel: ChannelId, count: int) -> None:
        """Come back once exactly that many watch."""
        while len(self._talks[channel].watchers) != count:
            self._changed.clear()
            await self._changed.wait()

    async def has_steered(self, count: int) -> Sequence[Steering]:
        """Come back once the reins were pulled that often."""
        while len(self.steered) < count:
            self._changed.clear()
            await self._changed.wait()
        return self.steered

    def is_owner(self, author: AuthorId) -> bool:
        return author in self.owners

    async def query(self, channel: ChannelId, query: Query, by: str) -> Answer:
        await asyncio.sleep(0)
        self.queries.append(query)
        return self.answers.get(type(query), Answer(text=f"{type(query).__name__}?"))

    async def steer(self, channel: ChannelId, steer: Steer | Ruling, by: str) -> str:
        await asyncio.sleep(0)
        if channel not in self._talks:
            raise PlatformError(f"there is no channel {channel}")
        self.steered.append(Steering(channel=channel, steer=steer, by=by))
        self.show(channel, _steered(self._talks[channel].state, steer))
        self._changed.set()
        return f"{type(steer).__name__} done."

    async def watch(self, channel: ChannelId) -> AsyncIterator[Shown]:
        talk = self._talks[channel]
        watcher = _Watcher([talk.state, *talk.recent], self._backlog)
        talk.watchers.append(watcher)
        self._changed.set()
        try:
            while True:
                yield await watcher.get()
        finally:
            talk.watchers.remove(watcher)
            self._changed.set()


class _Watcher:
    """A bounded backlog that loses its oldest items."""

    def __init__(self, first: Iterable[Shown], size: int) -> None:
        self._items: deque[Shown] = deque(first, maxlen=size)
        self._some = asyncio.Event()
        self._is_interrupted = False

    def put(self, item: Shown) -> None:
        self._items.append(item)
        self._some.set()

    def interrupt(self) -> None:
        self._is_interrupted = True
        self._some.set()

    async def get(self) -> Shown:
        while not self._items:
            if self._is_interrupted:
                raise TimeoutError
            self._some.clear()
            await self._some.wait()
        return self._items.popleft()


def _steered(state: ShownState, steer: Steer | Ruling) -> ShownState:
    match steer:
        case Pause():
            return replace(state, paused=True)
        case Resume():
            return replace(state, paused=False)
        case SetSpeed(factor=factor):
            return replace(state, speed=factor)
        case SetTemperature(value=value):
            return replace(state, temperature=value)
        case Mute(persona=persona):
            return replace(state, muted=(*state.muted, persona))
        case Unmute(persona=persona):
            return replace(state, muted=tuple(n for n in state.muted if n != persona))
        case Approve() | Reject():
            return replace(state, draft=None)
        case _:
            return state


async def _let_others_run() -> None:
    # A woken task may wake another one; a few turns of the loop carry such a chain.
    for _ in range(10):
        await asyncio.sleep(0)
