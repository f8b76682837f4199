"""How long one waits: for the first message of a talk, and for ``botconvo --help``.

    python scripts/bench_start.py                       the demo
    python scripts/bench_start.py --config config.toml  another cast (of invented people)

A run counts from the start of the process to the first message on stdout, with everything in the
file cache: one run goes before and is not counted.  Every run has a store of its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from measuring import alternate, figure, table, talking

FIRST_MESSAGE_S = 6.0
HELP_S = 0.3
_READY = ": ready at "


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Seconds from the start of the process; ``typing`` is a part of ``message``."""

    first_ready: float
    all_ready: float
    message: float
    letters: int
    model_ms: float


def start(words: Sequence[str], personas: int) -> Start:
    """Run until there is a message and every server is ready."""
    ready: list[float] = []
    first: tuple[float, dict[str, str]] | None = None
    log: list[str] = []
    with tempfile.TemporaryDirectory() as folder, talking(words, Path(folder) / "store") as talk:
        for row in talk.rows:
            if row.is_message:
                first = first or (row.at, json.loads(row.text))
            else:
                log.append(row.text)
                ready += [row.at] if _READY in row.text else []
            if first is not None and len(ready) >= personas:
                at, message = first
                return Start(
                    first_ready=ready[0],
                    all_ready=ready[personas - 1],
                    message=at,
                    letters=len(message["text"]),
                    model_ms=float(message["latency_ms"]),
                )
    raise SystemExit("the talk ended before its first message:\n" + "\n".join(log[-5:]))


def seconds(command: Sequence[str]) -> float:
    """Wall time of a command that prints something nobody reads."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def start_table(starts: Sequence[Start]) -> str:
    """What a start is made of."""
    rows = [
        ["first server ready (s)", figure([s.first_ready for s in starts]), ""],
        ["all servers ready (s)", figure([s.all_ready for s in starts]), ""],
        ["**first message (s)**", figure([s.message for s in starts]), f"≤ {FIRST_MESSAGE_S:g}"],
        ["its samples from the model (ms)", figure([s.model_ms for s in starts], 0), ""],
        ["its length (characters)", figure([s.letters for s in starts], 0), ""],
    ]
    return table(["start", "median (range)", "target"], rows)


def help_table(repeats: int) -> str:
    """``--help`` against an interpreter that does nothing, side by side."""
    commands = [[sys.executable, "-c", "pass"], [sys.executable, "-m", "botconvo", "--help"]]
    taken: list[list[float]] = [[], []]
    for kind in alternate(2, repeats + 1):
        taken[kind].append(seconds(commands[kind]))
    rows = [
        ["`python -c pass` (s)", figure(taken[0][1:], 3), ""],
        ["**`botconvo --help`** (s)", figure(taken[1][1:], 3), f"≤ {HELP_S:g}"],
    ]
    return table(["command", "median (range)", "target"], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--config", type=Path, help="default: the demo's")
    parser.add_argument("--personas", type=int, default=4, help="servers that the config starts")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args(arguments)
    words = ["run", "--config", str(options.config)] if options.config else ["demo"]
    starts = [start(words, options.personas) for _ in range(options.repeats + 1)][1:]
    print(start_table(starts))
    print(help_table(2 * options.repeats))


if __name__ == "__main__":
    main()
