"""How much of what is private is found, on the labelled lines in tests/data/private.

    python scripts/redaction_figures.py [--misses]

A piece counts as found where something that is found lies over it, of whatever kind, because the
line is left out either way.  Prints the table of BENCHMARKS.md.
"""

import argparse
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from botconvo.corpus.redaction import Kind, Private, find_private

LINES = Path(__file__).parent.parent / "tests" / "data" / "private" / "lines.txt"
_LABEL = re.compile(rf"\{{(?P<kind>{'|'.join(Kind)}):(?P<text>[^{{}}]*)\}}")


@dataclass(slots=True)
class Score:
    """Counts of pieces by kind, and of whole lines."""

    labelled: Counter[Kind] = field(default_factory=Counter)
    found: Counter[Kind] = field(default_factory=Counter)
    told: Counter[Kind] = field(default_factory=Counter)
    right: Counter[Kind] = field(default_factory=Counter)
    lines: int = 0
    private_lines: int = 0
    dropped: int = 0
    rightly_dropped: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Of the lines with something private, how many are left out."""
        return self.rightly_dropped / self.private_lines

    @property
    def precision(self) -> float:
        """Of the lines that are left out, how many have something private."""
        return self.rightly_dropped / self.dropped


def read(path: Path = LINES) -> list[tuple[str, tuple[Private, ...]]]:
    """Texts with what is private in them."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_labelled(line) for line in lines if line and not line.startswith("# ")]


def score(lines: list[tuple[str, tuple[Private, ...]]]) -> Score:
    """What ``find_private`` makes of them."""
    total = Score()
    for text, labels in lines:
        found = find_private(text)
        total.lines += 1
        total.private_lines += bool(labels)
        total.dropped += bool(found)
        total.rightly_dropped += bool(labels and found)
        for label in labels:
            total.labelled[label.kind] += 1
            if any(_meet(label, each) for each in found):
                total.found[label.kind] += 1
            else:
                total.wrong.append(f"missed {label.kind}: {text}")
        for each in found:
            total.told[each.kind] += 1
            if any(_meet(label, each) for label in labels):
                total.right[each.kind] += 1
            else:
                total.wrong.append(f"no {each.kind}: {text} [{text[each.start : each.end]}]")
    return total


def _labelled(line: str) -> tuple[str, tuple[Private, ...]]:
    text, labels, end = "", [], 0
    for match in _LABEL.finditer(line):
        text += line[end : match.start()]
        labels.append(Private(len(text), len(text) + len(match["text"]), Kind(match["kind"])))
        text += match["text"]
        end = match.end()
    return text + line[end:], tuple(labels)


def _meet(one: Private, other: Private) -> bool:
    return one.start < other.end and other.start < one.end


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--misses", action="store_true", help="print what was wrong, too")
    wanted = parser.parse_args()
    lines = read()
    find_private("+1 650 253 0000 x@y.zz 12 a street")  # tables are loaded on first use
    begin = time.perf_counter()
    total = score(lines)
    each = (time.perf_counter() - begin) / len(lines)
    print("| kind | labelled | recall | told | precision |\n|---|--:|--:|--:|--:|")
    for kind in Kind:
        print(
            f"| {kind} | {total.labelled[kind]} | {_share(total.found[kind], total.labelled[kind])}"
            f" | {total.told[kind]} | {_share(total.right[kind], total.told[kind])} |"
        )
    print(
        f"| **lines left out** | {total.private_lines} of {total.lines} | {total.recall:.1%} | "
        f"{total.dropped} | {total.precision:.1%} |"
    )
    print(f"\n{each * 1e6:.0f} microseconds a line")
    if wanted.misses:
        print("\n".join(total.wrong))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


if __name__ == "__main__":
    main()
