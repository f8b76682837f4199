"""What networks make of words, each thing counted once: kept in files, so that a run goes on.

A network is opened only where something is missing, and only one is in memory at a time.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from botconvo.corpus import Session
from botconvo.evaluation.evidence import Place
from botconvo.evaluation.kept import appending, digest_of, rows_in
from botconvo.evaluation.ranking import Trial
from botconvo.evaluation.scoring import Loss, Scorer
from botconvo.training.bases import Base
from botconvo.transcript.grammar import Line, print_line
from model_server.checkpoint.folder import Checkpoint
from model_server.prompt_format import PromptFormat

__all__ = ["Networks", "Scores"]

_VERSION = 1
"""Of what is kept; a change of how words are scored makes older files worthless."""

Told = Callable[[int, int], None]


class Networks:
    """Opens networks on a device, one at a time; ``kept`` is a folder for scores, if any."""

    def __init__(self, device: str = "auto", kept: Path | None = None) -> None:
        self._device, self._kept = device, kept
        self._open: tuple[object, Scorer] | None = None
        self._scores: dict[str, Scores] = {}

    def scores(self, base: Base, clone: Checkpoint | None = None) -> "Scores":
        """Of a base, or of the clone that is an adapter on it."""
        name = digest_of(
            [
                _VERSION,
                base.checkpoint.manifest.weights.sha256,
                None if clone is None else clone.digest,
            ]
        )
        if name not in self._scores:
            adapter = None if clone is None else clone.adapter_path
            file = None if self._kept is None else self._kept / f"scored-{name}.jsonl"
            self._scores[name] = Scores(lambda: self._opened(name, base, adapter), file)
        return self._scores[name]

    def _opened(self, name: str, base: Base, adapter: Path | None) -> Scorer:
        if self._open is None or self._open[0] != name:
            self._open = None  # the one before goes before the next one comes
            self._open = (name, Scorer(base, adapter, self._device))
        return self._open[1]


@dataclass(frozen=True, slots=True)
class _Item:
    """Something to score: what it is, and how it is done."""

    facts: Any
    score: Callable[[Scorer], Any]


class Scores:
    """What one network makes of words."""

    def __init__(self, opened: Callable[[], Scorer], file: Path | None) -> None:
        self._opened, self._file = opened, file
        self._known: dict[str, Any] = {
            row["of"]: row["is"] for row in rows_in(file) if "of" in row and "is" in row
        }

    def losses(
        self,
        sessions: Sequence[tuple[int, Session]],
        form: PromptFormat,
        speakers: Sequence[str],
        told: Told,
    ) -> dict[str, tuple[Loss, ...]]:
        """Of everybody's own words in each session, in context."""
        said = [[number, *_printed(session.lines)] for number, session in sessions]
        talk = digest_of(said)

        def item(speaker: str) -> _Item:
            return _Item(
                facts=["losses", replace(form, speaker=speaker).digest(), talk],
                score=lambda scorer: [
                    [loss.session, loss.nats, loss.tokens]
                    for loss in scorer.losses(sessions, form, speaker)
                ],
            )

        found = self._each([item(speaker) for speaker in speakers], told)
        return {
            speaker: tuple(Loss(session=s, nats=n, tokens=t) for s, n, t in rows)
            for speaker, rows in zip(speakers, found, strict=True)
        }

    def gains(
        self, trials: Sequence[Trial], form: PromptFormat, told: Told
    ) -> list[Sequence[float]]:
        """What the context adds to each candidate's log-probability, in nats."""

        def item(trial: Trial) -> _Item:
            context = _printed(trial.place.context)
            return _Item(
                facts=["gains", form.digest(), context, trial.candidates],
                score=lambda scorer: scorer.gains(trial, form),
            )

        return self._each([item(trial) for trial in trials], told)

    def weighed(
        self, places: Sequence[Place], form: PromptFormat, told: Told
    ) -> list[tuple[float, int]]:
        """The log-probability in nats of what was said at each place, and its tokens."""

        def item(place: Place) -> _Item:
            return _Item(
                facts=["weighed", form.digest(), _printed((*place.context, place.line))],
                score=lambda scorer: scorer.weigh(place, form),
            )

        return [(nats, tokens) for nats, tokens in self._each(map(item, places), told)]

    def _each(self, items: Iterable[_Item], told: Told) -> list[Any]:
        named = [(digest_of(item.facts), item) for item in items]
        missing = {name: item for name, item in named if name not in self._known}
        done, total = len(named) - len(missing), len(named)
        told(done, total)
        if missing:
            scorer = self._opened()
            with appending(self._file) as write:
                for name, item in missing.items():
                    self._known[name] = item.score(scorer)
                    write({"of": name, "is": self._known[name]})
                    done += 1
                    told(done, total)
        told(total, total)  # the same thing may be asked for twice
        return [self._known[name] for name, _ in named]


def _printed(lines: Sequence[Line]) -> list[str]:
    return [print_line(line) for line in lines]
