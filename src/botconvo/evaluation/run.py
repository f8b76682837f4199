"""Evaluates clones: draws what they say, scores what their friends said, and measures all of it.

Whose words those are was settled before: it takes sessions and checkpoints, and knows nothing of
stores or consent.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from botconvo import __version__
from botconvo.conversation.manners import Manners
from botconvo.corpus import Session
from botconvo.errors import TrainingError
from botconvo.evaluation.advice import judged
from botconvo.evaluation.attribution import Attributor
from botconvo.evaluation.copying import Learned
from botconvo.evaluation.drawing import Speaker, Wanted, draw
from botconvo.evaluation.drawn import Drawn
from botconvo.evaluation.evidence import Evidence, check_enough, spread
from botconvo.evaluation.intervals import Estimate
from botconvo.evaluation.markov import MarkovReplies
from botconvo.evaluation.matrix import perplexities
from botconvo.evaluation.measuring import examples_of, heaps_of, measure, own_lines
from botconvo.evaluation.progress import Progress
from botconvo.evaluation.ranking import CHANCE, TRIALS, Trial, share_of_hits, trials_of
from botconvo.evaluation.report import CloneFound, Heap, Matrix, Report
from botconvo.evaluation.scoring import Loss, Scorer, scoring_base
from botconvo.model_process import ModelSpec
from botconvo.personas import Sampling
from botconvo.ports import KnownFilter
from botconvo.training.bases import Base
from botconvo.transcript.grammar import Line
from model_server.checkpoint.folder import Checkpoint, load_checkpoint
from model_server.checkpoint.manifest import MANIFEST_NAME
from model_server.prompt_format import PromptFormat

__all__ = ["Options", "Subject", "evaluate"]

_SHOWN = 10
"""Lines of a friend that the untuned base is shown."""
_SHOWN_LONGEST = 120
"""Characters of one, so that ten of them and a context fit into a small base."""
_BASE_SHARE = 3
"""The base is asked at every third place only: it rambles, which takes long, and is a reference."""
_MOST_REPEATS = 3
"""Replies at one place; more are of little use, as the places stay the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A clone to evaluate: its checkpoint, how it is served, and the sessions it learned from."""

    name: str
    checkpoint: Checkpoint
    form: PromptFormat
    spec: ModelSpec
    sampling: Sampling
    learned: tuple[Session, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to evaluate: ``samples`` messages of each clone, by ``manners``, which are a preset's.

    ``kept`` is a folder for what was drawn, ``bases`` one for bases that have to be converted.
    ``examples`` puts some messages into the report.
    """

    manners: Manners
    preset: str
    bases: Path
    samples: int = 300
    trials: int = TRIALS
    seed: int = 0
    device: str = "auto"
    kept: Path | None = None
    examples: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    """What torch found: gains of trials by heap, and the losses of a clone and of its base."""

    gains: Mapping[Heap, Sequence[Sequence[float]]]
    own: Mapping[str, tuple[Loss, ...]]
    of_base: Mapping[str, tuple[Loss, ...]]
    base: str


def evaluate(
    subjects: Sequence[Subject],
    evidence: Evidence,
    options: Options,
    text_filter: KnownFilter,
    progress: Progress,
    now: datetime,
) -> Report:
    """Everything about all of ``subjects``.

    Raises:
        CorpusError: too little of somebody is later than all training.
        VoiceError: a model server does not answer.
        TrainingError: the device is not there.
    """
    for subject in subjects:
        check_enough(evidence, subject.name)
    attributor = _attributor(evidence, options.seed)
    networks = _Networks(evidence, options, progress)
    found: list[CloneFound] = []
    tables: list[tuple[str, _Scored]] = []
    for subject in subjects:
        clone, scored = _one(subject, evidence, options, attributor, networks, text_filter)
        found.append(clone)
        if scored is not None:
            tables.append((subject.name, scored))
    matrix = _matrix(evidence.friends, tables, options.seed)
    return Report(
        made=now,
        botconvo=__version__,
        seed=options.seed,
        border=evidence.border,
        friends=evidence.friends,
        preset=options.preset,
        clones=tuple(judged(clone, matrix) for clone in found),
        perplexity=matrix,
    )


def _attributor(evidence: Evidence, seed: int) -> Attributor | None:
    if len(evidence.friends) < 2:
        return None
    return Attributor.learn({name: evidence.earlier[name] for name in evidence.friends}, seed=seed)


