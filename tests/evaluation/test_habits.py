"""Habits are told from texts, and their distance is Jensen and Shannon's."""

import numpy as np
import pytest
from evaluation.heaps import POTATO, SMALL, babble, said
from hypothesis import given
from hypothesis import strategies as st

from botconvo.evaluation.habits import compare, habits, jensen_shannon, known_words, mean_words

HABITS = {habit.name: habit for habit in habits(frozenset({"the", "cat", "sat"}))}
pairs = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=8)


def kind_of(habit: str, text: str) -> str:
    counts = HABITS[habit].counts(text)
    found = [kind for kind, count in zip(HABITS[habit].kinds, counts, strict=True) if count]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("habit", "text", "kind"),
    [
        ("length", "hi", "1"),
        ("length", "one two three four", "4-5"),
        ("length", "word " * 30, "over 20"),
        ("emoji", "plain", "none"),
        ("emoji", "nice 😂 :kek:", "two"),
        ("emoji", "well :)", "one"),
        ("emoji", "it is 10:30 (really)", "none"),
        ("capitals", "all small", "none"),
        ("capitals", "Only first", "First"),
        ("capitals", "WHAT", "ALL"),
        ("capitals", "a Mixed Bag", "Mixed"),
        ("capitals", "123 :KEK:", "no letters"),
        ("ending", "done.", "."),
        ("ending", "well...", "..."),
        ("ending", "haha 😂", "emoji"),
        ("ending", "no end", "letter"),
        ("unusual words", "the cat sat", "none"),
        ("unusual words", "teh cat", "one"),
        ("unusual words", "teh kat", "more"),
    ],
)
def test_a_habit_is_told_from_a_text(habit: str, text: str, kind: str) -> None:
    assert kind_of(habit, text) == kind


def test_marks_are_counted_one_by_one_and_not_within_smileys() -> None:
    habit = HABITS["punctuation"]
    counts = dict(zip(habit.kinds, habit.counts("what?! no, :) :kek:"), strict=True))
    assert {mark for mark, count in counts.items() if count} == {"?", "!", ","}


@given(pairs)
def test_the_distance_is_that_of_scipy(counts: list[tuple[int, int]]) -> None:
    distance = pytest.importorskip("scipy.spatial.distance")
    first, second = (np.array(side, dtype=np.float64) for side in zip(*counts, strict=True))
    found = jensen_shannon(first, second)
    if not first.sum() or not second.sum():
        assert np.isnan(found)
    else:
        assert found == pytest.approx(distance.jensenshannon(first, second, base=2), abs=1e-6)
        assert 0.0 <= found <= 1.0 + 1e-9


def test_the_same_heap_has_no_distance_and_a_strange_one_has() -> None:
    small, loud = babble(100, SMALL), babble(100, POTATO)
    for habit in HABITS.values():
        own = compare(habit, small, small).distance
        assert own is not None
        assert own.value == pytest.approx(0.0, abs=1e-9)
    capitals = compare(HABITS["capitals"], small, loud)
    assert capitals.distance is not None
    assert capitals.distance.value > 0.9
    assert sum(capitals.first) == pytest.approx(1.0)
    assert sum(capitals.second) == pytest.approx(1.0)


def test_an_empty_heap_has_no_distance() -> None:
    assert compare(HABITS["length"], babble(10), ()).distance is None


def test_a_word_is_known_when_two_people_write_it() -> None:
    assert known_words([said("teh cat"), said("The cat sat"), said("the dog")]) == {"cat", "the"}


def test_the_mean_length() -> None:
    assert mean_words(said("one two", "three four five six")) == 3.0
    assert mean_words(()) == 0.0
