"""What an evaluation may find, made up for tests."""

from collections.abc import Mapping
from typing import Any

from builders import NOON

from botconvo.evaluation.copying import Copying
from botconvo.evaluation.habits import HabitFound
from botconvo.evaluation.intervals import Estimate
from botconvo.evaluation.leaks import Leaks
from botconvo.evaluation.membership import Membership
from botconvo.evaluation.report import Attributed, CloneFound, Example, Heap, Matrix, Report
from botconvo.evaluation.variety import Variety

__all__ = ["a_clone", "a_habit", "a_matrix", "a_report", "about", "some_leaks"]

HEAPS: tuple[Heap, ...] = ("clone", "real", "prompted", "markov", "others")


def about(value: float, *, width: float = 0.05, n: int = 300) -> Estimate:
    return Estimate(value=value, low=value - width, high=value + width, n=n)


def figures(*values: float | None) -> Mapping[Heap, Estimate | None]:
    pairs = zip(HEAPS, values, strict=False)
    return {heap: None if value is None else about(value) for heap, value in pairs}


def a_habit(name: str = "length", distance: float = 0.1) -> HabitFound:
    return HabitFound(
        name=name,
        kinds=("a", "b"),
        distance=about(distance),
        first=(0.25, 0.75),
        second=(0.5, 0.5),
    )


def some_leaks(**changed: Any) -> Leaks:
    """Those of a clone behind a gate that gives nothing away."""
    values: dict[str, Any] = {
        "without_gate": Copying(long=100, verbatim=about(0.0), longest=5, mean_span=2.0),
        "known": 1.0,
        "candidates": 1500,
        "held_back": 0,
        "changed": 0,
        "slipped": 0,
        "said": {},
        "learned": {},
        "suspicious": {},
        "membership": Membership(auc=about(0.55), by_time=about(0.5), learned=300, later=300),
    }
    return Leaks(**(values | changed))


def a_clone(name: str = "Bort", **changed: Any) -> CloneFound:
    """One with which all is well."""
    values: dict[str, Any] = {
        "name": name,
        "checkpoint": "0123456789abcdef" * 4,
        "base": "a base",
        "learned_lines": 4000,
        "later_messages": 400,
        "later_sessions": 30,
        "drawn": 300,
        "silent": 0,
        "temperature": (0.7, 0.7),
        "attribution": tuple(
            Attributed(messages=n, shares=figures(0.6, 0.6, 0.2, 0.6, 0.1)) for n in (1, 5, 20)
        ),
        "two_sample": figures(0.6, 0.55, 0.9, 0.6),
        "mauve": figures(0.8, 0.9, 0.2, 0.9),
        "ranking": {"clone": about(0.3), "prompted": about(0.2), "markov": about(0.1)},
        "ranking_chance": 0.1,
        "habits": {"clone": (a_habit(),), "real": (a_habit(),)},
        "mean_words": {"clone": 6.0, "real": 6.0, "prompted": 12.0, "markov": 6.0},
        "variety": {
            heap: Variety(distinct_1=0.5, distinct_2=0.9, repeated=about(0.02))
            for heap in ("clone", "real", "prompted", "markov")
        },
        "copying": {"clone": Copying(long=100, verbatim=about(0.0), longest=5, mean_span=2.0)},
        "leaks": some_leaks(),
        "reactions": {"clone": 0.02, "real": 0.03},
        "examples": (Example(before="Al: hi", real="hello", clone="hey"),),
    }
    return CloneFound(**(values | changed))


def a_matrix() -> Matrix:
    return Matrix(
        rows=("Al", "Bort"),
        columns=("the base", "Al", "Bort"),
        cells=((about(90.0), about(30.0), None), (about(80.0), about(60.0), about(40.0))),
    )


def a_report(*clones: CloneFound, matrix: Matrix | None = None) -> Report:
    return Report(
        made=NOON,
        botconvo="0",
        seed=0,
        border=NOON,
        friends=("Al", "Bort"),
        preset="group-chat",
        clones=clones,
        perplexity=matrix,
    )
