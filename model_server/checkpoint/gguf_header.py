"""The head of a GGUF file: its metadata and where its tensors lie, without touching a weight.

Written against the format's specification (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md,
versions 2 and 3, little-endian).  A model server reads its files with this rather than with the
``gguf`` package, which brings numpy along and takes 0.1 s and more to import: too dear at every
start.  It knows nothing of what the metadata mean.
"""

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model_server.errors import CheckpointError

__all__ = ["Header", "TensorInfo", "read_header"]

Scalar = str | int | float | bool
Value = Scalar | list[Scalar]

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
"""struct letters of the value types; 8 is a string, 9 an array."""
_STRING, _ARRAY = 8, 9
_MOST_DIMENSIONS = 4
_BLOCKS = {0: (1, 4), 1: (1, 2), 30: (1, 2)}  # F32, F16, BF16
_BLOCKS |= {2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34)}  # Q4_0 to Q8_0
_BLOCKS |= {
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
}  # Q2_K on
"""(weights, bytes) of a block, by ggml's tensor type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """``shape`` is in numpy's order (rows first), ``kind`` ggml's type number, ``start`` and
    ``bytes`` its place in the file; ``bytes`` is None for a type that is not known here."""

    shape: tuple[int, ...]
    kind: int
    start: int
    bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    metadata: Mapping[str, Value]
    tensors: Mapping[str, TensorInfo]

    def text(self, key: str) -> str | None:
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | None:
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def texts(self, key: str) -> list[str] | None:
        value = self.metadata.get(key)
        if not isinstance(value, list):
            return None
        texts = [item for item in value if isinstance(item, str)]
        return texts if len(texts) == len(value) else None

    def reals(self, key: str) -> list[float] | None:
        """An array of numbers, whole ones included."""
        value = self.metadata.get(key)
        if not isinstance(value, list):
            return None
        reals = [item for item in value if isinstance(item, int | float)]
        return reals if len(reals) == len(value) else None


class _Cursor:
    """Reads values one behind the other out of a mapped file."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.at = 0

    def take(self, form: str) -> tuple[Scalar, ...]:
        layout = struct.Struct("<" + form)
        values = layout.unpack_from(self.data, self.at)
        self.at += layout.size
        return values

    def count(self, form: str = "Q") -> int:
        number = self.take(form)[0]
        if not isinstance(number, int) or number > len(self.data):
            raise ValueError("a length beyond the end")
        return number

    def text(self) -> str:
        length = self.count()
        end = self.at + length
        if end > len(self.data):
            raise ValueError("a text beyond the end")
        text = self.data[self.at : end].decode("utf-8")
        self.at = end
        return text

    def texts(self, count: int) -> list[Scalar]:
        """Many texts; vocabularies hold hundreds of thousands, and every server reads its own."""
        data, at, last = self.data, self.at, len(self.data)
        length_of = struct.Struct("<Q").unpack_from
        found: list[Scalar] = []
        for _ in range(count):
            first = at + 8
            at = first + length_of(data, at)[0]
            if at > last:
                raise ValueError("a text beyond the end")
            found.append(data[first:at].decode("utf-8"))
        self.at = at
        return found

    def value(self, kind: int) -> Value:
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY:
            return self.take(_SCALARS[kind])[0]
        item, length = self.count("I"), self.count()
        if item == _STRING:
            return self.texts(length)
        return list(self.take(f"{length}{_SCALARS[item]}"))


def read_header(path: Path) -> Header:
    """Read metadata and tensor places; every tensor lies within the file.

    Raises:
        CheckpointError: no such file, not a GGUF file, of another version, or cut short.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise CheckpointError(f"{path}: is not a GGUF file; give a checkpoint's weights")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _parse(path, _Cursor(data))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (struct.error, ValueError, KeyError, OverflowError, MemoryError):
        raise CheckpointError(
            f"{path}: the GGUF file is cut short or damaged; copy or train it again"
        ) from None


def _parse(path: Path, cursor: _Cursor) -> Header:
    cursor.at = len(_MAGIC)
    version = cursor.count("I")
    if version not in _VERSIONS:
        raise CheckpointError(f"{path}: GGUF version {version} is not known; 2 and 3 are")
    tensor_count, pair_count = cursor.count(), cursor.count()
    metadata: dict[str, Value] = {}
    for _ in range(pair_count):
        key = cursor.text()
        metadata[key] = cursor.value(cursor.count("I"))
    places = [_place(cursor) for _ in range(tensor_count)]
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment <= 0:
        raise ValueError("alignment")
    start = math.ceil(cursor.at / alignment) * alignment
    tensors = {name: _tensor(shape, kind, start + offset) for name, shape, kind, offset in places}
    for tensor in tensors.values():
        if tensor.start + (tensor.bytes or 0) > len(cursor.data):
            raise ValueError("a tensor beyond the end")
    return Header(metadata=metadata, tensors=tensors)


def _place(cursor: _Cursor) -> tuple[str, tuple[int, ...], int, int]:
    name = cursor.text()
    dimensions = cursor.count("I")
    if dimensions > _MOST_DIMENSIONS:
        raise ValueError("dimensions")
    shape = tuple(cursor.count() for _ in range(dimensions))
    return name, shape[::-1], cursor.count("I"), cursor.count()


def _tensor(shape: tuple[int, ...], kind: int, start: int) -> TensorInfo:
    block = _BLOCKS.get(kind)
    size = None if block is None else math.prod(shape) // block[0] * block[1]
    return TensorInfo(shape=shape, kind=kind, start=start, bytes=size)
