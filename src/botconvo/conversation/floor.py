"""Who has the floor: whether somebody may speak now, about what, and who comes into question.

A ``Floor`` is the part of a ``Conversation`` that knows manners towards people.  Where there is no
company (``Manners.company``) whatever a person says is taken up next, and clones go on for ever.
In company

- whoever is named or replied to answers, one after the other, also after a sleep;
- what is said to nobody is taken up by those who want to (their talkativeness), or by nobody; a
  person who is alone with the clones is always answered;
- what people say to each other is left to them;
- clones go on among themselves until one of them leaves, their turns are used up, or they go round
  in circles; whoever left comes back, and after hours they begin by themselves;
- where a friend's hours were learned, a clone takes things up less at hours at which the friend
  hardly writes, and takes no free turn at those at which the friend never does.

Whoever writes several messages in a row, as its friend does, keeps the floor meanwhile; a person's
message ends that.

Like the conversation it never waits and rolls no dice of its own: it hears, and is asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from botconvo.conversation.choice import repetition
from botconvo.conversation.history import History
from botconvo.conversation.lifespan import ABSENT, activity, next_hour, quiet_until, span
from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import PromptSource
from botconvo.conversation.speakers import Turn, goes_on, named_in, talkativeness
from botconvo.messages import AuthorId, ChannelId, Message, MessageId
from botconvo.personas import Persona, PersonaName
from model_server.checkpoint.learned_manners import Hours

__all__ = ["Floor", "Occasion", "hearers_of", "is_for_others", "spoken_to"]

_START = datetime.min.replace(tzinfo=UTC)
_TYPING_LASTS_S = 10.0
"""Chat clients tell at most that often that somebody still types; in company that is believed."""
_MOST_WAITING = 8
"""Messages that wait for an answer; older ones are let go."""
_TRIES = 3
"""How often whoever was spoken to tries to find words."""
_COMPANY = 8
"""Messages in which nobody else wrote make a person alone with the clones."""
_COMPANY_LASTS = timedelta(minutes=30)
_CIRCLE = 6
"""Messages of clones from which it can be told that they go round in circles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Something to be said.  ``turn`` is set where it is clear who does, else one of ``speakers``.

    ``owed`` is true where somebody was spoken to, ``begins`` where a talk begins by itself, and
    ``more`` where whoever has just written writes another message.
    """

    source: PromptSource | None
    """None: whatever comes next in the talk of the clones."""
    target: Message | None = None
    speakers: tuple[Persona, ...]
    turn: Turn | None = None
    owed: bool = False
    begins: bool = False
    more: bool = False


@dataclass(slots=True)
class _Waiting:
    """A person's message that is to be taken up; who has done so, and who tried in vain."""

    answered: set[PersonaName] = field(default_factory=set)
    tries: int = 0


def spoken_to(
    message: Message, replied: Message | None, personas: Sequence[Persona]
) -> tuple[Turn, ...]:
    """Who is spoken to: whoever is replied to, else everybody who is named, in their order."""
    by = message.author.name
    if replied is not None and replied.author.kind == "clone":
        for persona in personas:
            if persona.name == replied.author.name:
                return (Turn(persona=persona, reason=f"{by} replied to it"),)
    named = named_in(message.text, personas)
    return tuple(Turn(persona=persona, reason=f"named by {by}") for persona in named)


def hearers_of(message: Message, personas: Sequence[Persona]) -> tuple[Persona, ...]:
    """Those to whom its author may talk."""
    return tuple(persona for persona in personas if persona.hears(message.author))


def is_for_others(message: Message, replied: Message | None) -> bool:
    """Whether a message that names no clone is somebody's answer to another person."""
    if replied is None:
        return False
    return replied.author.kind != "clone" and replied.author.id != message.author.id


