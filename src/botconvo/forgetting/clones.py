"""Clones of the person with all older versions, what is left of unfinished runs, and caches."""

import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from botconvo.checkpoints import CONVERTED, manifest_in
from botconvo.config import load_settings
from botconvo.consent import PersonId, heard_digest
from botconvo.errors import BotConvoError, ConfigError, OutputError
from botconvo.forgetting.keeping import Found, Keeper, Project
from botconvo.store import Somebody, Store, Written
from botconvo.training.names import safe_name
from model_server.checkpoint.conversion import remove_converted
from model_server.checkpoint.kinds import recognise
from model_server.checkpoint.manifest import MANIFEST_NAME, Manifest
from model_server.checkpoint.opening import digest_of
from model_server.checkpoint.versions import PARTIAL, is_aside, older_versions, plain_name
from model_server.errors import ModelServerError

__all__ = [
    "CACHES",
    "CLONES",
    "RUNS",
    "Disabled",
    "clones_with",
    "disabled_by",
    "erase_older",
    "keep_in_mind",
    "remove",
]

_PATIENCE_S = 15.0
"""How long to try where another process (on Windows) still has a file open."""
_SIMPLE = "gpt-2-simple"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disabled:
    """A clone of somebody else that saw the person's lines, or may have."""

    folder: Path
    manifest: Manifest
    certain: bool
    """False: an older version made it, which did not note whose lines it saw."""


def remove(path: Path) -> None:
    """Delete a file or a folder; nothing is done where there is none.

    Raises:
        OutputError: it cannot be deleted.
    """
    until = time.monotonic() + _PATIENCE_S
    while path.exists() or path.is_symlink():
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except PermissionError as error:
            if time.monotonic() > until:
                raise _refused(path, error) from None
            time.sleep(0.2)
        except OSError as error:
            raise _refused(path, error) from None


def _refused(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path}: cannot be deleted: {error.strerror or error}; stop what uses it and check its "
        "permissions, then repeat the command: it finishes what it began"
    )


# ---- clones ------------------------------------------------------------------------------


def checkpoints_in(project: Project, store: Store) -> tuple[Path, ...]:
    """Every checkpoint folder that the project knows: its own, and those of config.toml."""
    named = [path for path in _configured(project) if (path / MANIFEST_NAME).is_file()]
    noted = [each.path for each in store.written() if each.kind == "clone"]
    beside = [version for path in (*named, *noted) for version in _versions(path)]
    own = (path.parent for path in project.folder.rglob(MANIFEST_NAME))
    there = {path.resolve(): path for path in (*own, *beside) if path.is_dir()}
    return tuple(sorted(there.values()))


def _versions(folder: Path) -> tuple[Path, ...]:
    """A checkpoint's folder, those of its older versions, and that of an unfinished one."""
    return (folder, *older_versions(folder), folder.with_name(folder.name + PARTIAL))


def _configured(project: Project) -> Iterator[Path]:
    try:
        settings = load_settings(project.config, required=False)
    except ConfigError:
        return  # ``settings`` says what cannot be read
    yield from (p.checkpoint for p in settings.personas if p.checkpoint is not None)


def _theirs(folder: Path, somebody: Somebody) -> bool:
    manifest = manifest_in(folder)
    if manifest is None or manifest.consent is None:
        theirs = {safe_name(name) for name in somebody.clones}
        return manifest is None and plain_name(folder.name) in theirs
    return manifest.consent.person == somebody.person


def _clones_of(project: Project, store: Store, somebody: Somebody) -> tuple[Path, ...]:
    """Folders of theirs, and what earlier systems left of them in the project."""
    if somebody.person is None:
        return ()
    ours = [path for path in checkpoints_in(project, store) if _theirs(path, somebody)]
    torn = [
        version
        for name in somebody.clones
        for version in _versions(project.folder / "checkpoints" / safe_name(name))
    ]
    ours += [path for path in torn if path.is_dir() and _theirs(path, somebody)]
    ours += [path for path in _foreign(project, somebody) if _inside(path, project)]
    return tuple(dict.fromkeys(ours))


def _foreign(project: Project, somebody: Somebody) -> Iterator[Path]:
    """Checkpoints of earlier systems that are bound to them."""
    if not somebody.bound:
        return
    for path in _configured(project):
        try:
            if recognise(path) == "checkpoint":
                continue
            if digest_of(path, project.folder / CONVERTED) in somebody.bound:
                yield path
        except (OSError, ModelServerError):  # gone, or torn
            continue


def _inside(path: Path, project: Project) -> bool:
    return path.resolve().is_relative_to(project.folder.resolve())


def foreign_outside(project: Project, somebody: Somebody) -> tuple[Path, ...]:
    """Earlier systems' clones of theirs that lie elsewhere: their owner deletes them."""
    return tuple(path for path in _foreign(project, somebody) if not _inside(path, project))


def _find_clones(project: Project, store: Store, somebody: Somebody) -> tuple[Found, ...]:
    return tuple(
        Found(what="a clone", count=1, shown=str(path), digests=_digests(path))
        for path in _clones_of(project, store, somebody)
    )


def _digests(folder: Path) -> tuple[str, ...]:
    manifest = manifest_in(folder)
    return () if manifest is None else (manifest.weights.sha256,)


