"""A word list as the floor of what clones may say: it knows words, not meanings.

The list and its reading of look-alike letters ("b1tch") come from the better-profanity package
(MIT).  Its mildest entries are everyday chat and are allowed here; the owner can allow more.
"""

import hashlib
import json
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from botconvo.conversation.events import Objection
from botconvo.safety.bad_words import bad_word_in

__all__ = ["EVERYDAY_WORDS", "WordListFilter"]

EVERYDAY_WORDS = frozenset(
    """
    arse butt crap damn damned damnit dammit doofus dopey drunk dummy facial fart fat freaking
    god gay gays glans hell hemp hobo homey horny kinky lmao lmfao loin lube moron nappy nude
    omg opiate opium organ panties pantie panty pee pimp poop pot potty prude queer queers rum
    screw screwed screwing seduce sexy sniper stoned stupid suck sucked sucking sucks teat
    teets thrust thug tit tubgirl turd ugly undies urine uterus virgin vodka vomit weed weirdo
    whiz womb yeasty bust busty breasts dink erect erection fanny jerk jerked knob knobs kwif
    lesbian lesbians menses murder naked ovary ovum pasty period piss pissed puss sandbar
    shower spac snatch toots trashy ritard willy
    """.split()
)


class WordListFilter:
    """Implements ``TextFilter``: no to a text that holds a listed word, or a bad word.

    ``bad_words`` are the owner's own; none of them is ever allowed.
    """

    def __init__(self, allowed: Iterable[str] = (), bad_words: Iterable[str] = ()) -> None:
        self.allow(allowed)
        self.forbid(bad_words)

    def allow(self, words: Iterable[str]) -> None:
        """Let these words pass, and the everyday ones, in place of those so far."""
        self._allowed = sorted(EVERYDAY_WORDS | {word.lower() for word in words})
        self.__dict__.pop("_profanity", None)

    def forbid(self, bad_words: Iterable[str]) -> None:
        """Let none of these words pass, in place of those so far."""
        self._bad_words = tuple(bad_words)

    @cached_property
    def _profanity(self) -> Any:
        from better_profanity import Profanity

        profanity = Profanity()
        profanity.load_censor_words(whitelist_words=self._allowed)
        return profanity

    def digest(self) -> str:
        """Another one for other words."""
        facts = json.dumps([self._allowed, sorted(self._bad_words)])
        return hashlib.sha256(facts.encode()).hexdigest()

    def objection(self, text: str) -> Objection | None:
        if bad_word_in(text, self._bad_words) is not None:
            return "unsafe"
        return "unsafe" if self._profanity.contains_profanity(text) else None
