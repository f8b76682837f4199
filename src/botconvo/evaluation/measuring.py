"""All measures of one clone, of heaps of messages that are there already.  Pure.

It knows nothing of servers, torch or files: scores of replies are handed in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from botconvo.corpus import Session
from botconvo.evaluation.attribution import BUNDLES, Attributor
from botconvo.evaluation.copying import Copying, Learned, copying_of
from botconvo.evaluation.drawn import Drawn, words_drawn
from botconvo.evaluation.evidence import Evidence, Place, Said
from botconvo.evaluation.habits import HabitFound, compare, habits, known_words, mean_words
from botconvo.evaluation.intervals import Estimate
from botconvo.evaluation.markov import markov_lines
from botconvo.evaluation.report import Attributed, Example, Heap
from botconvo.evaluation.two_sample import mauve, tell_apart
from botconvo.evaluation.variety import Variety, variety_of

__all__ = ["Heaps", "Measured", "attribute", "examples_of", "heaps_of", "measure", "own_lines"]

_EXAMPLES = 8
_STEPS = 4
"""Who is taken for whom, telling apart, habits, copies."""
_MOST = 2_000
"""Real messages of one heap, evenly over their time: more take long and narrow nothing."""
_COMPARED: tuple[Heap, ...] = ("clone", "prompted", "markov")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heaps:
    """Messages by heap.  ``all`` has every repeat, ``paired`` one for each place where both the
    clone and its friend use words; ``real`` of that heap are the friend's at the same places.

    ``halves`` are the friend's own words, earlier and later, as many as there are pairs.
    """

    all: Mapping[Heap, tuple[Said, ...]]
    paired: Mapping[Heap, tuple[Said, ...]]
    real_for: Mapping[Heap, tuple[Said, ...]]
    halves: tuple[tuple[Said, ...], tuple[Said, ...]]
    reactions: Mapping[Heap, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Every measure that texts alone give."""

    attribution: tuple[Attributed, ...]
    two_sample: Mapping[Heap, Estimate | None]
    mauve: Mapping[Heap, Estimate | None]
    habits: Mapping[Heap, tuple[HabitFound, ...]]
    mean_words: Mapping[Heap, float]
    variety: Mapping[Heap, Variety]
    copying: Mapping[Heap, Copying]


def heaps_of(
    friend: str,
    evidence: Evidence,
    places: Sequence[Place],
    drawn: Mapping[Heap, Sequence[Drawn]],
    learned: Sequence[str],
    *,
    seed: int = 0,
) -> Heaps:
    """Sort what was said and drawn; ``learned`` are the friend's own lines that it learned from."""
    later = evidence.later_words(friend)
    spoken = [place for place in places if place.said is not None]
    markov = _at(spoken, markov_lines(learned, len(spoken), seed=seed)) if learned else ()
    strangers = [name for name in evidence.friends if name != friend]
    others = tuple(said for name in strangers for said in evidence.later_words(name))
    every: dict[Heap, tuple[Said, ...]] = {
        "real": _thinned(later, _MOST),
        "markov": markov,
        "others": _thinned(others, _MOST),
    }
    paired: dict[Heap, tuple[Said, ...]] = {"markov": markov}
    real_for: dict[Heap, tuple[Said, ...]] = {"markov": _really(spoken)}
    for heap, found in drawn.items():
        every[heap] = words_drawn(found, places)
        first = [d for d in found if d.repeat == 0 and _words_both(d, places)]
        paired[heap] = words_drawn(first, places)
        real_for[heap] = _really([places[d.place] for d in first])
    halves = _halves((*evidence.earlier.get(friend, ()), *later), len(real_for.get("clone", later)))
    reacted: dict[Heap, float] = {h: _share([d.reacts for d in f]) for h, f in drawn.items()}
    reacted["real"] = _share([place.said is None for place in places])
    return Heaps(all=every, paired=paired, real_for=real_for, halves=halves, reactions=reacted)


def _at(places: Sequence[Place], lines: Sequence[str]) -> tuple[Said, ...]:
    pairs = zip(places, lines, strict=True)
    return tuple(Said(text=line, session=place.session) for place, line in pairs)


def _really(places: Sequence[Place]) -> tuple[Said, ...]:
    return tuple(said for place in places if (said := place.said) is not None)


