"""A taste moves what corrections speak of, little after few of them and nothing without any."""

import random
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest
from builders import NOON, a_message
from hypothesis import given, settings
from hypothesis import strategies as st

from botconvo.conversation.choice import choose
from botconvo.conversation.corrections import Correction, Judge, Judgement, judge_of
from botconvo.conversation.events import Candidate
from botconvo.conversation.manners import Manners
from botconvo.conversation.reins import Judges, Law
from botconvo.conversation.taste import Taste, learn, tasted
from botconvo.messages import Author, AuthorId, clone_author
from botconvo.people import People, Person
from botconvo.transcript.grammar import Command, Line

TALK = "the soup was fine,we went home early,nobody saw the cat,it rained all day,see you there"
USUAL = tuple(TALK.split(","))
ANN = Author(id=AuthorId("discord:1"), name="Ann")
JUNO = Author(id=AuthorId("discord:2"), name="Not Juno")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
corrections = st.lists(
    st.builds(
        lambda text, judgement, drawn: a_correction(text, judgement, drawn),
        texts,
        st.sampled_from(["good", "bad", "never"]),
        st.lists(texts, max_size=3),
    ),
    max_size=8,
)


def a_correction(
    text: str, judgement: Judgement = "bad", drawn: Sequence[str] = USUAL
) -> Correction:
    line = a_message(text, author=clone_author("Juno"))
    return Correction(
        line=line, judgement=judgement, judge="owner", by="Ann", at=NOON, drawn=tuple(drawn)
    )


def a_candidate(text: str, logprob: float = -2.0, command: Command | None = None) -> Candidate:
    line = Line(name="Juno", argument=text, command=command)
    return Candidate(completion=text, line=line, verdict="ok", logprob=logprob)


def habitual(count: int) -> list[Correction]:
    """Lines with a habit, of which nothing else is repeated."""
    return [a_correction(f"verily {first}{number}") for number, first in enumerate("abcdefgh")][
        :count
    ]


@given(texts)
def test_nothing_is_moved_or_forbidden_without_a_correction(text: str) -> None:
    candidate = a_candidate("x", -1.0)
    assert learn([]).worth(text) == 0.0
    assert not learn([]).forbids(text)
    assert tasted([candidate], learn([])) == (candidate,)


@settings(max_examples=40, deadline=None)
@given(corrections, texts)
def test_a_taste_is_bounded_the_same_every_time_and_forbids_what_is_disowned(
    made: list[Correction], text: str
) -> None:
    taste = learn(made)
    assert -2.0 <= taste.worth(text) <= 2.0
    assert taste == learn(made)
    for each in made:
        if each.judgement == "never" and each.text.strip():
            assert taste.forbids(each.text)


def test_a_habit_that_is_disliked_costs_more_with_every_correction_and_little_at_first() -> None:
    costs = [-learn(habitual(count)).worth("verily a fine day") for count in (1, 2, 4, 8)]
    assert costs == sorted(costs)
    assert 0 < costs[0] < 0.7
    assert costs[-1] > 2 * costs[0]
    for usual in USUAL:
        assert abs(learn(habitual(8)).worth(usual)) < costs[-1] / 4


def test_what_was_kept_is_worth_something_and_what_is_like_it_less() -> None:
    taste = learn([a_correction("lol the duck again 🦆", "good")])
    assert taste.worth("lol the duck again 🦆") > taste.worth("the duck again") > 0


def test_a_taste_decides_between_candidates_that_are_alike_to_the_model() -> None:
    taste = learn(habitual(8))
    found = tasted([a_candidate("verily it is so"), a_candidate("it is so", -2.1)], taste)
    for manners in (Manners(choose="fitting"), Manners(choose="longest")):
        chosen, _ = choose(found, manners=manners, recent=(), phrase=None)
        assert chosen == 1


def test_a_line_that_is_disowned_is_not_said_again_nor_a_near_copy() -> None:
    taste = learn([a_correction("verily, old chap", "never")])
    for text in ("verily, old chap", "VERILY old chaap!!", "well verily old chap then"):
        (found,) = tasted([a_candidate(text)], taste)
        assert found.verdict == "disowned"
    (found,) = tasted([a_candidate("old soup")], taste)
    assert found.verdict == "ok"
    kept = learn([a_correction("verily, old chap", "bad")])
    assert not kept.forbids("verily, old chap"), "a removal is the project's, not the taste's"


def test_acts_and_what_was_stopped_before_are_left_alone() -> None:
    taste = learn([a_correction("🦆", "never")])
    reaction = a_candidate("🦆", command=Command.REACT)
    stopped = replace(a_candidate("🦆"), verdict="unsafe")
    assert tasted([reaction, stopped], taste) == (reaction, stopped)


def test_many_corrections_are_learned_and_looked_up_in_no_time() -> None:
    rng = random.Random(7)
    said = [" ".join(rng.choices(TALK.replace(",", " ").split(), k=7)) for _ in range(250)]
    made = [
        a_correction(f"{text} {number}", ("good", "never")[number % 2], USUAL)
        for number, text in enumerate(said)
    ]
    taste = learn(made)
    candidates = [a_candidate(f"{text} my friend, as I said before") for text in USUAL]
    took = []
    for _ in range(5):
        began = time.process_time()
        tasted(candidates, taste)
        took.append(time.process_time() - began)
    assert min(took) < 0.005


@pytest.mark.parametrize(
    ("author", "moderates", "judges", "judge"),
    [
        (None, False, "owners", "owner"),
        (ANN, False, "owners", None),
        (ANN, True, "owners", None),
        (ANN, True, "moderators", "moderator"),
        (ANN, False, "moderators", None),
        (ANN, False, "everybody", "anybody"),
        (JUNO, False, "owners", "friend"),
        (Author(id=AuthorId("discord:3"), name="Juno"), False, "owners", None),
        (Author(id=AuthorId("discord:9"), name="Olga"), False, "owners", "owner"),
    ],
)
def test_whose_word_teaches(
    author: Author | None, moderates: bool, judges: Judges, judge: Judge | None
) -> None:
    law = Law(judges=judges, owners=frozenset({AuthorId("discord:9")}))
    people = People([Person(name="Juno", authors=frozenset({JUNO.id}))])
    found = judge_of(author, moderates=moderates, persona="Juno", law=law, people=people)
    assert found == judge


def test_a_taste_of_nothing_is_the_empty_one() -> None:
    assert learn([a_correction("  ", "good")]) == Taste()
