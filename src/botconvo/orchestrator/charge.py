"""What the people in charge decided, for all talks of a run: the law, and what the store keeps.

It knows no conversation and no platform.
"""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

from botconvo.conversation.corrections import Correction, Judge, Judgement, judge_of
from botconvo.conversation.events import Delete, Disown, Star
from botconvo.conversation.noted import RefusedText
from botconvo.conversation.reins import Law, next_ask
from botconvo.conversation.taste import Taste, learn
from botconvo.errors import PlatformError
from botconvo.messages import AuthorId, ChannelId, Message, MessageId
from botconvo.people import People
from botconvo.ports import Clock
from botconvo.safety.refusals import Refusals
from botconvo.store import Store

__all__ = ["Charge"]

_CONTEXT = 12
"""Messages before a line that are kept with what was said of it."""


class Charge:
    """Who is ignored, which lines were noted or judged, what is never said again.

    ``refusals`` is the filter that learns from what is removed (None: nobody drafts here).  The
    ``law`` may be replaced while the talks go on.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        law: Law | None = None,
        people: People | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self.law, self.people = law or Law(), people or People()
        self._store, self._clock, self._refusals = store, clock, refusals
        self._ignored = store.ignored_authors()
        self._asked: dict[AuthorId, tuple[datetime, ...]] = {}
        self._tastes: dict[str, Taste] = {}

    def is_owner(self, author: AuthorId) -> bool:
        return author in self.law.owners

    def is_ignored(self, author: AuthorId) -> bool:
        return author in self._ignored

    def ignore(self, author: AuthorId) -> None:
        """Nothing of theirs is kept from now on, nor what was kept so far."""
        self._ignored |= {author}
        self._store.ignore_author(author, self._clock.now())

    def heed(self, author: AuthorId) -> None:
        self._ignored -= {author}
        self._store.heed_author(author)

    def let_go(self) -> None:
        """Somebody was forgotten: know no more than the store does."""
        self._ignored = self._store.ignored_authors()
        self._asked = {}
        self._tastes.clear()
        if self._refusals is not None:
            self._refusals.keep_only({each.number for each in self._store.refused_texts()})

    def check_asking(self, author: AuthorId) -> None:
        """Whether somebody may set a topic or ask a clone now, wherever they are.

        Raises:
            PlatformError: they have done so too often; it says when they may again.
        """
        now, law = self._clock.now(), self.law
        until = None if self.is_owner(author) else next_ask(self._asked.get(author, ()), now, law)
        if until is not None:
            raise PlatformError(
                f"you may ask {'once' if law.asks == 1 else f'{law.asks} times'} in "
                f"{_span(law.asks_within)}; you may again in {_span(until - now)}"
            )

    def note_ask(self, author: AuthorId) -> None:
        """Somebody has asked."""
        now = self._clock.now()
        since = now - self.law.asks_within
        asked = {who: [at for at in times if at > since] for who, times in self._asked.items()}
        self._asked = {who: tuple(times) for who, times in asked.items() if times}
        self._asked[author] = (*self._asked.get(author, ()), now)

    def refuse(self, text: str, channel: ChannelId, persona: str, by: str) -> RefusedText:
        """Let a text, and what is nearly the same, never be said again in this project."""
        refused = self._store.refuse_text(text, channel, persona, by, self._clock.now())
        if self._refusals is not None:
            self._refusals.refuse(refused.number, text)
        return refused

    def allow(self, number: int) -> None:
        """Take a refusal back.

        Raises:
            PlatformError: there is none of that number.
        """
        if not self._store.allow_text(number):
            raise PlatformError(f"no text with the number {number} was removed")
        self._tastes.clear()
        if self._refusals is not None:
            self._refusals.allow(number)

    def judge_of(self, ruling: Star | Delete | Disown, persona: str) -> Judge | None:
        """As what somebody judges a line of a persona; None: it teaches the clone nothing."""
        return judge_of(
            ruling.author,
            moderates=ruling.moderates,
            persona=persona,
            law=self.law,
            people=self.people,
        )

    def correct(
        self, line: Message, judgement: Judgement, judge: Judge, by: str, drawn: Iterable[str]
    ) -> None:
        """Keep what somebody says of a line; it counts from the next line on."""
        correction = Correction(
            line=line,
            judgement=judgement,
            judge=judge,
            by=by,
            at=self._clock.now(),
            context=self._store.live_before(line, _CONTEXT),
            drawn=tuple(drawn),
        )
        self._store.correct(correction)
        self._tastes.pop(line.author.name, None)

    def taste(self, persona: str) -> Taste:
        """What corrections say of a persona's texts; in a thread, as it may have to be learned."""
        found = self._tastes.get(persona)
        if found is None:
            found = self._tastes[persona] = learn(self._store.corrections(persona))
        return found

    def drop(self, message: MessageId) -> bool:
        """Keep a line no longer, nor what was said of it; whether there was anything."""
        self._tastes.clear()
        return self._store.drop_line(message)

    def save(self, message: Message, persona: str) -> None:
        """Put a line among those that clones saved."""
        self._store.note_line(message, "saved", persona, self._clock.now())

    def star(self, message: Message, by: str) -> bool:
        """Put a line among the favourites; False where it is one already."""
        return self._store.note_line(message, "favourite", by, self._clock.now())


def _span(time: timedelta) -> str:
    """A span in words, rounded up."""
    seconds = math.ceil(time.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes = math.ceil(seconds / 60)
    return "1 minute" if minutes == 1 else f"{minutes} minutes"
