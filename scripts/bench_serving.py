"""How fast a persona is served: through HTTP, against the same engine in this very process.

    python scripts/bench_serving.py --checkpoint CLONE

CLONE is one with an adapter (``train --method lora``); without it only whole weights are measured.
Every prompt is used once, so that nobody answers from memory, and both sides work on the same
prompts and seeds in turn.  The engine cannot be told to write past the end of a text: prompts
whose completions end early are passed over beforehand, and a pair where one did so after all is
dropped and counted.
"""

import argparse
import asyncio
import json
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import (
    BASE,
    Served,
    alternate,
    open_engine,
    prompt_of,
    quartiles,
    served,
    table,
)

from model_server.checkpoint.folder import Checkpoint, load_checkpoint
from model_server.engine import Draw, LlamaEngine, Piece

THROUGHPUT = 0.9
FIVE_SAMPLES_S = 0.4
PROMPT_TOKENS = 64
LONG, SHORT = 64, 40
"""Tokens of a completion: of one alone, and of each of several."""
TEMPERATURE = 0.8
_SEED = 1
_TRIES = 60
"""Prompts in a row that may be passed over."""
_PAIRS_OF_ONE = 4
"""The ratio of single completions is what matters most: so many times as many pairs for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """``n`` completions of ``tokens`` tokens."""

    prompt: str
    seed: int
    n: int
    tokens: int

    def draw(self) -> Draw:
        return Draw(
            prompt=self.prompt,
            max_tokens=self.tokens,
            n=self.n,
            seed=self.seed,
            temperature=TEMPERATURE,
        )

    def body(self) -> dict[str, Any]:
        return {
            "prompt": self.prompt,
            "max_tokens": self.tokens,
            "n": self.n,
            "seed": self.seed,
            "temperature": TEMPERATURE,
        }

    def is_full(self, tokens: int) -> bool:
        """Whether no completion ended before its time."""
        return tokens == self.n * self.tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a job went: seconds to its end and to its first token, tokens generated."""

    seconds: float
    first: float
    tokens: int


@dataclass(slots=True)
class Compared:
    """The same jobs here and there, and how many pairs were dropped."""

    raw: list[Run]
    http: list[Run]
    dropped: int = 0

    def add(self, job: Job, raw: Run, http: Run) -> None:
        if job.is_full(raw.tokens) and job.is_full(http.tokens):
            self.raw.append(raw)
            self.http.append(http)
        else:
            self.dropped += 1

    def ratios(self) -> list[float]:
        """Speed through HTTP as a share of the raw engine's, pair by pair."""
        pairs = zip(self.raw, self.http, strict=True)
        return [raw.seconds / http.seconds for raw, http in pairs]


def run_raw(engine: LlamaEngine, job: Job) -> Run:
    """A job on an engine of this process."""
    firsts: list[float] = []

    def take(piece: Piece) -> bool:
        if not firsts:
            firsts.append(time.perf_counter() - started)
        return True

    started = time.perf_counter()
    tally = engine.generate(job.draw(), take)
    seconds = time.perf_counter() - started
    return Run(seconds=seconds, first=firsts[0] if firsts else seconds, tokens=tally.completion)


async def run_http(server: Served, job: Job) -> Run:
    """A job as one request with one answer."""
    started = time.perf_counter()
    answer = await server.complete(**job.body())
    seconds = time.perf_counter() - started
    assert answer.usage is not None
    return Run(seconds=seconds, first=seconds, tokens=answer.usage.completion_tokens)


async def run_stream(server: Served, job: Job) -> Run:
    """A job as server-sent events."""
    first, tokens = 0.0, 0
    started = time.perf_counter()
    body = {**job.body(), "stream": True}
    async with server.http.stream("POST", "/v1/completions", json=body) as response:
        async for row in response.aiter_lines():
            data = row.removeprefix("data: ")
            if not data or data == "[DONE]":
                continue
            first = first or time.perf_counter() - started
            tokens = ((json.loads(data).get("usage")) or {}).get("completion_tokens", tokens)
    return Run(seconds=time.perf_counter() - started, first=first, tokens=tokens)


def full_jobs(engine: LlamaEngine, rng: random.Random, n: int, tokens: int) -> Iterator[Job]:
    """Jobs with fresh prompts whose completions do not end early on this engine, without end.

    ``engine`` then remembers them: measure on another one.
    """
    idle = 0
    while idle < _TRIES:
        prompt = prompt_of(PROMPT_TOKENS, rng, lambda text: len(engine.tokenize(text)))
        job = Job(prompt=prompt, seed=rng.randrange(2**31), n=n, tokens=tokens)
        idle += 1
        if job.is_full(run_raw(engine, job).tokens):
            yield job
            idle = 0
    raise SystemExit(f"too many completions end before {tokens} tokens; take another checkpoint")


