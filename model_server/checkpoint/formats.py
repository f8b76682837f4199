"""Which prompt format weights have learned, told by the tokens that their vocabulary was given.

A guess from names alone, and only where nothing else has such names: everything else is plain.
"""

import re
from collections.abc import Iterable

from model_server.checkpoint.gguf_header import Header
from model_server.checkpoint.tokens import Kind
from model_server.prompt_format import END_OF_TEXT, PromptFormat

__all__ = ["added_tokens", "format_of"]

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
_FRAME = {"<pad>", "<|pad|>", "[PAD]", "<unk>", "<|startoftext|>", "<s>", "</s>"}
"""Tokens that people add to GPT-2's besides."""


def added_tokens(header: Header) -> tuple[str, ...]:
    """The tokens of a GGUF file that are no pieces of words."""
    tokens = header.texts("tokenizer.ggml.tokens") or []
    kinds = header.metadata.get("tokenizer.ggml.token_type", [])
    kinds = kinds if isinstance(kinds, list) else []
    pairs = zip(tokens, kinds, strict=False)
    return tuple(token for token, kind in pairs if kind in (Kind.CONTROL, Kind.USER_DEFINED))


def format_of(added: Iterable[str]) -> PromptFormat:
    """The format of weights whose vocabulary has these tokens beside its words; it names nobody.

    Plain, unless there are tags of ssi-bot, or nothing but GPT-2's end of text and names in angle
    brackets, as FriendSimulator added them.
    """
    tokens = [token for token in added if token != END_OF_TEXT]
    if _SSI_TAGS.intersection(tokens):
        return PromptFormat(kind="ssi", speaker="")
    speakers = tuple(_speaker(token) for token in tokens if token not in _FRAME)
    if speakers and None not in speakers:
        return PromptFormat(
            kind="speaker_token", speaker="", speakers=tuple(filter(None, speakers))
        )
    return PromptFormat(kind="plain", speaker="")


def _speaker(token: str) -> str | None:
    found = _NAME.fullmatch(token)
    return None if found is None or _NO_NAMES.fullmatch(found["name"]) else found["name"]
