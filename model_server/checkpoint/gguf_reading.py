"""The weights of a GGUF file under the names that they came with: the way back from a plan.

It knows nothing of architectures; what is where, and how it was turned, stands in the plan.
"""

from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np

from model_server.checkpoint.gguf_header import Header, read_header
from model_server.checkpoint.gguf_writing import Array, Plan, Wanted, in_turns
from model_server.errors import CheckpointError

__all__ = ["read_weights"]


def read_weights(path: Path, plan: Plan) -> Iterator[tuple[str, Array]]:
    """Each of the plan's tensors as float32, by its name in transformers, one at a time.

    Raises:
        CheckpointError: one is missing, or of another shape or an unknown type.
    """
    header = read_header(path)
    data = np.memmap(path, mode="r", dtype=np.uint8)
    for wanted in plan.tensors:
        yield wanted.theirs, _turned_back(_tensor(path, header, data, wanted), wanted)


def _tensor(path: Path, header: Header, data: Array, wanted: Wanted) -> Array:
    info = header.tensors.get(wanted.ours)
    if info is None or info.bytes is None:
        raise CheckpointError(f"{path}: tensor {wanted.ours} is missing or of an unknown type")
    if info.shape != wanted.final_shape:
        raise CheckpointError(
            f"{path}: tensor {wanted.ours} has shape {info.shape}, not {wanted.final_shape}; "
            "settings and weights do not belong together"
        )
    raw = np.asarray(data[info.start : info.start + info.bytes])
    kind = gguf.GGMLQuantizationType(info.kind)
    plain: Array = gguf.quants.dequantize(raw.reshape((*info.shape[:-1], -1)), kind)
    return plain.reshape(info.shape).astype(np.float32)


def _turned_back(array: Array, wanted: Wanted) -> Array:
    """What ``gguf_writing`` did to a tensor, undone."""
    if wanted.plus:
        array = array - np.float32(wanted.plus)
    if wanted.heads:
        halves = np.empty_like(array)
        halves[in_turns(len(array), wanted.heads)] = array
        array = halves
    return np.ascontiguousarray(array.T if wanted.transposed else array)
