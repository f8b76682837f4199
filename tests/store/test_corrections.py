"""Corrections are kept, replaced and taken back; what stood before them goes with its source."""

from datetime import timedelta

import pytest
from builders import NOON, a_message, an_author

from botconvo.conversation.corrections import Correction, Judgement
from botconvo.messages import Message, clone_author
from botconvo.store import LIVE_KEPT, Store

LINE = a_message("verily", author=clone_author("Juno"), id="9", minutes=5)
ASKED = a_message("soup?", author="Ann", id="7", minutes=3)
BEFORE = a_message("soup it is", author=clone_author("Bort"), id="8", minutes=4)


def a_correction(judgement: Judgement = "bad", line: Message = LINE) -> Correction:
    return Correction(
        line=line,
        judgement=judgement,
        judge="friend",
        by="Ann",
        at=NOON,
        context=(ASKED, BEFORE),
        drawn=("lol", 'he said "no"'),
    )


def context(store: Store) -> list[str]:
    (correction,) = store.corrections("Juno")
    return [each.text for each in correction.context]


def test_what_was_said_of_a_line_comes_back_whole_and_the_last_word_counts(store: Store) -> None:
    store.correct(a_correction("good"))
    store.correct(a_correction("never"))
    assert store.corrections() == store.corrections("Juno") == (a_correction("never"),)
    assert store.corrections("Bort") == ()
    (noted,) = store.noted_lines("disowned")
    assert (noted.text, noted.by, noted.author.name) == ("verily", "Ann", "Juno")
    assert store.noted_lines("disowned", BEFORE.channel) == (noted,)
    assert store.drop_line(LINE.id)
    assert not store.drop_line(LINE.id)
    assert (store.corrections(), store.noted_lines("disowned")) == ((), ())


def test_a_deletion_takes_the_message_out_of_every_context(store: Store) -> None:
    store.correct(a_correction())
    store.remove_live(ASKED.id)
    assert context(store) == [BEFORE.text]


@pytest.mark.parametrize(("judgement", "left"), [("good", 0), ("bad", 1), ("never", 1)])
def test_a_deleted_line_is_liked_no_longer_and_stays_disliked(
    store: Store, judgement: Judgement, left: int
) -> None:
    store.correct(a_correction(judgement))
    store.remove_live(LINE.id)
    assert len(store.corrections()) == left


def test_what_people_said_goes_with_its_age_and_the_clones_lines_stay(store: Store) -> None:
    store.correct(a_correction())
    store.purge_live(NOON + LIVE_KEPT)
    assert context(store) == [ASKED.text, BEFORE.text]
    store.purge_live(NOON + LIVE_KEPT + timedelta(seconds=1))
    assert context(store) == [BEFORE.text]


def test_somebody_who_is_ignored_stands_in_no_context(store: Store) -> None:
    store.correct(a_correction())
    store.ignore_author(an_author("Ann").id, NOON)
    assert context(store) == [BEFORE.text]


def test_a_removal_that_is_taken_back_teaches_nothing(store: Store) -> None:
    store.correct(a_correction())
    refused = store.refuse_text(LINE.text, LINE.channel, "Juno", "Ann", NOON)
    other = store.refuse_text("something else", LINE.channel, "Juno", "Ann", NOON)
    store.allow_text(other.number)
    assert len(store.corrections()) == 1
    store.allow_text(refused.number)
    assert store.corrections() == ()


def test_what_stood_before_a_line_is_the_last_of_its_channel(store: Store) -> None:
    elsewhere = a_message("not here", channel="8/6", author="Ann", id="6", minutes=4)
    later = a_message("later", author="Ann", id="10", minutes=6)
    for message in (ASKED, elsewhere, BEFORE, LINE, later):
        store.record_live(message)
    assert store.live_before(LINE, 9) == (ASKED, BEFORE)
    assert store.live_before(LINE, 1) == (BEFORE,)
