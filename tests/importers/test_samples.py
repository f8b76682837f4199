"""Every invented sample is read to the row, and the real ones where they are there."""

from collections import Counter
from pathlib import Path

import pytest
from chat_files import EXPORTS

from botconvo.importers import LeftOut, Reason, find_exports
from botconvo.importers.formats import ARCHIVES, FORMATS

_CSV = {Reason.EMPTY: 2, Reason.SYSTEM: 4, Reason.BOT: 1, Reason.DELETED: 1}
_WEBHOOK = {Reason.SYSTEM: 4, Reason.BOT: 2, Reason.DELETED: 1, Reason.FORWARD: 1}
_GENERAL = "discord-dce-2.47/The Boys - Text Channels - general [1218000000000000002]"
_DIRECT = "discord-dce-2.47/Direct Messages - Private - fishvilla [1218000000000000003].json"
SAMPLES: dict[str, tuple[str, int, dict[Reason, int]]] = {
    "discord-dce-2.20-2.37/dates-ddMMMyy.csv": ("discord-csv", 22, _CSV),
    "discord-dce-2.20-2.37/dates-unix.csv": ("discord-csv", 22, _CSV),
    "discord-dce-2.25/general.json": ("discord-json", 14, {Reason.BOT: 1, Reason.DELETED: 1}),
    "discord-dce-2.38-2.39/dates-MMddyyyy.csv": ("discord-csv", 22, _CSV),
    "discord-dce-2.41-2.42.2/dates-culture-de.csv": ("discord-csv", 22, _CSV),
    _DIRECT: ("discord-json", 6, {}),
    f"{_GENERAL}.csv": ("discord-csv", 22, _CSV),
    f"{_GENERAL}.html": ("discord-html", 22, {**_WEBHOOK, Reason.EMPTY: 1}),
    f"{_GENERAL}.json": ("discord-json", 22, {**_WEBHOOK, Reason.STICKER: 1}),
    f"{_GENERAL}.txt": ("discord-text", 22, {**_WEBHOOK, Reason.STICKER: 1, Reason.BOT: 1}),
    "discord-dce-2.47/excel-resaved-bom-semicolon.csv": ("discord-csv", 22, _CSV),
    "discord-dce-2.47/windows-crlf.csv": ("discord-csv", 22, _CSV),
    "discord-package-2020": ("discord-package", 5, {Reason.EMPTY: 2}),
    "discord-package-2025": ("discord-package", 6, {}),
    "gpt-2-simple/bort.csv": ("single-column-csv", 4, {}),
    "ssi-bot/training.txt": ("ssi-bot", 8, {Reason.NOBODY: 2}),
    "twitter/data/tweet.js": ("twitter", 1, {}),
    "twitter/data/tweets.js": ("twitter", 3, {Reason.FORWARD: 1}),
    "whatsapp/android-de.txt": (
        "whatsapp-chat",
        4,
        {Reason.SYSTEM: 1, Reason.MEDIA: 1, Reason.REMOVED: 1},
    ),
    "whatsapp/android-en_GB-24h.txt": (
        "whatsapp-chat",
        10,
        {Reason.SYSTEM: 3, Reason.MEDIA: 2, Reason.REMOVED: 1},
    ),
    "whatsapp/ios-en_US-12h-nnbsp/_chat.txt": (
        "whatsapp-chat",
        9,
        {Reason.SYSTEM: 2, Reason.MEDIA: 1, Reason.REMOVED: 1},
    ),
}
"""Format, rows, and those of them that are left out, by the file or folder."""


def _counts(path: Path) -> tuple[str, int, dict[Reason, int]]:
    names_nobody = path.suffix == ".js" or path.name == "bort.csv"
    (export,) = find_exports(path, author="Bort" if names_nobody else None).exports
    rows = list(export.rows())
    return export.format, len(rows), Counter(row.reason for row in rows if isinstance(row, LeftOut))


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_is_read_to_the_row(sample: str) -> None:
    assert _counts(EXPORTS / sample) == SAMPLES[sample]


def test_no_sample_is_forgotten() -> None:
    """A new one needs its counts above."""
    files = {path.relative_to(EXPORTS) for path in EXPORTS.rglob("*") if path.is_file()}
    files = {path for path in files if not path.name.startswith(".")}
    packages = {path for path in files if "package" in path.parts[0]}
    assert {path.parts[0] for path in packages} | {
        path.as_posix() for path in files - packages
    } == (set(SAMPLES))


def test_every_invented_sample_of_the_shared_folder_is_here() -> None:
    """Those of other projects, and real ones, are read where they lie."""
    shared = _shared()
    theirs = ("chat-miner", "irc", "slack")
    for path in shared.rglob("*.*"):
        name = path.relative_to(shared)
        if path.is_file() and len(name.parts) > 1 and not set(theirs) & set(name.parts):
            assert (EXPORTS / name).read_bytes() == path.read_bytes(), name


def _shared() -> Path:
    for folder in Path(__file__).resolve().parents:
        if (folder / "shared/data/exports").is_dir():
            return folder / "shared/data/exports"
    pytest.skip("the shared samples are not there")


def test_a_format_has_a_name_of_its_own() -> None:
    names = [*(each.name for each in FORMATS), *(each.name for each in ARCHIVES)]
    assert len(names) == len(set(names))
