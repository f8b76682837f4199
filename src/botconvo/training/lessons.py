"""Corrections as something to train on: the line that was judged behind what stood before it.

A line that was kept is one of the person's own.  One that was not is made less likely (token by
token, "unlikelihood"), with less weight: most of its words are innocent.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from botconvo.conversation.corrections import Correction, Judgement
from botconvo.people import People
from botconvo.transcript.cleaning import PROFILES
from botconvo.transcript.grammar import Line, print_line
from botconvo.transcript.lines import transcript
from model_server.prompt_format import PromptFormat

__all__ = ["WEIGHTS", "Lesson", "lessons_digest", "lessons_of"]

WEIGHTS: Mapping[Judgement, float] = {"good": 1.0, "bad": -0.5, "never": -1.0}
"""Against 1 for a token of the person's own lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """``lines`` end with the one that was judged; below 0 ``weight`` makes that less likely."""

    lines: tuple[Line, ...]
    weight: float


def lessons_of(
    corrections: Iterable[Correction], people: People, form: PromptFormat
) -> tuple[Lesson, ...]:
    """The corrections of ``form.speaker``'s lines, rendered as a live talk is."""
    return tuple(
        lesson for each in corrections if (lesson := _lesson(each, people, form)) is not None
    )


def lessons_digest(lessons: Sequence[Lesson]) -> str:
    """SHA-256 in hexadecimal: the same lessons, the same digest."""
    told = [[each.weight, *map(print_line, each.lines)] for each in lessons]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _lesson(correction: Correction, people: People, form: PromptFormat) -> Lesson | None:
    spoken = transcript(
        (*correction.context, correction.line),
        people,
        PROFILES[form.cleaning],
        init_after=timedelta(seconds=form.init_after_s),
    )
    lines = tuple(each.line for each in spoken)
    if not lines or not lines[-1].says or spoken[-1].message != correction.message:
        return None
    return Lesson(lines=lines, weight=WEIGHTS[correction.judgement])
