"""The tokenizer of a Hugging Face folder becomes a vocabulary as llama.cpp knows it.

``tokenizer.json`` says all that matters; where there is none, GPT-2's ``vocab.json`` and
``merges.txt`` do.  The files beside it only tell which tokens end and begin a text, and may be
missing or broken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model_server.checkpoint.hugging_face.sentencepiece import byte_pieces, reachable, scores_of
from model_server.checkpoint.hugging_face.settings import CONFIG_NAME, Settings, read_json
from model_server.checkpoint.hugging_face.splitting import Spaces, splitting_of
from model_server.checkpoint.tokens import END_OF_TEXT, SENTENCEPIECE, Kind, Tokens, plain_kinds
from model_server.errors import CheckpointError

__all__ = ["read_tokenizer", "read_tokenizer_json", "tokenizer_files"]

_TOKENIZER, _HINTS = "tokenizer.json", "tokenizer_config.json"
_PAIR = ("vocab.json", "merges.txt")
_BESIDE = (_HINTS, "special_tokens_map.json", "added_tokens.json", "generation_config.json")
_UNSPOKEN = ("eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token")
"""Roles of tokens that nobody writes into a prompt."""
_PADDING = 20
"""Of so many rows of the embedding, one may lack a token: sizes are rounded up for speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Added:
    """A token that stands beside the model; ``loose`` ones take the spaces around them along."""

    id: int
    text: str
    special: bool
    loose: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parsed:
    """A tokenizer as its files have it.  ``begin`` is the text of the token that it puts first."""

    path: Path
    vocabulary: Mapping[str, int]
    merges: tuple[str, ...]
    added: tuple[_Added, ...]
    splitting: str = "gpt-2"
    spaces: Spaces = "never"
    begin: str | None = None
    unknown: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hints:
    """What the files beside say.  ``roles`` are texts of tokens, ``ends`` ids that end a text."""

    roles: Mapping[str, str] = field(default_factory=dict)
    special: frozenset[str] = frozenset()
    ends: tuple[int, ...] = ()
    begins: bool | None = None


def tokenizer_files(folder: Path) -> tuple[Path, ...]:
    """Those files of a folder that decide how it reads text.

    Raises:
        CheckpointError: there is no tokenizer.
    """
    beside = tuple(folder / name for name in _BESIDE if (folder / name).is_file())
    if (folder / _TOKENIZER).is_file():
        return (folder / _TOKENIZER, *beside)
    pair = tuple(folder / name for name in _PAIR)
    missing = [path.name for path in pair if not path.is_file()]
    if missing:
        raise CheckpointError(
            f"{folder}: has no {_TOKENIZER}, and no {' or '.join(missing)} in its place; "
            "fetch the model's tokenizer too"
        )
    return (*pair, *beside)


def read_tokenizer(folder: Path, settings: Settings, rows: int) -> tuple[Tokens, tuple[str, ...]]:
    """The vocabulary for an embedding with so many rows, and lines about what was missing.

    Raises:
        CheckpointError: a file is missing or broken, the size is another one, or llama.cpp does
            not know this kind of tokenizer.
    """
    tokenizer_files(folder)
    hints, notes = _read_hints(folder, settings)
    gpt2 = settings.get("model_type") == "gpt2"
    if (folder / _TOKENIZER).is_file():
        parsed = _parse_json(folder / _TOKENIZER)
    elif gpt2:
        parsed = _parse_pair(folder, hints)
    else:
        raise CheckpointError(
            f"{folder}: has no {_TOKENIZER}, without which only a GPT-2 can be read; "
            "fetch the model's fast tokenizer too"
        )
    return _tokens(parsed, hints, rows, tags=gpt2), notes


def read_tokenizer_json(path: Path) -> Tokens:
    """The vocabulary of a ``tokenizer.json`` alone.

    Raises:
        CheckpointError: it cannot be read, or llama.cpp does not know this kind of tokenizer.
    """
    parsed = _parse_json(path)
    rows = 1 + max([*parsed.vocabulary.values(), *(added.id for added in parsed.added)], default=0)
    return _tokens(parsed, _Hints(), rows, tags=False)


def _parse_json(path: Path) -> _Parsed:
    parsed = read_json(path)
    try:
        model = parsed["model"]
        if model.get("type", "BPE") != "BPE":
            raise CheckpointError(f"{path}: is a {model['type']} model; only BPE can be served")
        vocabulary = {str(token): int(number) for token, number in model["vocab"].items()}
        merges = tuple(m if isinstance(m, str) else " ".join(m) for m in model["merges"])
        splitting = splitting_of(parsed)
        if splitting is None or model.get("continuing_subword_prefix"):
            raise CheckpointError(
                f"{path}: splits text in a way that the engine does not know (pre_tokenizer); "
                "it would be given other tokens than it was trained on"
            )
        return _Parsed(
            path=path,
            vocabulary=vocabulary,
            merges=merges,
            added=tuple(_added(entry) for entry in parsed.get("added_tokens") or ()),
            splitting=splitting[0],
            spaces=splitting[1],
            begin=_first_of_template(parsed.get("post_processor")),
            unknown=model.get("unk_token"),
        )
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        raise CheckpointError(f"{path}: is not a tokenizers file of a BPE model") from None


