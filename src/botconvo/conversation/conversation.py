"""One channel's talk as a machine: it hears events, is asked ``next(now)``, answers with orders.

It never waits, sends, logs or rolls its own dice: every draw comes from a generator seeded with the
run's seed, the channel, the turn and the purpose, so that no draw depends on how many came before.

A turn goes Resting -> Asking -> Typing -> Posting -> Resting; where people approve every line, it
is Held between Asking and Typing.  What a person writes is taken up
first; while a turn is under way it restarts that turn at most once, because a channel in which
people write fast would otherwise never get an answer.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import assert_never

from botconvo.conversation import events as ev
from botconvo.conversation.choice import RECENT, choose, is_repeated
from botconvo.conversation.events import Candidate, Event, OrderId
from botconvo.conversation.history import History
from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import (
    Act,
    Ask,
    Cancel,
    Order,
    Post,
    PromptSource,
    React,
    Say,
    Submit,
    Trace,
    Type,
    Wait,
    Withdraw,
)
from botconvo.conversation.speakers import Turn, choose_speaker, named_in
from botconvo.messages import AuthorId, ChannelId, Message, MessageId, clone_author
from botconvo.people import People
from botconvo.personas import Persona, PersonaName
from botconvo.transcript.grammar import Command, Line

__all__ = ["Conversation"]

_START = datetime.min.replace(tzinfo=UTC)
_LONGEST_RETRY_S = 60.0
_TRIES = 3
"""How often a persona that a person asked for is tried."""
_PHRASES_AVOIDED = 6
"""Phrases used lately are not picked again."""
_FIRST_TYPING_S = 1.0
"""The longest that a talk's first message is typed for: whoever started it has waited enough."""


@dataclass(frozen=True, slots=True)
class _Resting:
    seconds: float
    until: datetime | None = None
    """Set when ``next`` first sees it: events do not know what time it is."""


@dataclass(frozen=True, slots=True)
class _Asking:
    ask: Ask
    reason: str
    asked: ev.AskPersona | None = None
    """What a person asked for, where this turn is the answer."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A line that waits for somebody's word."""

    post: Post
    until: datetime | None = None
    """Set when ``next`` first sees it."""


@dataclass(frozen=True, slots=True)
class _Typing:
    post: Post
    seconds: float
    until: datetime | None = None
    shown: bool = False


@dataclass(frozen=True, slots=True)
class _Posting:
    post: Post


_Phase = _Resting | _Asking | _Held | _Typing | _Posting


