"""The prompt format, told by the tokens that a vocabulary was given."""

from pathlib import Path

import pytest
from tiny_gguf import write_friends, write_llama, write_plain_gpt2

from model_server.checkpoint.formats import format_of, format_of_file, reserved_of
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


def test_a_start_of_text_that_is_a_token_begins_every_text() -> None:
    added = ["<|endoftext|>", "<|startoftext|>", "<|pad|>", "[SEP]"]
    form = format_of(added, typed=added[1:])
    assert (form.kind, form.start, form.reserved) == ("plain", "<|startoftext|>", ("[SEP]",))
    assert format_of(added).start == "", "no text could begin with it"


def test_marks_in_brackets_are_reserved_and_words_are_not() -> None:
    tokens = ("<pad>", "[PAD]", "</s>", "lol", "  ", "<a b>", "<|sor|>", "\n\n")
    assert reserved_of(tokens) == ("<pad>", "[PAD]", "</s>")
    assert reserved_of(f"<unused{number}>" for number in range(200)) == ()
    friends = format_of(["<|endoftext|>", "<pad>", "<bort>", "[PAD]"])
    assert friends.reserved == ("<pad>", "[PAD]")


def test_the_format_of_a_file_is_told_by_its_vocabulary(tmp_path: Path) -> None:
    friends = format_of_file(read_header(write_friends(tmp_path / "friends.gguf")))
    assert (friends.kind, friends.speakers) == ("speaker_token", ("bort", "juno"))
    for path in (write_llama(tmp_path / "llama.gguf"), write_plain_gpt2(tmp_path / "a.gguf")):
        assert format_of_file(read_header(path)) == PLAIN
