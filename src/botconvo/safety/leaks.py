"""Nothing that stands in the imported messages is said word for word.  Pure.

A small model learns some lines by heart.  Whoever agreed to be cloned did not agree to have their
own sentences read out, so a candidate is dropped that holds ``SPAN`` words in a row of any message
that was imported, or ``RARE_SPAN`` in a row that all are rare there: of a secret, a name and an
address the rest of the sentence does not matter.  Short lines ("ok see you tomorrow then") hold no
such span and are exempt, and so is what everybody says: a span that ``EVERYDAY`` people wrote.

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

__all__ = ["EVERYDAY", "RARE_SPAN", "RULES", "SPAN", "LeakIndex", "build_index", "spoken_words"]

RULES = 2
"""Another number for every change of what an index holds."""
SPAN = 6
"""Words in a row that nobody says again by chance, unless it is a common phrase."""
RARE_SPAN = 3
"""Rare words in a row that nobody says again by chance."""
RARE = 2_000
"""A word is rare if it is not more than one in so many; below so many words nobody can tell.

Real later lines that are held back wrongly rise by .1 % (the sample server) and .6 % (a public
channel) with it, and by .3 and 1.4 % at 1,000.
"""
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
_Pairs = tuple[Digests, npt.NDArray[np.uint32]]


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
        """Whether a text holds a span that stands in a message.  Some 0.2 ms."""
        said = spoken_words(text)
        if len(said) < RARE_SPAN or not len(self.spans):
            return False
        words = _digests(said, self.key)
        digests = np.concatenate([_spans_of(words, length) for length in (RARE_SPAN, SPAN)])
        places = np.searchsorted(self.spans, digests)
        places[places == len(self.spans)] = 0
        return bool((self.spans[places] == digests).any())


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Messages as the numbers of their words, one behind the other, and of their writers."""

    words: npt.NDArray[np.uint32]
    lengths: npt.NDArray[np.uint32]
    writers: npt.NDArray[np.uint32]


def build_index(
    messages: Iterable[tuple[str, str]], key: bytes, told: Callable[[int], None] = lambda _: None
) -> LeakIndex:
    """An index over messages, as pairs of author and text; ``told`` hears how many are done.

    ``key`` must be random, of 16 to 64 bytes.
    """
    words, authors = _Numbers(), _Numbers()
    batches = []
    done = 0
    for some in _several(messages):
        batches.append(_numbered(some, words, authors))
        done += len(some)
        told(done)
    digests = _digests(words, key)
    counts = sum(
        (np.bincount(batch.words, minlength=len(words)) for batch in batches),
        start=np.zeros(len(words), dtype=np.int64),
    )
    rare = counts <= counts.sum() // RARE
    pairs = [_spans_by(batch, digests, SPAN, None) for batch in batches]
    pairs += [_spans_by(batch, digests, RARE_SPAN, rare) for batch in batches]
    spans = np.concatenate([np.empty(0, np.uint64), *(spans for spans, _ in pairs)])
    by = np.concatenate([np.empty(0, np.uint32), *(by for _, by in pairs)])
    return LeakIndex(key, _by_few(spans, by))


class _Numbers(dict[str, int]):
    """A number for every name that is asked for."""

    def __missing__(self, name: str) -> int:
        self[name] = number = len(self)
        return number


def _several(messages: Iterable[tuple[str, str]]) -> Iterator[Sequence[tuple[str, str]]]:
    waiting = iter(messages)
    while some := tuple(islice(waiting, _AT_ONCE)):
        yield some


def _numbered(messages: Sequence[tuple[str, str]], words: _Numbers, authors: _Numbers) -> _Batch:
    numbers: list[int] = []
    lengths: list[int] = []
    for _, text in messages:
        said = spoken_words(text)
        numbers.extend(words[word] for word in said)
        lengths.append(len(said))
    return _Batch(
        words=np.array(numbers, dtype=np.uint32),
        lengths=np.array(lengths, dtype=np.uint32),
        writers=np.array([authors[author] for author, _ in messages], dtype=np.uint32),
    )


def _digests(words: Iterable[str], key: bytes) -> Digests:
    """Keyed digests of words."""
    whole = (hashlib.blake2b(word.encode(), digest_size=8, key=key).digest() for word in words)
    return np.frombuffer(b"".join(whole), dtype="<u8").astype(np.uint64)


def _spans_by(
    batch: _Batch, digests: Digests, length: int, rare: npt.NDArray[np.bool_] | None
) -> _Pairs:
    """All spans of ``length`` words with the number of who wrote each; no pair comes twice.

    ``rare`` says of every word whether it may stand in one; None: each may.
    """
    spans = _spans_of(digests[batch.words], length)
    places = np.arange(len(spans))
    ends = np.repeat(np.cumsum(batch.lengths), batch.lengths)[: len(spans)]
    within = places + length <= ends  # none goes over from one message to the next
    if rare is not None:
        for place in range(length):
            within &= rare[batch.words[place : place + len(spans)]]
    by = np.repeat(batch.writers, batch.lengths)[: len(spans)]
    return _pairs(spans[within], by[within])


def _spans_of(words: Digests, length: int) -> Digests:
    """The digest of every ``length`` words in a row: (n,) to (n - length + 1,), or none."""
    total = np.zeros(max(0, len(words) - length + 1), dtype=np.uint64)
    for place in range(length):
        total = _spread(total + words[place : place + len(total)])
    return total


def _spread(numbers: Digests) -> Digests:
    step, first, second = _SPREAD
    numbers = numbers + step
    numbers = (numbers ^ (numbers >> np.uint64(30))) * first
    numbers = (numbers ^ (numbers >> np.uint64(27))) * second
    return numbers ^ (numbers >> np.uint64(31))


def _pairs(spans: Digests, by: npt.NDArray[np.uint32]) -> _Pairs:
    """The pairs in order of span and then of writer, each once."""
    order = np.lexsort((by, spans))
    spans, by = spans[order], by[order]
    new = np.ones(len(spans), dtype=bool)
    new[1:] = (spans[1:] != spans[:-1]) | (by[1:] != by[:-1])
    return spans[new], by[new]


def _by_few(spans: Digests, by: npt.NDArray[np.uint32]) -> Digests:
    """The spans that fewer than ``EVERYDAY`` people wrote."""
    spans, by = _pairs(spans, by)
    kinds, people = np.unique(spans, return_counts=True)
    few: Digests = kinds[people < EVERYDAY]
    return few
