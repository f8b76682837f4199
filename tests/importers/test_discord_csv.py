"""DiscordChatExporter's CSV in today's dialect."""

import csv
import io
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
    assert sum(isinstance(row, Message) for row in found) == 15
    assert Counter(row.reason for row in found if isinstance(row, LeftOut)) == {
        Reason.SYSTEM: 4,
        Reason.EMPTY: 2,
        Reason.DELETED: 1,
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
        ("paul", None),
    ]


def test_webhooks_are_left_out() -> None:
    (row,) = rows(an_export(("hi", DATE, "Captain Hook#0000")))
    assert isinstance(row, LeftOut)
    assert row.reason is Reason.BOT


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


def test_a_date_without_time_zone_is_left_out_where_others_have_one() -> None:
    found = rows(an_export(("one",), ("two", "2024-03-18T21:59:58"), ("three",)))
    assert [row.reason for row in found if isinstance(row, LeftOut)] == [Reason.DATE]


@pytest.mark.parametrize(
    "name",
    [
        "discord-dce-2.20-2.37/dates-ddMMMyy.csv",
        "discord-dce-2.20-2.37/dates-unix.csv",
        "discord-dce-2.38-2.39/dates-MMddyyyy.csv",
        "discord-dce-2.41-2.42.2/dates-culture-de.csv",
    ],
)
def test_an_older_dialect_is_named_by_its_date(name: str) -> None:
    text = (EXPORTS / name).read_text(encoding="utf-8")
    date = next(csv.DictReader(io.StringIO(text)))["Date"]
    with pytest.raises(ImportFailed, match=r"before 2\.42\.3") as failed:
        rows(text)
    assert repr(date) in str(failed.value)


def test_many_old_dates_are_refused_before_the_file_is_read_to_its_end() -> None:
    found = parse(io.StringIO(an_export(*[("x", "03-Apr-18 01:48 AM")] * 500)), CHANNEL)
    with pytest.raises(ImportFailed):
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
    assert read == dated
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
