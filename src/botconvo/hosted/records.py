"""What stays here of every tuning job: whose words went where, to follow it and to undo it.

A job has a folder in ``hosted`` of the project: the record, and the files while they are of use.
What has to be deleted at a service and could not be is a *debt*; those stand in a file of their own
and name nobody.
"""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from botconvo.errors import OutputError, TrainingError
from botconvo.hosted.forms import Form
from botconvo.training.names import safe_name
from botconvo.writing import write_whole

__all__ = [
    "HOSTED",
    "TRAIN",
    "VALIDATION",
    "Debt",
    "JobRecord",
    "check_there",
    "debts",
    "drop",
    "drop_files",
    "folder_of",
    "keep",
    "keep_debts",
    "model_digest",
    "records",
    "update",
]

HOSTED = "hosted"
"""The project's folder for jobs."""
_RECORD, _DEBTS = "record.json", "to-delete.json"
TRAIN, VALIDATION = "train.jsonl", "validation.jsonl"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class JobRecord(_Strict):
    """One job; fields are filled in as it goes on."""

    id: str
    """Random; the names of its files at the service and of the model begin with it."""
    created: datetime
    speaker: str
    person: str
    """The opaque id of who is cloned."""
    fictional: bool
    people: dict[str, str]
    """Everybody whose lines are in it: the opaque id, and the consent record at that time."""
    corpus_sha256: str
    endpoint: str
    processor: str
    form: Form
    base: str
    epochs: int
    seed: int | None = None
    files: dict[str, str] = {}
    """Names of files and their ids at the service, as long as they are there."""
    job: str | None = None
    status: str = "written"
    model: str | None = None
    """What the service calls the clone, once it is there."""
    ended: bool = False
    """Whether there is nothing more to follow."""

    @property
    def weights(self) -> str | None:
        """What stands for its model where clones are known by their weights' digests."""
        return None if self.model is None else model_digest(self.endpoint, self.model)

    @property
    def suffix(self) -> str:
        """What a service puts into the model's name: nobody's name."""
        return f"botconvo-{self.id}"

    def remote_name(self, name: str) -> str:
        """What a file of the job is called at the service."""
        return f"{self.suffix}-{name}"


def model_digest(endpoint: str, model: str) -> str:
    """What stands for a hosted model where clones are known by their weights' digests."""
    return hashlib.sha256(f"{endpoint}\n{model}".encode()).hexdigest()


class Debt(_Strict):
    """Something that has to be deleted at a service.

    An "upload" is a file of that name, a "job on" a job that trains on that file: both may be
    there, where an answer was lost.
    """

    endpoint: str
    kind: Literal["job on", "job", "upload", "file", "model"]
    id: str


_DEBT_LIST = TypeAdapter(tuple[Debt, ...])


def folder_of(project: Path, record: JobRecord) -> Path:
    """Where a job's record and files are."""
    return project / HOSTED / f"{safe_name(record.speaker)}-{record.id}"


def keep(project: Path, record: JobRecord) -> None:
    """Write a new record, readable for its owner alone.

    Raises:
        OutputError: the disk refuses.
    """
    folder = folder_of(project, record)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    write_whole(folder / _RECORD, record.model_dump_json(indent=2) + "\n", force=True)


def update(project: Path, record: JobRecord) -> JobRecord:
    """The same, of a record that must still be there.

    Raises:
        TrainingError: somebody in it was forgotten meanwhile.
        OutputError: the disk refuses.
    """
    check_there(project, record)
    keep(project, record)
    return record


def check_there(project: Path, record: JobRecord) -> None:
    """
    Raises:
        TrainingError: somebody in it was forgotten meanwhile, or another process gave it up.
    """
    if not (folder_of(project, record) / _RECORD).is_file():
        raise TrainingError(
            f"{record.speaker}: this job was cancelled, or somebody whose words are in it was "
            "forgotten meanwhile; it was given up"
        )


def records(project: Path) -> Iterator[JobRecord]:
    """All records of a project, the oldest first.

    Raises:
        TrainingError: one cannot be read.
    """
    found = []
    for path in sorted((project / HOSTED).glob(f"*/{_RECORD}")):
        try:
            found.append(JobRecord.model_validate_json(path.read_bytes()))
        except OSError as error:
            raise TrainingError(f"{path}: cannot be read: {error.strerror}") from None
        except ValidationError:
            raise TrainingError(
                f"{path}: is torn, or of another version of BotConvo; look there for the ids of "
                "its files and its model, delete them at the service, then delete this folder"
            ) from None
    yield from sorted(found, key=lambda record: record.created)


def drop_files(project: Path, record: JobRecord) -> None:
    """The words, which are of no more use once the job has ended.

    Raises:
        OutputError: they cannot be deleted.
    """
    for name in (TRAIN, VALIDATION):
        path = folder_of(project, record) / name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _undeletable(path, error) from None


def drop(project: Path, record: JobRecord) -> None:
    """The record and the files.

    Raises:
        OutputError: they cannot be deleted.
    """
    folder = folder_of(project, record)
    if folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise _undeletable(folder, error) from None


def debts(project: Path) -> tuple[Debt, ...]:
    """What has to be deleted at services; nothing where the file is torn."""
    try:
        return _DEBT_LIST.validate_json((project / HOSTED / _DEBTS).read_bytes())
    except (OSError, ValidationError):
        return ()


def keep_debts(project: Path, owed: Sequence[Debt]) -> None:
    """Replace them.

    Raises:
        OutputError: the disk refuses.
    """
    path = project / HOSTED / _DEBTS
    if not owed:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(exist_ok=True)
    unique = tuple(dict.fromkeys(owed))
    write_whole(path, _DEBT_LIST.dump_json(unique, indent=2), force=True)


def _undeletable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: cannot be deleted: {error.strerror or error}")


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: cannot be written: {error.strerror or error}")
