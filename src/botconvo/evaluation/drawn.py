"""What was drawn at the places of later sessions, as values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from botconvo.evaluation.evidence import Place, Said

__all__ = ["Drawn", "words_drawn", "words_ungated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What was said at a place the ``repeat``-th time (from 0); no ``text`` where nothing was fit.

    ``reacts`` says that the text is an emoji put on a message.  ``ungated`` is what would have been
    said if the leak gate had not held it back; None where the gate changed nothing.  ``copied`` of
    the ``candidates`` that were drawn were held back.
    """

    place: int
    repeat: int
    text: str | None
    reacts: bool = False
    ungated: str | None = None
    candidates: int = 0
    copied: int = 0


def words_drawn(
    drawn: Sequence[Drawn], places: Sequence[Place], *, repeat: int | None = None
) -> tuple[Said, ...]:
    """The words among what was drawn; of one repeat, or of all."""
    return tuple(
        Said(text=each.text, session=places[each.place].session)
        for each in drawn
        if each.text and not each.reacts and repeat in (None, each.repeat)
    )


def words_ungated(drawn: Sequence[Drawn], places: Sequence[Place]) -> tuple[Said, ...]:
    """The words that would have been said without the leak gate."""
    free = [
        replace(each, text=each.ungated, reacts=False) if each.ungated is not None else each
        for each in drawn
    ]
    return words_drawn(free, places)
