"""The sizes that a GGUF file's metadata tell, for any architecture that llama.cpp knows."""

from pathlib import Path

from model_server.checkpoint.gguf_header import Header
from model_server.checkpoint.manifest import Architecture
from model_server.errors import CheckpointError

__all__ = ["MOST_LAYERS", "architecture_of", "sizes_of"]

MOST_LAYERS = 512
"""Of llama.cpp (LLAMA_MAX_LAYERS).  A damaged number of layers must not fill the memory."""


def sizes_of(header: Header) -> dict[str, str | int | None]:
    """Every field of ``Architecture``; None for what the file does not tell."""
    name = header.text("general.architecture")
    embedding = header.tensors.get("token_embd.weight")
    return {
        "name": name,
        "layers": header.number(f"{name}.block_count"),
        "width": header.number(f"{name}.embedding_length"),
        "heads": _heads(header, f"{name}.attention.head_count"),
        "vocabulary": embedding.shape[0] if embedding else None,
        "context": header.number(f"{name}.context_length"),
    }


def _heads(header: Header, key: str) -> int:
    """Some architectures give a number for every layer, and some have no heads at all."""
    value = header.metadata.get(key, 0)
    numbers = value if isinstance(value, list) else [value]
    return max((number for number in numbers if isinstance(number, int)), default=0)


def architecture_of(path: Path, header: Header) -> Architecture:
    """
    Raises:
        CheckpointError: the file does not tell one of the sizes.
    """
    sizes = sizes_of(header)
    for key, size in sizes.items():
        if size is None or (size == 0 and key != "heads"):
            raise CheckpointError(
                f"{path}: the GGUF file does not tell its {key}; it is no whole language model"
            )
    return Architecture.model_validate(sizes)
