"""Whom a talk asks for its next line, and with what: polls and asks.

An ``Asker`` is the part of a ``Conversation`` that turns an occasion into an order.  It decides
nothing about when; the conversation hands it the turn's number, and every draw follows from that.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from random import Random

from botconvo.conversation.events import OrderId
from botconvo.conversation.floor import Occasion, spoken_to
from botconvo.conversation.history import History
from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import Ask, Poll, PromptSource
from botconvo.conversation.speakers import Turn, choose_speaker, named_in
from botconvo.messages import ChannelId, Message
from botconvo.personas import Persona
from botconvo.transcript.grammar import Command, Line

__all__ = ["Asker"]

_PHRASES_AVOIDED = 6
"""Phrases used lately are not picked again."""


class Asker:
    """See the module.  ``draw`` gives the generator of a purpose."""

    def __init__(
        self, channel: ChannelId, manners: Manners, history: History, draw: Callable[[str], Random]
    ) -> None:
        self.manners = manners
        self.temperature: float | None = None
        """Every persona's, instead of its own."""
        self._channel, self._history, self._draw = channel, history, draw
        self._phrases: tuple[str, ...] = ()

    def used(self, phrase: str) -> None:
        """Take note of a phrase that a line was made from."""
        self._phrases = (*self._phrases, phrase)[-_PHRASES_AVOIDED:]

    def clear(self) -> None:
        """Forget which phrases were used."""
        self._phrases = ()

    # ---- about what ----------------------------------------------------------------------

    def source(self, occasion: Occasion) -> tuple[PromptSource, Message | None]:
        """What the next line is drawn from, and the message in question."""
        if occasion.source is not None:
            return occasion.source, occasion.target
        last = self._history.last_heard(occasion.speakers)
        fresh = self._draw("fresh").random() < self.manners.fresh_share
        tired = len(self._history.topic()) >= self.manners.fresh_after
        if last is None or fresh or tired:
            return PromptSource.FRESH, None
        kind = PromptSource.PERSON if last.author.kind == "person" else PromptSource.CLONE
        return kind, last

    # ---- whom ----------------------------------------------------------------------------

    def clear_turn(
        self, occasion: Occasion, source: PromptSource, target: Message | None
    ) -> Turn | None:
        """Whose turn it is where no model has to be asked and no dice decide between several."""
        return occasion.turn or self._named(source, target, occasion.speakers)

    def _named(
        self, source: PromptSource, target: Message | None, speakers: Sequence[Persona]
    ) -> Turn | None:
        if target is None or source is PromptSource.FRESH:
            return None
        if target.author.kind == "person":
            replied = None if target.reply_to is None else self._history.find(target.reply_to)
            return next(iter(spoken_to(target, replied, speakers)), None)
        last = self._history.last_clone()
        named = [p for p in named_in(target.text, speakers) if p.name != last]
        if not named or self._draw("named").random() >= self.manners.named_speaker:
            return None
        return Turn(persona=named[0], reason=f"named by {target.author.name}")

    def free_turn(self, speakers: Sequence[Persona]) -> Turn | None:
        """One of those who may speak; None where nobody wants to."""
        uniform = self.manners.speakers == "uniform"
        return choose_speaker(
            speakers,
            last=self._history.latest_clone() if uniform else self._history.last_clone(),
            silent_for=self._history.silent_for(),
            manners=self.manners,
            rng=self._draw("speaker"),
        )

    def is_polled(self, source: PromptSource, speakers: Sequence[Persona]) -> bool:
        """Whether the models say who speaks; nothing said yet tells them nothing."""
        by_models = self.manners.speakers in ("scored", "lurk")
        return by_models and source is not PromptSource.FRESH and bool(speakers)

    # ---- orders --------------------------------------------------------------------------

    def poll(self, turn: int, speakers: Sequence[Persona]) -> Poll:
        """The question to the models who of these speaks; they are told what all of them hear."""
        return Poll(
            id=OrderId(f"{self._channel}/{turn}/poll"),
            personas=tuple(persona.name for persona in speakers),
            context=self._history.context(max(1, self.manners.context_lines), speakers),
        )

    def ask(
        self,
        turn: int,
        persona: Persona,
        source: PromptSource,
        target: Message | None,
        now: datetime,
    ) -> Ask:
        """The order for one persona's line."""
        manners = self.manners
        sampling = manners.drawn(persona.sampling, self._draw)
        if self.temperature is not None:
            sampling = replace(sampling, temperature=self.temperature)
        return Ask(
            id=OrderId(f"{self._channel}/{turn}/ask"),
            persona=persona.name,
            source=source,
            target=None if target is None else target.id,
            context=self._context(persona, now, fresh=source is PromptSource.FRESH),
            phrase_from=None if target is None else target.text,
            open_with_phrase=self._draw("opening").random() < manners.opening_share,
            phrase_law=manners.phrase_law,
            avoid=self._phrases,
            n=manners.samples,
            sampling=sampling,
            seed=self._draw("sampling").getrandbits(32),
        )

    def _context(self, persona: Persona, now: datetime, *, fresh: bool) -> tuple[Line, ...]:
        """The lines before; one says so where the talk begins or is picked up."""
        lines = self.manners.context_lines
        context = self._history.context(0 if fresh else lines, (persona,))
        if lines and (fresh or self._is_picked_up(now)):
            return (*context, Line(name=persona.name, command=Command.INIT))
        return context

    def _is_picked_up(self, now: datetime) -> bool:
        last = self._history.last
        long_ago = last is not None and now - last.at > self._history.init_after
        return long_ago and self.manners.company
