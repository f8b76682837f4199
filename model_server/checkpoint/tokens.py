"""The vocabulary of a checkpoint: byte-level BPE in GPT-2's byte alphabet, and its digest.

Standard library only, so that a model server can compare vocabularies without loading numpy.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model_server.checkpoint.gguf_header import Header
from model_server.errors import CheckpointError

__all__ = [
    "END_OF_TEXT",
    "Tokens",
    "read_tokenizer_json",
    "sha256_of",
    "tokenizer_digest",
    "tokens_of",
]

END_OF_TEXT = "<|endoftext|>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A byte-level BPE vocabulary in GPT-2's byte alphabet.

    ``merges`` are pairs joined by a space, the most urgent first; ``end_of_text`` is an id.
    """

    tokens: tuple[str, ...]
    merges: tuple[str, ...]
    end_of_text: int


def tokenizer_digest(tokens: Tokens) -> str:
    """SHA-256 in hexadecimal over the token list and the merges, in their order."""
    text = json.dumps([tokens.tokens, tokens.merges], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def read_tokenizer_json(path: Path) -> Tokens:
    """Read a Hugging Face tokenizers file that holds byte-level BPE.

    Raises:
        CheckpointError: it cannot be read, or is not GPT-2's kind of BPE.
    """
    try:
        parsed = json.loads(path.read_text(encoding="utf-8"))
        model, before = parsed["model"], parsed["pre_tokenizer"]
        vocabulary = {str(token): int(number) for token, number in model["vocab"].items()}
        vocabulary |= {added["content"]: int(added["id"]) for added in parsed["added_tokens"]}
        merges = tuple(m if isinstance(m, str) else " ".join(m) for m in model["merges"])
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CheckpointError(f"{path}: is not a tokenizers file of a BPE model") from None
    if model.get("type", "BPE") != "BPE" or not _is_gpt2_splitting(before):
        raise CheckpointError(
            f"{path}: only byte-level BPE with GPT-2's word splitting can be written to GGUF"
        )
    if sorted(vocabulary.values()) != list(range(len(vocabulary))):
        raise CheckpointError(f"{path}: the token ids have gaps or repeat")
    return Tokens(
        tokens=tuple(sorted(vocabulary, key=lambda token: vocabulary[token])),
        merges=merges,
        end_of_text=_end_of_text(path, vocabulary),
    )


def _is_gpt2_splitting(before: object) -> bool:
    return (
        isinstance(before, dict)
        and before.get("type") == "ByteLevel"
        and before.get("use_regex", True) is True
        and before.get("add_prefix_space") is False
    )


def _end_of_text(path: Path, vocabulary: Mapping[str, int]) -> int:
    try:
        return vocabulary[END_OF_TEXT]
    except KeyError:
        raise CheckpointError(f"{path}: the vocabulary has no {END_OF_TEXT}") from None


def tokens_of(path: Path, header: Header) -> Tokens:
    """The vocabulary in a GGUF file's metadata.

    Raises:
        CheckpointError: it has none, or one that is not byte-level BPE.
    """
    tokens, merges = header.texts("tokenizer.ggml.tokens"), header.texts("tokenizer.ggml.merges")
    if header.text("tokenizer.ggml.model") != "gpt2" or tokens is None or merges is None:
        raise CheckpointError(f"{path}: holds no byte-level BPE vocabulary")
    end = header.number("tokenizer.ggml.eos_token_id")
    if end is None or end >= len(tokens):
        raise CheckpointError(f"{path}: does not name its end-of-text token")
    return Tokens(tokens=tuple(tokens), merges=tuple(merges), end_of_text=end)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
