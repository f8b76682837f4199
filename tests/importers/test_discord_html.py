"""DiscordChatExporter's HTML, in both layouts."""

import io
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from botconvo.importers import LeftOut, Reason, Row
from botconvo.importers.discord_html import parse
from botconvo.importers.discord_json import parse as parse_json
from botconvo.importers.reading import About
from botconvo.messages import Message

EXPORTS = Path(__file__).parent.parent / "data" / "exports" / "discord-dce-2.47"
FILE = next(EXPORTS.glob("*general*.html"))
SAMPLE = FILE.read_text(encoding="utf-8")
JSON = next(EXPORTS.glob("*general*.json")).read_text(encoding="utf-8")
ABOUT = About(name=FILE.name)
OLD = """<!DOCTYPE html><html><head><title>x</title></head><body><div class=preamble>
<div class="preamble__entry">The Boys</div></div><div class="chatlog">
<div class="chatlog__message-group"><div class="chatlog__author-avatar-container"></div>
<div class="chatlog__messages">
<span class="chatlog__author-name" title="Smigtan#4412" data-user-id="7">smig</span>
<span class="chatlog__timestamp">03-Apr-18 01:48 AM</span>
<div class="chatlog__message" data-message-id="1" id="message-1">
<div class="chatlog__content"><span class="markdown">one &amp; <strong>two</strong></span></div>
</div>
<div class="chatlog__message" data-message-id="2" id="message-2">
<div class="chatlog__reference"><span class="chatlog__reference-link"
 onclick="scrollToMessage(event, '123456789012345678')"><em>not mine</em></span></div>
<div class="chatlog__content"><span class="markdown">a<br>b<img class="emoji" alt="💀">
</span></div><div class="chatlog__embed"><div class="markdown">nor this</div></div></div>
</div></div>
<div class="chatlog__message-group"><div class="chatlog__messages">
<span class="chatlog__author-name" title="Bot#0001" data-user-id="8">Bot</span>
<span class="chatlog__bot-tag">BOT</span>
<span class="chatlog__timestamp">03-Apr-18 01:49 AM</span>
<div class="chatlog__message" data-message-id="3" id="message-3">
<div class="chatlog__content"><span class="markdown">beep</span></div></div>
</div></div></div></body></html>"""


def rows(text: str, about: About = ABOUT) -> list[Row]:
    return list(parse(io.StringIO(text), about))


def messages(text: str) -> list[Message]:
    return [row for row in rows(text) if isinstance(row, Message)]


def test_the_page_holds_what_the_json_holds() -> None:
    theirs = [row for row in parse_json(io.StringIO(JSON)) if isinstance(row, Message)]
    ours = messages(SAMPLE)
    keys = ("id", "channel", "author", "text", "reply_to", "attachments", "revision")
    for key in keys:
        assert [getattr(each, key) for each in ours] == [getattr(each, key) for each in theirs]
    assert [each.at for each in ours] == [
        each.at.replace(second=0, microsecond=0) for each in theirs
    ]


def test_every_message_of_the_sample_is_accounted_for() -> None:
    found = rows(SAMPLE)
    assert len(found) == 22
    assert Counter(row.reason for row in found if isinstance(row, LeftOut)) == {
        Reason.SYSTEM: 4,
        Reason.BOT: 2,
        Reason.EMPTY: 1,
        Reason.DELETED: 1,
        Reason.FORWARD: 1,
    }


def test_the_older_layout_has_one_author_for_several_messages() -> None:
    first, second = messages(OLD)
    assert first.author == second.author
    assert (first.author.id, first.author.name) == ("discord:7", "smig")
    assert (first.text, second.text) == ("one & **two**", "a\nb💀")
    assert second.reply_to == "discord:1218000000000000002/123456789012345678"
    assert first.at == second.at == datetime(2018, 4, 3, 1, 48, tzinfo=UTC)
    assert [row.reason for row in rows(OLD) if isinstance(row, LeftOut)] == [Reason.BOT]


def test_an_id_tells_the_seconds_where_it_agrees_with_what_is_written() -> None:
    at = datetime(2018, 4, 2, 23, 48, 11, 250_000, tzinfo=UTC)
    since = (at - datetime(2015, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    page = OLD.replace('data-message-id="1"', f'data-message-id="{since << 22}"')
    assert messages(page)[0].at == at
    later = page.replace("01:48 AM", "01:49 AM")
    assert messages(later)[0].at == datetime(2018, 4, 3, 1, 49, tzinfo=UTC)


def test_quotes_of_the_tags_may_be_missing() -> None:
    bare = OLD.replace('class="chatlog__content"', "class=chatlog__content")
    assert rows(bare) == rows(OLD)


def test_a_page_that_breaks_off_says_so() -> None:
    found = rows(OLD[: OLD.index("a<br>b")])
    assert [type(row) for row in found] == [Message, LeftOut]
    assert isinstance(found[1], LeftOut)
    assert found[1].reason is Reason.TORN


def test_a_tag_without_an_end_does_not_fill_the_memory() -> None:
    found = rows(OLD.replace("</body>", '<a href="' + "x" * 5_000_000))
    assert isinstance(found[-1], LeftOut)
    assert found[-1].reason is Reason.TORN


@given(st.integers(0, len(SAMPLE)), st.integers(0, 400), st.text(max_size=40))
def test_no_damage_raises(start: int, length: int, more: str) -> None:
    rows(SAMPLE[:start] + more + SAMPLE[start + length :])
