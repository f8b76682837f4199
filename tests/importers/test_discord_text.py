"""DiscordChatExporter's plain text."""

import io
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.errors import ImportFailed
from botconvo.importers import LeftOut, Reason, Row
from botconvo.importers.discord_text import parse
from botconvo.importers.reading import About
from botconvo.messages import AuthorId, Message

EXPORTS = Path(__file__).parent.parent / "data" / "exports"
SAMPLE = next((EXPORTS / "discord-dce-2.47").glob("*general*.txt")).read_text(encoding="utf-8")
RULE = "=" * 62
HEAD = f"{RULE}\nGuild: The Boys\nChannel: Text / general\n{RULE}\n\n"


def rows(text: str, about: About | None = None) -> list[Row]:
    return list(parse(io.StringIO(text, newline=""), about or About()))


def messages(text: str, about: About | None = None) -> list[Message]:
    return [row for row in rows(text, about) if isinstance(row, Message)]


def test_every_message_of_the_sample_is_accounted_for() -> None:
    found = rows(SAMPLE)
    assert sum(isinstance(row, Message) for row in found) == 14
    assert Counter(row.reason for row in found if isinstance(row, LeftOut)) == {
        Reason.SYSTEM: 4,
        Reason.BOT: 1,
        Reason.STICKER: 1,
        Reason.DELETED: 1,
        Reason.FORWARD: 1,
    }


def test_words_end_where_sections_begin_and_at_the_end_of_the_file() -> None:
    found = messages(SAMPLE)
    assert found[2].text == "but i have to eat first\nand walk the dog\n\nso like 9?"
    assert found[5].text == "https://example.org/watch?v=abc"
    assert found[-1].text == "ok"
    assert [file.name for file in found[7].attachments] == ["a,b.png", "c.mp4"]
    assert [each.emoji for each in found[4].reactions] == ["😂", ":paul:"]


def test_a_file_from_windows_holds_the_same_messages() -> None:
    assert rows(SAMPLE.replace("\n", "\r\n")) == rows(SAMPLE)


def test_authors_are_their_accounts_unless_the_store_knows_whose_they_are() -> None:
    about = About(accounts={"Smigtan#4412": AuthorId("discord:7")})
    found = messages(SAMPLE, about)
    assert found[0].author.id == "discord-name:bort"
    assert (found[3].author.id, found[3].author.name) == ("discord:7", "Smigtan")
    assert [each.id for each in found] == [each.id for each in messages(SAMPLE)]


def test_a_line_like_a_beginning_is_words_unless_it_is_one() -> None:
    text = (
        HEAD + "[18.03.2024 20:59] bort\n[1] one\n\n[note] two\n[18.03.2024 21:00] three\n\n\n"
        "[18.03.2024 21:01] smig#1234 (pinned)\nfour\n"
    )
    first, second = messages(text)
    assert first.text == "[1] one\n\n[note] two\n[18.03.2024 21:00] three"
    assert (second.text, second.author.account) == ("four", "smig#1234")
    assert second.at == datetime(2024, 3, 18, 21, 1, tzinfo=UTC)


def test_the_channel_is_the_same_in_a_longer_export() -> None:
    said = "[18.03.2024 20:59] bort\none\n\n\n"
    later = "[18.03.2024 20:59] bort\ntwo\n\n\n"
    other = HEAD.replace("general", "random")
    channels = [messages(text)[0].channel for text in (HEAD + said, HEAD + later, other + said)]
    assert channels[0] == channels[1] != channels[2]


def test_dates_of_no_known_form_are_refused_in_one_line() -> None:
    with pytest.raises(ImportFailed, match="'the day before'"):
        rows(HEAD + "[the day before] bort\none\n")


@given(st.integers(0, len(SAMPLE)), st.integers(0, len(SAMPLE)), st.text(max_size=40))
def test_no_damage_raises(start: int, end: int, more: str) -> None:
    text = SAMPLE[: min(start, end)] + more + SAMPLE[max(start, end) :]
    with suppress(ImportFailed):
        rows(text)
