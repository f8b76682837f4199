"""An unknown file is told what it is nearest to."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.errors import ImportFailed
from botconvo.importers.exports import find_exports
from botconvo.importers.formats import ARCHIVES, FORMATS
from botconvo.importers.nearest import MARKS, nearest


@pytest.mark.parametrize(
    ("head", "name", "missing"),
    [
        ('{"messages": [{"author": "a", "timestamp": 1, "content": "hi"}]}', "discord-json", 2),
        ('[{"ts": "1.2", "user": "U1", "text": "hi"}]', "slack-export", 2),
        ("Author,Date,Content\r\nbort,today,hi\r\n", "discord-csv", 3),
        ('{"messages": [{"from_id": "user1", "text": "hi", "date": "x"}]}', "telegram-json", 2),
    ],
)
def test_the_most_marks_win(head: str, name: str, missing: int) -> None:
    found = nearest(head)
    assert found is not None
    assert (found.name, len(found.missing)) == (name, missing)


def test_one_word_is_chance() -> None:
    assert nearest('{"messages": []}') is None
    assert nearest("dear diary") is None


def test_every_format_with_marks_is_one() -> None:
    assert MARKS.keys() <= {each.name for each in FORMATS} | {each.name for each in ARCHIVES}


@given(st.text())
def test_what_is_there_and_what_is_missing_are_all_marks(head: str) -> None:
    found = nearest(head)
    if found is not None:
        assert sorted((*found.there, *found.missing)) == sorted(MARKS[found.name])
        assert all(mark in head for mark in found.there)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '{"messages": [{"author": "a", "timestamp": 1, "content": "hi"}]}',
            """is JSON, but of no chat that BotConvo knows; the nearest is DiscordChatExporter's """
            """JSON, but "guild", "channel" are missing in its beginning""",
        ),
        ("[tool]\nname = 1\n", "names no authors"),
    ],
)
def test_the_message_names_it(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "unknown"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ImportFailed, match=re.escape(told)) as failed:
        find_exports(path)
    assert "\n" not in str(failed.value)
