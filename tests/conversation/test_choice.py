"""Choosing among candidates, and the repetition guard."""

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


def test_taking_up_the_last_words_beats_a_little_fluency() -> None:
    off_topic = a_candidate("i went to bed early", logprob=-1.0)
    on_topic = a_candidate("my lemon is old", logprob=-1.2)
    assert chosen(off_topic, on_topic, recent=("who has a lemon?",)) == 1


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
    ],
)
def test_saying_it_again_is_noticed(text: str) -> None:
    assert is_repeated(text, ["hello", "I like the brown soup."])


@pytest.mark.parametrize("text", ["I like the green soup", "ok", "soup", "what do you like"])
def test_ordinary_words_are_no_repetition(text: str) -> None:
    assert not is_repeated(text, ["hello", "I like the brown soup."])


def test_an_emoji_is_repeated_only_if_it_was_just_said() -> None:
    assert is_repeated("💀", ["a", "💀"])
    assert not is_repeated("💀", ["💀", "a", "b", "c", "d", "e", "f"])
