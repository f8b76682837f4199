"""From what somebody typed to the words that a transcript keeps.

Named profiles, because the name of the profile is saved with every checkpoint: a clone must meet
live the same kind of text that it was trained on.  Pure; mentions are resolved by the caller's
names, so this module knows no platform beyond the shape of its markup.
"""

import re
from collections.abc import Callable

__all__ = ["PROFILES", "clean_chat"]

_LINK = re.compile(r"<?\b(?:https?://|www\.)\S+")
_CUSTOM_EMOJI = re.compile(r"<a?(:\w+:)\d+>")
_TIMESTAMP = re.compile(r"<t:-?\d+(?::[tTdDfFR])?>")
_MENTION = re.compile(r"<(?:@[!&]?|#)\d+>")
_CODE_BLOCK = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_QUOTED_LINE = re.compile(r"^> [^\n]*\n?", re.MULTILINE)
_INVISIBLE = re.compile(r"[\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_SPACES = re.compile(r"\s+")
_MAX_CHARACTERS = 500
"""Longer messages are cut at a word: copied texts teach a clone nothing about its friend."""


def clean_chat(text: str) -> str:
    """One line of plain words: no links, markup, quotes of others, code blocks or line breaks.

    Unresolved mentions, links and time stamps are dropped; a custom emoji keeps its ``:name:``.
    The result is empty when nothing of the person's own is left.
    """
    text = _CODE_BLOCK.sub(" ", text)
    text = _QUOTED_LINE.sub("", text)
    text = _CUSTOM_EMOJI.sub(r"\1", text)
    for pattern in (_LINK, _TIMESTAMP, _MENTION, _INVISIBLE):
        text = pattern.sub(" ", text)
    text = text.replace("<|endoftext|>", " ").replace("<|startoftext|>", " ")
    return _cut(_SPACES.sub(" ", text).strip())


def _cut(text: str) -> str:
    if len(text) <= _MAX_CHARACTERS:
        return text
    whole_words = text[:_MAX_CHARACTERS].rsplit(" ", 1)[0]
    return whole_words.rstrip()


PROFILES: dict[str, Callable[[str], str]] = {"chat": clean_chat, "none": str.strip}
"""The cleaning profiles by the name that a checkpoint's manifest keeps."""