class Bench:
    """One checkpoint: an engine here, a server there, and an engine that chooses the prompts."""

    def __init__(self, raw: LlamaEngine, chooser: LlamaEngine, server: Served) -> None:
        self.raw, self.chooser, self.server = raw, chooser, server
        self.rng = random.Random(_SEED)

    def jobs(self, n: int, tokens: int) -> Iterator[Job]:
        return full_jobs(self.chooser, self.rng, n, tokens)

    async def compare(self, n: int, tokens: int, pairs: int, *, stream: bool = False) -> Compared:
        """The same jobs on both sides, turn about, after a job each to warm up."""
        compared = Compared([], [])
        over_http = run_stream if stream else run_http
        jobs, turns = self.jobs(n, tokens), alternate(2, _TRIES * pairs)
        await over_http(self.server, next(jobs))
        run_raw(self.raw, next(jobs))
        while len(compared.raw) < pairs and compared.dropped < (_TRIES - 1) * pairs:
            job, runs = next(jobs), {}
            for kind in (next(turns), next(turns)):
                runs[kind] = await over_http(self.server, job) if kind else run_raw(self.raw, job)
            compared.add(job, runs[0], runs[1])
        return compared


def tokens_per_s(runs: Sequence[Run]) -> str:
    return quartiles([run.tokens / run.seconds for run in runs], 0)


def milliseconds(times: Sequence[float]) -> str:
    return quartiles([1000 * time for time in times], 0)


def single_row(name: str, whole: Compared, streamed: Compared) -> list[str]:
    return [
        name,
        tokens_per_s(whole.raw),
        tokens_per_s(whole.http),
        f"**{quartiles(whole.ratios())}**",
        milliseconds([run.first for run in streamed.raw]),
        milliseconds([run.first for run in streamed.http]),
        quartiles(streamed.ratios()),
        str(whole.dropped + streamed.dropped),
    ]


def several_row(name: str, n: int, compared: Compared) -> list[str]:
    through = quartiles([run.seconds for run in compared.http], 3)
    return [
        name,
        str(n),
        quartiles([run.seconds for run in compared.raw], 3),
        f"**{through}**, target ≤ {FIVE_SAMPLES_S}" if n == 5 else through,
        quartiles(compared.ratios()),
        tokens_per_s(compared.http),
        str(compared.dropped),
    ]


async def two_at_once(bench: Bench, other: Served, rounds: int) -> list[list[str]]:
    """One server alone against the same one beside another persona's."""
    alone: list[Run] = []
    beside: list[Run] = []
    both: list[Run] = []
    jobs = bench.jobs(1, LONG)
    for kind in alternate(2, rounds):
        one, two = next(jobs), next(jobs)
        if kind == 0:
            alone.append(await run_http(bench.server, one))
        else:
            started = time.perf_counter()
            pair = await asyncio.gather(run_http(bench.server, one), run_http(other, two))
            beside += pair
            taken = time.perf_counter() - started
            both.append(Run(seconds=taken, first=taken, tokens=sum(run.tokens for run in pair)))
    speed = [statistics.median(r.tokens / r.seconds for r in runs) for runs in (alone, both)]
    return [
        ["one alone", tokens_per_s(alone), "1"],
        ["each of two at once", tokens_per_s(beside), ""],
        ["two at once, together", tokens_per_s(both), f"**{speed[1] / speed[0]:.2f}**"],
    ]


async def measure(
    kinds: dict[str, Checkpoint], samples: Sequence[int], rounds: int
) -> tuple[list[list[str]], list[list[str]], list[list[str]]]:
    """The rows of all three tables; what is compared runs side by side."""
    single, several, two = [], [], []
    for name, opened in kinds.items():
        async with AsyncExitStack() as stack:
            raw, chooser = (stack.enter_context(open_engine(opened)) for _ in range(2))
            bench = Bench(raw, chooser, await stack.enter_async_context(served(opened)))
            whole = await bench.compare(1, LONG, _PAIRS_OF_ONE * rounds)
            streamed = await bench.compare(1, LONG, rounds, stream=True)
            single.append(single_row(name, whole, streamed))
            several += [
                several_row(name, n, await bench.compare(n, SHORT, rounds)) for n in samples
            ]
            if name == list(kinds)[-1]:
                other = await stack.enter_async_context(served(opened))
                two = await two_at_once(bench, other, rounds)
    return single, several, two


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print three tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--checkpoint", type=Path, help="with an adapter on --base")
    parser.add_argument("--base", type=Path, default=BASE, help="whole weights")
    parser.add_argument("--samples", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args(arguments)
    kinds = {"base": load_checkpoint(options.base)}
    if options.checkpoint is not None:
        kinds["base + adapter"] = load_checkpoint(options.checkpoint, base=options.base)
    single, several, two = asyncio.run(measure(kinds, options.samples, options.repeats))
    print(f"Medians (quartiles). {PROMPT_TOKENS} tokens in, {LONG} out:\n")
    head = ["weights", "engine tok/s", "HTTP tok/s", f"HTTP / engine, target ≥ {THROUGHPUT}"]
    head += ["first token, engine (ms)", "first event, stream (ms)", "stream / engine", "dropped"]
    print(table(head, single))
    print(f"n samples of {SHORT} tokens of one prompt in one request:\n")
    head = ["weights", "n", "engine (s)", "HTTP (s)", "HTTP / engine", "HTTP tok/s", "dropped"]
    print(table(head, several))
    print(f"Two servers, {PROMPT_TOKENS} in, {LONG} out:\n")
    print(table(["servers", "tok/s", "against one"], two))


if __name__ == "__main__":
    main()
