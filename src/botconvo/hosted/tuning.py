"""From a person's messages to files, a tuning job, and a model at a service.

Each step is written down before the next one, so that the same command goes on wherever an earlier
one ended: nothing is uploaded twice, and nothing is paid for twice.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

from botconvo.backoff import Backoff
from botconvo.consent import PersonId, allows
from botconvo.errors import ConsentError, CorpusError, ServiceError, TrainingError
from botconvo.gathering import gather
from botconvo.hosted.forms import Form, count_tokens, examples, print_jsonl
from botconvo.hosted.prices import Estimate, price_of
from botconvo.hosted.records import (
    TRAIN,
    VALIDATION,
    Debt,
    JobRecord,
    debts,
    drop,
    drop_files,
    folder_of,
    keep,
    keep_debts,
    records,
    update,
)
from botconvo.hosted.service import Job, Service, host_of
from botconvo.packing.consents import consents_of, kept_home
from botconvo.store import Store
from botconvo.training.material import Material, material_of
from botconvo.writing import write_whole

__all__ = [
    "Prepared",
    "Wanted",
    "cancel",
    "check_agreed",
    "close",
    "debts_of",
    "finish",
    "follow",
    "prepare",
    "settle",
    "start",
    "unfinished",
    "write_files",
]

MIN_EXAMPLES = 10
"""Fewer rows OpenAI refuses."""
_STEPS_BACK = 3
"""News that are told of a job which is followed again."""
_TRIES = 8
"""So often in a row a service that is being followed may be out of reach."""
_NEVER = (400, 404, 422)
"""What is refused so is refused again."""
_LONGEST_WAIT_S = 120.0
"""A service that wants to be left alone for longer is left alone."""

Say = Callable[[str], None]
Pause = Callable[[float], bool]
"""Waits so many seconds; True once somebody wants to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for.  ``base`` is the model to tune, ``price`` dollars a million tokens."""

    endpoint: str
    processor: str
    base: str
    form: Form
    epochs: int
    seed: int | None = None
    price: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The two files as text, and what they will cost.  Nothing is written or sent yet."""

    wanted: Wanted
    material: Material
    people: Mapping[str, str]
    kept_home: tuple[str, ...]
    train: str
    validation: str
    rows: tuple[int, int]
    """Of the two files."""
    estimate: Estimate


def prepare(store: Store, name: str, wanted: Wanted, now: datetime) -> Prepared:
    """Everything of those who agreed to ``wanted.processor``; what is private is left out.

    Raises:
        ConsentError: NAME did not agree to that processor.
        CorpusError: there is too little to train on.
    """
    material = material_of(gather(store, name, now, processor=wanted.processor))
    corpus, speaker = material.corpus, material.form.speaker
    train = examples(wanted.form, speaker, corpus.train)
    validation = examples(wanted.form, speaker, corpus.held_out)
    if len(train) < MIN_EXAMPLES:
        raise CorpusError(
            f"{speaker}: {len(train)} rows of form {wanted.form!r} can be made, and services want "
            f"{MIN_EXAMPLES}; import more of what {speaker} wrote, or take --form completions"
        )
    price = wanted.price
    if price is None:
        price = price_of(host_of(wanted.endpoint), wanted.base)
    return Prepared(
        wanted=wanted,
        material=material,
        people=consents_of(store, corpus.speakers, wanted.processor, now),
        kept_home=kept_home(store, wanted.processor, now),
        train=print_jsonl(train),
        validation=print_jsonl(validation),
        rows=(len(train), len(validation)),
        estimate=Estimate(tokens=count_tokens(train), epochs=wanted.epochs, price=price),
    )


def write_files(prepared: Prepared, project: Path, now: datetime) -> JobRecord:
    """Write both files and their record, in place of files that went nowhere.

    Raises:
        OutputError: the disk refuses.
    """
    wanted, material = prepared.wanted, prepared.material
    record = JobRecord(
        id=secrets.token_hex(4),
        created=now,
        speaker=material.form.speaker,
        person=material.consent.person,
        fictional=material.consent.fictional,
        people=dict(prepared.people),
        corpus_sha256=material.corpus.digest(),
        endpoint=wanted.endpoint,
        processor=wanted.processor,
        form=wanted.form,
        base=wanted.base,
        epochs=wanted.epochs,
        seed=wanted.seed,
    )
    for old in records(project):
        if old.person == record.person and old.status == "written" and not old.ended:
            drop(project, old)
    keep(project, record)
    folder = folder_of(project, record)
    write_whole(folder / TRAIN, prepared.train, force=True)
    if prepared.validation:
        write_whole(folder / VALIDATION, prepared.validation, force=True)
    return record


