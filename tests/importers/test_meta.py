"""Messenger's and Instagram's threads."""

import json
from typing import Any

import pytest
from chat_files import reasons, rows, said, shared
from hypothesis import given
from hypothesis import strategies as st

from botconvo.errors import ImportFailed
from botconvo.importers import Reason
from botconvo.importers.meta import mended


def broken(text: str) -> str:
    return text.encode().decode("latin-1")


def a_part(*found: dict[str, Any], thread: str | None = "inbox/pals_123") -> str:
    usual = {"sender_name": broken("Zoë"), "timestamp_ms": 1710795598123, "content": "hi"}
    export: dict[str, Any] = {
        "participants": [{"name": broken("Zoë")}, {"name": "Bo"}],
        "messages": [{**usual, **keys} for keys in found],
        "title": "Pals",
    }
    return json.dumps(export | ({} if thread is None else {"thread_path": thread}))


def test_the_sample_is_read() -> None:
    found = said(rows("meta-json", shared("instagram/chat-miner/test_export.json")))
    assert [each.text for each in found] == ["Hello Jane!", "Hello John!"]


def test_broken_letters_are_mended() -> None:
    reactions = [{"reaction": broken("❤"), "actor": "Bo"}]
    part = a_part({"content": broken("tschüß 🐝"), "reactions": reactions})
    (message,) = said(rows("meta-json", part))
    assert (message.author.name, message.text) == ("Zoë", "tschüß 🐝")
    assert [(each.emoji, each.author and each.author.id) for each in message.reactions] == [
        ("❤", "meta:bo")
    ]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_mending_undoes_the_breaking(text: str) -> None:
    assert mended(broken(text)) == text


def test_whole_text_is_left_alone() -> None:
    for text in ("tschüß", "été", "日本 🐝", "plain", ""):
        assert mended(text) == text


def test_the_parts_of_a_thread_are_one_channel() -> None:
    parts = [a_part({"content": text}) for text in ("one", "two")]
    channels = {said(rows("meta-json", part))[0].channel for part in parts}
    assert channels == {"meta:pals_123"}


def test_a_thread_without_a_path_is_that_of_its_participants() -> None:
    parts = [a_part({"content": text}, thread=None) for text in ("one", "two")]
    assert len({said(rows("meta-json", part))[0].channel for part in parts}) == 1


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"is_unsent": True}, Reason.REMOVED),
        ({"content": broken("Zoë sent an attachment.")}, Reason.SYSTEM),
        ({"content": broken("Reacted 😂 to your message ")}, Reason.SYSTEM),
        ({"content": "Liked a message"}, Reason.SYSTEM),
        ({"type": "Call", "content": "bye"}, Reason.SYSTEM),
        ({"sender_name": "Instagram User"}, Reason.DELETED),
        ({"content": None, "share": {"link": "https://example.org"}}, Reason.FORWARD),
        ({"content": None, "sticker": {"uri": "s.png"}}, Reason.STICKER),
        ({"content": None, "audio_files": [{"uri": "a.mp4"}]}, Reason.MEDIA),
        ({"content": None}, Reason.EMPTY),
        ({"timestamp_ms": 1}, Reason.DATE),
        ({"timestamp_ms": "soon"}, Reason.MALFORMED),
    ],
)
def test_what_is_left_out(keys: dict[str, Any], reason: Reason) -> None:
    fixed = {
        key: broken(value) if value == "Zoë sent an attachment." else value
        for key, value in keys.items()
    }
    assert reasons(rows("meta-json", a_part(fixed))) == [reason]


def test_pictures_without_words_are_taken() -> None:
    part = a_part({"content": None, "photos": [{"uri": "messages/inbox/pals/photos/1.jpg"}]})
    (message,) = said(rows("meta-json", part))
    assert [(file.kind, file.name) for file in message.attachments] == [("photo", "1.jpg")]


def test_messengers_own_backup_is_read_too() -> None:
    message = {
        "isUnsent": False,
        "media": [],
        "reactions": [{"actor": "Bo", "reaction": "❤"}],
        "senderName": "Zoë",
        "text": "tschüß",
        "timestamp": 1710795598123,
        "type": "text",
    }
    part = {"participants": ["Zoë", "Bo"], "threadName": "Bo_12", "messages": [message]}
    (found,) = said(rows("meta-json", json.dumps(part)))
    assert (found.author.name, found.text, found.channel) == ("Zoë", "tschüß", "meta:bo_12")


def test_a_file_without_messages_says_so() -> None:
    with pytest.raises(ImportFailed, match="no list named 'messages'"):
        rows("meta-json", '{"participants": []}')
