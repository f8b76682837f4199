"""The true reply stands among nine lines that are wrong for what was said before alone."""

import pytest
from evaluation.heaps import a_place
from hypothesis import given
from hypothesis import strategies as st

from botconvo.evaluation.ranking import hit, share_of_hits, trials_of

PLACES = [a_place("word " * (1 + i % 7) + str(i), session=i // 5) for i in range(60)]


def test_ten_candidates_of_other_sessions_and_like_length() -> None:
    session_of = {place.line.argument: place.session for place in PLACES}
    trials = trials_of(PLACES, count=120)
    assert len(trials) == 120
    for trial in trials:
        true, *wrong = trial.candidates
        assert true == trial.place.line.argument
        assert len({true, *wrong}) == 10
        assert all(session_of[text] != trial.place.session for text in wrong)
        assert all(abs(len(text) - len(true)) <= 20 for text in wrong)


def test_a_place_is_tried_again_with_other_lines() -> None:
    trials = trials_of(PLACES, count=120)
    assert trials[0].place == trials[60].place
    assert trials[0].candidates != trials[60].candidates


def test_the_same_seed_makes_the_same_trials() -> None:
    assert trials_of(PLACES, count=30, seed=4) == trials_of(PLACES, count=30, seed=4)
    assert trials_of(PLACES, count=30, seed=4) != trials_of(PLACES, count=30, seed=5)


def test_too_few_other_lines_make_no_trial() -> None:
    assert trials_of(PLACES[:9], count=10) == ()
    assert trials_of([], count=10) == ()
    assert share_of_hits((), ()) is None


def test_the_same_words_are_no_wrong_answer() -> None:
    places = [a_place("same", session=i) for i in range(30)]
    assert trials_of(places, count=10) == ()


def test_a_hit_is_shared_among_those_that_tie() -> None:
    assert hit([3.0, 1.0, 2.0]) == 1.0
    assert hit([3.0, 3.0, 2.0]) == 0.5
    assert hit([1.0, 3.0, 3.0]) == 0.0


@given(st.integers(2, 12))
def test_whoever_knows_nothing_finds_what_guessing_finds(count: int) -> None:
    assert hit([0.0] * count) == pytest.approx(1 / count)


def test_the_share_is_that_of_the_hits() -> None:
    trials = trials_of(PLACES, count=4)
    rows = [[1.0, *[0.0] * 9], [0.0, *[1.0] * 9], [1.0, *[0.0] * 9], [0.0] * 10]
    found = share_of_hits(trials, rows)
    assert found is not None
    assert found.value == pytest.approx((1 + 0 + 1 + 0.1) / 4)
