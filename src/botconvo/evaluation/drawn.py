"""What was drawn at the places of later sessions, as values."""

from collections.abc import Sequence
from dataclasses import dataclass

from botconvo.evaluation.evidence import Place, Said

__all__ = ["KEPT", "Drawn", "words_drawn"]

KEPT = "evaluation"
"""The project's folder for what clones said when they were evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What was said at a place the ``repeat``-th time (from 0); no ``text`` where nothing was fit.

    ``reacts`` says that the text is an emoji put on a message.
    """

    place: int
    repeat: int
    text: str | None
    reacts: bool = False


def words_drawn(
    drawn: Sequence[Drawn], places: Sequence[Place], *, repeat: int | None = None
) -> tuple[Said, ...]:
    """The words among what was drawn; of one repeat, or of all."""
    return tuple(
        Said(text=each.text, session=places[each.place].session)
        for each in drawn
        if each.text and not each.reacts and repeat in (None, each.repeat)
    )
