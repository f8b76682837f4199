"""What the benchmarks share: figures and tables, memory, prompts, clones, servers, talks.

It measures nothing by itself.  Memory is read from Linux' ``/proc``; times can be taken anywhere.
"""

import json
import os
import queue
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import httpx
from pydantic import SecretStr

from botconvo.model_process import ModelProcess, ModelSpec
from model_server.checkpoint.folder import Checkpoint, load_checkpoint, write_checkpoint
from model_server.checkpoint.manifest import Manifest
from model_server.engine import EngineSettings, LlamaEngine, default_threads
from model_server.schemas import CompletionResponse

__all__ = [
    "BASE",
    "CHECKPOINT",
    "TOKEN",
    "Memory",
    "Row",
    "Served",
    "Talk",
    "alternate",
    "chatter",
    "figure",
    "make_clones",
    "memory_of",
    "open_engine",
    "prompt_of",
    "quartiles",
    "served",
    "servers_under",
    "table",
    "talking",
    "write_config",
]

ROOT = Path(__file__).resolve().parent.parent
BASE = ROOT / "src" / "botconvo" / "demo" / "base"
CHECKPOINT = ROOT / "src" / "botconvo" / "demo" / "checkpoints" / "juno"
TOKEN = SecretStr("a token for benchmarks")
SETTINGS = EngineSettings(context=512, parallel=5, threads=default_threads())
"""What ``botconvo run`` serves with where config.toml says nothing else."""
_READY_S = 60.0
_END_S = 30.0
_LONGEST_TALK_S = 120.0
"""A talk in which nothing happens any more must not hold a benchmark up for ever."""
_WORDS = (
    "about again always apple before bread bridge butter cannot castle chair coffee cold corner "
    "dinner door early evening every family finally forest friend game garden going green happy "
    "house idea island kitchen later letter light little maybe minute money morning movie music "
    "never night nothing office orange people phone picture plan pretty question quiet rain ready "
    "river school second shop sleep small something stone story street summer table ticket today "
    "tomorrow train tree under village water weekend window winter without wonder work yellow"
).split()
_NAMES = ("Anna", "Ben", "Cleo", "Dan")
_SHORT = (".", "!", " a", " I")
_LONGEST_WORD = 16
"""Tokens; a tokenizer may take every letter for one."""


# ---- figures and tables --------------------------------------------------------------------


def figure(values: Sequence[float], digits: int = 2) -> str:
    """Median and range: ``"1.20 (1.10–1.40)"``."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def quartiles(values: Sequence[float], digits: int = 2) -> str:
    """Median and the middle half, where single values stray: ``"1.20 (1.15–1.25)"``."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, with a line break at its end."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def alternate(kinds: int, rounds: int) -> Iterator[int]:
    """Whose turn it is: 0 1, 1 0, 0 1, … so that a drift of the machine hits all alike."""
    for number in range(rounds):
        yield from range(kinds) if number % 2 == 0 else reversed(range(kinds))


# ---- memory --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Megabytes (10^6 bytes) of one process.

    ``pss`` counts a page that n processes map as 1/n; ``private`` (USS) is what its end would free,
    and changes when other processes begin or end to share a library; ``rss`` is all that it maps.
    """

    pss: float
    private: float
    rss: float


def memory_of(pid: int) -> Memory:
    """What a process holds now; Linux only."""
    found: dict[str, float] = {}
    for row in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
        name, _, size = row.partition(":")
        if size.endswith(" kB"):
            found[name] = int(size.removesuffix(" kB")) * 1024 / 1e6
    private = found["Private_Clean"] + found["Private_Dirty"]
    return Memory(pss=found["Pss"], private=private, rss=found["Rss"])


def servers_under(pid: int) -> list[int]:
    """The process ids of the model servers that a process has started; Linux only."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [child for task in tasks for child in task.read_text(encoding="utf-8").split()]
    return sorted(int(child) for child in children if _is_server(child))


def _is_server(pid: str) -> bool:
    return b"model_server" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


# ---- prompts -------------------------------------------------------------------------------


def chatter(words: int, rng: random.Random) -> str:
    """Drawn words on one line."""
    return " ".join(rng.choices(_WORDS, k=words))


def prompt_of(tokens: int, rng: random.Random, count: Callable[[str], int]) -> str:
    """A transcript of chatter, exactly ``tokens`` long as ``count`` counts.

    It begins with drawn words, so that no two prompts share a beginning that a server remembers.
    """
    text = chatter(3, rng)
    while (left := tokens - count(text)) > 0:
        longer = text + _more(rng, short=left < _LONGEST_WORD)
        if count(longer) <= tokens:
            text = longer
    assert left == 0, f"{tokens} tokens are too few for a prompt"
    return text


def _more(rng: random.Random, *, short: bool) -> str:
    """The next word; where little room is left, it may be a single letter."""
    if short and rng.random() < 0.5:
        return rng.choice(_SHORT)
    start = f"\n{rng.choice(_NAMES)}: " if rng.random() < 0.1 else " "
    return start + rng.choice(_WORDS)