class Conversation:
    """The talk of one channel.  ``kept`` are earlier messages that it may refer to.

    With ``approval`` every line waits so long for somebody's word (None: no line does).
    """

    def __init__(
        self,
        channel: ChannelId,
        manners: Manners,
        personas: Sequence[Persona],
        *,
        seed: int,
        people: People,
        init_after: timedelta = timedelta(minutes=30),
        kept: Sequence[Message] = (),
        approval: timedelta | None = None,
    ) -> None:
        self._channel, self._manners, self._seed = channel, manners, seed
        self._personas = tuple(personas)
        self._history = History(people, init_after, kept)
        self._phase: _Phase = _Resting(0.0)
        self._now = _START
        self._opened = self._paused = self._restarted = False
        self._steps = self._turn = self._failures = 0
        self._speed = 1.0
        self._temperature: float | None = None
        self._pending: MessageId | None = None
        self._typing_people: datetime = _START
        self._phrases: tuple[str, ...] = ()
        self._cancelled: Ask | None = None
        self._approval = approval
        self._withdrawn: Withdraw | None = None
        self._muted: frozenset[PersonaName] = frozenset()
        self._asked: ev.AskPersona | None = None
        self._fresh_turn = False

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def speed(self) -> float:
        return self._speed

    @property
    def temperature(self) -> float | None:
        return self._temperature

    @property
    def manners(self) -> Manners:
        return self._manners

    @property
    def muted(self) -> frozenset[PersonaName]:
        """Who takes no turn here."""
        return self._muted

    @property
    def held(self) -> Post | None:
        """The line that waits for somebody's word."""
        return self._phase.post if isinstance(self._phase, _Held) else None

    @property
    def messages(self) -> tuple[Message, ...]:
        """What is remembered, oldest first."""
        return self._history.messages

    def set_manners(self, manners: Manners) -> None:
        """Take new numbers from the next turn on."""
        self._manners = manners

    # ---- hearing -------------------------------------------------------------------------

    def receive(self, event: Event) -> None:
        """Take note of what happened.  The same event twice changes nothing."""
        match event:
            case ev.Opened():
                self._opened = True
            case ev.Heard(message=message):
                self._hear(message)
            case ev.Edited(message=message):
                self._history.edit(message)
                self._redo_if_about(message.id)
            case ev.Removed(message=message_id):
                self._history.remove(message_id)
                self._redo_if_about(message_id)
            case ev.Reacted(message=message_id, emoji=emoji, author=author):
                self._history.react(message_id, emoji, author)
            case ev.Unreacted(message=message_id, emoji=emoji, author=author):
                self._history.take_back(message_id, emoji, author)
            case ev.TypingSeen(at=at):
                self._typing_people = max(self._typing_people, at)
            case ev.Steered(steer=steer):
                self._steer(steer)
            case ev.PersonasChanged(personas=personas):
                self._change_personas(personas)
            case ev.Answered():
                self._take_answer(event)
            case ev.Failed(order=order):
                self._fail(order)
            case ev.Posted(order=order, message=message):
                self._posted(order, message)
            case _:
                assert_never(event)

    def _hear(self, message: Message) -> None:
        if not self._history.add(message) or message.author.kind != "person":
            return
        waited, self._pending = self._pending is not None, message.id
        self._typing_people = _START  # whoever typed has sent it
        busy = isinstance(self._phase, _Asking | _Held | _Typing)
        answer_s = self._manners.answer_s
        if isinstance(self._phase, _Resting):
            if answer_s is not None and not waited:  # a flood must not put it off for ever
                self._rest(self._draw("answer").uniform(*answer_s))
        elif busy and not self._restarted and not self._answers_person():
            self._abandon()
            self._restarted = True

    def _answers_person(self) -> bool:
        phase = self._phase
        if isinstance(phase, _Held | _Typing):
            return phase.post.trace.source is PromptSource.PERSON
        return False

    def _redo_if_about(self, message: MessageId) -> None:
        phase = self._phase
        if self._pending == message and self._history.find(message) is None:
            self._pending = None
        target = None
        if isinstance(phase, _Asking):
            target = phase.ask.target
        elif isinstance(phase, _Held | _Typing):
            target = phase.post.trace.target
        if target == message:
            still_there = self._history.find(message)
            if still_there is not None and still_there.author.kind == "person":
                self._pending = message
            self._abandon()

    def _abandon(self) -> None:
        """Drop the turn that is under way; its answer dies by its id."""
        if isinstance(self._phase, _Asking):
            self._cancelled = self._phase.ask
        self._withdraw("the talk went on")
        self._rest(0.0)

    # ---- the reins -----------------------------------------------------------------------

    def _steer(self, steer: ev.Steer) -> None:
        match steer:
            case ev.Pause():
                self._paused = True
            case ev.Resume():
                self._paused = False
                self._failures = 0
            case ev.Step():
                self._steps += 1
                if isinstance(self._phase, _Resting):
                    self._rest(0.0)
            case ev.SetSpeed(factor=factor):
                self._speed = factor
            case ev.SetTemperature(value=value):
                self._temperature = value
            case ev.Silence():
                self._silence()
            case ev.SetTopic(message=message):
                self._give_up()
                self._hear(message)
                self._history.start_topic(message.id)
            case ev.AskPersona():
                self._take_up(steer)
            case ev.Mute(persona=persona):
                self._muted |= {persona}
                self._give_up_turns_of(self._muted)
            case ev.Unmute(persona=persona):
                self._muted -= {persona}
            case ev.Reset():
                self._history.clear()
                self._phrases = ()
                self._give_up()
            case ev.Ignore(author=author):
                self._ignore(author)
            case ev.Heed():
                pass  # what was forgotten stays forgotten
            case ev.Approve(order=order):
                self._approve(order)
            case ev.Reject(order=order):
                self._reject(order)
            case _:
                assert_never(steer)

    def _silence(self) -> None:
        self._paused = True
        self._steps = 0
        self._give_up()

    def _give_up(self) -> None:
        """Drop the turn that is under way and everything that waits for an answer."""
        self._pending = self._asked = None
        if isinstance(self._phase, _Asking | _Held | _Typing):
            self._abandon()

    def _take_up(self, asked: ev.AskPersona) -> None:
        self._asked = asked
        if asked.message is not None:
            self._hear(asked.message)
            if self._pending == asked.message.id:
                self._pending = None  # the asked one answers it, and nobody twice
        elif isinstance(self._phase, _Resting):
            self._rest(0.0)

    def _ignore(self, author: AuthorId) -> None:
        self._history.forget(author)
        if self._pending is not None and self._history.find(self._pending) is None:
            self._pending = None
        if self._asked is not None and self._asked.message is not None:
            found = self._history.find(self._asked.message.id)
            self._asked = self._asked if found is not None else None
        if isinstance(self._phase, _Asking | _Held | _Typing):
            self._abandon()  # it may have been drafted from their words

    def _approve(self, order: OrderId) -> None:
        phase = self._phase
        if isinstance(phase, _Held) and phase.post.id == order:
            self._phase = _Typing(phase.post, self._typing_s(phase.post.act))

    def _reject(self, order: OrderId) -> None:
        phase = self._phase
        if isinstance(phase, _Held) and phase.post.id == order:
            self._restarted = False
            self._rest(self._draw("gap").uniform(*self._manners.gap_s))

    def _hold(self, phase: _Held) -> Order:
        assert self._approval is not None
        if phase.until is None:
            until = self._now + self._approval
            self._phase = replace(phase, until=until)
            return Submit(post=phase.post, until=until)
        if self._now < phase.until:
            return Wait(until=phase.until)
        self._restarted = False
        self._rest(self._draw("gap").uniform(*self._manners.gap_s))
        return Withdraw(post=phase.post.id, reason="nobody said a word in time")

    def _withdraw(self, reason: str) -> None:
        if isinstance(self._phase, _Held) and self._phase.until is not None:
            self._withdrawn = Withdraw(post=self._phase.post.id, reason=reason)

    def _change_personas(self, personas: tuple[Persona, ...]) -> None:
        left = {persona.name for persona in self._personas} - {each.name for each in personas}
        self._personas = personas
        self._give_up_turns_of(left)

    def _give_up_turns_of(self, names: Set[PersonaName]) -> None:
        if self._asked is not None and self._asked.persona in names:
            self._asked = None
        phase = self._phase
        if isinstance(phase, _Asking) and phase.ask.persona in names:
            self._abandon()
        if isinstance(phase, _Held | _Typing) and phase.post.persona in names:
            self._abandon()

    def _speaking(self) -> tuple[Persona, ...]:
        """Whoever may take a turn."""
        return tuple(each for each in self._personas if each.name not in self._muted)

    # ---- deciding ------------------------------------------------------------------------

    def next(self, now: datetime) -> Order:
        """The next order; each is given once.  Call again until it is a ``Wait``."""
        self._now = max(now, self._now)  # a clock that jumps back must not undo anything
        if self._cancelled is not None:
            ask, self._cancelled = self._cancelled, None
            return Cancel(ask=ask.id)
        if self._withdrawn is not None:
            withdrawn, self._withdrawn = self._withdrawn, None
            return withdrawn
        match self._phase:
            case _Resting(seconds=seconds, until=until):
                until = until or self._now + self._scaled(seconds)
                self._phase = _Resting(seconds, until)
                return self._begin(until)
            case _Held():
                return self._hold(self._phase)
            case _Typing():
                return self._finish_typing(self._phase)
            case _Asking() | _Posting():
                return Wait()
        assert_never(self._phase)

    def _begin(self, rested: datetime) -> Order:
        if not self._opened or not self._speaking():
            return Wait()
        if self._paused and self._steps == 0:
            return Wait()
        is_owed = self._pending is not None or self._asked is not None or self._steps > 0
        if not is_owed and self._over_the_limit():
            return Wait()
        until = max(rested, self._hush_until())
        if self._now < until:
            return Wait(until=until)
        source, target = self._choose_source()
        turn = self._asked_turn() or self._choose_turn(source, target)
        if turn is None:
            return Wait()
        self._steps = max(0, self._steps - 1)
        ask = self._make_ask(turn.persona, source, target)
        self._turn += 1
        self._phase = _Asking(ask, turn.reason, self._asked)
        if source is PromptSource.PERSON and (self._asked is None or self._asked.message is None):
            self._pending = None
        self._asked = None
        return ask

    def _over_the_limit(self) -> bool:
        limit = self._manners.turn_limit
        return limit is not None and self._history.clone_run() >= limit

    def _hush_until(self) -> datetime:
        if self._typing_people == _START:
            return _START
        return self._typing_people + self._scaled(self._manners.hush_s)

    def _asked_turn(self) -> Turn | None:
        """The turn that a person gave to one of them by name."""
        if self._asked is None:
            return None
        message, name = self._asked.message, self._asked.persona
        by = "somebody" if message is None else message.author.name
        named = (persona for persona in self._speaking() if persona.name == name)
        return next((Turn(persona=persona, reason=f"asked by {by}") for persona in named), None)

    def _choose_source(self) -> tuple[PromptSource, Message | None]:
        if self._asked is not None and self._asked.message is not None:
            return PromptSource.PERSON, self._history.find(self._asked.message.id)
        if self._pending is not None:
            return PromptSource.PERSON, self._history.find(self._pending)
        last = self._history.last
        fresh = self._draw("fresh").random() < self._manners.fresh_share
        tired = len(self._history.topic()) >= self._manners.fresh_after
        if last is None or fresh or tired:
            return PromptSource.FRESH, None
        kind = PromptSource.PERSON if last.author.kind == "person" else PromptSource.CLONE
        return kind, last

    def _choose_turn(self, source: PromptSource, target: Message | None) -> Turn | None:
        uniform = self._manners.speakers == "uniform"
        last = self._history.latest_clone() if uniform else self._history.last_clone()
        if target is not None and source is not PromptSource.FRESH:
            turn = self._spoken_to(target, last)
            if turn is not None:
                return turn
        return choose_speaker(
            self._speaking(),
            last=last,
            silent_for=self._history.silent_for(),
            manners=self._manners,
            rng=self._draw("speaker"),
        )

    def _spoken_to(self, target: Message, last: PersonaName | None) -> Turn | None:
        by = target.author.name
        person = target.author.kind == "person"
        replied = self._history.find(target.reply_to) if target.reply_to is not None else None
        if replied is not None and replied.author.kind == "clone" and person:
            for persona in self._speaking():
                if persona.name == replied.author.name:
                    return Turn(persona=persona, reason=f"{by} replied to it")
        named = [p for p in named_in(target.text, self._speaking()) if person or p.name != last]
        if named and (person or self._draw("named").random() < self._manners.named_speaker):
            return Turn(persona=named[0], reason=f"named by {by}")
        return None

    def _make_ask(self, persona: Persona, source: PromptSource, target: Message | None) -> Ask:
        manners = self._manners
        sampling = manners.drawn(persona.sampling, self._draw)
        if self._temperature is not None:
            sampling = replace(sampling, temperature=self._temperature)
        fresh = source is PromptSource.FRESH
        self._fresh_turn = fresh
        context = self._history.context(0 if fresh else manners.context_lines)
        if fresh and manners.context_lines:
            context = (Line(name=persona.name, command=Command.INIT),)
        return Ask(
            id=OrderId(f"{self._channel}/{self._turn}/ask"),
            persona=persona.name,
            source=source,
            target=None if target is None else target.id,
            context=context,
            phrase_from=None if target is None else target.text,
            open_with_phrase=self._draw("opening").random() < manners.opening_share,
            phrase_law=manners.phrase_law,
            avoid=self._phrases,
            n=manners.samples,
            sampling=sampling,
            seed=self._draw("sampling").getrandbits(32),
        )

    # ---- taking answers ------------------------------------------------------------------

    def _take_answer(self, answer: ev.Answered) -> None:
        phase = self._phase
        if not isinstance(phase, _Asking) or phase.ask.id != answer.ask:
            return  # a late answer to an ask that was given up
        said = self._history.texts(self._manners.repeat_window)
        opening = (answer.phrase or "") if phase.ask.open_with_phrase else ""
        judged = tuple(_against(candidate, said, opening) for candidate in answer.candidates)
        chosen, scored = choose(
            judged,
            manners=self._manners,
            recent=() if phase.ask.source is PromptSource.FRESH else self._history.texts(RECENT),
            phrase=answer.phrase,
        )
        if chosen is None:
            self._came_to_nothing(phase.ask)
            return
        act = self._act(scored[chosen], phase.ask)
        if act is None:
            self._came_to_nothing(phase.ask)
            return
        if answer.phrase is not None:
            self._phrases = (*self._phrases, answer.phrase)[-_PHRASES_AVOIDED:]
        trace = Trace(
            source=phase.ask.source,
            target=phase.ask.target,
            prompt=answer.prompt,
            phrase=answer.phrase,
            candidates=scored,
            chosen=chosen,
            reason=phase.reason,
            latency_ms=answer.latency_ms,
            seed=phase.ask.seed,
        )
        post_id = OrderId(phase.ask.id.removesuffix("ask") + "post")
        post = Post(id=post_id, persona=phase.ask.persona, act=act, trace=trace)
        held = self._approval is not None
        self._phase = _Held(post) if held else _Typing(post, self._typing_s(act))

    def _act(self, candidate: Candidate, ask: Ask) -> Act | None:
        line, last = candidate.line, self._history.last
        if line is None:
            return None
        if line.command is Command.REACT:
            emoji_for = ask.target or (last.id if last is not None else None)
            return None if emoji_for is None else React(emoji=line.argument, message=emoji_for)
        reply_to = ask.target if line.command is Command.REPLY else None
        return Say(text=line.argument, reply_to=reply_to)

    def _typing_s(self, act: Act) -> float:
        rate = self._manners.typing_per_s
        if rate == 0.0 or isinstance(act, React):
            return 0.0
        longest = self._manners.typing_max_s
        if self._history.last is None:
            longest = min(longest, _FIRST_TYPING_S)
        return min(len(act.text) / rate, longest)

    def _finish_typing(self, phase: _Typing) -> Order:
        until = phase.until or self._now + self._scaled(phase.seconds)
        if not phase.shown and phase.seconds > 0.0:
            self._phase = replace(phase, until=until, shown=True)
            return Type(persona=phase.post.persona)
        if self._now < until:
            return Wait(until=until)
        self._phase = _Posting(phase.post)
        return phase.post

    def _posted(self, order: OrderId, message: Message | None) -> None:
        phase = self._phase
        if not isinstance(phase, _Posting) or phase.post.id != order:
            return
        if message is not None:
            self._history.add(message)
            if self._fresh_turn and self._pending is None and self._asked is None:
                self._history.start_topic(message.id)
        elif isinstance(phase.post.act, React):
            self._remember_reaction(phase.post.persona, phase.post.act)
        self._failures = 0
        self._restarted = False
        is_owed = self._pending is not None or self._asked is not None
        answer_s = self._manners.answer_s if is_owed else None
        self._rest(self._draw("gap").uniform(*(answer_s or self._manners.gap_s)))

    def _remember_reaction(self, persona: PersonaName, act: React) -> None:
        self._history.react(act.message, act.emoji, clone_author(persona))

    def _fail(self, order: OrderId) -> None:
        phase = self._phase
        if isinstance(phase, _Asking) and phase.ask.id == order:
            self._came_to_nothing(phase.ask)
        elif isinstance(phase, _Held | _Posting) and phase.post.id == order:
            self._failures += 1
            self._rest(self._retry_s())

    def _came_to_nothing(self, ask: Ask) -> None:
        """No fit candidate, or no answer at all: stay silent and try another turn later."""
        self._failures += 1
        self._restarted = False
        if isinstance(self._phase, _Asking) and self._failures < _TRIES and self._asked is None:
            self._asked = self._phase.asked
        self._rest(self._retry_s() if self._failures > 1 else 0.2)

    def _retry_s(self) -> float:
        return float(
            min(self._manners.retry_s * 2 ** min(self._failures - 1, 10), _LONGEST_RETRY_S)
        )

    # ---- time and chance -----------------------------------------------------------------

    def _rest(self, seconds: float) -> None:
        self._phase = _Resting(seconds)

    def _scaled(self, seconds: float) -> timedelta:
        return timedelta(seconds=seconds / self._speed)

    def _draw(self, purpose: str) -> Random:
        return Random(f"{self._seed}/{self._channel}/{self._turn}/{purpose}")


def _against(candidate: Candidate, said: Sequence[str], opening: str) -> Candidate:
    """The repetition guard: only this conversation knows what was said before."""
    if candidate.verdict != "ok" or candidate.line is None:
        return candidate
    if candidate.line.says and is_repeated(candidate.line.argument, said, opening):
        return replace(candidate, verdict="repeated")
    return candidate
