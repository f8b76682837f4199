"""A pack is trained, on whatever computer it was unpacked on; a result is written.

It knows no project, no store and no people but the name of the clone.
"""

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from botconvo.errors import OutputError
from botconvo.packing.pack import BASE_FOLDER, Pack
from botconvo.packing.result import write_result
from botconvo.training.bases import Base, open_base
from botconvo.training.clone import prepare_material, train_clone
from botconvo.training.hub import resolve_base
from botconvo.training.material import Material
from botconvo.training.progress import Reporter
from botconvo.training.trainer import Trained

__all__ = ["train_pack"]


def train_pack(
    folder: Path,
    pack: Pack,
    material: Material,
    output: Path,
    *,
    device: str,
    reporter: Reporter,
    stopped: Callable[[], bool],
    say: Callable[[str], None],
    bars: bool,
    now: datetime,
) -> Trained:
    """Train what was read from ``folder``, and write the result if the run was not stopped.

    A stopped run is kept beside ``output``, in a folder that is gone once the result stands.

    Raises:
        CorpusError: there is too little to measure on.
        TrainingError: the base cannot be had, or the run cannot begin or go on.
        CheckpointError: the base is torn, or the disk refuses.
        OutputError: the disk refuses the result.
    """
    work = output.with_suffix(".work")
    base = _open(pack, folder, work, say, bars)
    prepared = prepare_material(material, base, pack.settings)
    trained = train_clone(
        prepared,
        work / "checkpoint",
        state=work / "state.safetensors",
        device=device,
        reporter=reporter,
        stopped=stopped,
        now=now,
    )
    if trained.finished:
        try:
            write_result(output, pack.id, work / "checkpoint")
        except OSError as error:
            raise OutputError(
                f"{output} cannot be written: {error.strerror or error}; make room"
            ) from None
        shutil.rmtree(work, ignore_errors=True)
    return trained


def _open(pack: Pack, folder: Path, work: Path, say: Callable[[str], None], bars: bool) -> Base:
    bases, packed, weights = work / "bases", pack.base, pack.settings.base_weights
    if packed.hub is None:
        return open_base(folder / BASE_FOLDER, bases=bases, bundled=packed.bundled, weights=weights)
    source = resolve_base(packed.hub, say=say, bars=bars)
    return open_base(source.folder, bases=bases, name=source.name, weights=weights, say=say)
