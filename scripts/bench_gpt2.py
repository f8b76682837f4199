"""GPT-2 124M side by side: gpt-2-simple, transformers, llama.cpp alone, and our server over HTTP.

    python scripts/bench_gpt2.py WORK                         everything; needs all extras
    python scripts/bench_gpt2.py WORK --parts single start    only these

The weights are random, in GPT-2's true shape; the folder WORK keeps them for the next time (2 GB).
Every side is a process of its own, and all work on the same jobs in turn, so that a drift of the
machine hits all alike: read the ratios.  gpt-2-simple adds to its graph with every call; so it
begins afresh in every round.  Memory is read from Linux' ``/proc``.
"""

import argparse
import asyncio
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

import httpx
from gpt2_sides import SAYING, TEMPERATURE, TRAINING, Job, Run
from measuring import SETTINGS, Memory, alternate, figure, memory_of, prompt_of, served, table
from random_gpt2 import SHAPE, Forms, make_clone, make_forms

from model_server.checkpoint.folder import load_checkpoint
from model_server.engine import EngineSettings, LlamaEngine, default_threads
from model_server.schemas import CompletionResponse

OLD, ENGINE, OURS = "gpt-2-simple", "engine", "our server"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
PARTS = ("single", "samples", "prompts", "start", "memory", "personas", "training")
FASTER, SAMPLES_FASTER, OF_ENGINE, START_S, PERSONA_MB = 8, 5, 0.9, 1.5, 130
PROMPT, LONG, SHORT = 64, 64, 40
"""Tokens of a prompt, of a completion alone, and of each of several."""
_SAMPLES, _PROMPTS = 5, 8
_READY_S = 300.0
_LOOKS = (1, 30, 1000)
"""After so many calls memory is looked at."""
_CALL = 16
"""Tokens in and out of these calls: what is left over from each does not hang on its length."""


# ---- the sides -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Who says something, and with how many threads, if that is asked for."""

    name: str
    threads: int

    @property
    def title(self) -> str:
        if self.name in (ENGINE, OURS):
            return f"{self.name}, {self.threads} thread{'s' if self.threads > 1 else ''}"
        return self.name


def all_kinds(ours: Iterable[int]) -> list[Kind]:
    """Ours with so many threads; the others take every core by themselves."""
    kinds = [Kind(name=name, threads=CORES) for name in SAYING if name != ENGINE]
    for threads in sorted(set(ours)):
        kinds += [Kind(name=name, threads=threads) for name in (ENGINE, OURS)]
    return kinds


class Side:
    """A process that has said that it is ready; ``ready`` seconds after its start."""

    def __init__(self, kind: Kind, process: "subprocess.Popen[str]", log: IO[bytes]) -> None:
        self.kind, self._process, self._log = kind, process, log
        self.ready = 0.0

    def wait(self) -> None:
        """Until it is ready."""
        self.row()

    def do(self, job: Job) -> Run:
        """Do a job."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(job)) + "\n")
        self._process.stdin.flush()
        return Run(**json.loads(self.row()))

    def row(self) -> str:
        """The next row on its stdout.

        Raises:
            SystemExit: it has ended.
        """
        assert self._process.stdout is not None
        if row := self._process.stdout.readline():
            return row
        self._log.seek(0)
        said = self._log.read().decode("utf-8", "replace").splitlines()[-12:]
        raise SystemExit("\n".join([*said, f"{self.kind.title} ended"]))

    def memory(self) -> Memory:
        """What it holds now."""
        return memory_of(self._process.pid)

    def close(self) -> None:
        """End the process and wait for its end."""
        self._process.terminate()
        self._process.communicate()


class Server(Side):
    """``botconvo serve-model``; several prompts are requests at the same time."""

    def __init__(
        self, kind: Kind, process: "subprocess.Popen[str]", log: IO[bytes], port: int
    ) -> None:
        super().__init__(kind, process, log)
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=_READY_S
        )

    def wait(self) -> None:
        while True:
            try:
                if self._http.get("/health").is_success:
                    return
            except httpx.TransportError:
                if self._process.poll() is not None:
                    self.row()  # says why
            time.sleep(0.005)

    def do(self, job: Job) -> Run:
        started = time.perf_counter()
        if len(job.prompts) == 1:
            tokens = self._ask(job.prompts[0], job)
        else:
            with ThreadPoolExecutor(len(job.prompts)) as pool:
                tokens = sum(pool.map(lambda prompt: self._ask(prompt, job), job.prompts))
        return Run(seconds=time.perf_counter() - started, tokens=tokens)

    def close(self) -> None:
        self._http.close()
        super().close()

    def _ask(self, prompt: str, job: Job) -> int:
        body = {
            "prompt": prompt,
            "max_tokens": job.tokens,
            "n": job.n,
            "seed": job.seed,
            "temperature": TEMPERATURE,
        }
        response = self._http.post("/v1/completions", json=body)
        response.raise_for_status()
        usage = CompletionResponse.model_validate_json(response.content).usage
        assert usage is not None
        return usage.completion_tokens


@contextmanager
def side_of(kind: Kind, forms: Forms) -> Iterator[Side]:
    """A side's process, from its start until it has ended."""
    port, words = _words(kind, forms)
    environment = os.environ | {"BOTCONVO_CACHE": str(forms.cache), "PYTHONIOENCODING": "utf-8"}
    with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
            env=environment,
            cwd=folder,
        )
        is_ours = kind.name == OURS
        side = Server(kind, process, log, port) if is_ours else Side(kind, process, log)
        try:
            side.wait()
            side.ready = time.perf_counter() - started
            yield side
        finally:
            side.close()


