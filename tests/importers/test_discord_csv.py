"""DiscordChatExporter's CSV in today's dialect."""

import csv
import io
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from botconvo.errors import ImportFailed
from botconvo.importers import LeftOut, Reason, Row
from botconvo.importers.discord_csv import HEADER, parse
from botconvo.messages import ChannelId, Message

EXPORTS = Path(__file__).parent.parent / "data" / "exports"
CHANNEL = ChannelId("discord:5")
BEGIN = datetime(2016, 1, 1, tzinfo=UTC)
DATE = "2024-03-18T21:59:58.1230000+01:00"


def sample(name: str) -> str:
    path = next((EXPORTS / "discord-dce-2.47").glob(name))
    return path.read_bytes().decode("utf-8-sig")


def rows(text: str, channel: ChannelId | None = CHANNEL) -> list[Row]:
    return list(parse(io.StringIO(text, newline=""), channel))


def messages(text: str, channel: ChannelId | None = CHANNEL) -> list[Message]:
    return [row for row in rows(text, channel) if isinstance(row, Message)]


def an_export(*found: tuple[str, ...]) -> str:
    """An export of rows that are (text), (text, date), (text, date, name) and so on."""
    usual = ("hello", DATE, "bort", "7", "", "")
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for row in found:
        text, date, name, user, files, reactions = (*row, *usual[len(row) :])
        writer.writerow([user, name, date, text, files, reactions])
    return ",".join(HEADER) + "\n" + out.getvalue()


def test_every_row_of_the_sample_is_accounted_for() -> None:
    found = rows(sample("*general*.csv"))
    assert sum(isinstance(row, Message) for row in found) == 14
    assert Counter(row.reason for row in found if isinstance(row, LeftOut)) == {
        Reason.SYSTEM: 4,
        Reason.EMPTY: 2,
        Reason.DELETED: 1,
        Reason.BOT: 1,
    }


def test_quotes_and_line_breaks_inside_a_message_stay() -> None:
    texts = [message.text for message in messages(sample("*general*.csv"))]
    assert texts[2] == "but i have to eat first\nand walk the dog\n\nso like 9?"
    assert texts[3] == 'he said "no", then left, i kid you not; unbelievable'


def test_an_author_is_known_by_id_and_shown_without_the_discriminator() -> None:
    author = messages(sample("*general*.csv"))[3].author
    assert (author.id, author.name) == ("discord:101000000000000003", "Smigtan")


def test_a_file_from_windows_holds_the_same_messages() -> None:
    ours, theirs = messages(sample("*general*.csv")), messages(sample("windows-crlf.csv"))
    assert [(each.id, each.text) for each in ours] == [(each.id, each.text) for each in theirs]


def test_addresses_with_commas_are_one_attachment() -> None:
    message = next(
        each for each in messages(sample("*general*.csv")) if each.text == "look at this"
    )
    assert [(each.kind, each.name) for each in message.attachments] == [
        ("photo", "a,b.png"),
        ("video", "c.mp4"),
    ]


def test_reactions_have_no_author_because_the_format_names_none() -> None:
    message = messages(sample("*general*.csv"))[4]
    assert [(each.emoji, each.author) for each in message.reactions] == [
        ("😂", None),
        (":paul:", None),
    ]


@pytest.mark.parametrize("name", ["Captain Hook#0000", "Captain Hook", "GitHub#0000"])
def test_webhooks_are_left_out(name: str) -> None:
    (row,) = rows(an_export(("hi", DATE, name)))
    assert isinstance(row, LeftOut)
    assert row.reason is Reason.BOT


@pytest.mark.parametrize("name", ["bort", "bort#0000", "Smigtan#4412", "b.o_rt9"])
def test_whoever_has_a_discriminator_or_a_user_name_is_a_person(name: str) -> None:
    (message,) = messages(an_export(("hi", DATE, name)))
    assert message.author.account == name.removesuffix("#0000")


@pytest.mark.parametrize(
    "words",
    [
        "Added a recipient.",
        "Removed Some One from the group.",
        "Started a call.",
        "Started a call that lasted 1,024 minutes.",
        "Changed the channel name: the boys",
    ],
)
def test_the_notices_of_all_versions_are_left_out(words: str) -> None:
    (row,) = rows(an_export((words,)))
    assert isinstance(row, LeftOut)
    assert row.reason is Reason.SYSTEM


def test_the_same_words_at_the_same_moment_are_two_messages() -> None:
    found = messages(an_export(("ha",), ("ha",), ("ha",)))
    assert len({message.id for message in found}) == 3


def test_a_longer_export_of_the_channel_gives_the_same_ids() -> None:
    said = [(f"line {n}", f"2024-03-18T21:{n:02}:00.0000000+01:00") for n in range(9)]
    short, long = messages(an_export(*said[:5])), messages(an_export(*said))
    assert [each.id for each in long][:5] == [each.id for each in short]


def test_without_a_channel_the_first_message_stands_for_it() -> None:
    said = [("one",), ("two",), ("three",)]
    first = messages(an_export(*said[:2]), None)
    longer = messages(an_export(*said), None)
    other = messages(an_export(*said[1:]), None)
    assert first[0].channel == longer[2].channel != other[0].channel
    assert first[1].id == longer[1].id


