"""Choosing among candidates, and the repetition guard."""

from dataclasses import replace

import pytest

from botconvo.conversation.choice import choose, is_repeated
from botconvo.conversation.events import Candidate, Verdict
from botconvo.conversation.manners import PRESETS
from botconvo.transcript.grammar import parse_line


def a_candidate(
    text: str, *, logprob: float | None = -1.0, verdict: Verdict = "ok", cut: bool = False
) -> Candidate:
    return Candidate(
        completion=f" {text}",
        line=parse_line(f"Juno: {text}"),
        verdict=verdict,
        cut=cut,
        logprob=logprob,
    )


def chosen(*candidates: Candidate, recent: tuple[str, ...] = (), phrase: str | None = None) -> int:
    index, _ = choose(candidates, manners=PRESETS["group-chat"], recent=recent, phrase=phrase)
    assert index is not None
    return index


def test_an_unfit_candidate_is_never_chosen() -> None:
    worse, better = a_candidate("a plain one", logprob=-3.0), a_candidate("x", verdict="unsafe")
    assert chosen(better, worse) == 1
    nothing, _ = choose([better], manners=PRESETS["classic"], recent=(), phrase=None)
    assert nothing is None


def test_taking_up_the_last_words_beats_fluency() -> None:
    off_topic = a_candidate("i went to bed early", logprob=-1.0)
    on_topic = a_candidate("my lemon is old", logprob=-4.0)
    assert chosen(off_topic, on_topic, recent=("who has a lemon?",)) == 1


def test_the_likeliest_is_not_preferred() -> None:
    drawn = [
        a_candidate(f"words number {i}", logprob=logprob) for i, logprob in enumerate((-3, -1))
    ]
    assert chosen(*drawn) == 0


def test_the_likeliest_is_preferred_where_that_is_wanted() -> None:
    drawn = [
        a_candidate(f"words number {i}", logprob=logprob) for i, logprob in enumerate((-3, -1))
    ]
    bare = a_candidate("word", logprob=-0.9)
    manners = replace(PRESETS["group-chat"], choose="likely")
    assert choose([*drawn, bare], manners=manners, recent=(), phrase=None)[0] == 1


def test_of_four_the_least_likely_is_passed_over() -> None:
    odds: tuple[float | None, ...] = (-5.0, -1.0, -2.0, -3.0)
    assert chosen(*(a_candidate("words", logprob=each) for each in odds)) == 1
    assert chosen(*(a_candidate("words", logprob=each) for each in odds[:3])) == 0
    assert chosen(*(a_candidate("words", logprob=each) for each in (*odds[:3], None))) == 0


def test_a_word_that_everybody_has_said_is_given_up() -> None:
    worn, other = a_candidate("the soup is good"), a_candidate("the bread is good")
    said = ("the soup", "what soup", "my soup is cold", "soup again", "yes", "no")
    assert chosen(worn, other, recent=said) == 1
    assert chosen(worn, other, recent=said[2:]) == 0


def test_holding_the_phrase_counts() -> None:
    without, holding = a_candidate("that is so good"), a_candidate("the brown soup is good")
    assert chosen(without, holding, phrase="brown soup") == 1


def test_a_sentence_that_was_cut_off_loses_to_a_whole_one() -> None:
    assert chosen(a_candidate("this goes on and", cut=True), a_candidate("this one ends")) == 1


def test_equal_candidates_are_taken_in_order() -> None:
    assert chosen(a_candidate("same words here"), a_candidate("same words here")) == 0


@pytest.mark.parametrize(
    "text",
    [
        "I like the brown soup",
        "i like the BROWN soup!!!",
        "well i like the brown soup a lot more than that",
        "the cat and the cat and the cat and the cat",
        "a carriage of carriage, and then a carriage",
        "youre the bestestestestest",
    ],
)
def test_saying_it_again_is_noticed(text: str) -> None:
    assert is_repeated(text, ["hello", "I like the brown soup."])


def test_an_opening_may_be_said_again_but_not_what_follows_on_it() -> None:
    before = ["the two very old wooden chairs are gone now"]
    opening = "the two very old wooden chairs"
    assert not is_repeated("the two very old wooden chairs burn so very well", before, opening)
    assert is_repeated("the two very old wooden chairs burn so very well", before)
    assert is_repeated("the two very old wooden chairs are not here", before, opening)
    assert is_repeated(before[0], before, opening)


@pytest.mark.parametrize(
    "text", ["I like the green soup", "ok", "soup", "what do you like", "soooooo good"]
)
def test_ordinary_words_are_no_repetition(text: str) -> None:
    assert not is_repeated(text, ["hello", "I like the brown soup."])


def test_an_emoji_is_repeated_only_if_it_was_just_said() -> None:
    assert is_repeated("💀", ["a", "💀"])
    assert not is_repeated("💀", ["💀", "a", "b", "c", "d", "e", "f"])
