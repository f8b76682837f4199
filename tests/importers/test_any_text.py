"""No text whatsoever makes a parser of chats fail otherwise than by ImportFailed."""

import json

import pytest
from chat_files import BY_NAME, EXPORTS, rows, said
from hypothesis import given
from hypothesis import strategies as st

from botconvo.errors import ImportFailed
from botconvo.importers import LeftOut

_TELEGRAM = {
    "personal_information": {"user_id": 9},
    "chats": {
        "list": [
            {
                "name": "Pals",
                "type": "personal_chat",
                "id": 1,
                "messages": [
                    {
                        "id": 5,
                        "type": "message",
                        "date": "2024-03-18T21:59:58",
                        "date_unixtime": "1710795598",
                        "from": "Bo",
                        "from_id": "user1",
                        "text": ["a", {"type": "link", "text": "b"}],
                        "reactions": [{"type": "emoji", "count": 2, "emoji": "❤"}],
                    }
                ],
            }
        ]
    },
}
_META = {
    "participants": [{"name": "Bo"}],
    "messages": [{"sender_name": "Bo", "timestamp_ms": 1710795598123, "content": "hi"}],
    "thread_path": "inbox/pals_1",
}
SEEDS = {
    "telegram-json": json.dumps(_TELEGRAM),
    "meta-json": json.dumps(_META),
    "irc-log": "--- Log opened Mon Mar 18 21:00:00 2024\n21:05 <@bo> hi\n"
    "Mar 18 21:05:07 * bo sits\n2024-03-18 21:05:07\tbo\thi\n[21:05] <bo> hi\n",
    "signal-chat": "[2023-01-02 10:20:30] Me: \n\n> a\n\nhi  \n(- Ana: 😂 -)\n"
    "[2023-01-02, 10:20] Ana: ![a.jpg](./media/a.jpg)  \n",
    "whatsapp-chat": (EXPORTS / "whatsapp/ios-en_US-12h-nnbsp/_chat.txt").read_text("utf-8")
    + "31/12/2023, 21:05 - Bo: IMG-20240101-WA0001.jpg (file attached)\na caption\n",
}


def is_accounted_for(format_: str, content: str) -> None:
    try:
        found = rows(format_, content)
    except ImportFailed:
        return
    assert all(isinstance(row, LeftOut) or row.at.tzinfo is not None for row in found)


@pytest.mark.parametrize("format_", sorted(SEEDS))
def test_the_seeds_are_of_their_formats(format_: str) -> None:
    assert BY_NAME[format_].looks_like(SEEDS[format_])
    assert said(rows(format_, SEEDS[format_]))


@pytest.mark.parametrize("format_", sorted(SEEDS))
@given(data=st.data())
def test_any_text_is_accounted_for(format_: str, data: st.DataObject) -> None:
    text = data.draw(st.text(max_size=200))
    BY_NAME[format_].looks_like(text)
    is_accounted_for(format_, text)


@pytest.mark.parametrize("format_", sorted(SEEDS))
@given(data=st.data())
def test_a_damaged_export_is_accounted_for(format_: str, data: st.DataObject) -> None:
    seed = SEEDS[format_]
    at = data.draw(st.integers(0, len(seed)))
    gone = data.draw(st.integers(0, 20))
    put = data.draw(
        st.text(max_size=8) | st.sampled_from(["null", "[]", "{}", "-1", '"', "9" * 30])
    )
    is_accounted_for(format_, seed[:at] + put + seed[at + gone :])


@pytest.mark.parametrize("format_", sorted(SEEDS))
def test_depth_and_length_cost_no_more_than_reading(format_: str) -> None:
    head = SEEDS[format_].split("\n")[0][:40]
    for piece in ("[", '{"chats":{"list":[', "<attached: ", "![", "(- ", "> \n", "<", "12/12/12, "):
        is_accounted_for(format_, head + piece * 3_000)
        is_accounted_for(format_, SEEDS[format_].split(" hi")[0] + " " + piece * 3_000)
