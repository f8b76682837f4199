"""The figures of who speaks next are what they are said to be."""

import math

import pytest
from builders import NOON
from measure_heads import (
    RULES,
    Asked,
    Position,
    area,
    ends_of,
    judge,
    next_of_all,
    positions_of,
    rule_of,
    situation,
    situations_of,
)

from botconvo.corpus import Session
from botconvo.transcript.grammar import Command, Line


def lines(*names: str) -> tuple[Line, ...]:
    return tuple(Line(name=name, argument=str(place)) for place, name in enumerate(names))


def position(*names: str) -> Position:
    """The last of them is next."""
    *before, after = lines(*names)
    return Position(before=tuple(before), after=after)


def session(*names: str) -> Session:
    begin = Line(name=names[0], command=Command.INIT)
    return Session(lines=(begin, *lines(*names)), started=NOON)


def test_a_position_has_the_lines_that_a_live_prompt_would_have() -> None:
    found = positions_of([session(*"ab" * 20)])
    assert [each.next for each in found] == list("ba" * 19 + "b")
    assert {len(each.before) for each in found[14:]} == set(range(8, 15))
    assert all(each.before[-1].argument == str(place) for place, each in enumerate(found))


def test_a_rule_learns_how_often_somebody_follows_whom() -> None:
    positions = positions_of([session(*"abac" * 50)])
    after_anybody, after_one, after_two = (
        rule_of("a", RULES[rule], positions) for rule in ("rate", "last", "last two")
    )
    assert after_anybody(position("a", "b")) == pytest.approx(0.5, abs=0.02)
    assert after_one(position("b", "a", "b")) < 0.05
    assert after_one(position("a", "b", "b")) > 0.95
    assert rule_of("b", RULES["last two"], positions)(position("c", "a", "b")) > 0.95
    # Two that never came one behind the other: as if only the last were known.
    assert after_two(position("b", "c", "b")) == pytest.approx(after_one(position("c", "b")))


def position_after(text: str, by: str = "Smig", then: str = "Bort") -> Position:
    return Position(before=(Line(name=by, argument=text),), after=Line(name=then, argument="well"))


@pytest.mark.parametrize(
    ("text", "by", "found"),
    [
        ("hey bort, up?", "Smig", "named and asked"),
        ("bort knows", "Smig", "named"),
        ("abort it?", "Smig", "neither"),
        ("I am Bort?", "Bort", "spoke last"),
    ],
)
def test_whoever_is_named_or_asked_is_told_from_others(text: str, by: str, found: str) -> None:
    assert situation("Bort", position_after(text, by)) == found


def test_odds_stand_beside_what_came_of_them_by_situation() -> None:
    positions = [position_after("bort?"), position_after("bort?", then="Al"), position_after("hm")]
    assert situations_of([asked("Bort", 0.9, 0.5, None)], positions).splitlines() == [
        "| the last line | asked | mean odds | was next |",
        "|---|--:|--:|--:|",
        "| named and asked | 2 | 70% | 50% |",
    ]


def test_the_area_is_the_share_of_pairs_in_the_right_order() -> None:
    assert area([0.1, 0.9], [False, True]) == 1.0
    assert area([0.9, 0.1], [False, True]) == 0.0
    assert area([0.5, 0.5, 0.7], [False, True, True]) == 0.75
    assert math.isnan(area([0.5], [True]))


def test_certainty_that_was_wrong_costs_much_and_not_everything() -> None:
    assert judge([0.5, 0.5], [True, False]).loss == pytest.approx(math.log(2))
    assert judge([1.0, 0.5], [False, True]).loss == pytest.approx(
        (math.log(1000) + math.log(2)) / 2
    )


def asked(name: str, *odds: float | None) -> Asked:
    return Asked(name=name, odds=odds, ends=((0.4, True), (0.1, False)))


def test_whoever_is_next_is_drawn_among_all() -> None:
    all_asked = [asked("a", 0.6, 0.1, None, 0.5), asked("b", 0.2, 0.3, None, 0.5)]
    positions = [position("b", "a"), position("b", "a"), position("b", "a"), position("a", "c")]
    # 3/4 and 1/4; nobody could tell at the third, and the fourth is a stranger's.
    assert next_of_all(all_asked, positions) == ("drawn 50.0%, highest odds 50.0%, at 2 positions")
    assert next_of_all([asked("a", None)], positions[:1]) == "no model could tell"


def test_an_end_is_told_from_other_lines() -> None:
    assert ends_of([asked("a")]) == "40.0% at 1 ends, 10.0% at 1 other lines, area 1.00"
