"""``botconvo evaluate``: whose clones, who agreed, what they were trained on, and the files.

The ledger is asked as it is before a training: words of people who did not agree are not measured
either, and a clone whose friend has withdrawn is not asked anything.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from botconvo.build import build_cast, build_filter
from botconvo.chosen import with_personas
from botconvo.config import load_settings
from botconvo.corpus import observe
from botconvo.errors import CorpusError, OutputError
from botconvo.evaluation.evidence import CONTEXT, Evidence, check_enough, evidence_of
from botconvo.evaluation.kept import KEPT
from botconvo.evaluation.learned import Learnt
from botconvo.evaluation.page import page_of
from botconvo.evaluation.progress import Progress
from botconvo.evaluation.ranking import TRIALS
from botconvo.evaluation.report import Report, as_json
from botconvo.evaluation.run import Options, Subject, evaluate
from botconvo.evaluation.timing import MannersFound, compare_manners
from botconvo.game.score import Score
from botconvo.gathering import Gathered, gather
from botconvo.model_process import ModelSpec
from botconvo.orchestrator.cast import CastMember
from botconvo.store import STORE_NAME, Store
from botconvo.unseen import checkpoint_of, learnt_by, sessions_of
from botconvo.writing import write_whole
from model_server.checkpoint.folder import Checkpoint

__all__ = ["Wish", "check_target", "evaluate_project", "write_report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line says.  ``names`` are the clones (none: all of the project).

    ``since`` is a moment from which on nothing was trained on, for clones that do not tell.
    """

    project: Path
    names: tuple[str, ...] = ()
    since: datetime | None = None
    preset: str | None = None
    temperature: float | None = None
    samples: int = 300
    trials: int = TRIALS
    seed: int = 0
    device: str = "auto"
    examples: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clone:
    """A member of the cast with what was gathered for it."""

    name: str
    member: CastMember
    spec: ModelSpec
    checkpoint: Checkpoint
    gathered: Gathered
    score: Score
    """What people made of it in the blind game."""


def evaluate_project(wish: Wish, progress: Progress, say: Callable[[str], None]) -> Report:
    """Evaluate clones of a project; ``say`` hears what the owner should know.

    Raises:
        ConfigError: there is no such clone.
        ConsentError: somebody has not agreed, or no longer.
        CorpusError: too little is later than all training.
        VoiceError, CheckpointError, TrainingError: a clone cannot be served or read.
    """
    now = datetime.now(UTC)
    settings = load_settings(wish.project / "config.toml", required=False)
    manners = settings.conversation.manners(wish.preset)
    with Store.open(wish.project / STORE_NAME, create=False) as store:
        members = build_cast(with_personas(settings, wish.project, wish.names), store)
        clones = [_clone(member, store, now) for member in members]
        text_filter = build_filter(settings, members, store)
    # They are the same whoever is cloned.
    sessions = sessions_of(clones[0].gathered, clones[0].member.prompt_format)
    learnt = [
        learnt_by(c.checkpoint, c.gathered, c.member.prompt_format, sessions, since=wish.since)
        for c in clones
    ]
    border = max(each.until for each in learnt)
    evidence = evidence_of(sessions, border, context_lines=manners.context_lines or CONTEXT)
    pairs = _with_enough(clones, learnt, evidence, say, asked=bool(wish.names))
    subjects = [_subject(clone, each, border, wish) for clone, each in pairs]
    _say_border(subjects, evidence, [each for _, each in pairs], say)
    options = Options(
        manners=manners,
        preset=wish.preset or settings.conversation.preset,
        bases=wish.project / "bases",
        samples=wish.samples,
        trials=wish.trials,
        seed=wish.seed,
        device=wish.device,
        kept=wish.project / KEPT,
        examples=wish.examples,
    )
    return evaluate(subjects, evidence, options, text_filter, progress, now)


def _clone(member: CastMember, store: Store, now: datetime) -> _Clone:
    spec = member.spec
    assert isinstance(spec, ModelSpec)  # hosted ones were left out
    gathered = gather(store, member.person or member.prompt_format.speaker, now)
    return _Clone(
        name=gathered.person.name,
        member=member,
        spec=spec,
        checkpoint=checkpoint_of(spec),
        gathered=gathered,
        score=store.score(gathered.person.name, spec.digest),
    )


def _with_enough(
    clones: Sequence[_Clone],
    learnt: Sequence[Learnt],
    evidence: Evidence,
    say: Callable[[str], None],
    *,
    asked: bool,
) -> list[tuple[_Clone, Learnt]]:
    """Without those of whom there is too little; an error where they were asked for by name.

    Raises:
        CorpusError: nobody is left.
    """
    kept, last = [], None
    for clone, each in zip(clones, learnt, strict=True):
        try:
            check_enough(evidence, clone.name)
        except CorpusError as error:
            last = error
            if asked:
                raise
            say(f"left out: {error}")
        else:
            kept.append((clone, each))
    if not kept and last is not None:
        raise last
    return kept


def _subject(clone: _Clone, learnt: Learnt, border: datetime, wish: Wish) -> Subject:
    sampling = clone.member.persona.sampling
    if wish.temperature is not None:
        sampling = replace(sampling, temperature=wish.temperature)
    return Subject(
        name=clone.name,
        checkpoint=clone.checkpoint,
        form=replace(clone.member.prompt_format, speaker=clone.name),
        spec=replace(clone.spec, port=0),  # a run may have its own now
        sampling=sampling,
        learned=learnt.sessions,
        manners=_manners(clone, border, wish.seed),
        game=clone.score,
    )


def _manners(clone: _Clone, border: datetime, seed: int) -> MannersFound | None:
    """What was learned of them, beside what everybody did after ``border``."""
    learned = clone.member.persona.learned
    later = observe(
        clone.gathered.messages,
        clone.gathered.people,
        zone="UTC" if learned is None or learned.hours is None else learned.hours.zone,
        silence=timedelta(seconds=clone.member.prompt_format.init_after_s),
        since=border,
    )
    return compare_manners(learned, later, clone.name, seed=seed)


def _say_border(
    subjects: Sequence[Subject],
    evidence: Evidence,
    learnt: Sequence[Learnt],
    say: Callable[[str], None],
) -> None:
    counts = ", ".join(f"{len(evidence.later_words(s.name))} of {s.name}" for s in subjects)
    guess = (
        " (when the clones were made: they do not tell)"
        if any(each.guessed and each.until == evidence.border for each in learnt)
        else ""
    )
    say(f"Later than all training, {evidence.border:%Y-%m-%d %H:%M} UTC{guess}: {counts}")


def check_target(path: Path) -> None:
    """Before anything is measured, which takes long.

    Raises:
        OutputError: no report could be written there.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise OutputError(f"{path} cannot be written: there is no folder {path.parent}")


def write_report(report: Report, project: Path, html: Path, as_data: Path | None) -> None:
    """Write the page and the data, in place of older ones; the store remembers where they lie.

    Raises:
        OutputError: a file cannot be written.
    """
    write_whole(html, page_of(report), force=True)
    written = [html]
    if as_data is not None:
        data = json.dumps(as_json(report), indent=2, ensure_ascii=False)
        write_whole(as_data, f"{data}\n", force=True)
        written.append(as_data)
    with Store.open(project / STORE_NAME, create=False) as store:
        # Lines before an example may be anybody's.
        people = frozenset(person.id for person in store.people())
        for path in written:
            store.note_file(path, "copy", people)
