"""For whom is a bundle of messages taken?  By a naive Bayes over their character n-grams.  Pure.

It has learned from what people really said before the border, of everybody the same number of
characters.  How often a clone is taken for its friend says little alone: a caricature and a copy
are taken for the friend more often than the friend is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB

from botconvo.evaluation.evidence import Said
from botconvo.evaluation.intervals import Estimate, Indices, bootstrap

__all__ = ["BUNDLES", "Attributor", "share_of_bundles"]

BUNDLES = (1, 5, 20)
"""Messages that are looked at together."""
_NGRAMS = (1, 4)
_SMOOTHING = 0.1
_MOST_CHARACTERS = 60_000
"""Of everybody, as many as whoever has fewest has, and no more than this: it learns no more."""
_BUNDLES_OF_ALL = 200
"""Bundles whose mean is the figure; one that chance puts together says little."""
_BUNDLES_OF_A_DRAW = 20

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Attributor:
    """Knows everybody's way to write.  Made by ``learn``."""

    friends: tuple[str, ...]
    counter: CountVectorizer
    model: MultinomialNB

    @classmethod
    def learn(cls, earlier: Mapping[str, Sequence[Said]], *, seed: int = 0) -> "Attributor":
        """Learn from everybody's earlier words; ``earlier`` has at least two people."""
        friends = tuple(sorted(earlier))
        room = min(_MOST_CHARACTERS, *(sum(len(s.text) for s in earlier[f]) for f in friends))
        texts, whose = [], []
        for number, friend in enumerate(friends):
            mine = _some([said.text for said in earlier[friend]], room, Random(f"{seed}/{friend}"))
            texts += mine
            whose += [number] * len(mine)
        counter = CountVectorizer(analyzer="char", ngram_range=_NGRAMS, lowercase=False, min_df=2)
        model = MultinomialNB(alpha=_SMOOTHING, fit_prior=False)
        model.fit(counter.fit_transform(texts), whose)
        return cls(friends, counter, model)

    def scores(self, texts: Sequence[str]) -> Scores:
        """Log-likelihood of each text under each friend, shape (texts, friends).

        Those of a bundle are the sums of its texts'.
        """
        if not texts:
            return np.zeros((0, len(self.friends)))
        counted = self.counter.transform(texts)
        found: Scores = np.asarray(counted @ self.model.feature_log_prob_.T, dtype=np.float64)
        return found

    def share(
        self, friend: str, said: Sequence[Said], bundle: int, *, seed: int = 0
    ) -> Estimate | None:
        """How many bundles of ``said`` are taken for ``friend``; None where there is no bundle."""
        scores = self.scores([each.text for each in said])
        whose = self.friends.index(friend)
        return share_of_bundles(scores, whose, [each.session for each in said], bundle, seed=seed)


def _some(texts: list[str], room: int, rng: Random) -> list[str]:
    """Texts in a random order, up to ``room`` characters."""
    rng.shuffle(texts)
    taken, used = [], 0
    for text in texts:
        if used >= room:
            break
        taken.append(text)
        used += len(text)
    return taken


def share_of_bundles(
    scores: Scores, whose: int, groups: Sequence[int], bundle: int, *, seed: int = 0
) -> Estimate | None:
    """The share of random bundles of rows whose summed scores are highest in column ``whose``."""
    if len(scores) < bundle:
        return None

    def statistic(chosen: Indices) -> float:
        whole = len(chosen) == len(scores) and bool(np.all(chosen == np.arange(len(scores))))
        count = _BUNDLES_OF_ALL if whole else _BUNDLES_OF_A_DRAW
        rng = np.random.default_rng((seed, len(chosen), int(chosen.sum()) % 2**32))
        if bundle == 1:
            taken = scores[chosen]
        else:
            rows = [rng.choice(chosen, size=bundle, replace=False) for _ in range(count)]
            taken = scores[np.stack(rows)].sum(axis=1)
        return float((taken.argmax(axis=1) == whose).mean())

    def enough(chosen: Indices) -> float:
        return statistic(chosen) if len(chosen) >= bundle else float("nan")

    return bootstrap(groups, enough, seed=seed, n=len(scores))
