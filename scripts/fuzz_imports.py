"""Feeds the importers with inputs that nobody would write, guided by what code they reach.

    pip install atheris                        # Linux and macOS; needed by this script alone
    python scripts/fuzz_imports.py --folder ../fuzz --inputs 1000000
    python scripts/fuzz_imports.py --folder ../fuzz --inputs 50000 --formats discord-csv zip
    python scripts/fuzz_imports.py --again ../fuzz/findings/*      # is it mended?

It begins with the invented samples of the tests and keeps what reaches something new, so that it
can be stopped and goes on where it was: ``--inputs`` counts those of all runs with one folder,
shared evenly between the formats.  A finding is any exception but ``ImportFailed``, an error of
more than one line, a row without a time or an id, more than ``SECONDS_MOST`` for one input, or
counts that do not add up; each is kept once, as a file that ``--again`` tries.  Inputs are small
here: what costs too much when it is large is tried by ``extreme_imports.py``.
"""

import argparse
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast
from zoneinfo import ZoneInfo

SAMPLES = Path(__file__).resolve().parent.parent / "tests" / "data" / "exports"
SECONDS_MOST = 1.0
"""Of processor time, for an input of ``LONGEST`` bytes at most."""
LONGEST = 4_096
ERROR_MOST = 2_000
"""Characters of the one line that says what is wrong."""
_ROUND = 20_000
"""Inputs after which a process ends and gives its memory back."""
_TOLD_EVERY = 200
_HANG_S = 300
"""By the clock on the wall, on which other programs may have most of the time."""
_MEMORY_MB = 500
_ZONE = ZoneInfo("Europe/Berlin")
"""A clock that is changed twice a year."""


class Finding(Exception):  # noqa: N818 - what was looked for, whether or not it is an error
    """An importer has not kept what it promises."""


class Members:
    """A ``Tree`` without a disk."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def names(self) -> tuple[str, ...]:
        from botconvo.importers.trees import natural

        return natural(self._files)

    def open(self, name: str) -> BinaryIO:
        return io.BytesIO(self._files[name])

    def size(self, name: str) -> int:
        return len(self._files[name])


_USERS = b'[{"id":"U1","name":"bort","profile":{"display_name":"Bort"}},{"id":"U3","is_bot":true}]'
_DAY = (
    b'[{"type":"message","user":"U1","text":"<@U1|b> hi &amp; <http://a.b|l>","ts":"1452988821.'
    b'000200","reactions":[{"name":"eyes","users":["U1"]}],"files":[{"name":"a.png"}]},'
    b'{"subtype":"channel_join","user":"U1","ts":"1452988822.0","text":"","thread_ts":"1452988821.'
    b'000200"}]'
)
ARCHIVES: dict[str, dict[str, bytes]] = {
    "slack-export": {
        "users.json": _USERS,
        "channels.json": b'[{"id":"C1","name":"general"}]',
        "general/2016-01-17.json": _DAY,
    },
    "discord-package": {
        "Account/user.json": b'{"id":"218","username":"bort","global_name":"Bort"}',
        "Messages/c1218000000000000002/messages.json": b'[{"ID":1219386170880000000,"Timestamp":'
        b'"2024-03-18 20:59:58","Contents":"hi","Attachments":"https://a.b/c.png"}]',
        "messages/1218000000000000003/messages.csv": b"ID,Timestamp,Contents,Attachments\n"
        b'1219386170880000000,2024-03-18 20:59:58.123000+00:00,"hi ""you""",\n',
    },
    "twitter-archive": {
        "data/account.js": b"window.YTD.account.part0 = "
        b'[{"account":{"accountId":"7","username":"b"}}]',
        "data/tweets.js": (SAMPLES / "twitter/data/tweets.js").read_bytes(),
    },
}
"""Small archives; the first byte of an input says which of the files the rest of it is put for."""


def formats() -> tuple[str, ...]:
    """Everything that is fuzzed: single files, files of archives, and zips as such."""
    from botconvo.importers.formats import FORMATS

    return (*(each.name for each in FORMATS), *ARCHIVES, "zip")


