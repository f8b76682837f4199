"""What corrections say of a text: how much it is like the lines that were liked.  Pure.

A ridge regression on words, letters and habits: +1 for a line that was kept, below 0 for one that
was not, 0 for what was drawn beside it and for all that no correction tells of.  Few corrections
move little, and none move nothing.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from botconvo.conversation.choice import words
from botconvo.conversation.corrections import Correction, Judgement
from botconvo.conversation.events import Candidate
from botconvo.conversation.near_copies import Folded, are_near, fold

__all__ = ["Taste", "learn", "tasted"]

_WORTH: Mapping[Judgement, float] = {"good": 1.0, "bad": -1.0, "never": -1.5}
_LEARNED = 200
"""The newest corrections of a persona that are learned from: as many as take 0.1 s."""
_DRAWN = 400
"""The same of what was drawn beside them."""
_DRAWN_COUNTS = 0.25
"""Nobody has judged what was drawn beside a line; it tells what is usual."""
_SHRINKAGE = 2.0
"""Strength of the prior that nothing matters, in corrections."""
_NATS = 3.0
"""From the regression's scale to that of mean log-probabilities."""
_MOST = 2.0
"""Nats that a taste may add or take at most: what the model itself finds absurd stays so."""
_WORD, _PAIR, _LETTERS, _HABIT = 0.6, 0.4, 0.7, 0.3
"""Size of a word, of two words in a row, of all letters together, of a habit."""
_LENGTHS = (1, 3, 7, 15)
"""Words up to which a line is of one class of length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """``weights`` are nats by feature; ``never`` are lines that are never said again."""

    weights: Mapping[str, float] = field(default_factory=dict)
    never: tuple[Folded, ...] = ()

    def worth(self, text: str) -> float:
        """Nats to be added to a text's score, from ``-_MOST`` to ``_MOST``."""
        if not self.weights:
            return 0.0
        total = sum(self.weights.get(name, 0.0) * size for name, size in _features(text).items())
        return max(-_MOST, min(_MOST, total))

    def forbids(self, text: str) -> bool:
        """Whether a text is nearly the same as one that the person would never say."""
        if not self.never:
            return False
        mine = fold(text)
        return any(are_near(mine, other) for other in self.never)


def learn(corrections: Sequence[Correction]) -> Taste:
    """The taste that follows from the corrections of one persona, oldest first."""
    latest = corrections[-_LEARNED:]
    judged = [(each.text, _WORTH[each.judgement]) for each in latest if each.text.strip()]
    drawn = [text for each in latest for text in each.drawn if text != each.text][-_DRAWN:]
    never = tuple(fold(each.text) for each in corrections if each.judgement == "never")
    return Taste(weights=_regression(judged, drawn) if judged else {}, never=never)


def tasted(candidates: Iterable[Candidate], taste: Taste) -> tuple[Candidate, ...]:
    """The candidates with what the taste says of their words."""
    return tuple(_tasted(candidate, taste) for candidate in candidates)


def _tasted(candidate: Candidate, taste: Taste) -> Candidate:
    line = candidate.line
    if line is None or not line.says or candidate.verdict != "ok":
        return candidate
    if taste.forbids(line.argument):
        return replace(candidate, verdict="disowned")
    return replace(candidate, taste=taste.worth(line.argument))


def _regression(judged: Sequence[tuple[str, float]], drawn: Sequence[str]) -> dict[str, float]:
    """Weights in nats, by kernel ridge regression: there are more features than texts."""
    found = [_features(text) for text, _ in judged] + [_features(text) for text in drawn]
    names = {name: place for place, name in enumerate(dict.fromkeys(n for f in found for n in f))}
    texts = np.zeros((len(found), len(names)))
    for row, features in enumerate(found):
        texts[row, [names[name] for name in features]] = list(features.values())
    wanted = np.array([worth for _, worth in judged] + [0.0] * len(drawn))
    doubt = np.array([1.0] * len(judged) + [1 / _DRAWN_COUNTS] * len(drawn)) * _SHRINKAGE
    duals = np.linalg.solve(texts @ texts.T + np.diag(doubt), wanted)
    weights = _NATS * (texts.T @ duals)
    return {name: float(weights[place]) for name, place in names.items()}


def _features(text: str) -> dict[str, float]:
    said = words(text)
    found = dict.fromkeys((f"w {word}" for word in said), _WORD)
    found |= dict.fromkeys((f"p {a} {b}" for a, b in pairwise(said)), _PAIR)
    padded = f" {' '.join(text.lower().split())} "
    letters = Counter(padded[at : at + 3] for at in range(len(padded) - 2))
    norm = math.sqrt(sum(count * count for count in letters.values())) or 1.0
    found |= {f"l {three}": _LETTERS * count / norm for three, count in letters.items()}
    return found | dict.fromkeys((f"h {habit}" for habit in _habits(text, len(said))), _HABIT)


def _habits(text: str, many: int) -> Iterable[str]:
    yield f"length {sum(many > most for most in _LENGTHS)}"
    if any(ord(sign) >= 0x2190 for sign in text):  # arrows, symbols and emoji
        yield "emoji"
    if any(sign.isupper() for sign in text):
        yield "shouts" if text.isupper() and len(text) > 3 else "capitals"
    for sign in "!?.,":
        if sign in text:
            yield sign