def _words(kind: Kind, forms: Forms) -> tuple[int, list[str]]:
    threads = ["--threads", str(kind.threads)]
    if kind.name == OURS:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]
        words = ["-m", "botconvo", "serve-model", str(forms.served), "--no-token", *threads]
        return port, [*words, "--port", str(port)]
    folder = {OLD: forms.run, ENGINE: forms.served}.get(kind.name, forms.hub)
    script = Path(__file__).with_name("gpt2_sides.py")
    return 0, [str(script), "say", kind.name, str(folder), *threads]


# ---- jobs ------------------------------------------------------------------------------------


class Jobs:
    """Jobs with prompts that nobody has seen before."""

    def __init__(self, forms: Forms) -> None:
        small = EngineSettings(context=64, parallel=1)
        opened = forms.opened
        self._engine = LlamaEngine(opened.base_path, None, small, end_of_text=opened.end_of_text)
        self._rng = random.Random(1)

    def next(self, tokens: int, *, n: int = 1, prompts: int = 1, length: int = PROMPT) -> Job:
        def count(text: str) -> int:
            return len(self._engine.tokenize(text))

        return Job(
            prompts=tuple(prompt_of(length, self._rng, count) for _ in range(prompts)),
            tokens=tokens,
            n=n,
            seed=self._rng.randrange(2**31),
        )

    def close(self) -> None:
        self._engine.close()


Found = dict[Kind, list[Run]]
"""Of every side the runs of the same jobs, in the order of the jobs."""


def warm_up(sides: Iterable[Side], job: Job) -> None:
    """A first job for each, which is not counted."""
    for side in sides:
        side.do(job)


def take_turns(sides: Sequence[Side], jobs: Sequence[Job], found: Found) -> None:
    """Everybody does the same jobs, one after another; the order turns round every time."""
    turns = alternate(len(sides), len(jobs))
    for number, job in enumerate(jobs):
        for _ in sides:
            side = sides[next(turns)]
            found.setdefault(side.kind, []).append(side.do(job))
        print(".", end="\n" if number == len(jobs) - 1 else "", file=sys.stderr, flush=True)


def ratios(found: Found, kind: Kind, other: Kind) -> list[float]:
    """How many times as fast as the other it did the same jobs, job by job."""
    pairs = zip(found[kind], found[other], strict=True)
    return [(a.tokens / a.seconds) / (b.tokens / b.seconds) for a, b in pairs]


# ---- speed -----------------------------------------------------------------------------------


