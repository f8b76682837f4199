"""Rows many at a time, read here or by a process beside."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from processes import children_of, is_alive, needs_proc, until

from botconvo.batches import Batch, batches
from botconvo.errors import ImportFailed
from botconvo.importers import Export, find_exports
from botconvo.store import Seen, StoredRow

EXPORTS = Path(__file__).parent / "data" / "exports"
GENERAL = next((EXPORTS / "discord-dce-2.47").glob("*general*.json"))
MANY = 3500
"""More than the pipe holds: the process beside has to wait for us."""


def many(folder: Path) -> Path:
    """An export of ``MANY`` messages, of which every fifth cannot be read."""
    path = folder / "many.json"
    rows = (
        f'\n  {{\n   "id": "{n}",\n   "timestamp": "2024-03-01T10:00:00+00:00",\n'
        f'   "content": "{"word " * 20}",\n'
        f'   "author": {{"id": "{n % 5 or "?"}", "name": "bort"}}\n  }}'
        for n in range(MANY)
    )
    head = '{"guild": {}, "channel": {"id": "5"}, "messages": ['
    path.write_text(f"{head}{','.join(rows)}\n]}}", encoding="utf-8")
    return path


def export_of(path: Path) -> Export:
    (found,) = find_exports(path).exports
    return found


Told = tuple[list[StoredRow], list[object], dict[str, Seen], Counter[str], list[int | None]]


def together(found: Iterator[Batch]) -> Told:
    """All that some batches say."""
    rows: list[StoredRow] = []
    reactions: list[object] = []
    seen: dict[str, Seen] = {}
    left_out: Counter[str] = Counter()
    lines: list[int | None] = []
    for batch in found:
        rows += batch.packed.rows
        reactions += batch.packed.reactions
        for author, count in batch.packed.seen.items():
            seen.setdefault(author, Seen(count.author)).add(count)
        left_out.update(batch.left_out)
        lines += [fault.line for fault in batch.faults]
    return rows, reactions, seen, left_out, lines


def test_another_process_reads_the_same_rows(tmp_path: Path) -> None:
    torn = tmp_path / "torn.json"
    torn.write_bytes(GENERAL.read_bytes()[:6000])
    for path in (GENERAL, torn, many(tmp_path)):
        export = export_of(path)
        here, beside = (together(batches(export, beside=way)) for way in (False, True))
        assert here == beside
    assert len(here[0]) == MANY * 4 // 5
    assert here[3] == {"malformed": MANY // 5}
    assert here[4][:3] == [2, 32, 62]


def test_progress_is_told_from_there_too(tmp_path: Path) -> None:
    export, told = export_of(many(tmp_path)), list[int]()
    together(batches(export, told.append, beside=True))
    assert told == sorted(told)
    assert told[-1] == export.size()


def test_what_is_wrong_with_the_file_is_said_in_the_same_words(tmp_path: Path) -> None:
    gone = Export(path=tmp_path / "gone.json", format="discord-json")
    for beside in (False, True):
        with pytest.raises(ImportFailed, match=r"there is no file .*gone\.json"):
            together(batches(gone, beside=beside))


def reader(pid: int) -> int:
    """The process that reads for the process ``pid``."""
    (child,) = [child for child, words in children_of(pid).items() if "serve()" in words]
    return child


@needs_proc
def test_who_stops_reading_leaves_no_process(tmp_path: Path) -> None:
    with closing(batches(export_of(many(tmp_path)), beside=True)) as found:
        assert next(found).packed.rows
        child = reader(os.getpid())
    assert not is_alive(child)


@needs_proc
def test_who_is_killed_leaves_no_process(tmp_path: Path) -> None:
    words = (
        "import sys; from botconvo.batches import batches; from botconvo.importers import *;"
        "from pathlib import Path; (export,) = find_exports(Path(sys.argv[1])).exports;"
        "found = batches(export, beside=True); next(found); print(flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", words, str(many(tmp_path))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        child = reader(parent.pid)
        parent.kill()
    assert until(lambda: not is_alive(child))


@needs_proc
def test_a_process_that_dies_is_told_in_one_line(tmp_path: Path) -> None:
    with closing(batches(export_of(many(tmp_path)), beside=True)) as found:
        next(found)
        os.kill(reader(os.getpid()), signal.SIGKILL)
        with pytest.raises(ImportFailed, match=r"many\.json: the process that reads it has ended"):
            together(found)


@needs_proc
def test_ctrl_c_in_the_terminal_is_for_us_alone(tmp_path: Path) -> None:
    with closing(batches(export_of(many(tmp_path)), beside=True)) as found:
        next(found)
        assert os.getpgid(reader(os.getpid())) != os.getpgid(0)
