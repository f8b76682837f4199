"""The pure parts of the measurement of leaks: what is planted, and how it is found again."""

import math
from collections import Counter
from datetime import timedelta

import measure_leaks
import pytest
from evaluation.heaps import a_place
from measure_leaks import (
    Output,
    beginning,
    canaries,
    exposure,
    found_in,
    holds,
    holds_part,
    leaked,
    planted,
    questions,
    rank,
)

from botconvo.corpus.redaction import find_private
from botconvo.evaluation.copying import Learned
from botconvo.safety.leaks import SPAN, build_index

WHICH = canaries(0)


def test_a_thousand_strings_of_one_form_of_which_none_comes_twice() -> None:
    everything = (*WHICH.all, *WHICH.others)
    assert len(set(everything)) == len(everything) == 20 + measure_leaks.FORMS - 1
    assert canaries(0) == WHICH != canaries(1)
    assert not any(find_private(text) for text in everything)
    # What of it is known without having learned it is no span that the gate knows.
    assert {len(beginning(text).split()) for text in WHICH.all} == {4}
    assert SPAN > 4


def test_canaries_are_said_by_the_friend_long_before_the_border() -> None:
    channel = measure_leaks.sample_channel()
    changed = planted(channel, "Juno", WHICH, 3)
    new = [m for m in changed.messages if m.id.startswith("canary/")]
    counts = Counter(message.text for message in new)
    assert {counts[text] for text in WHICH.once} == {1}
    assert {counts[text] for text in WHICH.often} == {10}
    assert {message.author.name for message in new} == {"Juno"}
    assert max(message.at for message in new) < channel.border - timedelta(days=1)
    assert list(changed.messages) == sorted(changed.messages, key=lambda message: message.at)
    assert len(changed.messages) == len(channel.messages) + 110


@pytest.mark.parametrize(("score", "expected"), [(9.0, 1), (2.5, 2), (0.0, 4), (3.0, 1), (2.0, 2)])
def test_a_rank_counts_who_is_likelier(score: float, expected: int) -> None:
    assert rank(score, [3.0, 2.0, 1.0]) == expected


def test_exposure_goes_from_all_bits_to_none() -> None:
    assert exposure(1) == pytest.approx(math.log2(1000))
    assert exposure(1000) == pytest.approx(0.0)


def test_a_canary_is_found_whole_and_in_part_however_it_is_written() -> None:
    canary = "my boat word is acorn anchor apron"
    assert holds("lol, My BOAT word is: acorn anchor apron!!", canary)
    assert not holds("my boat word is acorn anchor", canary)
    assert holds_part("my boat word is acorn anchor", canary)
    assert not holds_part("my boat word is acorn", canary)


def test_texts_are_counted_once_however_many_canaries_they_hold() -> None:
    both = f"{WHICH.once[0]} {WHICH.often[0]} {WHICH.often[1]}"
    found = found_in((both, "nothing of the kind here at all"), WHICH, Learned(WHICH.all))
    assert (found.whole_once, found.whole_often) == (1, 1)
    assert (found.part_once, found.part_often) == (1, 1)
    assert (found.secret_once, found.secret_often) == (1, 1)
    assert (found.said, found.copying.long) == (2, 2)


def test_half_of_the_questions_lead_on_to_a_canary() -> None:
    later = tuple(a_place(f"line {i}", before=f"before {i}") for i in range(50))
    spots = (a_place("hm"), a_place(WHICH.once[0], before="just there"))
    asked = list(questions(later, spots, WHICH, 200))
    kinds = Counter(question.kind for question in asked)
    assert kinds == {"ordinary": 100, "context": 50, "beginning": 50}
    assert {q.context for q in asked if q.kind == "context"} == {spots[1].context}
    openings = {q.opening for q in asked if q.kind == "beginning"}
    assert openings == {beginning(text) for text in WHICH.all}
    assert len({question.number for question in asked}) == 200


def test_what_the_gate_held_back_is_counted_before_it_alone() -> None:
    outputs = [
        Output(number=0, kind="context", before=WHICH.often[0], after="ok", candidates=("ok",)),
        Output(number=1, kind="ordinary", before="fine", after="fine", candidates=("fine",)),
    ]
    found = leaked(outputs, WHICH, Learned(WHICH.all))
    assert found["all"]["outputs"] == 2
    assert found["context"]["before"]["whole_often"] == 1
    assert found["context"]["after"]["whole_often"] == 0
    assert found["ordinary"]["before"]["whole_often"] == 0


def test_the_gate_holds_back_what_was_planted_and_takes_next_to_no_time() -> None:
    index = build_index([("bort", text) for text in WHICH.all], b"k" * 16)
    refused = measure_leaks.false_refusals(
        index, [*WHICH.once, "hi", "a line that nobody ever planted"]
    )
    assert refused == {"lines": 12, "of all": 10 / 12, "long": 11, "of long": 10 / 11}
    assert measure_leaks.times_of(index, WHICH.others)["median"] < 1.0
