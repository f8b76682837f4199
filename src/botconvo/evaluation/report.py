"""What an evaluation found, as values, and as JSON (``docs/evaluation.md`` describes it).

Heaps of messages go by these names: ``clone``; ``real``, the friend's own later messages;
``prompted``, the untuned base that was shown ten of the friend's lines; ``markov``, a Markov chain
of the friend's lines; ``others``, later messages of everybody else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, Literal

from botconvo.evaluation.copying import Copying
from botconvo.evaluation.habits import HabitFound
from botconvo.evaluation.intervals import Estimate
from botconvo.evaluation.leaks import Leaks
from botconvo.evaluation.timing import MannersFound
from botconvo.evaluation.variety import Variety
from botconvo.game.score import Score, of_people

__all__ = [
    "FORMAT",
    "VERSION",
    "Attributed",
    "CloneFound",
    "Colour",
    "Example",
    "Figures",
    "GameFound",
    "Heap",
    "Light",
    "Matrix",
    "Report",
    "as_json",
    "game_found",
]

FORMAT, VERSION = "botconvo-evaluation", 1

Heap = Literal["clone", "real", "prompted", "markov", "others"]
Colour = Literal["green", "yellow", "red", "grey"]
Figures = Mapping[Heap, Estimate | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributed:
    """Of bundles of ``messages`` messages, the share taken for the friend, by heap."""

    messages: int
    shares: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Perplexity a token of each friend's later words (a row) under the base and every clone.

    ``cells[row][column]``; the first column is the base.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[Estimate | None, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """The last words before a place, what the friend said there, and what the clone says."""

    before: str
    real: str
    clone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GameFound:
    """What people made of it in the blind game: the share of rounds in which they told it from the
    friend, with Wilson's interval; ``text`` says so in one sentence."""

    told_apart: Estimate
    players: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """A verdict in one colour: a question, its answer in one sentence, and what it rests on."""

    question: str
    colour: Colour
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloneFound:
    """Everything about one clone.

    ``two_sample`` are AUCs and ``mauve`` overlaps against the friend's later messages; their
    ``real`` is the friend's own earlier half against the later one.  ``ranking`` has ``prompted``
    for the base without any lines shown to it.  ``habits`` go by heap as well.
    """

    name: str
    checkpoint: str
    base: str
    learned_lines: int
    later_messages: int
    later_sessions: int
    drawn: int
    silent: int
    """Places at which nothing fit to be said came."""
    temperature: tuple[float, float]
    attribution: tuple[Attributed, ...]
    two_sample: Figures
    mauve: Figures
    ranking: Figures
    ranking_chance: float
    habits: Mapping[Heap, tuple[HabitFound, ...]]
    mean_words: Mapping[Heap, float]
    variety: Mapping[Heap, Variety]
    copying: Mapping[Heap, Copying]
    leaks: Leaks
    reactions: Mapping[Heap, float]
    """Share of what is done that is an emoji put on a message."""
    manners: MannersFound | None = None
    """None where nothing was learned of when and how much the friend writes."""
    lights: tuple[Light, ...] = ()
    advice: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    notes: tuple[str, ...] = ()
    game: GameFound | None = None
    """Of this version of the clone; None: nobody has played."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole evaluation; ``border`` is the last moment that any clone was trained on."""

    made: datetime
    botconvo: str
    seed: int
    border: datetime
    friends: tuple[str, ...]
    preset: str
    clones: tuple[CloneFound, ...]
    perplexity: Matrix | None


def game_found(score: Score, name: str) -> GameFound | None:
    """None for no rounds."""
    if score.rounds == 0:
        return None
    low, high = score.interval
    share = Estimate(value=score.right / score.rounds, low=low, high=high, n=score.rounds)
    return GameFound(told_apart=share, players=score.players, text=of_people(score, name))


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain values; what could not be measured is null."""
    return {"format": FORMAT, "version": VERSION, **_plain(report)}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return round(value, 6)
    return value
