"""The base that a clone is trained on: a base checkpoint, or a Hugging Face folder made into one.

Training starts from the very numbers that are served: whatever the folder was, the weights are
read back out of the GGUF file.  Nothing is downloaded and no code of a model is run.  It knows
nothing of torch.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botconvo.checkpoints import bundled_base, manifest_in
from botconvo.errors import TrainingError
from botconvo.training.estimate import Sizes
from botconvo.training.hugging_face import TOKENIZER_NAME, base_of_hugging_face, is_hugging_face
from botconvo.training.settings import Weights
from model_server.checkpoint.folder import Checkpoint, load_checkpoint
from model_server.checkpoint.gguf_adapter import linear_layers
from model_server.checkpoint.gguf_files import plan_gpt2
from model_server.checkpoint.gguf_header import read_header
from model_server.checkpoint.gguf_writing import Plan
from model_server.checkpoint.hugging_face.families import family_of
from model_server.checkpoint.hugging_face.settings import CONFIG_NAME, read_settings
from model_server.checkpoint.manifest import MANIFEST_NAME, BaseReference
from model_server.checkpoint.tokens import Tokens, tokens_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "BASE_DIGEST",
    "Base",
    "base_with",
    "build_tokenizer",
    "encoder_of",
    "open_base",
    "refuse_clone",
]

BASE_DIGEST = "base_sha256"
"""What a manifest calls the digest of the base's weights, by which whole weights find theirs."""

