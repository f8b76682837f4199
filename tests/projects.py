"""Small projects on disk for tests: a config.toml, tiny checkpoints and manners without pauses."""

from collections.abc import Iterable
from pathlib import Path

from tiny_model import make_tiny_checkpoint

__all__ = ["QUICK", "checkpoints_of", "make_project", "persona_table", "write_config"]

QUICK = """\
gap_s = [0.0, 0.0]
answer_s = [0.0, 0.0]
typing_per_s = 1000.0
retry_s = 0.05
samples = 2
max_tokens = [12, 12]
context_lines = 4
"""
"""Manners with which a message takes as long as its completions do."""


def persona_table(name: str, *more: str, checkpoint: str | None = None) -> str:
    """A [[personas]] table; ``more`` are further rows of it."""
    where = checkpoint or f"checkpoints/{name.lower()}"
    rows = ("[[personas]]", f'name = "{name}"', f'checkpoint = "{where}"', *more)
    return "\n".join(rows) + "\n"


def checkpoints_of(names: Iterable[str], folder: Path) -> None:
    """A tiny checkpoint for everybody, each with words of its own, on one base."""
    for seed, name in enumerate(names):
        make_tiny_checkpoint(folder / "checkpoints", name, seed=seed)


def write_config(folder: Path, *tables: str, conversation: str = QUICK) -> Path:
    """config.toml with these further tables; one processor thread for every server."""
    config = folder / "config.toml"
    parts = (f"[conversation]\n{conversation}", "[model_server]\nthreads = 1\n", *tables)
    config.write_text("\n".join(parts), encoding="utf-8")
    return config


def make_project(folder: Path, *names: str) -> Path:
    """A project whose personas have these names; returns its config.toml."""
    checkpoints_of(names, folder)
    return write_config(folder, *map(persona_table, names))
