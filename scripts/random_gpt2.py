"""A GPT-2 with random weights in its true shape, in the forms in which people have one.

Speed and memory hang on the shape alone, so nothing has to be fetched.  The vocabulary is that of
the bundled base, which finds ordinary words; it is filled up with pairs of its words that no text
ever falls into, until it is as large as GPT-2's.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gpt2_simple_runs import write_run
from measuring import BASE

from model_server.checkpoint.folder import Checkpoint, describe_weights, write_checkpoint
from model_server.checkpoint.gguf_adapter import linear_layers, write_lora
from model_server.checkpoint.gguf_files import plan_gpt2, read_gpt2
from model_server.checkpoint.manifest import Architecture, BaseReference, Consent, Manifest
from model_server.checkpoint.opening import open_checkpoint
from model_server.checkpoint.tokens import END_OF_TEXT, Tokens, sha256_of
from model_server.prompt_format import PromptFormat

__all__ = ["SHAPE", "Forms", "make_clone", "make_forms"]

SHAPE = Architecture(name="gpt2", layers=12, width=768, heads=12, vocabulary=50257, context=1024)
"""GPT-2 124M."""
_SPREAD = 0.02
"""Of the weights: what GPT-2 is initialised with."""
_RANK = 16
"""Of a clone: what ``botconvo train`` makes."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """One model: a run of gpt-2-simple, a Hugging Face folder, and what our server makes of it."""

    run: Path
    hub: Path
    served: Path
    """The one of the two that our server is given."""
    cache: Path
    opened: Checkpoint


def make_forms(folder: Path, shape: Architecture = SHAPE, *, with_run: bool = True) -> Forms:
    """Write one model in all forms; what is there already is taken.

    Without a run of gpt-2-simple no TensorFlow is needed.
    """
    run, hub, cache = folder / "run", folder / "hub", folder / "cache"
    tokens = fill_up(read_gpt2(BASE / "model.gguf")[2], shape.vocabulary)
    if not (hub / "model.safetensors").exists():
        write_hub(hub, dict(draw_weights(shape)), shape, tokens)
    if with_run and not (run / "checkpoint").exists():
        write_run(run, dict(draw_weights(shape)), shape, tokens)
    given = run if with_run else hub
    opened = open_checkpoint(given, cache=cache)
    return Forms(run=run, hub=hub, served=given, cache=cache, opened=opened)


def fill_up(tokens: Tokens, size: int) -> Tokens:
    """A vocabulary of ``size``, of which only the old part is ever found in a text.

    A word of GPT-2 holds a space only in front, so that two words with spaces never meet in one.
    """
    plain = [t for number, t in enumerate(tokens.tokens) if number != tokens.end_of_text]
    merges = list(tokens.merges)
    seen = set(plain)
    words = sorted(token for token in plain if token.startswith("Ġ") and token[1:].isalpha())
    pairs = ((one, two) for one, two in itertools.product(words, words) if one + two not in seen)
    for one, two in itertools.islice(pairs, size - len(plain) - 1):
        plain.append(one + two)
        merges.append(f"{one} {two}")
    return Tokens(tokens=(*plain, END_OF_TEXT), merges=tuple(merges), end_of_text=size - 1)


def draw_weights(shape: Architecture) -> Iterator[tuple[str, Array]]:
    """By their names in transformers."""
    rng = np.random.default_rng(0)
    for wanted in plan_gpt2(shape).tensors:
        name = wanted.theirs
        if name.endswith(".bias"):
            yield name, np.zeros(wanted.shape, np.float32)
        elif ".ln_" in name:
            yield name, np.ones(wanted.shape, np.float32)
        else:
            yield name, rng.standard_normal(wanted.shape, np.float32) * np.float32(_SPREAD)


def write_hub(
    folder: Path, weights: Mapping[str, Array], shape: Architecture, tokens: Tokens
) -> None:
    """The folder that transformers reads."""
    from safetensors.numpy import save_file

    config: dict[str, Any] = {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "n_layer": shape.layers,
        "n_embd": shape.width,
        "n_head": shape.heads,
        "n_positions": shape.context,
        "vocab_size": shape.vocabulary,
        "bos_token_id": tokens.end_of_text,
        "eos_token_id": tokens.end_of_text,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    vocabulary = {token: number for number, token in enumerate(tokens.tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    rows = ["#version: 0.2", *tokens.merges, ""]
    (folder / "merges.txt").write_text("\n".join(rows), encoding="utf-8")
    save_file(dict(weights), folder / "model.safetensors", metadata={"format": "pt"})


def make_clone(folder: Path, base: Checkpoint, number: int) -> Path:
    """A persona's checkpoint: an adapter of its own, with random weights, on a shared base."""
    shape = base.manifest.architecture
    plan = plan_gpt2(shape)
    rng = np.random.default_rng([1, number])

    def draw(*sizes: int) -> Array:
        return rng.standard_normal(sizes, np.float32) * np.float32(_SPREAD)

    deltas = {
        name: (draw(_RANK, wanted.shape[0]), draw(wanted.shape[1], _RANK))
        for name, wanted in linear_layers(plan).items()
    }
    weights = folder.with_suffix(".gguf")
    write_lora(weights, deltas, alpha=2.0 * _RANK, plan=plan)
    name = f"Clone {number}"
    manifest = Manifest(
        persona=name,
        created=datetime(2024, 5, 17, tzinfo=UTC),
        weights=describe_weights(weights, "adapter"),
        base=BaseReference(
            name="random", sha256=sha256_of(base.base_path), path=str(base.base_path.resolve())
        ),
        architecture=shape,
        tokenizer_sha256=base.manifest.tokenizer_sha256,
        prompt_format=PromptFormat(speaker=name),
        consent=Consent(person="nobody", record="none", fictional=True),
    )
    write_checkpoint(folder, manifest, weights)
    weights.unlink()
    return folder