def _one(
    subject: Subject,
    evidence: Evidence,
    options: Options,
    attributor: Attributor | None,
    networks: "_Networks",
    text_filter: KnownFilter,
) -> tuple[CloneFound, _Scored | None]:
    name, progress = subject.name, networks.progress
    places = spread(evidence.later[name], options.samples)
    repeats = max(1, min(_MOST_REPEATS, math.ceil(options.samples / len(places))))
    wanted = Wanted(places=places, repeats=repeats, manners=options.manners, seed=options.seed)
    learned_lines = own_lines(subject.learned, name)
    notes: list[str] = []
    drawn: dict[Heap, tuple[Drawn, ...]] = {}
    for heap, speaker in _speakers(subject, learned_lines, notes):
        part = wanted if heap == "clone" else wanted.every(_BASE_SHARE)
        drawn[heap] = _drawn(speaker, part, heap, subject, options, text_filter, progress)
    heaps = heaps_of(name, evidence, places, drawn, learned_lines, seed=options.seed)
    learned = Learned(
        line.argument for session in subject.learned for line in session.lines if line.says
    )
    measured = measure(
        name,
        evidence,
        heaps,
        learned,
        attributor,
        seed=options.seed,
        told=lambda what: progress.told(f"{name}: {what}", 0, 1),
    )
    if attributor is None:
        notes.append("Nobody else has enough messages, so nobody can be mixed up with anybody.")
    scored, ranking = _ranked(subject, evidence, options, networks, notes)
    clone = drawn["clone"]
    return (
        CloneFound(
            name=name,
            checkpoint=subject.checkpoint.digest,
            base=scored.base if scored is not None else "",
            learned_lines=len(learned_lines),
            later_messages=len(evidence.later_words(name)),
            later_sessions=len({place.session for place in evidence.later[name]}),
            drawn=len(clone),
            silent=sum(each.text is None for each in clone),
            temperature=_temperature(subject, options.manners),
            attribution=measured.attribution,
            two_sample=measured.two_sample,
            mauve=measured.mauve,
            ranking=ranking,
            ranking_chance=CHANCE,
            habits=measured.habits,
            mean_words=measured.mean_words,
            variety=measured.variety,
            copying=measured.copying,
            reactions=heaps.reactions,
            examples=examples_of(clone, places) if options.examples else (),
            notes=tuple(notes),
        ),
        scored,
    )


def _temperature(subject: Subject, manners: Manners) -> tuple[float, float]:
    own = subject.sampling.temperature
    return manners.temperature if own is None else (own, own)


# ---- what clones say ---------------------------------------------------------------------


def _speakers(
    subject: Subject, learned: Sequence[str], notes: list[str]
) -> Sequence[tuple[Heap, Speaker]]:
    clone = Speaker(spec=subject.spec, form=subject.form, sampling=subject.sampling)
    base = _base_folder(subject)
    if base is None or subject.form.kind != "transcript":
        notes.append("Its base could not be shown ten lines for comparison.")
        return [("clone", clone)]
    checkpoint = load_checkpoint(base)
    spec = replace(
        subject.spec,
        persona=f"the base of {subject.name}",
        checkpoint=checkpoint.folder,
        base=None,
        digest=checkpoint.digest,
        port=0,
    )
    prompted = Speaker(
        spec=spec,
        form=subject.form,
        sampling=subject.sampling,
        before=_shown_lines(subject.name, learned),
    )
    return [("clone", clone), ("prompted", prompted)]


def _base_folder(subject: Subject) -> Path | None:
    """The folder of the base of an adapter; None for whole weights, or where it is one file."""
    if subject.checkpoint.adapter_path is None:
        return None
    folder = subject.checkpoint.base_path.parent
    return folder if (folder / MANIFEST_NAME).is_file() else None


