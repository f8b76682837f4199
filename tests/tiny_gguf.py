"""GGUF files as other programs write them: random weights, a few thousand of them."""

from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np
from tiny_model import tiny_architecture, tiny_tokens, tiny_weights

from model_server.checkpoint.gguf_files import write_gpt2
from model_server.checkpoint.tokens import Tokens

__all__ = ["write_friends", "write_llama", "write_plain_gpt2"]

_WIDTH, _HEADS, _CONTEXT = 32, 2, 128
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6


def write_plain_gpt2(path: Path, *, seed: int = 0) -> Path:
    """A GPT-2 without a manifest."""
    tokens = tiny_tokens()
    architecture = tiny_architecture(tokens)
    weights = tiny_weights(architecture, tokens, seed=seed)
    write_gpt2(path, weights, architecture, tokens, quantization="f16", name="tiny")
    return path


def write_friends(path: Path, names: Sequence[str] = ("bort", "juno")) -> Path:
    """A GPT-2 to whose vocabulary names were added as special tokens, as llama.cpp converts it."""
    plain = tiny_tokens()
    added = tuple(f"<{name}>" for name in names)
    tokens = Tokens(tokens=plain.tokens + added, merges=plain.merges, end_of_text=plain.end_of_text)
    architecture = tiny_architecture(tokens)
    weights = tiny_weights(architecture, tokens)
    writer = gguf.GGUFWriter(None, "gpt2")
    writer.add_context_length(architecture.context)
    writer.add_embedding_length(architecture.width)
    writer.add_feed_forward_length(4 * architecture.width)
    writer.add_block_count(architecture.layers)
    writer.add_head_count(architecture.heads)
    writer.add_layer_norm_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens.tokens)
    kinds = [_NORMAL] * len(plain.tokens) + [_CONTROL] * len(added)
    kinds[plain.end_of_text] = _CONTROL
    writer.add_token_types(kinds)
    writer.add_token_merges(tokens.merges)
    writer.add_eos_token_id(plain.end_of_text)
    part = path.with_suffix(".part")
    write_gpt2(part, weights, architecture, tokens, quantization="f16", name="friends")
    for tensor in gguf.GGUFReader(part).tensors:
        writer.add_tensor(tensor.name, np.array(tensor.data), raw_dtype=tensor.tensor_type)
    part.unlink()
    _write(writer, path)
    return path


def write_llama(path: Path, *, causal: bool = True, architecture: str = "llama") -> Path:
    """A Llama with sentencepiece's vocabulary, which begins every text with a token of its own."""
    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(None, architecture)
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(2 * _WIDTH)
    writer.add_block_count(1)
    writer.add_head_count(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    if not causal:
        writer.add_causal_attention(False)
    letters = [f"\u2581{letter}" for letter in "abcdefgh"] + list("abcdefgh")
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *letters]
    kinds = [_UNKNOWN, _CONTROL, _CONTROL] + [_BYTE] * 256 + [_NORMAL] * len(letters)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * 259 + [-float(n) for n in range(len(letters))])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    shapes = {
        "token_embd.weight": (len(tokens), _WIDTH),
        "output_norm.weight": (_WIDTH,),
        "blk.0.attn_norm.weight": (_WIDTH,),
        "blk.0.ffn_norm.weight": (_WIDTH,),
        **{f"blk.0.attn_{part}.weight": (_WIDTH, _WIDTH) for part in ("q", "k", "v", "output")},
        "blk.0.ffn_gate.weight": (2 * _WIDTH, _WIDTH),
        "blk.0.ffn_up.weight": (2 * _WIDTH, _WIDTH),
        "blk.0.ffn_down.weight": (_WIDTH, 2 * _WIDTH),
    }
    for name, shape in shapes.items():
        drawn = rng.standard_normal(shape) * 0.2 if len(shape) > 1 else np.ones(shape)
        writer.add_tensor(name, drawn.astype(np.float32))
    _write(writer, path)
    return path


def _write(writer: gguf.GGUFWriter, path: Path) -> None:
    writer.write_header_to_file(path)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
