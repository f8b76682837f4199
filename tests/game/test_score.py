"""The score of a game, its interval, and how it is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.game.score import Score, of_people, of_player, wilson


@st.composite
def scores(draw: st.DrawFn) -> Score:
    rounds = draw(st.integers(0, 500))
    return Score(right=draw(st.integers(0, rounds)), rounds=rounds)


def test_wilsons_interval_is_that_of_his_paper() -> None:
    # 14 of 20 by the formula of 1927, with z = 1.96: 0.4810 and 0.8545.
    assert list(wilson(14, 20)) == pytest.approx([0.4810, 0.8545], abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


@given(scores())
def test_an_interval_holds_the_share_within_nought_and_one(score: Score) -> None:
    low, high = score.interval
    assert 0.0 <= low <= high <= 1.0
    if score.rounds:
        assert low <= score.right / score.rounds <= high


@given(st.integers(1, 200), st.integers(2, 20))
def test_more_rounds_make_it_narrower(rounds: int, times: int) -> None:
    def width(right: int, of: int) -> float:
        low, high = wilson(right, of)
        return high - low

    assert width(rounds // 2 * times, rounds * times) < width(rounds // 2, rounds)


@given(scores())
def test_wrong_answers_mirror_right_ones(score: Score) -> None:
    low, high = score.interval
    other_low, other_high = wilson(score.rounds - score.right, score.rounds)
    assert [1 - other_high, 1 - other_low] == pytest.approx([low, high])


def test_it_is_said_in_plain_words() -> None:
    score = Score(right=14, rounds=20)
    said = "14 of 20; guessing gives 10; between 48 % and 85 %"
    assert of_player(score) == f"you told them apart in {said}"
    assert of_people(Score(right=14, rounds=20, players=3), "Bort") == (
        "3 people told Bort from the clone in 14 of 20 rounds; guessing gives 10; "
        "between 48 % and 85 %"
    )
    alone = of_people(Score(right=1, rounds=1), "Bort")
    assert alone.startswith("One person told Bort from the clone in 1 of 1 round; guessing")
    assert of_player(Score()) == "no round yet"


def test_more_right_than_there_were_is_no_score() -> None:
    with pytest.raises(ValueError, match="3 of 2"):
        Score(right=3, rounds=2)