def _shown_lines(name: str, learned: Sequence[str]) -> tuple[Line, ...]:
    """Ten lines, evenly over all that was learned from, none of them a bare word."""
    fit = [text for text in learned if " " in text and len(text) <= _SHOWN_LONGEST]
    count = min(_SHOWN, len(fit))
    return tuple(Line(name=name, argument=fit[i * len(fit) // count]) for i in range(count))


def _drawn(
    speaker: Speaker,
    wanted: Wanted,
    heap: Heap,
    subject: Subject,
    options: Options,
    text_filter: KnownFilter,
    progress: Progress,
) -> tuple[Drawn, ...]:
    who = "the clone's messages" if heap == "clone" else "messages of its base, shown ten lines"
    work = f"{subject.name}: {who}"
    return asyncio.run(
        draw(
            speaker,
            wanted,
            text_filter,
            kept=options.kept,
            told=lambda done, total: progress.told(work, done, total),
        )
    )


# ---- what torch makes of words -----------------------------------------------------------


class _Networks:
    """Opens networks one at a time; what a base makes of words is asked once."""

    def __init__(self, evidence: Evidence, options: Options, progress: Progress) -> None:
        self.progress, self.device = progress, options.device
        self._evidence, self._options = evidence, options
        self._rows = [name for name in evidence.friends if name in evidence.later]
        self._scorers: dict[str, Scorer] = {}
        self._of_base: dict[str, Mapping[str, tuple[Loss, ...]]] = {}

    def base_of(self, subject: Subject) -> Base:
        return scoring_base(subject.checkpoint, bases=self._options.bases)

    def of_base(self, base: Base) -> Scorer:
        key = base.checkpoint.manifest.weights.sha256
        if key not in self._scorers:
            self._scorers.clear()  # one base at a time in memory
            self._scorers[key] = Scorer(base, None, self._options.device)
        return self._scorers[key]

    def base_losses(self, base: Base, form: PromptFormat) -> Mapping[str, tuple[Loss, ...]]:
        key = base.checkpoint.manifest.weights.sha256
        if key not in self._of_base:
            self._of_base[key] = self.losses(self.of_base(base), form, "the base")
        return self._of_base[key]

    def losses(
        self, scorer: Scorer, form: PromptFormat, whose: str
    ) -> Mapping[str, tuple[Loss, ...]]:
        found = {}
        for number, name in enumerate(self._rows):
            self.progress.told(f"{whose}: everybody's later words", number, len(self._rows))
            found[name] = scorer.losses(self._evidence.sessions, form, name)
        self.progress.told(f"{whose}: everybody's later words", len(self._rows), len(self._rows))
        return found


def _ranked(
    subject: Subject,
    evidence: Evidence,
    options: Options,
    networks: _Networks,
    notes: list[str],
) -> tuple[_Scored | None, Mapping[Heap, Estimate | None]]:
    trials = trials_of(evidence.later[subject.name], count=options.trials, seed=options.seed)
    sessions = [session.lines for session in subject.learned]
    markov = MarkovReplies(sessions, subject.name)
    gains: dict[Heap, Sequence[Sequence[float]]] = {
        "markov": [markov.scores(trial.place, trial.candidates) for trial in trials]
    }
    scored: _Scored | None = None
    if subject.form.kind != "transcript":
        notes.append("It was trained on single texts: whether it follows a talk is not measured.")
    else:
        try:
            base = networks.base_of(subject)
        except TrainingError as error:
            notes.append(str(error))
        else:
            scored = _scored(subject, base, trials, networks)
            gains = {**gains, **scored.gains}
    return scored, {
        heap: share_of_hits(trials, rows, seed=options.seed) for heap, rows in gains.items()
    }


def _scored(subject: Subject, base: Base, trials: Sequence[Trial], networks: _Networks) -> _Scored:
    adapter, form = subject.checkpoint.adapter_path, subject.form
    gains: dict[Heap, Sequence[Sequence[float]]] = {}
    of_base: Mapping[str, tuple[Loss, ...]] = {}
    if adapter is not None:
        of_base = networks.base_losses(base, form)
        gains["prompted"] = _gains(
            networks.of_base(base),
            trials,
            form,
            f"{subject.name}: true replies by its base",
            networks,
        )
    scorer = Scorer(base, adapter, networks.device)
    work = f"{subject.name}: true replies by the clone"
    gains["clone"] = _gains(scorer, trials, form, work, networks)
    return _Scored(
        gains=gains,
        own=networks.losses(scorer, form, subject.name),
        of_base=of_base,
        base=base.name if adapter is not None else "",
    )


def _gains(
    scorer: Scorer, trials: Sequence[Trial], form: PromptFormat, work: str, networks: _Networks
) -> list[list[float]]:
    rows = []
    for number, trial in enumerate(trials):
        networks.progress.told(work, number, len(trials))
        rows.append(scorer.gains(trial, form))
    networks.progress.told(work, len(trials), len(trials))
    return rows


def _matrix(
    friends: Sequence[str], tables: Sequence[tuple[str, _Scored]], seed: int
) -> Matrix | None:
    """Of the clones on the first one's base: tokens of different bases cannot be compared."""
    adapters = [(name, scored) for name, scored in tables if scored.of_base]
    if not adapters:
        return None
    base = adapters[0][1].base
    same = [(name, scored) for name, scored in adapters if scored.base == base]
    columns = [("the base", same[0][1].of_base), *((name, scored.own) for name, scored in same)]
    return perplexities(friends, columns, seed=seed)
