"""How fast a clone is trained, with what ``botconvo train`` does about memory and GELU and without.

    python scripts/bench_training.py

Every run is a process of its own, in turn; steps of a LoRA adapter on the bundled base, 8 rows of
256 tokens.  The first steps are not counted.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from measuring import BASE, alternate, figure, table

KINDS = ("neither", "fused GELU", "freed memory kept", "both")
"""What a run has; its index is a set of two bits."""
_FUSED, _KEPT = 1, 2
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
    settings = TrainingSettings()
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every kind in turn and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument(
        "--kind", type=int, choices=range(len(KINDS)), help="only this, as a number"
    )
    options = parser.parse_args(arguments)
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
