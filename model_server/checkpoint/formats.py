"""Which prompt format weights have learned, told by the tokens that their vocabulary was given.

A guess from names alone, and only where nothing else has such names: everything else is plain.
"""

import re
from collections.abc import Iterable

from model_server.checkpoint.gguf_header import Header
from model_server.checkpoint.tokens import Kind
from model_server.prompt_format import END_OF_TEXT, START_OF_TEXT, PromptFormat

__all__ = ["format_of", "format_of_file", "reserved_of"]

_SSI_TAGS = {"<|sols|>", "<|soss|>", "<|sor|>", "<|soopr|>", "<|soocr|>"}
"""What begins a post or a reply of ssi-bot."""
_NAME = re.compile(r"<(?P<name>[^<>|/:;\\\n]{1,40})>")
_NO_NAMES = re.compile(
    r"s|/s|unk\w*|pad|mask|cls|sep|bos|eos|eot|eod|eop|eom|sop|0x[0-9a-fA-F]{2}|\d+"
    r"|\w*(?:unused|extra_id|reserved|special)\w*|start_of_\w+|end_of_\w+|\w+_(?:start|end|token)"
    r"|think\w*|tool\w*|fim\w*|file_sep|image\w*|audio\w*|video\w*|user|assistant|system",
    re.IGNORECASE,
)
"""Tokens between angle brackets that other vocabularies have."""
_MARK, _MANY = re.compile(r"<\S*>|\[\S*\]"), 100
_FRAME = {"<pad>", "<|pad|>", "[PAD]", "<unk>", "<|startoftext|>", "<s>", "</s>"}
"""Tokens that people add to GPT-2's besides."""


def format_of_file(header: Header) -> PromptFormat:
    """The format of a GGUF file's weights, told by its tokens that are no pieces of words."""
    tokens = header.texts("tokenizer.ggml.tokens") or []
    kinds = header.metadata.get("tokenizer.ggml.token_type", [])
    pairs = tuple(zip(tokens, kinds if isinstance(kinds, list) else [], strict=False))
    return format_of(
        (token for token, kind in pairs if kind in (Kind.CONTROL, Kind.USER_DEFINED)),
        typed=(token for token, kind in pairs if kind == Kind.USER_DEFINED),
    )


def format_of(added: Iterable[str], *, typed: Iterable[str] = ()) -> PromptFormat:
    """The format of weights whose vocabulary has these tokens beside its words; it names nobody.

    Plain, unless there are tags of ssi-bot, or nothing but GPT-2's end of text and names in angle
    brackets, as FriendSimulator added them.  ``typed`` are those of the tokens that the engine
    finds in any text; where the format is written with tokens, it finds all.
    """
    everything, typed = tuple(added), tuple(typed)
    tokens = [token for token in everything if token != END_OF_TEXT]
    if _SSI_TAGS.intersection(tokens):
        return PromptFormat(kind="ssi", speaker="", reserved=reserved_of(everything))
    speakers = tuple(_speaker(token) for token in tokens if token not in _FRAME)
    if speakers and None not in speakers:
        return PromptFormat(
            kind="speaker_token",
            speaker="",
            speakers=tuple(filter(None, speakers)),
            reserved=reserved_of(token for token in tokens if token in _FRAME),
        )
    start = START_OF_TEXT if START_OF_TEXT in typed else ""
    return PromptFormat(kind="plain", speaker="", start=start, reserved=reserved_of(typed))


def reserved_of(tokens: Iterable[str]) -> tuple[str, ...]:
    """Those that people's words must not hold: marks in brackets.

    None of a vocabulary with many of them: there they are for pages and programs, and frame no
    prompt of ours.  Those like ``<|tag|>`` no format lets through, so they need not be listed.
    """
    marks = tuple(token for token in tokens if _MARK.fullmatch(token) and token[:2] != "<|")
    return marks if len(marks) <= _MANY else ()


def _speaker(token: str) -> str | None:
    found = _NAME.fullmatch(token)
    return None if found is None or _NO_NAMES.fullmatch(found["name"]) else found["name"]
