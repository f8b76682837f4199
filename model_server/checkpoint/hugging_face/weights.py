"""The weights of a Hugging Face folder, each read from the disk when it is asked for.

safetensors are read without a library; a pickled file only through torch's reader that runs no
code.  It knows nothing of what the tensors are for.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from warnings import catch_warnings

import numpy as np

from model_server.checkpoint.gguf_writing import Array, Tensor
from model_server.checkpoint.hugging_face.settings import read_json
from model_server.errors import CheckpointError

__all__ = ["open_weights", "weight_files"]

_WHOLE, _PICKLED = "model.safetensors", "pytorch_model.bin"
_LONGEST_HEAD = 100_000_000
"""Bytes that safetensors' own reader takes at most."""
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
"""safetensors' names of types that weights have, and how numpy reads them."""
_POINTER = b"version https://git-lfs"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A tensor in a safetensors file, from byte ``start``; ``kind`` is the format's name."""

    path: Path
    shape: tuple[int, ...]
    kind: str
    start: int

    def __getitem__(self, rows: slice, /) -> Array:
        if self.kind not in _DTYPES:
            raise CheckpointError(
                f"{self.path}: has weights stored as {self.kind}; take a model that is not "
                "quantized (float32, float16 or bfloat16)"
            )
        first, last, _ = rows.indices(self.shape[0])
        width = math.prod(self.shape[1:])
        dtype = np.dtype(_DTYPES[self.kind])
        count = max(0, last - first) * width
        offset = self.start + first * width * dtype.itemsize
        try:
            flat = np.fromfile(self.path, dtype, count, offset=offset)
        except OSError as error:
            raise CheckpointError(f"{self.path}: cannot be read: {error.strerror}") from None
        if len(flat) < count:
            raise CheckpointError(f"{self.path}: grew shorter while it was read; fetch it again")
        if self.kind == "BF16":  # the upper half of a float32
            flat = (flat.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return flat.reshape(-1, *self.shape[1:])


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The files that hold a folder's weights, behind their index if they have one.

    Raises:
        CheckpointError: there are none, an index is torn, or a file that it names is missing.
    """
    for whole in (_WHOLE, _PICKLED):
        index = folder / f"{whole}.index.json"
        if (folder / whole).is_file():
            return (folder / whole,)
        if index.is_file():
            return (index, *_shards(index))
    raise CheckpointError(f"{folder}: has no {_WHOLE}{_found_instead(folder)}")


def _found_instead(folder: Path) -> str:
    others = ("tf_model.h5", "flax_model.msgpack", "model.ckpt.index", "consolidated.00.pth")
    other = next((name for name in others if (folder / name).is_file()), None)
    if other is not None:
        return f", only {other}; load it in transformers and save it with save_pretrained"
    return "; fetch the model again, with its weights"


def _shards(index: Path) -> list[Path]:
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise CheckpointError(f"{index}: names no weights (weight_map); fetch it again")
    names = sorted({str(name) for name in places.values()})
    for name in names:
        if Path(name).name != name or "\\" in name:
            raise CheckpointError(f"{index}: names {name!r}, which is no file of this folder")
        if not (index.parent / name).is_file():
            raise CheckpointError(
                f"{index.parent / name}: is missing, but {index.name} names it; fetch it again"
            )
    return [index.parent / name for name in names]


def open_weights(files: tuple[Path, ...]) -> Mapping[str, Tensor]:
    """All tensors of these files by name; nothing but their places is read from safetensors.

    Raises:
        CheckpointError: a file is torn, or needs torch and there is none, or holds more than
            tensors.
    """
    tensors: dict[str, Tensor] = {}
    for path in files:
        if path.suffix == ".json":
            continue
        _refuse_pointer(path)
        found = _safetensors(path) if path.suffix == ".safetensors" else _pickled(path)
        for name, tensor in found:
            if name in tensors:
                raise CheckpointError(f"{path}: holds {name}, which an earlier file has too")
            tensors[name] = tensor
    return tensors


def _refuse_pointer(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(len(_POINTER))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    if start == _POINTER:
        raise CheckpointError(
            f"{path}: is only Git LFS's note of where the weights are; run git lfs pull there"
        )


def _safetensors(path: Path) -> Iterator[tuple[str, Tensor]]:
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= _LONGEST_HEAD:
                raise ValueError(length)
            head = json.loads(file.read(length).decode("utf-8"))
        room = path.stat().st_size - 8 - length
        for name, entry in head.items():
            if name != "__metadata__":
                yield name, _stored(path, name, entry, 8 + length, room)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CheckpointError(f"{path}: is cut short or damaged; fetch it again") from None


def _stored(path: Path, name: str, entry: Mapping[str, Any], start: int, room: int) -> _Stored:
    kind, shape = entry["dtype"], tuple(int(size) for size in entry["shape"])
    first, last = (int(place) for place in entry["data_offsets"])
    size = math.prod(shape) * np.dtype(_DTYPES[kind]).itemsize if kind in _DTYPES else last - first
    if min((first, *shape)) < 0 or last - first != size or last > room:
        raise ValueError(name)
    return _Stored(path=path, shape=shape, kind=kind, start=start + first)


def _pickled(path: Path) -> Iterator[tuple[str, Tensor]]:
    """Tensors of a file that torch has pickled; anything but tensors is refused by torch."""
    torch = _torch(path)
    options: dict[str, Any] = {"map_location": "cpu", "weights_only": True}
    try:
        with catch_warnings(action="ignore"):  # about how it is pickled
            try:
                state = torch.load(path, mmap=True, **options)
            except RuntimeError:  # written before torch 1.6, as one stream that cannot be mapped
                state = torch.load(path, **options)
    except Exception as error:  # torch lets out whatever its reader stumbles over
        if "weights_only" in str(error).lower() or "weights only" in str(error).lower():
            raise CheckpointError(
                f"{path}: holds more than weights, it could run code when it is opened, and was "
                "not opened; take the model as safetensors"
            ) from None
        raise CheckpointError(f"{path}: is cut short or damaged; fetch it again") from None
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: holds no weights by name; save it with save_pretrained")
    for name, tensor in state.items():
        if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
            yield str(name), _Loaded(tensor)


class _Loaded:
    """A tensor of torch."""

    def __init__(self, tensor: Any) -> None:
        self._tensor, self.shape = tensor, tuple(tensor.shape)

    def __getitem__(self, rows: slice, /) -> Array:
        array: Array = self._tensor[rows].float().numpy()
        return array


def _torch(path: Path) -> Any:
    try:
        import torch
    except ImportError:
        raise CheckpointError(
            f"{path}: is a pickled file, and only torch can read it; "
            'pip install "botconvo[train]", or take the model as safetensors'
        ) from None
    return torch
