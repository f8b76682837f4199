"""Writes tests/data/stores/version-N.sql: a store of that version with a little of everything.

    python scripts/sample_store.py N

To be run before a migration from version N is added; the tests bring every one of them up to date.
"""

import argparse
import contextlib
import sqlite3
from pathlib import Path

from botconvo.store.schema import APPLICATION_ID, MIGRATIONS

STORES = Path(__file__).parent.parent / "tests" / "data" / "stores"
NOON = 1710763200000000
"""When everything in it happened, in microseconds."""
ROWS: dict[str, dict[str, object]] = {
    "sources": {
        "id": 7,
        "path": "a.json",
        "sha256": "x",
        "format": "discord-json",
        "origin": "discord-api",
        "imported_at": "2024-03-18T12:00:00+00:00",
        "counts": '{"read": 3}',
    },
    "authors": {"id": "discord:1", "name": "Bort", "kind": "person"},
    "author_names": {"author": "discord:1", "name": "Bort"},
    "author_counts": {
        "source": 7,
        "author": "discord:1",
        "messages": 3,
        "first": NOON,
        "last": NOON,
    },
    "messages": {
        "id": "discord:5/9",
        "channel": "discord:5",
        "author": "discord:1",
        "at": NOON,
        "text": "hello there",
        "attachments": "[]",
        "revision": 0,
        "origin": "discord-api",
    },
    "reactions": {"message": "discord:5/9", "emoji": "😂", "author": "discord:1"},
    "people": {"person": "p-aaaaaaaaaa", "name": "Bort"},
    "identities": {"author": "discord:1", "person": "p-aaaaaaaaaa"},
    "acknowledgements": {
        "policy": "discord-developer-policy-21",
        "at": "2024-03-18T12:00:00+00:00",
    },
    "live": {
        "id": "discord:5/10",
        "channel": "discord:8/5",
        "author": "discord:1",
        "name": "Bort",
        "kind": "person",
        "at": NOON,
        "text": "said live",
        "attachments": "[]",
        "reactions": "[]",
        "revision": 0,
    },
    "claims": {"channel": "discord:8/5", "post": "post-1", "state": "settled", "at": NOON},
}


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", type=int, choices=range(1, len(MIGRATIONS) + 1))
    version = parser.parse_args().version
    STORES.mkdir(exist_ok=True)
    (STORES / f"version-{version}.sql").write_text(_text(version), encoding="utf-8")


def _text(version: int) -> str:
    with contextlib.closing(sqlite3.connect(":memory:")) as store:
        for script in MIGRATIONS[:version]:
            store.executescript(script)
        for table, row in ROWS.items():
            places = ", ".join("?" * len(row))
            store.execute(
                f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})",  # noqa: S608
                tuple(row.values()),
            )
        store.commit()
        return "\n".join(
            (
                f"-- A store of version {version} with a little of everything.",
                f"PRAGMA application_id = {APPLICATION_ID};",
                f"PRAGMA user_version = {version};",
                *store.iterdump(),
                "",
            )
        )


if __name__ == "__main__":
    main()
