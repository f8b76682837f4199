"""What clones are measured against: what people said until a border in time, and after it.  Pure.

The border is the last moment that any of the compared clones was trained on.  Only sessions that
began after it are later ones: no clone has seen them, nor what stands before a line in them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from botconvo.corpus import Session
from botconvo.errors import CorpusError
from botconvo.transcript.grammar import Command, Line

__all__ = [
    "CONTEXT",
    "LATER_NEEDED",
    "Evidence",
    "Place",
    "Said",
    "check_enough",
    "evidence_of",
    "places_of",
    "spread",
]

CONTEXT = 14
"""Lines before a place, for clones of manners that give none."""
LATER_NEEDED = 40
"""Later messages of a person below which every interval says "anything is possible"."""
_EARLIER_NEEDED = 50
"""Earlier lines from which on a classifier can know somebody; a corpus needs as many."""
_ACTS = (None, Command.REPLY, Command.REACT)
"""What a clone can do in a talk, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Words of one message; ``session`` is a number that only its own session has."""

    text: str
    session: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place of a later session: what was really said there, and what stood before it."""

    session: int
    context: tuple[Line, ...]
    line: Line
    number: int = 0
    """Which line of its session it is, from 0."""

    @property
    def said(self) -> Said | None:
        """The words; None for a reaction."""
        if not self.line.says:
            return None
        return Said(text=self.line.argument, session=self.session)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everybody's words by name, earlier and later; ``friends`` are those one can be taken for."""

    border: datetime
    friends: tuple[str, ...]
    earlier: Mapping[str, tuple[Said, ...]]
    later: Mapping[str, tuple[Place, ...]]
    sessions: tuple[tuple[int, Session], ...]
    """The later ones, with their numbers."""

    def later_words(self, friend: str) -> tuple[Said, ...]:
        """What a friend said later, in order."""
        said = (place.said for place in self.later.get(friend, ()))
        return tuple(each for each in said if each is not None)


def evidence_of(
    sessions: Iterable[Session], border: datetime, *, context_lines: int = CONTEXT
) -> Evidence:
    """Divide ``sessions``, those of all channels; a place has at most ``context_lines`` lines."""
    ordered = sorted(sessions, key=lambda session: session.started)
    earlier: dict[str, list[Said]] = {}
    later: dict[str, list[Place]] = {}
    unseen: list[tuple[int, Session]] = []
    for number, session in enumerate(ordered):
        if session.started <= border:
            for line in session.lines:
                if line.says:
                    said = Said(text=line.argument, session=number)
                    earlier.setdefault(line.name, []).append(said)
            continue
        unseen.append((number, session))
        for name, place in _places(number, session, context_lines):
            later.setdefault(name, []).append(place)
    known = {name: tuple(said) for name, said in earlier.items()}
    return Evidence(
        border=border,
        friends=tuple(sorted(n for n, said in known.items() if len(said) >= _EARLIER_NEEDED)),
        earlier=known,
        later={name: tuple(places) for name, places in later.items()},
        sessions=tuple(unseen),
    )


def _places(number: int, session: Session, most: int) -> Iterable[tuple[str, Place]]:
    for i, line in enumerate(session.lines):
        if line.command in _ACTS and line.argument:
            context = session.lines[max(0, i - most) : i]
            yield line.name, Place(session=number, context=context, line=line, number=i)


def places_of(sessions: Sequence[Session], friend: str, most: int) -> tuple[Place, ...]:
    """A friend's places in sessions that were learned from; their numbers are below 0."""
    return tuple(
        place
        for number, session in enumerate(sessions, start=-len(sessions))
        for name, place in _places(number, session, most)
        if name == friend
    )


def check_enough(evidence: Evidence, friend: str) -> None:
    """
    Raises:
        CorpusError: too little of ``friend`` is later than all training.
    """
    count = len(evidence.later_words(friend))
    if count < LATER_NEEDED:
        raise CorpusError(
            f"{friend}: {count} messages are later than all that the clones were trained on (until "
            f"{evidence.border:%Y-%m-%d %H:%M}), and {LATER_NEEDED} are needed; import newer "
            f"messages of {friend}, or evaluate fewer clones at once"
        )


def spread(places: Sequence[Place], most: int) -> tuple[Place, ...]:
    """At most ``most`` of them, evenly over all of their time."""
    if len(places) <= most:
        return tuple(places)
    return tuple(places[i * len(places) // most] for i in range(most))
