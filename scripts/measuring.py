"""What the benchmarks share: figures and tables, memory of processes, prompts, clones, servers.

It measures nothing itself.  Memory is read from Linux' ``/proc``; times can be taken anywhere.
"""

import json
import os
import random
import shutil
import statistics
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from pydantic import SecretStr

from botconvo.model_process import ModelProcess, ModelSpec
from model_server.checkpoint.folder import Checkpoint, load_checkpoint, write_checkpoint
from model_server.engine import EngineSettings, LlamaEngine, default_threads

__all__ = [
    "BASE",
    "CHECKPOINT",
    "CONTEXT",
    "PARALLEL",
    "Memory",
    "Served",
    "alternate",
    "figure",
    "make_clones",
    "memory_of",
    "of_two",
    "prompt",
    "raw_engine",
    "served",
    "servers_under",
    "table",
    "write_project",
]

ROOT = Path(__file__).resolve().parent.parent
BASE = ROOT / "src" / "botconvo" / "demo" / "base"
CHECKPOINT = ROOT / "src" / "botconvo" / "demo" / "checkpoints" / "juno"
CONTEXT = 512
PARALLEL = 5
"""Both are what ``botconvo run`` serves with where config.toml says nothing else."""
_READY_S = 60.0
_TOKEN = SecretStr("a token for benchmarks")
_MEGABYTE = 1e6
_WORDS = (
    "about again always apple before bread bridge butter cannot castle chair coffee cold corner "
    "dinner door early evening every family finally forest friend game garden going green happy "
    "house idea island kitchen later letter light little maybe minute money morning movie music "
    "never night nothing office orange people phone picture plan pretty question quiet rain ready "
    "river school second shop sleep small something stone story street summer table ticket today "
    "tomorrow train tree under village water weekend window winter without wonder work yellow"
).split()
_NAMES = ("Anna", "Ben", "Cleo", "Dan")


# ---- figures and tables --------------------------------------------------------------------


def figure(values: Sequence[float], digits: int = 2) -> str:
    """Median and range: ``"1.20 (1.10–1.40)"``."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def alternate(kinds: int, rounds: int) -> Iterator[int]:
    """Whose turn it is: 0 1 1 0 0 1 for two kinds and three rounds.

    Everybody goes first equally often, so that a drift of the machine hits all alike.
    """
    for number in range(rounds):
        yield from range(kinds) if number % 2 == 0 else reversed(range(kinds))


def of_two(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Ratios of what was measured side by side."""
    return [a / b for a, b in zip(over, under, strict=True)]


# ---- memory --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Megabytes (10^6 bytes) of a process: shared pages in proportion, and those of its own.

    ``pss`` counts a page that n processes map as 1/n; ``private`` (USS) is what its end would free.
    """

    pss: float
    private: float


def memory_of(pid: int) -> Memory:
    """What a process holds now, from ``/proc/PID/smaps_rollup``; Linux only."""
    kilobytes: dict[str, int] = {}
    with Path(f"/proc/{pid}/smaps_rollup").open(encoding="utf-8") as rows:
        for row in rows:
            name, _, rest = row.partition(":")
            if rest.endswith("kB\n"):
                kilobytes[name] = int(rest.split()[0])
    private = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return Memory(pss=kilobytes["Pss"] * 1024 / _MEGABYTE, private=private * 1024 / _MEGABYTE)


def servers_under(pid: int) -> list[int]:
    """The model servers that a process has started."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text(encoding="utf-8").split()):
            if b"model_server" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
                found.append(child)
    return sorted(found)


# ---- prompts -------------------------------------------------------------------------------


def prompt(rng: random.Random, tokens: int, count: Callable[[str], int]) -> str:
    """A transcript of invented chatter of exactly so many tokens.

    Its first word is drawn too: no two prompts share a beginning that a server could remember.
    """
    text = ""
    while True:
        longer = text + _next_word(rng, text)
        found = count(longer)
        if found == tokens:
            return longer
        if found < tokens:
            text = longer


def _next_word(rng: random.Random, text: str) -> str:
    if not text:
        return f"{rng.choice(_WORDS)} {rng.choice(_WORDS)}"
    if rng.random() < 0.08:
        return f"\n{rng.choice(_NAMES)}: {rng.choice(_WORDS)}"
    return f" {rng.choice(_WORDS)}"


# ---- checkpoints and projects --------------------------------------------------------------


def make_clones(folder: Path, checkpoint: Path, base: Path, count: int) -> list[str]:
    """Copies of a clone under other names in ``folder/checkpoints``; gives the names."""
    opened = load_checkpoint(checkpoint, base=base)
    assert opened.adapter_path is not None, f"{checkpoint} is no adapter"
    names = [f"Clone {number}" for number in range(1, count + 1)]
    for name in names:
        write_checkpoint(_place(folder, name), _renamed(opened, name), opened.adapter_path)
    return names


def _place(folder: Path, name: str) -> Path:
    return folder / "checkpoints" / name.lower().replace(" ", "-")


def _renamed(opened: Checkpoint, name: str) -> "Manifest":
    manifest = opened.manifest
    assert manifest.base is not None
    assert manifest.prompt_format is not None
    assert manifest.consent is not None
    return manifest.model_copy(
        update={
            "persona": name,
            "prompt_format": replace(manifest.prompt_format, speaker=name),
            "base": manifest.base.model_copy(update={"path": str(opened.base_path)}),
            "consent": manifest.consent.model_copy(update={"fictional": True}),
        }
    )
