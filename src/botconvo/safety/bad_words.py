"""Words that the owner wants to hear from no clone: found as whole words, however written.  Pure.

FriendSimulator's ``bad_words``, with one difference: it kept a model from drawing their tokens, and
so half a word passed.  Here what was drawn is read, and a candidate that holds one is not said.
"""

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["bad_word_in"]


def bad_word_in(text: str, words: Iterable[str]) -> str | None:
    """The first of ``words`` that stands in ``text`` as a word, or as words side by side."""
    folded = _folded(text)
    for word in words:
        wanted = _folded(word)
        if wanted and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", folded):
            return word
    return None


def _folded(text: str) -> str:
    """Small letters, one form of every letter, one space between words."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
