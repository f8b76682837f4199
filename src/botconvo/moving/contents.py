"""What of a project goes along, under which names, and what stays behind and why.

Looks at files and at the record of who agreed; changes nothing.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import tomlkit
from pydantic import ValidationError

from botconvo.checkpoints import bound_person, checkpoint_digest, consenting_person
from botconvo.config import PersonaSettings, Settings
from botconvo.errors import BotConvoError, PackError
from botconvo.hosted.records import HOSTED
from botconvo.moving.listing import fault_of_name
from botconvo.store import STORE_NAME, Store
from botconvo.training.names import safe_name
from model_server.checkpoint.manifest import MANIFEST_NAME, Manifest
from model_server.errors import ModelServerError

__all__ = ["CONFIG", "Contents", "LeftBehind", "contents_of"]

CONFIG = "config.toml"
_NOT_CLONES = frozenset({"packs", "converted"})
"""Folders of a project whose checkpoints are made again, or belong to a training elsewhere."""
_TORN = (".partial", ".tmp", ".lock")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftBehind:
    """Something of the project that does not go along, and why."""

    what: str
    why: str


@dataclass(slots=True, kw_only=True)
class Contents:
    """Files by their names in the archive.  ``store`` is the name that the store's copy gets."""

    files: dict[str, Path] = field(default_factory=dict)
    store: str = STORE_NAME
    config: str | None = None
    """The text of config.toml, with paths that are seen from the project's folder."""
    left: list[LeftBehind] = field(default_factory=list)

    def add(self, name: str, path: Path) -> None:
        """
        Raises:
            PackError: no system but this one could unpack it.
        """
        fault = fault_of_name(name)
        if fault is not None:
            raise PackError(f"{path}: its name {fault}; rename it")
        self.files[name] = path


def contents_of(project: Path, settings: Settings, store: Store, now: datetime) -> Contents:
    """What goes along of a project whose config.toml was read as ``settings``.

    Raises:
        PackError: a file cannot be named alike on another machine.
        OSError: a folder cannot be read.
    """
    contents, folder = Contents(), project.resolve()
    moved: dict[str, str] = {}
    contents.store = _inside(folder, settings.store) or STORE_NAME
    taken: dict[Path, str] = {}
    for index, persona in enumerate(settings.personas):
        place = _clone(contents, folder, persona, store, now)
        if place is not None and persona.checkpoint is not None:
            taken[persona.checkpoint.resolve()] = place
            moved[f"personas.{index}.checkpoint"] = place
        if isinstance(persona.avatar, Path) and persona.avatar.is_file():
            name = _inside(folder, persona.avatar)
            name = name or f"avatars/{safe_name(persona.name)}{persona.avatar.suffix.lower()}"
            contents.add(name, persona.avatar)
            moved[f"personas.{index}.avatar"] = name
    for path in _other_clones(folder, taken.keys()):
        _take_clone(contents, folder, path, path.name, store)
    pipeline = Path(settings.spacy_pipeline)
    if pipeline.is_dir():
        contents.left.append(LeftBehind(what=str(pipeline), why="copy the spaCy pipeline yourself"))
    for path in sorted((folder / HOSTED).rglob("*.json")):  # by which models there are forgotten
        contents.add(path.relative_to(folder).as_posix(), path)
    moved["store"] = contents.store
    if (folder / CONFIG).is_file():
        contents.config = _with_paths((folder / CONFIG).read_text("utf-8-sig"), moved)
    return contents


def _inside(folder: Path, path: Path) -> str | None:
    """Seen from the project's folder; None where it lies elsewhere."""
    try:
        return path.resolve().relative_to(folder).as_posix()
    except ValueError:
        return None


def _clone(
    contents: Contents, folder: Path, persona: PersonaSettings, store: Store, now: datetime
) -> str | None:
    """Where a persona's checkpoint is in the archive; None where it stays behind."""
    path, name = persona.checkpoint, persona.name
    if path is None:  # its model is at a service, and its table in config.toml says where
        return None
    if not path.exists():
        contents.left.append(LeftBehind(what=f"{name}'s clone", why=f"there is no {path}"))
        return None
    if (path / MANIFEST_NAME).is_file():
        return _take_clone(contents, folder, path, name, store)
    try:
        # One of an earlier system says itself of nobody whose it is.
        bound = bound_person(store, checkpoint_digest(path, folder), name, now)
    except (BotConvoError, ModelServerError) as error:
        contents.left.append(LeftBehind(what=f"{name}'s clone", why=str(error)))
        return None
    if bound is None:
        why = f"nobody agreed to it; botconvo consent grant {name} --checkpoint {path}"
        contents.left.append(LeftBehind(what=f"{name}'s clone", why=why))
        return None
    place = _inside(folder, path) or f"checkpoints/{safe_name(name)}"
    for name_, file in _tree(path, place):
        contents.add(name_, file)
    return place


def _take_clone(
    contents: Contents, folder: Path, path: Path, name: str, store: Store
) -> str | None:
    """A checkpoint of ours with its base, if whoever it is of agrees now."""
    try:
        manifest = Manifest.model_validate_json((path / MANIFEST_NAME).read_bytes())
        if manifest.consent is not None:
            consenting_person(manifest.consent, store, name)
    except (ValidationError, BotConvoError) as error:
        first = str(error).splitlines()[0]
        contents.left.append(LeftBehind(what=f"{name}'s clone", why=first))
        return None
    place = _inside(folder, path)
    base = None if manifest.base is None or not manifest.base.path else manifest.base.path
    if base is not None:
        there = (path / base).resolve()
        inside = _inside(folder, there)
        if place is None or inside is None or not there.exists():
            why = f"its base {there} lies outside of the project; copy both into it"
            contents.left.append(LeftBehind(what=f"{name}'s clone", why=why))
            return None
        for name_, file in _files(there, inside) if there.is_dir() else ((inside, there),):
            contents.add(name_, file)
    place = place or f"checkpoints/{safe_name(name)}"
    for name_, file in _files(path, place):
        contents.add(name_, file)
    return place


def _other_clones(folder: Path, known: Collection[Path]) -> list[Path]:
    """Checkpoints of the project that config.toml does not name; bases go with their clones."""
    found = (path.parent for path in (folder / "checkpoints").rglob(MANIFEST_NAME))
    return sorted(
        path
        for path in found
        if path.resolve() not in known and not _NOT_CLONES & set(path.relative_to(folder).parts)
    )


def _files(path: Path, place: str) -> Iterator[tuple[str, Path]]:
    """The files of a folder, without what was not finished and without folders in it."""
    for file in sorted(path.iterdir()):
        if file.is_file() and not file.is_symlink() and not file.name.endswith(_TORN):
            yield f"{place}/{file.name}", file


def _tree(path: Path, place: str) -> Iterator[tuple[str, Path]]:
    """A file, or all files of a folder, however deep."""
    if path.is_file():
        yield place, path
        return
    for file in sorted(path.rglob("*")):
        if file.is_file() and not file.is_symlink() and not file.name.endswith(_TORN):
            yield str(PurePosixPath(place) / file.relative_to(path).as_posix()), file


def _with_paths(text: str, moved: Mapping[str, str]) -> str:
    """config.toml with other values for these keys; what stood there relative stays as it is."""
    document: Any = tomlkit.parse(text)
    for key, place in moved.items():
        *tables, last = key.split(".")
        table = document
        for each in tables:
            table = table[int(each)] if each.isdecimal() else table[each]
        if last in table and PurePosixPath(str(table[last])) != PurePosixPath(place):
            table[last] = place
    return tomlkit.dumps(document)
