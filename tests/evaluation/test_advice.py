"""Colours follow the figures, and advice says what a person can do."""

from typing import Any

import pytest
from evaluation.findings import a_clone, a_habit, a_matrix, about, figures, some_leaks

from botconvo.evaluation.advice import judged
from botconvo.evaluation.copying import Copying
from botconvo.evaluation.membership import Membership
from botconvo.evaluation.report import Attributed, CloneFound, game_found
from botconvo.evaluation.variety import Variety
from botconvo.game.score import Score


def colour(found: CloneFound, word: str) -> str:
    lights = judged(found, a_matrix()).lights
    (light,) = [light for light in lights if word in light.question]
    return light.colour


def taken(clone: float, real: float = 0.6, prompted: float = 0.2) -> dict[str, Any]:
    return {"attribution": (Attributed(messages=20, shares=figures(clone, real, prompted)),)}


def copied(share: float) -> dict[str, Any]:
    return {
        "copying": {"clone": Copying(long=100, verbatim=about(share), longest=9, mean_span=3.0)}
    }


def shown(value: float) -> Membership:
    return Membership(auc=about(value), by_time=None, learned=300, later=300)


def by_heart(share: float) -> Copying:
    return Copying(long=100, verbatim=about(share), longest=12, mean_span=3.0)


def repeating(share: float) -> dict[str, Any]:
    own = Variety(distinct_1=0.5, distinct_2=0.9, repeated=about(0.02))
    clone = Variety(distinct_1=0.2, distinct_2=0.3, repeated=about(share))
    return {"variety": {"clone": clone, "real": own}}


def played(right: int, rounds: int) -> dict[str, Any]:
    return {"game": game_found(Score(right=right, rounds=rounds, players=2), "Bort")}


def test_what_people_made_of_it_is_told_in_the_words_of_the_game() -> None:
    lights = judged(a_clone(**played(14, 20)), a_matrix()).lights
    (light,) = [light for light in lights if "people tell" in light.question]
    assert light.answer == (
        "2 people told Bort from the clone in 14 of 20 rounds; guessing gives 10; "
        "between 48 % and 85 %."
    )
    assert game_found(Score(), "Bort") is None


def test_where_all_is_well_there_is_nothing_to_do() -> None:
    found = judged(a_clone(), a_matrix())
    assert {light.colour for light in found.lights} == {"green"}
    assert found.advice == ()


@pytest.mark.parametrize(
    ("word", "changed", "expected"),
    [
        ("sound", taken(0.5), "green"),
        ("sound", taken(0.3), "yellow"),
        ("sound", taken(0.1), "red"),
        ("sound", {"attribution": ()}, "grey"),
        ("machine", {"two_sample": figures(0.75)}, "green"),
        ("machine", {"two_sample": figures(0.8)}, "yellow"),
        ("machine", {"two_sample": figures(0.9)}, "red"),
        ("machine", {"two_sample": figures(None)}, "grey"),
        ("people tell", played(12, 20), "green"),
        ("people tell", played(15, 20), "yellow"),
        ("people tell", played(19, 20), "red"),
        ("people tell", played(19, 19), "grey"),
        ("follow", {"ranking": {"clone": about(0.17)}}, "yellow"),
        ("follow", {"ranking": {"clone": about(0.12)}}, "red"),
        ("follow", {"ranking": {}}, "grey"),
        ("copy", copied(0.01), "green"),
        ("copy", copied(0.03), "yellow"),
        ("copy", copied(0.2), "red"),
        ("addresses", {"leaks": some_leaks(said={"e-mail": 1})}, "red"),
        ("addresses", {"leaks": some_leaks(learned={"phone": 2})}, "yellow"),
        ("addresses", {"leaks": some_leaks(suspicious={"looks like a key": 9})}, "green"),
        ("its files", {"leaks": some_leaks(membership=shown(0.7))}, "yellow"),
        ("its files", {"leaks": some_leaks(membership=shown(0.9))}, "red"),
        ("its files", {"leaks": some_leaks(membership=None)}, "grey"),
        ("write the way", {"habits": {"clone": (a_habit(distance=0.5),)}}, "red"),
        ("over and over", repeating(0.1), "yellow"),
        ("over and over", repeating(0.5), "red"),
    ],
)
def test_a_figure_has_a_colour(word: str, changed: dict[str, Any], expected: str) -> None:
    assert colour(a_clone(**changed), word) == expected


def test_a_headline_counts_bundles_of_twenty() -> None:
    sounds = judged(a_clone(**taken(0.85, real=0.8)), None).lights[0]
    assert "Of 20 bundles of 20 messages by the clone, 17 were taken for Bort." in sounds.answer
    assert "Of 20 real ones it would be 16." in sounds.answer


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        (copied(0.1), "fewer passes"),
        ({"leaks": some_leaks(changed=4, without_gate=by_heart(0.2))}, "by heart"),
        ({"leaks": some_leaks(learned={"e-mail": 1})}, "Train it again"),
        ({"leaks": some_leaks(membership=shown(0.9))}, "give them to nobody"),
        ({"mean_words": {"clone": 3.0, "real": 6.0}}, "too short"),
        ({"mean_words": {"clone": 9.0, "real": 6.0}}, "too long"),
        (taken(0.9), "caricature"),
        (taken(0.2, prompted=0.3), "ten example lines"),
        (repeating(0.3), "repeats itself"),
        ({"ranking": {"clone": about(0.11)}}, "--base"),
        ({"learned_lines": 300}, "import more"),
        ({"two_sample": {"clone": about(0.7, width=0.15)}}, "may be off"),
    ],
)
def test_what_is_wrong_is_answered_with_what_to_do(changed: dict[str, Any], word: str) -> None:
    advice = judged(a_clone(**changed), a_matrix()).advice
    assert any(word in each for each in advice)


def test_another_clone_that_knows_the_friend_better_is_told() -> None:
    matrix = a_matrix()
    worse = judged(a_clone("Al"), matrix)  # its own cell is 30, and there is no other clone's
    assert worse.lights[-1].colour == "grey"
    swapped = type(matrix)(
        rows=matrix.rows,
        columns=matrix.columns,
        cells=(matrix.cells[0], (about(80.0), about(40.0), about(60.0))),
    )
    found = judged(a_clone(), swapped)
    assert found.lights[-1].colour == "red"
    assert any("Another clone" in each for each in found.advice)


def test_what_the_gate_kept_back_is_told_beside_what_came_through() -> None:
    leaks = some_leaks(held_back=30, changed=6, without_gate=by_heart(0.06))
    copies = judged(a_clone(leaks=leaks), None).lights[3]
    assert "0 of its 100 longer messages" in copies.answer
    assert "held back 30 of 1500 drafts; without it, it would be 6 of its 100" in copies.answer
    assert copies.colour == "green"
    ungated = judged(a_clone(leaks=some_leaks(known=0.0)), None).lights[3]
    assert "No leak gate stood behind it." in ungated.answer
