"""Learned lines are found out where a clone expects them more than its base does."""

from collections.abc import Sequence

import pytest
from evaluation.heaps import a_place
from hypothesis import given
from hypothesis import strategies as st

from botconvo.evaluation.membership import Expected, latest, membership_of


def expected(gains: Sequence[float], first: int) -> list[Expected]:
    """Two lines to a session."""
    return [Expected(session=first + i // 2, gain=gain) for i, gain in enumerate(gains)]


def test_lines_known_by_heart_are_always_found_out() -> None:
    found = membership_of(expected([2.0] * 40, -20), expected([0.5] * 60, 1))
    assert found is not None
    assert (found.auc.value, found.auc.low) == (1.0, 1.0)
    assert (found.learned, found.later) == (40, 60)
    assert found.by_time is not None
    assert found.by_time.value == 0.5


def test_lines_that_time_alone_tells_apart_are_told() -> None:
    later = [1.0] * 30 + [0.0] * 30
    found = membership_of(expected([1.0] * 40, -20), expected(later, 1))
    assert found is not None
    assert found.by_time is not None
    assert found.by_time.value > 0.9
    assert found.auc.value == pytest.approx(0.75)


def test_of_few_lines_nothing_is_said() -> None:
    assert membership_of(expected([1.0] * 19, -10), expected([0.0] * 60, 1)) is None


@given(st.lists(st.integers(-3, 3), min_size=20, max_size=40))
def test_lines_of_one_kind_are_not_told_apart_and_order_counts_for_nothing(
    gains: list[int],
) -> None:
    found = membership_of(expected(gains, -30), expected(gains[::-1], 1))
    assert found is not None
    assert found.auc.value == pytest.approx(0.5)


def test_the_latest_places_at_which_something_was_said_count() -> None:
    places = tuple(a_place(f"line {i}") for i in range(400))
    assert latest(places) == places[-200:]
