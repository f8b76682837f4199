"""Whether a model server grows slower or larger with use: 1,000 requests of one growing talk.

    python scripts/bench_endurance.py

The prompt grows line by line from nothing to a nearly full context, as a talk's does, and then a
new talk begins; so every twentieth of the run holds the same work.  At the end the used server is
compared with a fresh one on the same prompts in turn: that no drift of the machine can fake.  Two
rows tell what else moves the times: a fixed computation in this process, done after every request
(the machine), and the tokens that were generated (the work).
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
_NUMBERS = tuple(range(997, 0, -1)) * 20
_YARDSTICK = 5


@dataclass(slots=True)
class Course:
    """Of every request: seconds, tokens generated; after it: megabytes (PSS), the yardstick."""

    seconds: list[float] = field(default_factory=list)
    tokens: list[float] = field(default_factory=list)
    yardstick: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)


def talks(rng: random.Random) -> Iterator[str]:
    """Prompts without end: a talk that grows by a line a request, then another one."""
    while True:
        lines: list[str] = []
        for _ in range(CYCLE):
            lines.append(f"Anna: {chatter(_WORDS_A_LINE, rng)}")
            yield "\n".join([*lines, "Ben:"])


async def ask(server: Served, prompt: str, seed: int) -> tuple[float, int]:
    """Seconds of one request, and the tokens that it generated."""
    started = time.perf_counter()
    answer = await server.complete(
        prompt=prompt, max_tokens=_TOKENS, n=_SAMPLES, seed=seed, temperature=0.8, logprobs=0
    )
    seconds = time.perf_counter() - started
    assert answer.usage is not None
    return seconds, answer.usage.completion_tokens


def yardstick() -> float:
    """Seconds of a computation that never changes, as long as a few tokens take."""
    started = time.perf_counter()
    for _ in range(_YARDSTICK):
        sorted(_NUMBERS, reverse=True)
    return time.perf_counter() - started


async def endure(server: Served, requests: int) -> Course:
    """So many requests, one after another."""
    rng, course = random.Random(_SEED), Course()
    prompts = talks(rng)
    for seed in range(requests):
        seconds, tokens = await ask(server, next(prompts), seed)
        course.seconds.append(seconds)
        course.tokens.append(tokens)
        course.yardstick.append(yardstick())
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
                taken[kind], _ = await ask((used, fresh)[kind], prompt, seed)
            ratios.append(taken[0] / taken[1])
    return ratios


def theil_sen(values: Sequence[float]) -> float:
    """The median slope of all pairs of points: how much a step adds."""
    y = np.asarray(values)
    first, second = np.triu_indices(len(y), 1)
    return float(np.median((y[second] - y[first]) / (second - first)))


def trend_row(name: str, values: Sequence[float], digits: int, target: str = "") -> list[str]:
    """First against last, and the slope over the whole run in percent of its median."""
    end = min(END, len(values) // 2)
    first, last = values[:end], values[-end:]
    grown = statistics.median(last) / statistics.median(first) - 1
    slope = theil_sen(values) * len(values) / statistics.median(values)
    return [
        name,
        quartiles(first, digits),
        quartiles(last, digits),
        f"**{grown:+.1%}**" if target else f"{grown:+.1%}",
        f"{slope:+.1%}",
        target,
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
    limit, milliseconds = f"≤ {TREND:+.0%}", [1000 * seconds for seconds in course.yardstick]
    rows = [
        trend_row("a request (s)", course.seconds, 3, limit),
        trend_row("PSS (MB)", course.megabytes, 1, limit),
        trend_row("for comparison: the fixed computation (ms)", milliseconds, 2),
        trend_row("for comparison: tokens a request", course.tokens, 0),
    ]
    print(table(head, rows))
    print(f"Used / fresh server, the same prompts in turn: {quartiles(ratios, 2)} of the time.")


if __name__ == "__main__":
    main()
