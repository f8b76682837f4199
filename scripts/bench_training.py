"""How fast a clone is trained, with what ``botconvo train`` does about memory and GELU and without.

    python scripts/bench_training.py
    python scripts/bench_training.py --against-trainer

Every run is a process of its own, in turn; steps of a LoRA adapter on the bundled base, 8 rows of
256 tokens.  The first steps are not counted.

``--against-trainer`` compares with transformers' Trainer on the same windows of a talk, in the same
precision, batch and length, with the same fused GELU, freed memory and optimizer.  There every
window is a row of its own, padded to the longest of its batch, and the loss is on everything; here
windows share rows, and only tokens that count go through the widest layer.  What is counted are
tokens of talk a second, without padding.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from measuring import BASE, alternate, figure, table

if TYPE_CHECKING:
    from botconvo.training.examples import Window
    from botconvo.training.network import Network
    from botconvo.training.settings import TrainingSettings

KINDS = ("neither", "fused GELU", "freed memory kept", "both")
"""What a run has; its index is a set of two bits."""
_FUSED, _KEPT = 1, 2
_AS_MEASURED: dict[str, Any] = {
    "method": "lora",
    "batch": 8,
    "dropout": 0.05,
    "context_weight": 0.1,
}
"""The defaults when ``BENCHMARKS.md`` was written."""
_UNCOUNTED = 2


def speed(kind: int, steps: int) -> float:
    """Tokens a second in this process."""
    import numpy as np
    import torch
    from transformers.activations import ACT2FN

    from botconvo.training.examples import Window, batch_of
    from botconvo.training.memory import keep_freed_memory
    from botconvo.training.network import Network, make_gpt2
    from botconvo.training.settings import TrainingSettings
    from model_server.checkpoint.gguf_files import read_gpt2

    if kind & _KEPT:
        keep_freed_memory()
    weights, architecture, _ = read_gpt2(BASE / "model.gguf")
    gpt2 = make_gpt2(weights, architecture)
    if not kind & _FUSED:
        for block in gpt2.transformer.h:
            block.mlp.act = ACT2FN["gelu_new"]
    settings = TrainingSettings(**_AS_MEASURED)
    network = Network(gpt2, settings, torch.device("cpu"))
    drawn = np.random.default_rng(0).integers(architecture.vocabulary, size=settings.block)
    row = (Window(tokens=tuple(drawn.tolist()), weights=(0.0,) + (1.0,) * (settings.block - 1)),)
    batch = batch_of([row] * settings.batch, 0)
    optimizer = torch.optim.AdamW(network.parameters.values(), lr=1e-6)
    seconds = []
    for _ in range(_UNCOUNTED + steps):
        started = time.perf_counter()
        torch.autograd.backward(network.loss(batch))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(time.perf_counter() - started)
    return batch.tokens.size / statistics.median(seconds[_UNCOUNTED:])


# ---- against Trainer -------------------------------------------------------------------------

SIDES = ("transformers' Trainer", "botconvo train")
_SESSIONS, _LINES, _WORDS = 400, (2, 24), (1, 12)
"""Sessions of so many lines of so many words, as a chat has them."""


def talk_windows(block: int) -> "list[Window]":
    """Windows of drawn talk; every third line is the friend's."""
    import random

    from measuring import chatter

    from botconvo.training.bases import encoder_of, open_base
    from botconvo.training.examples import windows_of
    from botconvo.training.settings import TrainingSettings
    from botconvo.transcript.grammar import Line
    from model_server.prompt_format import PromptFormat

    rng = random.Random(0)
    sessions = [
        [
            Line(
                name=rng.choice(("Bort", "Ann", "Ben")), argument=chatter(rng.randint(*_WORDS), rng)
            )
            for _ in range(rng.randint(*_LINES))
        ]
        for _ in range(_SESSIONS)
    ]
    base = open_base(BASE, bases=BASE.parent, bundled=True)
    settings = TrainingSettings(block=block, **_AS_MEASURED)
    return list(
        windows_of(
            sessions,
            PromptFormat(speaker="Bort"),
            encoder_of(base),
            block=block,
            overlap=settings.overlap,
            context_weight=settings.context_weight,
        )
    )


def speed_of_side(side: int, steps: int, batch: int, block: int) -> float:
    """Tokens of talk a second in this process."""
    import torch

    from botconvo.training.memory import keep_freed_memory
    from botconvo.training.network import Network, make_gpt2
    from botconvo.training.settings import TrainingSettings
    from model_server.checkpoint.gguf_files import read_gpt2

    keep_freed_memory()
    weights, architecture, _ = read_gpt2(BASE / "model.gguf")
    settings = TrainingSettings(block=block, **{**_AS_MEASURED, "batch": batch})
    network = Network(make_gpt2(weights, architecture), settings, torch.device("cpu"))
    windows = talk_windows(block)
    return (_trainer_speed if side == 0 else _own_speed)(network, windows, settings, steps)


