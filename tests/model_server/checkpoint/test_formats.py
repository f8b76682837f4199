"""The prompt format, told by the tokens that a vocabulary was given."""

from pathlib import Path

import pytest
from tiny_gguf import write_friends, write_llama, write_plain_gpt2

from model_server.checkpoint.formats import added_tokens, format_of
from model_server.checkpoint.gguf_header import read_header
from model_server.prompt_format import PromptFormat

PLAIN = PromptFormat(kind="plain", speaker="")


def test_names_between_angle_brackets_are_speakers() -> None:
    form = format_of(["<|endoftext|>", "<bort#1234>", "<Mrs. Fish>"])
    assert (form.kind, form.speakers) == ("speaker_token", ("bort#1234", "Mrs. Fish"))
    assert format_of(["<pad>", "<bort>"]).speakers == ("bort",)


def test_tags_of_ssi_bot_are_known() -> None:
    tags = ["<|endoftext|>", "<|sols|>", "<|soss|>", "<|sor|>", "<|eor|>", "<|sot|>", "<|eot|>"]
    assert format_of(tags) == PromptFormat(kind="ssi", speaker="")


@pytest.mark.parametrize(
    "added",
    [
        [],
        ["<|endoftext|>"],
        ["<unk>", "<s>", "</s>", "<pad>"],
        ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>", "<tool_call>"],
        ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>", "<unused0>", "<2mass>"],
        ["<extra_id_0>", "<fim_prefix>", "<file_sep>", "<0x0A>"],
        ["<bort>", "<|im_start|>"],
    ],
)
def test_what_other_vocabularies_have_makes_a_plain_format(added: list[str]) -> None:
    assert format_of(added) == PLAIN


def test_the_tokens_of_a_file_that_are_no_words(tmp_path: Path) -> None:
    friends = read_header(write_friends(tmp_path / "friends.gguf"))
    assert added_tokens(friends) == ("<|endoftext|>", "<bort>", "<juno>")
    assert added_tokens(read_header(write_llama(tmp_path / "llama.gguf"))) == ("<s>", "</s>")
    assert added_tokens(read_header(write_plain_gpt2(tmp_path / "a.gguf"))) == ("<|endoftext|>",)
