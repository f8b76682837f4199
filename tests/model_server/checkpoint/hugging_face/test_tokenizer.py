"""Tokenizer files alone: what is known is read whole, what is not known is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_model import tiny_tokens

from model_server.checkpoint.hugging_face.settings import Settings
from model_server.checkpoint.hugging_face.tokenizer import read_tokenizer, read_tokenizer_json
from model_server.checkpoint.tokens import END_OF_TEXT, SENTENCEPIECE, Kind, Tokens
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
        ([], "is not a JSON object"),
        ({"model": {}}, "not a tokenizers file"),
        (
            tokenizer_file(tiny_tokens(), pre_tokenizer={"type": "Whitespace"}),
            "the engine does not know",
        ),
        (
            tokenizer_file(
                tiny_tokens(), pre_tokenizer={"type": "ByteLevel", "add_prefix_space": True}
            ),
            "the engine does not know",
        ),
        (
            tokenizer_file(tiny_tokens(), added_tokens=[{"id": 999, "content": "<x>"}]),
            "263 tokens .* rows for 1000",
        ),
    ],
)
def test_another_kind_of_tokenizer_is_refused(tmp_path: Path, content: object, word: str) -> None:
    with pytest.raises(CheckpointError, match=word):
        read_tokenizer_json(written(tmp_path, content))


def test_holes_between_ids_are_filled(tmp_path: Path) -> None:
    beyond = {"id": len(tiny_tokens().tokens) + 2, "content": "<x>"}
    content = tokenizer_file(tiny_tokens())
    content["added_tokens"].append(beyond)
    tokens = read_tokenizer_json(written(tmp_path, content))
    assert tokens.tokens[-3:] == ("[PAD262]", "[PAD263]", "<x>")
    assert tokens.kinds[-3:] == (Kind.UNUSED, Kind.UNUSED, Kind.USER_DEFINED)


def test_a_vocabulary_without_end_of_text_is_refused(tmp_path: Path) -> None:
    content = tokenizer_file(tiny_tokens(), added_tokens=[])
    del content["model"]["vocab"][END_OF_TEXT]
    with pytest.raises(CheckpointError, match="which token ends a text"):
        read_tokenizer_json(written(tmp_path, content))


LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def cut(pattern: str) -> dict[str, Any]:
    return {
        "type": "Sequence",
        "pretokenizers": [
            {
                "type": "Split",
                "pattern": {"Regex": pattern},
                "behavior": "Isolated",
                "invert": False,
            },
            LEVEL,
        ],
    }


DIGITS = {
    "type": "Sequence",
    "pretokenizers": [{"type": "Digits", "individual_digits": True}, LEVEL | {"use_regex": True}],
}


@pytest.mark.parametrize(
    ("before", "normal", "whole", "name"),
    [
        (cut(GPT2), None, False, "gpt-2"),
        (cut(LLAMA3), None, True, "llama-bpe"),
        (cut(LLAMA3), None, False, "smaug-bpe"),
        (cut(QWEN2), {"type": "NFC"}, False, "qwen2"),
        (cut(QWEN2), {"type": "Sequence", "normalizers": []}, False, "stablelm2"),
        (DIGITS, None, False, "smollm"),
    ],
)
def test_a_splitting_is_known_by_what_the_file_says(
    tmp_path: Path, before: Any, normal: Any, whole: bool, name: str
) -> None:
    content = tokenizer_file(tiny_tokens(), pre_tokenizer=before, normalizer=normal)
    content["model"]["ignore_merges"] = whole
    assert read_tokenizer_json(written(tmp_path, content)).splitting == name


@pytest.mark.parametrize(
    ("before", "normal", "whole"),
    [
        (cut(LLAMA3), {"type": "NFC"}, True),
        (cut(LLAMA3), {"type": "Lowercase"}, True),
        (cut(QWEN2), {"type": "NFC"}, True),
        (cut(LLAMA3.replace("{1,3}", "{1,2}")), None, False),
        (DIGITS, None, True),
        (None, None, False),
        (LEVEL, None, False),
        ({**cut(GPT2), "pretokenizers": [*cut(GPT2)["pretokenizers"]] * 2}, None, False),
    ],
)
def test_an_unknown_splitting_is_refused(
    tmp_path: Path, before: Any, normal: Any, whole: bool
) -> None:
    content = tokenizer_file(tiny_tokens(), pre_tokenizer=before, normalizer=normal)
    content["model"]["ignore_merges"] = whole
    with pytest.raises(CheckpointError, match="the engine does not know"):
        read_tokenizer_json(written(tmp_path, content))


def test_a_tokenizer_that_is_no_bpe_is_refused(tmp_path: Path) -> None:
    content = tokenizer_file(tiny_tokens())
    content["model"]["type"] = "Unigram"
    with pytest.raises(CheckpointError, match="is a Unigram model"):
        read_tokenizer_json(written(tmp_path, content))


def test_two_tokens_of_one_id_are_refused(tmp_path: Path) -> None:
    content = tokenizer_file(tiny_tokens())
    content["added_tokens"].append({"id": 3, "content": "<x>"})
    with pytest.raises(CheckpointError, match="have one id, 3"):
        read_tokenizer_json(written(tmp_path, content))


PIECES = ["a", "b", "▁", "ab", "ba", "abab", "<", "/", "s", ">", "</", "s>"]
MERGES = ["a b", "b a", "ab ab", "< /", "s >"]


def pieces_file(*, merges: list[str] = MERGES, byte: str = "<0x{:02X}>") -> dict[str, Any]:
    """Sentencepiece's kind, in which ``</s>`` can be put together from what somebody types."""
    special = ["<unk>", "<s>", "</s>"]
    pieces = [*special, *(byte.format(number) for number in range(256)), *PIECES]
    return {
        "model": {
            "type": "BPE",
            "byte_fallback": True,
            "unk_token": "<unk>",
            "vocab": {piece: number for number, piece in enumerate(pieces)},
            "merges": merges,
        },
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": None,
        "added_tokens": [
            *(
                {"id": number, "content": token, "special": True}
                for number, token in enumerate(special)
            ),
            {"id": len(pieces), "content": "▁▁", "special": False},
        ],
    }


