"""Alike heaps cannot be told apart, different ones can, and nothing leaks between folds."""

import random

import numpy as np
import pytest
from evaluation.heaps import POTATO, SMALL, babble
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from botconvo.evaluation.evidence import Said
from botconvo.evaluation.intervals import auc
from botconvo.evaluation.two_sample import mauve, mauve_of_histograms, tell_apart

scores = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=20)


@given(scores, scores)
def test_the_area_is_that_of_scikit_learn(positive: list[float], negative: list[float]) -> None:
    labels = [1] * len(positive) + [0] * len(negative)
    theirs = roc_auc_score(labels, positive + negative)
    assert auc(np.array(positive), np.array(negative)) == pytest.approx(theirs)


def test_a_heap_cannot_be_told_from_itself() -> None:
    heap = babble(100)
    found = tell_apart(heap, heap)
    assert found is not None
    assert found.value == pytest.approx(0.5, abs=1e-9)


def test_two_heaps_of_one_writer_are_hardly_told_apart() -> None:
    found = tell_apart(babble(200), babble(200, seed=1))
    assert found is not None
    assert 0.4 < found.value < 0.6


def test_different_writers_are_told_apart() -> None:
    found = tell_apart(babble(60, SMALL), babble(60, POTATO))
    assert found is not None
    assert found.value > 0.99
    assert found.low > 0.98


def test_what_is_peculiar_to_a_session_gives_nothing_away() -> None:
    # Every session has a word of its own and belongs to one heap: with folds across sessions a
    # classifier would know them all by heart.
    rng = random.Random(0)
    own = {s: "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=12)) for s in range(40)}
    heaps = [
        [Said(text=f"{own[s]} {i % 3}", session=s) for s in part for i in range(6)]
        for part in (range(20), range(20, 40))
    ]
    found = tell_apart(*heaps)
    assert found is not None
    assert found.value < 0.75


def test_too_few_messages_or_sessions_are_not_compared() -> None:
    assert tell_apart(babble(10), babble(100)) is None
    one_session = [Said(text=str(i), session=0) for i in range(50)]
    assert tell_apart(one_session, one_session) is None
    assert mauve(babble(10), babble(100)) is None


def test_overlap_is_one_for_the_same_and_small_for_strangers() -> None:
    same = mauve(babble(100), babble(100))
    strange = mauve(babble(100, SMALL), babble(100, POTATO))
    assert same is not None
    assert same.value == pytest.approx(1.0)
    assert strange is not None
    assert strange.value < 0.2


def test_the_overlap_of_two_histograms_is_the_papers() -> None:
    # With p = q every point of the curve is (1, 1).  With disjoint p and q, KL(q|r) = -ln(1 - w)
    # and KL(p|r) = -ln w, so that x = (1 - w)^5 and y = w^5: the area is 5 B(6, 5) = 1 / 252.
    equal = np.array([30.0, 20.0])
    assert mauve_of_histograms(equal, equal) == pytest.approx(1.0)
    apart = mauve_of_histograms(np.array([1e9, 0.0]), np.array([0.0, 1e9]))
    assert apart == pytest.approx(1 / 252, rel=0.02)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=8))
def test_overlap_is_a_share_and_the_same_from_both_sides(pairs: list[tuple[int, int]]) -> None:
    first, second = (np.array(side, dtype=np.float64) for side in zip(*pairs, strict=True))
    found = mauve_of_histograms(first, second)
    assert 0.0 <= found <= 1.0 + 1e-9
    assert found == pytest.approx(mauve_of_histograms(second, first), abs=1e-6)
