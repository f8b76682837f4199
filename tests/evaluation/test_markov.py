"""The chain copies pieces of lines, and hears no more than the last word before."""

import random

from evaluation.heaps import a_place

from botconvo.evaluation.markov import MarkovReplies, markov_lines
from botconvo.transcript.grammar import Line

LINES = ("the cat sat on the mat", "the dog sat on a log", "a cat ran")


def test_every_step_was_learned() -> None:
    known = {
        (a, b, c)
        for line in LINES
        for a, b, c in zip(*(["", "", *line.split()][i:] for i in range(3)), strict=False)
    }
    for line in markov_lines(LINES, 50):
        words = ["", "", *line.split()]
        assert all(step in known for step in zip(words, words[1:], words[2:], strict=False))


def test_the_same_seed_and_the_process_own_randomness_is_left_alone() -> None:
    random.seed(3)
    before = random.getstate()
    first = markov_lines(LINES, 20, seed=1)
    assert random.getstate() == before
    assert first == markov_lines(LINES, 20, seed=1)
    assert first != markov_lines(LINES, 20, seed=2)


def test_an_answer_that_followed_such_a_line_before_scores_higher() -> None:
    sessions = [
        [Line(name="Al", argument="are you in"), Line(name="Bort", argument="sure thing")],
        [Line(name="Al", argument="who wants pizza"), Line(name="Bort", argument="me please")],
    ] * 3
    markov = MarkovReplies(sessions, "Bort")
    place = a_place("sure", before="so is everybody in")
    sure, me, new = markov.scores(place, ["sure why not", "me too", "unheard of"])
    assert sure > 0.0 > me
    assert me == new or me < sure


def test_nothing_learned_tells_nothing() -> None:
    assert MarkovReplies([], "Bort").scores(a_place("x"), ["a", "b"]) == [0.0, 0.0]