def unfinished(project: Path, person: str) -> JobRecord | None:
    """The job of a person that went out and has not ended; None where there is none."""
    found = [r for r in records(project) if r.person == person and not r.ended]
    return next((r for r in reversed(found) if r.status != "written"), None)


def check_agreed(store: Store, record: JobRecord, now: datetime) -> None:
    """Everybody whose lines went out still agrees to that.

    Raises:
        ConsentError: somebody does not.
    """
    names = {person.id: person.name for person in store.people()}
    for person in map(PersonId, record.people):
        live = store.live_record(person, now)
        if live is None or not allows(live, processor=record.processor):
            name = names.get(person, "somebody who is not known here any more")
            raise ConsentError(
                f"{name} does not agree any more that their words go to {record.processor!r}; "
                f'stop the job: botconvo train "{record.speaker}" --engine hosted --cancel'
            )


# ---- out ---------------------------------------------------------------------------------


def start(
    project: Path, record: JobRecord, service: Service, *, say: Say, stopped: Callable[[], bool]
) -> JobRecord:
    """Upload what is not there yet and start the job, unless it was started already.

    It has no job where somebody wanted to stop before.

    Raises:
        ServiceError: the service refused; the same again goes on where it ended.
        TrainingError: somebody was forgotten meanwhile.
    """
    again = record.status != "written"
    if not again:
        # A wrong address or key shows before anything counts as begun.
        service.find_file(record.remote_name(TRAIN))
    record = update(project, record.model_copy(update={"status": "uploading"}))
    for name in (TRAIN, VALIDATION):
        path = folder_of(project, record) / name
        if name in record.files or not path.is_file() or stopped():
            continue
        remote = record.remote_name(name)
        # An upload whose answer was lost has happened all the same.
        file = (service.find_file(remote) if again else None) or service.upload(path, remote)
        record = update(project, record.model_copy(update={"files": record.files | {name: file}}))
        say(f"Uploaded {name} ({path.stat().st_size / 1000:.0f} kB) as {file}")
    if record.job is not None or stopped():
        return record
    job = service.find_job(record.files[TRAIN]) if again else None
    if job is None:
        job = _started(project, record, service)
    say(f"Job {job.id} is {job.status}")
    return update(project, record.model_copy(update={"job": job.id, "status": job.status}))


def _started(project: Path, record: JobRecord, service: Service) -> Job:
    try:
        return service.start(
            base=record.base,
            train=record.files[TRAIN],
            validation=record.files.get(VALIDATION),
            epochs=record.epochs,
            seed=record.seed,
            suffix=record.suffix,
        )
    except ServiceError as error:
        if error.status in _NEVER:
            cancel(project, record, service)  # the words are not left there for nothing
        raise


def follow(
    project: Path,
    record: JobRecord,
    service: Service,
    *,
    say: Say,
    pause: Pause,
    poll_s: float,
) -> tuple[JobRecord, Job | None]:
    """Tell of a job until it is over; the job is None where somebody wanted to stop before.

    Raises:
        ServiceError: the service refuses, or cannot be reached for long.
        TrainingError: somebody was forgotten meanwhile.
    """
    assert record.job is not None
    told: set[str] | None = None
    backoff, failures = Backoff(first_s=poll_s, most_s=_LONGEST_WAIT_S, rng=Random()), 0
    while True:
        wait_s = poll_s
        try:
            job = service.job(record.job)
            news = service.news(record.job)
        except ServiceError as error:
            failures += 1
            if not error.retryable or failures >= _TRIES or (error.wait_s or 0) > _LONGEST_WAIT_S:
                raise
            wait_s = max(error.wait_s or 0.0, backoff.next_s())
            say(f"warning: {error} (looking again in {wait_s:.0f} s)")
        else:
            failures = 0
            backoff.reset()
            fresh = news[-_STEPS_BACK:] if told is None else news
            for event, sentence in fresh:
                if told is None or event not in told:
                    say(f"  {sentence}")
            told = (told or set()) | {event for event, _ in news}
            if job.status != record.status:
                if not job.over:
                    say(f"Job {job.id} is {job.status}")
                record = update(project, record.model_copy(update={"status": job.status}))
            if job.over:
                return record, job
        if pause(wait_s):
            return record, None


