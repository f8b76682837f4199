"""``python -m model_server.checkpoint.tensorflow_weights FOLDER GGUF PRECISION``: only to convert.

Reads the newest state of a run of gpt-2-simple with TensorFlow and writes it as GGUF.  It reports
on stdout, a JSON object a row: how much is done, or what is wrong (and then ends with code 2; of a
disk that refuses, also why).  TensorFlow may say on stderr what it likes.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from model_server.checkpoint.conversion import Precision
from model_server.checkpoint.gguf_files import write_gpt2
from model_server.checkpoint.gguf_writing import Array, Tensor
from model_server.checkpoint.gpt2_simple import Run, find_run, read_sizes, read_tokens, variables_of
from model_server.checkpoint.manifest import Architecture
from model_server.errors import CheckpointError, DiskError

__all__ = ["main"]

_FAILED = 2


def main() -> int:
    folder, weights, precision = sys.argv[1:]
    threading.Thread(target=_await_parent, daemon=True).start()
    try:
        _write(Path(folder), Path(weights), cast(Precision, precision))
    except DiskError as error:
        _report(error=str(error), disk=error.reason)
        return _FAILED
    except CheckpointError as error:
        _report(error=str(error))
        return _FAILED
    return 0


def _await_parent() -> None:
    """End at once when stdin does: whoever wanted the weights is gone, however it ended."""
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    os._exit(_FAILED)


def _report(**facts: str | int) -> None:
    print(json.dumps(facts), flush=True)


def _write(folder: Path, weights: Path, precision: Precision) -> None:
    run, architecture = find_run(folder), read_sizes(folder)
    tokens = read_tokens(folder, architecture.vocabulary)
    _report(done=0, total=1)  # TensorFlow takes seconds to load
    write_gpt2(
        weights,
        _Stored(run, architecture),
        architecture,
        tokens,
        quantization=precision,
        name=folder.name,
        progress=_Percent(),
    )


class _Percent:
    """Reports how much is done, at most once a percent."""

    def __init__(self) -> None:
        self._told = -1

    def __call__(self, done: int, total: int) -> None:
        percent = 100 * done // max(1, total)
        if percent != self._told:
            self._told = percent
            _report(done=done, total=total)


@dataclass(frozen=True, slots=True)
class _Variable:
    """A tensor of TensorFlow's, read when its rows are asked for."""

    stored: "_Stored"
    name: str
    shape: tuple[int, ...]

    def __getitem__(self, rows: slice, /) -> Array:
        return self.stored.read(self.name).reshape(self.shape)[rows]


class _Stored(Mapping[str, Tensor]):
    """The weights by their names in transformers."""

    def __init__(self, run: Run, architecture: Architecture) -> None:
        self._run = run
        self._reader = _open(run)
        self._wanted = variables_of(architecture)
        self._last: tuple[str, Array] | None = None
        self._check(architecture.layers)

    def _check(self, layers: int) -> None:
        """All shapes, before a weight is read."""
        there = self._reader.get_variable_to_shape_map()
        for name, shape in self._wanted.values():
            if name not in there:
                raise CheckpointError(
                    f"{self._run.index}: has no {name}, which hparams.json speaks of; copy the "
                    "hparams.json that belongs to it"
                )
            if tuple(there[name]) != shape:
                raise CheckpointError(
                    f"{self._run.index}: {name} has shape {tuple(there[name])}, by hparams.json it "
                    f"is {shape}; copy the hparams.json that belongs to it"
                )
        if any(name.startswith(f"model/h{layers}/") for name in there):
            raise CheckpointError(
                f"{self._run.index}: has more layers than n_layer {layers} of hparams.json; copy "
                "the hparams.json that belongs to it"
            )

    def __getitem__(self, theirs: str) -> Tensor:
        name, shape = self._wanted[theirs]
        return _Variable(self, name, shape[1:] if len(shape) == 3 else shape)

    def read(self, name: str) -> Array:
        """A whole tensor; only the last one is kept."""
        if self._last is None or self._last[0] != name:
            self._last = None
            try:
                self._last = name, cast(Array, self._reader.get_tensor(name))
            except _faults():
                raise CheckpointError(
                    f"{self._run.shards[0]}: is cut short or damaged ({name}); copy it again"
                ) from None
        return self._last[1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._wanted)

    def __len__(self) -> int:
        return len(self._wanted)


def _open(run: Run) -> Any:
    try:
        import tensorflow
    except (ImportError, OSError) as error:  # a library of another platform or version
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise CheckpointError(
            f"TensorFlow cannot be loaded ({reason}); pip install --force-reinstall tensorflow"
        ) from None
    try:
        return tensorflow.train.load_checkpoint(str(run.folder / run.state))
    except _faults():
        raise CheckpointError(
            f"{run.index}: is cut short or damaged; copy it and its data file again"
        ) from None


def _faults() -> tuple[type[Exception], ...]:
    """What TensorFlow raises for a torn file; a read past the end is an IndexError."""
    import tensorflow

    return (tensorflow.errors.OpError, IndexError, RuntimeError, ValueError)


if __name__ == "__main__":
    sys.exit(main())
