"""What people removed is not said again, nor anything nearly the same.

Two texts are nearly the same where only case, punctuation, drawn-out letters ("soooo") or a few
letters or words differ, or where one of several words stands whole in the other.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from botconvo.conversation.events import Objection
from botconvo.ports import KnownFilter

__all__ = ["Refusals", "is_near_copy"]

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
class _Folded:
    """What of a text counts."""

    words: tuple[str, ...]
    letters: str
    pairs: frozenset[str]
    """Neighbouring letters."""


def is_near_copy(text: str, refused: str) -> bool:
    """Whether a text is nearly the same as one that was removed."""
    return _alike(_fold(text), _fold(refused))


class Refusals:
    """Implements ``TextFilter``: ``inner``, and nothing that was refused.

    ``refused`` are the texts by their numbers.
    """

    def __init__(self, inner: KnownFilter, refused: Iterable[tuple[int, str]] = ()) -> None:
        self._inner = inner
        self._refused = {number: _fold(text) for number, text in refused}

    def refuse(self, number: int, text: str) -> None:
        """Let nothing pass that is nearly the same, from now on."""
        self._refused[number] = _fold(text)

    def allow(self, number: int) -> None:
        """Forget a refusal."""
        self._refused.pop(number, None)

    def keep_only(self, numbers: Collection[int]) -> None:
        """Forget all other refusals."""
        self._refused = {n: text for n, text in self._refused.items() if n in numbers}

    def digest(self) -> str:
        """Another one for other refusals."""
        refused = sorted(each.letters for each in self._refused.values())
        return hashlib.sha256(json.dumps([self._inner.digest(), refused]).encode()).hexdigest()

    def objection(self, text: str) -> Objection | None:
        mine = _fold(text)
        if any(_alike(mine, refused) for refused in self._refused.values()):
            return "unsafe"
        return self._inner.objection(text)


def _fold(text: str) -> _Folded:
    plain = unicodedata.normalize("NFKC", text).casefold().replace("'", "").replace("’", "")
    words = tuple(_RUN.sub(r"\1", word) for word in _WORD.findall(plain))
    # What holds no word (emoji) counts as it stands.
    letters = "".join(words) or "".join(plain.split())
    return _Folded(words, letters, frozenset(map("".join, pairwise(letters))))


def _alike(mine: _Folded, refused: _Folded) -> bool:
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
    return _are_alike(mine.letters, refused.letters) or (
        len(refused.words) > _FEW_WORDS and _are_alike(mine.words, refused.words)
    )


def _holds(mine: tuple[str, ...], refused: tuple[str, ...]) -> bool:
    """Whether the refused words stand in mine, side by side."""
    many = len(refused)
    if many < _FEW_WORDS:
        return False
    return any(mine[at : at + many] == refused for at in range(len(mine) - many + 1))


def _are_alike(mine: str | tuple[str, ...], refused: str | tuple[str, ...]) -> bool:
    shorter, longer = sorted((len(mine), len(refused)))
    if 2 * shorter < _ALIKE * (shorter + longer):
        return False
    matcher: SequenceMatcher[str] = SequenceMatcher(None, refused, mine, autojunk=False)
    return matcher.quick_ratio() >= _ALIKE and matcher.ratio() >= _ALIKE
