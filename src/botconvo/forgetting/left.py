"""What cannot be erased from here, named plainly, so that the owner can do the rest."""

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from botconvo.forgetting.clones import foreign_outside
from botconvo.forgetting.files import changed_files
from botconvo.forgetting.keeping import Project
from botconvo.forgetting.raw import raw_exports
from botconvo.forgetting.settings import pictures, still_named
from botconvo.importers.trees import DAMAGED
from botconvo.store import STORE_NAME, Somebody, Store
from botconvo.store.erasing import is_named

__all__ = ["ALWAYS", "Left", "left_of"]

ALWAYS = (
    "exports and copies of them that were never imported from where they lie now, and backups",
    "packs, of a clone or of the whole project, and clones elsewhere: delete them there",
    "what their clone posted on Discord and elsewhere: delete it there",
    "what other people wrote about them: it stays theirs",
)
_MOST_BYTES = 50_000_000
"""Larger files are not looked into; none of BotConvo's own texts is one."""
_OURS = (STORE_NAME, "bases", "converted", "receipts", "models")
"""Names in a project in which nothing of the owner's stands that could name anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """``what`` names nobody and goes into the receipt; ``shown`` is for the screen."""

    what: str
    shown: str = ""


def left_of(
    project: Project, store: Store, somebody: Somebody, going: Iterable[str]
) -> Iterator[Left]:
    """Everything that stays; ``going`` are paths that a keeper erases."""
    for raw in raw_exports(store, somebody.authors):
        yield Left(what="a raw export", shown=f"a raw export: {raw.whole}")
    for path in changed_files(store, somebody):
        yield Left(what="a file that was changed since", shown=f"changed since it was made: {path}")
    for path in foreign_outside(project, somebody):
        yield Left(what="an earlier system's clone", shown=f"an earlier system's clone: {path}")
    for path, inside in pictures(project, somebody):
        if not inside:
            yield Left(what="a picture outside the project", shown=f"a picture: {path}")
    for row in still_named(project, somebody):
        yield Left(what="a row of the settings", shown=f"names them: {row}")
    for path in _others(project, store, somebody, frozenset(going)):
        yield Left(what="a file of the owner's", shown=f"names them, and is not BotConvo's: {path}")
    if store.is_ignored(somebody.authors):
        yield Left(
            what="the wish to be ignored went too",
            shown="their wish to be ignored goes too: who still wants it says so again",
        )


def _others(
    project: Project, store: Store, somebody: Somebody, going: frozenset[str]
) -> Iterator[Path]:
    """Files in the project that BotConvo did not write, and that name the person."""
    known = {project.store.name, project.config.name, ".env", *_OURS}
    raw = {source.path.resolve() for source in store.sources()}
    written = {each.path.resolve() for each in store.written()}
    for path in sorted(project.folder.rglob("*")):
        inside = path.relative_to(project.folder)
        if inside.parts[0].removesuffix("-wal").removesuffix("-shm") in known:
            continue
        if not path.is_file() or any(str(each) in going for each in (path, *path.parents)):
            continue
        if path.resolve() in written or any(each in raw for each in (path, *path.parents)):
            continue
        named = is_named(str(inside), somebody.names, somebody.authors)
        if named or _holds(path, somebody):
            yield path


def _holds(path: Path, somebody: Somebody) -> bool:
    try:
        if path.suffix in (".gguf", ".safetensors"):
            return False
        return any(is_named(text, somebody.names, somebody.authors) for text in _texts(path))
    except (OSError, ValueError, RuntimeError, NotImplementedError, *DAMAGED):
        return False


def _texts(path: Path) -> Iterator[str]:
    """What can be read of a file, or of the files in a zip."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                yield member.filename
                if member.file_size <= _MOST_BYTES:
                    yield archive.read(member).decode("utf-8", "replace")
    elif path.stat().st_size <= _MOST_BYTES:
        yield path.read_bytes().decode("utf-8", "replace")
