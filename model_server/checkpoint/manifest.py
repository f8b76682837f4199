"""``manifest.json``: everything about a checkpoint that is not a weight.

A checkpoint is a folder with this file and one GGUF file: either an adapter (LoRA, with ``base``
naming the weights it belongs to) or whole weights.  A base is a checkpoint without a persona.  What
was converted from another form names no persona either: its ``source`` is bound to a person in the
ledger of a project.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from model_server.checkpoint.learned_manners import LearnedManners
from model_server.prompt_format import PromptFormat

__all__ = [
    "MANIFEST_NAME",
    "Architecture",
    "BaseReference",
    "Consent",
    "Digest",
    "Manifest",
    "Source",
    "Weights",
]

MANIFEST_NAME = "manifest.json"
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in hexadecimal."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Weights(_Strict):
    """The GGUF file beside the manifest."""

    file: Annotated[str, Field(pattern=r"^[\w.-]+\.gguf$")]
    kind: Literal["adapter", "full"]
    sha256: Digest
    bytes: Annotated[int, Field(gt=0)]


class BaseReference(_Strict):
    """The weights that an adapter belongs to, known by the digest of their GGUF file.

    ``path`` is relative to the checkpoint's folder; None means the base that comes with BotConvo.
    """

    name: str
    sha256: Digest
    path: str | None = None


class Architecture(_Strict):
    """Sizes that base and adapter have to share."""

    name: str
    layers: Annotated[int, Field(gt=0)]
    width: Annotated[int, Field(gt=0)]
    heads: Annotated[int, Field(ge=0)]
    """0 for an architecture that has none."""
    vocabulary: Annotated[int, Field(gt=0)]
    context: Annotated[int, Field(gt=0)]
    """Tokens that the positions were trained for."""


class Source(_Strict):
    """The checkpoint of another program that this one was converted from."""

    kind: Literal["gpt-2-simple", "hugging-face", "gguf"]
    name: str
    """Its folder or file, and which of its states, for people to read."""
    sha256: Digest
    """Over all that was read of it."""


class Consent(_Strict):
    """Which consent record allowed this clone."""

    person: str
    """The opaque id of the person in the ledger."""
    record: str
    """The id of the record."""
    fictional: bool = False
    """An invented character: there is nobody to ask."""


class Manifest(_Strict):
    """The whole file; unknown keys are refused."""

    format: Literal["botconvo-checkpoint"] = "botconvo-checkpoint"
    version: Literal[1] = 1
    persona: str | None
    """None for a base."""
    created: datetime
    weights: Weights
    base: BaseReference | None = None
    architecture: Architecture
    tokenizer_sha256: Digest
    """Digest of the token list and the merges (see ``tokenizer_digest``)."""
    prompt_format: PromptFormat | None = None
    consent: Consent | None = None
    source: Source | None = None
    corpus_sha256: Digest | None = None
    heard: tuple[Digest, ...] | None = None
    """What stands for everybody whose lines it was trained on; None: an older version made it."""
    manners: LearnedManners | None = None
    """How the friend took part in talks; None: the messages did not tell, or an older version."""
    training: dict[str, str | int | float | bool | None] = {}
    """Settings, seed and losses of the run that made it, for people to read."""
    versions: dict[str, str] = {}
    """Versions of the libraries that made it."""

    @model_validator(mode="after")
    def _fits_together(self) -> "Manifest":
        if (self.weights.kind == "adapter") != (self.base is not None):
            raise ValueError("an adapter names its base, and whole weights name none")
        if self.persona is not None and (self.prompt_format is None or self.consent is None):
            raise ValueError("a persona's checkpoint holds its prompt format and its consent")
        return self
