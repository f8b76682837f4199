"""Waiting longer and longer, within bounds."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.backoff import Backoff


def waits(seed: int, tries: int) -> list[float]:
    backoff = Backoff(first_s=0.5, most_s=60.0, rng=Random(seed))
    return [backoff.next_s() for _ in range(tries)]


def test_each_wait_is_about_twice_the_last_until_the_longest() -> None:
    plain = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert waits(1, 9) == [pytest.approx(seconds, rel=0.2) for seconds in plain]


@given(st.integers(), st.integers(0, 2000))
def test_no_wait_is_ever_longer_than_the_longest_and_a_fifth(seed: int, tries: int) -> None:
    assert all(0.4 <= seconds <= 72.0 for seconds in waits(seed, tries)[-3:])


def test_servers_that_fell_together_do_not_come_back_in_step() -> None:
    assert waits(1, 3) != waits(2, 3)


def test_after_a_reset_the_shortest_wait_comes_again() -> None:
    backoff = Backoff(first_s=1.0, most_s=60.0, rng=Random(1))
    for _ in range(6):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() <= 1.2
