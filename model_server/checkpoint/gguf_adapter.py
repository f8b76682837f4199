"""A LoRA adapter as llama.cpp loads it, for any kind of model that has a plan.

An adapter goes by the names of its model's linear layers in transformers, as peft has them.  It
knows nothing of manifests or of how the adapter came about.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import gguf
import numpy as np

from model_server.checkpoint.gguf_writing import Array, Plan, Wanted, in_turns, written_whole
from model_server.errors import CheckpointError

__all__ = ["linear_layers", "write_lora"]


def linear_layers(plan: Plan) -> dict[str, Wanted]:
    """The matrices of a model's blocks, by the names of their modules in transformers."""
    return {
        wanted.theirs.removesuffix(".weight"): wanted
        for wanted in plan.tensors
        if wanted.ours.startswith("blk.") and len(wanted.shape) == 2
    }


def write_lora(
    path: Path,
    deltas: Mapping[str, tuple[Array, Array]],
    *,
    alpha: float,
    plan: Plan,
    precision: Literal["f16", "f32"] = "f16",
    name: str = "adapter",
) -> None:
    """Write a LoRA adapter: W' = W + alpha / rank * B @ A for each module of ``deltas``.

    ``deltas`` maps a module (``transformer.h.0.attn.c_attn``) to A (rank, in) and B (out, rank).

    Raises:
        CheckpointError: a module or a shape does not belong to the model, or the disk refuses.
    """
    if not deltas:
        raise CheckpointError(f"{path}: an adapter without a single module cannot be written")
    writer = gguf.GGUFWriter(None, plan.architecture.name)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    writer.add_name(name)
    dtype = np.float16 if precision == "f16" else np.float32
    layers = linear_layers(plan)
    for module, (a, b) in deltas.items():
        wanted = _checked(module, a, b, layers)
        if wanted.heads:  # the rows of B are the rows of the matrix
            b = b[in_turns(len(b), wanted.heads)]
        writer.add_tensor(f"{wanted.ours}.lora_a", np.ascontiguousarray(a, dtype=dtype))
        writer.add_tensor(f"{wanted.ours}.lora_b", np.ascontiguousarray(b, dtype=dtype))
    with written_whole(path) as partial:
        try:
            writer.write_header_to_file(partial)
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()


def _checked(module: str, a: Array, b: Array, layers: Mapping[str, Wanted]) -> Wanted:
    wanted = layers.get(module)
    if wanted is None:
        raise CheckpointError(
            f"{module}: is no linear layer of this model; an adapter cannot hold it"
        )
    if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[1]:
        raise CheckpointError(f"{module}: A {a.shape} and B {b.shape} do not share their rank")
    if (b.shape[0], a.shape[1]) != wanted.final_shape:
        raise CheckpointError(
            f"{module}: A {a.shape} and B {b.shape} do not fit the model's {wanted.final_shape}"
        )
    return wanted
