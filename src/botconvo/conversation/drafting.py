"""An answer in a chat: whom to ask the model for, with which lines, and what of it may be said.

Pure.  Lines become prompts in ``History``, as in every other talk, and candidates are judged and
ranked as there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from botconvo.conversation.chat import CHANNEL, Chat, Deed, Offer, Tell, spoken
from botconvo.conversation.choice import RECENT, choose, is_repeated
from botconvo.conversation.events import Candidate, OrderId
from botconvo.conversation.history import History
from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import Ask, PromptSource
from botconvo.conversation.speakers import choose_speaker, named_in
from botconvo.messages import Message, clone_author
from botconvo.people import People
from botconvo.personas import Persona
from botconvo.transcript.grammar import Command, Line

__all__ = ["Drafting", "answered"]

_TRIES = 4
"""Asks in a row that may bring nothing fit to be said."""
_MOST_AT_ONCE = 16
"""Completions of one ask, so that none takes long."""
_VAIN = 2
"""Turns in a row in which the model named nobody who is here; then it is not asked who speaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafting:
    """One answer in the making: ``ask`` until it is None, and bring what came with ``drafted``.

    ``wanted`` is how many suggestions there are to be, ``opening`` words that the answer has to
    begin with.  ``names_speakers`` lets the model say who speaks, where that is open.
    """

    chat: Chat
    manners: Manners
    seed: int
    wanted: int = 1
    opening: str = ""
    names_speakers: bool = True
    found: tuple[Candidate, ...] = ()
    """What is fit to be said."""
    strangers: tuple[str, ...] = ()
    """Whom the model let speak, and who may not."""
    prompt: str = ""
    """What the model was last asked with."""
    asks: int = 0
    fruitless: int = 0
    """The last of them, as far as they brought nothing."""

    def speaker(self) -> Persona | None:
        """Who is to speak now; None leaves it to the model."""
        cast = self.chat.cast
        if len(cast) == 1 or self.opening:
            return cast[0]
        messages = self.chat.messages
        if messages and messages[-1].author.kind == "person":
            named = named_in(messages[-1].text, cast)
            if named:
                return named[0]
        if self.names_speakers and self.asks == 0 and self.chat.in_vain < _VAIN:
            return None
        history = _history(self.chat)
        turn = choose_speaker(
            cast,
            last=history.last_clone(),
            silent_for=history.silent_for(),
            manners=self.manners,
            rng=self._draw("speaker"),
        )
        return cast[0] if turn is None else turn.persona

    def ask(self) -> Ask | None:
        """What to ask the model for; None when there is enough, or when it is no use."""
        missing = self.wanted - len(self.found)
        if missing <= 0 or self.fruitless >= _TRIES:
            return None
        manners, persona = self.manners, self.speaker() or self.chat.cast[0]
        last = self.chat.messages[-1] if self.chat.messages else None
        opens = self._draw("opening").random() < manners.opening_share
        return Ask(
            id=OrderId(f"{CHANNEL}/{self.chat.asked}/{self.asks}/ask"),
            persona=persona.name,
            source=_source(last),
            target=None if last is None else last.id,
            context=self._context(persona),
            phrase_from=last.text if last is not None and opens and not self.opening else None,
            open_with_phrase=opens,
            phrase_law=manners.phrase_law,
            opening=self.opening,
            n=max(manners.samples, min(missing, _MOST_AT_ONCE)),
            sampling=manners.drawn(persona.sampling, self._draw),
            seed=self._draw("sampling").getrandbits(32),
        )

    def drafted(
        self, candidates: Sequence[Candidate], *, prompt: str = "", phrase: str | None = None
    ) -> "Drafting":
        """The same with what came back for ``ask``; what was sent, and the phrase picked for it."""
        chat = self.chat
        here = {chat.you, *(persona.name for persona in chat.cast)}
        named = [each.line.name for each in candidates if each.line is not None]
        fit = self._fit(candidates, self.opening or phrase or "")
        if self.speaker() is None:
            chat = replace(chat, in_vain=0 if here & set(named) else chat.in_vain + 1)
        strangers = (name for name in named if name not in here)
        return replace(
            self,
            chat=chat,
            found=(*self.found, *fit)[: self.wanted],
            strangers=tuple(dict.fromkeys((*self.strangers, *strangers))),
            prompt=prompt,
            asks=self.asks + 1,
            fruitless=0 if fit else self.fruitless + 1,
        )

    def _context(self, persona: Persona) -> tuple[Line, ...]:
        if not self.manners.context_lines:
            return ()
        context = _history(self.chat).context(self.manners.context_lines)
        return context or (Line(name=persona.name, command=Command.INIT),)

    def _fit(self, candidates: Sequence[Candidate], opening: str) -> tuple[Candidate, ...]:
        """Those that may be said, none twice; each speaker's best first."""
        history = _history(self.chat)
        said = history.texts(self.manners.repeat_window)
        _, scored = choose(
            candidates, manners=self.manners, recent=history.texts(RECENT), phrase=opening or None
        )
        new: dict[_Words, Candidate] = {}
        for each in scored:
            if self._may_be_said(each, said, opening):
                new.setdefault(_words(each), each)
        for found in self.found:
            new.pop(_words(found), None)
        names = list(dict.fromkeys(name for name, _, _ in new))
        best = sorted(
            new.items(), key=lambda pair: (names.index(pair[0][0]), -(pair[1].score or 0.0))
        )
        return tuple(candidate for _, candidate in best)

    def _may_be_said(self, candidate: Candidate, said: Sequence[str], opening: str) -> bool:
        line, messages = candidate.line, self.chat.messages
        if candidate.verdict != "ok" or line is None or line.name == self.chat.you:
            return False
        if line.argument in self.chat.refused:
            return False
        if line.command is not Command.REACT:
            return not is_repeated(line.argument, said, opening)
        done = {(each.emoji, each.author) for each in messages[-1].reactions} if messages else set()
        return bool(messages) and (line.argument, clone_author(line.name)) not in done

    def _draw(self, purpose: str) -> Random:
        return Random(f"{self.seed}/{CHANNEL}/{self.chat.asked}/{self.asks}/{purpose}")


def answered(drafting: Drafting, now: datetime) -> tuple[Chat, Deed]:
    """What becomes of an answer: it is said, or there is a choice, or nothing fit was found."""
    chat = drafting.chat
    lines = tuple(each.line for each in drafting.found if each.line is not None)
    if not lines:
        return chat, Tell(text="nothing fit to be said came of it; an empty line tries again")
    if drafting.wanted == 1:
        return spoken(chat, lines[0], now)
    return replace(chat, offered=lines), Offer(lines=lines)


def _history(chat: Chat) -> History:
    return History(People(), chat.init_after, chat.messages)


def _source(last: Message | None) -> PromptSource:
    if last is None:
        return PromptSource.FRESH
    return PromptSource.PERSON if last.author.kind == "person" else PromptSource.CLONE


_Words = tuple[str, Command | None, str]


def _words(candidate: Candidate) -> _Words:
    assert candidate.line is not None
    return candidate.line.name, candidate.line.command, candidate.line.argument
