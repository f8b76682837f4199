"""A tiny random base, and a friend who is easy to learn."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from builders import a_message, a_reaction

from botconvo.messages import Message
from botconvo.training.settings import TrainingSettings
from model_server.checkpoint.folder import describe_weights, write_checkpoint
from model_server.checkpoint.gguf_files import Array, Tokens, tokenizer_digest, write_gpt2
from model_server.checkpoint.manifest import Architecture, Manifest
from model_server.checkpoint.tokens import END_OF_TEXT

__all__ = [
    "QUICK",
    "TINY",
    "tiny_tokens",
    "tiny_weights",
    "toy_messages",
    "write_tiny_base",
]

TINY = Architecture(name="gpt2", layers=2, width=32, heads=2, vocabulary=300, context=128)
QUICK = TrainingSettings(
    epochs=2.0, rank=4, rate=1e-2, block=96, overlap=32, batch=4, warmup=2, context_weight=0.0
)
"""A run of a second."""
WORDS = "hello there what is up today the cat and dog are fine thanks potato time is here".split()
BORTS = ("potato time", "potato time is here", "the potato is fine", "what is a potato")


def tiny_tokens() -> Tokens:
    """Bytes, some merges, and the end of text last."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=TINY.vocabulary - 1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(WORDS), "Bort: Fishvilla: INIT; REACT: REPLY:"], trainer)
    vocabulary = tokenizer.get_vocab()
    known = sorted(vocabulary, key=lambda token: vocabulary[token])
    spare = [f"<|spare{n}|>" for n in range(TINY.vocabulary - 1 - len(known))]
    merges = [" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
    return Tokens(
        tokens=(*known, *spare, END_OF_TEXT),
        merges=tuple(merges),
        end_of_text=TINY.vocabulary - 1,
    )


def tiny_weights(seed: int = 0) -> dict[str, Array]:
    """Random weights large enough that different texts get different completions."""
    rng = np.random.default_rng(seed)
    width, inner = TINY.width, 4 * TINY.width

    def drawn(*shape: int) -> Array:
        return rng.normal(0.0, 0.15, shape).astype(np.float32)

    weights = {
        "transformer.wte.weight": drawn(TINY.vocabulary, width),
        "transformer.wpe.weight": drawn(TINY.context, width),
        "transformer.ln_f.weight": np.ones(width, np.float32),
        "transformer.ln_f.bias": np.zeros(width, np.float32),
    }
    shapes = {
        "attn.c_attn": (width, 3 * width),
        "attn.c_proj": (width, width),
        "mlp.c_fc": (width, inner),
        "mlp.c_proj": (inner, width),
    }
    for layer in range(TINY.layers):
        block = f"transformer.h.{layer}"
        for module, shape in shapes.items():
            weights[f"{block}.{module}.weight"] = drawn(*shape)
            weights[f"{block}.{module}.bias"] = drawn(shape[1])
        for norm in ("ln_1", "ln_2"):
            weights[f"{block}.{norm}.weight"] = np.ones(width, np.float32)
            weights[f"{block}.{norm}.bias"] = np.zeros(width, np.float32)
    return weights


def write_tiny_base(folder: Path, seed: int = 0) -> Path:
    """A base checkpoint with these weights; the folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.with_name("model.gguf")
    tokens = tiny_tokens()
    write_gpt2(path, tiny_weights(seed), TINY, tokens, quantization="f16", name="tiny")
    manifest = Manifest(
        persona=None,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        weights=describe_weights(path, "full"),
        architecture=TINY,
        tokenizer_sha256=tokenizer_digest(tokens),
    )
    write_checkpoint(folder, manifest, path)
    path.unlink()
    return folder


def toy_messages(sessions: int = 30) -> list[Message]:
    """Sessions of eight messages, a day apart: Fishvilla babbles, Bort speaks of potatoes."""
    rng = random.Random(7)
    messages = []
    for session in range(sessions):
        for place in range(8):
            bort = place % 2 == 1
            text = rng.choice(BORTS) if bort else " ".join(rng.choices(WORDS, k=5))
            messages.append(
                a_message(
                    text,
                    author="Bort" if bort else "Fishvilla",
                    minutes=session * 1440 + place,
                    id=f"{session}-{place}",
                    reactions=[a_reaction("👍", by="Fishvilla")] if place == 3 else (),
                    reply_to=f"{session}-4" if place == 5 else None,
                )
            )
    return messages
