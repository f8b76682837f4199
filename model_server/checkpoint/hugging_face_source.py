"""A Hugging Face folder as a checkpoint that names nobody."""

import sys
from pathlib import Path

from model_server.checkpoint.conversion import Converted, Found, Precision, Progress
from model_server.checkpoint.formats import format_of_file
from model_server.checkpoint.gguf_header import read_header
from model_server.checkpoint.hugging_face.conversion import convert_hugging_face, source_files

__all__ = ["convert", "find"]


def find(path: Path) -> Found:
    """See ``Converter``."""
    return Found(name=path.resolve().name, files=source_files(path))


def convert(path: Path, weights: Path, precision: Precision, progress: Progress) -> Converted:
    """See ``Converter``; what its owner should know about the folder goes to stderr."""
    made = convert_hugging_face(path, weights, quantization=precision, progress=progress)
    for note in made.notes:
        print(note, file=sys.stderr)
    return Converted(
        architecture=made.architecture,
        tokenizer_sha256=made.tokenizer_sha256,
        prompt_format=format_of_file(read_header(weights)),
    )
