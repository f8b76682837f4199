"""Intervals hold what chance may have made of a figure, and draw whole sessions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.evaluation.intervals import bootstrap, mean_estimate


def test_a_mean_and_its_interval() -> None:
    values = [0.0, 1.0] * 100
    found = mean_estimate(values, list(range(200)))
    assert found is not None
    assert found.value == 0.5
    # The standard error of a share of 0.5 among 200 is 0.035; 1.96 of them on either side.
    assert found.low == pytest.approx(0.5 - 0.069, abs=0.02)
    assert found.high == pytest.approx(0.5 + 0.069, abs=0.02)
    assert found.n == 200


def test_messages_of_one_session_are_drawn_together() -> None:
    values = [0.0] * 100 + [1.0] * 100
    alone = mean_estimate(values, list(range(200)))
    in_four = mean_estimate(values, [i // 50 for i in range(200)])
    assert alone is not None
    assert in_four is not None
    assert in_four.high - in_four.low > 3 * (alone.high - alone.low)


def test_nothing_has_no_figure() -> None:
    assert mean_estimate([], []) is None
    assert bootstrap([0, 1], lambda chosen: float("nan")) is None


def test_draws_without_a_figure_are_left_out() -> None:
    found = bootstrap([0, 1], lambda chosen: float("nan") if len(set(chosen)) < 2 else 1.0)
    assert found is not None
    assert (found.low, found.value, found.high) == (1.0, 1.0, 1.0)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=30))
def test_a_figure_lies_within_its_interval(values: list[float]) -> None:
    found = mean_estimate(values, [i // 3 for i in range(len(values))])
    assert found is not None
    assert found.low <= found.value <= found.high
    assert found.value == pytest.approx(float(np.mean(values)), abs=1e-9)
