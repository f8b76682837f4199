"""Whether two texts are nearly the same.  Pure.

They are where only case, punctuation, drawn-out letters ("soooo") or a few letters or words differ,
or where one of several words stands whole in the other.
"""

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

__all__ = ["Folded", "are_near", "fold", "is_near_copy"]

_WORD = re.compile(r"[^\W_]+")
_RUN = re.compile(r"(.)\1+")
_ALIKE = 0.85
"""Similarity (difflib's ratio, of words and of letters) from which texts are nearly the same."""
_PAIRS_ALIKE = 0.5
"""Share of neighbouring letters in common (Dice's) below which texts cannot be that similar: a
bound that costs a microsecond, where a removal is compared with every candidate of every turn."""
_FEW_LETTERS = 8
"""Below that a letter makes another word."""
_FEW_WORDS = 3
"""Fewer words than these may well stand in another text."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What of a text counts."""

    words: tuple[str, ...]
    letters: str
    pairs: frozenset[str]
    """Neighbouring letters."""


def is_near_copy(text: str, refused: str) -> bool:
    """Whether a text is nearly the same as one that was removed."""
    return are_near(fold(text), fold(refused))


def fold(text: str) -> Folded:
    """What a comparison needs of a text, made once."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("'", "").replace("’", "")
    words = tuple(_RUN.sub(r"\1", word) for word in _WORD.findall(plain))
    # What holds no word (emoji) counts as it stands.
    letters = "".join(words) or "".join(plain.split())
    return Folded(words, letters, frozenset(map("".join, pairwise(letters))))


def are_near(mine: Folded, refused: Folded) -> bool:
    """Whether the first is nearly the same as the second, or holds it."""
    if mine.letters == refused.letters:
        return True
    if not mine.words or not refused.words:
        return False
    if _holds(mine.words, refused.words):
        return True
    if min(len(mine.letters), len(refused.letters)) < _FEW_LETTERS:
        return False
    shared = len(mine.pairs & refused.pairs)
    if 2 * shared < _PAIRS_ALIKE * (len(mine.pairs) + len(refused.pairs)):
        return False
    return _are_similar(mine.letters, refused.letters) or (
        len(refused.words) > _FEW_WORDS and _are_similar(mine.words, refused.words)
    )


def _holds(mine: tuple[str, ...], refused: tuple[str, ...]) -> bool:
    """Whether the refused words stand in mine, side by side."""
    many = len(refused)
    if many < _FEW_WORDS or refused[0] not in mine:
        return False
    return any(mine[at : at + many] == refused for at in range(len(mine) - many + 1))


def _are_similar(mine: str | tuple[str, ...], refused: str | tuple[str, ...]) -> bool:
    shorter, longer = sorted((len(mine), len(refused)))
    if 2 * shorter < _ALIKE * (shorter + longer):
        return False
    matcher: SequenceMatcher[str] = SequenceMatcher(None, refused, mine, autojunk=False)
    return matcher.quick_ratio() >= _ALIKE and matcher.ratio() >= _ALIKE
