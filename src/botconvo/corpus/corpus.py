"""What one clone is trained on, and what it is measured on: earlier sessions and later ones.

Split by time and not at random: a clone that has seen Tuesday knows too much about Tuesday.  It
knows nothing of consent: messages of people who did not agree must not reach it.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from botconvo.corpus.sessions import SILENCE, Session, split_into_sessions
from botconvo.errors import CorpusError
from botconvo.messages import Message
from botconvo.people import People

__all__ = ["MIN_OWN_LINES", "Corpus", "build_corpus"]

MIN_OWN_LINES = 50
"""With fewer lines of their own to learn from, a clone is nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Sessions in which ``speaker`` says something, with everybody else's lines as context."""

    speaker: str
    train: tuple[Session, ...]
    held_out: tuple[Session, ...]
    """Begun no earlier than any session of ``train``."""

    @property
    def own_train(self) -> int:
        """Lines of words by the speaker in ``train``."""
        return _own(self.train, self.speaker)

    @property
    def own_held_out(self) -> int:
        """Lines of words by the speaker in ``held_out``."""
        return _own(self.held_out, self.speaker)

    @property
    def lines(self) -> int:
        """Everybody's lines of words."""
        sessions = (*self.train, *self.held_out)
        return sum(line.says for session in sessions for line in session.lines)

    @property
    def speakers(self) -> tuple[str, ...]:
        """Everybody whose lines are in it, by name."""
        sessions = (*self.train, *self.held_out)
        return tuple(sorted({line.name for session in sessions for line in session.lines}))

    @property
    def trained_until(self) -> datetime | None:
        """No line of ``train`` was said later; None where the sessions do not tell."""
        return max((session.ended for session in self.train if session.ended), default=None)

    def digest(self) -> str:
        """SHA-256 of the printed text, in hexadecimal: the same corpus, the same digest."""
        printed = [
            "\n\n".join(session.text for session in part) for part in (self.train, self.held_out)
        ]
        return hashlib.sha256("\n\n\n".join(printed).encode()).hexdigest()


def build_corpus(
    messages: Iterable[Message],
    people: People,
    speaker: str,
    *,
    cleaning: Callable[[str], str],
    init_after: timedelta = SILENCE,
    held_out_share: float = 0.1,
) -> Corpus:
    """The corpus of ``speaker``, a name as ``people`` gives it.

    ``cleaning`` is a profile of ``botconvo.transcript.cleaning``; a session ends, and the next
    begins with ``INIT``, after a silence longer than ``init_after``.  ``held_out_share`` (0 to
    below 1) of the speaker's own lines, the latest ones, are kept out of training.

    Raises:
        CorpusError: fewer than ``MIN_OWN_LINES`` lines of the speaker are left to train on, or
            they all say the same.
    """
    if not 0.0 <= held_out_share < 1.0:
        raise ValueError(f"held_out_share is {held_out_share}, not a share from 0 to below 1")
    sessions = [
        session
        for session in split_into_sessions(messages, people, cleaning, silence=init_after)
        if session.said_by(speaker)
    ]
    train, held_out = _split(sessions, speaker, held_out_share)
    corpus = Corpus(speaker=speaker, train=train, held_out=held_out)
    if corpus.own_train < MIN_OWN_LINES:
        raise CorpusError(
            f"{speaker} has {corpus.own_train} lines to train on ({corpus.own_held_out} more are "
            f"held out) and needs {MIN_OWN_LINES}; import more of what {speaker} wrote"
        )
    if _are_alike(corpus):
        raise CorpusError(
            f"{speaker}'s {corpus.own_train} lines to train on all say the same; "
            f"import more of what {speaker} wrote"
        )
    return corpus


def _split(
    sessions: Sequence[Session], speaker: str, held_out_share: float
) -> tuple[tuple[Session, ...], tuple[Session, ...]]:
    """Whole sessions, unless the one that the border falls into is too long for either side."""
    wanted = round(_own(sessions, speaker) * held_out_share)
    later = _own(sessions, speaker)
    for place, session in enumerate(sessions):
        own = session.said_by(speaker)
        later -= own
        if later >= wanted:
            continue
        train, rest = tuple(sessions[:place]), tuple(sessions[place + 1 :])
        # Half as much or twice as much held out is fine; a session that is torn apart is not, as
        # its second half answers its first.
        earlier_is_nearer = later + own - wanted <= wanted - later
        if later * 2 >= wanted and not earlier_is_nearer:
            return (*train, session), rest
        if later + own <= 2 * wanted:
            return train, (session, *rest)
        first, second = _halves(session, speaker, own - (wanted - later))
        return (*train, first), (second, *rest)
    return tuple(sessions), ()


def _halves(session: Session, speaker: str, own: int) -> tuple[Session, Session]:
    """The session up to its ``own``-th line of the speaker (from 1), and the rest."""
    own_places = [
        place for place, line in enumerate(session.lines) if line.says and line.name == speaker
    ]
    border = own_places[own - 1] + 1
    return (
        replace(session, lines=session.lines[:border]),
        replace(session, lines=session.lines[border:]),
    )


def _are_alike(corpus: Corpus) -> bool:
    """Whether there is nothing to learn but one line."""
    said = (line for session in corpus.train for line in session.lines if line.says)
    return len({line.argument.casefold() for line in said if line.name == corpus.speaker}) < 2


def _own(sessions: Iterable[Session], speaker: str) -> int:
    return sum(session.said_by(speaker) for session in sessions)
