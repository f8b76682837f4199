"""A whole model becomes a GGUF file, tensor by tensor: at no time is more than one in memory.

It knows what llama.cpp wants to find in a file, and nothing of where tensors come from.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol, TypeAlias

import gguf
import numpy as np
import numpy.typing as npt

from model_server.checkpoint.manifest import Architecture
from model_server.checkpoint.tokens import ONE_SPACE_KEY, SENTENCEPIECE, Tokens, plain_kinds
from model_server.errors import CheckpointError, DiskError

__all__ = [
    "Array",
    "Plan",
    "Progress",
    "Quantization",
    "Tensor",
    "Wanted",
    "in_turns",
    "write_model",
    "written_whole",
]

Array: TypeAlias = npt.NDArray[Any]
Progress = Callable[[int, int], None]
"""Takes bytes written and bytes in all."""
Quantization = Literal["q8_0", "f16", "f32"]

_ROWS_AT_ONCE = 1 << 22
"""Weights that are worked on at a time where rows need no others: 16 MB of float32."""
_LARGEST = {"f32": float(np.finfo(np.float32).max), "f16": 65504.0, "q8_0": 65504.0 * 127}
"""The largest weight that a type can hold; a block of q8_0 has a float16 of its own."""
_TYPES = {
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
}
_NAMES_WITH_A_MEANING = ("phi-3", "phi3", "modern-bert")
"""llama.cpp treats special tokens otherwise in a model that is called so, or does not load it."""


class Tensor(Protocol):
    """A tensor that is read when its rows are asked for; a numpy array is one."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, rows: slice, /) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A tensor of the file: ``ours`` is llama.cpp's name, ``theirs`` and ``shape`` the source's.

    ``exact`` ones stay float32.  ``heads`` says that a head's rows lie as two halves and are
    wanted in turns, as llama.cpp rotates them; ``plus`` is added to every weight.
    """

    ours: str
    theirs: str
    shape: tuple[int, ...]
    exact: bool = False
    transposed: bool = False
    heads: int = 0
    plus: float = 0.0

    @property
    def final_shape(self) -> tuple[int, ...]:
        return self.shape[::-1] if self.transposed else self.shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All of a file but its vocabulary and its weights.

    ``numbers`` are llama.cpp's settings by their keys, without the architecture's name before
    them; ``made`` are tensors that come from no file.
    """

    architecture: Architecture
    numbers: Mapping[str, int | float | str]
    tensors: tuple[Wanted, ...]
    made: Mapping[str, Array] = field(default_factory=dict)


def write_model(
    path: Path,
    plan: Plan,
    weights: Mapping[str, Tensor],
    tokens: Tokens,
    *,
    quantization: Quantization,
    name: str,
    source: str = "",
    progress: Progress | None = None,
) -> None:
    """Write a model; the file appears whole or not at all.  ``source`` begins lines about weights.

    Raises:
        CheckpointError: a weight is missing, of another shape or no number, the vocabulary is of
            another size, or the disk refuses.
    """
    if len(tokens.tokens) != plan.architecture.vocabulary:
        raise CheckpointError(
            f"{source}the tokenizer has {len(tokens.tokens)} tokens, the weights "
            f"{plan.architecture.vocabulary}"
        )
    for wanted in plan.tensors:
        _check(weights, wanted, source)
    writer = gguf.GGUFWriter(None, plan.architecture.name)
    _describe(writer, plan, name, quantization)
    _add_tokens(writer, tokens)
    kinds = [_kind_of(wanted, quantization) for wanted in plan.tensors]
    shapes = {w.ours: (w.final_shape, kind) for w, kind in zip(plan.tensors, kinds, strict=True)}
    shapes |= {ours: (array.shape, "f32") for ours, array in plan.made.items()}
    sizes = [_announce(writer, ours, shape, kind) for ours, (shape, kind) in shapes.items()]

    def data() -> Iterator[Iterator[Array]]:
        for wanted, kind in zip(plan.tensors, kinds, strict=True):
            yield _blocks(weights[wanted.theirs], wanted, kind, source)
        for array in plan.made.values():
            yield iter([np.ascontiguousarray(array, dtype=np.float32)])

    with written_whole(path) as partial:
        try:
            writer.write_header_to_file(partial)
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
        finally:
            writer.close()
        _append(partial, data(), sum(sizes), progress or (lambda done, total: None))


def _check(weights: Mapping[str, Tensor], wanted: Wanted, source: str) -> None:
    tensor = weights.get(wanted.theirs)
    if tensor is None:
        raise CheckpointError(f"{source}weight {wanted.theirs} is missing; fetch the model again")
    if tuple(tensor.shape) != wanted.shape:
        raise CheckpointError(
            f"{source}weight {wanted.theirs} has shape {tuple(tensor.shape)}, not {wanted.shape}; "
            "settings and weights do not belong together"
        )