# ---- engines and servers -------------------------------------------------------------------


@contextmanager
def open_engine(opened: Checkpoint) -> Iterator[LlamaEngine]:
    """The engine of a checkpoint in this process, with the settings of a served one."""
    engine = LlamaEngine(
        opened.base_path,
        opened.adapter_path,
        SETTINGS,
        end_of_text=opened.end_of_text,
        reading=opened.reading,
    )
    with closing(engine):
        yield engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A model server that is ready, and a client that holds its token."""

    http: httpx.AsyncClient
    pid: int

    async def complete(self, **body: Any) -> CompletionResponse:
        response = await self.http.post("/v1/completions", json=body)
        response.raise_for_status()
        return CompletionResponse.model_validate_json(response.content)


@asynccontextmanager
async def served(opened: Checkpoint) -> AsyncIterator[Served]:
    """A model server, started as ``botconvo run`` starts it."""
    process = await ModelProcess.start(_spec(opened), TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN.get_secret_value()}"}
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=_READY_S) as http:
            await process.wait_until_ready(http, _READY_S)
        async with httpx.AsyncClient(
            base_url=process.address or "", headers=headers, trust_env=False, timeout=_READY_S
        ) as http:
            yield Served(http=http, pid=process.pid)
    finally:
        await process.stop()


def _spec(opened: Checkpoint) -> ModelSpec:
    return ModelSpec(
        persona=opened.manifest.persona or "base",
        checkpoint=opened.folder,
        base=opened.base_path if opened.adapter_path is not None else None,
        digest=opened.digest,
        context=SETTINGS.context,
        parallel=SETTINGS.parallel,
        threads=SETTINGS.threads,
    )


# ---- clones and talks ----------------------------------------------------------------------


def make_clones(folder: Path, checkpoint: Path, base: Path, count: int) -> dict[str, Path]:
    """Copies of a clone under other names below ``folder``; name: checkpoint."""
    opened = load_checkpoint(checkpoint, base=base)
    weights = opened.adapter_path or opened.base_path
    clones = {f"Clone {number}": folder / f"clone-{number}" for number in range(1, count + 1)}
    for name, place in clones.items():
        write_checkpoint(place, _renamed(opened, name), weights)
    return clones


def _renamed(opened: Checkpoint, name: str) -> Manifest:
    old = opened.manifest
    assert old.prompt_format is not None
    assert old.consent is not None
    changes = {
        "persona": name,
        "prompt_format": replace(old.prompt_format, speaker=name),
        "consent": old.consent.model_copy(update={"person": "nobody", "fictional": True}),
    }
    if old.base is not None:
        changes["base"] = old.base.model_copy(update={"path": str(opened.base_path.resolve())})
    return old.model_copy(update=changes)


def write_config(path: Path, clones: dict[str, Path], conversation: dict[str, Any]) -> Path:
    """A config.toml with a table for each clone; gives its path."""
    lines = ["[conversation]", *(f"{key} = {json.dumps(v)}" for key, v in conversation.items())]
    for name, checkpoint in clones.items():
        lines += ["[[personas]]", f"name = {json.dumps(name)}"]
        lines += [f"checkpoint = {json.dumps(str(checkpoint.resolve()))}"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a talk printed, ``at`` seconds after its start: a message, else a line of the log."""

    at: float
    is_message: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A running ``botconvo``; ``rows`` come as they are printed and end with it."""

    pid: int
    rows: Iterator[Row]


@contextmanager
def talking(words: Sequence[str], store: Path) -> Iterator[Talk]:
    """``botconvo WORDS --platform console --json`` with a store of its own; ended at the end."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "botconvo", *words, "--platform", "console", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "BOTCONVO_STORE": str(store), "PYTHONIOENCODING": "utf-8"},
    )
    assert process.stdin is not None
    rows: queue.SimpleQueue[Row | None] = queue.SimpleQueue()
    readers = [
        threading.Thread(target=_read, args=(stream, stream is process.stdout, started, rows))
        for stream in (process.stdout, process.stderr)
    ]
    limit = threading.Timer(_LONGEST_TALK_S, process.kill)
    for thread in (*readers, limit):
        thread.start()
    try:
        yield Talk(pid=process.pid, rows=_until_end(rows, len(readers)))
    finally:
        limit.cancel()
        process.terminate()
        process.stdin.close()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
        for reader in readers:
            reader.join()


def _read(
    stream: IO[str], is_message: bool, started: float, rows: "queue.SimpleQueue[Row | None]"
) -> None:
    with stream:
        for text in stream:
            at = time.perf_counter() - started
            rows.put(Row(at=at, is_message=is_message, text=text.rstrip("\n")))
    rows.put(None)


def _until_end(rows: "queue.SimpleQueue[Row | None]", streams: int) -> Iterator[Row]:
    while streams:
        row = rows.get()
        if row is None:
            streams -= 1
        else:
            yield row
