"""What can say something with a GPT-2, each in a process of its own: ``bench_gpt2.py`` asks them.

    python scripts/gpt2_sides.py say KIND FOLDER --threads 2 < jobs
    python scripts/gpt2_sides.py train KIND FOLDER --steps 4

``say`` prints ``null`` once it is ready; a job on stdin is one line of JSON (``Job``), the answer
one line with the seconds that it took and the tokens that came.  Threads count for the engine;
gpt-2-simple and transformers take what they take by themselves.
"""

import argparse
import contextlib
import csv
import io
import json
import os
import random
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

__all__ = ["LENGTH", "SAYING", "TEMPERATURE", "TRAINING", "Job", "Run"]

TEMPERATURE = 0.7
"""gpt-2-simple's default, like the rest of the sampling: from all tokens."""
LENGTH = 1024
"""Tokens of a step of training: gpt-2-simple knows no other length."""
_RATE = 1e-5
"""Small, so that the weights stay of the kind that they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """``n`` completions of ``tokens`` tokens for each prompt."""

    prompts: tuple[str, ...]
    tokens: int
    n: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Seconds of a job, and the tokens that came."""

    seconds: float
    tokens: int


Say = Callable[[Job], int]
"""Does a job; the tokens that came."""


# ---- saying ----------------------------------------------------------------------------------


def gpt2_simple(folder: Path, threads: int) -> Say:
    """gpt-2-simple as people call it; of different prompts it takes one after another."""
    import gpt_2_simple

    session = gpt_2_simple.start_tf_sess()
    place = {"run_name": folder.name, "checkpoint_dir": str(folder.parent)}
    gpt_2_simple.load_gpt2(session, **place)

    def say(job: Job) -> int:
        for prompt in job.prompts:
            gpt_2_simple.generate(
                session,
                **place,
                prefix=prompt,
                length=job.tokens,
                nsamples=job.n,
                batch_size=job.n,
                temperature=TEMPERATURE,
                return_as_list=True,
            )
        return len(job.prompts) * job.n * job.tokens  # it never ends early

    return say


def transformers(folder: Path, threads: int, *, precision: str) -> Say:
    """transformers' ``generate``; prompts of one length make one batch."""
    import torch

    library: Any = import_module("transformers")
    tokenizer = library.GPT2TokenizerFast.from_pretrained(folder)
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    model = library.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    model.eval()

    def say(job: Job) -> int:
        given = torch.tensor([tokenizer(prompt)["input_ids"] for prompt in job.prompts])
        said = model.generate(
            given,
            attention_mask=torch.ones_like(given),
            do_sample=True,
            temperature=TEMPERATURE,
            top_k=0,
            num_return_sequences=job.n,
            min_new_tokens=job.tokens,
            max_new_tokens=job.tokens,
            pad_token_id=tokenizer.eos_token_id,
        )
        tokenizer.batch_decode(said)
        return int((said.shape[1] - given.shape[1]) * said.shape[0])

    return say


def engine(folder: Path, threads: int) -> Say:
    """llama.cpp as our server has it, without the server."""
    from model_server.checkpoint.opening import open_checkpoint
    from model_server.engine import Draw, EngineSettings, LlamaEngine
    from model_server.serving import DEFAULT_PARALLEL

    opened = open_checkpoint(folder, cache=folder.parent / "cache")
    trained = opened.manifest.architecture.context
    settings = EngineSettings(context=trained, parallel=DEFAULT_PARALLEL, threads=threads)
    llama = LlamaEngine(opened.base_path, None, settings, end_of_text=opened.end_of_text)

    def say(job: Job) -> int:
        draws = [
            Draw(
                prompt=prompt,
                max_tokens=job.tokens,
                n=job.n,
                seed=job.seed,
                temperature=TEMPERATURE,
            )
            for prompt in job.prompts
        ]
        with ThreadPoolExecutor(DEFAULT_PARALLEL) as pool:
            tallies = pool.map(lambda draw: llama.generate(draw, lambda piece: True), draws)
            return sum(tally.completion for tally in tallies)

    return say


SAYING: dict[str, Callable[[Path, int], Say]] = {
    "gpt-2-simple": gpt2_simple,
    "transformers-fp32": lambda folder, threads: transformers(folder, threads, precision="fp32"),
    "transformers-bf16": lambda folder, threads: transformers(folder, threads, precision="bf16"),
    "engine": engine,
}


def answer(kind: str, folder: Path, threads: int, out: TextIO) -> None:
    """Load, then do job after job until there are no more."""
    say = SAYING[kind](folder, threads)
    print("null", file=out, flush=True)
    for row in sys.stdin:
        job = Job(**json.loads(row))
        started = time.perf_counter()
        tokens = say(job)
        run = Run(seconds=time.perf_counter() - started, tokens=tokens)
        print(json.dumps(asdict(run)), file=out, flush=True)