def _describe(writer: gguf.GGUFWriter, plan: Plan, name: str, quantization: Quantization) -> None:
    architecture = plan.architecture
    writer.add_type(gguf.GGUFType.MODEL)
    lowered = name.lower()
    plain = not any(meaning in lowered for meaning in _NAMES_WITH_A_MEANING)
    writer.add_name(name if plain else "converted")
    writer.add_file_type(_TYPES[quantization][1])
    writer.add_context_length(architecture.context)
    writer.add_embedding_length(architecture.width)
    writer.add_block_count(architecture.layers)
    writer.add_head_count(architecture.heads)
    for key, value in plan.numbers.items():
        key = f"{architecture.name}.{key}"
        if isinstance(value, str):
            writer.add_string(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        else:
            writer.add_uint32(key, value)


def _add_tokens(writer: gguf.GGUFWriter, tokens: Tokens) -> None:
    if tokens.splitting == SENTENCEPIECE:
        writer.add_tokenizer_model("llama")
        writer.add_token_scores(tokens.scores)
        writer.add_add_space_prefix(tokens.space_first)
        writer.add_bool(ONE_SPACE_KEY, tokens.one_space)
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(tokens.splitting)
        writer.add_token_merges(tokens.merges)
    writer.add_token_list(tokens.tokens)
    writer.add_token_types(tokens.kinds or plain_kinds(len(tokens.tokens), tokens.end_of_text))
    begin = tokens.begin_of_text
    writer.add_bos_token_id(tokens.end_of_text if begin is None else begin)
    writer.add_eos_token_id(tokens.end_of_text)
    writer.add_add_bos_token(begin is not None)


def _kind_of(wanted: Wanted, quantization: Quantization) -> Quantization:
    if wanted.exact:
        return "f32"
    block = gguf.GGML_QUANT_SIZES[_TYPES[quantization][0]][0]
    return quantization if wanted.final_shape[-1] % block == 0 else "f16"


def _announce(
    writer: gguf.GGUFWriter, ours: str, shape: tuple[int, ...], kind: Quantization
) -> int:
    """Enter a tensor into the file's head; its size in bytes."""
    block, size = gguf.GGML_QUANT_SIZES[_TYPES[kind][0]]
    total = math.prod(shape) // block * size
    writer.add_tensor_info(ours, shape, np.dtype(np.float32), total, raw_dtype=_TYPES[kind][0])
    return total


def _blocks(tensor: Tensor, wanted: Wanted, kind: Quantization, source: str) -> Iterator[Array]:
    """A tensor as it lies in the file, part by part."""
    rows = wanted.shape[0]
    step = rows
    if not wanted.transposed and not wanted.heads:
        step = max(1, _ROWS_AT_ONCE * rows // max(1, math.prod(wanted.shape)))
    for first in range(0, rows, step):
        part = np.asarray(tensor[first : first + step])
        if wanted.transposed:
            part = part.T
        if wanted.heads:
            part = part[in_turns(rows, wanted.heads)]
        part = np.ascontiguousarray(part, dtype=np.float32)
        if wanted.plus:
            part = part + np.float32(wanted.plus)
        largest = float(np.abs(part).max(initial=0.0))
        if not largest <= _LARGEST[kind]:  # true for what is no number, too
            raise CheckpointError(
                f"{source}weight {wanted.theirs} holds {largest:g}, which {kind} cannot hold; "
                "the file may be damaged"
            )
        yield gguf.quants.quantize(part, _TYPES[kind][0])


def in_turns(rows: int, heads: int) -> Array:
    """Row numbers: first of a head's first half, first of its second half, second of the first."""
    order = np.arange(rows).reshape(heads, 2, rows // heads // 2)
    return order.swapaxes(1, 2).reshape(-1)


def _append(path: Path, tensors: Iterator[Iterator[Array]], total: int, progress: Progress) -> None:
    """Write the weights behind a file's head, each tensor beginning where it is looked for."""
    done = 0
    with path.open("ab") as file:
        _pad(file)
        progress(done, total)
        for blocks in tensors:
            for block in blocks:
                file.write(block.data)
                done += block.nbytes
                progress(done, total)
            _pad(file)


def _pad(file: BinaryIO) -> None:
    file.write(bytes(-file.tell() % gguf.GGUF_DEFAULT_ALIGNMENT))


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of ``path`` once all went well.

    Raises:
        DiskError: the disk refuses; what was at ``path`` is as it was.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        handle = os.open(partial, os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise DiskError(
            f"{path}: cannot be written: {reason}; free some space and try again", reason
        ) from None
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
