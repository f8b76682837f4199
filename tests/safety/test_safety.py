"""Generated text pings nobody, links nowhere, and is judged before it is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.ports import Completion
from botconvo.safety.bad_words import bad_word_in
from botconvo.safety.judging import judge, judge_anybody, judge_plain
from botconvo.safety.scrub import scrub
from botconvo.safety.wordlist import WordListFilter
from botconvo.transcript.grammar import Line

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
        (" ok. REPLY: so it goes;", "foreign"),
        (" NO: that is what i mean", "ok"),
        (" the REPLY is: no", "ok"),
        (" ;", "empty"),
        (" first line\nMarek: not mine", "ok"),
    ],
)
def test_completions_are_judged(text: str, expected: str) -> None:
    assert verdict(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" who left the tap on;", "who left the tap on"),
        (" REPLY: i did;", "i did"),
        (" one; two;", "one; two"),
    ],
)
def test_the_mark_that_ends_acts_is_not_said(text: str, said: str) -> None:
    line = judge("Juno", "", Completion(text=text, finished=True, logprob=None), WORDS).line
    assert line is not None
    assert line.argument == said


def test_only_the_first_line_is_the_personas() -> None:
    completion = Completion(text=" mine\nMarek: not mine", finished=True, logprob=None)
    line = judge("Juno", "", completion, WORDS).line
    assert line is not None
    assert line.argument == "mine"


@pytest.mark.parametrize(
    ("text", "expected", "said"),
    [
        ("Juno: that: is @everyone", "ok", "that: is everyone"),
        ("Juno: REPLY: sure;", "ok", "sure"),
        ("Juno: INIT;", "silent", ""),
        ("Juno: you stupid bitch", "unsafe", "you stupid bitch"),
        ("Juno: mine\nMarek: his", "ok", "mine"),
        ("juno: hi", "foreign", "hi"),
        ("Freya: hi", "foreign", "hi"),
        ("hi there", "empty", None),
        ("Juno:", "empty", None),
        ("", "empty", None),
    ],
)
def test_a_line_is_judged_by_who_speaks_in_it(text: str, expected: str, said: str | None) -> None:
    completion = Completion(text=text, finished=True, logprob=-1.0)
    judged = judge_anybody(("Juno", "Marek"), completion, WORDS)
    assert judged.verdict == expected
    assert (None if judged.line is None else judged.line.argument) == said


def test_the_opening_phrase_is_part_of_what_is_said() -> None:
    completion = Completion(text=" is cold again", finished=True, logprob=None)
    line = judge("Juno", "the brown soup", completion, WORDS).line
    assert line is not None
    assert line.argument == "the brown soup is cold again"


@pytest.mark.parametrize(
    ("text", "said", "expected"),
    [
        (" is mine", "the sword is mine", "ok"),
        (" is\nmine\n\n too", "the sword is mine too", "ok"),
        (": VIDEO: of my cat", "the sword: VIDEO: of my cat", "ok"),
        ("<|endoftext|>", "the sword", "empty"),
        (" 😂\ufffd", "the sword 😂", "ok"),
        (" \ufffd x", "the sword \ufffd x", "foreign"),
        (" you stupid bitch", "the sword you stupid bitch", "unsafe"),
        (" @everyone https://e.org/x", "the sword everyone", "ok"),
    ],
)
def test_a_plain_text_is_said_as_it_is_and_holds_no_acts(
    text: str, said: str, expected: str
) -> None:
    completion = Completion(text=text, finished=True, logprob=None)
    candidate = judge_plain("Juno", "the sword", completion, WORDS)
    assert candidate.line == Line(name="Juno", argument=said)
    assert candidate.verdict == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("UPDATE: it works", "ok"),
        ("REACT: 🔥;", "ok"),
        ("", "empty"),
        ("\n\n", "empty"),
        (" <|startoftext|> ", "empty"),
        ("https://example.org/", "empty"),
        ("...", "empty"),
    ],
)
def test_a_plain_text_without_an_opening(text: str, expected: str) -> None:
    completion = Completion(text=text, finished=True, logprob=None)
    assert judge_plain("Juno", "", completion, WORDS).verdict == expected


@pytest.mark.parametrize("text", ["", " ", " ...", "!\n more"])
def test_an_opening_without_words_behind_it_is_nothing_said(text: str) -> None:
    assert verdict(text, opening="the brown soup") == "empty"


def test_the_owner_can_allow_a_listed_word() -> None:
    assert WORDS.objection("oh shit") == "unsafe"
    assert WordListFilter(["Shit"]).objection("oh shit") is None


def test_the_owner_can_change_their_mind_while_the_clones_talk() -> None:
    words = WordListFilter()
    assert words.objection("oh shit") == "unsafe"
    words.allow(["shit"])
    assert words.objection("oh shit damn") is None
    words.allow([])
    assert words.objection("oh shit") == "unsafe"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("that is VOLDEMORT again", "Voldemort"),
        ("voldemort's hat", "Voldemort"),
        ("ＶＯＬＤＥＭＯＲＴ", "Voldemort"),
        ("voldemorts and devoldemort", None),
        ("my  old\u00a0flat, you know", "old flat"),
        ("an old flatmate", None),
        ("meet me at :( o'clock", ":("),
        ("nothing of it", None),
        ("", None),
    ],
)
def test_a_bad_word_is_found_as_a_word_however_it_is_written(text: str, found: str | None) -> None:
    assert bad_word_in(text, ("Voldemort", "old flat", ":(", "  ")) == found


@given(st.text(), st.lists(st.text()))
def test_no_text_and_no_word_breaks_the_search(text: str, words: list[str]) -> None:
    found = bad_word_in(text, words)
    assert found is None or found in words


def test_a_bad_word_is_not_said_even_where_it_is_allowed() -> None:
    words = WordListFilter(["pumpkin"], ["pumpkin"])
    assert verdict(" a pumpkin", filter=words) == "unsafe"
    assert verdict(" a melon", filter=words) == "ok"
    words.forbid(["melon"])
    assert verdict(" a pumpkin", filter=words) == "ok"
    assert verdict(" a melon", filter=words) == "unsafe"