def read_pieces(folder: Path, content: dict[str, Any]) -> Tokens:
    written(folder, content)
    rows = len(content["model"]["vocab"]) + 1
    return read_tokenizer(folder, Settings(folder / "config.json", {"eos_token_id": 2}), rows)[0]


def test_pieces_have_scores_in_the_order_of_their_merges(tmp_path: Path) -> None:
    tokens = read_pieces(tmp_path, pieces_file())
    scores = dict(zip(tokens.tokens, tokens.scores, strict=True))
    assert scores["ab"] > scores["ba"] > scores["abab"] > scores["</"]
    assert (tokens.merges, tokens.space_first, tokens.splitting) == ((), False, SENTENCEPIECE)


def test_every_piece_has_its_kind(tmp_path: Path) -> None:
    tokens = read_pieces(tmp_path, pieces_file())
    kinds = [Kind(kind) for kind in tokens.kinds]
    assert kinds[:4] == [Kind.UNKNOWN, Kind.CONTROL, Kind.CONTROL, Kind.BYTE]
    assert set(kinds[3:259]) == {Kind.BYTE}
    assert set(kinds[259:-1]) == {Kind.NORMAL}
    assert tokens.typed == ("  ",)  # two spaces, as they are typed


def test_an_end_that_could_be_typed_gets_a_name_that_cannot(tmp_path: Path) -> None:
    tokens = read_pieces(tmp_path, pieces_file())
    assert tokens.tokens[:3] == ("<unk>", "⟦<s>⟧", "⟦</s>⟧")


def test_runs_of_spaces_may_be_merged_in_any_order(tmp_path: Path) -> None:
    """They are tokens of their own, found before anything is merged."""
    content = pieces_file(merges=["▁ ▁▁", "a b", "▁ ▁", "▁▁ ▁", *MERGES[1:]])
    content["added_tokens"].append({"id": 272, "content": "▁▁▁", "special": False})
    written(tmp_path, content)
    settings = Settings(tmp_path / "config.json", {"eos_token_id": 2})
    tokens, _ = read_tokenizer(tmp_path, settings, 273)
    assert tokens.typed == ("  ", "   ")


@pytest.mark.parametrize(
    "merges",
    [
        [m for m in MERGES if m != "b a"],  # llama.cpp would join b and a
        ["ab ab", "a b", "ab ab", *MERGES[1:]],  # one piece at two ranks
    ],
)
def test_merges_that_no_scores_can_say_are_refused(tmp_path: Path, merges: list[str]) -> None:
    with pytest.raises(CheckpointError, match="do not come from sentencepiece"):
        read_pieces(tmp_path, pieces_file(merges=merges))


def test_pieces_without_all_bytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="a piece for every byte"):
        read_pieces(tmp_path, pieces_file(byte="<{:02X}>"))


def spaces(scheme: str, **changes: Any) -> dict[str, Any]:
    step = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": False}
    content = pieces_file() | {"normalizer": None, "pre_tokenizer": step | changes}
    content["added_tokens"] = content["added_tokens"][:3]
    content["model"]["vocab"]["x"] = len(content["model"]["vocab"])
    return content


def test_one_space_before_a_text_is_enough_where_the_file_says_so(tmp_path: Path) -> None:
    tokens = read_pieces(tmp_path, spaces("first"))
    assert (tokens.space_first, tokens.one_space) == (True, True)
    tokens = read_pieces(tmp_path, spaces("never"))
    assert (tokens.space_first, tokens.one_space) == (False, False)


@pytest.mark.parametrize(
    "content", [spaces("always"), spaces("first", split=True), spaces("first", replacement="_")]
)
def test_other_treatments_of_spaces_are_refused(tmp_path: Path, content: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="the engine does not know"):
        read_pieces(tmp_path, content)
