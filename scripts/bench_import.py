"""How long it takes to import a large export, and how much memory, beside pandas reading the CSV.

    python scripts/bench_import.py
    python scripts/bench_import.py --messages 10000000 --formats json

The exports are invented (``make_big_export.py``).  Everybody in them has agreed, so that every row
goes into the store; what is timed is ``botconvo import`` without the start of Python: the digest of
the file, reading it, and the transaction.  Each import is a process of its own with a store of its
own; memory is the most that it and the process that reads for it held, added up (Linux, macOS), and
processor seconds are of both.  pandas is only needed for the last line:
``--pandas PYTHON`` names an interpreter that has it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from make_big_export import AUTHORS, WRITERS, said

TARGET_S, TARGET_MB = 25.0, 300.0
_SEED = 7
_IMPORT = """
import json, os, resource, sys, time
from datetime import UTC, datetime
from pathlib import Path
from botconvo.granting import Terms, grant
from botconvo.store import Store
from botconvo.taking import take_exports
folder, few, big = map(Path, sys.argv[1:4])
now = datetime.now(UTC)
with Store.open(folder / "botconvo.sqlite3") as store:
    take_exports(store, [few], now)
    for author in store.authors():
        grant(store, author.id, Terms(adult=True), now)
    before = sum(os.times()[:4])
    begin = time.perf_counter()
    (taken,) = take_exports(store, [big], now)
    seconds = time.perf_counter() - begin
busy = sum(os.times()[:4]) - before
whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
peak = sum(resource.getrusage(each).ru_maxrss for each in whose)
print(json.dumps([seconds, busy, peak, taken.accounting.read, taken.accounting.taken]))
"""
_PANDAS = """
import json, os, resource, sys, time
import pandas
before = sum(os.times()[:4])
begin = time.perf_counter()
read = len(pandas.read_csv(sys.argv[1]))
seconds = time.perf_counter() - begin
busy = sum(os.times()[:4]) - before
whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
peak = sum(resource.getrusage(each).ru_maxrss for each in whose)
print(json.dumps([seconds, busy, peak, read, 0]))
"""
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
"""In which ``ru_maxrss`` counts bytes."""


def run(words: Sequence[str]) -> tuple[float, float, float, int, int]:
    """Seconds, processor seconds, MB, rows read and rows taken, as a child process tells them."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.strip().splitlines()[-1] if done.stderr else "it failed")
    seconds, busy, peak, read, taken = json.loads(done.stdout)
    return seconds, busy, peak * _PEAK_UNIT / 1e6, read, taken


def an_export(path: Path, messages: int) -> Path:
    """An invented export of so many messages."""
    with path.open("w", encoding="utf-8", newline="") as file:
        WRITERS[path.suffix](said(messages, _SEED), file)
    return path


def line(what: str, size: float, figures: tuple[float, float, float, int, int]) -> str:
    seconds, busy, peak, read, taken = figures
    each = seconds / max(1, read) * 1e6
    rows = f"{read:,} | {taken:,}"
    return (
        f"| {what} | {size:.0f} | {rows} | {seconds:.1f} | {busy:.1f} | {each:.1f} | {peak:.0f} |"
    )


def beside(python: str, big: Path) -> str:
    """The line of pandas, or why there is none."""
    asked = subprocess.run([python, "-c", "import pandas"], capture_output=True, check=False)
    if asked.returncode:
        return f"pandas is not installed for {python}: name one that has it with --pandas PYTHON"
    figures = run((python, "-c", _PANDAS, str(big)))
    return line("pandas.read_csv, csv", big.stat().st_size / 1e6, figures)


def main() -> None:
    """Print a table for BENCHMARKS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", default=["json", "csv"], metavar="FORMAT")
    parser.add_argument("--pandas", default=sys.executable, metavar="PYTHON")
    given = parser.parse_args()
    print("| | MB | read | taken | seconds | processor seconds | µs a message | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few = an_export(folder / "few.json", 100 * len(AUTHORS))
        for kind in given.formats:
            big = an_export(folder / f"big.{kind}", given.messages)
            size = big.stat().st_size / 1e6
            store = folder / kind
            store.mkdir()
            words = (sys.executable, "-c", _IMPORT, str(store), str(few), str(big))
            print(line(f"botconvo, {kind}", size, run(words)), flush=True)
            if kind == "csv":
                print(beside(given.pandas, big), flush=True)
            big.unlink()
    print(f"\nTarget for 1,000,000 messages: {TARGET_S:.0f} s and {TARGET_MB:.0f} MB.")


if __name__ == "__main__":
    main()