def _added(entry: Mapping[str, Any]) -> _Added:
    return _Added(
        id=int(entry["id"]),
        text=str(entry["content"]),
        special=bool(entry.get("special", False)),
        loose=any(entry.get(key, False) for key in ("lstrip", "rstrip", "single_word")),
    )


def _first_of_template(processor: Mapping[str, Any] | None) -> str | None:
    """The token that a post-processor puts before every text."""
    steps = (processor or {}).get("processors", [processor] if processor else [])
    for step in steps:
        if step["type"] == "TemplateProcessing":
            return str(step["single"][0].get("SpecialToken", {}).get("id", "")) or None
    return None


def _parse_pair(folder: Path, hints: _Hints) -> _Parsed:
    vocabulary, merges = (folder / name for name in _PAIR)
    try:
        lines = merges.read_text(encoding="utf-8").split("\n")
        numbers = {str(token): int(number) for token, number in read_json(vocabulary).items()}
        more = {**_added_by_id(folder), **_read_or_empty(folder / "added_tokens.json")}
        added = [
            _Added(id=int(number), text=str(text), special=text in hints.special)
            for text, number in more.items()
        ]
    except OSError as error:
        raise CheckpointError(f"{merges}: cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, OverflowError):
        raise CheckpointError(f"{folder}: {' and '.join(_PAIR)} are not GPT-2's") from None
    pairs = [
        line
        for line in (line.rstrip("\r") for line in lines)
        if line and not line.startswith("#version")
    ]
    if any(len(pair.split(" ")) != 2 for pair in pairs):
        raise CheckpointError(f"{merges}: is not a list of pairs; fetch it again")
    return _Parsed(path=vocabulary, vocabulary=numbers, merges=tuple(pairs), added=tuple(added))


def _added_by_id(folder: Path) -> dict[str, int]:
    entries = _read_or_empty(folder / _HINTS).get("added_tokens_decoder", {})
    try:
        return {str(entry["content"]): int(number) for number, entry in entries.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}


def _read_or_empty(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except CheckpointError:
        return {}


def _read_hints(folder: Path, settings: Settings) -> tuple[_Hints, tuple[str, ...]]:
    """What is there of the files beside, and lines about what is not."""
    notes = []
    for name in _BESIDE:
        path = folder / name
        if path.is_file() and not _read_or_empty(path):
            notes.append(f"{path} cannot be read and was left out")
        elif name == _HINTS and not path.is_file():
            notes.append(f"{path} is missing; {CONFIG_NAME} and the tokenizer were asked instead")
    config, table = _read_or_empty(folder / _HINTS), _read_or_empty(folder / _BESIDE[1])
    generation = _read_or_empty(folder / "generation_config.json")
    both = {**table, **{key: value for key, value in config.items() if value is not None}}
    roles = {key: _text_of(both[key]) for key in (*_UNSPOKEN, "bos_token") if both.get(key)}
    listed = (both.get(key) for key in ("additional_special_tokens", "extra_special_tokens"))
    more = {_text_of(token) for tokens in listed if isinstance(tokens, list) for token in tokens}
    begins = config.get("add_bos_token")
    hints = _Hints(
        roles=roles,
        special=frozenset({*roles.values(), *more}),
        ends=_ids(generation.get("eos_token_id")) or _ids(settings.get("eos_token_id")),
        begins=begins if isinstance(begins, bool) else None,
    )
    return hints, tuple(notes)


def _text_of(token: object) -> str:
    return str(token.get("content", "")) if isinstance(token, dict) else str(token)


def _ids(value: object) -> tuple[int, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(number for number in values if isinstance(number, int))


def _tokens(parsed: _Parsed, hints: _Hints, rows: int, *, tags: bool) -> Tokens:
    """``tags``: added special tokens are written into prompts, as tags of speakers are."""
    added = _fitting(parsed, rows)
    texts = _by_id(parsed, added, rows)
    ids = {text: number for number, text in texts.items()}
    end = _end_of(parsed.path, hints, ids, rows)
    begin = hints.roles.get("bos_token") if hints.begins else parsed.begin
    first = None if hints.begins is False or begin is None else ids.get(begin)
    kinds = _kinds(parsed, added, hints, rows, tags)
    kinds |= {number: Kind.CONTROL for number in (end, first) if number is not None}
    for number in range(rows):
        if number not in texts:
            texts[number], kinds[number] = f"[PAD{number}]", Kind.UNUSED
    pieces = _pieces(parsed, texts, kinds) if parsed.splitting == SENTENCEPIECE else {}
    listed = tuple(int(kinds.get(number, Kind.NORMAL)) for number in range(rows))
    tokens = tuple(texts[number] for number in range(rows))
    if len(set(tokens)) != rows:
        raise CheckpointError(f"{parsed.path}: two of its tokens are spelled alike")
    return Tokens(
        tokens=tokens,
        merges=() if pieces else parsed.merges,
        end_of_text=end,
        begin_of_text=first,
        splitting=parsed.splitting,
        scores=tuple(pieces.get(token, 0.0) for token in tokens) if pieces else (),
        space_first=parsed.spaces != "never",
        one_space=parsed.spaces == "one",
        kinds=() if listed == plain_kinds(rows, end) else listed,
    )


def _fitting(parsed: _Parsed, rows: int) -> tuple[_Added, ...]:
    """The added tokens that the embedding has rows for; special ones beyond were never trained."""
    known = {*parsed.vocabulary.values(), *(added.id for added in parsed.added)}
    own = max(parsed.vocabulary.values(), default=-1)
    spoken = [added.id for added in parsed.added if not added.special]
    if max(own, *spoken, -1) >= rows or rows - len(known) > rows // _PADDING:
        raise CheckpointError(
            f"{parsed.path}: has {len(known)} tokens where the weights have rows for {rows} "
            "(vocab_size); these do not belong together"
        )
    return tuple(added for added in parsed.added if added.id < rows)


def _by_id(parsed: _Parsed, added: tuple[_Added, ...], rows: int) -> dict[int, str]:
    texts = {number: token for token, number in parsed.vocabulary.items()}
    if len(texts) != len(parsed.vocabulary) or min(texts, default=0) < 0:
        raise CheckpointError(f"{parsed.path}: the token ids repeat or are negative")
    for token in added:
        if texts.setdefault(token.id, token.text) != token.text:
            raise CheckpointError(
                f"{parsed.path}: {token.text!r} and {texts[token.id]!r} have one id, {token.id}"
            )
    return texts


def _end_of(path: Path, hints: _Hints, ids: Mapping[str, int], rows: int) -> int:
    named = [ids.get(text) for text in (hints.roles.get("eos_token"), END_OF_TEXT) if text]
    likely = [*(number for number in named if number in hints.ends), *hints.ends, *named]
    for number in likely:
        if number is not None and 0 <= number < rows:
            return number
    raise CheckpointError(
        f"{path.parent}: does not tell which token ends a text; {CONFIG_NAME} needs eos_token_id"
    )


def _kinds(
    parsed: _Parsed, added: tuple[_Added, ...], hints: _Hints, rows: int, tags: bool
) -> dict[int, Kind]:
    unspoken = {hints.roles.get(role) for role in _UNSPOKEN}
    kinds = {}
    for token in added:
        beyond = tags and token.text not in parsed.vocabulary and token.text not in unspoken
        kinds[token.id] = Kind.CONTROL if token.special and not beyond else Kind.USER_DEFINED
        if kinds[token.id] == Kind.USER_DEFINED and token.loose:
            raise CheckpointError(
                f"{parsed.path}: {token.text!r} takes the spaces around it along (lstrip, rstrip "
                "or single_word), which the engine does not do"
            )
    return kinds


def _pieces(parsed: _Parsed, texts: dict[int, str], kinds: dict[int, Kind]) -> dict[str, float]:
    """Scores of sentencepiece's pieces; texts and kinds are brought into llama.cpp's form."""
    where = str(parsed.path)
    plain = {text for number, text in texts.items() if number not in kinds}
    bytes_ = byte_pieces(plain)
    if len(bytes_) < 256:
        raise CheckpointError(f"{where}: lacks a piece for every byte; fetch the model again")
    if parsed.spaces == "one" and Kind.USER_DEFINED in kinds.values():
        raise CheckpointError(
            f"{where}: has tokens of its own after which no space is put, which the engine does"
        )
    spelled = {text for text in bytes_.values() if len(text) > 1}
    scores = scores_of(plain - spelled - {parsed.unknown}, parsed.merges, where)
    for number, text in texts.items():
        if text in spelled and number not in kinds:
            kinds[number] = Kind.BYTE
        elif text == parsed.unknown:
            kinds[number] = Kind.UNKNOWN
        elif kinds.get(number) == Kind.USER_DEFINED:
            texts[number] = text.replace("▁", " ")
        if kinds.get(number) in (Kind.CONTROL, Kind.UNKNOWN) and reachable(text, plain):
            # llama.cpp joins letters to it: whoever types it would otherwise end the text.
            texts[number] = f"⟦{text}⟧"
    return dict(scores)
