"""Does it say always the same?  Distinct n-grams, and messages that were there before.  Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from botconvo.conversation.choice import words
from botconvo.evaluation.evidence import Said
from botconvo.evaluation.intervals import Estimate, mean_estimate

__all__ = ["Variety", "distinct", "repeats", "variety_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variety:
    """``distinct_1`` and ``distinct_2``: different words, and pairs of words, among all of them.

    They fall with the number of words and compare heaps of like size alone.  ``repeated`` is the
    share of messages whose words had all been said by an earlier one.
    """

    distinct_1: float
    distinct_2: float
    repeated: Estimate | None


def variety_of(heap: Sequence[Said], *, seed: int = 0) -> Variety:
    said = [tuple(words(each.text)) or (each.text.strip(),) for each in heap]
    again = [float(flag) for flag in repeats(said)]
    return Variety(
        distinct_1=distinct(said, 1),
        distinct_2=distinct(said, 2),
        repeated=mean_estimate(again, [each.session for each in heap], seed=seed),
    )


def distinct(said: Sequence[Sequence[str]], n: int) -> float:
    """Different runs of ``n`` words within messages, by how many there are; 0 without any."""
    runs = [tuple(one[i : i + n]) for one in said for i in range(len(one) - n + 1)]
    return len(set(runs)) / len(runs) if runs else 0.0


def repeats(said: Sequence[tuple[str, ...]]) -> list[bool]:
    """Of each message, whether an earlier one has the same words."""
    seen: set[tuple[str, ...]] = set()
    result = []
    for one in said:
        result.append(one in seen)
        seen.add(one)
    return result
