"""A GGUF file of any model that llama.cpp knows, as a checkpoint: taken as it is, not copied."""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from model_server.checkpoint.conversion import Converted, Found, Precision, Progress
from model_server.checkpoint.formats import format_of_file
from model_server.checkpoint.gguf_header import Header, read_header
from model_server.checkpoint.sizes import architecture_of
from model_server.checkpoint.tokens import tokenizer_digest, tokens_of
from model_server.errors import CheckpointError

__all__ = ["convert", "find"]

_PART = re.compile(r"-\d{5}-of-\d{5}\Z")


def find(path: Path) -> Found:
    """See ``Converter``."""
    if _PART.search(path.stem):
        raise CheckpointError(
            f"{path}: is one part of several; join them with 'llama-gguf-split --merge' and give "
            "the whole file"
        )
    header = read_header(path)  # before it is hashed, which may take long
    _check(path, header)
    return Found(name=path.name, files=(path,))


def _check(path: Path, header: Header) -> None:
    if header.text("general.type") not in ("model", None):
        raise CheckpointError(
            f"{path}: is not whole weights but {header.text('general.type')}; give the folder of "
            f"its checkpoint, with manifest.json"
        )
    name = header.text("general.architecture")
    if header.metadata.get(f"{name}.attention.causal") is False or name == "clip":
        raise CheckpointError(
            f"{path}: a {name} reads and does not write; give a causal language model"
        )
    architecture_of(path, header)
    tokens_of(path, header)


def convert(path: Path, weights: Path, precision: Precision, progress: Progress) -> Converted:
    """See ``Converter``; the precision stays the file's own."""
    header = read_header(path)
    _link(path.resolve(), weights)
    progress(1, 1)
    return Converted(
        architecture=architecture_of(path, header),
        tokenizer_sha256=tokenizer_digest(tokens_of(path, header)),
        prompt_format=format_of_file(header),
    )


def _link(path: Path, weights: Path) -> None:
    """Windows lets only some make links of the one kind, and the other not across disks."""
    for link in (os.symlink, os.link):
        with suppress(OSError):
            link(path, weights)
            return
    shutil.copyfile(path, weights)
