"""Which of several candidates is said.  Pure; a choice is a function of texts and numbers only."""

import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from botconvo.conversation.events import Candidate
from botconvo.conversation.manners import Manners
from botconvo.transcript.grammar import Command

__all__ = ["choose", "is_repeated", "words"]

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

_FOLLOWS, _PICKS_UP, _CUT_OFF, _BARE, _REACTION = 0.5, 0.3, 0.6, 0.35, 0.7
"""Worth of: taking up the last messages' words; holding the phrase; being cut off; a single word;
an emoji in place of words.  In nats of mean log-probability, found by reading talks."""


def words(text: str) -> list[str]:
    """Lower-case words, without punctuation or emoji."""
    return [word.replace("'", "") for word in _WORD.findall(text.lower())]


def is_repeated(text: str, said: Sequence[str]) -> bool:
    """Whether a text says again what stands in ``said``: the same words or a long span of them."""
    mine = words(text)
    if not mine:
        return text.strip() in (other.strip() for other in said[-6:])
    spans = _spans(mine)
    for other in said:
        theirs = words(other)
        if mine == theirs or spans & _spans(theirs):
            return True
        longer = max(len(mine), len(theirs))
        if longer >= 4 and SequenceMatcher(None, mine, theirs).ratio() >= _ALIKE:
            return True
    return _stutters(mine)


def choose(
    candidates: Sequence[Candidate],
    *,
    manners: Manners,
    recent: Sequence[str],
    phrase: str | None,
) -> tuple[int | None, tuple[Candidate, ...]]:
    """The index of the candidate to say (None: say nothing) and all of them with scores.

    ``recent`` are the last messages' texts, newest last.
    """
    if manners.choose == "longest":
        scored = tuple(replace(c, score=float(len(c.completion))) for c in candidates)
    else:
        topic = [word for text in recent[-3:] for word in words(text)]
        scored = tuple(replace(c, score=_fit(c, topic, phrase)) for c in candidates)
    fit = [i for i, candidate in enumerate(scored) if candidate.verdict == "ok"]
    if not fit:
        return None, scored
    return max(fit, key=lambda i: (scored[i].score or 0.0, -i)), scored


def _fit(candidate: Candidate, topic: Sequence[str], phrase: str | None) -> float:
    """Mean log-probability, moved by how the words follow on from what was said."""
    score = candidate.logprob if candidate.logprob is not None else -2.0
    if candidate.line is None:
        return score
    if candidate.line.command is Command.REACT:
        return score - _REACTION
    own = words(candidate.line.argument)
    taken_up = (set(own) & set(topic)) - _SMALL_WORDS
    score += _FOLLOWS * min(len(taken_up), 2) / 2
    if phrase is not None and phrase.lower() in candidate.line.argument.lower():
        score += _PICKS_UP
    if len(own) < 2:
        score -= _BARE
    return score - (_CUT_OFF if candidate.cut else 0.0)


def _spans(mine: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(mine[i : i + _SPAN]) for i in range(len(mine) - _SPAN + 1)}


def _stutters(mine: Sequence[str]) -> bool:
    """Whether one message repeats itself: "and the cat and the cat and the cat"."""
    triples = [tuple(mine[i : i + 3]) for i in range(len(mine) - 2)]
    return len(triples) - len(set(triples)) >= 2
