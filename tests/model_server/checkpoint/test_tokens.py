"""Vocabularies in GGUF files, and their digest."""

import dataclasses
from pathlib import Path

import pytest
from tiny_model import tiny_tokens

from model_server.checkpoint.gguf_header import Header
from model_server.checkpoint.tokens import (
    AS_IT_IS,
    Kind,
    Reading,
    Tokens,
    sha256_of,
    tokenizer_digest,
    tokens_of,
)
from model_server.errors import CheckpointError

GGML = "tokenizer.ggml."


def header(**metadata: object) -> Header:
    """The head of a file whose metadata begin with ``tokenizer.ggml.``."""
    return Header(metadata={f"{GGML}{k}": v for k, v in metadata.items()}, tensors={})  # type: ignore[misc]


def test_the_digest_depends_on_every_token_every_merge_and_their_order() -> None:
    tokens = tiny_tokens()
    swapped = (tokens.tokens[1], tokens.tokens[0], *tokens.tokens[2:])
    others = [
        dataclasses.replace(tokens, tokens=swapped),
        dataclasses.replace(tokens, merges=tokens.merges[::-1]),
        dataclasses.replace(tokens, merges=tokens.merges[:-1]),
    ]
    others += [
        dataclasses.replace(tokens, splitting="smollm"),
        dataclasses.replace(tokens, begin_of_text=1),
        dataclasses.replace(tokens, kinds=(int(Kind.USER_DEFINED),) * len(tokens.tokens)),
    ]
    digests = {tokenizer_digest(each) for each in (tokens, *others)}
    assert len(digests) == 7
    assert tokenizer_digest(tokens) == tokenizer_digest(tiny_tokens())


def test_the_digest_never_changes_between_versions() -> None:
    """Manifests out in the world hold it."""
    tokens = Tokens(tokens=("a", "Ġb", "😂"), merges=("a Ġb",), end_of_text=2)
    assert tokenizer_digest(tokens) == (
        "a50871ba107b426bf1a069fef0d3ee38b6274e5249c5356891e1fe546ada8a77"
    )


def test_a_vocabulary_of_pieces_is_read_from_a_file() -> None:
    found = tokens_of(
        Path("x.gguf"),
        header(
            model="llama",
            tokens=["<unk>", "<s>", "</s>", "▁a"],
            scores=[0.0, 0.0, 0.0, -1.0],
            token_type=[2, 3, 3, 1],
            bos_token_id=1,
            eos_token_id=2,
        ),
    )
    assert found.scores == (0.0, 0.0, 0.0, -1.0)
    assert found.reading == Reading(begin_of_text=1)  # llama.cpp's default for this kind
    assert found.space_first


@pytest.mark.parametrize(
    ("splitting", "reading"),
    [
        ("gpt-2", AS_IT_IS),
        ("llama-bpe", Reading(begin_of_text=0)),
        ("qwen2", Reading(composed=True)),
        (None, AS_IT_IS),
    ],
)
def test_what_a_file_leaves_out_is_what_llama_cpp_takes(
    splitting: str | None, reading: Reading
) -> None:
    entries = {} if splitting is None else {"pre": splitting}
    found = tokens_of(
        Path("x.gguf"),
        header(
            model="gpt2", tokens=["a", "b"], merges=[], bos_token_id=0, eos_token_id=1, **entries
        ),
    )
    assert found.reading == reading
    assert found.splitting == (splitting or "default")


@pytest.mark.parametrize(
    "metadata",
    [
        {"model": "rwkv", "tokens": [], "eos_token_id": 0},
        {"tokens": ["a"], "eos_token_id": 0},
        {"model": "rwkv", "tokens": ["a"]},
        {"model": "gpt2", "tokens": ["a"], "eos_token_id": 0},
        {"model": "llama", "tokens": ["a"], "eos_token_id": 0},
        {"model": "gpt2", "tokens": ["a"], "merges": []},
        {"model": "gpt2", "tokens": ["a"], "merges": [], "eos_token_id": 1},
    ],
)
def test_a_vocabulary_that_is_not_whole_is_one_line(metadata: dict[str, object]) -> None:
    with pytest.raises(CheckpointError, match=r"^x\.gguf: "):
        tokens_of(Path("x.gguf"), header(**metadata))


def test_a_vocabulary_of_another_kind_is_left_to_the_engine() -> None:
    found = tokens_of(Path("x.gguf"), header(model="rwkv", tokens=["a", "b"], eos_token_id=1))
    assert (found.splitting, found.end_of_text, found.reading) == ("rwkv", 1, AS_IT_IS)


def test_sentencepieces_own_tokens_are_taken_where_the_file_names_none() -> None:
    pieces = header(model="llama", tokens=["<unk>", "<s>", "</s>"], scores=[0.0, 0.0, 0.0])
    found = tokens_of(Path("x.gguf"), pieces)
    assert (found.begin_of_text, found.end_of_text) == (1, 2)


def test_a_text_is_prepared_as_its_model_saw_texts() -> None:
    assert AS_IT_IS.prepare(" cafe\u0301") == " cafe\u0301"
    assert Reading(composed=True).prepare("cafe\u0301") == "café"
    assert Reading(one_space=True).prepare("  two") == " two"


def test_sha256_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert sha256_of(path) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
