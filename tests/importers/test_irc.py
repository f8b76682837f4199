"""Logs of IRC clients."""

import pytest
from chat_files import reasons, rows, said, shared

from botconvo.importers import Reason
from botconvo.importers.irc import looks_like


@pytest.mark.parametrize(
    ("log", "at", "nick"),
    [
        ("[21:05] <bo> hi\n", "2000-01-01 21:05:00", "bo"),
        ("[21:05:07] <@bo> hi\n", "2000-01-01 21:05:07", "bo"),
        ("21:05 < bo> hi\n", "2000-01-01 21:05:00", "bo"),
        ("21:05 <+bo> hi\n", "2000-01-01 21:05:00", "bo"),
        ("2024-03-18 21:05:07\tbo\thi\n", "2024-03-18 21:05:07", "bo"),
        ("2024-03-18 21:05:07\t@bo\thi\n", "2024-03-18 21:05:07", "bo"),
        ("[2024-03-18 21:05:07] <bo> hi\n", "2024-03-18 21:05:07", "bo"),
        ("2024-03-18T21:05:07.123+00:00 <bo> hi\n", "2024-03-18 21:05:07", "bo"),
        (
            "**** BEGIN LOGGING AT Mon Mar 18 21:00:00 2024\n\nMar 18 21:05:07 <bo>\thi\n",
            "2024-03-18 21:05:07",
            "bo",
        ),
        (
            "--- Log opened Mon Mar 18 21:00:00 2024\n21:05 <bo> hi\n",
            "2024-03-18 21:05:00",
            "bo",
        ),
        ("Session Start: Mon Mar 18 21:00:00 2024\n[21:05] <bo> hi\n", "2024-03-18 21:05:00", "bo"),
        ("[21:05] <\x0303bo\x0f> \x02hi\x02\n", "2000-01-01 21:05:00", "bo"),
    ],
)
def test_forms_of_many_clients(log: str, at: str, nick: str) -> None:
    assert looks_like(log)
    (message,) = said(rows("irc-log", log))
    assert (f"{message.at:%Y-%m-%d %H:%M:%S}", message.author.name, message.text) == (
        at,
        nick,
        "hi",
    )


@pytest.mark.parametrize(
    "notice",
    [
        "=== bo is now known as bort",
        "[21:05] *** Joins: bo (bo@example.org)",
        "21:05 -!- bo [bo@example.org] has joined #cats",
        "2024-03-18 21:05:07\t-->\tbo (bo@example.org) has joined #cats",
        "2024-03-18 21:05:07\t--\tbo is now known as bort",
        "Mar 18 21:05:07 *\tbo (bo@example.org) has joined",
        "[21:05] * bo is now known as bort",
        "[21:05] * bo has quit (Quit: bye)",
        "[21:05] -NickServ- you are logged in",
        "--- Day changed Tue Mar 19 2024",
    ],
)
def test_who_comes_and_goes_says_nothing(notice: str) -> None:
    assert reasons(rows("irc-log", f"{notice}\n")) == [Reason.SYSTEM]


def test_what_somebody_does_is_theirs() -> None:
    for log in ("[21:05]  * bo sits\n", "21:05  * bo sits\n", "2024-03-18 21:05:07\t *\tbo sits\n"):
        assert [each.text for each in said(rows("irc-log", log))] == ["*sits*"]


def test_a_clock_that_goes_back_begins_the_next_day_and_summer_time_does_not() -> None:
    log = "[23:59] <bo> a\n[00:01] <bo> b\n[02:50] <bo> c\n[02:05] <bo> d\n[01:00] <bo> e\n"
    days = [each.at.day for each in said(rows("irc-log", log))]
    assert days == [1, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("name", "within", "channel", "day"),
    [
        ("2024-03-18.log", "#cats", "irc:cats", "2024-03-18"),
        ("#cats_20240318.log", "logs", "irc:cats", "2024-03-18"),
        ("#cats.log", "logs", "irc:cats", "2000-01-01"),
        ("irc.libera.#cats.weechatlog", "logs", "irc:irc-libera-cats", "2000-01-01"),
    ],
)
def test_the_files_name_tells_the_channel_and_the_day(
    name: str, within: str, channel: str, day: str
) -> None:
    (message,) = said(rows("irc-log", "[21:05] <bo> hi\n", name=name, within=within))
    assert (message.channel, f"{message.at:%Y-%m-%d}") == (channel, day)


def test_nicks_that_differ_by_a_sign_are_different_people() -> None:
    log = "".join(f"[21:05] <{nick}> hi\n" for nick in ("bo", "bo|away", "bo[away]", "bo_", "Bo"))
    assert len({each.author.id for each in said(rows("irc-log", log))}) == 4


def test_other_texts_are_no_log() -> None:
    assert not looks_like("12/31/23, 21:05 - Bo: hi\n")
    assert not looks_like("at 10:30 <b>we</b> met\nand then\nwe left\n")
    assert reasons(rows("irc-log", "[21:05] <bo> hi\nwhat is this\n[27:05] <bo> hi\n")) == [
        Reason.MALFORMED,
        Reason.DATE,
    ]


@pytest.mark.parametrize(("day", "messages"), [("2008-04-27", 1958), ("2016-12-19", 1184)])
def test_the_real_logs_are_read_without_a_fault(day: str, messages: int) -> None:
    name = f"ubuntu-{day}.raw.txt"
    found = rows("irc-log", shared(f"irc/{name}"), name=name)
    assert len(said(found)) == messages
    assert set(reasons(found)) <= {Reason.SYSTEM, Reason.EMPTY}
    assert {f"{each.at:%Y-%m-%d}" for each in said(found)} == {day}
    assert {each.channel for each in said(found)} == {"irc:ubuntu"}