def measure_single(kinds: Sequence[Kind], forms: Forms, jobs: Jobs, options: "Plan") -> str:
    """One completion at a time: calls 2 to 6 of a fresh gpt-2-simple, and once more the last 6."""
    early: Found = {}
    late: Found = {}
    with ExitStack() as stack:
        steady = [stack.enter_context(side_of(k, forms)) for k in kinds if k.name != OLD]
        warm_up(steady, jobs.next(LONG))
        for _ in range(options.repeats):
            with ExitStack() as fresh:
                old = [fresh.enter_context(side_of(k, forms)) for k in kinds if k.name == OLD]
                warm_up(old, jobs.next(LONG))
                take_turns([*old, *steady], [jobs.next(LONG) for _ in range(options.jobs)], early)
                for _ in range(options.jobs + 2, options.last - 5):
                    for side in old:
                        side.do(jobs.next(LONG))
                if options.last > options.jobs + 6:
                    take_turns([*old, *steady], [jobs.next(LONG) for _ in range(6)], late)
    head = f"One stream, {PROMPT} tokens in, {LONG} out; calls 2 to {options.jobs + 1}:\n\n"
    text = head + speed_table(kinds, early, f", target ≥ {FASTER}")
    if late:
        text += f"\nThe same, calls {options.last - 5} to {options.last}:\n\n"
        text += speed_table(kinds, late, "")
    return text


def measure_rounds(
    kinds: Sequence[Kind], forms: Forms, jobs: Jobs, options: "Plan", shape: Job, count: int
) -> Found:
    """``count`` jobs of one shape in every round, in which gpt-2-simple begins afresh."""
    found: Found = {}

    def job() -> Job:
        return jobs.next(shape.tokens, n=shape.n, prompts=len(shape.prompts))

    with ExitStack() as stack:
        steady = [stack.enter_context(side_of(k, forms)) for k in kinds if k.name != OLD]
        warm_up(steady, job())
        for _ in range(options.repeats):
            with ExitStack() as fresh:
                old = [fresh.enter_context(side_of(k, forms)) for k in kinds if k.name == OLD]
                warm_up(old, jobs.next(shape.tokens, n=shape.n))
                take_turns([*old, *steady], [job() for _ in range(count)], found)
    return found


def measure_samples(kinds: Sequence[Kind], forms: Forms, jobs: Jobs, options: "Plan") -> str:
    """Five completions of one prompt in one call."""
    shape = Job(prompts=("",), tokens=SHORT, n=_SAMPLES)
    found = measure_rounds(kinds, forms, jobs, options, shape, options.jobs)
    head = f"{_SAMPLES} samples of {SHORT} tokens of one prompt of {PROMPT}; calls 2 to "
    head += f"{options.jobs + 1}:\n\n"
    return head + speed_table(kinds, found, f", target ≥ {SAMPLES_FASTER}")


def measure_prompts(kinds: Sequence[Kind], forms: Forms, jobs: Jobs, options: "Plan") -> str:
    """Eight prompts at once."""
    shape = Job(prompts=("",) * _PROMPTS, tokens=SHORT)
    found = measure_rounds(kinds, forms, jobs, options, shape, 1)
    head = f"{_PROMPTS} prompts of {PROMPT} tokens at once, {SHORT} tokens each:\n\n"
    return head + speed_table(kinds, found, "")


def speed_table(kinds: Sequence[Kind], found: Found, target: str) -> str:
    """A row for every side."""
    rows = []
    for kind in kinds:
        runs = found[kind]
        old = [other for other in kinds if other.name == OLD and other != kind]
        raw = [k for k in kinds if k == replace(kind, name=ENGINE) and kind.name == OURS]
        mark = "**" if kind.name == OURS else ""
        rows.append(
            [
                kind.title,
                str(len(runs)),
                figure([run.seconds for run in runs]),
                figure([run.tokens / run.seconds for run in runs], 1),
                *(f"{mark}{figure(ratios(found, kind, o), 1)}{mark}" for o in old or ()),
                *([] if old else [""]),
                *(f"**{figure(ratios(found, kind, other))}**" for other in raw),
                *([] if raw else [""]),
            ]
        )
    head = ["side", "calls", "seconds", "tok/s", f"× {OLD}{target}"]
    return table([*head, f"/ engine, target ≥ {OF_ENGINE}"], rows)


