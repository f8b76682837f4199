"""What a pack says of itself, and its corpus as text that people can read.

It knows nothing of zip files, projects or torch.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from botconvo.corpus import Corpus, Session
from botconvo.errors import PackError
from botconvo.training.material import Material
from botconvo.training.names import safe_name
from botconvo.training.settings import TrainingSettings
from botconvo.transcript.grammar import parse_line
from model_server.checkpoint.manifest import Consent, Digest
from model_server.prompt_format import PromptFormat

__all__ = [
    "BASE_FOLDER",
    "HELD_OUT",
    "PACK_NAME",
    "TRAIN",
    "Pack",
    "PackId",
    "PackedBase",
    "print_sessions",
    "read_pack",
    "read_sessions",
]

PACK_NAME = "pack.json"
TRAIN, HELD_OUT = "corpus/train.txt", "corpus/held-out.txt"
BASE_FOLDER = "base"
_UNTOLD = datetime(1970, 1, 1, tzinfo=UTC)
"""When a packed session began: training does not ask, so it is not told."""

PackId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PackedBase(_Strict):
    """The base to train on: a checkpoint in the pack, or a model of the hub."""

    name: str
    hub: str | None = None
    """The model's id on the hub, where it is fetched from there; None: it is in the pack."""
    sha256: Digest | None = None
    """Of the GGUF file; None where it is not known before the model is fetched."""
    bundled: bool = False
    """The base that comes with BotConvo."""


class Pack(_Strict):
    """``pack.json``."""

    format: Literal["botconvo-pack"] = "botconvo-pack"
    version: Literal[1] = 1
    id: PackId
    """Random: whatever comes back is known by it."""
    created: datetime
    processor: str
    """Where it may be worked on, as the consent records name it."""
    prompt_format: PromptFormat
    consent: Consent
    corpus_sha256: Digest
    settings: TrainingSettings
    base: PackedBase

    @property
    def speaker(self) -> str:
        """Who is cloned."""
        return self.prompt_format.speaker

    @property
    def name(self) -> str:
        """What its files are called, without an ending."""
        return f"{safe_name(self.speaker)}-{self.id[:8]}"


def print_sessions(sessions: Iterable[Session]) -> str:
    """Sessions as text: a line of the transcript on each row, an empty row between two."""
    return "\n\n".join(session.text for session in sessions) + "\n"


def read_sessions(text: str) -> tuple[Session, ...]:
    """The sessions of ``print_sessions``, without the times at which they began.

    Raises:
        PackError: a row is no line of a transcript.
    """
    return tuple(_session(part) for part in text.removesuffix("\n").split("\n\n") if part)


def _session(text: str) -> Session:
    lines = [(row, parse_line(row)) for row in text.split("\n")]
    torn = next((row for row, line in lines if line is None), None)
    if torn is not None:
        raise PackError(f"{torn[:60]!r} is no line of a transcript; pack again")
    return Session(lines=tuple(line for _, line in lines if line is not None), started=_UNTOLD)


def read_pack(folder: Path) -> tuple[Pack, Material]:
    """An unpacked pack, and what is to be trained on.

    Raises:
        PackError: it is none, or something of it is missing or was changed.
    """
    if folder.is_file():
        raise PackError(f"{folder} is a file; unpack it and give the folder")
    pack = _read_description(folder / PACK_NAME)
    try:
        train, held_out = ((folder / name).read_bytes().decode() for name in (TRAIN, HELD_OUT))
    except (OSError, ValueError) as error:
        raise PackError(f"{folder}: its corpus cannot be read ({error}); unpack it again") from None
    corpus = Corpus(
        speaker=pack.speaker, train=read_sessions(train), held_out=read_sessions(held_out)
    )
    if corpus.digest() != pack.corpus_sha256:
        raise PackError(f"{folder}: its corpus is not the one that was packed; unpack it again")
    return pack, Material(corpus=corpus, form=pack.prompt_format, consent=pack.consent, heard=None)


def _read_description(path: Path) -> Pack:
    try:
        return Pack.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise PackError(
            f"{path.parent} is no unpacked pack, it holds no {PACK_NAME}; "
            "make one with 'botconvo train NAME --pack'"
        ) from None
    except OSError as error:
        raise PackError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, fault["loc"])) or "the file"
        raise PackError(f"{path}: {where}: {fault['msg']}; pack again") from None
