"""A Markov chain of a friend's words: what copying pieces of real lines comes to.

It is taken for the friend nearly as often as the friend is, and knows nothing of any talk: no clone
should be praised for less.
"""

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import markovify

from botconvo.conversation.choice import words
from botconvo.evaluation.evidence import Place
from botconvo.transcript.grammar import Line

__all__ = ["MarkovReplies", "markov_lines"]

_STATE = 2
"""Words by which the next one is drawn, markovify's default."""


def markov_lines(lines: Sequence[str], count: int, *, seed: int = 0) -> tuple[str, ...]:
    """``count`` lines of a chain over ``lines``; copies are not left out."""
    chain = markovify.Chain([line.split() for line in lines if line.split()], _STATE)
    with _seeded(seed):
        return tuple(" ".join(chain.walk()) for _ in range(count))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """markovify draws from the one generator of the whole process."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


class MarkovReplies:
    """How much likelier a reply is behind a line, by that line's last word and its own first.

    That is all that a chain over a whole transcript knows of the line before.
    """

    def __init__(self, sessions: Sequence[Sequence[Line]], friend: str) -> None:
        runs = list(_runs(sessions, friend))
        model = markovify.Chain(runs, 1).model if runs else {}
        self._after = {state[0]: Counter(counts) for state, counts in model.items()}
        self._first = Counter(run[1] for run in runs)

    def scores(self, place: Place, candidates: Sequence[str]) -> list[float]:
        """A score for each candidate, in nats."""
        before = next((line.argument for line in reversed(place.context) if line.says), "")
        counts = self._after.get(_last(before), Counter())
        total, kinds = self._first.total(), len(self._first)
        result = []
        for candidate in candidates:
            alone = (self._first[_first(candidate)] + 1) / (total + kinds + 1)
            behind = (counts[_first(candidate)] + alone) / (counts.total() + 1)
            result.append(math.log(behind) - math.log(alone))
        return result


def _runs(sessions: Sequence[Sequence[Line]], friend: str) -> Iterator[list[str]]:
    for lines in sessions:
        before = ""
        for line in lines:
            if line.says:
                if line.name == friend and before:
                    yield [_last(before), _first(line.argument)]
                before = line.argument


def _last(text: str) -> str:
    """A mark behind it keeps the ends of lines from their beginnings."""
    return f"{(words(text) or [''])[-1]}\n"


def _first(text: str) -> str:
    return (words(text) or [text.strip()])[0]