# ---- start -----------------------------------------------------------------------------------


def measure_start(kinds: Sequence[Kind], forms: Forms, jobs: Jobs, options: "Plan") -> str:
    """From the start of a process until it is ready, and until its first answer is there."""
    ready: dict[Kind, list[float]] = {kind: [] for kind in kinds}
    first: dict[Kind, list[float]] = {kind: [] for kind in kinds}
    for place in alternate(len(kinds), options.repeats + 1):
        kind, job = kinds[place], jobs.next(_CALL)
        started = time.perf_counter()
        with side_of(kind, forms) as side:
            side.do(job)
            first[kind].append(time.perf_counter() - started)
            ready[kind].append(side.ready)
    rows = [
        [kind.title, _emphasised(kind, figure(ready[kind][1:])), figure(first[kind][1:])]
        for kind in kinds
    ]
    head = ["side", f"ready (s), target ≤ {START_S}", f"first {_CALL} tokens (s)"]
    return "From the start of the process, files in cache:\n\n" + table(head, rows)


def _emphasised(kind: Kind, text: str) -> str:
    return f"**{text}**" if kind.name == OURS else text


# ---- memory ----------------------------------------------------------------------------------


def measure_memory(kinds: Sequence[Kind], forms: Forms, jobs: Jobs, options: "Plan") -> str:
    """What a side holds after some calls; one that takes too much is ended and named."""
    rows = []
    for kind in kinds:
        with side_of(kind, forms) as side:
            rows.append([kind.title, *_grow(side, jobs, options)])
    head = ["side", *(f"after {calls:,} call{'s' if calls > 1 else ''} (MB)" for calls in _LOOKS)]
    text = f"Calls of {_CALL} tokens in and out; PSS of a process that is alone with its weights:"
    return f"{text}\n\n" + table(head, rows)


def _grow(side: Side, jobs: Jobs, options: "Plan") -> list[str]:
    cells = []
    for call in range(1, min(_LOOKS[-1], options.calls) + 1):
        side.do(jobs.next(_CALL, length=_CALL))
        held = side.memory().pss
        if call in _LOOKS or call == options.calls:
            cells.append(f"{held:,.0f}")
        if held > options.most_megabytes:
            cells.append(f"ended at call {call}: {held:,.0f}")
            break
    return cells + [""] * (len(_LOOKS) - len(cells))


async def measure_personas(forms: Forms, jobs: Jobs, count: int, work: Path) -> list[Memory]:
    """Model servers as ``botconvo run`` starts them, each with a clone of its own on one base."""
    async with AsyncExitStack() as stack:
        servers = []
        for number in range(count):
            clone = work / f"clone-{number}"
            if not clone.exists():
                make_clone(clone, forms.opened, number)
            opened = load_checkpoint(clone)
            servers.append(await stack.enter_async_context(served(opened)))
        room = min(SETTINGS.context, forms.opened.manifest.architecture.context)
        for server in servers:
            for _ in range(4):  # fills every cell that there is
                job = jobs.next(SHORT, n=_SAMPLES, length=room - SHORT)
                await server.complete(
                    prompt=job.prompts[0], max_tokens=SHORT, n=_SAMPLES, seed=job.seed
                )
        return [memory_of(server.pid) for server in servers]


def persona_table(held: Mapping[int, Sequence[Memory]]) -> str:
    """A row for every number of personas."""
    rows = [
        [
            str(count),
            f"{sum(memory.pss for memory in of):.0f}",
            figure([memory.private for memory in of], 0),
        ]
        for count, of in held.items()
    ]
    head = ["personas", "together PSS (MB)", f"private of each (MB), target ≤ {PERSONA_MB}"]
    return f"Clones on one base, context {SETTINGS.context}:\n\n" + table(head, rows)


# ---- training --------------------------------------------------------------------------------


