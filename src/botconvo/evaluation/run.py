"""Evaluates clones: draws what they say, scores what their friends said, and measures all of it.

Whose words those are was settled before: it takes sessions and checkpoints, and knows nothing of
stores or consent.
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from botconvo.evaluation.evidence import CONTEXT, Evidence, check_enough, places_of, spread
from botconvo.evaluation.intervals import Estimate
from botconvo.evaluation.leaks import leaks_of
from botconvo.evaluation.markov import MarkovReplies
from botconvo.evaluation.matrix import perplexities
from botconvo.evaluation.measuring import examples_of, heaps_of, measure, own_lines
from botconvo.evaluation.membership import Expected, Membership, latest, membership_of
from botconvo.evaluation.progress import Progress
from botconvo.evaluation.ranking import CHANCE, TRIALS, Trial, share_of_hits, trials_of
from botconvo.evaluation.report import CloneFound, Heap, Matrix, Report, game_found
from botconvo.evaluation.scores import Networks, Scores
from botconvo.evaluation.scoring import Loss, base_folder, scoring_base
from botconvo.evaluation.timing import MannersFound
from botconvo.game.score import Score
from botconvo.model_process import ModelSpec
from botconvo.personas import Sampling
from botconvo.ports import KnownFilter
from botconvo.training.bases import Base, open_base
from botconvo.transcript.grammar import Line
from model_server.checkpoint.folder import Checkpoint, load_checkpoint
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
    """A clone to evaluate: its checkpoint, how it is served, and the sessions it learned from.

    ``manners`` are what it learned of those, beside what the friend did later.
    """

    name: str
    checkpoint: Checkpoint
    form: PromptFormat
    spec: ModelSpec
    sampling: Sampling
    learned: tuple[Session, ...]
    manners: MannersFound | None = None
    game: Score = field(default_factory=Score)
    """What people made of it in the blind game."""


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
    """What torch found: gains of trials by heap, losses of the clone and of its base, and how well
    learned lines are told from later ones.
    """

    gains: Mapping[Heap, Sequence[Sequence[float]]]
    own: Mapping[str, tuple[Loss, ...]]
    of_base: Mapping[str, tuple[Loss, ...]]
    base: str
    membership: Membership | None


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
    networks = Networks(options.device, options.kept)
    reading = _Reading(evidence, options, networks, progress)
    found: list[CloneFound] = []
    tables: list[tuple[str, _Scored]] = []
    for subject in subjects:
        clone, scored = _one(subject, reading, attributor, text_filter)
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
    reading: "_Reading",
    attributor: Attributor | None,
    text_filter: KnownFilter,
) -> tuple[CloneFound, _Scored | None]:
    evidence, options, progress = reading.evidence, reading.options, reading.progress
    name, seed = subject.name, options.seed
    places = spread(evidence.later[name], options.samples)
    repeats = max(1, min(_MOST_REPEATS, math.ceil(options.samples / len(places))))
    wanted = Wanted(places=places, repeats=repeats, manners=options.manners, seed=options.seed)
    learned_lines = own_lines(subject.learned, name)
    notes: list[str] = []
    drawn: dict[Heap, tuple[Drawn, ...]] = {}
    for heap, speaker in _speakers(subject, learned_lines, options.bases, notes):
        part = wanted if heap == "clone" else wanted.every(_BASE_SHARE)
        drawn[heap] = _drawn(speaker, part, heap, subject, options, text_filter, progress)
    trials = _trials(subject, reading)
    scored = _scored(subject, trials, reading, notes)
    heaps = heaps_of(name, evidence, places, drawn, learned_lines, seed=seed)
    lines = [line.argument for session in subject.learned for line in session.lines if line.says]
    learned = Learned(lines)
    measured = measure(
        name,
        evidence,
        heaps,
        learned,
        attributor,
        seed=seed,
        told=reading.told(f"{name}: comparing texts"),
    )
    progress.told(f"{name}: what it gives away", 0, 1)
    leaks = leaks_of(drawn["clone"], places, lines, learned, text_filter, seed=seed)
    if scored is not None:
        leaks = replace(leaks, membership=scored.membership)
    progress.told(f"{name}: what it gives away", 1, 1)
    if attributor is None:
        notes.append("Nobody else has enough messages, so nobody can be mixed up with anybody.")
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
            ranking=_ranking(subject, trials, scored, seed),
            ranking_chance=CHANCE,
            habits=measured.habits,
            mean_words=measured.mean_words,
            variety=measured.variety,
            copying=measured.copying,
            leaks=leaks,
            reactions=heaps.reactions,
            manners=subject.manners,
            examples=examples_of(clone, places) if options.examples else (),
            notes=tuple(notes),
            game=game_found(subject.game, name),
        ),
        scored,
    )


def _temperature(subject: Subject, manners: Manners) -> tuple[float, float]:
    own = subject.sampling.temperature
    return manners.temperature if own is None else (own, own)


# ---- what clones say ---------------------------------------------------------------------


def _speakers(
    subject: Subject, learned: Sequence[str], bases: Path, notes: list[str]
) -> Sequence[tuple[Heap, Speaker]]:
    clone = Speaker(spec=subject.spec, form=subject.form, sampling=subject.sampling)
    base = base_folder(subject.checkpoint, bases=bases)
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


@dataclass(frozen=True, slots=True)
class _Reading:
    """Everything that one evaluation reads with: evidence, options, networks, whom to tell."""

    evidence: Evidence
    options: Options
    networks: Networks
    progress: Progress

    @property
    def rows(self) -> list[str]:
        return [name for name in self.evidence.friends if name in self.evidence.later]

    def told(self, work: str) -> Callable[[int, int], None]:
        return lambda done, total: self.progress.told(work, done, total)

    def losses(
        self, scores: Scores, form: PromptFormat, whose: str
    ) -> Mapping[str, tuple[Loss, ...]]:
        work = f"{whose}: everybody's later words"
        return scores.losses(self.evidence.sessions, form, self.rows, self.told(work))


def _trials(subject: Subject, reading: _Reading) -> tuple[Trial, ...]:
    places, options = reading.evidence.later[subject.name], reading.options
    return trials_of(places, count=options.trials, seed=options.seed)


def _ranking(
    subject: Subject, trials: Sequence[Trial], scored: _Scored | None, seed: int
) -> Mapping[Heap, Estimate | None]:
    markov = MarkovReplies([session.lines for session in subject.learned], subject.name)
    gains: dict[Heap, Sequence[Sequence[float]]] = {
        "markov": [markov.scores(trial.place, trial.candidates) for trial in trials]
    }
    gains.update({} if scored is None else scored.gains)
    return {heap: share_of_hits(trials, rows, seed=seed) for heap, rows in gains.items()}


def _scored(
    subject: Subject, trials: Sequence[Trial], reading: _Reading, notes: list[str]
) -> _Scored | None:
    """None where torch cannot read the clone, or there is no talk to follow."""
    if subject.form.kind != "transcript":
        notes.append("It was trained on single texts: whether it follows a talk is not measured.")
        return None
    bases = reading.options.bases
    try:
        base = scoring_base(subject.checkpoint, bases=bases)
        untuned: Base | None = base  # an adapter's; whole weights are one of their own
        if subject.checkpoint.adapter_path is None:
            folder = base_folder(subject.checkpoint, bases=bases)
            untuned = None if folder is None else open_base(folder, bases=bases)
    except TrainingError as error:
        notes.append(str(error))
        return None
    return _scored_on(base, untuned, subject, trials, reading)


def _scored_on(
    base: Base,
    untuned: Base | None,
    subject: Subject,
    trials: Sequence[Trial],
    reading: _Reading,
) -> _Scored:
    """The untuned base first, then the clone: one network is in memory at a time."""
    name, form, told = subject.name, subject.form, reading.told
    lines = reading.options.manners.context_lines or CONTEXT
    learned = latest(places_of(subject.learned, name, lines))
    places = (*learned, *latest(reading.evidence.later[name]))
    gains: dict[Heap, Sequence[Sequence[float]]] = {}
    of_base: Mapping[str, tuple[Loss, ...]] = {}
    weighed: list[tuple[float, int]] = []
    is_adapter = subject.checkpoint.adapter_path is not None
    if untuned is not None:
        scores = reading.networks.scores(untuned)
        of_base = reading.losses(scores, form, "the base")
        gains["prompted"] = scores.gains(trials, form, told(f"{name}: true replies by its base"))
        weighed = scores.weighed(places, form, told(f"{name}: learned lines by its base"))
    scores = reading.networks.scores(base, subject.checkpoint if is_adapter else None)
    gains["clone"] = scores.gains(trials, form, told(f"{name}: true replies by the clone"))
    own = reading.losses(scores, form, name)
    membership = None
    if untuned is not None:
        by_clone = scores.weighed(places, form, told(f"{name}: learned lines by the clone"))
        expected = [
            Expected(session=place.session, gain=(mine - theirs) / tokens)
            for place, (mine, tokens), (theirs, _) in zip(places, by_clone, weighed, strict=True)
        ]
        count = len(learned)
        membership = membership_of(expected[:count], expected[count:], seed=reading.options.seed)
    return _Scored(
        gains=gains,
        own=own,
        of_base=of_base,
        base="" if untuned is None else untuned.name,
        membership=membership,
    )


def _matrix(
    friends: Sequence[str], tables: Sequence[tuple[str, _Scored]], seed: int
) -> Matrix | None:
    """Of the clones on the first one's base: tokens of different bases cannot be compared."""
    known = [(name, scored) for name, scored in tables if scored.of_base]
    if not known:
        return None
    base = known[0][1].base
    same = [(name, scored) for name, scored in known if scored.base == base]
    columns = [("the base", same[0][1].of_base), *((name, scored.own) for name, scored in same)]
    return perplexities(friends, columns, seed=seed)