def seeds(format_: str) -> Iterator[bytes]:
    """What an undamaged input of a format may look like."""
    from botconvo.importers.exports import _text_of
    from botconvo.importers.formats import FORMATS

    if format_ in ARCHIVES:
        for at, content in enumerate(ARCHIVES[format_].values()):
            yield bytes([at]) + content
        return
    if format_ == "zip":
        for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            for files in ARCHIVES.values():
                yield _zipped(files, how)
        return
    looks_like = next(each.looks_like for each in FORMATS if each.name == format_)
    yield from (text.encode() for text in WRITTEN.get(format_, ()))
    for path in sorted(SAMPLES.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        if content and looks_like(_text_of(content[:65536])):
            yield from _parts(content) if len(content) > LONGEST else (content,)


def _parts(content: bytes) -> Iterator[bytes]:
    """Samples that are too long, message by message."""
    if content.startswith(b"{"):
        export = json.loads(content)
        for message in export.pop("messages"):
            yield json.dumps({**export, "messages": [message]}, indent=2).encode()
        return
    begin = re.compile(rb'<div class="?chatlog__message-group')
    head, *groups = begin.split(content)
    for group in groups:
        yield head[:1000] + b"<div class=chatlog__message-group" + group


WRITTEN: dict[str, tuple[str, ...]] = {
    "discord-html": (
        "<!DOCTYPE html><html><body class=chatlog><div class='preamble__entry'>S</div>"
        "<div class='chatlog__message-group'><span class='chatlog__author-name' title='B#1234' "
        "data-user-id='7'>B</span><span class='chatlog__timestamp'>18-Mar-24 09:59 PM</span>"
        "<div class='chatlog__message' data-message-id='1219386170880000000'><div class="
        "'chatlog__content'><span class='markdown'>a <strong>b</strong><img class=emoji alt=x>"
        "</span></div></div></div></body></html>",
    ),
    "telegram-json": (
        '{"personal_information":{"user_id":9},"chats":{"list":[{"name":"Pals","type":'
        '"personal_chat","id":1,"messages":[{"id":5,"type":"message","date":"2024-03-18T21:59:58",'
        '"date_unixtime":"1710795598","from":"Bo","from_id":"user1","text":["a",{"type":"link",'
        '"text":"b"}],"reactions":[{"type":"emoji","count":2,"emoji":"x","recent":[{"from":"A",'
        '"from_id":"user9"}]}],"reply_to_message_id":4}]}]}}',
        '{"name":"Pals","type":"private_supergroup","id":1,"messages":[{"id":5,"type":"message",'
        '"date":"2024-03-18T21:59:58","from":"Bo","from_id":1,"text":"a","photo":"p.jpg"}]}',
    ),
    "meta-json": (
        '{"participants":[{"name":"Bo"}],"messages":[{"sender_name":"Bo","timestamp_ms":'
        '1710795598123,"content":"h\\u00c3\\u00a9","photos":[{"uri":"a/b.jpg"}],"reactions":'
        '[{"reaction":"\\u00e2\\u009d\\u00a4","actor":"An"}]}],"thread_path":"inbox/pals_1"}',
        '{"threadName":"a_1","participants":["Bo"],"messages":[{"senderName":"Bo","timestamp":'
        '1710795598123,"text":"hi","isUnsent":false,"media":[{"uri":"a.mp4"}]}]}',
    ),
    "irc-log": (
        "--- Log opened Mon Mar 18 21:00:00 2024\n21:05 <@bo> hi\nMar 18 21:05:07 * bo sits\n"
        "2024-03-18 21:05:07\tbo\thi\n[21:05] <bo> hi\n[21:06] === bo is now known as al\n",
    ),
    "signal-chat": (
        "[2023-01-02 10:20:30] Me: \n\n> a\n\nhi  \n(- Ana: x, Bo: y -)\n"
        "[2023-01-02, 10:20] Ana: ![a.jpg](./media/a.jpg)  \n[2023-01-02, 10:21] Ana: "
        "(( sticker ))\n",
    ),
    "whatsapp-chat": (
        "31/12/2023, 21:05 - Bo: IMG-20240101-WA0001.jpg (file attached)\na caption\n"
        "1/1/2024, 00:08 - ~ Al: <Media omitted>\n1/1/2024, 00:09 - Bo left\n",
        "[2023/12/31 下午9:05:07] Bo: hi <This message was edited>\n",
    ),
    "friend-simulator": ("<Bo> hi\n<Al> you\nand you\n<Bo> \n<Bo> x <y> z\n",),
    "transcript": (
        "notes\n# START\nBo: INIT;\nBo: hi\nAl: REPLY: \\n hi;\nBo: REACT: x;\nBo: PHOTO: a cat;\n"
        "TODO: more\nBo: SAVE;\nBo: \\REACT: no\nBo: VIDEO;\nBo: SCREEN: a\\\\b;\n",
    ),
    "single-column-csv": ('text\nhi\n"a ""b""\nc"\n',),
}
"""Where the samples hold none, or lack something."""


def _zipped(files: Mapping[str, bytes], how: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, how)
    return packed.getvalue()


def check(format_: str, content: bytes, scratch: Path) -> int:
    """Read ``content`` as a format and say how many rows it gave; ``scratch`` is a file to use.

    Raises:
        Finding: a promise is broken.
    """
    return promised(lambda: _rows(format_, content, scratch), len(content))


def promised(reading: Callable[[], int], size: int) -> int:
    """What ``reading`` gives, 0 where it says in one line why it gives nothing.

    Raises:
        Finding: it takes too long for ``size`` bytes, or says more than a line.
    """
    from botconvo.errors import ImportFailed

    begin = time.process_time()
    try:
        rows = reading()
    except ImportFailed as failed:
        if "\n" in str(failed) or len(str(failed)) > ERROR_MOST:
            raise Finding(f"an error of many lines: {str(failed)[:200]!r}") from None
        rows = 0
    seconds = time.process_time() - begin
    if seconds > SECONDS_MOST:
        raise Finding(f"{size} bytes took {seconds:.1f} s")
    return rows


def _rows(format_: str, content: bytes, scratch: Path) -> int:
    from botconvo.importers import find_exports
    from botconvo.importers.exports import _text_of
    from botconvo.importers.formats import ARCHIVES as KINDS
    from botconvo.importers.formats import FORMATS
    from botconvo.importers.reading import About, Counting, Opened

    about = About(name="chat [1218000000000000002].txt", within="folder", zone=_ZONE)
    if format_ == "zip":
        scratch.write_bytes(content)
        found = find_exports(scratch)
        return sum(_sound(each.rows()) for each in found.exports)
    if format_ in ARCHIVES:
        files = dict(ARCHIVES[format_])
        names = list(files)
        files[names[content[0] % len(names) if content else 0]] = content[1:]
        (kind,) = (each for each in KINDS if each.name == format_)
        tree = Members(files)
        roots = kind.roots(tree.names()) or ("",)
        return sum(_sound(kind.parse(tree, root, about)) for root in roots)
    head = _text_of(content[:65536])
    for each in FORMATS:
        each.looks_like(head)
    (format_of,) = (each for each in FORMATS if each.name == format_)
    raw = cast(BinaryIO, Counting(cast(BinaryIO, io.BytesIO(content)), None))
    return _sound(format_of.parse(Opened(raw, about)))


def _sound(rows: Iterator[object]) -> int:
    """Count the rows; each must be one that the store can take."""
    from botconvo.importers import LeftOut
    from botconvo.messages import Message
    from botconvo.store.values import storable, to_micros

    count = 0
    for row in rows:
        count += 1
        if isinstance(row, LeftOut):
            if row.line is not None and row.line < 1:
                raise Finding(f"line {row.line}")
            continue
        if not isinstance(row, Message):
            raise Finding(f"no row: {row!r}")
        if not 1990 < row.at.astimezone(UTC).year < 2101:
            raise Finding(f"at {row.at}")
        to_micros(row.at)
        storable(row.text)
        if not (row.text.strip() or row.attachments):
            raise Finding(f"says nothing: {row!r:.300}")
        if not row.id or not row.author.id.partition(":")[2] or not row.channel.partition(":")[2]:
            raise Finding(f"an id is missing: {row!r:.300}")
    return count


def adds_up(content: bytes, scratch: Path, author: str | None = None) -> None:
    """Import it into a store, twice; the second time nothing is new.

    Raises:
        Finding: what was read is not what was taken and left out.
    """
    from botconvo.errors import ConsentError, ImportFailed
    from botconvo.granting import Terms, grant
    from botconvo.store import Store
    from botconvo.taking import take_exports

    scratch.write_bytes(content)
    now = datetime(2100, 1, 1, tzinfo=UTC)
    for stale in scratch.parent.glob(f"{scratch.name}.sqlite3*"):
        stale.unlink()
    with Store.open(scratch.with_name(f"{scratch.name}.sqlite3")) as store:
        for turn in range(2):
            try:
                taken = take_exports(store, [scratch], now + timedelta(days=turn), author=author)
            except ImportFailed as failed:
                if "\n" in str(failed) or len(str(failed)) > ERROR_MOST:
                    raise Finding(f"an error of many lines: {str(failed)[:200]!r}") from None
                return
            for file in taken:
                counted = file.accounting
                if counted.read != counted.taken + sum(counted.left_out.values()):
                    raise Finding(f"{counted.read} read, but {counted.as_json()!r:.300}")
            for each in store.authors() if not turn else ():
                with suppress(ConsentError):  # two people of one name
                    grant(store, each.id, Terms(adult=True), now)


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    words.add_argument("--folder", type=Path, help="where inputs and findings are kept")
    words.add_argument("--inputs", type=int, default=1_000_000, help="of all runs together")
    words.add_argument("--formats", nargs="+", choices=formats(), default=formats())
    words.add_argument("--again", nargs="+", type=Path, default=(), help="findings to try again")
    words.add_argument("--round", nargs=2, help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.again:
        sys.exit(_again(given.again))
    if given.folder is None:
        words.error("say where inputs and findings are kept: --folder FOLDER")
    if given.round:
        _one_round(given.folder, given.round[0], int(given.round[1]))
        return
    each = -(-given.inputs // len(given.formats))
    for goal in (*range(_ROUND, each, _ROUND), each):
        for format_ in given.formats:
            _fuzz(given.folder, format_, goal)
    _tell(given.folder)


def _fuzz(folder: Path, format_: str, goal: int) -> None:
    """Processes until so many inputs of a format are counted; one may end early, at a hang."""
    while (left := goal - _counted(folder, format_)[0]) > 0:
        before = _counted(folder, format_)[0]
        words = (sys.executable, __file__, "--folder", str(folder), "--round", format_, str(left))
        done = subprocess.run(words, capture_output=True, text=True, check=False, errors="replace")
        if done.returncode:
            (folder / f"{format_}.log").write_text(done.stderr[-20_000:], encoding="utf-8")
        inputs, seconds = _counted(folder, format_)
        print(f"{format_}: {inputs:,} inputs, {seconds:,.0f} s, {_found(folder)}", flush=True)
        if inputs == before:
            raise SystemExit(f"{format_}: no input was tried; see {folder / format_}.log")


def _one_round(folder: Path, format_: str, inputs: int) -> None:
    """A process of its own, in which the importers tell what they reach."""
    import atheris  # type: ignore[import-untyped]

    with atheris.instrument_imports(include=["botconvo.importers", "botconvo.transcript"]):
        import botconvo.importers.exports
        import botconvo.taking  # noqa: F401 - before the first input, or it is not instrumented

    corpus, findings = folder / "corpus" / format_, folder / "findings"
    for new in (corpus, findings):
        new.mkdir(parents=True, exist_ok=True)
    for seed in seeds(format_):
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    dictionary = folder / f"{format_}.dict"
    dictionary.write_text(_dictionary(seeds(format_)), encoding="ascii")
    known = sum(1 for _ in corpus.iterdir())
    trial = _Trial(folder, format_, known, inputs)
    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-dict={dictionary}",
            f"-max_len={LONGEST}",
            f"-timeout={_HANG_S}",
            f"-report_slow_units={_HANG_S}",
            f"-rss_limit_mb={_MEMORY_MB}",
            f"-artifact_prefix={findings}/{format_}-",
            "-verbosity=0",
        ],
        trial.one,
    )
    atheris.Fuzz()


class _Trial:
    """Counts inputs, and keeps of each finding the first one."""

    def __init__(self, folder: Path, format_: str, known: int, inputs: int) -> None:
        self._folder, self._format, self._known, self._inputs = folder, format_, known, inputs
        self._count, self._begin = 0, time.monotonic()
        self._before = _counted(folder, format_)
        self._scratch = folder / f"{format_}.scratch"

    def one(self, content: bytes) -> None:
        self._count += 1
        try:
            check(self._format, content, self._scratch)
            if self._count % _TOLD_EVERY == 0 and self._format not in ARCHIVES:
                adds_up(content, self._scratch)
        except Exception as error:  # each is a finding, and the search goes on
            _keep(self._folder, self._format, content, error)
        done = self._count >= self._known + self._inputs
        if done or self._count % _TOLD_EVERY == 0:
            self._tell()
        if done:
            os._exit(0)  # the fuzzer knows no other way to end early

    def _tell(self) -> None:
        inputs = self._before[0] + max(0, self._count - self._known)
        seconds = self._before[1] + time.monotonic() - self._begin
        told = self._folder / f"{self._format}.count"
        told.write_text(json.dumps([inputs, seconds]), encoding="ascii")


def _keep(folder: Path, format_: str, content: bytes, error: Exception) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    where = " ".join(f"{frame.filename}:{frame.lineno}" for frame in frames[-3:])
    what = str(error)[:24] if isinstance(error, Finding) else type(error).__name__
    mark = hashlib.sha256(f"{what} {where}".encode(errors="replace")).hexdigest()[:12]
    kept = folder / "findings" / f"{format_}-{mark}"
    if not kept.exists():
        kept.write_bytes(content)
        text = "".join(traceback.format_exception(error))
        kept.with_suffix(".txt").write_text(text, encoding="utf-8", errors="replace")


def _dictionary(samples: Iterator[bytes]) -> str:
    """Words of the samples, which single bytes would hardly hit upon."""
    words: dict[bytes, None] = {}
    for sample in samples:
        found = re.findall(rb"[\w\-]{3,20}|<\|?/?\w+|[^\w\s]{2,4}", sample[:20_000])
        words.update(dict.fromkeys(found))
    for odd in (
        b"1e999",
        b"-1",
        b"9" * 25,
        b"NaN",
        b"\\ud800",
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
    ):
        words[odd] = None
    lines = ("".join(f"\\x{byte:02x}" for byte in word) for word in list(words)[-400:])
    return "".join(f'"{line}"\n' for line in lines)


def _counted(folder: Path, format_: str) -> tuple[int, float]:
    try:
        inputs, seconds = json.loads((folder / f"{format_}.count").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0, 0.0
    return inputs, seconds


def _found(folder: Path) -> str:
    return f"{sum(not path.suffix for path in (folder / 'findings').iterdir())} findings"


def _tell(folder: Path) -> None:
    counted = [_counted(folder, format_) for format_ in formats()]
    inputs, seconds = sum(count for count, _ in counted), sum(each for _, each in counted)
    print(f"together: {inputs:,} inputs in {seconds / 3600:.1f} h, {_found(folder)}")


def _again(findings: Sequence[Path]) -> int:
    """Try kept findings again; 1 if one is still there."""
    left = 0
    for path in (path for path in findings if not path.suffix):
        format_ = max((each for each in formats() if path.name.startswith(each)), key=len)
        try:
            check(format_, path.read_bytes(), path.with_suffix(".scratch"))
        except Exception as error:
            left += 1
            print(f"{path}: {type(error).__name__}: {error}"[:300])
    print(f"{left} of {len(findings)} are not mended")
    return 1 if left else 0


if __name__ == "__main__":
    main()
