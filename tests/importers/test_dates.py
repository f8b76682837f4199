"""Times as programs write them for people."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.importers.dates import Unsure, dated, is_date

MINUTE = datetime(2024, 3, 18, 20, 59, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def moments(*texts: str, zone: ZoneInfo | None = None) -> list[datetime | None]:
    rows = [(text, place) for place, text in enumerate(texts)]
    found = list(dated(rows, zone or UTC))
    assert [place for _, place in found] == list(range(len(texts))), "rows keep their order"
    return [None if moment is None else moment.at for moment, _ in found]


@pytest.mark.parametrize(
    "text",
    [
        "18-Mar-24 08:59 PM",
        "03/18/2024 8:59 PM",
        "3/18/2024 8:59\u202fPM",
        "18.03.2024 20:59",
        "18.3.2024 20.59",
        "18. 3. 2024 20:59",
        "18.03.2024 г. 20:59",
        "18/03/2024 20:59",
        "18/03/2024 08:59 p. m.",
        "18/3/2024 8:59 μ.μ.",
        "18-03-2024 20:59",
        "2024-03-18 20:59",
        "2024-03-18 8:59 p.m.",
        "2024. 03. 18. 20:59",
        "2024/3/18 下午 8:59",
        "2024-03-18 오후 8:59",
        "2024年3月18日 20:59",
        "20:59 18/03/2024",
        "Monday, March 18, 2024 8:59 PM",
        "18 March 2024 20:59",
    ],
)
def test_the_minute_is_read_in_every_form(text: str) -> None:
    ((moment, _),) = dated([(text, None)], UTC)
    assert moment is not None
    assert (moment.at, moment.unsure) == (MINUTE, Unsure.MINUTE)


@pytest.mark.parametrize(
    ("text", "micros", "unsure"),
    [
        ("1710795598", 58_000_000, Unsure.SECOND),
        ("1710795598123", 58_123_000, Unsure.NOTHING),
        ("2024-03-18T21:59:58.1230000+01:00", 58_123_000, Unsure.NOTHING),
        ("2024-03-18 20:59:58", 58_000_000, Unsure.SECOND),
        ("18.03.2024 20:59:58,123", 58_123_000, Unsure.NOTHING),
    ],
)
def test_what_is_finer_than_a_minute_stays(text: str, micros: int, unsure: Unsure) -> None:
    ((moment, _),) = dated([(text, None)], UTC)
    assert moment is not None
    assert (moment.at, moment.unsure) == (MINUTE + timedelta(microseconds=micros), unsure)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "13/13/2024 10:00", "2024-03-18", "20:59", "18.03.2024 25:00", "9" * 40],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert not is_date(text) or moments(text) == [None]
    assert moments(text) == [None]


def test_one_date_tells_the_order_of_all_that_came_before_and_after() -> None:
    british = moments("03/04/2024 20:59", "04/04/2024 20:59", "13/04/2024 20:59", "01/05/2024 1:00")
    assert [at and (at.day, at.month) for at in british] == [(3, 4), (4, 4), (13, 4), (1, 5)]
    american = moments("03/04/2024 20:59", "03/13/2024 20:59", "04/05/2024 20:59")
    assert [at and (at.day, at.month) for at in american] == [(4, 3), (13, 3), (5, 4)]


def test_where_no_date_tells_time_does_not_go_back() -> None:
    found = moments("02/03/2024 20:59", "01/04/2024 20:59")
    assert [at and at.month for at in found] == [3, 4]
    found = moments("03/02/2024 20:59", "04/01/2024 20:59")
    assert [at and at.month for at in found] == [3, 4]


def test_where_nothing_tells_at_all_half_a_day_means_america() -> None:
    assert [at and at.month for at in moments("03/04/2024 8:59 PM")] == [3]
    assert [at and at.month for at in moments("03/04/2024 20:59")] == [4]


def test_a_broken_date_among_the_others_is_left_out_alone() -> None:
    found = moments("18.03.2024 20:59", "03.18.2024 20:59", "19.03.2024 20:59")
    assert [at is None for at in found] == [False, True, False]


def test_rows_without_a_time_wait_with_the_others() -> None:
    rows = [("03/04/2024 20:59", "a"), (None, "b"), ("03/13/2024 20:59", "c")]
    found = list(dated(rows, UTC))
    assert [row for _, row in found] == ["a", "b", "c"]
    assert [moment is None for moment, _ in found] == [False, True, False]


def test_the_hour_that_autumn_repeats_goes_on() -> None:
    clock = ["27.10.2024 02:50", "27.10.2024 02:10", "27.10.2024 02:59", "27.10.2024 03:10"]
    times = [at for at in moments(*clock, zone=BERLIN) if at is not None]
    assert times == sorted(times)
    assert times[1] - times[0] == timedelta(minutes=20)


@given(st.lists(st.text(max_size=30) | st.from_regex(r"[0-9]{1,4}[./-][0-9]{1,4}[./-][0-9 :]+")))
def test_no_text_is_too_strange(texts: list[str]) -> None:
    assert len(moments(*texts)) == len(texts)


@given(
    st.lists(
        st.datetimes(datetime.fromisoformat("2015-01-01"), datetime.fromisoformat("2060-01-01")),
        min_size=1,
        max_size=30,
    ).map(sorted),
    st.sampled_from(["%m/%d/%Y %I:%M %p", "%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M", "%d-%b-%y %I:%M %p"]),
)
def test_a_file_whose_days_tell_is_read_as_it_was_written(times: list[datetime], form: str) -> None:
    told = [*times, datetime.fromisoformat("2070-12-25")]
    found = moments(*(time.strftime(form) for time in told))
    assert found == [time.replace(second=0, microsecond=0, tzinfo=UTC) for time in told]
