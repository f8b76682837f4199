"""One round: which place comes next, what is shown of it, and whether two lines are a fair pair."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Literal

from botconvo.game.score import Score
from botconvo.personas import PersonaName
from botconvo.transcript.grammar import Command, Line

__all__ = [
    "SHOWN",
    "Deal",
    "Guess",
    "Round",
    "Spot",
    "Verdict",
    "deal",
    "fair_pair",
    "order_of",
    "printed",
    "session_digest",
    "verdict_words",
]

Guess = Literal["friend", "clone"]

SHOWN = 8
"""Lines of the talk before a place that a player sees."""
_LONGEST = 200
"""Characters of one of them: eight lines and the rest have to fit into a Discord message."""
_CHARACTERS = 4
"""A token has, in English."""
_PICTURES = {
    Command.PHOTO: "a photo",
    Command.VIDEO: "a video",
    Command.MEME: "a meme",
    Command.SCREEN: "a picture of a screen",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a line stands, without any text: ``session`` is a digest, ``line`` counts from 0."""

    session: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a player sees; nothing in it tells whose ``text`` it is.

    ``context`` are pairs of name and words, the oldest first; ``score`` is the player's so far,
    with this version of the clone.
    """

    id: str
    persona: PersonaName
    context: tuple[tuple[str, str], ...]
    text: str
    score: Score = field(default_factory=Score)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A round with what its player must not know yet."""

    round: Round
    spot: Spot
    is_real: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``score`` is the player's with this version of the clone, this round counted."""

    persona: PersonaName
    was_real: bool
    is_right: bool
    score: Score


def session_digest(started: datetime) -> str:
    """Stands for the session that began then; nobody finds out what was said by trying lines."""
    return hashlib.sha256(f"session\n{started.isoformat()}".encode()).hexdigest()


def order_of(spots: Sequence[Spot], shown: Iterable[Spot], rng: Random) -> tuple[int, ...]:
    """The indices of those that can still be shown to a player, as they are tried.

    ``shown`` are all that they were shown, with any clone.  Lines before one of these stood before
    it, as they were really said, so that they would be known again.
    """
    latest: dict[str, int] = {}
    for spot in shown:
        latest[spot.session] = max(spot.line, latest.get(spot.session, -1))
    fresh = [i for i, spot in enumerate(spots) if spot.line > latest.get(spot.session, -1)]
    rng.shuffle(fresh)
    return tuple(fresh)


def fair_pair(real: str, clone: str, *, max_tokens: int) -> bool:
    """Whether neither line gives itself away: they differ, and the clone could say as much."""
    if " ".join(real.casefold().split()) == " ".join(clone.casefold().split()):
        return False
    return len(real) <= max_tokens * _CHARACTERS


def deal(
    round_id: str,
    persona: PersonaName,
    spot: Spot,
    context: Sequence[Line],
    *,
    real: str,
    clone: str,
    rng: Random,
) -> Deal:
    """A round at a spot; a fair coin decides which of the two lines is shown."""
    is_real = rng.random() < 0.5
    shown = Round(
        id=round_id,
        persona=persona,
        context=printed(context),
        text=real if is_real else clone,
    )
    return Deal(round=shown, spot=spot, is_real=is_real)


def printed(context: Sequence[Line]) -> tuple[tuple[str, str], ...]:
    """The last lines before a place, as people read them: names, and what was said or done."""
    rows = ((line.name, _words(line)) for line in context)
    return tuple((name, words) for name, words in rows if words)[-SHOWN:]


def _words(line: Line) -> str:
    """Nothing for what only a machine reads."""
    if line.says:
        text = line.argument
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1].rstrip()}…"
    if line.command is Command.REACT and line.argument:
        return f"({line.argument})"
    picture = _PICTURES.get(line.command) if line.command is not None else None
    return "" if picture is None else f"({picture})"


def verdict_words(verdict: Verdict) -> str:
    """Whether it was right, and what it was, in one sentence."""
    name = verdict.persona
    whose = f"{name} wrote that" if verdict.was_real else f"that was {name}'s clone"
    return f"Right: {whose}." if verdict.is_right else f"Wrong: {whose}."
