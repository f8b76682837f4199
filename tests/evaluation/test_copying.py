"""A copy is found, however it is punctuated, and nothing else is called one."""

from evaluation.heaps import said
from hypothesis import given
from hypothesis import strategies as st

from botconvo.evaluation.copying import Learned, copying_of
from botconvo.evaluation.variety import distinct, repeats, variety_of

LINES = (
    "we could meet at the old bridge tomorrow",
    "i will never eat at that place again, honestly",
)
letters = st.lists(st.sampled_from("abc"), min_size=0, max_size=8)


def test_copies_of_what_was_learned_are_all_found() -> None:
    found = copying_of(said(*LINES), Learned(LINES))
    assert found.verbatim is not None
    assert found.verbatim.value == 1.0
    assert found.long == 2
    assert found.longest == 9


def test_commas_and_capitals_hide_no_copy_and_a_part_of_a_line_is_one() -> None:
    found = copying_of(said("Never eat at THAT place; again!"), Learned(LINES))
    assert found.verbatim is not None
    assert found.verbatim.value == 1.0


def test_words_of_ones_own_are_no_copy() -> None:
    heap = said("we could meet at the new bridge tomorrow", "meet at the old bridge")
    found = copying_of(heap, Learned(LINES))
    assert found.verbatim is not None
    assert (found.long, found.verbatim.value) == (1, 0.0)
    assert found.longest == 5
    assert found.mean_span == 5.0


def test_a_copy_does_not_run_from_one_line_into_the_next() -> None:
    learned = Learned(["one two three", "four five six"])
    assert not learned.holds("three four".split())
    assert not learned.holds(["hree"])
    assert learned.longest_span("one two three four five six".split()) == 3


def test_where_nothing_is_long_there_is_no_share() -> None:
    found = copying_of(said("lol", "ok then"), Learned(LINES))
    assert found.verbatim is None
    assert found.long == 0


@given(letters, st.lists(letters, max_size=4))
def test_the_longest_span_is_what_trying_all_finds(
    spoken: list[str], lines: list[list[str]]
) -> None:
    learned = Learned([" ".join(line) for line in lines])
    spans = [
        end - start
        for start in range(len(spoken))
        for end in range(start + 1, len(spoken) + 1)
        if any(f" {' '.join(spoken[start:end])} " in f" {' '.join(line)} " for line in lines)
    ]
    assert learned.longest_span(spoken) == max(spans, default=0)


def test_distinct_words_and_pairs() -> None:
    assert distinct([["a", "b"], ["a", "b"]], 1) == 0.5
    assert distinct([["a", "b"], ["a", "b"], ["b", "a"]], 2) == 2 / 3
    assert distinct([["a"]], 2) == 0.0


def test_what_was_said_before_is_repeated() -> None:
    assert repeats([("a",), ("b",), ("a",), ("a",)]) == [False, False, True, True]
    found = variety_of(said("Hi there", "hi, there!", "😂", "😂", "new"))
    assert found.repeated is not None
    assert found.repeated.value == 2 / 5
