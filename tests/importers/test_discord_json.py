"""DiscordChatExporter's JSON, from the invented samples and from what can go wrong with it."""

import io
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.errors import ImportFailed
from botconvo.importers import LeftOut, Reason, Row
from botconvo.importers.discord_json import parse
from botconvo.importers.reading import Opened
from botconvo.messages import Message

EXPORTS = Path(__file__).parent.parent / "data" / "exports"
GENERAL = next((EXPORTS / "discord-dce-2.47").glob("*general*.json")).read_text(encoding="utf-8")


def rows(text: str) -> list[Row]:
    return list(parse(io.StringIO(text)))


def messages(text: str) -> list[Message]:
    return [row for row in rows(text) if isinstance(row, Message)]


def reasons(text: str) -> Counter[Reason]:
    return Counter(row.reason for row in rows(text) if isinstance(row, LeftOut))


def an_export(*found: dict[str, Any]) -> str:
    """An export with messages of these keys over usual ones."""
    usual = {
        "type": "Default",
        "timestamp": "2024-03-18T20:59:58.123+00:00",
        "content": "hello",
        "author": {"id": "7", "name": "bort", "isBot": False},
    }
    numbered = [{"id": str(100 + place), **usual, **keys} for place, keys in enumerate(found)]
    return json.dumps({"guild": {"id": "0"}, "channel": {"id": "5"}, "messages": numbered})


def test_every_message_of_the_sample_is_accounted_for() -> None:
    assert len(messages(GENERAL)) == 13
    assert reasons(GENERAL) == {
        Reason.SYSTEM: 4,
        Reason.BOT: 2,
        Reason.STICKER: 1,
        Reason.DELETED: 1,
        Reason.FORWARD: 1,
    }


def test_a_message_has_qualified_ids_and_the_name_that_friends_see() -> None:
    first = messages(GENERAL)[0]
    assert first.id == "discord:1218000000000000002/1219000000000000000"
    assert first.channel == "discord:1218000000000000002"
    assert first.author.id == "discord:101000000000000001"
    assert first.author.name == "Bort 🛹"
    assert first.at == datetime(2024, 3, 18, 20, 59, 58, 123000, tzinfo=UTC)


def test_line_breaks_inside_a_message_stay() -> None:
    assert messages(GENERAL)[2].text == "but i have to eat first\nand walk the dog\n\nso like 9?"


def test_an_edited_reply_knows_what_it_answers_and_that_it_was_edited() -> None:
    reply = next(message for message in messages(GENERAL) if message.reply_to)
    assert reply.reply_to == "discord:1218000000000000002/1219000000000000000"
    assert reply.revision == 1


def test_reactions_name_each_user_who_reacted() -> None:
    reacted = next(message for message in messages(GENERAL) if message.reactions)
    found = [(each.emoji, each.author and each.author.name) for each in reacted.reactions]
    assert found == [("😂", "Fishvilla"), ("😂", "smig"), (":paul:", "Fishvilla")]


def test_attachments_are_told_apart_by_their_extension() -> None:
    files = [
        {"fileName": name}
        for name in ("a,b.PNG", "c.mp4", "notes.pdf", "none", "odd://[x.png", "a b.webp")
    ]
    (message,) = messages(an_export({"attachments": files, "content": ""}))
    assert [attachment.kind for attachment in message.attachments] == [
        "photo",
        "video",
        "file",
        "file",
        "photo",
        "photo",
    ]


def test_nobody_elses_forwarded_words_are_taken() -> None:
    assert "the original text, by somebody else" not in [each.text for each in messages(GENERAL)]


def test_a_reaction_of_an_older_export_has_no_author() -> None:
    reaction = {"emoji": {"id": "", "name": "👍"}, "count": 3}
    (message,) = messages(an_export({"reactions": [reaction]}))
    assert [(each.emoji, each.author) for each in message.reactions] == [("👍", None)]


def test_direct_messages_are_read_too() -> None:
    sample = next((EXPORTS / "discord-dce-2.47").glob("Direct*.json")).read_text(encoding="utf-8")
    assert {message.author.name for message in messages(sample)} == {"Bort 🛹", "Fishvilla", "smig"}


def test_an_older_export_without_the_newer_keys_is_read() -> None:
    sample = (EXPORTS / "discord-dce-2.25" / "general.json").read_text(encoding="utf-8")
    assert len(messages(sample)) == 12
    assert not any(message.reply_to for message in messages(sample))


@pytest.mark.parametrize("decimals", ["", ".1", ".123", ".1234567"])
def test_times_have_any_number_of_decimals(decimals: str) -> None:
    (message,) = messages(an_export({"timestamp": f"2024-03-18T20:59:58{decimals}+01:00"}))
    assert message.at.astimezone(UTC).replace(microsecond=0) == datetime(
        2024, 3, 18, 19, 59, 58, tzinfo=UTC
    )