def _erase_clones(project: Project, store: Store, somebody: Somebody) -> None:
    for path in _clones_of(project, store, somebody):
        remove(path)
    for written in store.written():
        if written.kind == "clone" and somebody.person in written.people:
            store.drop_written(written.path)


CLONES = Keeper(
    name="clones",
    holds="their clones' weights, with every older version",
    find=_find_clones,
    erase=_erase_clones,
)


def keep_in_mind(store: Store, folder: Path) -> None:
    """Remember where a clone was written; older versions go where they may not be served.

    Raises:
        OutputError: that cannot be deleted.
    """
    manifest = manifest_in(folder)
    if manifest is None or manifest.consent is None:
        return
    store.note_written(
        Written(
            path=folder.absolute(),
            kind="clone",
            sha256=manifest.weights.sha256,
            people=frozenset({PersonId(manifest.consent.person)}),
        )
    )
    disabled = store.disabled()
    for older in older_versions(folder):
        before = manifest_in(older)
        if before is not None and before.weights.sha256 in disabled:
            remove(older)


# ---- other clones that saw their lines ---------------------------------------------------


def disabled_by(project: Project, store: Store, somebody: Somebody) -> tuple[Disabled, ...]:
    """Clones of others that have to be trained again, with their older versions."""
    if somebody.person is None:  # whoever never agreed was trained on by nobody
        return ()
    entries = store.ledger()
    known = {entry.person for entry in entries}
    agreed = [entry.at for entry in entries if entry.person == somebody.person]
    since = min(agreed, default=None)
    found = []
    for folder in checkpoints_in(project, store):
        manifest = manifest_in(folder)
        if manifest is None or manifest.consent is None or manifest.corpus_sha256 is None:
            continue
        if manifest.consent.person == somebody.person:
            continue
        if manifest.heard is not None:
            digest = heard_digest(somebody.person, manifest.corpus_sha256)
            if digest in manifest.heard:
                found.append(Disabled(folder=folder, manifest=manifest, certain=True))
        elif (
            PersonId(manifest.consent.person) in known
            and manifest.training.get("engine") != _SIMPLE  # it learns from one person alone
            and since is not None
            and manifest.created >= since
        ):
            found.append(Disabled(folder=folder, manifest=manifest, certain=False))
    return tuple(found)


def clones_with(
    project: Project, store: Store, weights: Collection[str]
) -> tuple[tuple[Path, Manifest], ...]:
    """The clones with weights of these digests, wherever they lie."""
    found = ((path, manifest_in(path)) for path in checkpoints_in(project, store))
    return tuple(
        (path, manifest)
        for path, manifest in found
        if manifest is not None and manifest.weights.sha256 in weights
    )


def erase_older(disabled: Iterable[Disabled]) -> None:
    """Older and unfinished versions are of no use to anybody."""
    for each in disabled:
        if is_aside(each.folder.name):
            remove(each.folder)


# ---- unfinished runs ---------------------------------------------------------------------


def _runs(project: Project, _store: Store, somebody: Somebody) -> tuple[Path, ...]:
    """Theirs, and states of others' runs, which may have seen their lines and cannot go on."""
    if somebody.person is None:
        return ()
    training = project.folder / "training"
    own = {safe_name(name) for name in somebody.clones}
    found = [training / name for name in sorted(own) if (training / name).is_dir()]
    others = (path for path in sorted(training.glob("*/state.safetensors*")))
    return (*found, *(path for path in others if path.parent.name not in own))


def _find_runs(project: Project, store: Store, somebody: Somebody) -> tuple[Found, ...]:
    return tuple(
        Found(what="an unfinished training run", count=1, shown=str(path))
        for path in _runs(project, store, somebody)
    )


def _erase_runs(project: Project, store: Store, somebody: Somebody) -> None:
    for path in _runs(project, store, somebody):
        remove(path)


RUNS = Keeper(
    name="training",
    holds="the state of training runs that were stopped: theirs, and those that saw their lines",
    find=_find_runs,
    erase=_erase_runs,
)


# ---- what was converted ------------------------------------------------------------------


def _caches(project: Project) -> tuple[Path, ...]:
    own = project.folder / CONVERTED
    return (own,) if project.cache is None else (own, project.cache)


def _find_caches(project: Project, _store: Store, somebody: Somebody) -> tuple[Found, ...]:
    return tuple(
        Found(
            what="a converted clone", count=1, shown=str(path.parent), digests=_digests(path.parent)
        )
        for cache in _caches(project)
        for path in sorted(cache.glob(f"*/{MANIFEST_NAME}"))
        if (manifest := manifest_in(path.parent)) is not None
        and manifest.source is not None
        and manifest.source.sha256 in somebody.bound
    )


def _erase_caches(project: Project, _store: Store, somebody: Somebody) -> None:
    for cache in _caches(project):
        try:
            remove_converted(cache, somebody.bound)
        except ModelServerError as error:
            raise BotConvoError(str(error)) from None


CACHES = Keeper(
    name="caches",
    holds="what was converted from clones of theirs that earlier systems made",
    find=_find_caches,
    erase=_erase_caches,
)
