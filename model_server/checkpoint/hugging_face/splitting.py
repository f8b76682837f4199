"""Which of llama.cpp's ways to split a text into words a ``tokenizer.json`` describes.

Known by what the file says, never by a model's name; a way that is not known here is refused,
because a model that is given other tokens than it was trained on talks nonsense.
"""

from collections.abc import Mapping
from typing import Any, Literal

from model_server.checkpoint.tokens import SENTENCEPIECE

__all__ = ["Spaces", "splitting_of"]

Spaces = Literal["never", "always", "one"]
"""Whether a text is read with a space before it: always, or only where it begins with none."""

_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_LLAMA3 = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _REST
_QWEN2 = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _REST

_BY_PATTERN = {
    # (pattern, text is composed first, whole words are looked up before merging)
    (_GPT2, False, False): "gpt-2",
    (_LLAMA3, False, True): "llama-bpe",
    (_LLAMA3, False, False): "smaug-bpe",
    (_QWEN2, True, False): "qwen2",
    (_QWEN2, False, False): "stablelm2",
    ("digits " + _GPT2, False, False): "smollm",
}
"""llama.cpp's names.  They stand for more than a pattern, and so does the key."""


def splitting_of(parsed: Mapping[str, Any]) -> tuple[str, Spaces] | None:
    """llama.cpp's name for the splitting of a parsed ``tokenizer.json``, and when a space is put
    before a text; None for an unknown splitting."""
    model, before = parsed["model"], _steps(parsed.get("pre_tokenizer"), "pretokenizers")
    normal = _steps(parsed.get("normalizer"), "normalizers")
    if model.get("byte_fallback"):
        spaces = _sentencepiece(normal, before)
        return (SENTENCEPIECE, spaces) if spaces else None
    composed = normal == [{"type": "NFC"}]
    if normal and not composed:
        return None
    whole = bool(model.get("ignore_merges", False))
    name = _BY_PATTERN.get((_pattern(before), composed, whole))
    return (name, "never") if name else None


def _steps(part: Any, key: str) -> list[dict[str, Any]]:
    if part is None:
        return []
    steps: list[dict[str, Any]] = part[key] if part["type"] == "Sequence" else [part]
    return steps


def _pattern(before: list[dict[str, Any]]) -> str:
    """The pattern by which words are cut out; empty where it is none."""
    if not before or before[-1]["type"] != "ByteLevel" or before[-1].get("add_prefix_space"):
        return ""
    first, own = before[:-1], before[-1].get("use_regex", True)
    if not first:
        return _GPT2 if own else ""
    if len(first) > 1:
        return ""
    if first[0] == {"type": "Digits", "individual_digits": True}:
        return "digits " + _GPT2 if own else ""
    cuts = first[0]["type"] == "Split" and first[0].get("behavior") == "Isolated"
    if own or not cuts or first[0].get("invert"):
        return ""
    return str(first[0]["pattern"].get("Regex", ""))


_PIECE_SPACE = "▁"
_SPACES = {"type": "Replace", "pattern": {"String": " "}, "content": _PIECE_SPACE}
_SPACE_FIRST = {"type": "Prepend", "prepend": _PIECE_SPACE}


def _sentencepiece(normal: list[dict[str, Any]], before: list[dict[str, Any]]) -> Spaces | None:
    """How a text that stays in one piece gets its spaces; None if it is something else."""
    if normal in ([_SPACES], [_SPACE_FIRST, _SPACES]):
        # Cutting at a space, where none is left, cuts nothing.
        if all(s["type"] == "Split" and s["pattern"] == {"String": " "} for s in before):
            return "always" if _SPACE_FIRST in normal else "never"
        return None
    if normal or len(before) != 1 or before[0]["type"] != "Metaspace":
        return None
    step = before[0]
    if step.get("replacement") != _PIECE_SPACE or step.get("split") is not False:
        return None
    schemes: dict[str, Spaces] = {"first": "one", "never": "never"}
    return schemes.get(step.get("prepend_scheme", "always"))
