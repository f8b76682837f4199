"""One channel's talk as a machine: it hears events, is asked ``next(now)``, answers with orders.

It never waits, sends, logs or rolls its own dice: every draw comes from a generator seeded with the
run's seed, the channel, the turn and the purpose, so that no draw depends on how many came before.

Where a turn is stands in ``phases``.  ``Floor`` knows whether somebody may speak, ``Asker`` whom to
ask and with what, ``picking`` what becomes of the answer.  What a person writes is taken up first;
while a turn is under way it restarts that turn at most once, because a channel in which people
write fast would otherwise never get an answer.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import assert_never

from botconvo.conversation import events as ev
from botconvo.conversation import phases
from botconvo.conversation.acts import as_remembered
from botconvo.conversation.asking import Asker
from botconvo.conversation.events import Event, OrderId
from botconvo.conversation.floor import Floor, Occasion
from botconvo.conversation.history import History
from botconvo.conversation.lifespan import day_of
from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import (
    Ask,
    Budget,
    Cancel,
    Keep,
    Order,
    Post,
    PromptSource,
    React,
    Submit,
    Type,
    Wait,
    Withdraw,
)
from botconvo.conversation.pace import delay_s, retry_s, typing_s
from botconvo.conversation.phases import (
    Asking,
    Held,
    Phase,
    Polling,
    Posting,
    Resting,
    Typing,
    UnderWay,
)
from botconvo.conversation.picking import Deed, picked
from botconvo.conversation.reins import wish
from botconvo.conversation.speakers import Turn, by_urge
from botconvo.messages import AuthorId, ChannelId, Message, MessageId, clone_author
from botconvo.people import People
from botconvo.personas import Persona, PersonaName
from botconvo.transcript.grammar import Command, Line

__all__ = ["Conversation", "Saved"]

_START = datetime.min.replace(tzinfo=UTC)
_ALIVE = timedelta(hours=1)
_FAILURES = 3
"""Turns in a row that came to nothing after which clones leave it, where people are."""
_TRIES = 3
"""How often a persona that a person asked for is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a talk remembers beyond its messages, for its next start."""

    asleep: Mapping[PersonaName, datetime] = field(default_factory=dict)
    """Who is away, and until when."""


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
        self._asker = Asker(channel, manners, self._history, self._draw)
        self._phase: Phase = Resting(0.0)
        self._now = _START
        self._opened = self._paused = self._restarted = self._hindered = False
        self._steps = self._turn = self._failures = 0
        self._speed = 1.0
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
        return self._asker.temperature

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
        return self._phase.post if isinstance(self._phase, Held) else None

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
        self._manners = self._floor.manners = self._asker.manners = manners
        self._history.init_after = self._new_talk_after()

    def set_approval(self, approval: timedelta | None, *, moved: bool = False) -> None:
        """From now on lines wait so long for somebody's word (None: they do not wait).

        A line that is under way under other rules is dropped, and so it is where those who
        approve have ``moved``: they would not hear of it.
        """
        begins_or_ends = (approval is None) != (self._approval is None)
        self._approval = approval
        phase = self._phase
        if (begins_or_ends or moved) and isinstance(phase, Held | Typing):
            if (about := phases.target(phase)) is not None:
                self._floor.take_back(about, phases.speaker(phase))
            self._abandon()

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
            case ev.Closed():
                self._opened = self._hindered = False
                self._keeps.clear()
                self._steps = 0
                self._give_up()
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
            if isinstance(self._phase, UnderWay) and not self._answers_person():
                self._abandon()
            return
        busy = isinstance(self._phase, UnderWay)
        answer_s = self._manners.answer_s
        if isinstance(self._phase, Resting):
            if answer_s is not None and not waited:  # a flood must not put it off for ever
                self._rest(self._draw("answer").uniform(*answer_s))
        elif busy and not self._restarted and not self._answers_person():
            self._abandon()
            self._restarted = True

    def _answers_person(self) -> bool:
        return phases.answers_person(self._phase, company=self._manners.company)

    def _redo_if_about(self, message: MessageId) -> None:
        phase, gone = self._phase, self._history.find(message) is None
        if gone:
            self._floor.let_go(message)
        target, persona = phases.target(phase), phases.speaker(phase)
        if target == message:
            self._floor.take_back(message, persona)
            self._abandon()
        elif gone and self._manners.company and isinstance(phase, UnderWay):
            if target is not None:
                self._floor.take_back(target, persona)
            self._abandon()  # it was drafted from the words that are gone

    def _abandon(self) -> None:
        """Drop the turn that is under way; its answer dies by its id."""
        if isinstance(self._phase, Asking):
            self._cancelled = self._phase.ask.id
        elif isinstance(self._phase, Polling):
            self._cancelled = self._phase.poll.id
        elif isinstance(self._phase, Held) and self._phase.until is not None:
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
                if isinstance(self._phase, Resting):
                    self._rest(0.0)
            case ev.SetSpeed(factor=factor):
                self._speed = factor
            case ev.SetTemperature(value=value):
                self._asker.temperature = value
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
                self._asker.clear()
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
        if isinstance(self._phase, UnderWay):
            self._abandon()

    def _take_up(self, asked: ev.AskPersona) -> None:
        self._asked = asked
        if asked.message is not None:
            self._hear(asked.message)
            self._floor.let_go(asked.message.id)  # the asked one answers it, and nobody else
        elif isinstance(self._phase, Resting):
            self._rest(0.0)

    def _ignore(self, author: AuthorId) -> None:
        self._history.forget(author)
        if self._asked is not None and self._asked.message is not None:
            found = self._history.find(self._asked.message.id)
            self._asked = self._asked if found is not None else None
        for waiting in self._floor.waiting:
            if self._history.find(waiting) is None:
                self._floor.let_go(waiting)
        if isinstance(self._phase, UnderWay):
            self._abandon()  # it may have been drafted from their words

    def _approve(self, order: OrderId) -> None:
        phase = self._phase
        if isinstance(phase, Held) and phase.post.id == order:
            self._phase = Typing(phase.post, self._typing_s(phase.post))

    def _reject(self, order: OrderId) -> None:
        phase = self._phase
        if isinstance(phase, Held) and phase.post.id == order:
            self._restarted = False
            self._rest(self._draw("gap").uniform(*self._manners.gap_s))

    def _hold(self, phase: Held) -> Order:
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
        if isinstance(self._phase, Polling) or phases.speaker(self._phase) in names:
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
            case Resting(seconds=seconds, until=until):
                until = until or self._now + self._scaled(seconds)
                self._phase = Resting(seconds, until)
                return self._begin(until)
            case Polling(urges=urges) if urges is not None:
                return self._ask_chosen(self._phase, urges)
            case Held():
                return self._hold(self._phase)
            case Typing():
                return self._finish_typing(self._phase)
            case Polling() | Asking() | Posting():
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
        source, target = self._asker.source(occasion)
        turn = self._asker.clear_turn(occasion, source, target)
        if turn is not None:
            return self._ask(turn, occasion, source, target)
        if self._asker.is_polled(source, occasion.speakers):
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
        ask = self._asker.ask(self._turn, turn.persona, source, target, self._now)
        self._fresh_turn = source is PromptSource.FRESH
        self._turn += 1
        self._phase = Asking(ask, turn.reason, self._asked, more=occasion.more)
        self._asked = None
        self._floor.taken(occasion, turn.persona.name)
        return ask

    def _ask_free(self, occasion: Occasion, source: PromptSource, target: Message | None) -> Order:
        turn = self._asker.free_turn(occasion.speakers)
        if turn is not None:
            return self._ask(turn, occasion, source, target)
        return self._pass() if self._manners.company else Wait()

    def _pass(self) -> Order:
        """Nobody wants the turn: silence until something happens."""
        self._steps = 0
        self._floor.end()
        self._rest(0.0)
        return self._begin(self._now)

    def _poll(self, occasion: Occasion, source: PromptSource, target: Message | None) -> Order:
        poll = self._asker.poll(self._turn, occasion.speakers)
        self._turn += 1
        self._phase = Polling(poll, occasion, source, target)
        return poll

    def _ask_chosen(self, phase: Polling, urges: Mapping[PersonaName, float]) -> Order:
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
        if persona is None or (asked is not None and not persona.hears(asked.author)):
            return None
        by = "somebody" if asked is None else asked.author.name
        return Occasion(
            source=None if asked is None else PromptSource.PERSON,
            target=None if asked is None else self._history.find(asked.id),
            speakers=(persona,),
            turn=Turn(persona=persona, reason=f"asked by {by}"),
            owed=asked is not None,
        )

    # ---- taking answers ------------------------------------------------------------------

    def _take_answer(self, answer: ev.Answered) -> None:
        phase = self._phase
        if not isinstance(phase, Asking) or phase.ask.id != answer.ask:
            return  # a late answer to an ask that was given up
        found = picked(
            answer,
            phase.ask,
            reason=phase.reason,
            channel=self._channel,
            history=self._history,
            hearers=[each for each in self._personas if each.name == phase.ask.persona],
            manners=self._manners,
            rng=self._draw("act"),
        )
        match found:
            case None:
                self._came_to_nothing(phase.ask)
            case Deed():
                self._do(found, phase.ask.persona)
            case Post() if self._approval is not None:
                self._used(found)
                self._phase = Held(found)
            case Post():
                self._used(found)
                # Who takes single steps in a pause is waiting for this very line.
                seconds = 0.0 if self._paused else self._typing_s(found)
                self._phase = Typing(found, seconds, begins=self._typing_begins(phase, seconds))

    def _used(self, post: Post) -> None:
        if post.trace.phrase is not None:
            self._asker.used(post.trace.phrase)

    def _do(self, deed: Deed, persona: PersonaName) -> None:
        """To keep a line, or to go away."""
        if deed.line.command is Command.SAVE and deed.target is not None:
            self._keeps.append(Keep(persona=persona, message=deed.target))
            self._history.note(deed.target, Line(name=persona, command=Command.SAVE))
        elif deed.line.command is Command.INIT:
            self._floor.leave(persona, self._now)
        self._floor.end()
        self._failures = 0
        self._restarted = False
        self._rest(self._draw("gap").uniform(*self._manners.gap_s))

    def _typing_s(self, post: Post) -> float:
        return typing_s(post.act, self._manners, first=self._history.last is None)

    def _typing_begins(self, phase: Asking, seconds: float) -> datetime | None:
        """When somebody begins to type for so long who takes a while to answer."""
        last = self._history.last
        about = None if phase.ask.target is None else self._history.find(phase.ask.target)
        asked = last if about is None or about.author.kind != "person" else about
        persona = next((p for p in self._personas if p.name == phase.ask.persona), None)
        if self._paused or asked is None or persona is None or phase.more:
            return None
        delay = delay_s(persona, self._manners, self._draw("delay"))
        return asked.at + self._scaled(delay) - self._scaled(seconds)

    def _finish_typing(self, phase: Typing) -> Order:
        if phase.begins is not None and self._now < phase.begins:
            return Wait(until=phase.begins)
        until = phase.until or self._now + self._scaled(phase.seconds)
        if not phase.shown and phase.seconds > 0.0:
            self._phase = replace(phase, until=until, shown=True)
            return Type(persona=phase.post.persona)
        if self._manners.company:  # nobody is talked over who types
            until = max(until, self._hush_until())
        if self._now < until:
            return Wait(until=until)
        post = replace(phase.post, budget=self._budget())
        self._phase = Posting(post)
        return post

    def _budget(self) -> Budget | None:
        limit = self._manners.daily_messages
        if limit is None:
            return None
        since, until = day_of(self._now, self._manners.time_zone)
        return Budget(limit=limit, since=since, until=until)

    def _posted(self, order: OrderId, message: Message | None) -> None:
        phase = self._phase
        if not isinstance(phase, Posting) or phase.post.id != order:
            return
        if message is not None:
            self._history.add(as_remembered(message, phase.post.act))
            if self._fresh_turn and not self._is_owed():
                self._history.start_topic(message.id)
        elif isinstance(phase.post.act, React):
            self._remember_reaction(phase.post.persona, phase.post.act)
        writing = self._speaking() if message is not None else ()
        self._floor.posted(phase.post.persona, self._now, writing)
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
        if isinstance(phase, Polling) and phase.poll.id == poll:
            self._phase = replace(phase, urges=urges)

    def _fail(self, order: OrderId, until: datetime | None) -> None:
        phase = self._phase
        if until is not None:
            self._floor.keep_silent(until)
        self._take_urges(order, {})
        if isinstance(phase, Asking) and phase.ask.id == order:
            self._came_to_nothing(phase.ask)
        elif isinstance(phase, Held | Posting) and phase.post.id == order:
            self._failures += 1
            self._rest(self._retry_s())

    def _came_to_nothing(self, ask: Ask) -> None:
        """No fit candidate, or no answer at all: stay silent and try another turn later."""
        self._floor.came_to_nothing(ask.target, ask.persona)
        self._failures += 1
        if self._manners.company and self._failures >= _FAILURES:
            self._floor.end()
        self._restarted = False
        if isinstance(self._phase, Asking) and self._failures < _TRIES and self._asked is None:
            self._asked = self._phase.asked
        self._rest(self._retry_s() if self._failures > 1 else 0.2)

    def _retry_s(self) -> float:
        return retry_s(self._failures, self._manners)

    # ---- time and chance -----------------------------------------------------------------

    def _rest(self, seconds: float) -> None:
        self._phase = Resting(seconds)

    def _scaled(self, seconds: float) -> timedelta:
        return timedelta(seconds=seconds / self._speed)

    def _draw(self, purpose: str) -> Random:
        return Random(f"{self._seed}/{self._channel}/{self._turn}/{purpose}")
