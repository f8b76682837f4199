"""Heaps of messages for tests."""

import random
from collections.abc import Sequence

from botconvo.evaluation.evidence import Place, Said
from botconvo.transcript.grammar import Line

__all__ = ["POTATO", "SMALL", "a_place", "babble", "said"]

SMALL = "yes no what is up then lol maybe game tonight pizza okay really great".split()
POTATO = "POTATO! Spuds? Tuber; MASH Chips: Fries! Peel (Root) Soil. Gravy".split()


def said(*texts: str, session: int = 0) -> tuple[Said, ...]:
    return tuple(Said(text=text, session=session) for text in texts)


def babble(count: int, words: Sequence[str] = SMALL, *, seed: int = 0) -> tuple[Said, ...]:
    """Messages of one to ten random words, ten to a session."""
    rng = random.Random(seed)
    return tuple(
        Said(text=" ".join(rng.choices(words, k=rng.randint(1, 10))), session=i // 10)
        for i in range(count)
    )


def a_place(text: str, *, session: int = 0, before: str = "hello", name: str = "Bort") -> Place:
    context = (Line(name="Al", argument=before),)
    return Place(session=session, context=context, line=Line(name=name, argument=text))
