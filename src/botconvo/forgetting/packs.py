"""Packs that hold words of the person, their records, and what came back of them.

Only those on this computer: where they went, their owner deletes them.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

from botconvo.forgetting.clones import remove
from botconvo.forgetting.keeping import Found, Keeper, Project
from botconvo.packing.records import PackRecord, drop_record, packs_with, record_path
from botconvo.store import Somebody, Store

__all__ = ["PACKS"]

_DESCRIPTIONS = ("pack.json", "result.json")
_NOT_ZIP = (OSError, ValueError, KeyError, zipfile.BadZipFile, RuntimeError, NotImplementedError)


def _records(project: Project, somebody: Somebody) -> tuple[PackRecord, ...]:
    return () if somebody.person is None else packs_with(project.folder, somebody.person)


def _files(project: Project, records: tuple[PackRecord, ...]) -> tuple[Path, ...]:
    """Archives and notebooks: where they were written, and wherever else in the project."""
    ids = {record.pack.id for record in records}
    archives = [Path(record.archive) for record in records]
    archives += sorted(project.folder.rglob("*.zip"))
    ours = [path for path in dict.fromkeys(archives) if _pack_of(path) in ids]
    notebooks = [Path(record.archive).with_suffix(".ipynb") for record in records]
    partial = [path.with_name(f"{path.name}.partial") for path in archives[: len(records)]]
    return (*ours, *(path for path in (*notebooks, *partial) if path.is_file()))


def _pack_of(path: Path) -> str | None:
    """The id of the pack that an archive is, or came back of."""
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in _DESCRIPTIONS if name in archive.namelist())
            described = json.loads(archive.read(name))
        return str(described["id"] if name == _DESCRIPTIONS[0] else described["pack"])
    except (*_NOT_ZIP, StopIteration):
        return None


def _find(project: Project, _store: Store, somebody: Somebody) -> tuple[Found, ...]:
    return tuple(_found(project, _records(project, somebody)))


def _found(project: Project, records: tuple[PackRecord, ...]) -> Iterator[Found]:
    for path in _files(project, records) if records else ():
        yield Found(what="a file of a pack", count=1, shown=str(path))
    for record in records:
        path = record_path(project.folder, record)
        yield Found(what="a pack's record", count=1, shown=str(path))


def _erase(project: Project, _store: Store, somebody: Somebody) -> None:
    records = _records(project, somebody)
    for path in _files(project, records) if records else ():
        remove(path)
    for record in records:
        drop_record(project.folder, record)


PACKS = Keeper(
    name="packs",
    holds="packs for training elsewhere with lines of theirs, theirs or other people's",
    find=_find,
    erase=_erase,
)
