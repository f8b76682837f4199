"""A run of gpt-2-simple, saved by TensorFlow itself: two layers of 32, two states."""

from importlib.util import find_spec
from pathlib import Path

from gpt2_simple_runs import greedy, write_run
from tiny_model import tiny_architecture, tiny_tokens, tiny_weights

__all__ = ["TENSORFLOW_IS_THERE", "greedy", "make_run"]

TENSORFLOW_IS_THERE = all(find_spec(name) for name in ("tensorflow", "gpt_2_simple"))


def make_run(folder: Path) -> Path:
    """Write a run: ``model-5`` and, with other weights, ``model-10``, which is the newest."""
    tokens = tiny_tokens()
    architecture = tiny_architecture(tokens)
    weights = tiny_weights(architecture, tokens)
    return write_run(folder, weights, architecture, tokens, factors=(1.0, 1.25))