def measure_training(forms: Forms, old: bool, options: "Plan") -> str:
    """Steps of one row, each kind in a process of its own, in turn; the first is not counted."""
    kinds = [*([OLD] if old else []), *(k for k in TRAINING if options.bf16 or "bf16" not in k)]
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    script = Path(__file__).with_name("gpt2_sides.py")
    for place in alternate(len(kinds), options.repeats):
        kind = kinds[place]
        folder = forms.run if kind == OLD else forms.hub
        words = [str(script), "train", kind, str(folder), "--steps", str(options.steps + 1)]
        done = subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, encoding="utf-8", check=False
        )
        if done.returncode:
            raise SystemExit(f"{done.stderr[-2000:]}\n{kind} failed")
        taken[kind].append(statistics.median(json.loads(done.stdout)[1:]))
        print(f"{kind}: {taken[kind][-1]:.2f} s a step", file=sys.stderr, flush=True)
    tokens = min(1024, forms.opened.manifest.architecture.context)
    rows = [
        [
            kind,
            figure([1000 * seconds / tokens for seconds in of]),
            _against(taken.get(OLD, ()), of),
            _against(taken[kind.replace("ours", "plain")], of) if "ours" in kind else "",
        ]
        for kind, of in taken.items()
    ]
    head = ["who, what, precision", "s per 1,000 tokens", f"× {OLD}", "× plain"]
    return f"A step is one row of {tokens} tokens:\n\n" + table(head, rows)


def _against(others: Sequence[float], of: Sequence[float]) -> str:
    return figure([a / b for a, b in zip(others, of, strict=True)]) if others else ""


# ---- all of it -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of everything."""

    repeats: int
    jobs: int
    last: int
    calls: int
    steps: int
    most_megabytes: float
    bf16: bool


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("work", type=Path, help="folder for the weights, made where it is missing")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--sides", nargs="+", choices=(*SAYING, OURS.replace(" ", "-")))
    parser.add_argument(
        "--threads",
        type=int,
        nargs="+",
        default=[default_threads(), CORES],
        help="of the engine and our server; default: as it comes, and every core",
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=5, help="that are counted, in a round")
    parser.add_argument("--last", type=int, default=30, help="call of gpt-2-simple")
    parser.add_argument("--calls", type=int, default=1000, help="of each side, for its memory")
    parser.add_argument("--most-megabytes", type=float, default=8000.0)
    parser.add_argument("--personas", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--steps", type=int, default=3, help="of training, that are counted")
    parser.add_argument("--no-bf16", action="store_true", help="for processors that emulate it")
    parser.add_argument("--shape", metavar="LAYERSxWIDTHxHEADSxVOCABULARYxCONTEXT")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure part by part and print the tables."""
    options = _parse(arguments)
    shape = SHAPE
    if options.shape is not None:
        names = ("layers", "width", "heads", "vocabulary", "context")
        sizes = dict(zip(names, map(int, options.shape.split("x")), strict=True))
        shape = SHAPE.model_copy(update=sizes)
    wanted = [name.replace("our-", "our ") for name in options.sides or []]
    kinds = [k for k in all_kinds(options.threads) if not wanted or k.name in wanted]
    kinds = [k for k in kinds if not (options.no_bf16 and "bf16" in k.name)]
    old = any(kind.name == OLD for kind in kinds)
    forms = make_forms(options.work, shape, with_run=old)
    plan = Plan(
        repeats=options.repeats,
        jobs=options.jobs,
        last=options.last,
        calls=options.calls,
        steps=options.steps,
        most_megabytes=options.most_megabytes,
        bf16=not options.no_bf16,
    )
    jobs = Jobs(forms)
    try:
        for part in options.parts:
            match part:
                case "training":
                    text = measure_training(forms, old, plan)
                case "personas":
                    counts = {
                        count: asyncio.run(measure_personas(forms, jobs, count, options.work))
                        for count in options.personas
                    }
                    text = persona_table(counts)
                case _:
                    text = _MEASURES[part](kinds, forms, jobs, plan)
            print(text, flush=True)
    finally:
        jobs.close()


_MEASURES = {
    "single": measure_single,
    "samples": measure_samples,
    "prompts": measure_prompts,
    "start": measure_start,
    "memory": measure_memory,
}


if __name__ == "__main__":
    main()
