"""What somebody agreed to in plain words, and when its end is spoken of."""

from datetime import timedelta

import pytest
from builders import NOON
from hypothesis import given
from hypothesis import strategies as st

from botconvo.agreed import REMINDED, next_reminder, reminder
from botconvo.consent import ConsentRecord, PersonId, RecordId

RECORD = ConsentRecord(
    id=RecordId("r-1"), person=PersonId("p-aaaaaaaaaa"), granted_at=NOON, adult=True
)


def ending(left: timedelta) -> ConsentRecord:
    """A consent that ends so long after noon."""
    return ConsentRecord(
        id=RecordId("r-1"),
        person=PersonId("p-aaaaaaaaaa"),
        granted_at=NOON - timedelta(days=99),
        adult=True,
        expires_at=NOON + left,
    )


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(hours=2), "in less than a day"),
        (timedelta(days=1, hours=2), "in 1 day;"),
        (timedelta(days=14), "in 14 days"),
    ],
)
def test_a_consent_that_ends_soon_is_spoken_of(left: timedelta, words: str) -> None:
    said = reminder("Bort", ending(left), NOON)
    assert said is not None
    assert words in said


@pytest.mark.parametrize("record", [None, RECORD, ending(timedelta(days=15)), ending(-REMINDED)])
def test_one_that_does_not_is_not(record: ConsentRecord | None) -> None:
    assert reminder("Bort", record, NOON) is None


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=40)))
def test_every_day_has_its_own_reminder_and_none_comes_twice(left: timedelta) -> None:
    record, now = ending(left), NOON
    told = [reminder("Bort", record, now)]
    while (due := next_reminder(record, now)) is not None:
        assert due > now
        now = due
        told.append(reminder("Bort", record, now))
    said = [line for line in told if line is not None]
    assert len(said) == len(set(said)) == min(left.days, 14) + 1
    assert next_reminder(record, NOON + left) is None
