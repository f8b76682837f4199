"""One channel's talk as a machine: it hears events, is asked ``next(now)``, answers with orders.

It never waits, sends, logs or rolls its own dice: every draw comes from a generator seeded with the
run's seed, the channel, the turn and the purpose, so that no draw depends on how many came before.

A turn goes Resting -> Asking -> Typing -> Posting -> Resting; where the models say who speaks, it
is Polling before Asking, and where people approve every line, Held after it.  ``Floor`` knows
whether somebody may speak.  What a person writes is taken up first; while a turn is under way it
restarts that turn at most once, because a channel in which people write fast would otherwise never
get an answer.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import assert_never

from botconvo.conversation import events as ev
from botconvo.conversation.acts import act_of, as_remembered, is_wordless, judged, picked_act
from botconvo.conversation.choice import RECENT, choose
from botconvo.conversation.events import Candidate, Event, OrderId
from botconvo.conversation.floor import Floor, Occasion
from botconvo.conversation.history import History
from botconvo.conversation.lifespan import day_of
from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import (
    Act,
    Ask,
    Budget,
    Cancel,
    Keep,
    Order,
    Picture,
    Poll,
    Post,
    PromptSource,
    React,
    Submit,
    Trace,
    Type,
    Wait,
    Withdraw,
)
from botconvo.conversation.reins import wish
from botconvo.conversation.speakers import Turn, by_urge, choose_speaker, named_in
from botconvo.messages import AuthorId, ChannelId, Message, MessageId, clone_author
from botconvo.people import People
from botconvo.personas import Persona, PersonaName
from botconvo.transcript.grammar import Command, Line

__all__ = ["Conversation", "Saved"]

_START = datetime.min.replace(tzinfo=UTC)
_LONGEST_RETRY_S = 60.0
_ALIVE = timedelta(hours=1)
_FAILURES = 3
"""Turns in a row that came to nothing after which clones leave it, where people are."""
_TRIES = 3
"""How often a persona that a person asked for is tried."""
_PHRASES_AVOIDED = 6
"""Phrases used lately are not picked again."""
_FIRST_TYPING_S = 1.0
"""The longest that a talk's first message is typed for: whoever started it has waited enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a talk remembers beyond its messages, for its next start."""

    asleep: Mapping[PersonaName, datetime] = field(default_factory=dict)
    """Who is away, and until when."""


@dataclass(frozen=True, slots=True)
class _Resting:
    seconds: float
    until: datetime | None = None
    """Set when ``next`` first sees it: events do not know what time it is."""


@dataclass(frozen=True, slots=True)
class _Polling:
    poll: Poll
    occasion: Occasion
    source: PromptSource
    target: Message | None
    urges: Mapping[PersonaName, float] | None = None
    """Set by the answer; empty where no model could tell."""


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


_Phase = _Resting | _Polling | _Asking | _Held | _Typing | _Posting
_UnderWay = _Polling | _Asking | _Held | _Typing
"""A turn that can still be given up."""


