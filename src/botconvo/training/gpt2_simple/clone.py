"""The whole way of a clone by gpt-2-simple: CSV, run, checkpoint.

Only what the corpus has to train on is written into the CSV, line by line; the later part is held
out as it is for every clone.  A run is kept in a folder of the project until its checkpoint stands,
which keeps the run too: gpt-2-simple can load it from there.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from botconvo.consent import PersonId, heard_digest
from botconvo.corpus import Corpus
from botconvo.errors import TrainingError
from botconvo.gathering import Gathered
from botconvo.importers.single_column_csv import print_rows
from botconvo.training.finish import (
    Made,
    Written,
    check_target,
    forgotten_meanwhile,
    write_clone,
)
from botconvo.training.gpt2_simple.child import Report, run_child
from botconvo.training.gpt2_simple.model import Model
from botconvo.training.gpt2_simple.progress import Watch, watch_for
from botconvo.training.gpt2_simple.settings import SimpleSettings
from botconvo.training.material import material_of
from botconvo.training.settings import KEPT_VERSIONS
from model_server.checkpoint.gpt2_simple import convert, find_run
from model_server.checkpoint.learned_manners import LearnedManners
from model_server.checkpoint.manifest import Consent
from model_server.errors import CheckpointError
from model_server.prompt_format import START_OF_TEXT, PromptFormat

__all__ = ["Prepared", "Trained", "prepare", "train_clone"]

_LIBRARIES = ("gpt-2-simple", "tensorflow")
_FACTS = "run.json"
_COUNTER = "counter"
"""gpt-2-simple's own file with the number of the last saved step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A run that can begin.  ``rows`` are the CSV."""

    corpus: Corpus
    model: Model
    form: PromptFormat
    consent: Consent
    manners: LearnedManners | None
    settings: SimpleSettings
    rows: str

    @property
    def digest(self) -> str:
        """Of what a run cannot go on without: a saved state of another one is not its own."""
        numbers = asdict(self.settings)
        for longer in ("steps", "sample_every", "save_every"):
            del numbers[longer]
        parts = json.dumps([numbers, self.rows, self.model.digest], sort_keys=True)
        return hashlib.sha256(parts.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """How a run ended; ``average`` is gpt-2-simple's mean loss in nats, None if it did no step."""

    finished: bool
    steps: int
    average: float | None


def prepare(gathered: Gathered, model: Model, settings: SimpleSettings) -> Prepared:
    """Build corpus and CSV; nothing is written.

    Raises:
        CorpusError: there is too little to train on.
    """
    material = material_of(gathered)
    corpus, name = material.corpus, material.form.speaker
    form = replace(material.form, kind="plain", start=START_OF_TEXT)
    said = (line for session in corpus.train for line in session.lines if line.says)
    own = [line.argument for line in said if line.name == name]
    return Prepared(
        corpus=corpus,
        model=model,
        form=form,
        consent=material.consent,
        manners=material.manners,
        settings=settings,
        rows=print_rows(own),
    )


def train_clone(
    prepared: Prepared,
    folder: Path,
    *,
    work: Path,
    device: str,
    stream: TextIO,
    stopped: Callable[[], bool],
    now: datetime,
    allowed: Callable[[], bool] = lambda: True,
    keep: int = KEPT_VERSIONS,
) -> Trained:
    """Train, and write the checkpoint if the run was not stopped.

    ``work`` is the folder in which a run is kept; it is gone once the checkpoint stands.
    ``allowed`` says at the end whether nobody was forgotten meanwhile, whose lines may be in it;
    ``keep`` older versions of the clone stay beside it.

    Raises:
        TrainingError: the run cannot begin or go on, ``folder`` holds something else, or what was
            trained cannot be served.
        CheckpointError: the disk refuses; an older checkpoint is as it was.
    """
    check_target(folder, prepared.form.speaker)
    try:
        run = _open_run(work, prepared.digest)
        trained = _train(prepared, run, device, stream, stopped)
    except OSError as error:
        raise TrainingError(
            f"{work}: cannot be written: {error.strerror or error}; free some space and repeat "
            "the command, it goes on from where it last could save"
        ) from None
    if not allowed():
        shutil.rmtree(work, ignore_errors=True)
        raise forgotten_meanwhile(prepared.form.speaker)
    if trained.finished:
        made = _made(prepared, trained)
        write_clone(folder, lambda scratch: _write(scratch, run), made, now, keep)
        shutil.rmtree(work, ignore_errors=True)
        with suppress(OSError):  # another engine's run is kept there
            work.parent.rmdir()
    return trained


def _open_run(work: Path, digest: str) -> Path:
    """The run's folder, emptied unless it is the same run that goes on."""
    facts = work / _FACTS
    try:
        same = json.loads(facts.read_text(encoding="utf-8"))["digest"] == digest
    except (OSError, ValueError, KeyError, TypeError):
        same = False
    if not same:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        facts.write_text(json.dumps({"digest": digest}), encoding="utf-8")
    return work / "checkpoint" / "run1"


def _steps_done(run: Path) -> int:
    """Of the state that gpt-2-simple goes on from; 0 where there is none."""
    try:
        find_run(run)
        return int((run / _COUNTER).read_text(encoding="utf-8"))
    except (CheckpointError, OSError, ValueError):
        return 0


def _train(
    prepared: Prepared, run: Path, device: str, stream: TextIO, stopped: Callable[[], bool]
) -> Trained:
    settings, done = prepared.settings, _steps_done(run)
    watch = watch_for(stream)(stream, total=settings.steps, done=done, tokens=settings.tokens)
    if done < settings.steps:
        with TemporaryDirectory(prefix="botconvo-rows-") as scratch, watch:
            rows = Path(scratch) / "rows.csv"
            rows.write_text(prepared.rows, encoding="utf-8", newline="\n")
            run_child(
                "finetune",
                asdict(settings)
                | {
                    "steps": settings.steps - done,
                    "seed": settings.seed + done,  # going on, it must not draw the same again
                    "rows": str(rows),
                    "model": str(prepared.model.folder),
                    "run": f"{run.parent.name}/{run.name}",  # so that its state names no machine
                    "device": device,
                },
                folder=run.parent.parent,
                on_report=lambda report: _tell(watch, report, settings),
                stopped=stopped,
                on_stop=lambda: watch.say("Stopping: gpt-2-simple ends its step and saves."),
                gpu=device != "cpu",
            )
    steps = _steps_done(run)
    return Trained(finished=steps >= settings.steps, steps=steps, average=watch.average)


def _tell(watch: Watch, report: Report, settings: SimpleSettings) -> None:
    if "tokens" in report:
        watch.opened(int(report["tokens"]))
    elif "sample" in report:
        watch.say(f"  | {report['sample']}")
    else:
        loss = float(report["loss"])
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is no number any more at step {report['step']}; train again with a "
                f"lower --learning-rate than {settings.rate:g}"
            )
        watch.stepped(int(report["step"]), loss, float(report["average"]))


def _write(scratch: Path, run: Path) -> Written:
    path = scratch / "model.gguf"
    converted = convert(run, path, "q8_0", lambda done, total: None)
    state = find_run(run)
    beside = (*state.named, run / "checkpoint", run / _COUNTER, state.index, *state.shards)
    return Written(
        weights=path,
        base=None,
        architecture=converted.architecture,
        tokenizer_sha256=converted.tokenizer_sha256,
        beside=(*beside, *run.glob(f"{state.state}.meta")),
    )


def _made(prepared: Prepared, trained: Trained) -> Made:
    until = prepared.corpus.trained_until  # what lies later can be evaluated on
    return Made(
        form=prepared.form,
        consent=prepared.consent,
        corpus_sha256=prepared.corpus.digest(),
        heard=(heard_digest(PersonId(prepared.consent.person), prepared.corpus.digest()),),
        manners=prepared.manners,
        training={
            "engine": "gpt-2-simple",
            **asdict(prepared.settings),
            "base": prepared.model.name,
            "loss": None if trained.average is None else round(trained.average, 4),
            "trained_until": None if until is None else until.isoformat(),
        },
        libraries=_LIBRARIES,
    )