def _words_both(drawn: Drawn, places: Sequence[Place]) -> bool:
    return bool(drawn.text) and not drawn.reacts and places[drawn.place].said is not None


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / max(1, len(flags))


def _halves(said: Sequence[Said], count: int) -> tuple[tuple[Said, ...], tuple[Said, ...]]:
    """The earlier and the later half, evenly thinned to ``count`` each; none shares a session."""
    middle = len(said) // 2
    border = said[middle].session if said else 0
    early = [each for each in said if each.session < border]
    late = [each for each in said if each.session >= border]
    return _thinned(early, count), _thinned(late, count)


def _thinned(said: Sequence[Said], count: int) -> tuple[Said, ...]:
    if len(said) <= count:
        return tuple(said)
    return tuple(said[i * len(said) // count] for i in range(count))


def measure(
    friend: str,
    evidence: Evidence,
    heaps: Heaps,
    learned: Learned,
    attributor: Attributor | None,
    *,
    seed: int = 0,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> Measured:
    """All that texts tell; ``told`` hears how many of the steps are done."""
    told(0, _STEPS)
    attribution = attribute(friend, heaps.all, attributor, seed=seed)
    compared = [heap for heap in _COMPARED if heap in heaps.paired]
    told(1, _STEPS)
    apart: dict[Heap, Estimate | None] = {"real": tell_apart(*heaps.halves, seed=seed)}
    overlap: dict[Heap, Estimate | None] = {"real": mauve(*heaps.halves, seed=seed)}
    for heap in compared:
        apart[heap] = tell_apart(heaps.paired[heap], heaps.real_for[heap], seed=seed)
        overlap[heap] = mauve(heaps.paired[heap], heaps.real_for[heap], seed=seed)
    told(2, _STEPS)
    known = known_words(evidence.earlier.values())
    found: dict[Heap, tuple[HabitFound, ...]] = {"real": _habits(known, *heaps.halves, seed=seed)}
    for heap in compared:
        found[heap] = _habits(known, heaps.real_for[heap], heaps.paired[heap], seed=seed)
    real = heaps.real_for.get("clone", heaps.all["real"])
    texts: dict[Heap, tuple[Said, ...]] = {"real": real, **{h: heaps.paired[h] for h in compared}}
    told(3, _STEPS)
    copying: dict[Heap, Copying] = {
        heap: copying_of(said, learned, seed=seed)
        for heap, said in heaps.all.items()
        if heap != "others"
    }
    told(_STEPS, _STEPS)
    return Measured(
        attribution=attribution,
        two_sample=apart,
        mauve=overlap,
        habits=found,
        mean_words={heap: mean_words(said) for heap, said in texts.items()},
        variety={heap: variety_of(said, seed=seed) for heap, said in texts.items()},
        copying=copying,
    )


def _habits(
    known: frozenset[str], first: Sequence[Said], second: Sequence[Said], *, seed: int
) -> tuple[HabitFound, ...]:
    return tuple(compare(habit, first, second, seed=seed) for habit in habits(known))


def attribute(
    friend: str,
    heaps: Mapping[Heap, Sequence[Said]],
    attributor: Attributor | None,
    *,
    seed: int = 0,
) -> tuple[Attributed, ...]:
    """For every size of a bundle and every heap; nothing where nobody else is known."""
    if attributor is None or friend not in attributor.friends:
        return ()
    return tuple(
        Attributed(
            messages=bundle,
            shares={
                heap: attributor.share(friend, said, bundle, seed=seed)
                for heap, said in heaps.items()
            },
        )
        for bundle in BUNDLES
    )


def examples_of(drawn: Sequence[Drawn], places: Sequence[Place]) -> tuple[Example, ...]:
    """A few places, evenly over the time, at which both use words and somebody spoke before."""
    found = []
    for each in drawn:
        place = places[each.place]
        before = [f"{line.name}: {line.argument}" for line in place.context if line.says]
        if each.repeat == 0 and before and _words_both(each, places):
            text = each.text or ""
            found.append(Example(before=before[-1], real=place.line.argument, clone=text))
    count = min(_EXAMPLES, len(found))
    return tuple(found[i * len(found) // count] for i in range(count))


def own_lines(sessions: Sequence[Session], friend: str) -> tuple[str, ...]:
    """A friend's words in sessions, in order."""
    return tuple(
        line.argument
        for session in sessions
        for line in session.lines
        if line.says and line.name == friend
    )
