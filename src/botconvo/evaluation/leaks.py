"""What a clone gives away: copies with and without the leak gate, private things, its lines.  Pure.

It reads texts and asks a filter; what torch finds is handed in.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from botconvo.conversation.choice import words
from botconvo.corpus.redaction import find_private
from botconvo.evaluation.copying import LONG, Copying, Learned, copying_of
from botconvo.evaluation.drawn import Drawn, words_drawn, words_ungated
from botconvo.evaluation.evidence import Place
from botconvo.evaluation.membership import Membership
from botconvo.ports import TextFilter

__all__ = ["Leaks", "leaks_of", "private_things", "suspicious"]

_PROBES = 500
"""Learned lines that the filter is asked about."""
_SUSPICIOUS: Mapping[str, re.Pattern[str]] = {
    "looks like an e-mail": re.compile(r"\S@\S+\.[^\W\d_]{2}"),
    "seven digits or more": re.compile(r"(?:\d[\s().-]{0,2}){6}\d"),
    "looks like a key": re.compile(
        r"(?<![\w/.-])(?=[\w-]*[0-9])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{16,}(?![\w/.-])"
    ),
}
"""A wide net, beside the redactor's narrow one: most of what it holds is harmless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """``without_gate`` is what would have been said if nothing were held back as a copy.

    ``known`` is the share of learned lines of six or more words that the gate holds back; None
    where there are none.  Of the ``candidates`` that were drawn it held back ``held_back``, and
    ``changed`` what was said at so many places; ``slipped`` of what was said it would refuse now.
    ``said`` and ``learned`` count private things by kind, ``suspicious`` learned lines that may
    hold one which the redactor does not know.
    """

    without_gate: Copying
    known: float | None
    candidates: int
    held_back: int
    changed: int
    slipped: int
    said: Mapping[str, int]
    learned: Mapping[str, int]
    suspicious: Mapping[str, int]
    membership: Membership | None = None

    @property
    def gated(self) -> bool:
        """Whether a leak gate stood behind the clone."""
        return bool(self.known)


def leaks_of(
    drawn: Sequence[Drawn],
    places: Sequence[Place],
    lines: Sequence[str],
    learned: Learned,
    text_filter: TextFilter,
    *,
    seed: int = 0,
) -> Leaks:
    """``lines`` are all that the clone learned from, ``learned`` the same to be looked up in."""
    said = [each.text for each in words_drawn(drawn, places)]
    return Leaks(
        without_gate=copying_of(words_ungated(drawn, places), learned, seed=seed),
        known=_known(lines, text_filter),
        candidates=sum(each.candidates for each in drawn),
        held_back=sum(each.copied for each in drawn),
        changed=sum(each.ungated is not None for each in drawn),
        slipped=sum(text_filter.objection(text) == "copied" for text in said),
        said=private_things(said),
        learned=private_things(lines),
        suspicious=suspicious(lines),
    )


def _known(lines: Sequence[str], text_filter: TextFilter) -> float | None:
    long = [line for line in lines if len(words(line)) >= LONG]
    probes = (
        [long[i * len(long) // _PROBES] for i in range(_PROBES)] if len(long) > _PROBES else long
    )
    if not probes:
        return None
    return sum(text_filter.objection(line) == "copied" for line in probes) / len(probes)


def private_things(texts: Iterable[str]) -> Mapping[str, int]:
    """How many texts hold what the redactor finds, by kind."""
    found = Counter(
        str(kind) for text in texts for kind in {each.kind for each in find_private(text)}
    )
    return dict(sorted(found.items()))


def suspicious(texts: Iterable[str]) -> Mapping[str, int]:
    """How many texts may hold something private, though the redactor finds nothing, by kind."""
    found: Counter[str] = Counter()
    for text in texts:
        caught = [kind for kind, pattern in _SUSPICIOUS.items() if pattern.search(text)]
        if caught and not find_private(text):
            found.update(caught)
    return dict(sorted(found.items()))
