"""Files that somebody asked for and that hold people's words or ids: CSVs, chats, reports.

The store notes each when it is written.  One that was changed since is somebody's own work: it is
named, and left.
"""

import hashlib
import json
from pathlib import Path

from botconvo.evaluation.kept import KEPT as EVALUATION
from botconvo.forgetting.clones import remove
from botconvo.forgetting.keeping import Found, Keeper, Project
from botconvo.leak_gate import INDEX_NAME
from botconvo.store import Somebody, Store, Written
from botconvo.store.erasing import is_named
from botconvo.writing import write_whole

__all__ = ["COPIES", "EVALUATIONS", "FILES", "LEAKS", "changed_files", "digest_of_file"]

_WHAT = {
    "csv": "a CSV of their words",
    "chat": "a saved chat",
    "report": "a report of an import",
    "copy": "a copy of what is held of them",
    "project": "an archive of the whole project",
}
_READ = ("chat", "report")
"""What names people in plain text; of the others is noted whose they are."""


def digest_of_file(path: Path) -> str | None:
    """SHA-256 of a file; None where there is none that can be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _theirs(store: Store, somebody: Somebody) -> tuple[Written, ...]:
    """Files that hold something of theirs, whether they were changed or not."""
    return tuple(
        each
        for each in store.written()
        if each.kind != "clone"
        and each.path.is_file()
        and (somebody.person in each.people or _mentions(each, somebody))
    )


def _lost(store: Store) -> tuple[Written, ...]:
    """Files that are gone; of those nothing has to be remembered, their names neither."""
    return tuple(
        each for each in store.written() if each.kind != "clone" and not each.path.exists()
    )


def _mentions(written: Written, somebody: Somebody) -> bool:
    """A report names everybody by their ids; a chat whoever was in it."""
    if is_named(written.path.name, somebody.names, somebody.authors):
        return True
    if written.kind not in _READ:
        return False
    text = written.path.read_text(encoding="utf-8", errors="replace")
    return is_named(text, somebody.names, somebody.authors)


def changed_files(store: Store, somebody: Somebody) -> tuple[Path, ...]:
    """Those that were changed since, and are left."""
    return tuple(
        each.path
        for each in _theirs(store, somebody)
        if each.kind != "report" and digest_of_file(each.path) != each.sha256
    )


def _find(_: Project, store: Store, somebody: Somebody) -> tuple[Found, ...]:
    changed = changed_files(store, somebody)
    return tuple(
        Found(what=_WHAT[each.kind], count=1, shown=str(each.path), digests=(each.sha256,))
        for each in _theirs(store, somebody)
        if each.path not in changed
    )


def _erase(_: Project, store: Store, somebody: Somebody) -> None:
    changed = changed_files(store, somebody)
    for each in _lost(store):
        store.drop_written(each.path)
    for each in _theirs(store, somebody):
        if each.kind == "report" and _without(each.path, somebody):
            store.note_file(each.path, each.kind, each.people)
            continue
        if each.path not in changed:
            remove(each.path)
        store.drop_written(each.path)


def _without(path: Path, somebody: Somebody) -> bool:
    """Take a person out of a report; False where it is none any more, or is called after them."""
    if is_named(path.name, somebody.names, somebody.authors):
        return False
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        by_author = {
            author: count
            for author, count in report["by_author"].items()
            if not is_named(author, somebody.names, somebody.authors)
        }
        errors = [
            error
            for error in report["errors"]
            if not is_named(json.dumps(error), somebody.names, somebody.authors)
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    fresh = {**report, "by_author": by_author, "errors": errors}
    text = json.dumps(fresh, indent=2, ensure_ascii=False)
    if is_named(text, somebody.names, somebody.authors):
        return False
    write_whole(path, f"{text}\n", force=True)
    return True


def _find_leaks(project: Project, _: Store, _somebody: Somebody) -> tuple[Found, ...]:
    path = project.store.parent / INDEX_NAME
    there = (Found(what="a leak index", count=1, shown=str(path)),)
    return there if path.is_file() else ()


def _erase_leaks(project: Project, _: Store, _somebody: Somebody) -> None:
    remove(project.store.parent / INDEX_NAME)


LEAKS = Keeper(
    name="leak index",
    holds="digests of everybody's words, theirs among them; it is made anew without them",
    find=_find_leaks,
    erase=_erase_leaks,
)


def _find_evaluations(project: Project, _: Store, _somebody: Somebody) -> tuple[Found, ...]:
    path = project.folder / EVALUATION
    there = (Found(what="what clones said when they were evaluated", count=1, shown=str(path)),)
    return there if path.is_dir() else ()


def _erase_evaluations(project: Project, _: Store, _somebody: Somebody) -> None:
    remove(project.folder / EVALUATION)


EVALUATIONS = Keeper(
    name="evaluations",
    holds="what clones said in answer to people's lines; it is drawn anew when it is needed",
    find=_find_evaluations,
    erase=_erase_evaluations,
)


def _copies(project: Project) -> tuple[Path, ...]:
    """Copies of the store beside it, such as one that an update made: ``<store>.backup-...``."""
    return tuple(sorted(project.store.parent.glob(f"{project.store.name}.*")))


def _find_copies(project: Project, _: Store, _somebody: Somebody) -> tuple[Found, ...]:
    return tuple(
        Found(what="an older copy of the store", count=1, shown=str(path))
        for path in _copies(project)
    )


def _erase_copies(project: Project, _: Store, _somebody: Somebody) -> None:
    for path in _copies(project):
        remove(path)


COPIES = Keeper(
    name="copies",
    holds="copies of the store beside it, with everything that stood in it then",
    find=_find_copies,
    erase=_erase_copies,
)

FILES = Keeper(
    name="files",
    holds="CSVs of their words, saved chats with their clone, and their part of import reports",
    find=_find,
    erase=_erase,
)
