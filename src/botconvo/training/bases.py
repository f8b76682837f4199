"""The base that a clone is trained on: a base checkpoint, or a Hugging Face folder made into one.

Training starts from the very numbers that are served: whatever the folder was, the weights are
read back out of the GGUF file.  Nothing is downloaded and no code of a model is run.  It knows
nothing of torch.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botconvo.errors import TrainingError
from botconvo.training.hugging_face import base_of_hugging_face, is_hugging_face
from model_server.checkpoint.folder import Checkpoint, load_checkpoint
from model_server.checkpoint.gguf_header import read_header
from model_server.checkpoint.manifest import MANIFEST_NAME, BaseReference
from model_server.checkpoint.tokens import Tokens, tokens_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["Base", "build_tokenizer", "open_base"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A base that can be trained on and served.  ``bundled`` says that it came with BotConvo."""

    checkpoint: Checkpoint
    tokens: Tokens
    name: str
    bundled: bool

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
    say: Callable[[str], None] = lambda line: None,
) -> Base:
    """Open a base checkpoint, or a Hugging Face folder, which is converted into ``bases`` once.

    ``name`` is what a converted one is called, where that is not the folder's name; ``say`` is
    told what the folder's owner should know about it.

    Raises:
        TrainingError: the folder is neither, or not of a kind that can be trained on.
        CheckpointError: the base is torn, or the disk refuses.
    """
    if not folder.is_dir():
        raise TrainingError(f"base {folder}: there is no such folder; name one with --base FOLDER")
    if not (folder / MANIFEST_NAME).exists():
        if not is_hugging_face(folder):
            raise TrainingError(
                f"base {folder}: holds neither {MANIFEST_NAME} nor a Hugging Face model's "
                "config.json; name a base with --base FOLDER"
            )
        called = name or folder.resolve().name
        folder = base_of_hugging_face(folder, bases, name=called, say=say)
    checkpoint = load_checkpoint(folder, hash_large=True) if _is_whole(folder) else None
    if checkpoint is None:
        raise TrainingError(
            f"base {folder}: is a clone's adapter; name the base that it was trained on"
        )
    if checkpoint.manifest.architecture.name != "gpt2":
        raise TrainingError(
            f"base {folder}: is a {checkpoint.manifest.architecture.name}; "
            "so far clones are trained on GPT-2 models only"
        )
    header = read_header(checkpoint.base_path)
    tokens = tokens_of(checkpoint.base_path, header)
    if tokens.splitting != "gpt-2" or tokens.begin_of_text is not None:
        raise TrainingError(
            f"base {folder}: reads text in another way than a GPT-2 ({tokens.splitting}); "
            "so far clones are trained on GPT-2's tokenizer only"
        )
    return Base(
        checkpoint=checkpoint,
        tokens=tokens,
        name=header.text("general.name") or folder.resolve().name,
        bundled=bundled,
    )


def _is_whole(folder: Path) -> bool:
    """False for an adapter; anything odd is left to ``load_checkpoint`` to explain."""
    try:
        manifest = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
        return bool(manifest["weights"]["kind"] != "adapter")
    except (OSError, ValueError, KeyError, TypeError):
        return True


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
