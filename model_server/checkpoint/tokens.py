"""The vocabulary of a checkpoint: byte-level BPE or sentencepiece's pieces, and its digest.

Standard library only, so that a model server can compare vocabularies without loading numpy.
"""

import hashlib
import json
import unicodedata
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from model_server.checkpoint.gguf_header import Header
from model_server.errors import CheckpointError
from model_server.prompt_format import END_OF_TEXT

__all__ = [
    "AS_IT_IS",
    "END_OF_TEXT",
    "ONE_SPACE_KEY",
    "SENTENCEPIECE",
    "Kind",
    "Reading",
    "Tokens",
    "plain_kinds",
    "sha256_of",
    "tokenizer_digest",
    "tokens_of",
]

SENTENCEPIECE = "sentencepiece"
"""The splitting of vocabularies without words: a whole text is merged by the pieces' scores."""
ONE_SPACE_KEY = "botconvo.tokenizer.one_space"
"""Of our own: llama.cpp knows nothing of it."""
_DEFAULT_BEGIN, _DEFAULT_ENDS = 1, {"llama": 2}
"""What llama.cpp takes of sentencepiece's vocabulary where the file names none."""
_COMPOSED = ("qwen2", "qwen35")
"""Splittings whose models saw only composed text (NFC); llama.cpp leaves that to us."""
_BEGIN_BY_DEFAULT = ("llama-bpe", "llama3", "llama-v3", "tekken", SENTENCEPIECE)
"""Splittings that llama.cpp begins a text for where the file does not say."""


class Kind(IntEnum):
    """llama.cpp's types of tokens.

    In a text that somebody wrote, control tokens are never found, user-defined ones always, and
    only the latter are part of what a completion says.
    """

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What llama.cpp leaves to those who give it a text.

    ``begin_of_text`` is the token that every prompt begins with, or None.  ``composed`` text is
    brought into Unicode's composed form (NFC).  ``one_space`` says that the space which llama.cpp
    puts before a text is not wanted where there is one already.
    """

    begin_of_text: int | None = None
    composed: bool = False
    one_space: bool = False

    def prepare(self, text: str) -> str:
        """A text as llama.cpp has to see it."""
        if self.composed:
            text = unicodedata.normalize("NFC", text)
        return text.removeprefix(" ") if self.one_space else text


AS_IT_IS = Reading()
"""Nothing has to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A vocabulary as llama.cpp uses it.

    ``splitting`` is its name for how a text falls into words before tokens are looked for.  Tokens
    are in GPT-2's byte alphabet with ``merges`` (pairs joined by a space, the most urgent first),
    or sentencepiece's pieces with ``scores`` (the highest is merged first); ``space_first`` then
    says that a text is read with a space before it, ``one_space`` that one is enough.
    ``end_of_text`` is an id, ``begin_of_text`` the one that every prompt begins with, or None.
    Without ``kinds`` the end of text is a control token and all others are normal.
    """

    tokens: tuple[str, ...]
    merges: tuple[str, ...]
    end_of_text: int
    begin_of_text: int | None = None
    splitting: str = "gpt-2"
    scores: tuple[float, ...] = ()
    space_first: bool = False
    one_space: bool = False
    kinds: tuple[int, ...] = ()

    @property
    def reading(self) -> Reading:
        return Reading(
            begin_of_text=self.begin_of_text,
            composed=self.splitting in _COMPOSED,
            one_space=self.one_space,
        )

    @property
    def typed(self) -> tuple[str, ...]:
        """Tokens that are found in a text as they are spelled, such as a speaker's ``<name>``."""
        pairs = zip(self.tokens, self.kinds, strict=False)
        return tuple(token for token, kind in pairs if kind == Kind.USER_DEFINED)


def tokenizer_digest(tokens: Tokens) -> str:
    """SHA-256 in hexadecimal over all that decides how a text falls into tokens."""
    parts: list[object] = [tokens.tokens, tokens.merges]
    if tokens.splitting != "gpt-2" or tokens.kinds or tokens.begin_of_text is not None:
        parts += [tokens.splitting, tokens.scores, tokens.kinds]
        parts += [tokens.begin_of_text, tokens.space_first, tokens.one_space]
    text = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def tokens_of(path: Path, header: Header) -> Tokens:
    """The vocabulary in a GGUF file's metadata.

    Raises:
        CheckpointError: it has none, or does not say which token ends a text.
    """
    model, tokens = header.text("tokenizer.ggml.model"), header.texts("tokenizer.ggml.tokens")
    merges = header.texts("tokenizer.ggml.merges") if model == "gpt2" else []
    scores = header.reals("tokenizer.ggml.scores") if model == "llama" else []
    if model is None or not tokens or merges is None or scores is None:
        raise CheckpointError(f"{path}: holds no vocabulary; give weights with their tokenizer")
    end = header.number("tokenizer.ggml.eos_token_id")
    end = _DEFAULT_ENDS.get(model) if end is None else end
    if end is None or end >= len(tokens):
        raise CheckpointError(f"{path}: does not name its end-of-text token")
    splitting = header.text("tokenizer.ggml.pre") or "default"
    splitting = {"gpt2": splitting, "llama": SENTENCEPIECE}.get(model, model)
    kinds = tuple(int(kind) for kind in header.reals("tokenizer.ggml.token_type") or ())
    return Tokens(
        tokens=tuple(tokens),
        merges=tuple(merges),
        end_of_text=end,
        begin_of_text=_begin_of(header, splitting, len(tokens)),
        splitting=splitting,
        scores=tuple(scores),
        space_first=bool(scores)
        and header.metadata.get("tokenizer.ggml.add_space_prefix") is not False,
        one_space=header.metadata.get(ONE_SPACE_KEY) is True,
        kinds=() if kinds == plain_kinds(len(tokens), end) else kinds,
    )


def plain_kinds(count: int, end_of_text: int) -> tuple[int, ...]:
    """The kinds of a vocabulary in which nothing but the end of text is special."""
    kinds = [int(Kind.NORMAL)] * count
    kinds[end_of_text] = int(Kind.CONTROL)
    return tuple(kinds)


def _begin_of(header: Header, splitting: str, count: int) -> int | None:
    wanted = header.metadata.get("tokenizer.ggml.add_bos_token", splitting in _BEGIN_BY_DEFAULT)
    begin = header.number("tokenizer.ggml.bos_token_id")
    if begin is None and splitting == SENTENCEPIECE:
        begin = _DEFAULT_BEGIN
    return begin if wanted is True and begin is not None and begin < count else None


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