class Conversation:
    """The talk of one channel.

    ``kept`` are earlier messages that it may refer to, ``saved`` is what else is known of it.
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
        saved: Saved | None = None,
        approval: timedelta | None = None,
    ) -> None:
        self._channel, self._manners, self._seed = channel, manners, seed
        self._personas = tuple(personas)
        self._init_after = init_after
        self._history = History(people, self._new_talk_after(), kept)
        asleep = saved.asleep if saved is not None else {}
        self._floor = Floor(channel, manners, self._history, self._draw, asleep)
        self._phase: _Phase = _Resting(0.0)
        self._now = _START
        self._opened = self._paused = self._restarted = self._hindered = False
        self._steps = self._turn = self._failures = 0
        self._speed = 1.0
        self._temperature: float | None = None
        self._phrases: tuple[str, ...] = ()
        self._cancelled: OrderId | None = None
        self._keeps: list[Keep] = []
        self._approval = approval
        self._withdrawn: Withdraw | None = None
        self._muted: frozenset[PersonaName] = frozenset()
        self._asked: ev.AskPersona | None = None
        self._announced: tuple[MessageId, PersonaName] | None = None
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

    @property
    def personas(self) -> tuple[PersonaName, ...]:
        """Who can talk here now."""
        return tuple(persona.name for persona in self._personas)

    @property
    def asleep(self) -> Mapping[PersonaName, datetime]:
        """Who is away from this channel, and until when."""
        return self._floor.asleep

    def is_alive(self, now: datetime) -> bool:
        """Whether anything was said lately: whoever sleeps in a silent channel is not missed."""
        last = self._history.last
        return last is not None and now - last.at <= _ALIVE

    def saved(self) -> Saved:
        """What the next start has to know; everything else follows from the messages."""
        return Saved(asleep=self._floor.asleep)

    def set_manners(self, manners: Manners) -> None:
        """Take new numbers from the next turn on."""
        self._manners = self._floor.manners = manners
        self._history.init_after = self._new_talk_after()

    def _new_talk_after(self) -> timedelta:
        seconds = self._manners.init_after_s
        return self._init_after if seconds is None else timedelta(seconds=seconds)

    # ---- hearing -------------------------------------------------------------------------

    def receive(self, event: Event) -> None:
        """Take note of what happened.  The same event twice changes nothing."""
        match event:
            case ev.Opened():
                self._opened = True
            case ev.Heard(message=message) if message.channel != self._channel:
                pass  # nothing surfaces in another channel
            case ev.Heard(message=message, late=True):
                self._history.add(message)
            case ev.Heard(message=message):
                self._hear(message)
            case ev.Overheard(message=message):
                self._hear(message)
            case ev.Hindered(reason=reason):
                self._hindered = reason is not None
            case ev.Edited(message=message):
                self._history.edit(message)
                self._redo_if_about(message.id)
            case ev.Removed(message=message_id):
                self._history.remove(message_id)
                self._redo_if_about(message_id)
            case ev.Reacted(message=message_id, emoji=emoji, author=author):
                self._history.react(message_id, emoji, author)
                talks = author.kind == "person" and wish(emoji) is None
                self._floor.reacted(message_id, by_person=talks)
            case ev.Unreacted(message=message_id, emoji=emoji, author=author):
                self._history.take_back(message_id, emoji, author)
            case ev.TypingSeen(author=author_id, at=at):
                self._floor.see_typing(author_id, at)
            case ev.Steered(steer=steer):
                self._steer(steer)
            case ev.PersonasChanged(personas=personas):
                self._change_personas(personas)
            case ev.Answered():
                self._take_answer(event)
            case ev.Scored(poll=poll, urges=urges):
                self._take_urges(poll, dict(urges))
            case ev.Failed(order=order, until=until):
                self._fail(order, until)
            case ev.Posted(order=order, message=message):
                self._posted(order, message)
            case _:
                assert_never(event)

    def _hear(self, message: Message) -> None:
        if not self._history.add(message) or message.author.kind != "person":
            return
        waited = self._floor.pending is not None
        if not self._floor.hear(message, self._speaking()):
            if isinstance(self._phase, _UnderWay) and not self._answers_person():
                self._abandon()
            return
        busy = isinstance(self._phase, _UnderWay)
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
        if isinstance(phase, _Asking) and self._manners.company:
            return phase.ask.source is PromptSource.PERSON
        return False

    def _redo_if_about(self, message: MessageId) -> None:
        phase, gone = self._phase, self._history.find(message) is None
        if gone:
            self._floor.let_go(message)
        target, persona = None, None
        if isinstance(phase, _Asking):
            target, persona = phase.ask.target, phase.ask.persona
        elif isinstance(phase, _Held | _Typing):
            target, persona = phase.post.trace.target, phase.post.persona
        elif isinstance(phase, _Polling):
            target = None if phase.target is None else phase.target.id
        if target == message:
            self._floor.take_back(message, persona)
            self._abandon()
        elif gone and self._manners.company and isinstance(phase, _UnderWay):
            if target is not None:
                self._floor.take_back(target, persona)
            self._abandon()  # it was drafted from the words that are gone

    def _abandon(self) -> None:
        """Drop the turn that is under way; its answer dies by its id."""
        if isinstance(self._phase, _Asking):
            self._cancelled = self._phase.ask.id
        elif isinstance(self._phase, _Polling):
            self._cancelled = self._phase.poll.id
        elif isinstance(self._phase, _Held) and self._phase.until is not None:
            self._withdrawn = Withdraw(post=self._phase.post.id, reason="the talk went on")
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
                self._steps += 1  # somebody takes it up, wanting to or not
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
        self._asked = None
        self._floor.let_go()
        if isinstance(self._phase, _UnderWay):
            self._abandon()

    def _take_up(self, asked: ev.AskPersona) -> None:
        self._asked = asked
        if asked.message is not None:
            self._hear(asked.message)
            self._floor.let_go(asked.message.id)  # the asked one answers it, and nobody else
        elif isinstance(self._phase, _Resting):
            self._rest(0.0)

    def _ignore(self, author: AuthorId) -> None:
        self._history.forget(author)
        if self._asked is not None and self._asked.message is not None:
            found = self._history.find(self._asked.message.id)
            self._asked = self._asked if found is not None else None
        for waiting in self._floor.waiting:
            if self._history.find(waiting) is None:
                self._floor.let_go(waiting)
        if isinstance(self._phase, _UnderWay):
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

    def _change_personas(self, personas: tuple[Persona, ...]) -> None:
        left = {persona.name for persona in self._personas} - {each.name for each in personas}
        self._personas = personas
        self._give_up_turns_of(left)

    def _give_up_turns_of(self, names: Set[PersonaName]) -> None:
        if self._asked is not None and self._asked.persona in names:
            self._asked = None
        phase = self._phase
        if isinstance(phase, _Polling):
            self._abandon()
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
            cancelled, self._cancelled = self._cancelled, None
            return Cancel(ask=cancelled)
        if self._withdrawn is not None:
            withdrawn, self._withdrawn = self._withdrawn, None
            return withdrawn
        if self._hindered:
            return Wait()
        if self._keeps:
            return self._keeps.pop(0)
        match self._phase:
            case _Resting(seconds=seconds, until=until):
                until = until or self._now + self._scaled(seconds)
                self._phase = _Resting(seconds, until)
                return self._begin(until)
            case _Polling(urges=urges) if urges is not None:
                return self._ask_chosen(self._phase, urges)
            case _Held():
                return self._hold(self._phase)
            case _Typing():
                return self._finish_typing(self._phase)
            case _Polling() | _Asking() | _Posting():
                return Wait()
        assert_never(self._phase)

    def _begin(self, rested: datetime) -> Order:
        if not self._opened or not self._speaking():
            return Wait()
        if self._paused and self._steps == 0:
            return Wait()
        occasion = self._floor.occasion(
            self._now,
            self._speaking(),
            forced=self._steps > 0,
            cool=self._scaled(self._manners.cool_down_s),
            asked=self._asked_occasion(),
        )
        if not isinstance(occasion, Occasion):
            return Wait(until=occasion)
        hushed = self._hush_until()
        if self._now >= hushed and (typing := self._announce(occasion)) is not None:
            return typing
        until = max(rested, hushed)
        if self._now < until:
            return Wait(until=until)
        source, target = self._choose_source(occasion)
        turn = occasion.turn or self._named_in(source, target, occasion.speakers)
        if turn is not None:
            return self._ask(turn, occasion, source, target)
        if self._is_polled(source, occasion):
            return self._poll(occasion, source, target)
        return self._ask_free(occasion, source, target)

    def _announce(self, occasion: Occasion) -> Type | None:
        """Whoever was spoken to is seen typing at once, long before it has found words."""
        turn, target = occasion.turn, occasion.target
        if not occasion.owed or turn is None or target is None or not self._manners.typing_per_s:
            return None
        if self._approval is not None:
            return None  # whoever approves may take an hour
        announced = (target.id, turn.persona.name)
        if self._announced == announced:
            return None
        self._announced = announced
        return Type(persona=turn.persona.name)

    def _ask(
        self, turn: Turn, occasion: Occasion, source: PromptSource, target: Message | None
    ) -> Order:
        self._steps = max(0, self._steps - 1)
        ask = self._make_ask(turn.persona, source, target)
        self._turn += 1
        self._phase = _Asking(ask, turn.reason, self._asked)
        self._asked = None
        self._floor.taken(occasion, turn.persona.name)
        return ask

    def _ask_free(self, occasion: Occasion, source: PromptSource, target: Message | None) -> Order:
        uniform = self._manners.speakers == "uniform"
        turn = choose_speaker(
            occasion.speakers,
            last=self._history.latest_clone() if uniform else self._history.last_clone(),
            silent_for=self._history.silent_for(),
            manners=self._manners,
            rng=self._draw("speaker"),
        )
        if turn is not None:
            return self._ask(turn, occasion, source, target)
        return self._pass() if self._manners.company else Wait()

    def _pass(self) -> Order:
        """Nobody wants the turn: silence until something happens."""
        self._steps = 0
        self._floor.end()
        self._rest(0.0)
        return self._begin(self._now)

    def _is_polled(self, source: PromptSource, occasion: Occasion) -> bool:
        """Whether the models say who speaks; nothing said yet tells them nothing."""
        by_models = self._manners.speakers in ("scored", "lurk")
        return by_models and source is not PromptSource.FRESH and bool(occasion.speakers)

    def _poll(self, occasion: Occasion, source: PromptSource, target: Message | None) -> Order:
        poll = Poll(
            id=OrderId(f"{self._channel}/{self._turn}/poll"),
            personas=tuple(persona.name for persona in occasion.speakers),
            context=self._history.context(max(1, self._manners.context_lines)),
        )
        self._turn += 1
        self._phase = _Polling(poll, occasion, source, target)
        return poll

    def _ask_chosen(self, phase: _Polling, urges: Mapping[PersonaName, float]) -> Order:
        """The turn goes to whom the models gave it; by talkativeness where none could tell."""
        if not urges:
            return self._ask_free(phase.occasion, phase.source, phase.target)
        turn = by_urge(
            phase.occasion.speakers, urges, manners=self._manners, rng=self._draw("speaker")
        )
        if turn is not None:
            return self._ask(turn, phase.occasion, phase.source, phase.target)
        if phase.target is not None:
            self._floor.let_go(phase.target.id)
        return self._pass()

    def _hush_until(self) -> datetime:
        return self._floor.hush_until(self._now, self._scaled)

    def _asked_occasion(self) -> Occasion | None:
        """The turn that a person gave to one of them by name."""
        if self._asked is None:
            return None
        asked, name = self._asked.message, self._asked.persona
        persona = next((each for each in self._speaking() if each.name == name), None)
        if persona is None:
            return None
        by = "somebody" if asked is None else asked.author.name
        return Occasion(
            source=None if asked is None else PromptSource.PERSON,
            target=None if asked is None else self._history.find(asked.id),
            speakers=(persona,),
            turn=Turn(persona=persona, reason=f"asked by {by}"),
            owed=asked is not None,
        )

    def _choose_source(self, occasion: Occasion) -> tuple[PromptSource, Message | None]:
        if occasion.source is not None:
            return occasion.source, occasion.target
        last = self._history.last
        fresh = self._draw("fresh").random() < self._manners.fresh_share
        tired = len(self._history.topic()) >= self._manners.fresh_after
        if last is None or fresh or tired:
            return PromptSource.FRESH, None
        kind = PromptSource.PERSON if last.author.kind == "person" else PromptSource.CLONE
        return kind, last

    def _named_in(
        self, source: PromptSource, target: Message | None, speakers: Sequence[Persona]
    ) -> Turn | None:
        if target is None or source is PromptSource.FRESH:
            return None
        last = self._history.last_clone()
        if target.author.kind == "person":
            return next(iter(self._floor.turns(target, speakers)), None)
        named = [p for p in named_in(target.text, speakers) if p.name != last]
        if not named or self._draw("named").random() >= self._manners.named_speaker:
            return None
        return Turn(persona=named[0], reason=f"named by {target.author.name}")

    def _make_ask(self, persona: Persona, source: PromptSource, target: Message | None) -> Ask:
        manners = self._manners
        sampling = manners.drawn(persona.sampling, self._draw)
        if self._temperature is not None:
            sampling = replace(sampling, temperature=self._temperature)
        fresh = source is PromptSource.FRESH
        self._fresh_turn = fresh
        context = self._history.context(0 if fresh else manners.context_lines)
        if manners.context_lines and (fresh or self._is_picked_up()):
            context = (*context, Line(name=persona.name, command=Command.INIT))
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

    def _is_picked_up(self) -> bool:
        """Whether this turn takes up a talk after a silence; the transcript will say so."""
        last = self._history.last
        long_ago = last is not None and self._now - last.at > self._history.init_after
        return long_ago and self._manners.company

    # ---- taking answers ------------------------------------------------------------------

    def _take_answer(self, answer: ev.Answered) -> None:
        phase = self._phase
        if not isinstance(phase, _Asking) or phase.ask.id != answer.ask:
            return  # a late answer to an ask that was given up
        said = self._history.texts(self._manners.repeat_window)
        opening = (answer.phrase or "") if phase.ask.open_with_phrase else ""
        manners = self._manners
        reply_to, last = self._history.targets(self._channel, phase.ask.target)
        given = self._history.emoji_of(phase.ask.persona, reply_to or last)
        given = given if manners.company else frozenset()
        found = tuple(judged(each, manners, said, opening, given) for each in answer.candidates)
        wordless = picked_act(found, self._draw("act"))
        if wordless is not None:
            self._do(found[wordless], phase.ask)
            return
        speaking = tuple(
            replace(each, verdict="silent") if is_wordless(each) else each for each in found
        )
        chosen, scored = choose(
            speaking,
            manners=manners,
            recent=() if phase.ask.source is PromptSource.FRESH else self._history.texts(RECENT),
            phrase=answer.phrase,
        )
        if chosen is None:
            self._came_to_nothing(phase.ask)
            return
        act = act_of(scored[chosen], reply_to, last)
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

    def _do(self, candidate: Candidate, ask: Ask) -> None:
        """An act that puts nothing into the channel: to keep a line, or to go away."""
        assert candidate.line is not None
        target, _ = self._history.targets(self._channel, ask.target)
        if candidate.line.command is Command.SAVE and target is not None:
            self._keeps.append(Keep(persona=ask.persona, message=target))
            self._history.note(target, Line(name=ask.persona, command=Command.SAVE))
        elif candidate.line.command is Command.INIT:
            self._floor.leave(ask.persona, self._now)
        self._floor.end()
        self._failures = 0
        self._restarted = False
        self._rest(self._draw("gap").uniform(*self._manners.gap_s))

    def _typing_s(self, act: Act | Picture) -> float:
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
        if self._manners.company:  # nobody is talked over who types
            until = max(until, self._hush_until())
        if self._now < until:
            return Wait(until=until)
        post = replace(phase.post, budget=self._budget())
        self._phase = _Posting(post)
        return post

    def _budget(self) -> Budget | None:
        limit = self._manners.daily_messages
        if limit is None:
            return None
        since, until = day_of(self._now, self._manners.time_zone)
        return Budget(limit=limit, since=since, until=until)

    def _posted(self, order: OrderId, message: Message | None) -> None:
        phase = self._phase
        if not isinstance(phase, _Posting) or phase.post.id != order:
            return
        if message is not None:
            self._history.add(as_remembered(message, phase.post.act))
            if self._fresh_turn and not self._is_owed():
                self._history.start_topic(message.id)
        elif isinstance(phase.post.act, React):
            self._remember_reaction(phase.post.persona, phase.post.act)
        self._floor.posted(phase.post.persona, self._now)
        self._failures = 0
        self._restarted = False
        answer_s = self._manners.answer_s if self._is_owed() else None
        self._rest(self._draw("gap").uniform(*(answer_s or self._manners.gap_s)))

    def _is_owed(self) -> bool:
        """Whether a person waits for an answer."""
        return self._floor.pending is not None or self._asked is not None

    def _remember_reaction(self, persona: PersonaName, act: React) -> None:
        self._history.react(act.message, act.emoji, clone_author(persona))

    def _take_urges(self, poll: OrderId, urges: Mapping[PersonaName, float]) -> None:
        phase = self._phase
        if isinstance(phase, _Polling) and phase.poll.id == poll:
            self._phase = replace(phase, urges=urges)

    def _fail(self, order: OrderId, until: datetime | None) -> None:
        phase = self._phase
        if until is not None:
            self._floor.keep_silent(until)
        self._take_urges(order, {})
        if isinstance(phase, _Asking) and phase.ask.id == order:
            self._came_to_nothing(phase.ask)
        elif isinstance(phase, _Held | _Posting) and phase.post.id == order:
            self._failures += 1
            self._rest(self._retry_s())

    def _came_to_nothing(self, ask: Ask) -> None:
        """No fit candidate, or no answer at all: stay silent and try another turn later."""
        self._floor.came_to_nothing(ask.target, ask.persona)
        self._failures += 1
        if self._manners.company and self._failures >= _FAILURES:
            self._floor.end()
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
