"""Sleep, beginnings, quiet hours and days: laws of time, without a clock."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.conversation.lifespan import day_of, presences, quiet_until, span
from botconvo.personas import PersonaName
from botconvo.zones import zone_of

SLEEP, ALONE = (30.0, 3600.0), (18_000.0, 72_000.0)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
times = st.integers(0, 4 * 366 * 24 * 60 - 1).map(
    lambda minute: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
)
clock_times = st.integers(0, 24 * 60 - 1)


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def hours(first: int, last: int) -> str:
    return f"{first // 60:02}:{first % 60:02}-{last // 60:02}:{last % 60:02}"


# spans


@given(bounds=st.sampled_from([SLEEP, ALONE, (5.0, 5.0), (0.0, 10.0)]), seed=st.integers())
def test_a_span_lies_within_its_bounds(bounds: tuple[float, float], seed: int) -> None:
    assert bounds[0] <= span(bounds, Random(seed)).total_seconds() <= bounds[1]


def test_spans_follow_the_earlier_systems_law() -> None:
    """``U(min^0.1, max^0.1)^10``: the tenth root of a span is spread evenly."""
    spans = sorted(span(SLEEP, Random(seed)).total_seconds() for seed in range(4000))
    roots = [(seconds**0.1 - 30**0.1) / (3600**0.1 - 30**0.1) for seconds in spans]
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert roots[int(share * len(roots))] == pytest.approx(share, abs=0.03)
    assert 380 < spans[2000] < 500, "half of all sleeps are shorter than about seven minutes"
    assert sum(spans) / len(spans) > 1.8 * spans[2000], "a few are much longer"


# quiet hours


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-10T22:59", None),
        ("2026-01-10T23:00", "2026-01-11T07:30"),
        ("2026-01-11T03:00", "2026-01-11T07:30"),
        ("2026-01-11T07:29:59", "2026-01-11T07:30"),
        ("2026-01-11T07:30", None),
    ],
)
def test_a_night_may_go_past_midnight(now: str, until: str | None) -> None:
    berlin = "Europe/Berlin"
    found = quiet_until(at(now, berlin).astimezone(UTC), ("23:00-07:30",), berlin)
    assert found == (None if until is None else at(until, berlin))


def test_spans_that_touch_are_one() -> None:
    found = quiet_until(
        at("2026-01-10T12:30"), ("12:00-13:00", "13:00-14:00", "15:00-16:00"), "UTC"
    )
    assert found == at("2026-01-10T14:00")
    assert quiet_until(at("2026-01-10T12:30"), (), "UTC") is None


def test_the_hour_that_comes_twice_in_autumn_is_quiet_twice() -> None:
    """On 2026-10-25 it is 02:30 in Berlin at 00:30 and at 01:30 UTC."""
    night = ("01:00-02:45",)
    first = quiet_until(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), night, "Europe/Berlin")
    again = quiet_until(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), night, "Europe/Berlin")
    assert again == datetime(2026, 10, 25, 1, 45, tzinfo=UTC)
    assert first is not None
    assert first <= again


@given(now=times, first=clock_times, last=clock_times, zone=st.sampled_from(ZONES))
def test_quiet_time_ends_within_a_day_at_a_time_that_is_not_quiet(
    now: datetime, first: int, last: int, zone: str
) -> None:
    if first == last:
        return
    quiet = (hours(first, last),)
    until = quiet_until(now, quiet, zone)
    if until is None:
        return
    assert now < until <= now + timedelta(hours=26)
    assert quiet_until(until, quiet, zone) is None


@pytest.mark.parametrize("text", ["", "23-7", "24:00-07:00", "23:00", "07:00-07:00", "23:60-01:00"])
def test_hours_that_cannot_be_read_are_named(text: str) -> None:
    with pytest.raises(ValueError, match=text or "''"):
        quiet_until(at("2026-01-10T12:30"), (text,), "UTC")


@pytest.mark.parametrize("name", ["Berlin", "", "../etc/passwd", "Europe", "\x00"])
def test_a_zone_that_does_not_exist_is_named(name: str) -> None:
    with pytest.raises(ValueError, match="is no time zone"):
        zone_of(name)


# days


@given(now=times, zone=st.sampled_from(ZONES))
def test_every_moment_lies_in_one_day_and_days_follow_upon_each_other(
    now: datetime, zone: str
) -> None:
    since, until = day_of(now, zone)
    assert since <= now < until
    assert timedelta(hours=23) <= until - since <= timedelta(hours=25)
    assert day_of(until, zone)[0] == until


def test_a_day_is_that_of_the_time_zone() -> None:
    days = [day_of(at("2026-01-10T23:30"), zone)[0] for zone in ("America/New_York", "UTC")]
    assert [day.hour for day in days] == [5, 0]
    assert all(one != two for one, two in pairwise(days))


# presence


def test_only_who_sleeps_in_all_of_its_channels_is_away() -> None:
    juno, marek, tilly = (PersonaName(name) for name in ("Juno", "Marek", "Tilly"))
    channels: list[tuple[tuple[PersonaName, ...], set[PersonaName]]] = [
        ((juno, marek), {juno, marek}),
        ((juno, tilly), {juno}),
        ((marek,), set()),
    ]
    assert presences(channels) == {juno: True, marek: False, tilly: False}
    assert presences([]) == {}
