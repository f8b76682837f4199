"""Vocabularies from Hugging Face's tokenizers file, and their digest."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from tiny_model import tiny_tokens

from model_server.checkpoint.tokens import (
    END_OF_TEXT,
    Tokens,
    read_tokenizer_json,
    sha256_of,
    tokenizer_digest,
)
from model_server.errors import CheckpointError


def tokenizer_file(tokens: Tokens, **changes: Any) -> dict[str, Any]:
    """The parts of a tokenizers file that matter, as the library writes them."""
    vocabulary = {token: number for number, token in enumerate(tokens.tokens)}
    model = {"type": "BPE", "vocab": vocabulary, "merges": [m.split() for m in tokens.merges]}
    added = [{"id": tokens.end_of_text, "content": END_OF_TEXT, "special": True}]
    splitting = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
    return {"model": model, "pre_tokenizer": splitting, "added_tokens": added, **changes}


def written(folder: Path, content: object) -> Path:
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_tokenizers_file_is_read_whole(tmp_path: Path) -> None:
    tokens = tiny_tokens()
    assert read_tokenizer_json(written(tmp_path, tokenizer_file(tokens))) == tokens


def test_merges_may_be_texts_and_the_end_of_text_may_be_added_only(tmp_path: Path) -> None:
    tokens = tiny_tokens()
    content = tokenizer_file(tokens)
    content["model"]["merges"] = list(tokens.merges)
    del content["model"]["vocab"][END_OF_TEXT]
    assert read_tokenizer_json(written(tmp_path, content)) == tokens


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ([], "not a tokenizers file"),
        ({"model": {}}, "not a tokenizers file"),
        (tokenizer_file(tiny_tokens(), pre_tokenizer={"type": "Whitespace"}), "byte-level BPE"),
        (
            tokenizer_file(
                tiny_tokens(), pre_tokenizer={"type": "ByteLevel", "add_prefix_space": True}
            ),
            "byte-level BPE",
        ),
        (tokenizer_file(tiny_tokens(), added_tokens=[{"id": 999, "content": "<x>"}]), "gaps"),
    ],
)
def test_another_kind_of_tokenizer_is_refused(tmp_path: Path, content: object, word: str) -> None:
    with pytest.raises(CheckpointError, match=word):
        read_tokenizer_json(written(tmp_path, content))


def test_a_vocabulary_without_end_of_text_is_refused(tmp_path: Path) -> None:
    content = tokenizer_file(tiny_tokens(), added_tokens=[])
    del content["model"]["vocab"][END_OF_TEXT]
    with pytest.raises(CheckpointError, match="endoftext"):
        read_tokenizer_json(written(tmp_path, content))


def test_the_digest_depends_on_every_token_every_merge_and_their_order() -> None:
    tokens = tiny_tokens()
    swapped = (tokens.tokens[1], tokens.tokens[0], *tokens.tokens[2:])
    others = [
        dataclasses.replace(tokens, tokens=swapped),
        dataclasses.replace(tokens, merges=tokens.merges[::-1]),
        dataclasses.replace(tokens, merges=tokens.merges[:-1]),
    ]
    digests = {tokenizer_digest(each) for each in (tokens, *others)}
    assert len(digests) == 4
    assert tokenizer_digest(tokens) == tokenizer_digest(tiny_tokens())


def test_the_digest_never_changes_between_versions() -> None:
    """Manifests out in the world hold it."""
    tokens = Tokens(tokens=("a", "Ġb", "😂"), merges=("a Ġb",), end_of_text=2)
    assert tokenizer_digest(tokens) == (
        "a50871ba107b426bf1a069fef0d3ee38b6274e5249c5356891e1fe546ada8a77"
    )


def test_sha256_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert sha256_of(path) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
