"""GPT-2's weights and tokenizer to and from GGUF, the format that llama.cpp serves.

Weights go by their Hugging Face names (``transformer.h.0.attn.c_attn.weight``, linear layers
stored input by output); in the file they carry llama.cpp's names and lie output by input.  This
module knows nothing of manifests or folders, and neither torch nor transformers is needed.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from model_server.checkpoint.gguf_header import Header, read_header
from model_server.checkpoint.gguf_reading import read_weights
from model_server.checkpoint.gguf_writing import (
    Array,
    Plan,
    Progress,
    Quantization,
    Tensor,
    Wanted,
    write_model,
)
from model_server.checkpoint.manifest import Architecture
from model_server.checkpoint.tokens import Tokens, sha256_of, tokenizer_digest, tokens_of
from model_server.errors import CheckpointError

__all__ = [
    "Array",
    "Tokens",
    "plan_gpt2",
    "read_gpt2",
    "sha256_of",
    "tokenizer_digest",
    "tokens_of",
    "write_gpt2",
]

_LAYER_NORM_EPSILON = 1e-5  # of every published GPT-2 configuration

_MODULES = {
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}
"""Linear layers of a block: their names in transformers and in llama.cpp."""
_NORMS = {"ln_1": "attn_norm", "ln_2": "ffn_norm"}
_OUTER = {
    "transformer.wte.weight": "token_embd.weight",
    "transformer.wpe.weight": "position_embd.weight",
    "transformer.ln_f.weight": "output_norm.weight",
    "transformer.ln_f.bias": "output_norm.bias",
}


def plan_gpt2(
    architecture: Architecture,
    *,
    inner: int | None = None,
    epsilon: float = _LAYER_NORM_EPSILON,
    tied: bool = True,
) -> Plan:
    """A GPT-2's file; ``inner`` is the width between, ``tied`` says it has no output layer."""
    width, inner = architecture.width, inner or 4 * architecture.width
    embedding = (architecture.vocabulary, width)
    shapes = {"token_embd.weight": embedding, "position_embd.weight": (architecture.context, width)}
    tensors = [
        _as_it_is(ours, theirs, shapes.get(ours, (width,)), exact=ours != "token_embd.weight")
        for theirs, ours in _OUTER.items()
    ]
    for layer in range(architecture.layers):
        tensors += _gpt2_block(f"blk.{layer}", f"transformer.h.{layer}", width, inner)
    if not tied:
        tensors.append(_as_it_is("output.weight", "lm_head.weight", embedding))
    return Plan(
        architecture=architecture,
        numbers={"feed_forward_length": inner, "attention.layer_norm_epsilon": epsilon},
        tensors=tuple(tensors),
    )


def _gpt2_block(ours: str, theirs: str, width: int, inner: int) -> Iterator[Wanted]:
    shapes = {
        "attn.c_attn": (width, 3 * width),
        "attn.c_proj": (width, width),
        "mlp.c_fc": (width, inner),
        "mlp.c_proj": (inner, width),
    }
    for module, short in _NORMS.items():
        for part in ("weight", "bias"):
            yield _as_it_is(f"{ours}.{short}.{part}", f"{theirs}.{module}.{part}", (width,), True)
    for module, short in _MODULES.items():
        weight, bias = f"{theirs}.{module}.weight", f"{theirs}.{module}.bias"
        shape = shapes[module]
        yield Wanted(ours=f"{ours}.{short}.weight", theirs=weight, shape=shape, transposed=True)
        yield _as_it_is(f"{ours}.{short}.bias", bias, shape[1:], True)


def _as_it_is(ours: str, theirs: str, shape: tuple[int, ...], exact: bool = False) -> Wanted:
    return Wanted(ours=ours, theirs=theirs, shape=shape, exact=exact)


def write_gpt2(
    path: Path,
    weights: Mapping[str, Tensor],
    architecture: Architecture,
    tokens: Tokens,
    *,
    quantization: Quantization,
    name: str,
    progress: Progress | None = None,
) -> None:
    """Write whole GPT-2 weights; the output layer is tied to the token embedding.

    Biases, norms and positions stay float32.  The file appears whole or not at all.

    Raises:
        CheckpointError: a weight is missing or of another shape, or the disk refuses.
    """
    fully = weights.get("transformer.h.0.mlp.c_fc.weight")
    plan = plan_gpt2(architecture, inner=None if fully is None else fully.shape[-1])
    write_model(
        path, plan, weights, tokens, quantization=quantization, name=name, progress=progress
    )


def read_gpt2(path: Path) -> tuple[dict[str, Array], Architecture, Tokens]:
    """Read whole GPT-2 weights back as float32, under their Hugging Face names.

    Raises:
        CheckpointError: it is not a GPT-2 in GGUF, is damaged, or lacks a weight.
    """
    header = read_header(path)
    architecture, tokens = _architecture(path, header), tokens_of(path, header)
    _refuse_unusual(path, header)
    return dict(read_weights(path, plan_gpt2(architecture))), architecture, tokens


def _architecture(path: Path, header: Header) -> Architecture:
    if header.text("general.architecture") != "gpt2" or "adapter.type" in header.metadata:
        raise CheckpointError(f"{path}: holds no GPT-2 weights; give a base, not an adapter")
    embedding = header.tensors.get("token_embd.weight")
    numbers = {
        "layers": header.number("gpt2.block_count"),
        "width": header.number("gpt2.embedding_length"),
        "heads": header.number("gpt2.attention.head_count"),
        "context": header.number("gpt2.context_length"),
        "vocabulary": embedding.shape[0] if embedding else None,
    }
    for key, number in numbers.items():
        if not number:
            raise CheckpointError(f"{path}: the GGUF file does not tell its {key}")
    return Architecture.model_validate({"name": "gpt2", **numbers})


def _refuse_unusual(path: Path, header: Header) -> None:
    """What the engine serves, but whoever reads the weights back here would compute otherwise."""
    epsilon = header.metadata.get("gpt2.attention.layer_norm_epsilon")
    if epsilon != float(np.float32(_LAYER_NORM_EPSILON)) or "output.weight" in header.tensors:
        raise CheckpointError(
            f"{path}: is a GPT-2 with an output layer or a norm of its own, which can be served "
            "but not trained on; name another base"
        )
