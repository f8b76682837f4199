"""Which of several candidates is said.  Pure; a choice is a function of texts and numbers only."""

import re
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import replace
from difflib import SequenceMatcher
from math import exp

from botconvo.conversation.events import Candidate
from botconvo.conversation.manners import Manners
from botconvo.transcript.grammar import Command

__all__ = ["RECENT", "choose", "is_repeated", "repetition", "words"]

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_SMALL_WORDS = frozenset(
    """
    a about after all also am an and any are as at be because been but by can could did do does
    for from get go got had has have he her here him his how i if im in is it its just like me
    more much my no not now of off on one or our out over really she should so some than that
    thats the their them then there they this to too u up ur us very was we well were what when
    where which who why will with would yes you your
    """.split()
)
_SPAN = 5
"""Words in a row that count as repeating somebody."""
_ALIKE = 0.85
"""Similarity (difflib's ratio) from which two messages count as the same."""

_FOLLOWS, _PICKS_UP, _CUT_OFF = 0.5, 0.3, 0.6
"""Worth of: taking up the last messages' words; holding the phrase; being cut off."""
_BARE, _REACTION = 0.35, 0.7
"""What a single word and an emoji in place of words have to be likelier, in nats a token."""
_WORST = 4
"""One candidate in so many is passed over, the one that the model itself finds least likely: there
are the words that are none.  How likely the others are must not count.  The likeliest of eight has
few and common words: by character n-grams such lines were told from the friend's with an area of
0.90, the ones that were drawn first with 0.67 (``LOG.md``)."""
RECENT = 10
"""Messages that a choice looks back on."""
_TAKEN_UP_FROM = 3
"""Messages whose words are worth taking up."""
_WORN, _WORN_FROM = 0.7, 3
"""What each word costs that so many of the recent messages hold already: small models chew on one
word for ever."""
_LONG = 4
"""Letters of a word that nobody says three times in one message."""
_CIRCLE_SEEN = 12
"""Messages in which a talk is looked at for going round in circles."""
_CHEWED = re.compile(r"(\w{2,6}?)\1{3}")


def words(text: str) -> list[str]:
    """Lower-case words, without punctuation or emoji."""
    return [word.replace("'", "") for word in _WORD.findall(text.lower())]


def is_repeated(text: str, said: Sequence[str], opening: str = "") -> bool:
    """Whether a text says again what stands in ``said``: the same words or a long span of them.

    ``opening`` is a phrase that it had to begin with, and that may well stand there.
    """
    mine = words(text)
    if not mine:
        return text.strip() in (other.strip() for other in said[-6:])
    spans = _spans(mine, known=len(words(opening)))
    for other in said:
        theirs = words(other)
        if mine == theirs or spans & _spans(theirs):
            return True
        longer = max(len(mine), len(theirs))
        if longer >= 4 and SequenceMatcher(None, mine, theirs).ratio() >= _ALIKE:
            return True
    return _stutters(mine)


def repetition(texts: Sequence[str]) -> float:
    """How much a talk goes round in circles, from 0 to 1; ``texts`` are the oldest first.

    It is the share of the newer half's words that stand in the older half too.  Small words count
    only where there are no others.
    """
    said = [_content(text) for text in texts[-_CIRCLE_SEEN:]]
    half = len(said) // 2
    before = {word for text in said[:half] for word in text}
    newer = [word for text in said[half:] for word in text]
    return sum(word in before for word in newer) / len(newer) if newer else 0.0


def _content(text: str) -> list[str]:
    spoken = words(text)
    return [word for word in spoken if word not in _SMALL_WORDS] or spoken or [text.strip()]


def choose(
    candidates: Sequence[Candidate],
    *,
    manners: Manners,
    recent: Sequence[str],
    phrase: str | None,
) -> tuple[int | None, tuple[Candidate, ...]]:
    """The index of the candidate to say (None: say nothing) and all of them with scores.

    ``recent`` are the last messages' texts (``RECENT`` of them), newest last.
    """
    if manners.choose == "longest":
        scored = tuple(replace(c, score=len(c.completion) * exp(c.taste)) for c in candidates)
    else:
        worn = _worn(recent)
        topic = {word for text in recent[-_TAKEN_UP_FROM:] for word in words(text)} - worn
        by_odds = manners.choose == "likely"
        scored = tuple(
            replace(c, score=_fit(c, topic, worn, phrase) + (_likelihood(c) if by_odds else 0.0))
            for c in candidates
        )
    fit = [i for i, candidate in enumerate(scored) if candidate.verdict == "ok"]
    if manners.choose == "fitting":
        fit = _without_worst(fit, scored)
    if not fit:
        return None, scored
    return max(fit, key=lambda i: (scored[i].score or 0.0, -i)), scored


def _likelihood(candidate: Candidate) -> float:
    """Mean log-probability; a single word and an emoji have it for nothing."""
    score = candidate.logprob if candidate.logprob is not None else -2.0
    if candidate.line is None:
        return score
    if candidate.line.command is Command.REACT:
        return score - _REACTION
    return score - (_BARE if len(words(candidate.line.argument)) < 2 else 0.0)


def _without_worst(fit: Sequence[int], candidates: Sequence[Candidate]) -> list[int]:
    """Without the least likely ones, in order; all of them where the model does not tell."""
    if any(candidates[i].logprob is None for i in fit):
        return list(fit)
    by_likelihood = sorted(fit, key=lambda i: candidates[i].logprob or 0.0)
    return sorted(by_likelihood[len(fit) // _WORST :])


def _worn(recent: Sequence[str]) -> frozenset[str]:
    """Words that several of the recent messages hold."""
    counted = Counter(word for text in recent for word in set(words(text)) - _SMALL_WORDS)
    return frozenset(word for word, count in counted.items() if count >= _WORN_FROM)


def _fit(candidate: Candidate, topic: Set[str], worn: Set[str], phrase: str | None) -> float:
    """People's corrections, and how the words follow on from what was said; 0: neither counts."""
    if candidate.line is None or candidate.line.command is Command.REACT:
        return 0.0
    own = words(candidate.line.argument)
    taken_up = (set(own) & topic) - _SMALL_WORDS
    score = candidate.taste + _FOLLOWS * min(len(taken_up), 2) / 2 - _WORN * len(set(own) & worn)
    if phrase is not None and phrase.lower() in candidate.line.argument.lower():
        score += _PICKS_UP
    return score - (_CUT_OFF if candidate.cut else 0.0)


def _spans(mine: Sequence[str], known: int = 0) -> set[tuple[str, ...]]:
    """All spans but those within the first ``known`` words."""
    first = max(0, known - _SPAN + 1)
    return {tuple(mine[i : i + _SPAN]) for i in range(first, len(mine) - _SPAN + 1)}


def _stutters(mine: Sequence[str]) -> bool:
    """Whether one message repeats itself: "the cat and the cat and the cat", "soup of soup soup".

    Letters may be drawn out ("soooo"), longer pieces of a word may not ("bestestestest").
    """
    triples = [tuple(mine[i : i + 3]) for i in range(len(mine) - 2)]
    if len(triples) - len(set(triples)) >= 2:
        return True
    counted = Counter(word for word in mine if len(word) >= _LONG and word not in _SMALL_WORDS)
    if any(count >= 3 for count in counted.values()):
        return True
    return any(len(set(piece)) > 1 for word in mine for piece in _CHEWED.findall(word))
