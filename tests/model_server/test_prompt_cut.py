"""Cutting a prompt: it always fits, it is always an end, and it begins with a line if it can."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_server.prompt_cut import LONGEST_TOKEN, cut_prompt

LINES = st.lists(st.text("ab \t😂", max_size=12), max_size=20).map("\n".join)


def count_words(text: str) -> int:
    return len(text.split())


@given(prompt=LINES, room=st.integers(1, 60), count=st.sampled_from([len, count_words]))
def test_what_is_left_is_an_end_that_fits(prompt: str, room: int, count: type[int]) -> None:
    cut = cut_prompt(prompt, count, room)
    assert prompt.endswith(cut)
    assert count(cut) <= room


@given(prompt=LINES, room=st.integers(1, 60))
def test_it_begins_with_a_line_whenever_a_line_fits(prompt: str, room: int) -> None:
    cut = cut_prompt(prompt, len, room)
    ends = [prompt[at + 1 :] for at in range(len(prompt)) if prompt[at] == "\n"]
    fitting = [end for end in ends if end and len(end) <= room]
    if len(prompt) > room and fitting:
        assert cut == max(fitting, key=len)


@given(prompt=LINES)
def test_what_fits_is_left_alone(prompt: str) -> None:
    assert cut_prompt(prompt, len, len(prompt) + 1) == prompt


@pytest.mark.parametrize(
    ("prompt", "room", "cut"),
    [
        ("Milly: hi\nBort:", 5, "Bort:"),
        ("Milly: hi\nBort:", 15, "Milly: hi\nBort:"),
        ("Milly: hi\n", 9, " hi\n"),
        ("Milly: one two three", 10, " two three"),
        ("😂" * 50, 7, "😂" * 7),
        ("Milly: " + "😂" * 50 + "\nBort:", 20, "Bort:"),
        ("anything", 0, ""),
    ],
)
def test_examples(prompt: str, room: int, cut: str) -> None:
    assert cut_prompt(prompt, len, room) == cut


def test_a_huge_prompt_is_not_shown_to_the_tokenizer() -> None:
    seen: list[int] = []

    def count(text: str) -> int:
        seen.append(len(text))
        return count_words(text)

    cut = cut_prompt("Milly: hello\n" * 100_000 + "Bort:", count, 20)
    assert cut.endswith("Milly: hello\nBort:")
    assert max(seen) <= 20 * LONGEST_TOKEN
    assert len(seen) < 20