@pytest.mark.parametrize(
    "broken",
    [
        {"id": 12},
        {"id": "12/34"},
        {"timestamp": "yesterday"},
        {"timestamp": "2024-03-18T20:59:58"},
        {"author": None},
        {"author": {"id": "1"}},
        {"content": None},
        {"reactions": "many"},
    ],
)
def test_one_broken_message_does_not_stop_the_rest(broken: dict[str, Any]) -> None:
    found = rows(an_export({}, broken, {}))
    assert [type(row) for row in found] == [Message, LeftOut, Message]
    assert isinstance(found[1], LeftOut)
    assert found[1].reason is Reason.MALFORMED


@pytest.mark.parametrize("year", ["0001", "1999", "9999"])
def test_a_time_that_discord_cannot_know_is_left_out(year: str) -> None:
    found = reasons(an_export({"timestamp": f"{year}-01-01T00:00:00+05:00"}))
    assert found == {Reason.DATE: 1}


def test_a_message_that_is_no_object_is_malformed_and_names_its_line() -> None:
    text = '{"guild": {}, "channel": {"id": "5"}, "messages": [\n\n7,\n"x"]}'
    assert rows(text) == [
        LeftOut(reason=Reason.MALFORMED, line=3),
        LeftOut(reason=Reason.MALFORMED, line=4),
    ]


def test_a_torn_export_gives_what_is_whole_and_says_that_it_is_torn() -> None:
    found = rows(GENERAL[: GENERAL.index("1219000000000005000") + 100])
    assert [type(row) for row in found] == [*[Message] * 5, LeftOut]
    assert isinstance(found[-1], LeftOut)
    assert found[-1].reason is Reason.TORN
    assert found[-1].line == GENERAL[: GENERAL.index("1219000000000005000")].count("\n")


@given(st.integers(0, len(GENERAL) - 1))
def test_wherever_an_export_is_torn_what_comes_before_is_the_same(cut: int) -> None:
    if cut < GENERAL.index("[", GENERAL.index('"messages"')) + 1:
        with pytest.raises(ImportFailed, match="before the first message"):
            rows(GENERAL[:cut])
        return
    found = rows(GENERAL[:cut])
    whole = rows(GENERAL)
    if len(found) <= len(whole) and found[-1] != whole[-1]:
        assert isinstance(found[-1], LeftOut)
        assert found[-1].reason is Reason.TORN
        assert found[:-1] == whole[: len(found) - 1]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"guild": {}, "channel": {"id": "5"', "the text breaks off"),
        ('{"guild": {}, "channel": {"id": "5"}}', "no list named 'messages'"),
        ('{"guild": {}, "channel": {"id": "5"}, "messages": 5}', "no list named 'messages'"),
        ('{"guild": {}, "channel": {}, "messages": []}', "its keys are channel, guild"),
        ('{"guild": {}, "channel": 5, "messages": []}', "its keys are channel, guild"),
    ],
)
def test_an_export_without_channel_or_messages_is_refused(text: str, what: str) -> None:
    with pytest.raises(ImportFailed, match=what):
        rows(text)


def by_bytes(data: bytes) -> list[Row]:
    return list(parse(*Opened(cast(BinaryIO, io.BytesIO(data))).octets()))


def test_however_the_file_is_laid_out_and_read_it_holds_the_same() -> None:
    expected = rows(GENERAL)
    assert by_bytes(GENERAL.encode()) == expected
    assert by_bytes(GENERAL.encode("utf-8-sig")) == expected
    assert by_bytes(GENERAL.encode("utf-16")) == expected
    assert by_bytes(GENERAL.replace("\n", "\r\n").encode()) == expected
    small = json.dumps(json.loads(GENERAL), ensure_ascii=False, separators=(",", ":"))
    for text in (small, json.dumps(json.loads(GENERAL), indent="\t")):
        found = [row for row in by_bytes(text.encode()) if isinstance(row, Message)]
        assert found == messages(GENERAL)


def test_bytes_that_are_no_utf8_cost_letters_and_not_the_message() -> None:
    texts = [
        row.text
        for row in by_bytes(GENERAL.encode().replace(b"ok so", b"\xff\xfe so"))
        if isinstance(row, Message)
    ]
    assert texts[0] == "ÿþ so who's playing tonight"
    assert texts[1:] == [each.text for each in messages(GENERAL)][1:]


@pytest.mark.parametrize("depth", [200, 5000, 100_000])
def test_deep_nesting_costs_at_most_the_rest_of_the_file(depth: int) -> None:
    text = json.dumps(json.loads(an_export({}, {"embeds": 7})), indent=2)
    found = by_bytes(text.replace('"embeds": 7', f'"embeds": {"[" * depth}{"]" * depth}').encode())
    assert [type(row) for row in found] == [Message, Message if depth == 200 else LeftOut]


def test_a_reply_of_a_version_that_knew_none_is_one() -> None:
    (message,) = messages(an_export({"type": "19", "reference": {"messageId": "9"}}))
    assert message.reply_to == "discord:5/9"


@pytest.mark.parametrize("kind", ["20", "23", "7", "ThreadCreated"])
def test_other_kinds_are_notices_whatever_their_number(kind: str) -> None:
    assert reasons(an_export({"type": kind})) == {Reason.SYSTEM: 1}