class Floor:
    """See the module.  ``draw`` gives the generator of a purpose."""

    def __init__(
        self,
        channel: ChannelId,
        manners: Manners,
        history: History,
        draw: Callable[[str], Random],
        asleep: Mapping[PersonaName, datetime],
    ) -> None:
        self.manners = manners
        self._channel, self._history, self._draw = channel, history, draw
        self._waiting: dict[MessageId, _Waiting] = {}
        self._typing: dict[AuthorId, datetime] = {}
        self._spoke: dict[PersonaName, datetime] = {}
        self._asleep = dict(asleep)
        self._woken: PersonaName | None = None
        self._row: tuple[PersonaName, int] | None = None
        self._goes_on: PersonaName | None = None
        self._spent = _START
        self._has_ended = manners.company and history.last is not None
        self._alone = False

    # ---- what is heard -------------------------------------------------------------------

    @property
    def pending(self) -> MessageId | None:
        """The newest message of a person that waits to be taken up."""
        return next(reversed(self._waiting), None)

    @property
    def waiting(self) -> tuple[MessageId, ...]:
        """All messages that wait to be taken up, the oldest first."""
        return tuple(self._waiting)

    @property
    def asleep(self) -> Mapping[PersonaName, datetime]:
        """Who is away, and until when."""
        return dict(self._asleep)

    def hear(self, message: Message, personas: Sequence[Persona]) -> bool:
        """Take note of what a person said; whether it is anything for the clones."""
        self._typing.pop(message.author.id, None)  # whoever typed has sent it
        self._row = self._goes_on = None
        if personas and not hearers_of(message, personas):
            self._has_ended = self.manners.company  # people talk, and to nobody here
            return False
        if not self.manners.company:
            self._waiting.clear()
            self._waiting[message.id] = _Waiting()
            self._has_ended = False
            return True
        if message.channel == self._channel:
            self._alone, self._woken = False, None
            if self._goes_round(message):
                self._history.start_topic(message.id)
        replied = self._replied(message)
        if is_for_others(message, replied) and not spoken_to(message, replied, personas):
            self._has_ended = True
            if replied is not None and not self.turns(replied, personas):
                self._waiting.pop(replied.id, None)  # a person has taken it up
            return False
        self._waiting[message.id] = _Waiting()
        while len(self._waiting) > _MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
        return True

    def see_typing(self, author: AuthorId, at: datetime) -> None:
        """Take note that a person types."""
        self._typing[author] = max(at, self._typing.get(author, _START))

    def take_back(self, message: MessageId, persona: PersonaName | None) -> None:
        """What ``persona`` was about to answer is to be answered anew, or is gone."""
        found = self._history.find(message)
        if found is None or found.author.kind != "person":
            self._waiting.pop(message, None)
            return
        waiting = self._waiting.pop(message, _Waiting())
        waiting.answered -= {persona} if persona is not None else set()
        self._waiting = {message: waiting, **self._waiting}

    def let_go(self, message: MessageId | None = None) -> None:
        """Nothing waits for an answer any more, or this message does not."""
        if message is None:
            self._waiting.clear()
            self._row = self._goes_on = None
        else:
            self._waiting.pop(message, None)

    def reacted(self, message: MessageId, by_person: bool) -> None:
        """A person's emoji on a clone's message lets the clones go on."""
        found = self._history.find(message)
        if by_person and found is not None and found.author.kind == "clone":
            self._has_ended = False

    # ---- what is decided -----------------------------------------------------------------

    def hush_until(self, now: datetime, scaled: Callable[[float], timedelta]) -> datetime:
        """When nobody types any more who was seen typing."""
        company = self.manners.company
        lasts = scaled(max(self.manners.hush_s, _TYPING_LASTS_S if company else 0.0))
        until = max((min(at, now) + lasts for at in self._typing.values()), default=_START)
        if until <= now:
            self._typing.clear()
        return until

    def occasion(
        self,
        now: datetime,
        personas: Sequence[Persona],
        *,
        forced: bool,
        cool: timedelta,
        asked: Occasion | None = None,
    ) -> Occasion | datetime | None:
        """What is to be said next; else when to look again (None: when something is heard).

        ``forced`` lets somebody speak in any case, ``cool`` is how long whoever has spoken rests.
        ``asked`` is the turn that a person gave away: whoever has it comes back for it.
        """
        if not self.manners.company:
            return asked or self._without_company(personas, forced=forced)
        self._wake(now)
        if not forced and (until := self._silent_until(now)) is not None:
            return min([until, *self._asleep.values()])
        if asked is not None:
            for persona in asked.speakers:
                self._asleep.pop(persona.name, None)
            return asked
        if not forced and self.is_over_the_limit(alone=True):
            self._waiting.clear()  # nobody gets answers without end for what was said at once
        found = self._owed(personas) or self._taken_up(now, personas, cool)
        if found is None:
            there = self._there(personas, now)
            found = self._free(now, there, cool, forced=forced) or self._begun(now, there)
        if isinstance(found, Occasion):
            return found
        times = (at for at in (*self._times(found), *self._hours_begin(now, personas)) if at > now)
        return min(times, default=None)

    def taken(self, occasion: Occasion, persona: PersonaName) -> None:
        """``persona`` has begun to draft for it."""
        if occasion.begins:
            self._alone = True
        self._has_ended, self._woken, self._goes_on = False, None, None
        target = occasion.target
        if target is None or target.id not in self._waiting:
            return
        if not occasion.owed:
            del self._waiting[target.id]
            return
        waiting = self._waiting[target.id]
        waiting.answered.add(persona)

    def came_to_nothing(self, target: MessageId | None, persona: PersonaName) -> None:
        """``persona`` found no words; whoever was spoken to tries again."""
        waiting = self._waiting.get(target) if target is not None else None
        if waiting is not None and waiting.tries + 1 < _TRIES:
            waiting.tries += 1
            waiting.answered.discard(persona)

    def posted(self, name: PersonaName, now: datetime, personas: Sequence[Persona]) -> None:
        """``name`` has spoken; if it is one of ``personas``, it may have more to write."""
        self._spoke[name] = now
        row = self._row[1] + 1 if self._row is not None and self._row[0] == name else 1
        self._row = (name, row)
        spoke = next((persona for persona in personas if persona.name == name), None)
        goes = spoke is not None and goes_on(spoke, row, self.manners, self._draw("row"))
        self._goes_on = name if goes else None

    def keep_silent(self, until: datetime) -> None:
        """Nothing can be posted before then."""
        self._spent = max(self._spent, until)

    def leave(self, persona: PersonaName, now: datetime) -> None:
        """``persona`` goes away for a while."""
        bounds = self.manners.sleep_s
        if bounds is not None and bounds[1] > 0.0:
            last = self._history.last
            rng = self._draw(f"sleep/{persona}/{last.id if last else ''}")
            self._asleep[persona] = now + span(bounds, rng)

    def end(self) -> None:
        """Nobody goes on of their own accord until something happens."""
        self._has_ended, self._goes_on = True, None

    def is_over_the_limit(self, *, alone: bool) -> bool:
        """Whether the clones have used up their turns; some are kept for a talk begun ``alone``."""
        limit = self.manners.limit
        if limit is None:
            return False
        kept = 0 if alone or not self._starts() else self.manners.opening_turns
        return self._history.clone_run(self._channel) >= max(min(1, limit), limit - kept)

    # ---- without company -----------------------------------------------------------------

    def _without_company(self, personas: Sequence[Persona], *, forced: bool) -> Occasion | None:
        pending = self.pending
        target = None if pending is None else self._history.find(pending)
        hearing = personas if target is None else hearers_of(target, personas)
        if not hearing:
            self._waiting.clear()  # whoever may hear it has left
        elif pending is not None:
            turns = () if target is None else self.turns(target, personas)
            return Occasion(
                source=PromptSource.PERSON,
                target=target,
                speakers=tuple(hearing),
                turn=turns[0] if turns else None,
            )
        if self._has_ended and not forced:
            return None
        if not forced and self.is_over_the_limit(alone=True):
            return None
        return self._going_on(personas) or Occasion(source=None, speakers=tuple(personas))

    def _going_on(self, personas: Sequence[Persona]) -> Occasion | None:
        """Another message of whoever writes several in a row."""
        persona = next((each for each in personas if each.name == self._goes_on), None)
        if persona is None:
            return None
        turn = Turn(persona=persona, reason="goes on, as its friend writes several in a row")
        return Occasion(source=None, speakers=(persona,), turn=turn, more=True)

    # ---- in company ----------------------------------------------------------------------

    def _silent_until(self, now: datetime) -> datetime | None:
        quiet = quiet_until(now, self.manners.quiet_hours, self.manners.time_zone)
        until = max(quiet or _START, self._spent)
        return until if until > now else None

    def _wake(self, now: datetime) -> None:
        for persona in [name for name, until in self._asleep.items() if until <= now]:
            del self._asleep[persona]
            self._woken = persona

    def _there(self, personas: Sequence[Persona], now: datetime) -> tuple[Persona, ...]:
        return tuple(
            persona
            for persona in personas
            if persona.name not in self._asleep and self._activity(persona, now) >= ABSENT
        )

    def _activity(self, persona: Persona, now: datetime) -> float:
        return activity(self._hours_of(persona), now)

    def _hours_of(self, persona: Persona) -> Hours | None:
        known = persona.learned if self.manners.learned_manners else None
        return None if known is None else known.hours

    def _hours_begin(self, now: datetime, personas: Sequence[Persona]) -> list[datetime]:
        """When those come whose hour it is not."""
        hours = [self._hours_of(persona) for persona in personas]
        return [
            next_hour(each, now)
            for each in hours
            if each is not None and activity(each, now) < ABSENT
        ]

    def _times(self, other: datetime | None) -> list[datetime]:
        """When something changes by itself."""
        due = self._due()
        times = [*self._asleep.values(), *([due] if due is not None else [])]
        return times + ([other] if other is not None else [])

    def turns(self, message: Message, personas: Sequence[Persona]) -> tuple[Turn, ...]:
        """Who is spoken to with a person's message, of those who may hear it."""
        return spoken_to(message, self._replied(message), hearers_of(message, personas))

    def _replied(self, message: Message) -> Message | None:
        return None if message.reply_to is None else self._history.find(message.reply_to)

    def _owed(self, personas: Sequence[Persona]) -> Occasion | None:
        """An answer by somebody who was spoken to, the oldest first."""
        for message_id, waiting in list(self._waiting.items()):
            message = self._history.find(message_id)
            if message is None:
                del self._waiting[message_id]
                continue
            turns = self.turns(message, personas)
            left = [turn for turn in turns if turn.persona.name not in waiting.answered]
            if turns and not left:
                del self._waiting[message_id]
            for turn in left:
                if self._wakes_for(message, turn.persona.name, self.manners.asleep_named):
                    return Occasion(
                        source=PromptSource.PERSON,
                        target=message,
                        speakers=(turn.persona,),
                        turn=turn,
                        owed=True,
                    )
        return None

    def _wakes_for(self, message: Message, persona: PersonaName, odds: float) -> bool:
        """Whether somebody hears a message: whoever is away may come back for it."""
        if persona not in self._asleep:
            return True
        if self._draw(f"wakes/{persona}/{message.id}").random() >= odds:
            return False
        del self._asleep[persona]
        return True

    def _taken_up(
        self, now: datetime, personas: Sequence[Persona], cool: timedelta
    ) -> Occasion | datetime | None:
        """The newest message that was said to nobody, if somebody wants to take it up."""
        message = self._unaddressed(personas)
        if message is None:
            return None
        personas = hearers_of(message, personas)
        willing = tuple(persona for persona in personas if self._wants(persona, message, now))
        if not willing and self._is_alone_with_them(message):
            willing = self._there(personas, now) or tuple(personas)
        if not willing:
            self._waiting.pop(message.id, None)
            self._has_ended = True
            return None
        fresh = [persona for persona in willing if self._cooled(persona.name, cool) <= now]
        if not fresh:
            return min(self._cooled(persona.name, cool) for persona in willing)
        for persona in fresh:
            self._asleep.pop(persona.name, None)
        return Occasion(source=PromptSource.PERSON, target=message, speakers=tuple(fresh))

    def _unaddressed(self, personas: Sequence[Persona]) -> Message | None:
        """The newest of them; the older ones are let go."""
        found: Message | None = None
        for message_id in list(self._waiting):
            message = self._history.find(message_id)
            if message is None or self.turns(message, personas):
                continue  # somebody who is away was spoken to
            if found is not None:
                del self._waiting[found.id]
            found = message
        return found

    def _wants(self, persona: Persona, message: Message, now: datetime) -> bool:
        key = f"{persona.name}/{message.id}"
        if self.manners.speakers == "uniform":
            return persona.name not in self._asleep
        hears = self._draw(f"hears/{key}").random() < self.manners.asleep_answer
        if persona.name in self._asleep and not hears:
            return False
        eager = talkativeness(persona, self.manners) * self._activity(persona, now)
        return self._draw(f"wants/{key}").random() < eager

    def _is_alone_with_them(self, message: Message) -> bool:
        if message.channel != self._channel:
            return False
        lately = [m for m in self._history.messages if m.at > message.at - _COMPANY_LASTS]
        return all(
            m.author.kind == "clone" or m.author.id == message.author.id for m in lately[-_COMPANY:]
        )

    def _free(
        self, now: datetime, there: Sequence[Persona], cool: timedelta, *, forced: bool
    ) -> Occasion | datetime | None:
        """The next turn in the talk of the clones."""
        woken = next((persona for persona in there if persona.name == self._woken), None)
        if not forced:
            if self.is_over_the_limit(alone=self._alone) or self._goes_round(None):
                return None
            if woken is not None:
                turn = Turn(persona=woken, reason="back after a while")
                return Occasion(source=None, speakers=(woken,), turn=turn)
            if self._has_ended or not there:
                return None
            if (more := self._going_on(there)) is not None:
                return more
            if self._somebody_leaves(now, there):
                return None
        fresh = [persona for persona in there if self._cooled(persona.name, cool) <= now]
        if fresh or forced:
            return Occasion(source=None, speakers=tuple(fresh or there))
        return min(self._cooled(persona.name, cool) for persona in there)

    def _somebody_leaves(self, now: datetime, there: Sequence[Persona]) -> bool:
        last = self._history.last
        if last is None or last.author.kind != "clone":
            return False
        if self._draw(f"goes on/{last.id}").random() < self.manners.go_on:
            return False
        self.leave(self._draw(f"leaves/{last.id}").choice(there).name, now)
        self._has_ended = True
        return True

    def _begun(self, now: datetime, there: Sequence[Persona]) -> Occasion | None:
        """A talk that begins by itself after a long silence."""
        due = self._due()
        if due is None or now < due:
            return None
        uniform = self.manners.speakers == "uniform"
        eager = tuple(each for each in there if uniform or talkativeness(each, self.manners) > 0.0)
        if not eager:
            return None  # whoever speaks only when spoken to begins no talk
        return Occasion(source=PromptSource.FRESH, speakers=eager, begins=True)

    def _due(self) -> datetime | None:
        """When a talk begins by itself; the same after a restart."""
        last, bounds = self._history.last, self.manners.start_alone_s
        if last is None or bounds is None or not self._starts():
            return None
        if self.is_over_the_limit(alone=True):
            return None
        return last.at + span(bounds, Random(f"{self._channel}/{last.id}/alone"))

    def _starts(self) -> bool:
        bounds = self.manners.start_alone_s
        return bounds is not None and bounds[1] > 0.0

    def _cooled(self, persona: PersonaName, cool: timedelta) -> datetime:
        return self._spoke[persona] + cool if persona in self._spoke else _START

    def _goes_round(self, before: Message | None) -> bool:
        """Whether the clones said the same things again and again (``before`` this message)."""
        if self.manners.brake >= 1.0:
            return False
        texts = self._history.clone_texts(self._channel, before)
        return len(texts) >= _CIRCLE and repetition(texts) >= self.manners.brake
