"""Can two heaps of messages be told apart?  Pure.

``tell_apart`` trains a classifier on character n-grams to do so and says how well it does on
messages that it has not seen, as the area under the ROC curve: how often, of one message of each
heap, it points at the right one.  0.5 is guessing.  Folds hold whole sessions, and only messages of
one fold are compared with each other.

``mauve`` is MAUVE (Pillutla et al., "MAUVE: Measuring the Gap Between Neural Text and Human Text
using Divergence Frontiers", NeurIPS 2021) on character n-grams in place of a language model's
states, so that nothing has to be downloaded; see its docstring.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline

from botconvo.evaluation.evidence import Said
from botconvo.evaluation.intervals import Estimate, Floats, Indices, auc, bootstrap

__all__ = ["FEWEST", "mauve", "mauve_of_histograms", "tell_apart"]

FEWEST = 20
"""Messages of each heap below which nothing is learned."""
_FOLDS = 5
_NGRAMS = (1, 4)
_SCALE = 5.0
"""The constant c of the paper."""
_MIXTURES = np.concatenate([[1e-6], np.linspace(0.01, 0.99, 99), [1.0 - 1e-6]])
_PER_BUCKET = 10
"""Messages of both heaps for each bucket, as the paper has it (k = N / 10)."""
_DIMENSIONS = 50
_SMOOTHING = 0.5
"""Added to every bucket: Krichevsky and Trofimov's (Pillutla et al., JMLR 2023)."""


def tell_apart(first: Sequence[Said], second: Sequence[Said], *, seed: int = 0) -> Estimate | None:
    """The cross-validated AUC; None where there are too few messages or sessions."""
    if min(len(first), len(second)) < FEWEST:
        return None
    texts = [said.text for said in (*first, *second)]
    groups = np.array([said.session for said in (*first, *second)])
    labels = np.array([1] * len(first) + [0] * len(second))
    folds = min(_FOLDS, *(len(np.unique(groups[labels == label])) for label in (0, 1)))
    if folds < 2:
        return None
    scores, fold_of = np.zeros(len(texts)), np.full(len(texts), -1)
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    for fold, (train, test) in enumerate(splitter.split(np.zeros(len(texts)), labels, groups)):
        if len(np.unique(labels[train])) < 2:
            continue
        scores[test] = _scores(texts, labels, train, test)
        fold_of[test] = fold

    def statistic(chosen: Indices) -> float:
        return _within_folds(scores[chosen], labels[chosen], fold_of[chosen])

    return bootstrap(groups.tolist(), statistic, seed=seed)


def _scores(texts: Sequence[str], labels: Indices, train: Indices, test: Indices) -> Floats:
    model = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=_NGRAMS, lowercase=False, sublinear_tf=True),
        LogisticRegression(C=10.0, max_iter=300),
    )
    model.fit([texts[i] for i in train], labels[train])
    found: Floats = model.decision_function([texts[i] for i in test])
    return found


def _within_folds(scores: Floats, labels: Indices, folds: Indices) -> float:
    """The AUC over pairs of one fold; NaN where there is no pair."""
    total = pairs = 0.0
    for fold in np.unique(folds):
        here = folds == fold
        positive, negative = scores[here & (labels == 1)], scores[here & (labels == 0)]
        if fold >= 0 and len(positive) and len(negative):
            count = len(positive) * len(negative)
            total += auc(positive, negative) * count
            pairs += count
    return total / pairs if pairs else float("nan")


def mauve(first: Sequence[Said], second: Sequence[Said], *, seed: int = 0) -> Estimate | None:
    """How much two heaps of messages overlap, from 0 to 1 (the same).

    TF-IDF of character n-grams, reduced to 50 dimensions (truncated SVD), put into N / 10 buckets
    by k-means over both heaps; then MAUVE of the two histograms.  None where there are too few.
    """
    if min(len(first), len(second)) < FEWEST:
        return None
    texts = [said.text for said in (*first, *second)]
    vectors = TfidfVectorizer(
        analyzer="char", ngram_range=_NGRAMS, lowercase=False, sublinear_tf=True
    ).fit_transform(texts)
    size = min(_DIMENSIONS, vectors.shape[1] - 1, len(texts) - 1)
    if size < 2:
        return None
    points = TruncatedSVD(n_components=size, random_state=seed).fit_transform(vectors)
    buckets = max(2, min(len(texts) // _PER_BUCKET, len(np.unique(points, axis=0))))
    where = KMeans(n_clusters=buckets, n_init=3, random_state=seed).fit_predict(points)
    is_first = np.arange(len(texts)) < len(first)

    def statistic(chosen: Indices) -> float:
        histograms = [
            np.bincount(where[chosen[is_first[chosen] == heap]], minlength=buckets)
            for heap in (True, False)
        ]
        if not all(histogram.sum() for histogram in histograms):
            return float("nan")
        return mauve_of_histograms(*(histogram.astype(np.float64) for histogram in histograms))

    groups = [said.session for said in (*first, *second)]
    return bootstrap(groups, statistic, seed=seed)


def mauve_of_histograms(first: Floats, second: Floats) -> float:
    """The area under the curve of (exp(-c KL(q|r)), exp(-c KL(p|r))) over r = mix of p and q."""
    p, q = ((h + _SMOOTHING) / (h + _SMOOTHING).sum() for h in (first, second))
    xs, ys = [], []
    for weight in _MIXTURES:
        mixture = weight * p + (1.0 - weight) * q
        xs.append(np.exp(-_SCALE * _divergence(q, mixture)))
        ys.append(np.exp(-_SCALE * _divergence(p, mixture)))
    # The curve's ends: all of one kind of error, none of the other.
    x, y = np.array([0.0, *xs[::-1], 1.0]), np.array([1.0, *ys[::-1], 0.0])
    order = np.lexsort((-y, x))
    return float(np.trapezoid(y[order], x[order]))


def _divergence(p: Floats, r: Floats) -> float:
    return float(np.sum(p * np.log(p / r)))
