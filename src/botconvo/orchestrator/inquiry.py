"""Answers to what people ask about one talk, from what the talk and the store know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from botconvo.conversation.orders import Trace
from botconvo.conversation.reins import Law
from botconvo.errors import PlatformError
from botconvo.messages import ChannelId, Message, MessageId
from botconvo.orchestrator import answers
from botconvo.orchestrator.cast import CastMember
from botconvo.personas import PersonaName
from botconvo.ports import (
    Answer,
    Help,
    Info,
    Limits,
    Lines,
    MayAsk,
    Query,
    Recent,
    Removed,
    ShownState,
    Status,
    Who,
    Why,
)
from botconvo.store import Store

__all__ = ["Inquiry"]

_RECENT = 25
"""Lines that are offered to choose from: as many as Discord shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """A talk as it is when somebody asks."""

    channel: ChannelId
    state: ShownState
    messages: Sequence[Message]
    traces: Mapping[MessageId, Trace]
    members: Mapping[PersonaName, CastMember]
    law: Law
    limits: Limits
    turn_limit: int | None
    store: Store
    now: datetime

    def answer(self, query: Query) -> Answer:
        """
        Raises:
            PlatformError: there is no such message or persona.
        """
        match query:
            case Who():
                names = tuple(name for name, _ in self.state.personas)
                return Answer(text=answers.who(self.state), personas=names)
            case Why(message=message):
                return Answer(text=self._why(message))
            case Status():
                text = answers.status(self.state, self.law, turn_limit=self.turn_limit)
                return Answer(text=text)
            case Info(persona=persona):
                return Answer(text=self._info(persona))
            case Help():
                text = answers.help_text(self.law, commands=self.limits.commands)
                return Answer(text=text)
            case Recent():
                lines = self._clone_lines()[:_RECENT]
                return Answer(text=answers.recent(lines), messages=tuple(lines))
            case Lines(kind=kind, everywhere=everywhere):
                noted = self.store.noted_lines(kind, None if everywhere else self.channel)
                return Answer(text=answers.lines_text(noted), noted=noted)
            case Removed(everywhere=everywhere):
                texts = self.store.refused_texts()
                here = tuple(each for each in texts if everywhere or each.channel == self.channel)
                return Answer(text=answers.removed_text(here), refused=here)
            case MayAsk():
                return Answer(text="you may ask")
            case _:
                assert_never(query)

    def _clone_lines(self) -> list[Message]:
        return [each for each in reversed(self.messages) if each.author.kind == "clone"]

    def _why(self, message: MessageId | None) -> str:
        known = {each.id: each for each in self.messages}
        if message is None:
            message = next(
                (each.id for each in self._clone_lines() if each.id in self.traces), None
            )
            if message is None:
                raise PlatformError("nothing to explain yet")
        if message not in known or message not in self.traces:
            raise PlatformError("why that was said is not known any more")
        trace = self.traces[message]
        target = known.get(trace.target) if trace.target is not None else None
        return answers.why(known[message], trace, target)

    def _info(self, name: PersonaName) -> str:
        member, state = self.members.get(name), dict(self.state.personas).get(name)
        if member is None or state is None:
            there = ", ".join(self.members) or "nobody"
            raise PlatformError(f"there is no {name} here; there is {there}")
        person = member.person
        record = None
        if person is not None:
            record = self.store.live_record(person, self.now)
        return answers.info(member.persona, state, record, real=person is not None)
