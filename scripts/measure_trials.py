"""What a few minutes of training teach, one way of training beside the other.

    python scripts/measure_trials.py CSV CORPUS_FOLDER RESULTS --only arlo --only esme --seeds 2
    python scripts/measure_trials.py CSV CORPUS_FOLDER RESULTS --report

CSV is the channel of ``measure_likeness.py``, CORPUS_FOLDER what ``train_base.py`` reads, RESULTS a
file with a line for each run: those that stand there are not done again.  Each run gets as many
tokens as fit into ``--minutes`` at the speed that is measured before it.  Measured is the loss of
the person's own words in the latest part of what may be trained on, always in the same windows.

Set OMP_NUM_THREADS=1 and start one process a core, each for another person.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
from measure_likeness import NOBODY, Channel, corpus_of, prepared_within, read_channel
from train_base import SOURCES, is_held_out, read_dialogues, render

from botconvo.checkpoints import bundled_base
from botconvo.evaluation.kept import appending, rows_in
from botconvo.training.bases import encoder_of, open_base
from botconvo.training.clone import Prepared, make_examples
from botconvo.training.examples import Window
from botconvo.training.material import Material
from botconvo.training.memory import keep_freed_memory
from botconvo.training.network import Network, choose_device, model_of
from botconvo.training.progress import reporter_for
from botconvo.training.settings import TrainingSettings
from botconvo.training.state import StateFile
from botconvo.training.trainer import Rows, train
from model_server.prompt_format import PromptFormat

MEASURED = 60
"""Windows that are held out of a run, drawn once and the same for all."""
REPLAYED = 2000
"""Windows of the base's own text that there are to draw from."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to train: settings, and the shares of the time for others' lines and old text."""

    told: str
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    everybody: float = 0.0
    replay: float = 0.0


_START = {"method": "lora", "batch": 4, "context_weight": 0.0, "dropout": 0.0}
_FULL = {**_START, "method": "full", "rate": 6e-4}
_BEFORE = {"method": "lora", "batch": 8, "context_weight": 0.1, "dropout": 0.05}
WAYS = {
    "start": Way("LoRA of rank 16, own lines alone, 4 rows of 256, no dropout", _START),
    "everybody": Way("half the time on everybody's lines first", _START, everybody=0.5),
    "full-everybody": Way("full fine-tune, everybody's lines first", _FULL, everybody=0.5),
    "full": Way("full fine-tune", _FULL),
    "rank-64": Way("rank 64", {**_START, "rank": 64}),
    "all-lines": Way("loss on all lines alike", {**_START, "context_weight": 1.0}),
    "tenth": Way("others' lines count a tenth", {**_START, "context_weight": 0.1}),
    "block-128": Way("rows of 128", {**_START, "block": 128, "batch": 8}),
    "replay": Way("a tenth of the rows from the base's own text", _START, replay=0.1),
    "before": Way("8 rows, others' lines a tenth, dropout", _BEFORE),
    "block-512": Way("rows of 512", {**_START, "block": 512, "batch": 2}),
}


def old_windows(corpus: Path, block: int, seed: int) -> Iterator[tuple[Window, ...]]:
    """Rows of the text that the base was trained on, every line of which counts."""
    encode = encoder_of(open_base(bundled_base(), bases=Path(), bundled=True))
    rng = random.Random(seed)
    paths = [corpus / f"{source}.jsonl.gz" for source in SOURCES]
    dialogues = [each for path in paths for each in read_dialogues(path) if rng.random() < 0.05]
    rng.shuffle(dialogues)
    for dialogue in dialogues:
        if not is_held_out(dialogue):
            tokens = tuple(encode(render(dialogue, rng)))[:block]
            yield (Window(tokens=tokens, weights=(0.0,) + (1.0,) * (len(tokens) - 1)),)


def with_old(rows: Rows, old: Sequence[Sequence[Window]], share: float, seed: int) -> Rows:
    rng = random.Random(seed)
    return [rng.choice(old) if rng.random() < share else row for row in rows]


def prepared(
    channel: Channel, name: str, way: Way, seed: int, options: argparse.Namespace
) -> Prepared:
    form = PromptFormat(speaker=name)
    corpus = corpus_of(channel, name, form)
    material = Material(corpus=corpus, form=form, consent=NOBODY, heard=None, manners=None)
    settings = TrainingSettings(seed=seed, patience=1000, **way.settings)
    given = argparse.Namespace(**{**vars(options), "everybody": way.everybody})
    found = prepared_within(material, settings, given)
    alike = replace(found.settings, block=256, everybody=0.0)
    base = open_base(bundled_base(), bases=Path(), bundled=True)
    held_out = make_examples(corpus, form, base, alike).held_out
    order = np.random.default_rng(7).permutation(len(held_out))[:MEASURED]
    rows = found.examples.train
    if way.replay:
        old = list(islice(old_windows(options.corpus, found.settings.block, seed), REPLAYED))
        rows = with_old(rows, old, way.replay, seed)
    examples = replace(found.examples, train=rows, held_out=[held_out[i] for i in order])
    return replace(found, examples=examples)


def run_of(
    channel: Channel, name: str, key: str, seed: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Train once, and what came of it."""
    ready = prepared(channel, name, WAYS[key], seed, options)
    network = Network(model_of(ready.base), ready.settings, choose_device(options.device))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        trained = train(
            network,
            ready.examples,
            ready.settings,
            StateFile(Path(folder) / "state.safetensors", ready.digest),
            reporter_for(sys.stderr),
            lambda: False,
        )
    return {
        "way": key,
        "name": name,
        "seed": seed,
        "minutes": options.minutes,
        "base": trained.base_loss,
        "loss": trained.best_loss,
        "steps": trained.steps,
        "passes": trained.epochs,
        "seconds": time.monotonic() - began,
    }


