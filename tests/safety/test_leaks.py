"""No candidate says a stretch of somebody's message."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.safety.leaks import EVERYDAY, SPAN, build_index, spoken_words

KEY = bytes(range(32))
SECRET = "my grandmother hides the spare key under the blue flower pot"
WORD = st.text(alphabet="abcdefghijklmnop", min_size=1, max_size=8)


@pytest.mark.parametrize(
    "said",
    [
        SECRET,
        "well, the SPARE key under the blue flower, she says",
        "My Grandmother hides the spare key! what did yours do",
        "hides — the spare; key under... the blue",
    ],
)
def test_six_words_in_a_row_are_a_copy(said: str) -> None:
    assert build_index([("bort", SECRET)], KEY).copies(said)


@pytest.mark.parametrize(
    "said",
    [
        "the spare key under the",
        "the spare key is under the blue flower pot",
        "",
        "😂😂😂",
        "pot flower blue the under key spare the hides grandmother my",
    ],
)
def test_less_is_none(said: str) -> None:
    assert not build_index([("bort", SECRET)], KEY).copies(said)


def test_a_short_message_is_said_by_everybody() -> None:
    assert not build_index([("bort", "ok see you tomorrow then")], KEY).copies(
        "ok see you tomorrow then"
    )


def test_what_three_people_wrote_is_a_common_phrase() -> None:
    common = "happy birthday to you my dear friend"
    wrote = [(f"friend {number}", common) for number in range(EVERYDAY)]
    assert not build_index(wrote, KEY).copies(common)
    assert build_index(wrote[1:], KEY).copies(common)


def test_what_one_person_wrote_ten_times_is_not() -> None:
    assert build_index([("bort", SECRET)] * 10, KEY).copies(SECRET)


TALK = [("juno", f"one two three four five w{number % 900} six seven") for number in range(1000)]
"""8,000 words, so that a word is rare if it stands there four times at most; those here do not."""
RARE = "the word for the boat is yogurt piston thimble now"


@pytest.mark.parametrize(
    ("said", "is_copy"),
    [
        ("YOGURT, piston: thimble", True),
        ("say yogurt piston thimble and go in", True),
        ("yogurt piston and a thimble", False),
        ("piston thimble", False),
        ("the word for the boat", False),
    ],
)
def test_three_rare_words_in_a_row_are_a_copy(said: str, is_copy: bool) -> None:
    talk = [*TALK, *[("bort", "the word for the now")] * 5]
    assert build_index([*talk, *[("bort", RARE)] * 4], KEY).copies(said) == is_copy
    assert not build_index([*talk, *[("bort", RARE)] * 5], KEY).copies(said)
    assert not build_index([*talk, *((name, RARE) for name in "abc")], KEY).copies(said)
    assert not build_index([("bort", RARE)], KEY).copies(said)


def test_rare_words_of_two_messages_are_no_span() -> None:
    index = build_index([*TALK, ("bort", "so yogurt piston"), ("bort", "thimble anchor")], KEY)
    assert not index.copies("yogurt piston thimble anchor")


def test_no_span_goes_over_from_one_message_to_the_next() -> None:
    one, other = "one two three four five six", "seven eight nine ten eleven twelve"
    index = build_index([("bort", one), ("bort", other)], KEY)
    assert not index.copies("four five six seven eight nine")
    assert index.copies(one)
    assert index.copies(other)


def test_another_key_gives_other_digests() -> None:
    one, other = build_index([("b", SECRET)], KEY), build_index([("b", SECRET)], KEY[::-1])
    assert len(one.spans) == len(other.spans) == len(SECRET.split()) - SPAN + 1
    assert not np.isin(one.spans, other.spans).any()


def test_spans_are_sorted_and_counted() -> None:
    words = [f"w{number}" for number in range(60)]
    messages = [("bort", " ".join(words[at : at + 10])) for at in range(50)]
    told: list[int] = []
    index = build_index(messages, KEY, told.append)
    assert told == [50]
    assert len(index.spans) == 59 - SPAN + 1
    assert all(before < after for before, after in pairwise(index.spans.tolist()))


def test_an_empty_index_lets_everything_pass() -> None:
    assert not build_index([], KEY).copies(SECRET)


@given(st.lists(WORD, min_size=SPAN, max_size=30), st.data())
def test_every_span_is_found(words: list[str], data: st.DataObject) -> None:
    index = build_index([("bort", " ".join(words))], KEY)
    at = data.draw(st.integers(0, len(words) - SPAN))
    before, after = data.draw(st.lists(WORD, max_size=4)), data.draw(st.lists(WORD, max_size=4))
    assert index.copies(" ".join([*before, *words[at : at + SPAN], *after]))


@given(st.lists(st.lists(WORD, max_size=12), max_size=5), st.lists(WORD, max_size=12))
def test_nothing_else_is(messages: list[list[str]], said: list[str]) -> None:
    index = build_index([("bort", " ".join(words)) for words in messages], KEY)
    spans = {
        tuple(words[at : at + SPAN]) for words in messages for at in range(len(words) - SPAN + 1)
    }
    wanted = any(tuple(said[at : at + SPAN]) in spans for at in range(len(said) - SPAN + 1))
    assert index.copies(" ".join(said)) == wanted


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    words = spoken_words(text)
    assert build_index([("bort", text)], KEY).copies(text) == (len(words) >= SPAN)