def finish(project: Path, record: JobRecord, job: Job, service: Service) -> JobRecord:
    """Note what came of a job that is over, and delete its files here and there.

    It is not closed before ``close``: broken off before, the same command takes the clone in.

    Raises:
        TrainingError: it failed or was cancelled; or somebody was forgotten meanwhile.
    """
    model = job.model if job.succeeded else None
    record = update(project, record.model_copy(update={"model": model}))
    drop_files(project, record)
    keep_debts(project, (*debts(project), *_files_of(record, job)))
    record = update(project, record.model_copy(update={"files": {}}))
    settle(project, service, record.endpoint)
    if not job.succeeded:
        drop(project, record)  # nothing of it is left anywhere
        why = f": {job.error}" if job.error else ""
        raise TrainingError(
            f"{record.speaker}: the job {job.id} at {service.host} {_ended(job.status)}{why}"
        )
    if not model:
        raise TrainingError(
            f"{record.speaker}: {service.host} says that job {job.id} succeeded, and names no "
            "model; look for it there"
        )
    return record


def close(project: Path, record: JobRecord) -> None:
    """Nothing more is to be done for this job.

    Raises:
        TrainingError: somebody was forgotten meanwhile.
    """
    update(project, record.model_copy(update={"ended": True}))


def _ended(status: str) -> str:
    return "was cancelled" if status.startswith("cancel") else "failed"


def cancel(project: Path, record: JobRecord, service: Service) -> str:
    """Stop a job and delete what went out; what the job is then.

    Raises:
        ServiceError: the service refuses.
        TrainingError: it is done already, or somebody was forgotten meanwhile.
    """
    job = None
    if record.job is None and TRAIN in record.files:
        job = service.find_job(record.files[TRAIN])
    elif record.job is not None:
        job = service.job(record.job)
    if job is not None and job.succeeded:
        raise TrainingError(
            f"{record.speaker}: job {job.id} has succeeded already; without --cancel the same "
            "command takes the clone in"
        )
    if job is not None and not job.over:
        job = service.cancel(job.id)
    keep_debts(project, (*debts(project), *_files_of(record, job)))
    drop(project, record)
    settle(project, service, record.endpoint)
    return "nothing had been started" if job is None else f"job {job.id} is {job.status}"


# ---- what has to be deleted there ----------------------------------------------------------


def _files_of(record: JobRecord, job: Job | None) -> tuple[Debt, ...]:
    """What went out, or may have, and the figures that came of it."""
    files = (*record.files.values(), *(() if job is None else job.results))
    begun = record.status == "uploading"
    lost = [name for name in (TRAIN, VALIDATION) if begun and name not in record.files]
    return (
        *(Debt(endpoint=record.endpoint, kind="file", id=file) for file in files),
        *(Debt(endpoint=record.endpoint, kind="upload", id=record.remote_name(n)) for n in lost),
    )


def debts_of(record: JobRecord) -> tuple[Debt, ...]:
    """All that is at the service of a job, in the order in which it has to go."""
    job = None if record.job is None or record.ended else record.job
    lost = record.files.get(TRAIN) if record.job is None and not record.ended else None
    return (
        *(Debt(endpoint=record.endpoint, kind="job", id=each) for each in (job,) if each),
        *(Debt(endpoint=record.endpoint, kind="job on", id=each) for each in (lost,) if each),
        *_files_of(record, None),
        *(
            Debt(endpoint=record.endpoint, kind="model", id=each)
            for each in (record.model,)
            if each
        ),
    )


def settle(project: Path, service: Service, endpoint: str) -> tuple[str, ...]:
    """Delete at the service what has to be; a line for all that could not be, which is tried again.

    Raises:
        OutputError: the disk refuses.
    """
    left, why = [], []
    for debt in debts(project):
        if debt.endpoint == endpoint:
            try:
                service.delete(debt.kind, debt.id)
                continue
            except ServiceError as error:
                why.append(str(error))
        left.append(debt)
    keep_debts(project, left)
    return tuple(why)