def test_a_torn_file_gives_what_is_whole_and_names_the_line() -> None:
    text = sample("*general*.csv")
    found = rows(text[: text.index("and walk the dog") + 5])
    assert [type(row) for row in found] == [Message, Message, LeftOut]
    assert found[-1] == LeftOut(reason=Reason.TORN, line=4)


def test_a_damaged_row_does_not_stop_the_rest() -> None:
    text = an_export(("one",)) + '"7","bort"\n"7"x,"b"\n' + an_export(("two",)).split("\n", 1)[1]
    found = rows(text)
    assert [type(row) for row in found] == [Message, LeftOut, LeftOut, Message]
    assert [row.line for row in found if isinstance(row, LeftOut)] == [3, 4]


OLDER = {
    "discord-dce-2.20-2.37/dates-ddMMMyy.csv": ("minute-", 20, 59, 0),
    "discord-dce-2.20-2.37/dates-unix.csv": ("second-", 20, 59, 58),
    "discord-dce-2.38-2.39/dates-MMddyyyy.csv": ("minute-", 20, 59, 0),
    "discord-dce-2.41-2.42.2/dates-culture-de.csv": ("minute-", 20, 59, 0),
}


@pytest.mark.parametrize("name", OLDER)
def test_older_dialects_hold_the_same_messages_with_less_of_the_time(name: str) -> None:
    mark, hour, minute, second = OLDER[name]
    found = messages((EXPORTS / name).read_text(encoding="utf-8"))
    newest = messages(sample("*general*.csv"))
    assert [each.text for each in found] == [each.text for each in newest]
    assert [each.author for each in found] == [each.author for each in newest]
    assert found[0].at == datetime(2024, 3, 18, hour, minute, second, tzinfo=UTC)
    assert all(f"/row-{mark}" in each.id for each in found)
    assert len({each.id for each in found}) == len(found)


def test_times_without_a_zone_are_by_the_clock_that_is_given() -> None:
    text = (EXPORTS / "discord-dce-2.41-2.42.2/dates-culture-de.csv").read_text(encoding="utf-8")
    first = next(iter(parse(io.StringIO(text, newline=""), CHANNEL, ZoneInfo("Europe/Berlin"))))
    assert isinstance(first, Message)
    assert first.at == datetime(2024, 3, 18, 19, 59, tzinfo=UTC)


def test_a_file_that_a_spreadsheet_has_saved_holds_the_same_messages() -> None:
    ours, theirs = sample("*general*.csv"), sample("excel-resaved-bom-semicolon.csv")
    assert [each.id for each in messages(theirs)] == [each.id for each in messages(ours)]
    lines = theirs.replace("\n", "\r\n")
    assert [each.id for each in messages(lines)] == [each.id for each in messages(ours)]


def test_the_first_dialect_has_semicolons_at_the_end_of_every_row() -> None:
    old = (
        "AuthorID;Author;Date;Content;Attachments;Reactions;\r\n"
        '"7";"bort#1234";"03-Apr-18 01:48 AM";"a;b\n""c""";"";"";\r\n'
    )
    (message,) = messages(old)
    assert (message.text, message.author.name) == ('a;b\n"c"', "bort")
    assert message.at == datetime(2018, 4, 3, 1, 48, tzinfo=UTC)


def test_ids_that_a_spreadsheet_has_rounded_are_refused_in_one_line() -> None:
    with pytest.raises(ImportFailed, match=r"line 2: .*rounded the author's id to '1,01E\+17'"):
        rows(an_export(("hi", DATE, "bort", "1,01E+17")))


def test_many_unreadable_dates_are_refused_before_the_file_is_read_to_its_end() -> None:
    found = parse(io.StringIO(an_export(*[("x", "the day before")] * 500)), CHANNEL)
    with pytest.raises(ImportFailed, match="'the day before'"):
        assert sum(1 for _ in found) < 50


@example([("0", BEGIN), ("0", BEGIN + timedelta(microseconds=1))])
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
                lambda text: bool(text.strip())
            ),
            st.integers(0, 10**15).map(lambda micros: BEGIN + timedelta(microseconds=micros)),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_was_written_is_read(said: list[tuple[str, datetime]]) -> None:
    dated = sorted(said, key=lambda pair: pair[1])
    found = rows(an_export(*[(text, at.isoformat("T", "microseconds")) for text, at in dated]))
    read = [(row.text, row.at) for row in found if isinstance(row, Message)]
    assert read == [(text.replace("\r\n", "\n"), at) for text, at in dated]
    assert len({row.id for row in found if isinstance(row, Message)}) == len(said)


@given(st.text())
def test_any_other_text_below_the_header_is_left_out_or_refused(text: str) -> None:
    try:
        found = rows(",".join(HEADER) + "\n" + text)
    except ImportFailed:
        return
    assert not any(isinstance(row, Message) for row in found)


def test_the_offset_of_a_time_is_kept() -> None:
    assert messages(an_export(("x",)))[0].at.utcoffset() == timedelta(hours=1)
