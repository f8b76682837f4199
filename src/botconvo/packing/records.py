"""What stays at home of every pack: a small file, by which its result is known again.

It holds no words: ids, digests, settings, and what was learned of manners.  It also tells whom to
think of when somebody withdraws while a pack is out.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from botconvo.errors import OutputError, PackError
from botconvo.packing.pack import Pack
from botconvo.writing import write_whole
from model_server.checkpoint.learned_manners import LearnedManners

__all__ = ["PackRecord", "drop_record", "find_record", "keep_record", "packs_with", "record_path"]

_FOLDER = Path("training", "packs")
"""In the project."""


class PackRecord(BaseModel):
    """One pack that went out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pack: Pack
    people: dict[str, str]
    """Everybody whose lines are in it: the opaque id, and the consent record at that time."""
    archive: str
    """Where the pack was written."""
    manners: LearnedManners | None = None
    """Of the clone: times do not leave this computer."""
    base: str | None = None
    """The folder of the base in it; None where it comes with BotConvo or from the hub."""


def keep_record(project: Path, record: PackRecord) -> None:
    """
    Raises:
        OutputError: the disk refuses.
    """
    path = record_path(project, record)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, record.model_dump_json(indent=2) + "\n", force=True)


def record_path(project: Path, record: PackRecord) -> Path:
    """Where a record is kept."""
    return project / _FOLDER / f"{record.pack.name}.json"


def find_record(project: Path, id: str) -> PackRecord:
    """
    Raises:
        PackError: no such pack was made in this project.
    """
    for record in _records(project):
        if record.pack.id == id:
            return record
    raise PackError(
        f"pack {id[:8]} was not made in {project.resolve()}, or its record in {_FOLDER.as_posix()} "
        "is gone; adopt it where 'botconvo train --pack' was typed (--project DIR)"
    )


def packs_with(project: Path, person: str) -> tuple[PackRecord, ...]:
    """All packs that hold words of a person, by their opaque id."""
    return tuple(record for record in _records(project) if person in record.people)


def drop_record(project: Path, record: PackRecord) -> None:
    """Of a pack that nobody may adopt any more.

    Raises:
        OutputError: it cannot be deleted.
    """
    path = record_path(project, record)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be deleted: {error.strerror or error}") from None


def _records(project: Path) -> Iterator[PackRecord]:
    for path in sorted((project / _FOLDER).glob("*.json")):
        try:
            yield PackRecord.model_validate_json(path.read_bytes())
        except OSError as error:
            raise PackError(f"{path}: cannot be read: {error.strerror}") from None
        except ValidationError:
            raise PackError(
                f"{path}: is torn, or of another version of BotConvo; delete it and pack again"
            ) from None