def _own_speed(
    network: "Network", windows: "list[Window]", settings: "TrainingSettings", steps: int
) -> float:
    import numpy as np
    import torch

    from botconvo.training.examples import batch_of, pack

    rows = pack(windows, settings.block)
    optimizer = torch.optim.AdamW(network.parameters.values(), lr=1e-6)
    tokens, seconds = [], []
    for step in range(_UNCOUNTED + steps):
        drawn = np.random.default_rng(step).choice(len(rows), settings.batch, replace=False)
        chosen = [rows[number] for number in drawn]
        started = time.perf_counter()
        torch.autograd.backward(network.loss(batch_of(chosen, 0)))
        torch.nn.utils.clip_grad_norm_(network.parameters.values(), settings.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(time.perf_counter() - started)
        tokens.append(sum(len(window.tokens) for row in chosen for window in row))
    return sum(tokens[_UNCOUNTED:]) / sum(seconds[_UNCOUNTED:])


def _trainer_speed(
    network: "Network", windows: "list[Window]", settings: "TrainingSettings", steps: int
) -> float:
    import tempfile
    from typing import Any

    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    from botconvo.training.network import is_half

    tokens: list[int] = []
    marks: list[float] = []

    def collate(chosen: "list[Window]") -> dict[str, Any]:
        longest = max(len(window.tokens) for window in chosen)
        ids = torch.zeros((len(chosen), longest), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, window in enumerate(chosen):
            ids[row, : len(window.tokens)] = torch.tensor(window.tokens)
            mask[row, : len(window.tokens)] = 1
        tokens.append(int(mask.sum()))
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "labels": ids.masked_fill(mask == 0, -100),
        }

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            marks.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as scratch:
        words = TrainingArguments(
            output_dir=scratch,
            per_device_train_batch_size=settings.batch,
            max_steps=_UNCOUNTED + steps,
            learning_rate=1e-6,
            max_grad_norm=settings.clip,
            bf16=is_half(settings.precision, network.device),
            use_cpu=True,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
            seed=0,
        )
        made: Any = Trainer
        made(
            model=network.module,
            args=words,
            train_dataset=windows,
            data_collator=collate,
            callbacks=[Clock()],
        ).train()
    spent = marks[-1] - marks[_UNCOUNTED - 1]
    return sum(tokens[_UNCOUNTED : len(marks)]) / spent


def compare_with_trainer(repeats: int, steps: int, batch: int, block: int) -> str:
    """The table, each side in processes of its own, in turn."""
    taken: list[list[float]] = [[] for _ in SIDES]
    words = [sys.executable, __file__, "--steps", str(steps), "--batch", str(batch)]
    for side in alternate(len(SIDES), repeats):
        command = [*words, "--block", str(block), "--side", str(side)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        taken[side].append(float(done.stdout.splitlines()[-1]))
    rows = [
        [name, figure(speeds, 0), figure([a / b for a, b in zip(speeds, taken[0], strict=True)])]
        for name, speeds in zip(SIDES, taken, strict=True)
    ]
    return table(["who trains", "tokens of talk/s", "against Trainer"], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every kind in turn and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument(
        "--kind", type=int, choices=range(len(KINDS)), help="only this, as a number"
    )
    parser.add_argument("--against-trainer", action="store_true")
    parser.add_argument("--side", type=int, choices=range(len(SIDES)), help="only this")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--block", type=int, default=256)
    options = parser.parse_args(arguments)
    if options.side is not None:
        print(speed_of_side(options.side, options.steps, options.batch, options.block))
        return
    if options.against_trainer:
        print(compare_with_trainer(options.repeats, options.steps, options.batch, options.block))
        return
    if options.kind is not None:
        print(speed(options.kind, options.steps))
        return
    taken: list[list[float]] = [[] for _ in KINDS]
    command = [sys.executable, __file__, "--steps", str(options.steps), "--kind"]
    for kind in alternate(len(KINDS), options.repeats):
        done = subprocess.run([*command, str(kind)], stdout=subprocess.PIPE, text=True, check=True)
        taken[kind].append(float(done.stdout))
    plain = taken[0]
    rows = [
        [name, figure(speeds, 0), figure([a / b for a, b in zip(speeds, plain, strict=True)])]
        for name, speeds in zip(KINDS, taken, strict=True)
    ]
    print(table(["what is done", "tok/s", "against neither"], rows))


if __name__ == "__main__":
    main()
