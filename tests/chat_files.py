"""Files of chats read without a disk, and the samples that may not be copied."""

import io
from datetime import UTC, tzinfo
from pathlib import Path

import pytest

from botconvo.importers import LeftOut, Reason, Row
from botconvo.importers.formats import FORMATS
from botconvo.importers.reading import About, Counting, Opened
from botconvo.messages import Message

EXPORTS = Path(__file__).parent / "data" / "exports"
BY_NAME = {each.name: each for each in FORMATS}


def rows(
    format_: str,
    content: str | bytes,
    *,
    name: str = "chat.txt",
    within: str = "",
    author: str | None = None,
    zone: tzinfo = UTC,
) -> list[Row]:
    """What a file with this content gives, read as that format."""
    raw = io.BytesIO(content.encode(errors="replace") if isinstance(content, str) else content)
    about = About(name=name, within=within, author=author, zone=zone)
    return list(BY_NAME[format_].parse(Opened(Counting(raw, None), about)))  # type: ignore[arg-type]


def said(found: list[Row]) -> list[Message]:
    return [row for row in found if isinstance(row, Message)]


def reasons(found: list[Row]) -> list[Reason]:
    return [row.reason for row in found if isinstance(row, LeftOut)]


def shared(path: str) -> bytes:
    """A sample that must not be copied into this repository; skips where it is not there."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "shared/data/exports" / path).is_file():
            return (folder / "shared/data/exports" / path).read_bytes()
    pytest.skip(f"the sample {path} is not there")