def report(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each way: the losses, and how far they are from the first way's on average."""
    runs = {(row["way"], row["name"], row["seed"]): row["loss"] for row in rows}
    cells = sorted({(name, seed) for _, name, seed in runs})
    heads = [f"{name}, seed {seed}" for name, seed in cells]
    lines = [
        f"| way | {' | '.join(heads)} | against the first |",
        f"|---|{'--:|' * len(cells)}--:|",
    ]
    for key, way in WAYS.items():
        found = [runs.get((key, *cell)) for cell in cells]
        if not any(found):
            continue
        gains = [
            loss - first
            for loss, cell in zip(found, cells, strict=True)
            if loss is not None and (first := runs.get(("start", *cell))) is not None
        ]
        shown = " | ".join("–" if loss is None else f"{loss:.3f}" for loss in found)
        spread = f" ± {stdev(gains):.3f}" if len(gains) > 1 else ""
        mean = f"{fmean(gains):+.3f}" if gains else "–"
        lines.append(f"| {way.told} | {shown} | {mean}{spread} |")
    bases = {row["name"]: row["base"] for row in rows}
    told = ", ".join(f"{name} {loss:.3f}" for name, loss in sorted(bases.items()))
    return "\n".join([*lines, "", f"The untuned base: {told}."])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("csv", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--only", action="append", default=[], help="this person; may be repeated")
    parser.add_argument("--way", action="append", choices=WAYS, help="this way; may be repeated")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=5.0, help="of training a run")
    parser.add_argument("--speed", type=float, help="training tokens a second; else measured")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--report", action="store_true", help="nothing but the table")
    options = parser.parse_args(arguments)
    if not options.report:
        keep_freed_memory()
        channel = read_channel(options.csv)
        done = {(row["way"], row["name"], row["seed"]) for row in rows_in(options.results)}
        for seed in range(options.seeds):
            for key in options.way or WAYS:
                for name in options.only:
                    if (key, name, seed) not in done:
                        found = run_of(channel, name, key, seed, options)
                        with appending(options.results) as write:
                            write(found)
    print(report(list(rows_in(options.results))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
