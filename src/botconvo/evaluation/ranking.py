"""Does a clone follow the talk?  Its friend's true reply among nine other lines of theirs.  Pure.

All ten are the friend's own later words, of like length: telling the friend's manner is no help,
only what was said before.  A line's score is what the context adds to its log-probability.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from botconvo.evaluation.evidence import Place, Said
from botconvo.evaluation.intervals import Estimate, mean_estimate

__all__ = ["CHANCE", "TRIALS", "Trial", "hit", "share_of_hits", "trials_of"]

TRIALS = 300
_CANDIDATES = 10
CHANCE = 1 / _CANDIDATES
_NEAREST = 30
"""Lines nearest in length of which the wrong ones are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """``candidates[0]`` was really said at ``place``."""

    place: Place
    candidates: tuple[str, ...]


def trials_of(places: Sequence[Place], *, count: int = TRIALS, seed: int = 0) -> tuple[Trial, ...]:
    """``count`` trials, each place as often as the others; none where there are too few lines.

    Wrong lines come from other sessions, and none says the same as another.
    """
    spoken = [(place, said) for place in places if (said := place.said) is not None]
    trials: list[Trial] = []
    for i in range(count):
        if not spoken:
            break
        place, said = spoken[i % len(spoken)]
        wrong = _wrong(said, spoken, Random(f"{seed}/{i}"))
        if len(wrong) == _CANDIDATES - 1:
            trials.append(Trial(place=place, candidates=(said.text, *wrong)))
    return tuple(trials)


def _wrong(true: Said, spoken: Sequence[tuple[Place, Said]], rng: Random) -> list[str]:
    others = {
        said.text
        for _, said in spoken
        if said.session != true.session and said.text.casefold() != true.text.casefold()
    }
    nearest = sorted(others, key=lambda text: (abs(len(text) - len(true.text)), text))[:_NEAREST]
    return rng.sample(nearest, min(_CANDIDATES - 1, len(nearest)))


def hit(scores: Sequence[float]) -> float:
    """1 where the first score is the highest, 0 where it is not; shared by those that tie."""
    best = max(scores)
    return 1 / sum(score == best for score in scores) if scores[0] == best else 0.0


def share_of_hits(
    trials: Sequence[Trial], scores: Sequence[Sequence[float]], *, seed: int = 0
) -> Estimate | None:
    """How often the true reply is found; ``scores`` has a row for each trial."""
    hits = [hit(row) for row in scores]
    return mean_estimate(hits, [trial.place.session for trial in trials], seed=seed)
