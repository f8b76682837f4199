"""Writes a large invented export in DiscordChatExporter's formats, for benchmarks.

    python scripts/make_big_export.py big.json
    python scripts/make_big_export.py big.csv --messages 10000000

JSON as 2.26 writes it, at about 600 bytes a message; the CSV and the HTML of the same messages.
The same arguments write the same bytes.  Nobody has said any of it.
"""

import argparse
import csv
import html
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

__all__ = ["AUTHORS", "WRITERS", "Said", "said"]

CHANNEL, GUILD = "1218000000000000002", "1218000000000000001"
AUTHORS = tuple(
    (str(101_000_000_000_000_001 + place), f"friend{place}", f"Friend {place} 🛹")
    for place in range(8)
)
_BEGIN = datetime(2019, 1, 1, tzinfo=UTC)
_DISCORD_BEGIN = datetime(2015, 1, 1, tzinfo=UTC)
_WORDS = (
    "ok so who is playing tonight me but i have to eat first and walk the dog lol no way yeah sure "
    "what did you say about the car it broke again haha nice one see you later maybe tomorrow then "
    'he said "no" ñandú 日本語 😂 that’s fine, really;'
).split()


@dataclass(frozen=True, slots=True)
class Said:
    id: str
    at: datetime
    author: tuple[str, str, str]
    """Id, account and shown name."""
    text: str
    answers: str | None
    file: bool
    liked: bool


def said(messages: int, seed: int) -> Iterator[Said]:
    """Invented messages in order of time."""
    random_ = random.Random(seed)
    at = _BEGIN
    last: str | None = None
    for _ in range(messages):
        at += timedelta(milliseconds=random_.randint(500, 300_000))
        since = (at - _DISCORD_BEGIN) // timedelta(milliseconds=1)
        words = random_.choices(_WORDS, k=min(60, 1 + int(random_.expovariate(1 / 8))))
        text = " ".join(words) + ("\nand\nmore" if random_.random() < 0.02 else "")
        chance = random_.random()
        message = Said(
            id=str(since << 22 | random_.getrandbits(12)),
            at=at,
            author=random_.choice(AUTHORS),
            text=text,
            answers=last if chance < 0.1 else None,
            file=0.1 < chance < 0.14,
            liked=0.2 < chance < 0.26,
        )
        last = message.id
        yield message


def write_json(rows: Iterator[Said], out: TextIO) -> None:
    head = {
        "guild": {"id": GUILD, "name": "Invented", "iconUrl": "https://cdn.example.org/0.png"},
        "channel": {"id": CHANNEL, "type": "GuildTextChat", "name": "general", "topic": None},
        "dateRange": {"after": None, "before": None},
    }
    out.write(json.dumps(head, indent=2, ensure_ascii=False)[:-2] + ',\n  "messages": [')
    count = 0
    for row in rows:
        text = json.dumps(_as_json(row), indent=2, ensure_ascii=False).replace("\n", "\n    ")
        out.write((",\n    " if count else "\n    ") + text)
        count += 1
    out.write(f'\n  ],\n  "messageCount": {count}\n}}')


def write_csv(rows: Iterator[Said], out: TextIO) -> None:
    out.write("AuthorID,Author,Date,Content,Attachments,Reactions\n")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for row in rows:
        at = f"{row.at:%Y-%m-%dT%H:%M:%S}.{row.at.microsecond:06}0+00:00"
        user, account, _ = row.author
        file = f"https://cdn.example.org/{row.id}/photo.png" if row.file else ""
        writer.writerow([user, account, at, row.text, file, "😂 (2)" if row.liked else ""])


def write_html(rows: Iterator[Said], out: TextIO) -> None:
    out.write('<!DOCTYPE html><html lang="en"><head><title>chatlog</title></head><body>\n')
    out.write('<div class="chatlog">\n')
    for row in rows:
        user, account, shown = row.author
        when = f"{row.at.month}/{row.at.day}/{row.at.year} {row.at:%I:%M %p}"
        out.write(
            '<div class="chatlog__message-group">\n'
            f'<div id="chatlog__message-container-{row.id}" class="chatlog__message-container" '
            f'data-message-id="{row.id}"><div class="chatlog__message">\n'
            '<div class="chatlog__message-aside"><img class="chatlog__avatar" src="0.png" '
            'alt="Avatar" loading="lazy"></div>\n<div class="chatlog__message-primary">\n'
            f'<div class="chatlog__header"><span class="chatlog__author" title="{account}" '
            f'data-user-id="{user}">{shown}</span><span class="chatlog__timestamp" '
            f'title="{when}"><a href="#chatlog__message-container-{row.id}">{when}</a></span></div>'
            '\n<div class="chatlog__content chatlog__markdown"><span class="'
            f'chatlog__markdown-preserve">{html.escape(row.text)}</span></div>\n'
            "</div></div></div>\n</div>\n"
        )
    out.write("</div></body></html>\n")


WRITERS: dict[str, Callable[[Iterator[Said], TextIO], None]] = {
    ".json": write_json,
    ".csv": write_csv,
    ".html": write_html,
}


def _as_json(row: Said) -> dict[str, object]:
    person = _person(row.author)
    file = {
        "id": row.id,
        "url": f"https://cdn.example.org/{row.id}/photo.png",
        "fileName": "photo.png",
        "fileSizeBytes": 165152,
    }
    like = {
        "emoji": {"id": "", "name": "😂", "code": "joy", "isAnimated": False, "imageUrl": "x"},
        "count": 2,
        "users": [_person(AUTHORS[0]), _person(AUTHORS[1])],
    }
    reference = {"messageId": row.answers, "channelId": CHANNEL, "guildId": GUILD}
    return {
        "id": row.id,
        "type": "Reply" if row.answers else "Default",
        "timestamp": row.at.isoformat(timespec="milliseconds"),
        "timestampEdited": None,
        "callEndedTimestamp": None,
        "isPinned": False,
        "content": row.text,
        "author": person,
        "attachments": [file] if row.file else [],
        "embeds": [],
        "reactions": [like] if row.liked else [],
        "mentions": [],
        **({"reference": reference} if row.answers else {}),
    }


def _person(author: tuple[str, str, str]) -> dict[str, object]:
    user, account, shown = author
    return {
        "id": user,
        "name": account,
        "discriminator": "0000",
        "nickname": shown,
        "isBot": False,
        "avatarUrl": "https://cdn.discordapp.com/embed/avatars/3.png",
    }


def main() -> None:
    """Write the export to the named file; its extension says which format."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="where to; ends with " + ", ".join(WRITERS))
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    if given.file.suffix not in WRITERS:
        raise SystemExit(f"{given.file}: its name must end with one of {', '.join(WRITERS)}")
    with given.file.open("w", encoding="utf-8", newline="") as file:
        WRITERS[given.file.suffix](said(given.messages, given.seed), file)


if __name__ == "__main__":
    main()
