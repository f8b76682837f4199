"""Whether a model server grows slower or larger with use: 1,000 requests of one growing talk.

    python scripts/bench_endurance.py

The prompt grows line by line from nothing to a nearly full context, as a talk's does, and then a
new talk begins; so every twentieth of the run holds the same work.  At the end the used server is
compared with a fresh one on the same prompts in turn: that no drift of the machine can fake.
"""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from measuring import (
    BASE,
    CHECKPOINT,
    Served,
    alternate,
    chatter,
    memory_of,
    quartiles,
    served,
    table,
)

from model_server.checkpoint.folder import Checkpoint, load_checkpoint

TREND = 0.15
CYCLE = 50
"""Requests from the shortest prompt to the longest."""
END = 200
"""Requests at either end that are compared."""
_WORDS_A_LINE = 6
_TOKENS = 16
_SAMPLES = 5
_SEED = 1


@dataclass(slots=True)
class Course:
    """Seconds of every request, megabytes (PSS) after it."""

    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)


def talks(rng: random.Random) -> Iterator[str]:
    """Prompts without end: a talk that grows by a line a request, then another one."""
    while True:
        lines: list[str] = []
        for _ in range(CYCLE):
            lines.append(f"Anna: {chatter(_WORDS_A_LINE, rng)}")
            yield "\n".join([*lines, "Ben:"])


async def ask(server: Served, prompt: str, seed: int) -> float:
    """Seconds of one request."""
    started = time.perf_counter()
    await server.complete(
        prompt=prompt, max_tokens=_TOKENS, n=_SAMPLES, seed=seed, temperature=0.8, logprobs=0
    )
    return time.perf_counter() - started


async def endure(server: Served, requests: int) -> Course:
    """So many requests, one after another."""
    rng, course = random.Random(_SEED), Course()
    prompts = talks(rng)
    for seed in range(requests):
        course.seconds.append(await ask(server, next(prompts), seed))
        course.megabytes.append(memory_of(server.pid).pss)
    return course


async def against_fresh(used: Served, opened: Checkpoint, requests: int) -> list[float]:
    """Seconds of the used server over those of a fresh one, prompt by prompt in turn."""
    ratios = []
    prompts = talks(random.Random(_SEED + 1))
    async with served(opened) as fresh:
        turns = alternate(2, requests)
        for seed in range(requests):
            prompt, taken = next(prompts), [0.0, 0.0]
            for kind in (next(turns), next(turns)):
                taken[kind] = await ask((used, fresh)[kind], prompt, seed)
            ratios.append(taken[0] / taken[1])
    return ratios


def theil_sen(values: Sequence[float]) -> float:
    """The median slope of all pairs of points: how much a step adds."""
    y = np.asarray(values)
    first, second = np.triu_indices(len(y), 1)
    return float(np.median((y[second] - y[first]) / (second - first)))


def trend_row(name: str, values: Sequence[float], digits: int) -> list[str]:
    """First against last, and the slope over the whole run in percent of its median."""
    end = min(END, len(values) // 2)
    first, last = values[:end], values[-end:]
    grown = statistics.median(last) / statistics.median(first) - 1
    slope = theil_sen(values) * len(values) / statistics.median(values)
    return [
        name,
        quartiles(first, digits),
        quartiles(last, digits),
        f"**{grown:+.1%}**",
        f"{slope:+.1%}",
        f"≤ {TREND:+.0%}",
    ]


async def measure(opened: Checkpoint, requests: int, fresh: int) -> tuple[Course, list[float]]:
    """The course of the run, then the ratios against a fresh server."""
    async with served(opened) as server:
        course = await endure(server, requests)
        return course, await against_fresh(server, opened, fresh)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument("--base", type=Path, default=BASE)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--fresh", type=int, default=100, help="requests against a fresh server")
    options = parser.parse_args(arguments)
    opened = load_checkpoint(options.checkpoint, base=options.base)
    course, ratios = asyncio.run(measure(opened, options.requests, options.fresh))
    head = ["of one server", f"first {END}: median (quartiles)", f"last {END}"]
    head += ["last / first", f"slope over {options.requests}", "target"]
    rows = [
        trend_row("a request (s)", course.seconds, 3),
        trend_row("PSS (MB)", course.megabytes, 1),
    ]
    print(table(head, rows))
    print(f"Used / fresh server, the same prompts in turn: {quartiles(ratios, 2)} of the time.")


if __name__ == "__main__":
    main()
