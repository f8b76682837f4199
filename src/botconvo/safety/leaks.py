"""Nothing that stands in the imported messages is said word for word.  Pure.

A small model learns some lines by heart.  Whoever agreed to be cloned did not agree to have their
own sentences read out, so a candidate is dropped that holds ``SPAN`` words in a row of any message
that was imported.  Short lines ("ok see you tomorrow then") hold no such span and are exempt, and
so is what everybody says: a span that at least ``EVERYDAY`` people wrote.

The index holds no words: 64-bit digests of spans, made with a random key.  Nobody can try out
without the key whether a sentence stands in it, so once the key is gone, copies of an index say
nothing.

Words are what stands between spaces and punctuation, so scripts without spaces (Chinese, Japanese,
Thai) have hardly any spans: there the gate holds back next to nothing.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

__all__ = ["EVERYDAY", "SPAN", "LeakIndex", "build_index", "spoken_words"]

SPAN = 6
"""Words in a row that nobody says again by chance, unless it is a common phrase."""
EVERYDAY = 3
"""So many people who wrote a span make it a common phrase."""

_WORD = re.compile(r"[^\W_]+")
_AT_ONCE = 100_000
"""Messages that are worked on together: some 20 MB."""
_SPREAD = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xBF58476D1CE4E5B9),
    np.uint64(0x94D049BB133111EB),
)
"""Constants of SplitMix64 (Steele, Lea and Flood, 2014), which spreads sums over all bits."""

Digests = npt.NDArray[np.uint64]


def spoken_words(text: str) -> list[str]:
    """The words of a text without case, punctuation and apostrophes."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("'", "").replace("’", "")
    return _WORD.findall(plain)


@dataclass(frozen=True, slots=True, eq=False)
class LeakIndex:
    """``spans``: digests under ``key``, of shape (n,), rising, each once."""

    key: bytes
    spans: Digests

    def digest(self) -> str:
        """Of all that decides what it finds."""
        content = self.key + self.spans.tobytes() if len(self.spans) else b""
        return hashlib.sha256(content).hexdigest()

    def copies(self, text: str) -> bool:
        """Whether a text holds a span that stands in a message.  Some 50 µs."""
        said = spoken_words(text)
        if len(said) < SPAN or not len(self.spans):
            return False
        hasher = _Hasher(self.key)
        digests = _spans_of(np.array([hasher(word) for word in said], dtype=np.uint64))
        places = np.searchsorted(self.spans, digests)
        places[places == len(self.spans)] = 0
        return bool((self.spans[places] == digests).any())


class _Hasher:
    """Keyed digests of words; each word is digested once."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[str, int] = {}

    def __call__(self, word: str) -> int:
        digest = self._known.get(word)
        if digest is None:
            whole = hashlib.blake2b(word.encode(), digest_size=8, key=self._key).digest()
            digest = self._known[word] = int.from_bytes(whole, "little")
        return digest


def build_index(
    messages: Iterable[tuple[str, str]], key: bytes, told: Callable[[int], None] = lambda _: None
) -> LeakIndex:
    """An index over messages, as pairs of author and text; ``told`` hears how many are done.

    ``key`` must be random, of 16 to 64 bytes.
    """
    hasher, authors = _Hasher(key), _Numbers()
    spans, by = [np.empty(0, np.uint64)], [np.empty(0, np.uint32)]
    done = 0
    for batch in _batches(messages):
        some, who = _spans_by(batch, hasher, authors)
        spans.append(some)
        by.append(who)
        done += len(batch)
        told(done)
    return LeakIndex(key, _rare(np.concatenate(spans), np.concatenate(by)))


class _Numbers(dict[str, int]):
    """A number for every name that is asked for."""

    def __missing__(self, name: str) -> int:
        self[name] = number = len(self)
        return number


def _batches(messages: Iterable[tuple[str, str]]) -> Iterator[Sequence[tuple[str, str]]]:
    waiting = iter(messages)
    while batch := tuple(islice(waiting, _AT_ONCE)):
        yield batch


def _spans_by(
    messages: Sequence[tuple[str, str]], hasher: _Hasher, authors: _Numbers
) -> tuple[Digests, npt.NDArray[np.uint32]]:
    """All spans of some messages with the number of who wrote each; no pair comes twice."""
    words: list[int] = []
    lengths: list[int] = []
    writers: list[int] = []
    for author, text in messages:
        said = spoken_words(text)
        if len(said) >= SPAN:
            words.extend(map(hasher, said))
            lengths.append(len(said))
            writers.append(authors[author])
    if not words:
        return np.empty(0, np.uint64), np.empty(0, np.uint32)
    spans = _spans_of(np.array(words, dtype=np.uint64))
    sizes = np.array(lengths)
    ends = np.repeat(np.cumsum(sizes), sizes)[: len(spans)]
    by = np.repeat(np.array(writers, dtype=np.uint32), sizes)[: len(spans)]
    within = np.arange(len(spans)) + SPAN <= ends  # none goes over from one message to the next
    return _pairs(spans[within], by[within])


def _spans_of(words: Digests) -> Digests:
    """The digest of every ``SPAN`` words in a row: (n,) to (n - SPAN + 1,)."""
    total = np.zeros(len(words) - SPAN + 1, dtype=np.uint64)
    for place in range(SPAN):
        total = _spread(total + words[place : place + len(total)])
    return total


def _spread(numbers: Digests) -> Digests:
    step, first, second = _SPREAD
    numbers = numbers + step
    numbers = (numbers ^ (numbers >> np.uint64(30))) * first
    numbers = (numbers ^ (numbers >> np.uint64(27))) * second
    return numbers ^ (numbers >> np.uint64(31))


def _pairs(spans: Digests, by: npt.NDArray[np.uint32]) -> tuple[Digests, npt.NDArray[np.uint32]]:
    """The pairs in order of span and then of writer, each once."""
    order = np.lexsort((by, spans))
    spans, by = spans[order], by[order]
    new = np.ones(len(spans), dtype=bool)
    new[1:] = (spans[1:] != spans[:-1]) | (by[1:] != by[:-1])
    return spans[new], by[new]


def _rare(spans: Digests, by: npt.NDArray[np.uint32]) -> Digests:
    """The spans that fewer than ``EVERYDAY`` people wrote."""
    spans, by = _pairs(spans, by)
    kinds, people = np.unique(spans, return_counts=True)
    rare: Digests = kinds[people < EVERYDAY]
    return rare
