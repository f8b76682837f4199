"""Which authors may be one person, by their names alone: a suggestion, never a decision.

Only the owner knows; what they say stands in ``config.toml``.  Pure.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from botconvo.messages import AuthorId

__all__ = ["alike"]

_DISCRIMINATOR = re.compile(r"#\d{4}\Z")
_COUNTED = re.compile(r"(?<=[^\W\d_]{3})\d+\Z")
"""Digits behind a name, as in "bort_42"."""
_LONG_ENOUGH = 5
"""Letters of a name in which one more, less or other may be a slip; "ann" and "anna" are two."""
_FIRST_NAME = 3
_MOST_AT_ONE_NAME = 20
"""A name that so many share ("guest") says nothing."""

_Names = Mapping[AuthorId, Sequence[str]]


def alike(names: _Names) -> tuple[tuple[AuthorId, ...], ...]:
    """Groups of two and more, each in the order of ``names``.

    The same name, whatever its case, marks and emoji; across platforms also one with digits
    behind it, or one letter more, less or other, and a first name that is the only one there.
    """
    groups = _Groups(names)
    keys = {
        author: {key for name in shown if (key := _key(name))} for author, shown in names.items()
    }
    for authors in _by(keys, lambda key: [key]).values():
        groups.join(authors)
    for authors in _by(keys, _near).values():
        if len({_platform(author) for author in authors}) == len(authors):
            groups.join(authors)
    for authors in _first_names(names):
        groups.join(authors)
    return groups.found()


def _key(name: str) -> str:
    """A name as letters and digits alone, without accents; empty where nothing is left."""
    plain = unicodedata.normalize("NFKD", _DISCRIMINATOR.sub("", name)).casefold()
    word = "".join(filter(str.isalnum, plain))
    return word if len(word) > 1 else ""


def _near(key: str) -> Iterable[str]:
    """What two keys share that differ by a letter, or by digits: themselves without these."""
    shorter = _COUNTED.sub("", key)
    if len(key) < _LONG_ENOUGH:
        return {key, shorter}
    return {key, shorter, *(key[:at] + key[at + 1 :] for at in range(len(key)))}


def _by(
    keys: Mapping[AuthorId, Iterable[str]], forms: Callable[[str], Iterable[str]]
) -> dict[str, list[AuthorId]]:
    """Authors by the forms of their keys, those forms that a few share."""
    found: dict[str, list[AuthorId]] = defaultdict(list)
    for author, own in keys.items():
        for form in {form for key in own for form in forms(key)}:
            found[form].append(author)
    return {form: who for form, who in found.items() if 1 < len(who) <= _MOST_AT_ONE_NAME}


def _first_names(names: _Names) -> Iterable[list[AuthorId]]:
    """Pairs such as "Jane" on one platform and the only Jane of another, "Jane Doe"."""
    alone: dict[str, list[AuthorId]] = defaultdict(list)
    first: dict[tuple[str, str], set[AuthorId]] = defaultdict(set)
    for author, shown in names.items():
        for name in shown:
            words = [word for part in name.split() if (word := _key(part))]
            if not words or len(words[0]) < _FIRST_NAME:
                continue
            first[_platform(author), words[0]].add(author)
            if len(words) == 1:
                alone[words[0]].append(author)
    platforms = {platform for platform, _ in first}
    for word, authors in alone.items():
        for author in authors if len(authors) <= _MOST_AT_ONE_NAME else ():
            for platform in platforms - {_platform(author)}:
                others = first.get((platform, word), set())
                if len(others) == 1 and len(first[_platform(author), word]) == 1:
                    yield [author, *others]


def _platform(author: AuthorId) -> str:
    return author.partition(":")[0]


class _Groups:
    """Authors joined one by one (a union-find)."""

    def __init__(self, names: _Names) -> None:
        self._order = list(names)
        self._head = {author: author for author in names}

    def join(self, authors: Iterable[AuthorId]) -> None:
        heads = [self._of(author) for author in authors]
        for head in heads[1:]:
            self._head[self._of(head)] = self._of(heads[0])

    def found(self) -> tuple[tuple[AuthorId, ...], ...]:
        groups: dict[AuthorId, list[AuthorId]] = {}
        for author in self._order:
            groups.setdefault(self._of(author), []).append(author)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    def _of(self, author: AuthorId) -> AuthorId:
        while self._head[author] != author:
            self._head[author] = self._head[self._head[author]]
            author = self._head[author]
        return author
