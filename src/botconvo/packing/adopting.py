"""A result becomes a clone of the project, once it is what it has to be.

What came back is compared with what was noted when the pack went out, with the ledger as it is
now, and with the base that is here; then the clone is tried out, and only then it takes its place.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from botconvo.checkpoints import manifest_in
from botconvo.consent import PersonId, heard_digest
from botconvo.errors import PackError
from botconvo.packing.consents import check_consents
from botconvo.packing.pack import Pack
from botconvo.packing.records import PackRecord, find_record
from botconvo.packing.result import Result, read_result
from botconvo.store import Store
from botconvo.training.bases import BASE_DIGEST, Base, base_with, open_base
from botconvo.training.finish import check_target
from botconvo.training.hub import resolve_base
from botconvo.training.names import safe_name
from botconvo.training.settings import KEPT_VERSIONS
from botconvo.training.trial import try_out
from model_server.checkpoint.folder import Checkpoint, load_checkpoint, write_checkpoint
from model_server.checkpoint.manifest import MANIFEST_NAME, Manifest
from model_server.errors import CheckpointError
from model_server.prompt_format import PromptFormat

__all__ = ["Adopted", "Places", "adopt"]

_METHODS = {"adapter": "lora", "full": "full"}
"""By what a manifest calls its weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where things are: the project, the base that comes with BotConvo, and where the clone goes.

    ``target`` None is ``checkpoints/NAME`` in the project.
    """

    project: Path
    bundled_base: Path
    target: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """A clone in its place; ``fresh`` is False where it stood there already."""

    record: PackRecord
    checkpoint: Checkpoint
    fresh: bool


def adopt(
    store: Store,
    path: Path,
    places: Places,
    now: datetime,
    *,
    force: bool = False,
    say: Callable[[str], None] = lambda line: None,
    bars: bool = False,
) -> Adopted:
    """Take the clone in the archive ``path`` into the project.

    ``force`` lets it take the place of a newer clone.  ``say`` and ``bars`` are for a base that has
    to be fetched.

    Raises:
        PackError: the archive is torn, belongs to no pack of this project, or is older than the
            clone that is there.
        ConsentError: somebody whose words were packed does not agree any more.
        TrainingError: the base cannot be had, or the folder holds something else.
        CheckpointError: the parts do not fit together, or the disk refuses; what was there is as
            it was.
        TrainingError: the clone cannot be served, or says nothing.
    """
    with TemporaryDirectory(prefix="botconvo-adopt-") as folder:
        scratch = Path(folder)
        result = read_result(path, scratch)
        record = find_record(places.project, result.pack)
        _check_described(path, result.manifest, record.pack)
        check_consents(store, record, now)
        target = places.target or places.project / "checkpoints" / safe_name(record.pack.speaker)
        check_target(target, record.pack.speaker)
        base = None
        if result.manifest.base is not None:
            base = _find_base(result.manifest.base.sha256, record, places, say, bars)
        standing = _standing(path, result, target, places, force=force)
        if standing is not None:
            return Adopted(record=record, checkpoint=standing, fresh=False)
        checkpoint = _take(result, record, base, target, scratch)
    return Adopted(record=record, checkpoint=checkpoint, fresh=True)


def _standing(
    path: Path, result: Result, target: Path, places: Places, *, force: bool
) -> Checkpoint | None:
    """The very clone of the result, if it stands in its place already.

    Raises:
        PackError: a newer one does, and ``force`` is False.
    """
    there, came = manifest_in(target), result.manifest
    if there is None:
        return None
    if there.weights == came.weights:
        with suppress(CheckpointError):  # torn since: it is put there anew
            return load_checkpoint(target, base=places.bundled_base, hash_large=True)
    if there.created > came.created and not force:
        raise PackError(
            f"{path} is of {came.created:%Y-%m-%d %H:%M}, and {target} holds a newer clone, of "
            f"{there.created:%Y-%m-%d %H:%M}; --force puts the older one in its place, "
            "--output DIR beside it"
        )
    return None


def _check_described(path: Path, manifest: Manifest, pack: Pack) -> None:
    """What the manifest says is what was packed.

    Raises:
        PackError: it is not.
    """
    for what, is_so in (
        ("person", manifest.persona == pack.speaker and manifest.consent == pack.consent),
        ("corpus", manifest.corpus_sha256 == pack.corpus_sha256),
        ("prompt format", _same_format(manifest.prompt_format, pack.prompt_format)),
        ("source", manifest.source is None),
        ("method", pack.settings.method in ("auto", _METHODS[manifest.weights.kind])),
    ):
        if not is_so:
            raise PackError(
                f"{path}: names another {what} than the pack of {pack.created:%Y-%m-%d %H:%M} had; "
                "it was not trained on that, so train it again"
            )
    made_on = manifest.training.get(BASE_DIGEST) if manifest.base is None else manifest.base.sha256
    if made_on is not None and pack.base.sha256 not in (None, made_on):
        raise PackError(f"{path}: was trained on another base than {pack.base.name} in its pack")


def _same_format(made: PromptFormat | None, packed: PromptFormat) -> bool:
    """Whether they differ in nothing but the tokens that the base alone knows of."""
    return made is not None and replace(made, reserved=()) == packed


def _find_base(
    sha256: str, record: PackRecord, places: Places, say: Callable[[str], None], bars: bool
) -> Base:
    """The base here that the adapter belongs to.

    Raises:
        PackError: it is not here any more, or another one now.
    """
    packed, bases = record.pack.base, places.project / "bases"
    if packed.bundled:
        base = open_base(places.bundled_base, bases=bases, bundled=True)
    elif record.base is not None:
        if not Path(record.base).is_dir():
            raise PackError(
                f"the base {packed.name} is not in {record.base} any more, where it was packed; "
                "put it back there"
            )
        base = open_base(Path(record.base), bases=bases)
    else:
        base = _base_of_hub(sha256, packed.hub or packed.name, bases, say, bars)
    if base.checkpoint.manifest.weights.sha256 != sha256:
        raise PackError(
            f"the clone of {record.pack.speaker} was trained on another state of the base "
            f"{packed.name} than is here now; pack and train again"
        )
    return base


def _base_of_hub(
    sha256: str, model: str, bases: Path, say: Callable[[str], None], bars: bool
) -> Base:
    """One that was converted earlier, else fetched and converted now."""
    converted = base_with(sha256, bases)
    if converted is not None:
        return open_base(converted, bases=bases, name=model)
    if find_spec("huggingface_hub") is None:
        raise PackError(
            f"the base {model} has to be fetched from the hub, which needs huggingface_hub; "
            "pip install huggingface_hub"
        )
    source = resolve_base(model, say=say, bars=bars)
    return open_base(source.folder, bases=bases, name=source.name, say=say)


def _heard(record: PackRecord) -> tuple[str, ...]:
    people = (PersonId(person) for person in record.people)
    return tuple(sorted(heard_digest(each, record.pack.corpus_sha256) for each in people))


def _take(
    result: Result, record: PackRecord, base: Base | None, target: Path, scratch: Path
) -> Checkpoint:
    """Check that all of it fits together, try it out, and put it in its place."""
    reference = None if base is None else base.reference(target)
    manifest = result.manifest.model_copy(
        update={
            "base": reference,
            # Only this project knows who that was, and when they wrote.
            "heard": _heard(record),
            "manners": record.manners,
        }
    )
    # A path that came with it is never followed: the base is the one that was found here.
    pathless = None if reference is None else reference.model_copy(update={"path": None})
    trial = manifest.model_copy(update={"base": pathless})
    (scratch / MANIFEST_NAME).write_text(trial.model_dump_json(), encoding="utf-8")
    folder = None if base is None else base.checkpoint.folder
    load_checkpoint(scratch, base=folder, hash_large=True)
    try_out(scratch, folder)
    write_checkpoint(target, manifest, result.weights, keep=KEPT_VERSIONS)
    return load_checkpoint(target, base=folder)