# ---- training --------------------------------------------------------------------------------


def train_gpt2_simple(folder: Path, steps: int) -> list[float]:
    """Seconds of each step, by its own clock, which it prints."""
    import gpt_2_simple
    from measuring import chatter

    rng, printed = random.Random(0), io.StringIO()
    with tempfile.TemporaryDirectory() as name:
        rows = Path(name) / "rows.csv"
        with rows.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["messages"], *([chatter(9, rng)] for _ in range(2000))])
        with contextlib.redirect_stdout(printed):
            gpt_2_simple.finetune(
                gpt_2_simple.start_tf_sess(),
                str(rows),
                steps=steps,
                learning_rate=_RATE,
                accumulate_gradients=1,
                model_dir=str(folder.parent),
                model_name=folder.name,
                checkpoint_dir=name,
                sample_every=10**9,
                save_every=10**9,
                print_every=1,
            )
    clock = [float(at) for at in re.findall(r"^\[\d+ \| ([\d.]+)\]", printed.getvalue(), re.M)]
    return [later - before for before, later in zip([0.0, *clock], clock, strict=False)]


def train_plain(folder: Path, steps: int, *, method: str, precision: str) -> list[float]:
    """The step of transformers' Trainer: a forward pass with labels, clipped, AdamW."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if method == "lora":
        lora = LoraConfig(
            r=16, lora_alpha=32, target_modules="all-linear", fan_in_fan_out=True, lora_dropout=0.05
        )
        with warnings.catch_warnings():
            # peft asks transformers for an attribute by its old name.
            warnings.simplefilter("ignore", FutureWarning)
            model = get_peft_model(model, lora)
    model.train()
    trained = [each for each in model.parameters() if each.requires_grad]
    length = min(LENGTH, model.config.n_positions)
    tokens = torch.randint(model.config.vocab_size, (1, length))

    def loss() -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
            return model(input_ids=tokens, labels=tokens).loss

    return _steps(loss, torch.optim.AdamW(trained, lr=_RATE, fused=True), trained, steps)


def train_ours(folder: Path, steps: int, *, method: Any, precision: Any) -> list[float]:
    """The step of ``botconvo train``, on as many tokens."""
    import torch
    from safetensors.numpy import load_file

    from botconvo.training.examples import Window, batch_of
    from botconvo.training.memory import keep_freed_memory
    from botconvo.training.network import Network, make_model
    from botconvo.training.settings import TrainingSettings

    keep_freed_memory()
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    length = min(LENGTH, config["n_positions"])
    settings = TrainingSettings(method=method, precision=precision, block=length, batch=1)
    weights = load_file(folder / "model.safetensors")
    model = make_model(config, list(weights.items()))
    network = Network(model, settings, torch.device("cpu"))
    drawn = torch.randint(config["vocab_size"], (length,)).tolist()
    row = (Window(tokens=tuple(drawn), weights=(0.0,) + (1.0,) * (length - 1)),)
    batch, trained = batch_of([row], 0), list(network.parameters.values())
    optimizer = torch.optim.AdamW(trained, lr=_RATE, weight_decay=settings.weight_decay)
    return _steps(lambda: network.loss(batch), optimizer, trained, steps)


def _steps(
    loss: Callable[[], Any], optimizer: Any, trained: Sequence[Any], steps: int
) -> list[float]:
    import torch

    seconds = []
    for _ in range(steps):
        started = time.perf_counter()
        torch.autograd.backward(loss())
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(time.perf_counter() - started)
    return seconds


TRAINING = tuple(
    f"{who}-{method}-{precision}"
    for precision in ("fp32", "bf16")
    for method in ("full", "lora")
    for who in ("plain", "ours")
)
"""Beside gpt-2-simple, which trains all weights in fp32."""


def train(kind: str, folder: Path, steps: int) -> list[float]:
    """Seconds of every step, the first ones included."""
    if kind == "gpt-2-simple":
        return train_gpt2_simple(folder, steps)
    who, method, precision = kind.split("-")
    run = {"plain": train_plain, "ours": train_ours}[who]
    return run(folder, steps, method=method, precision=precision)


def main(arguments: Sequence[str] | None = None) -> None:
    """Whatever the libraries print goes to stderr."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("verb", choices=("say", "train"))
    parser.add_argument("kind", choices=(*SAYING, *TRAINING))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args(arguments)
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        if options.verb == "say":
            answer(options.kind, options.folder, options.threads, out)
        else:
            print(json.dumps(train(options.kind, options.folder, options.steps)), file=out)


if __name__ == "__main__":
    main()