_GPT2_SPLITTING = "gpt-2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A base that can be trained on and served.  ``bundled`` says that it came with BotConvo.

    ``plan`` says what its weights are, ``config`` are the values of the ``config.json`` that it was
    converted with (None for a GPT-2 with the usual ones), ``tokenizer`` is the file that splits its
    texts (None where its tokens say all).
    """

    checkpoint: Checkpoint
    tokens: Tokens
    name: str
    bundled: bool
    plan: Plan
    config: Mapping[str, Any] | None
    tokenizer: Path | None

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        return sum(prod(tensor.shape) for tensor in self.plan.tensors)

    @property
    def sizes(self) -> Sizes:
        """What its training takes memory for."""
        layers, whole = linear_layers(self.plan).values(), self.plan.architecture
        widths = [max(layer.shape) for layer in layers]
        return Sizes(
            parameters=self.parameters,
            linear=sum(prod(layer.shape) for layer in layers),
            inputs=sum(layer.shape[1] for layer in layers),
            outputs=sum(layer.shape[0] for layer in layers),
            layers=whole.layers,
            width=whole.width,
            inner=max(widths, default=whole.width),
            heads=whole.heads,
            vocabulary=whole.vocabulary,
            largest=max(prod(tensor.shape) for tensor in self.plan.tensors),
            copies=2 if self.config is None else 1,  # a GPT-2 with the usual settings is read whole
        )

    def reference(self, folder: Path) -> BaseReference:
        """How a checkpoint in ``folder`` names this base."""
        path = None if self.bundled else _path_from(folder, self.checkpoint.folder)
        return BaseReference(
            name=self.name, sha256=self.checkpoint.manifest.weights.sha256, path=path
        )


def open_base(
    folder: Path,
    *,
    bases: Path,
    name: str | None = None,
    bundled: bool = False,
    weights: Weights = "q8_0",
    say: Callable[[str], None] = lambda line: None,
) -> Base:
    """Open a base checkpoint, or a Hugging Face folder, which is converted into ``bases`` once.

    ``name`` is what a converted one is called, where that is not the folder's name, ``weights`` how
    exactly it is converted; ``say`` is told what the folder's owner should know about it.

    Raises:
        TrainingError: the folder is neither, or not of a kind that can be trained on.
        CheckpointError: the base is torn, or the disk refuses.
    """
    if folder.is_file():
        raise TrainingError(
            f"base {folder}: is one file, and training reads a folder; a GGUF file can be served "
            "but not trained on: name the Hugging Face folder that it was made from, or its hub id"
        )
    if not folder.is_dir():
        raise TrainingError(f"base {folder}: there is no such folder; name one with --base FOLDER")
    if not (folder / MANIFEST_NAME).exists():
        if not is_hugging_face(folder):
            raise _no_base(folder)
        called = name or folder.resolve().name
        folder = base_of_hugging_face(folder, bases, name=called, weights=weights, say=say)
    refuse_clone(folder)
    checkpoint = load_checkpoint(folder, hash_large=True)
    plan, config = _plan(checkpoint)
    header = read_header(checkpoint.base_path)
    tokens = tokens_of(checkpoint.base_path, header)
    return Base(
        checkpoint=checkpoint,
        tokens=tokens,
        name=header.text("general.name") or folder.resolve().name,
        bundled=bundled,
        plan=plan,
        config=config,
        tokenizer=_tokenizer(folder, tokens),
    )


def _no_base(folder: Path) -> TrainingError:
    if (folder / "hparams.json").is_file():
        return TrainingError(
            f"base {folder}: is a folder of gpt-2-simple; train on it with --engine gpt-2-simple"
        )
    return TrainingError(
        f"base {folder}: holds neither {MANIFEST_NAME} nor a Hugging Face model's {CONFIG_NAME}; "
        "name a base with --base FOLDER"
    )


def base_with(sha256: object, bases: Path) -> Path | None:
    """The folder of the base whose weights have this digest: the bundled one, or one in ``bases``.

    None where there is none, as whole weights do not need theirs.
    """
    converted = (path.parent for path in sorted(bases.glob(f"*/{MANIFEST_NAME}")))
    for folder in (bundled_base(), *converted):
        manifest = manifest_in(folder)
        if manifest is not None and manifest.weights.sha256 == sha256:
            return folder
    return None


def refuse_clone(folder: Path) -> None:
    """A clone holds somebody's words, and is nobody else's base.

    Raises:
        TrainingError: the folder holds one.  Anything odd is left to who reads it next.
    """
    manifest = manifest_in(folder)
    if manifest is None:
        return
    if manifest.persona is not None or manifest.weights.kind == "adapter":
        raise TrainingError(
            f"base {folder}: is a clone{_of(manifest.persona)}; name the base that it was "
            "trained on"
        )


def _of(persona: str | None) -> str:
    return "" if persona is None else f" of {persona}"


def _plan(checkpoint: Checkpoint) -> tuple[Plan, Mapping[str, Any] | None]:
    folder, architecture = checkpoint.folder, checkpoint.manifest.architecture
    if (folder / CONFIG_NAME).is_file():
        family, settings = family_of(read_settings(folder))
        plan = family.plan(settings)
        if plan.architecture != architecture:
            raise TrainingError(
                f"base {folder}: {CONFIG_NAME} describes another model than {MANIFEST_NAME}; name "
                "the Hugging Face folder again, it is converted anew elsewhere"
            )
        return plan, settings.values
    if architecture.name != "gpt2":
        raise TrainingError(
            f"base {folder}: is a {architecture.name} without the {CONFIG_NAME} that it was "
            "converted with, and cannot be trained on; name the Hugging Face folder or id"
        )
    return plan_gpt2(architecture), None


def _tokenizer(folder: Path, tokens: Tokens) -> Path | None:
    if tokens.splitting == _GPT2_SPLITTING and tokens.begin_of_text is None:
        return None
    path = folder / TOKENIZER_NAME
    if not path.is_file():
        raise TrainingError(
            f"base {folder}: has no {TOKENIZER_NAME}, without which nothing but a GPT-2 reads text "
            "for training; name the Hugging Face folder or id"
        )
    return path


def _path_from(folder: Path, base: Path) -> str:
    """Relative, with forward slashes, so that a project can be moved or copied as a whole."""
    try:
        return Path(os.path.relpath(base.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive on Windows
        return base.resolve().as_posix()


def build_tokenizer(tokens: Tokens) -> "Tokenizer":
    """The vocabulary as a tokenizer that splits text exactly as llama.cpp does.

    Special tokens are plain text to it: somebody who types ``<|endoftext|>`` ends no text.  Tags
    that the base was trained with stay whole.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {token: number for number, token in enumerate(tokens.tokens)}
    merges = [(left, right) for left, _, right in (m.partition(" ") for m in tokens.merges)]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([AddedToken(tag, normalized=False) for tag in tokens.typed])
    return tokenizer


def encoder_of(base: Base) -> Callable[[str], Sequence[int]]:
    """A text's tokens as llama.cpp finds them, without the one that every text begins with.

    Special tokens are plain text to it, but for tags that the base was trained with.
    """
    from tokenizers import Tokenizer

    if base.tokenizer is None:
        tokenizer = build_tokenizer(base.tokens)
    else:
        tokenizer = Tokenizer.from_file(str(base.tokenizer))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True

    def encode(text: str) -> Sequence[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    return encode
