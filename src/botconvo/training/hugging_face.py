"""A GPT-2 in Hugging Face's form becomes a base checkpoint, once.

Only safetensors and JSON are read: nothing that could run code.  It knows nothing of training.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from botconvo.errors import TrainingError
from botconvo.training.names import safe_name
from model_server.checkpoint.folder import describe_weights, load_checkpoint, write_checkpoint
from model_server.checkpoint.gguf_files import (
    Array,
    read_tokenizer_json,
    sha256_of,
    tokenizer_digest,
    write_gpt2,
)
from model_server.checkpoint.manifest import Architecture, Manifest
from model_server.errors import CheckpointError

__all__ = ["convert_hugging_face", "is_hugging_face"]

_CONFIG, _WEIGHTS, _TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
_EXPECTED = {
    "activation_function": ("gelu_new", ("gelu_new", "gelu_pytorch_tanh")),
    "layer_norm_epsilon": (1e-5, (1e-5,)),
    "scale_attn_weights": (True, (True,)),
    "scale_attn_by_inverse_layer_idx": (False, (False,)),
    "add_cross_attention": (False, (False,)),
    "tie_word_embeddings": (True, (True,)),
}
"""Setting of GPT-2: what it is where it is left out, and what llama.cpp computes."""
_QUANTIZATION: Literal["q8_0", "f16"] = "q8_0"
"""Half the file and memory of f16, for 0.001 nats of held-out loss (at 14 M parameters)."""


def is_hugging_face(folder: Path) -> bool:
    """Whether a folder looks like a model in Hugging Face's form."""
    return (folder / _CONFIG).is_file()


def convert_hugging_face(folder: Path, bases: Path) -> Path:
    """The base checkpoint of a Hugging Face folder, written below ``bases`` at the first call.

    Raises:
        TrainingError: the model is of another kind, or has no safetensors weights.
        CheckpointError: a file is torn, or the disk refuses.
    """
    architecture = _architecture(folder, _read_config(folder))
    source = _digest(folder)
    target = bases / safe_name(folder.resolve().name)
    if _source_of(target) not in (None, source):
        target = target.with_name(f"{target.name}-{source[:8]}")
    if _source_of(target) == source:
        return target
    with TemporaryDirectory(prefix="botconvo-base-") as scratch:
        path = Path(scratch) / "model.gguf"
        tokens = read_tokenizer_json(folder / _TOKENIZER)
        write_gpt2(
            path,
            _weights(folder / _WEIGHTS),
            architecture,
            tokens,
            quantization=_QUANTIZATION,
            name=target.name,
        )
        manifest = Manifest(
            persona=None,
            created=datetime.now(UTC),
            weights=describe_weights(path, "full"),
            architecture=architecture,
            tokenizer_sha256=tokenizer_digest(tokens),
            training={"source_sha256": source, "quantization": _QUANTIZATION},
            versions={name: version(name) for name in ("botconvo", "gguf", "safetensors")},
        )
        write_checkpoint(target, manifest, path)
    return target


def _read_config(folder: Path) -> Mapping[str, Any]:
    path = folder / _CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise TrainingError(f"{path}: cannot be read as JSON; fetch the model again") from None
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "gpt2":
        raise TrainingError(
            f"base {folder}: is a {kind or 'model of an unnamed kind'}; "
            "so far clones are trained on GPT-2 models only"
        )
    for key, (default, allowed) in _EXPECTED.items():
        if config.get(key, default) not in allowed:
            raise TrainingError(
                f"{path}: {key} is {config[key]!r}, which the model server cannot compute; "
                "take a GPT-2 with the usual settings"
            )
    return dict(config)


def _architecture(folder: Path, config: Mapping[str, Any]) -> Architecture:
    keys = {"layers": "n_layer", "width": "n_embd", "heads": "n_head"}
    keys |= {"vocabulary": "vocab_size", "context": "n_positions"}
    try:
        return Architecture(name="gpt2", **{ours: int(config[key]) for ours, key in keys.items()})
    except (KeyError, TypeError, ValueError):
        raise TrainingError(
            f"{folder / _CONFIG}: lacks one of {', '.join(keys.values())}; fetch the model again"
        ) from None


def _digest(folder: Path) -> str:
    """SHA-256 over what the conversion reads; missing weights are explained."""
    if not (folder / _WEIGHTS).is_file():
        pickled = next(iter(sorted([*folder.glob("*.bin"), *folder.glob("*.pt")])), None)
        why = f" ({pickled.name} is a pickled file, which could run code)" if pickled else ""
        raise TrainingError(
            f"base {folder}: has no {_WEIGHTS}{why}; save it with save_pretrained, in one file"
        )
    if not (folder / _TOKENIZER).is_file():
        raise TrainingError(f"base {folder}: has no {_TOKENIZER}; save its fast tokenizer there")
    parts = [sha256_of(folder / name) for name in (_CONFIG, _WEIGHTS, _TOKENIZER)]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def _source_of(target: Path) -> str | None:
    """What a base was converted from; None where there is none."""
    if not target.exists():
        return None
    try:
        return str(load_checkpoint(target).manifest.training.get("source_sha256"))
    except CheckpointError:
        return None  # torn: it is written anew


def _weights(path: Path) -> dict[str, Array]:
    """Weights as float32 under the names of a GPT2LMHeadModel."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise TrainingError(f"{path}: is cut short or damaged ({error}); fetch it again") from None
    prefix = "transformer."
    return {
        prefix + name.removeprefix(prefix): tensor.float().numpy()
        for name, tensor in tensors.items()
        # Masks that older versions saved, and the output layer, which is the embedding again.
        if not name.endswith((".attn.bias", ".attn.masked_bias")) and name != "lm_head.weight"
    }
