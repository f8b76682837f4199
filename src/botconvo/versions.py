"""The versions of a clone that are there, and putting an older one back into use.

An older version is served again only by the consent that is live now, and never where it saw lines
of somebody who was forgotten.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from botconvo.checkpoints import bundled_base, consenting_person, refuse_disabled
from botconvo.config import load_settings
from botconvo.errors import OutputError
from botconvo.people import letters
from botconvo.store import Store
from botconvo.training.names import safe_name
from model_server.checkpoint.folder import load_checkpoint
from model_server.checkpoint.manifest import MANIFEST_NAME, Manifest
from model_server.checkpoint.versions import older_versions, swap_with
from model_server.errors import CheckpointError

__all__ = ["Version", "clone_folder", "roll_back", "versions_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """``number`` 0 is in use, 1 the newest of the others; ``manifest`` is None where it is torn."""

    number: int
    folder: Path
    manifest: Manifest | None


def clone_folder(project: Path, name: str) -> Path:
    """Where the clone of ``name`` is: as config.toml says, else where ``train`` writes it.

    Raises:
        ConfigError: config.toml cannot be read.
    """
    personas = load_settings(project / "config.toml", required=False).personas
    named = (
        each.checkpoint
        for each in personas
        if each.checkpoint is not None and letters(each.name) == letters(name)
    )
    return next(named, project / "checkpoints" / safe_name(name))


def versions_of(folder: Path, name: str) -> tuple[Version, ...]:
    """The version in use, if there is one, and the older ones of the same person's clone.

    Raises:
        OutputError: there is none at all.
    """
    there = [(0, folder)] if (folder / MANIFEST_NAME).exists() else []
    there += list(enumerate(older_versions(folder), 1))
    if not there:
        raise OutputError(f"{name}: there is no clone in {folder}; botconvo train makes one")
    return tuple(
        Version(number=number, folder=path, manifest=_manifest(path)) for number, path in there
    )


def _manifest(folder: Path) -> Manifest | None:
    try:
        return Manifest.model_validate_json((folder / MANIFEST_NAME).read_bytes())
    except (OSError, ValueError):
        return None


def roll_back(folder: Path, name: str, number: int, store: Store) -> Version:
    """Put the older version ``number`` into use; what was in use takes its place among the others.

    Raises:
        OutputError: there is no such version, or the disk refuses.
        CheckpointError: it is torn.
        ConsentError: it may not be served any more.
    """
    versions = versions_of(folder, name)
    chosen = next((each for each in versions if each.number == number and number > 0), None)
    if chosen is None:
        raise OutputError(f"{name}: there is no older version {number}; {_there(versions)}")
    checkpoint = load_checkpoint(chosen.folder, base=bundled_base(), hash_large=True)
    manifest = checkpoint.manifest
    if manifest.consent is None:
        raise CheckpointError(f"{chosen.folder}: says not whose clone it is; train it again")
    consenting_person(manifest.consent, store, name)
    refuse_disabled(checkpoint, store, name)
    try:
        swap_with(chosen.folder, folder)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be exchanged: {error.strerror or error}; stop the server that uses "
            "it and try again"
        ) from None
    return Version(number=number, folder=folder, manifest=manifest)


def _there(versions: Sequence[Version]) -> str:
    older = [str(each.number) for each in versions if each.number]
    return f"there is {', '.join(older)}" if older else "none was kept"
