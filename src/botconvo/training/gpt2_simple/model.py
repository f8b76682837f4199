"""What gpt-2-simple starts from: a folder of its own, or a GPT-2 of Hugging Face's made one.

Such a folder is written once, whole or not at all.
"""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from botconvo.errors import TrainingError
from botconvo.training.bases import refuse_clone
from botconvo.training.gpt2_simple.child import run_child
from botconvo.training.gpt2_simple.settings import BLOCK
from botconvo.training.hub import resolve_base
from botconvo.training.names import safe_name
from model_server.checkpoint.gguf_files import plan_gpt2
from model_server.checkpoint.gpt2_simple import find, find_run, read_sizes, read_tokens
from model_server.checkpoint.hugging_face.conversion import (
    is_hugging_face,
    open_hugging_face,
    source_files,
)
from model_server.checkpoint.kinds import recognise
from model_server.checkpoint.tokens import sha256_of
from model_server.errors import CheckpointError

__all__ = ["Model", "find_model"]

DEFAULT = "124M"
_ON_THE_HUB = {
    "117M": "gpt2",
    "124M": "gpt2",
    "355M": "gpt2-medium",
    "774M": "gpt2-large",
    "1558M": "gpt2-xl",
}
"""The same weights under gpt-2-simple's names and under the hub's.

gpt-2-simple fetches from a host of its own, in one go and without a check; the hub has the same
numbers, goes on with what broke off, and knows their digests.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model's folder of gpt-2-simple; ``digest`` is over all that is read of it."""

    folder: Path
    name: str
    digest: str


def find_model(
    text: str | None, project: Path, *, say: Callable[[str], None], bars: bool = False
) -> Model:
    """A folder of gpt-2-simple, a name of its models, or a GPT-2 of the hub by id or as a folder.

    Where nothing is named it is 124M: ``models/124M`` of the project, else the hub's gpt2.

    Raises:
        TrainingError: there is none, it cannot be fetched, or it is no GPT-2.
        CheckpointError: something of it is missing or torn, or the disk refuses.
    """
    name = DEFAULT if text is None else text
    own = project / "models" / name
    if name in _ON_THE_HUB and not Path(name).exists():
        if own.is_dir():
            return _checked(own, name)
        say(f"{own}: is not there, so {name} is taken from the hub, as {_ON_THE_HUB[name]}")
        name = _ON_THE_HUB[name]
    source = resolve_base(name, say=say, bars=bars)
    refuse_clone(source.folder)
    if _is_simple(source.folder):
        return _checked(source.folder, source.name)
    return _written(source.folder, source.name, project / "bases" / "gpt-2-simple", say)


def _is_simple(folder: Path) -> bool:
    return folder.is_dir() and recognise(folder) == "gpt-2-simple"


def _checked(folder: Path, name: str) -> Model:
    find_run(folder)
    sizes = read_sizes(folder)
    read_tokens(folder, sizes.vocabulary)
    _refuse_short(folder, sizes.context)
    digests = [sha256_of(file) for file in find(folder).files]
    return Model(folder=folder.resolve(), name=name, digest=_joined(digests))


def _refuse_short(folder: Path, context: int) -> None:
    if context < BLOCK:
        raise TrainingError(
            f"base {folder}: looks back on {context} tokens, and gpt-2-simple learns {BLOCK} at a "
            "time; name a GPT-2, or train with --engine transformers"
        )


def _written(source: Path, name: str, bases: Path, say: Callable[[str], None]) -> Model:
    """The folder that a Hugging Face model was written to, now or earlier."""
    if not is_hugging_face(source):
        raise TrainingError(
            f"base {source}: is neither a model's folder of gpt-2-simple (checkpoint, "
            "model.ckpt.*, encoder.json, vocab.bpe, hparams.json) nor a Hugging Face folder of a "
            "GPT-2; name one with --base FOLDER"
        )
    model = open_hugging_face(source)
    architecture = model.plan.architecture
    if model.plan != plan_gpt2(architecture):
        raise TrainingError(
            f"base {source}: is no GPT-2 as gpt-2-simple computes it ({architecture.name} of "
            "other settings); train it with --engine transformers"
        )
    _refuse_short(source, architecture.context)
    digest = _joined([sha256_of(file) for file in source_files(source)])
    target = bases / f"{safe_name(name)}-{digest[:8]}"
    if not target.exists():
        say(f"{name}: is written in gpt-2-simple's form, once, to {target}")
        _write(source, target)
    return _checked(target, name)


def _write(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(mkdtemp(prefix=f"{target.name}.partial-", dir=target.parent))
        try:
            facts = {"source": str(source.resolve()), "target": str(partial.resolve())}
            run_child("write", facts, folder=partial, gpu=False)
            partial.chmod(0o755)  # mkdtemp lets nobody else in
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise CheckpointError(
            f"{target}: cannot be written: {error.strerror or error}; free some space and try again"
        ) from None


def _joined(digests: list[str]) -> str:
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()
