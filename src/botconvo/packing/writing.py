"""A pack is written: the words of those who agreed to where it goes, and all that training needs.

It trains nothing and needs no torch.
"""

import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from botconvo.errors import CorpusError, OutputError, PackError
from botconvo.gathering import gather
from botconvo.packing.consents import consents_of, kept_home
from botconvo.packing.notebook import print_notebook
from botconvo.packing.pack import (
    BASE_FOLDER,
    HELD_OUT,
    PACK_NAME,
    TRAIN,
    Pack,
    PackedBase,
    print_sessions,
    read_sessions,
)
from botconvo.packing.records import PackRecord, keep_record
from botconvo.packing.wheel import build_wheel
from botconvo.store import Store
from botconvo.training.bases import Base
from botconvo.training.hugging_face import TOKENIZER_NAME
from botconvo.training.material import Material, material_of
from botconvo.training.settings import TrainingSettings
from botconvo.writing import write_whole
from model_server.checkpoint.hugging_face.settings import CONFIG_NAME
from model_server.checkpoint.learned_manners import LearnedManners
from model_server.checkpoint.manifest import MANIFEST_NAME

__all__ = ["Packed", "write_pack"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What was written: the archive, the notebook beside it, and whose lines are in it."""

    pack: Pack
    material: Material
    archive: Path
    notebook: Path
    kept_home: tuple[str, ...]
    """Whose words did not go along, as they agreed to work on this computer alone."""


def write_pack(
    store: Store,
    name: str,
    settings: TrainingSettings,
    open_base: Callable[[], Base | str],
    *,
    processor: str,
    project: Path,
    folder: Path,
    now: datetime,
    zone: str = "UTC",
) -> Packed:
    """Write ``<name>.zip`` and ``<name>.ipynb`` into ``folder``, and a record into the project.

    ``processor`` is the other computer, as consent records name it; ``open_base`` gives
    a base that is here and goes along, or a model's id on the hub; it is called late, as a large
    one takes a while.

    Raises:
        ConsentError: NAME did not agree to that.
        CorpusError: there is too little to train on, or to measure on.
        PackError: ``processor`` is this computer, or BotConvo cannot pack itself.
        OutputError: the disk refuses.
    """
    if processor == "local":
        raise PackError("a pack goes to another computer; name it with --processor HOST")
    material = material_of(gather(store, name, now, processor=processor, zone=zone))
    _check(material)
    people = consents_of(store, material.corpus.speakers, processor, now)
    base = open_base()
    pack = Pack(
        id=secrets.token_hex(16),
        created=now,
        processor=processor,
        prompt_format=material.form,
        consent=material.consent,
        corpus_sha256=material.corpus.digest(),
        settings=settings,
        base=_describe(base),
    )
    archive, notebook = (folder / f"{pack.name}.{ending}" for ending in ("zip", "ipynb"))
    lines = sum(len(s.lines) for s in (*material.corpus.train, *material.corpus.held_out))
    text = print_notebook(pack, lines)
    texts = {
        PACK_NAME: pack.model_dump_json(indent=2) + "\n",
        TRAIN: print_sessions(material.corpus.train),
        HELD_OUT: print_sessions(material.corpus.held_out),
        f"{pack.name}.ipynb": text,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        keep_record(project, _record(pack, people, base, archive, material.manners))
        _write_archive(archive, texts, None if isinstance(base, str) else base)
    except OSError as error:
        raise OutputError(
            f"{archive} cannot be written: {error.strerror or error}; check the folder and the disk"
        ) from None
    write_whole(notebook, text, force=True)
    return Packed(
        pack=pack,
        material=material,
        archive=archive,
        notebook=notebook,
        kept_home=kept_home(store, processor, now),
    )


def _check(material: Material) -> None:
    """Now, and not when somebody has uploaded it."""
    corpus, speaker = material.corpus, material.form.speaker
    if not corpus.own_held_out:
        raise CorpusError(
            f"nothing of {speaker} could be held out to measure on; "
            f"import more of what {speaker} wrote"
        )
    for part in (corpus.train, corpus.held_out):
        if [session.text for session in read_sessions(print_sessions(part))] != [
            session.text for session in part
        ]:
            raise PackError(f"the corpus of {speaker} cannot be read back; please report this")


def _describe(base: Base | str) -> PackedBase:
    if isinstance(base, str):
        return PackedBase(name=base, hub=base)
    return PackedBase(
        name=base.name, sha256=base.checkpoint.manifest.weights.sha256, bundled=base.bundled
    )


def _record(
    pack: Pack,
    people: Mapping[str, str],
    base: Base | str,
    archive: Path,
    manners: LearnedManners | None,
) -> PackRecord:
    here = None if isinstance(base, str) or base.bundled else base.checkpoint.folder.resolve()
    return PackRecord(
        pack=pack,
        people=dict(people),
        archive=str(archive.resolve()),
        manners=manners,
        base=None if here is None else str(here),
    )


def _write_archive(path: Path, texts: dict[str, str], base: Base | None) -> None:
    """Whole or not there, and readable for its owner alone."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    handle = os.open(
        partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600
    )
    try:
        with os.fdopen(handle, "w+b") as file, ZipFile(file, "w", ZIP_DEFLATED) as archive:
            for name, text in texts.items():
                archive.writestr(name, text)
            with TemporaryDirectory(prefix="botconvo-wheel-") as scratch:
                wheel = build_wheel(Path(scratch))
                archive.write(wheel, wheel.name, ZIP_STORED)
            for source in _files_of(base):
                archive.write(source, f"{BASE_FOLDER}/{source.name}", ZIP_STORED)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _files_of(base: Base | None) -> Iterable[Path]:
    """The checkpoint, and what training needs beside it of a model that is no GPT-2."""
    if base is None:
        return ()
    checkpoint = base.checkpoint
    beside = (checkpoint.folder / name for name in (CONFIG_NAME, TOKENIZER_NAME))
    there = (path for path in beside if path.is_file())
    return (checkpoint.folder / MANIFEST_NAME, checkpoint.base_path, *there)
