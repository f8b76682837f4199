"""Imports that are large in one way only: what they cost in time and memory, each in a process.

    python scripts/extreme_imports.py --folder ../extreme
    python scripts/extreme_imports.py --folder ../extreme --megabytes 10 --only html json

Lines of 100 MB, quotes and tags that never end, a million levels or people, zips that grow: every
one must be read, or refused in one line, within ``MEMORY_MOST_MB`` and in a time that grows as the
file does.  Zips are as large unpacked as other files are.  Prints a row of a table for each.
"""

import argparse
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

MEMORY_MOST_MB = 500
SECONDS_A_MB = 3.0
_SECONDS = 10
"""Beside those for the megabytes: zips with many names, and the start of Python."""
_PIECE = 1 << 20
_READ = """
import json, resource, sys, time
from pathlib import Path
from botconvo.errors import ImportFailed
from botconvo.importers import LeftOut, find_exports
begin, rows, left_out, said = time.process_time(), 0, 0, ""
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[3]),) * 2)
try:
    for export in find_exports(Path(sys.argv[1]), author=sys.argv[2] or None).exports:
        for row in export.rows():
            rows += 1
            left_out += isinstance(row, LeftOut)
except ImportFailed as failed:
    said = str(failed)
seconds = time.process_time() - begin
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([rows, left_out, seconds, peak, said]))
"""
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
"""In which ``ru_maxrss`` counts bytes."""

_DCE = '{"guild": {"id": "1", "name": "g"}, "channel": {"id": "5"}, "messages": ['
_MESSAGE = (
    '{"id": "%s", "timestamp": "2024-03-18T21:59:58+00:00", "content": %s, "author": {"id": "7", '
    '"name": "bort"}, "attachments": []}'
)
_CSV = "AuthorID,Author,Date,Content,Attachments,Reactions\n"
_CSV_ROW = '"7","bort","2024-03-18T21:59:58.1230000+01:00","%s","%s","%s"\n'
_HTML = (
    '<!DOCTYPE html><html><body><div class="chatlog__message-container" data-message-id='
    '"1219386170880000000"><span class="chatlog__author" title="b" data-user-id="7">b</span>'
    '<span class="chatlog__timestamp" title="">18/03/2024 20:59</span>'
    '<div class="chatlog__content">'
)
_TEXT = f"{'=' * 62}\nGuild: G\nChannel: c\n{'=' * 62}\n\n[18/03/2024 20:59] bort\nhi "
_TELEGRAM = '{"name": "P", "type": "private_supergroup", "id": 1, "messages": ['
_TELEGRAM_MESSAGE = (
    '{"id": 5, "type": "message", "date_unixtime": "1710795598", "from": "B%s", '
    '"from_id": "user%s", "text": %s}'
)
_META = '{"participants": [{"name": "Bo"}], "messages": ['
_META_MESSAGE = '{"sender_name": "Bo%s", "timestamp_ms": 1710795598123, "content": %s}'
_SSI = "<|soss r/cats|><|sot|>Title<|sost|>words "
_LINES = {
    "discord-csv": _CSV + _CSV_ROW.partition("%s")[0],
    "discord-html": _HTML,
    "discord-text": _TEXT,
    "irc-log": "[21:05] <bo> hi ",
    "signal-chat": "[2023-01-02 10:20:30] Ana: hi ",
    "whatsapp-chat": "31/12/2023, 21:05 - Bo: hi ",
    "ssi-bot": _SSI,
    "friend-simulator": "<Bo> hi ",
    "transcript": "# START\nBo: hi ",
    "single-column-csv": "text\nhi ",
}
"""How a file begins whose one line does not end."""

Maker = Callable[[int], Iterator[str]]
"""The text of an export of about so many characters, in pieces."""


