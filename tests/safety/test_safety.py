"""Generated text pings nobody, links nowhere, and is judged before it is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.ports import Completion
from botconvo.safety.judging import judge
from botconvo.safety.scrub import scrub
from botconvo.safety.wordlist import WordListFilter

WORDS = WordListFilter()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("hey @everyone look", "hey everyone look"),
        ("hi <@123456789012345678> and <@&42>", "hi and"),
        ("in <#42> now", "in now"),
        ("see https://example.org/x?y=1 ok", "see ok"),
        ("a\x1b[31mred\x07", "a [31mred"),
        ("left\u202eright", "left right"),
        ("me @ home", "me @ home"),
    ],
)
def test_the_power_to_ping_is_taken_and_the_words_stay(text: str, left: str) -> None:
    assert scrub(text) == left


@given(st.text())
def test_no_text_can_ping_or_break_the_line(text: str) -> None:
    scrubbed = scrub(text)
    assert "@everyone" not in scrubbed
    assert "<@" not in scrubbed
    assert "\n" not in scrubbed


def verdict(text: str, *, opening: str = "", filter: WordListFilter = WORDS) -> str:
    completion = Completion(text=text, finished=True, logprob=None)
    return judge("Juno", opening, completion, filter).verdict


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" omg that is so good lmao", "ok"),
        (" 💀", "ok"),
        ("", "empty"),
        (" ...", "empty"),
        (" you stupid bitch", "unsafe"),
        (" REACT: 🔥;", "ok"),
        (" REACT: hello;", "foreign"),
        (" REACT: \ufffd;", "foreign"),
        (" REPLY: sure;", "ok"),
        (" INIT;", "silent"),
        (" half a char \ufffd", "foreign"),
        (" REPT: so it goes", "foreign"),
        (" REPLY: REACT: 🐶;", "foreign"),
        (" NO: that is what i mean", "ok"),
        (" first line\nMarek: not mine", "ok"),
    ],
)
def test_completions_are_judged(text: str, expected: str) -> None:
    assert verdict(text) == expected


def test_only_the_first_line_is_the_personas() -> None:
    completion = Completion(text=" mine\nMarek: not mine", finished=True, logprob=None)
    line = judge("Juno", "", completion, WORDS).line
    assert line is not None
    assert line.argument == "mine"


def test_the_opening_phrase_is_part_of_what_is_said() -> None:
    completion = Completion(text=" is cold again", finished=True, logprob=None)
    line = judge("Juno", "the brown soup", completion, WORDS).line
    assert line is not None
    assert line.argument == "the brown soup is cold again"


def test_the_owner_can_allow_a_listed_word() -> None:
    assert not WORDS.is_safe("oh shit")
    assert WordListFilter(["Shit"]).is_safe("oh shit")


def test_the_owner_can_change_their_mind_while_the_clones_talk() -> None:
    words = WordListFilter()
    assert not words.is_safe("oh shit")
    words.allow(["shit"])
    assert words.is_safe("oh shit damn")
    words.allow([])
    assert not words.is_safe("oh shit")
