"""Which line comes next, what is shown of it, and what gives it away."""

from random import Random

from builders import NOON
from hypothesis import given
from hypothesis import strategies as st

from botconvo.game.rounds import (
    SHOWN,
    Spot,
    Verdict,
    deal,
    fair_pair,
    order_of,
    printed,
    session_digest,
    verdict_words,
)
from botconvo.game.score import Score
from botconvo.personas import PersonaName
from botconvo.transcript.grammar import Command, Line

BORT = PersonaName("Bort")
SPOT = Spot(session="s", line=3)
SPOTS = st.builds(Spot, session=st.sampled_from("abc"), line=st.integers(0, 12))


def a_line(text: str, name: str = "Al", command: Command | None = None) -> Line:
    return Line(name=name, argument=text, command=command)


@given(st.lists(SPOTS, max_size=40, unique=True), st.lists(SPOTS, max_size=10), st.integers())
def test_nothing_is_shown_that_stood_before_what_was_shown(
    spots: list[Spot], shown: list[Spot], seed: int
) -> None:
    order = order_of(spots, shown, Random(seed))
    assert len(set(order)) == len(order)
    for index, spot in enumerate(spots):
        known = any(s.session == spot.session and s.line >= spot.line for s in shown)
        assert (index in order) == (not known)


@given(st.lists(SPOTS, min_size=1, max_size=40, unique=True), st.integers())
def test_a_whole_game_repeats_nothing_and_ends(spots: list[Spot], seed: int) -> None:
    shown: list[Spot] = []
    while order := order_of(spots, shown, Random(seed)):
        assert spots[order[0]] not in shown
        shown.append(spots[order[0]])
    assert {spot.session for spot in shown} == {spot.session for spot in spots}


def test_the_coin_is_fair_and_the_line_is_the_one_that_it_says() -> None:
    rng = Random(7)
    dealt = [deal("r", BORT, SPOT, (), real="real", clone="clone", rng=rng) for _ in range(4000)]
    assert all((each.round.text == "real") == each.is_real for each in dealt)
    assert 1900 < sum(each.is_real for each in dealt) < 2100


def test_a_round_says_nothing_of_its_answer() -> None:
    dealt = [
        deal("r", BORT, SPOT, (a_line("hi"),), real="same", clone="same", rng=Random(seed))
        for seed in range(20)
    ]
    assert {each.is_real for each in dealt} == {True, False}
    assert len({each.round for each in dealt}) == 1


def test_what_stood_before_is_printed_as_people_read_it() -> None:
    context = [
        a_line("", command=Command.INIT),
        a_line("hi"),
        a_line("soup", "Bo", Command.REPLY),
        a_line("👍", "Bo", Command.REACT),
        a_line("a cat", command=Command.PHOTO),
        a_line("", command=Command.SAVE),
        a_line("x" * 500),
    ]
    *rows, (_, long) = printed(context)
    assert rows == [("Al", "hi"), ("Bo", "soup"), ("Bo", "(👍)"), ("Al", "(a photo)")]
    assert len(long) == 200
    assert long.endswith("…")


def test_only_the_last_lines_are_shown() -> None:
    rows = printed([a_line(str(i)) for i in range(30)])
    assert [text for _, text in rows] == [str(i) for i in range(30 - SHOWN, 30)]


def test_a_pair_is_fair_where_neither_line_gives_itself_away() -> None:
    assert fair_pair("hello", "hey", max_tokens=12)
    assert not fair_pair("Hello  you", "hello you", max_tokens=12)
    assert fair_pair("x" * 48, "hey", max_tokens=12)
    assert not fair_pair("x" * 49, "hey", max_tokens=12)


def test_a_session_is_a_digest_of_its_beginning_alone() -> None:
    assert session_digest(NOON) == session_digest(NOON)
    assert len(session_digest(NOON)) == 64


def test_a_verdict_says_whether_and_whose() -> None:
    def said(*, was_real: bool, is_right: bool) -> str:
        verdict = Verdict(persona=BORT, was_real=was_real, is_right=is_right, score=Score())
        return verdict_words(verdict)

    assert said(was_real=True, is_right=True) == "Right: Bort wrote that."
    assert said(was_real=False, is_right=False) == "Wrong: that was Bort's clone."
