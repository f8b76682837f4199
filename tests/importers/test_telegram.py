"""Telegram's result.json: one chat, all chats, and what two friends export of one chat."""

import json
from datetime import timedelta, timezone
from typing import Any

import pytest
from chat_files import reasons, rows, said, shared

from botconvo.errors import ImportFailed
from botconvo.importers import Reason


def a_chat(*found: dict[str, Any], kind: str = "private_supergroup", id_: int = 77) -> str:
    usual = {
        "type": "message",
        "date": "2024-03-18T21:59:58",
        "date_unixtime": "1710795598",
        "from": "Bo",
        "from_id": "user1",
        "text": "hi",
    }
    messages = [{"id": 100 + place, **usual, **keys} for place, keys in enumerate(found)]
    return json.dumps({"name": "Pals", "type": kind, "id": id_, "messages": messages})


@pytest.mark.parametrize("sample", ["single", "batch"])
def test_the_samples_are_read(sample: str) -> None:
    found = rows("telegram-json", shared(f"telegram/chat-miner/test_{sample}_export.json"))
    assert [each.text for each in said(found)] == ["Minimal Message", "Link:https://telegram.org/"]


def test_a_message_of_a_big_group_keeps_its_number() -> None:
    chat = a_chat({}, {"reply_to_message_id": 100, "edited": "2024-03-18T22:00:00"})
    first, second = said(rows("telegram-json", chat))
    assert (first.id, first.channel, first.author.id) == (
        "telegram:77/100",
        "telegram:77",
        "telegram:user1",
    )
    assert (second.reply_to, second.revision) == (first.id, 1)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"type": "service", "action": "pin_message"}, Reason.SYSTEM),
        ({"from_id": "user777000", "from": "Telegram"}, Reason.SYSTEM),
        ({"from": None}, Reason.DELETED),
        ({"from_id": "channel5"}, Reason.CHANNEL),
        ({"via_bot": "@gif"}, Reason.BOT),
        ({"forwarded_from": "Cy"}, Reason.FORWARD),
        ({"forwarded_from": None}, Reason.FORWARD),
        ({"text": "", "media_type": "sticker", "file": "s.webp"}, Reason.STICKER),
        ({"text": "", "media_type": "voice_message", "file": "v.ogg"}, Reason.MEDIA),
        ({"text": "", "poll": {}}, Reason.EMPTY),
        ({"text": [{"type": "blockquote", "text": "of others"}]}, Reason.EMPTY),
        ({"date_unixtime": "1"}, Reason.DATE),
        ({"date_unixtime": None, "date": "gone"}, Reason.DATE),
        ({"text": {"a": 1}}, Reason.MALFORMED),
    ],
)
def test_what_is_left_out(keys: dict[str, Any], reason: Reason) -> None:
    assert reasons(rows("telegram-json", a_chat(keys))) == [reason]


def test_the_words_of_an_inline_bot_make_nobody_a_bot() -> None:
    (row,) = rows("telegram-json", a_chat({"via_bot": "@gif"}))
    assert row.author is None


def test_the_other_one_in_a_chat_with_a_bot_is_the_bot() -> None:
    found = rows("telegram-json", a_chat({}, {"from_id": "user2"}, kind="bot_chat", id_=1))
    assert (reasons(found), [each.author.id for each in said(found)]) == (
        [Reason.BOT],
        ["telegram:user2"],
    )


def test_a_number_alone_is_the_same_user_and_a_time_alone_is_of_the_zone() -> None:
    chat = a_chat({"from_id": 1, "date_unixtime": None})
    (message,) = said(rows("telegram-json", chat, zone=timezone(timedelta(hours=1))))
    assert message.author.id == "telegram:user1"
    assert message.at.isoformat() == "2024-03-18T21:59:58+01:00"


def test_pictures_are_attachments_and_reactions_name_people() -> None:
    missing = "(File not included. Change data exporting settings to download.)"
    recent = [{"from": "Cy", "from_id": "user3", "date": "2024-03-18T22:00:00"}]
    chat = a_chat(
        {
            "text": "",
            "photo": missing,
            "reactions": [{"type": "emoji", "count": 2, "emoji": "❤", "recent": recent}],
        },
        {"text": "", "photo": "photos/photo_1.jpg"},
        {"text": "", "file": missing, "file_name": "c.mp4", "media_type": "video_file"},
    )
    found = said(rows("telegram-json", chat))
    assert [(file.kind, file.name) for each in found for file in each.attachments] == [
        ("photo", "photo"),
        ("photo", "photo_1.jpg"),
        ("video", "c.mp4"),
    ]
    assert [(each.emoji, each.author and each.author.name) for each in found[0].reactions] == [
        ("❤", "Cy"),
        ("❤", None),
    ]


def test_two_friends_exports_of_their_chat_are_the_same_messages() -> None:
    def theirs(other: int, first_number: int) -> str:
        talk = [(1, "hi"), (2, "ho"), (1, "what?")]
        return a_chat(
            *(
                {
                    "id": first_number + place,
                    "from_id": f"user{who}",
                    "from": f"Friend {who}",
                    "text": text,
                    **({"reply_to_message_id": first_number + 1} if place == 2 else {}),
                }
                for place, (who, text) in enumerate(talk)
            ),
            kind="personal_chat",
            id_=other,
        )

    of_one, of_two = rows("telegram-json", theirs(2, 500)), rows("telegram-json", theirs(1, 9000))
    assert of_one == of_two
    assert said(of_one)[0].channel == "telegram:1-2"
    assert said(of_one)[2].reply_to == said(of_one)[1].id


def test_a_full_export_is_read_chat_by_chat() -> None:
    chats = [
        json.loads(a_chat({}, kind="personal_chat", id_=1)),
        json.loads(a_chat({}, {"type": "service"})),
    ]
    export = {
        "about": "Here is the data you requested.",
        "personal_information": {"user_id": 9},
        "contacts": {"list": [{"first_name": "Bo"}]},
        "chats": {"about": "", "list": [chats[0], {"name": "x", "messages": []}]},
        "left_chats": {"list": [chats[1]]},
    }
    found = rows("telegram-json", json.dumps(export))
    assert [each.channel for each in said(found)] == ["telegram:1-9", "telegram:77"]
    assert reasons(found) == [Reason.SYSTEM]


def test_a_file_that_breaks_off_gives_what_is_whole() -> None:
    found = rows("telegram-json", a_chat({}, {})[:-40])
    assert (len(said(found)), reasons(found)) == (1, [Reason.TORN])


def test_a_file_without_chats_says_so() -> None:
    with pytest.raises(ImportFailed, match="holds no chats"):
        rows("telegram-json", '{"personal_information": {"user_id": 9}, "left_chats": {}}')
