"""Writes runs of gpt-2-simple, trains them and asks them, each by a process of its own.

TensorFlow is loaded there and nowhere else (``gpt2_simple_side.py``).
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_server.checkpoint.gpt2_simple import write_names
from model_server.checkpoint.manifest import Architecture
from model_server.checkpoint.tokens import Tokens

__all__ = ["finetune", "greedy", "write_run"]

_SIDE = Path(__file__).resolve().parent / "gpt2_simple_side.py"


def _side(*words: object, stdin: str = "", loud: bool = False) -> str:
    done = subprocess.run(
        [sys.executable, str(_SIDE), *map(str, words)],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=None if loud else subprocess.PIPE,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        said = (done.stderr or "").strip().splitlines()[-12:]
        raise SystemExit("\n".join([*said, f"gpt-2-simple ended with code {done.returncode}"]))
    return done.stdout


def write_run(
    folder: Path,
    weights: Mapping[str, npt.NDArray[Any]],
    architecture: Architecture,
    tokens: Tokens,
    *,
    factors: Sequence[float] = (1.0,),
) -> Path:
    """Save weights that go by transformers' names; a state for every factor, the last the newest.

    Positions past those of the weights are filled with those from the start.
    """
    folder.mkdir(parents=True)
    positions = np.arange(architecture.context) % len(weights["transformer.wpe.weight"])
    longer = dict(weights) | {
        "transformer.wpe.weight": weights["transformer.wpe.weight"][positions]
    }
    write_names(folder, architecture, tokens)
    arrays = folder / "weights.npz"
    np.savez(arrays, **longer)  # type: ignore[arg-type]  # it takes arrays by any name
    _side("make", folder, arrays, *factors)
    arrays.unlink()
    return folder


def finetune(
    model: Path, run: Path, rows: Path, *, steps: int, rate: float, loud: bool = False
) -> Path:
    """Fine-tune a model's folder with gpt-2-simple itself, on a CSV; ``loud`` shows its losses."""
    _side("finetune", model, run, rows, steps, rate, loud=loud)
    return run


def greedy(folder: Path, prompts: Sequence[str], count: int) -> list[dict[str, Any]]:
    """gpt-2-simple's own likeliest tokens behind each prompt, with the logits of each step."""
    answers: list[dict[str, Any]] = json.loads(
        _side("greedy", folder, count, stdin=json.dumps(list(prompts)))
    )
    return answers