def _again(piece: str, size: int) -> Iterator[str]:
    many = max(1, _PIECE // len(piece))
    for _ in range(max(1, size // (many * len(piece)))):
        yield piece * min(many, max(1, size // len(piece)))


def _one_line(head: str, piece: str = "x") -> Maker:
    def made(size: int) -> Iterator[str]:
        yield head
        yield from _again(piece, size)

    return made


def _between(head: str, piece: str, tail: str) -> Maker:
    def made(size: int) -> Iterator[str]:
        yield head
        yield from _again(piece, size)
        yield tail

    return made


def _numbered(head: str, row: Callable[[int], str], between: str = "", tail: str = "") -> Maker:
    """Rows that are all different."""

    def made(size: int) -> Iterator[str]:
        yield head
        done, number = 0, 0
        while done < size:
            text = (between if number else "") + row(number)
            yield text
            done, number = done + len(text), number + 1
        yield tail

    return made


def _moment(number: int) -> str:
    at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    return at.strftime("%Y-%m-%d %H:%M:%S")


TEXTS: dict[str, Maker] = {
    **{f"{name}: one line": _one_line(head) for name, head in _LINES.items()},
    **{f"{name}: NUL bytes": _one_line(head, "\0") for name, head in _LINES.items()},
    **{
        f"{name}: a mark again and again": _one_line(head, "\ufeff")
        for name, head in _LINES.items()
    },
    "discord-json: a text that is too long": _between(
        _DCE + _MESSAGE.partition("%s, ")[0] % "9" + '"', "x", '"}]}'
    ),
    "discord-json: nested": _one_line(_DCE, "["),
    "discord-json: nested objects": _one_line(_DCE, '{"a":'),
    "discord-json: a list of lists": _between(_DCE + "[", "[],", "[]]]}"),
    "discord-json: a number": _between(_DCE, "9", "]}"),
    "discord-json: a key": _one_line('{"guild": 1, "channel": 2, "', "k"),
    "discord-json: blanks": _between(_DCE, " ", "]}"),
    "discord-json: surrogates": _between(
        _DCE + _MESSAGE.partition("%s, ")[0] % "9" + '"', "\\ud800", '"}]}'
    ),
    "discord-json: people": _numbered(
        _DCE,
        lambda at: (_MESSAGE % (at + 1, '"hi"')).replace('"7"', f'"{at}"'),
        ",\n",
        "]}",
    ),
    "telegram-json: people": _numbered(
        _TELEGRAM, lambda at: _TELEGRAM_MESSAGE % (at, at + 1, '"hi"'), ",", "]}"
    ),
    "telegram-json: nested": _one_line(_TELEGRAM, "["),
    "telegram-json: a text that is too long": _one_line(
        _TELEGRAM + _TELEGRAM_MESSAGE.partition('"text"')[0] % (1, 1) + '"text": "'
    ),
    "meta-json: people": _numbered(_META, lambda at: _META_MESSAGE % (at, '"hi"'), ",", "]}"),
    "meta-json: nested": _one_line(_META, "["),
    "meta-json: participants": _numbered(
        _META + '], "participants": [', lambda at: f'{{"name": "{at}"}}', ",", "]}"
    ),
    "discord-csv: people": _numbered(
        _CSV, lambda at: _CSV_ROW.replace('"7"', f'"{at}"') % ("hi", "", "")
    ),
    "discord-csv: an open quote": _between(
        _CSV + _CSV_ROW % ("hi", "", "") + '"', _CSV_ROW[1:].replace('"', "") % ("", "", ""), ""
    ),
    "discord-csv: many quotes": _one_line(_CSV + '"', '""'),
    "discord-csv: commas": _one_line(_CSV, ","),
    "discord-csv: reactions": _numbered(
        _CSV, lambda _: _CSV_ROW % ("hi", "", " (1" * 20_000), tail="\n"
    ),
    "discord-csv: attachments": _numbered(
        _CSV, lambda _: _CSV_ROW % ("hi", "http://a," * 10_000, ""), tail="\n"
    ),
    "discord-csv: dates that tell nothing": _numbered(
        _CSV,
        lambda at: (
            _CSV_ROW.replace("2024-03-18T21:59:58.1230000+01:00", "03/04/2018 8:59 PM")
            % (at, "", "")
        ),
    ),
    **{
        f"discord-html: {what}": _one_line(_HTML, piece)
        for what, piece in {
            "open tags": "<b>",
            "tags that never end": "<a ",
            "attributes": " a='1'",
            "a comment": "<!-- ",
            "sections": "<![CDATA[",
            "declarations": "<!a ",
            "processing": "<?",
            "closing tags": "</",
            "ampersands": "&",
            "character references": "&#9999999999;",
            "pictures": "<img class='chatlog__attachment-media' src='http://a/{}'>",
            "scripts": "<script>",
            "messages": "<div class=chatlog__message-container data-message-id=1>",
        }.items()
    },
    "discord-html: a number of 100,000 digits": _between(_HTML + "&#" + "9" * 100_000, "x", ""),
    "discord-html: attachments of one message": _numbered(
        _HTML + "<div class=chatlog__attachment>", lambda at: f"<a href='http://a/{at}'>x</a>"
    ),
    "discord-text: heads": _one_line(_TEXT, "\n\n[18/03/2024 20:59] bort"),
    "discord-text: sections": _one_line(_TEXT, "\n{Reactions}\nx (1)"),
    "whatsapp-chat: people": _numbered("", lambda at: f"31/12/2023, 21:05 - Bo{at}: hi\n"),
    "whatsapp-chat: files in a line": _one_line(_LINES["whatsapp-chat"], "<attached: a"),
    "whatsapp-chat: lines without heads": _one_line(_LINES["whatsapp-chat"], "\n12/12/12, "),
    "irc-log: who came": _one_line("[21:05] <bo> hi\n[21:05] * bo (", "@"),
    "irc-log: people": _numbered("", lambda at: f"[21:05] <bo{at}> hi\n"),
    "signal-chat: reactions": _one_line(_LINES["signal-chat"], "\n(- a: b -)"),
    "signal-chat: brackets": _one_line(_LINES["signal-chat"], "!["),
    "signal-chat: people": _numbered("", lambda at: f"[{_moment(at)}] A{at}: hi\n"),
    "ssi-bot: tags": _one_line(_SSI, "<|sor u/a|>"),
    "ssi-bot: open tags": _one_line(_SSI, "<|sor"),
    "ssi-bot: backslashes": _one_line(_SSI, "\\"),
    "friend-simulator: people": _numbered("", lambda at: f"<Bo{at}> hi\n"),
    "friend-simulator: brackets": _one_line("<Bo> hi\n", "<"),
    "transcript: people": _numbered("# START\n", lambda at: f"Bo{at}: hi\n"),
    "transcript: reactions to one line": _numbered(
        "# START\nBo: hi\n", lambda _: "Bo: REACT: x;\n"
    ),
    "transcript: colons": _one_line("# START\n", ":"),
    "single-column-csv: an open quote": _one_line('text\n"', "x\n"),
    "single-column-csv: the same row": _one_line("text\n", "hi\n"),
    "twitter: a list of lists": _between("window.YTD.tweets.part0 = [[", "[],", "[]]]"),
    "twitter: nested": _one_line("window.YTD.tweets.part0 = ", "["),
    "twitter: a tweet that is too long": _one_line(
        'window.YTD.tweets.part0 = [{"tweet": {"id_str": "1", "full_text": "', "@a "
    ),
}

Packed = Callable[[zipfile.ZipFile, int], None]


def _lists(name: str) -> Packed:
    """A file that is one list of very many lists, in an export from Slack and one from Twitter."""

    def packed(archive: zipfile.ZipFile, size: int) -> None:
        for other in ("users.json", "general/2016-01-17.json", "data/account.js", "data/tweets.js"):
            if other != name:
                archive.writestr(other, "[]")
        with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as file:
            file.write(b"= [[" if name.endswith(".js") else b"[[")
            for piece in _again("[],", size):
                file.write(piece.encode())
            file.write(b"[]]]")

    return packed


def _slack_people(archive: zipfile.ZipFile, size: int) -> None:
    with archive.open("users.json", "w") as file:
        file.write(b"[")
        for at in range(size // 30):
            file.write(b'{"id": "U%d", "name": "n%d"},' % (at, at))
        file.write(b'{"id": "U1", "name": "n"}]')
    archive.writestr("channels.json", json.dumps([{"id": "C1", "name": "general"}]))
    said = {"type": "message", "user": "U1", "text": "hi", "ts": "1452988821.000200"}
    archive.writestr("general/2016-01-17.json", json.dumps([said]))


def _many_members(archive: zipfile.ZipFile, size: int) -> None:
    for at in range(min(100_000, max(1, size // 100))):
        archive.writestr(f"chat {at}.txt", f"31/12/2023, 21:05 - Bo{at}: hi\n")


def _names_of_numbers(archive: zipfile.ZipFile, size: int) -> None:
    for at in range(3):
        archive.writestr(f"{'9' * min(60_000, size)}{at}.txt", "31/12/2023, 21:05 - Bo: hi\n")
    archive.writestr(f"{'.txt' * 15_000}x", "[21:05] <bo> hi\n")


def _grows(how: int) -> Packed:
    def packed(archive: zipfile.ZipFile, size: int) -> None:
        archive.writestr("chat.txt", "31/12/2023, 21:05 - Bo: hi\n")
        info = zipfile.ZipInfo("bomb.txt")
        info.compress_type = how
        with archive.open(info, "w", force_zip64=True) as file:
            for piece in _again("\0", size):
                file.write(piece.encode())

    return packed


def _nested(archive: zipfile.ZipFile, size: int) -> None:
    inner = b"31/12/2023, 21:05 - Bo: hi\n" * max(1, size // 300)
    for _ in range(10):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as below:
            for name in ("a.zip", "b.zip", "c.zip"):
                below.writestr(name, inner)
        inner = packed.getvalue()
    archive.writestr("a.zip", inner)


ZIPS: dict[str, Packed] = {
    "zip: a bomb": _grows(zipfile.ZIP_DEFLATED),
    "zip: a bomb by bzip2": _grows(zipfile.ZIP_BZIP2),
    "zip: a bomb by LZMA": _grows(zipfile.ZIP_LZMA),
    "zip: many members": _many_members,
    "zip: names of numbers": _names_of_numbers,
    "zip: zips in zips": _nested,
    "slack-export: people": _slack_people,
    "slack-export: users are a list of lists": _lists("users.json"),
    "slack-export: a day is a list of lists": _lists("general/2016-01-18.json"),
    "twitter-archive: the account is a list of lists": _lists("data/account.js"),
}

LIES: dict[str, Callable[[bytes], bytes]] = {
    "zip: a bomb by bzip2 that lies of its size": lambda whole: _lying(whole),
    "zip: one member under many names": lambda whole: _overlapping(whole),
}
"""What is done to a zip that was written."""


def _lying(whole: bytes) -> bytes:
    """The directory tells 1,000 bytes, whatever the member grows to."""
    at = whole.rindex(b"PK\x01\x02")
    return whole[: at + 24] + (1000).to_bytes(4, "little") + whole[at + 28 :]


def _overlapping(whole: bytes) -> bytes:
    """The last entry of the directory 1,000 times, under other names for the same bytes."""
    at, end = whole.rindex(b"PK\x01\x02"), whole.rindex(b"PK\x05\x06")
    entry, name = whole[at:end], b"bomb.txt"
    entries = b"".join(entry.replace(name, b"%08d" % number) for number in range(1000))
    tail = bytearray(whole[end:])
    tail[8:12] = (1000).to_bytes(2, "little") * 2
    tail[12:16] = len(entries).to_bytes(4, "little")
    tail[16:20] = at.to_bytes(4, "little")
    return whole[:at] + entries + bytes(tail)


def names() -> tuple[str, ...]:
    """Of all extremes."""
    return (*TEXTS, *ZIPS, *LIES)


def make(name: str, path: Path, size: int) -> Path:
    """Write one of about ``size`` characters to ``path``."""
    if name in TEXTS:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(TEXTS[name](size))
        return path
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if name in ZIPS:
            ZIPS[name](archive, size)
        elif "bzip2" in name:
            _grows(zipfile.ZIP_BZIP2)(archive, size)
        else:
            archive.writestr("bomb.txt", "31/12/2023, 21:05 - Bo: hi\n" * max(1, size // 1000))
    if name in LIES:
        path.write_bytes(LIES[name](path.read_bytes()))
    return path


def author_for(name: str) -> str:
    """What ``--author`` says for it: formats that name nobody need it."""
    return "Bo" if name.startswith(("twitter:", "single-column-csv:")) else ""


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    words.add_argument("--folder", type=Path, required=True, help="for the files, one at a time")
    words.add_argument("--megabytes", type=float, default=100)
    words.add_argument("--only", nargs="+", default=[""], help="words of the names of some")
    given = words.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    size, bad = int(given.megabytes * 1_000_000), 0
    print("| export | MB | rows | left out | s | MB held | |")
    print("|---|---|---|---|---|---|---|")
    for name in names():
        if not any(word in name for word in given.only):
            continue
        path = make(name, given.folder / "extreme", size)
        row, good = _measured(name, path, given.megabytes)
        bad += not good
        print(row if good else f"{row} **too much**", flush=True)
        path.unlink()
    sys.exit(1 if bad else 0)


def _measured(name: str, path: Path, megabytes: float) -> tuple[str, bool]:
    held = path.stat().st_size / 1e6
    most = SECONDS_A_MB * megabytes + _SECONDS
    words = (sys.executable, "-c", _READ, str(path), author_for(name), str(int(most)))
    done = subprocess.run(words, capture_output=True, text=True, check=False, errors="replace")
    if done.returncode < 0:
        return f"| {name} | {held:.1f} | | | > {most:.0f} | | |", False
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        return f"| {name} | {held:.1f} | | | | | {last[:150]} |", False
    rows, left_out, seconds, peak, said = json.loads(done.stdout)
    peak = peak * _PEAK_UNIT / 1e6
    good = seconds <= most and peak <= MEMORY_MOST_MB and len(said) < 2_000 and "\n" not in said
    cells = f"{held:.1f} | {rows:,} | {left_out:,} | {seconds:.1f} | {peak:.0f} | {said[-70:]} |"
    return f"| {name} | {cells}", good


if __name__ == "__main__":
    main()
