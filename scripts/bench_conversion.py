"""What it costs to convert a GPT-2 in Hugging Face's form: time, and the most memory held.

    python scripts/bench_conversion.py

Random weights in the true shapes, as float32 in one safetensors file; each conversion runs in a
fresh process.  Memory is what the process holds for itself: pages of the file that it reads are
the system's, which takes them back when it likes.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from measuring import figure, table

from model_server.checkpoint.gguf_files import plan_gpt2
from model_server.checkpoint.hugging_face.conversion import convert_hugging_face
from model_server.checkpoint.manifest import Architecture

SHAPES = {
    "gpt2 (124M)": (12, 768, 12),
    "gpt2-medium (355M)": (24, 1024, 16),
    "gpt2-large (774M)": (36, 1280, 20),
    "gpt2-xl (1558M)": (48, 1600, 25),
}
"""Layers, width, heads."""
_ROWS, _CONTEXT = 50257, 1024


def make_folder(folder: Path, shape: tuple[int, int, int], rows: int = _ROWS) -> int:
    """Write a GPT-2 with random weights; the bytes of its weights."""
    layers, width, heads = shape
    architecture = Architecture(
        name="gpt2", layers=layers, width=width, heads=heads, vocabulary=rows, context=_CONTEXT
    )
    config = {
        "model_type": "gpt2",
        "n_layer": layers,
        "n_embd": width,
        "n_head": heads,
        "n_positions": _CONTEXT,
        "vocab_size": rows,
        "eos_token_id": rows - 1,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    tokens = {f"t{number}": number for number in range(rows)}
    (folder / "vocab.json").write_text(json.dumps(tokens), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    return _write_weights(folder / "model.safetensors", architecture)


def _write_weights(path: Path, architecture: Architecture) -> int:
    head, end = {}, 0
    for wanted in plan_gpt2(architecture).tensors:
        size = 4 * math.prod(wanted.shape)
        head[wanted.theirs] = {
            "dtype": "F32",
            "shape": wanted.shape,
            "data_offsets": [end, end + size],
        }
        end += size
    text = json.dumps(head).encode()
    noise = np.random.default_rng(0).standard_normal(1 << 20).astype(np.float32) * 0.02
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for first in range(0, end, noise.nbytes):
            file.write(noise[: (end - first) // 4].data)
    return end


def convert_here(folder: Path, quantization: str) -> tuple[float, float]:
    """Seconds, and the most megabytes that this process has held beyond what it began with."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    convert_hugging_face(folder, folder / "out.gguf", quantization=quantization)  # type: ignore[arg-type]
    seconds = time.monotonic() - started
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return seconds, held * 1024 / 1e6


def convert_fresh(folder: Path, quantization: str) -> tuple[float, float]:
    """The same in a process of its own."""
    code = (
        "import json, sys; from pathlib import Path; sys.path.insert(0, sys.argv[3]); "
        "import bench_conversion as b; "
        "print(json.dumps(b.convert_here(Path(sys.argv[1]), sys.argv[2])))"
    )
    arguments = [str(folder), quantization, str(Path(__file__).parent)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    seconds, held = json.loads(done.stdout)
    return seconds, held


def _shape(text: str) -> tuple[int, int, int]:
    layers, width, heads = (int(number) for number in text.split("x"))
    return layers, width, heads


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--shape", metavar="LAYERSxWIDTHxHEADS", help="this one in place of GPT-2's four"
    )
    options = parser.parse_args(arguments)
    shapes = SHAPES if options.shape is None else {options.shape: _shape(options.shape)}
    rows = []
    for name, shape in shapes.items():
        with tempfile.TemporaryDirectory(prefix="bench-conversion-") as scratch:
            size = make_folder(Path(scratch), shape)
            for quantization in ("q8_0", "f16"):
                runs = [convert_fresh(Path(scratch), quantization) for _ in range(options.repeats)]
                times, held = zip(*runs, strict=True)
                rows.append(
                    [name, f"{size / 1e6:.0f}", quantization, figure(times, 1), figure(held, 0)]
                )
    head = ["model", "weights (MB)", "to", "time (s)", "most memory (MB)"]
    print(table(head, rows))


if __name__ == "__main__":
    main()
