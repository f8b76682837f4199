"""GPT-2 weights, tokenizers and LoRA adapters to and from GGUF, the format that llama.cpp serves.

Weights go by their Hugging Face names (``transformer.h.0.attn.c_attn.weight``, linear layers
stored input by output); in the file they carry llama.cpp's names and lie output by input.  This
module knows nothing of manifests or folders, and neither torch nor transformers is needed.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import gguf
import numpy as np
import numpy.typing as npt

from model_server.checkpoint.gguf_header import Header, read_header
from model_server.checkpoint.manifest import Architecture
from model_server.checkpoint.tokens import (
    Tokens,
    read_tokenizer_json,
    sha256_of,
    tokenizer_digest,
    tokens_of,
)
from model_server.errors import CheckpointError

__all__ = [
    "Array",
    "Tokens",
    "read_gpt2",
    "read_tokenizer_json",
    "sha256_of",
    "tokenizer_digest",
    "tokens_of",
    "write_gpt2",
    "write_lora",
]

Array: TypeAlias = npt.NDArray[Any]
_NORMAL, _CONTROL = 1, 3  # llama.cpp's token types
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
_QUANTIZATIONS = {
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
    "f16": gguf.GGMLQuantizationType.F16,
    "f32": gguf.GGMLQuantizationType.F32,
}


def write_gpt2(
    path: Path,
    weights: Mapping[str, Array],
    architecture: Architecture,
    tokens: Tokens,
    *,
    quantization: Literal["q8_0", "f16", "f32"],
    name: str,
) -> None:
    """Write whole GPT-2 weights; the output layer is tied to the token embedding.

    Biases, norms and positions stay float32.  The file appears whole or not at all.

    Raises:
        CheckpointError: a weight is missing or of another shape, or the disk refuses.
    """
    writer = gguf.GGUFWriter(None, "gpt2")
    _describe(writer, architecture, weights, name)
    writer.add_file_type(
        {"q8_0": gguf.LlamaFileType.MOSTLY_Q8_0, "f16": gguf.LlamaFileType.MOSTLY_F16}.get(
            quantization, gguf.LlamaFileType.ALL_F32
        )
    )
    _add_tokens(writer, tokens, architecture)
    for ours, theirs, linear in _names(architecture.layers):
        array = _checked(weights, theirs, ours, architecture)
        array = np.ascontiguousarray(array.T if linear else array, dtype=np.float32)
        whole = not linear and ours != "token_embd.weight"
        kind = _kind_for(array, "f32" if whole else quantization)
        writer.add_tensor(ours, gguf.quants.quantize(array, kind), raw_dtype=kind)
    _write(writer, path)


def _names(layers: int) -> Iterator[tuple[str, str, bool]]:
    """(name in the file, name in transformers, whether it is a linear layer's matrix)."""
    for theirs, ours in _OUTER.items():
        yield ours, theirs, False
    for layer in range(layers):
        for module, short in (_NORMS | _MODULES).items():
            for part in ("weight", "bias"):
                linear = module in _MODULES and part == "weight"
                yield (
                    f"blk.{layer}.{short}.{part}",
                    f"transformer.h.{layer}.{module}.{part}",
                    linear,
                )


def _checked(weights: Mapping[str, Array], theirs: str, ours: str, a: Architecture) -> Array:
    array = weights.get(theirs)
    if array is None:
        raise CheckpointError(f"weight {theirs} is missing; these are not the weights of a GPT-2")
    expected = {
        "token_embd.weight": (a.vocabulary, a.width),
        "position_embd.weight": (a.context, a.width),
    }.get(ours)
    if expected is not None and array.shape != expected:
        raise CheckpointError(f"weight {theirs} has shape {array.shape}, not {expected}")
    return array


def _kind_for(array: Array, quantization: str) -> gguf.GGMLQuantizationType:
    kind = _QUANTIZATIONS[quantization]
    block = gguf.GGML_QUANT_SIZES[kind][0]
    return kind if array.shape[-1] % block == 0 else gguf.GGMLQuantizationType.F16


def _describe(
    writer: gguf.GGUFWriter, architecture: Architecture, weights: Mapping[str, Array], name: str
) -> None:
    inner = weights.get("transformer.h.0.mlp.c_fc.weight")
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    writer.add_context_length(architecture.context)
    writer.add_embedding_length(architecture.width)
    writer.add_feed_forward_length(4 * architecture.width if inner is None else inner.shape[1])
    writer.add_block_count(architecture.layers)
    writer.add_head_count(architecture.heads)
    writer.add_layer_norm_eps(_LAYER_NORM_EPSILON)


def _add_tokens(writer: gguf.GGUFWriter, tokens: Tokens, architecture: Architecture) -> None:
    if len(tokens.tokens) != architecture.vocabulary:
        raise CheckpointError(
            f"the tokenizer has {len(tokens.tokens)} tokens, the weights {architecture.vocabulary}"
        )
    kinds = [_NORMAL] * len(tokens.tokens)
    kinds[tokens.end_of_text] = _CONTROL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens.tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(tokens.merges)
    writer.add_bos_token_id(tokens.end_of_text)
    writer.add_eos_token_id(tokens.end_of_text)
    writer.add_add_bos_token(False)


def _write(writer: gguf.GGUFWriter, path: Path) -> None:
    """Write beside ``path``, then put it in place."""
    partial = path.with_name(path.name + ".partial")
    try:
        try:
            writer.write_header_to_file(partial)
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CheckpointError(f"{path}: cannot be written: {error.strerror or error}") from None
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def read_gpt2(path: Path) -> tuple[dict[str, Array], Architecture, Tokens]:
    """Read whole GPT-2 weights back as float32, under their Hugging Face names.

    Raises:
        CheckpointError: it is not a GPT-2 in GGUF, is damaged, or lacks a weight.
    """
    header = read_header(path)
    architecture, tokens = _architecture(path, header), tokens_of(path, header)
    data = np.memmap(path, mode="r", dtype=np.uint8)
    weights = {}
    for ours, theirs, linear in _names(architecture.layers):
        array = _tensor(path, header, data, ours)
        weights[theirs] = np.ascontiguousarray(array.T if linear else array)
    return weights, architecture, tokens


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


def _tensor(path: Path, header: Header, data: Array, name: str) -> Array:
    info = header.tensors.get(name)
    if info is None or info.bytes is None:
        raise CheckpointError(f"{path}: tensor {name} is missing or of an unknown type")
    raw = np.asarray(data[info.start : info.start + info.bytes])
    kind = gguf.GGMLQuantizationType(info.kind)
    plain: Array = gguf.quants.dequantize(raw.reshape((*info.shape[:-1], -1)), kind)
    return plain.reshape(info.shape).astype(np.float32)


def write_lora(
    path: Path,
    deltas: Mapping[str, tuple[Array, Array]],
    *,
    alpha: float,
    architecture: Architecture,
    precision: Literal["f16", "f32"] = "f16",
    name: str = "adapter",
) -> None:
    """Write a LoRA adapter: W' = W + alpha / rank * B @ A for each module of ``deltas``.

    ``deltas`` maps a module (``transformer.h.0.attn.c_attn``) to A (rank, in) and B (out, rank).

    Raises:
        CheckpointError: a module or a shape does not belong to the architecture, or the disk
            refuses.
    """
    writer = gguf.GGUFWriter(None, architecture.name)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    writer.add_name(name)
    if not deltas:
        raise CheckpointError(f"{path}: an adapter without a single module cannot be written")
    for module, (a, b) in deltas.items():
        ours = _adapter_name(module, a, b, architecture)
        dtype = np.float16 if precision == "f16" else np.float32
        writer.add_tensor(f"{ours}.lora_a", np.ascontiguousarray(a, dtype=dtype))
        writer.add_tensor(f"{ours}.lora_b", np.ascontiguousarray(b, dtype=dtype))
    _write(writer, path)


def _adapter_name(module: str, a: Array, b: Array, architecture: Architecture) -> str:
    found = re.fullmatch(r"transformer\.h\.(\d+)\.(\w+\.\w+)", module)
    if not found or found[2] not in _MODULES or int(found[1]) >= architecture.layers:
        raise CheckpointError(
            f"{module}: is no linear layer of this GPT-2; an adapter cannot hold it"
        )
    if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[1]:
        raise CheckpointError(f"{module}: A {a.shape} and B {b.shape} do not share their rank")
    return f"blk.{found[1]}.{_MODULES[found[2]]}.weight"
