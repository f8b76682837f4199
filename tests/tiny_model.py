"""Checkpoints small enough to be made afresh in every test run: random weights, no torch.

The vocabulary is the 256 bytes, a few merges and the end of text.  The weights are drawn so that
printable characters come far more often than others, and a line break now and then.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_server.checkpoint.folder import describe_weights, write_checkpoint
from model_server.checkpoint.gguf_adapter import write_lora
from model_server.checkpoint.gguf_files import plan_gpt2, write_gpt2
from model_server.checkpoint.manifest import Architecture, BaseReference, Consent, Manifest
from model_server.checkpoint.tokens import END_OF_TEXT, Tokens, sha256_of, tokenizer_digest
from model_server.prompt_format import PromptFormat

MERGES = (("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("Ġ", "t"))
PRINTABLE = frozenset("\n" + "".join(chr(code) for code in range(32, 127)))
CREATED = datetime(2024, 5, 17, tzinfo=UTC)


def byte_letters() -> list[str]:
    """GPT-2's letter for each byte: itself where it is printable, else one from U+0100 on."""
    own = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in own else chr(next(others)) for byte in range(256)]


def tiny_tokens(*, without: int = 0) -> Tokens:
    """``without`` leaves the last merges out: another vocabulary of the same kind."""
    merges = MERGES[: len(MERGES) - without]
    tokens = (*byte_letters(), *(a + b for a, b in merges), END_OF_TEXT)
    return Tokens(
        tokens=tokens, merges=tuple(" ".join(pair) for pair in merges), end_of_text=len(tokens) - 1
    )


def tiny_architecture(tokens: Tokens, *, context: int = 256) -> Architecture:
    return Architecture(
        name="gpt2",
        layers=2,
        width=32,
        heads=2,
        vocabulary=len(tokens.tokens),
        context=context,
    )


def tiny_weights(
    architecture: Architecture, tokens: Tokens, *, seed: int = 0
) -> dict[str, npt.NDArray[np.float32]]:
    """Weights by their Hugging Face names."""
    rng = np.random.default_rng(seed)
    width = architecture.width

    def draw(*shape: int, scale: float = 0.2) -> npt.NDArray[np.float32]:
        return (rng.standard_normal(shape) * scale).astype(np.float32)

    weights = {
        "transformer.wte.weight": draw(architecture.vocabulary, width, scale=0.4),
        "transformer.wpe.weight": draw(architecture.context, width, scale=0.4),
        "transformer.ln_f.weight": np.ones(width, np.float32),
        "transformer.ln_f.bias": np.zeros(width, np.float32),
    }
    shapes = {
        "attn.c_attn": (width, 3 * width),
        "attn.c_proj": (width, width),
        "mlp.c_fc": (width, 4 * width),
        "mlp.c_proj": (4 * width, width),
    }
    for layer in range(architecture.layers):
        block = f"transformer.h.{layer}"
        for norm in ("ln_1", "ln_2"):
            weights[f"{block}.{norm}.weight"] = np.ones(width, np.float32)
            weights[f"{block}.{norm}.bias"] = draw(width, scale=0.02)
        for name, shape in shapes.items():
            weights[f"{block}.{name}.weight"] = draw(*shape)
            weights[f"{block}.{name}.bias"] = draw(shape[1], scale=0.02)
    # One direction of the final layer says "printable".
    weights["transformer.ln_f.bias"][0] = 3.0
    letters = dict(zip(byte_letters(), range(256), strict=True))
    for number, token in enumerate(tokens.tokens):
        printable = all(chr(letters[c]) in PRINTABLE for c in token) and number < 256
        weights["transformer.wte.weight"][number, 0] = 1.0 if printable else -1.0
    return weights


def tiny_deltas(
    architecture: Architecture, *, seed: int = 0, rank: int = 4
) -> dict[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    """A LoRA adapter that is strong enough to change what is said."""
    rng = np.random.default_rng([seed, 1])
    width = architecture.width
    sizes = {
        "attn.c_attn": (width, 3 * width),
        "attn.c_proj": (width, width),
        "mlp.c_fc": (width, 4 * width),
        "mlp.c_proj": (4 * width, width),
    }
    return {
        f"transformer.h.{layer}.{name}": (
            (rng.standard_normal((rank, size)) * 0.2).astype(np.float32),
            (rng.standard_normal((out, rank)) * 0.2).astype(np.float32),
        )
        for layer in range(architecture.layers)
        for name, (size, out) in sizes.items()
    }


def make_tiny_base(folder: Path, *, seed: int = 0, tokens: Tokens | None = None) -> Path:
    """Write a base checkpoint; returns its folder."""
    tokens = tokens or tiny_tokens()
    architecture = tiny_architecture(tokens)
    folder.parent.mkdir(parents=True, exist_ok=True)
    weights = folder.with_name(f"{folder.name}-weights.gguf")
    write_gpt2(
        weights,
        tiny_weights(architecture, tokens, seed=seed),
        architecture,
        tokens,
        quantization="q8_0",
        name="tiny",
    )
    manifest = Manifest(
        persona=None,
        created=CREATED,
        weights=describe_weights(weights, "full"),
        architecture=architecture,
        tokenizer_sha256=tokenizer_digest(tokens),
    )
    write_checkpoint(folder, manifest, weights)
    weights.unlink()
    return folder


def make_tiny_checkpoint(folder: Path, persona: str = "Bort", seed: int = 0) -> Path:
    """Write a persona's adapter into ``folder/<persona in small letters>`` and return that.

    Its base is ``folder/base``, made where it is not there yet: personas in one folder share it.
    """
    base = folder / "base"
    if not base.exists():
        make_tiny_base(base)
    tokens = tiny_tokens()
    architecture = tiny_architecture(tokens)
    base_weights = base / "base-weights.gguf"
    adapter = folder / f"{persona.lower()}-adapter.gguf"
    write_lora(
        adapter, tiny_deltas(architecture, seed=seed), alpha=8.0, plan=plan_gpt2(architecture)
    )
    manifest = Manifest(
        persona=persona,
        created=CREATED,
        weights=describe_weights(adapter, "adapter"),
        base=BaseReference(name="tiny", sha256=sha256_of(base_weights), path="../base"),
        architecture=architecture,
        tokenizer_sha256=tokenizer_digest(tokens),
        prompt_format=PromptFormat(speaker=persona),
        consent=Consent(person="person-1", record="record-1", fictional=True),
    )
    checkpoint = folder / persona.lower()
    write_checkpoint(checkpoint, manifest, adapter)
    adapter.unlink()
    return checkpoint
