"""Habits of writing as distributions, and how far two heaps of messages lie apart.  Pure.

Distances are Jensen-Shannon distances with logarithms to base 2: 0 for the same distribution, 1
where nothing is shared.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from botconvo.conversation.choice import words
from botconvo.evaluation.evidence import Said
from botconvo.evaluation.intervals import Estimate, Indices, bootstrap

__all__ = [
    "Habit",
    "HabitFound",
    "compare",
    "habits",
    "jensen_shannon",
    "known_words",
    "mean_words",
]

_CUSTOM_EMOJI = re.compile(r":\w{2,32}:")
_SMILEY = re.compile(r"(?<!\w)(?:[:;=8xX]['-]?[)(DPpOo3/|\\]|<3|\^\^|[xX]D)(?!\w)")
_LETTERS = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_MARKS = ".,!?'\"-:;()*/"
_LENGTHS = (1, 2, 3, 5, 8, 12, 20)
_SHORTEST_ODD = 3
"""Letters of a word that can be spelled oddly."""

Count = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """What is counted in a message: it adds to one or several of ``kinds``."""

    name: str
    kinds: tuple[str, ...]
    kinds_of: Callable[[str], Iterable[str]]

    def counts(self, text: str) -> Count:
        """How often each kind is in a text."""
        found = Counter(self.kinds_of(text))
        return np.array([found[kind] for kind in self.kinds], dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class HabitFound:
    """Two heaps compared: the distance, and the share of each kind in either."""

    name: str
    kinds: tuple[str, ...]
    distance: Estimate | None
    first: tuple[float, ...]
    second: tuple[float, ...]


def habits(known: frozenset[str]) -> tuple[Habit, ...]:
    """All of them; a word that is not in ``known`` counts as oddly spelled."""

    def odd(text: str) -> Iterable[str]:
        found = [word.casefold() for word in _LETTERS.findall(text)]
        strange = sum(len(word) >= _SHORTEST_ODD and word not in known for word in found)
        return ("none" if not strange else "one" if strange == 1 else "more",)

    return (
        Habit(name="length", kinds=_length_kinds(), kinds_of=_length),
        Habit(name="emoji", kinds=("none", "one", "two", "more"), kinds_of=_emoji),
        Habit(
            name="capitals",
            kinds=("none", "First", "Mixed", "ALL", "no letters"),
            kinds_of=_capitals,
        ),
        Habit(
            name="ending",
            kinds=("letter", ".", "!", "?", "...", "emoji", "other"),
            kinds_of=_ending,
        ),
        Habit(name="punctuation", kinds=(*_MARKS, "none"), kinds_of=_punctuation),
        Habit(name="unusual words", kinds=("none", "one", "more"), kinds_of=odd),
    )


def known_words(earlier: Iterable[Sequence[Said]]) -> frozenset[str]:
    """Words that at least two people have written: typing errors are mostly one's own."""
    writers = Counter(
        word
        for said in earlier
        for word in {w.casefold() for each in said for w in _LETTERS.findall(each.text)}
    )
    return frozenset(word for word, count in writers.items() if count > 1)


def _length_kinds() -> tuple[str, ...]:
    first = [str(low) if low == high else f"{low}-{high}" for low, high in _spans()]
    return (*first, f"over {_LENGTHS[-1]}")


def _spans() -> list[tuple[int, int]]:
    lows = (1, *(high + 1 for high in _LENGTHS[:-1]))
    return list(zip(lows, _LENGTHS, strict=True))


def _length(text: str) -> Iterable[str]:
    count = max(1, len(text.split()))
    kinds = _length_kinds()
    place = next((i for i, high in enumerate(_LENGTHS) if count <= high), len(_LENGTHS))
    return (kinds[place],)


def _pictures(text: str) -> int:
    signs = sum(unicodedata.category(sign) == "So" for sign in text)
    return signs + len(_CUSTOM_EMOJI.findall(text)) + len(_SMILEY.findall(text))


def _emoji(text: str) -> Iterable[str]:
    return (("none", "one", "two", "more")[min(_pictures(text), 3)],)


def _capitals(text: str) -> Iterable[str]:
    letters = [sign for sign in _CUSTOM_EMOJI.sub("", text) if sign.isalpha()]
    large = sum(map(str.isupper, letters))
    if not letters:
        return ("no letters",)
    if not large:
        return ("none",)
    if large == len(letters) and len(letters) > 1:
        return ("ALL",)
    return ("First" if large == 1 and letters[0].isupper() else "Mixed",)


def _ending(text: str) -> Iterable[str]:
    text = text.rstrip()
    if text.endswith(("...", "…", "..")):
        return ("...",)
    tail = text.rsplit(" ", 1)[-1]
    if _pictures(tail):
        return ("emoji",)
    last = text[-1:]
    if last.isalnum():
        return ("letter",)
    return (last if last in (".", "!", "?") else "other",)


def _punctuation(text: str) -> Iterable[str]:
    plain = _SMILEY.sub("", _CUSTOM_EMOJI.sub("", text))
    plain = plain.replace("’", "'").replace("“", '"').replace("”", '"')
    return [sign for sign in plain if sign in _MARKS] or ["none"]


def jensen_shannon(first: Count, second: Count) -> float:
    """Between two counts or distributions over the same kinds; NaN where one is empty."""
    if not first.sum() or not second.sum():
        return float("nan")
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2
    divergence = (_kullback(p, middle) + _kullback(q, middle)) / 2
    return float(np.sqrt(max(0.0, divergence)))


def _kullback(p: Count, r: Count) -> float:
    there = p > 0
    return float(np.sum(p[there] * np.log2(p[there] / r[there])))


def compare(
    habit: Habit, first: Sequence[Said], second: Sequence[Said], *, seed: int = 0
) -> HabitFound:
    """How far ``second`` is from ``first`` in a habit."""
    tables = [_table(habit, heap) for heap in (first, second)]
    everything = np.concatenate(tables)
    border = len(first)

    def statistic(chosen: Indices) -> float:
        left, right = chosen[chosen < border], chosen[chosen >= border]
        return jensen_shannon(everything[left].sum(axis=0), everything[right].sum(axis=0))

    groups = [said.session for said in (*first, *second)]
    return HabitFound(
        name=habit.name,
        kinds=habit.kinds,
        distance=bootstrap(groups, statistic, seed=seed),
        first=_shares(tables[0]),
        second=_shares(tables[1]),
    )


def _table(habit: Habit, heap: Sequence[Said]) -> Count:
    if not heap:
        return np.zeros((0, len(habit.kinds)))
    return np.stack([habit.counts(said.text) for said in heap])


def _shares(table: Count) -> tuple[float, ...]:
    total = table.sum(axis=0)
    return tuple((total / max(total.sum(), 1.0)).tolist())


def mean_words(heap: Sequence[Said]) -> float:
    """Words of a message on average; 0 where there is none."""
    return sum(len(words(said.text)) for said in heap) / max(1, len(heap))
