"""FriendSimulator's ``config.yaml``, and the two JSON files that it had before.

One model speaks for everybody in a chat there, so the file names no persona.
"""

from collections.abc import Mapping
from typing import Any

from botconvo.old_configs.converted import Converted, Keys, OldPersona

__all__ = ["convert", "is_it"]

_SECTIONS = ("training", "generation", "conversation")
_MARKS = frozenset(
    """
    model_name train_dir eval_dir usernames_dir block_size plm_probability output_dir
    input_string bad_words max_length num_return_sequences repetition_penalty
    """.split()
)
"""Two of these in one section are no chance."""
_OLD_MARKS = ("model_type", "model_name_or_path")
_OLD_MORE_MARKS = frozenset({"train_data_file", "length", "k", "num_return_sequences"})
_OLD_TRAINING_MARK = "train_data_file"

_NUMBERS = {
    "temperature": ("temperature", True),
    "top_k": ("top_k", False),
    "k": ("top_k", False),
    "top_p": ("top_p", False),
    "p": ("top_p", False),
    "repetition_penalty": ("repetition_penalty", False),
    "num_return_sequences": ("samples", False),
}
"""Their name: ours, and whether ours is a range."""
_TRAIN = "is told when a clone is trained: botconvo train NAME"
_TRAINING = "belongs to training; botconvo train --help lists what can be set"
_REASONS = {
    "max_length": "counted the prompt too; a reply ends with its line here",
    "seed": "is told when they talk: botconvo run --seed N",
    "input_string": "a talk begins by itself here",
    "no_cuda": f"{_TRAIN} --device cpu",
    "num_train_epochs": f"{_TRAIN} --epochs N",
    "block_size": f"{_TRAIN} --block N",
    "train_dir": "the export itself is read: botconvo import FILE",
    "train_data_file": "the export itself is read: botconvo import FILE",
    "eval_dir": "training keeps a held-out part by itself",
    "eval_data_file": "training keeps a held-out part by itself",
    "usernames_dir": "the names are in the export: botconvo people",
    "model_type": "is seen from the model itself",
}


def is_it(data: Mapping[Any, Any]) -> bool:
    tables = [data[name] for name in _SECTIONS if isinstance(data.get(name), Mapping)]
    return _is_old(data) or any(len(_MARKS & set(table)) > 1 for table in tables)


def _is_old(data: Mapping[Any, Any]) -> bool:
    return all(name in data for name in _OLD_MARKS) and not _OLD_MORE_MARKS.isdisjoint(data)


def convert(data: Mapping[Any, Any]) -> Converted:
    """Its numbers become those of a talk, over the preset that has its own defaults.

    Those of a conversation go above those of single texts.
    """
    converted = Converted(system="FriendSimulator", preset="friend-simulator")
    top = Keys(data)
    if _is_old(data):
        _convert_old(converted, top)
        return converted
    training = top.table("training")
    for keys in (top.table("conversation"), top.table("generation")):
        _sketch(converted, keys, "model_name")
        _convert_numbers(converted, keys)
        words = keys.take("bad_words")
        if words is not None:
            converted.forbid(keys.path("bad_words"), words)
        _list_left(converted, keys)
    _sketch(converted, training, "output_dir")
    if training.take("model_name") is not None:
        converted.leave_out("training.model_name", f"{_TRAIN} --base FOLDER")
    _list_left(converted, training, otherwise=_TRAINING)
    _list_left(converted, top)
    return converted


def _convert_old(converted: Converted, keys: Keys) -> None:
    training = keys.take(_OLD_TRAINING_MARK) is not None
    if training:
        keys.take("model_name_or_path")
        converted.leave_out(_OLD_TRAINING_MARK, _REASONS[_OLD_TRAINING_MARK])
        converted.leave_out("model_name_or_path", f"{_TRAIN} --base FOLDER")
        _sketch(converted, keys, "output_dir")
        _list_left(converted, keys, otherwise=_TRAINING)
        return
    _convert_numbers(converted, keys)
    length = keys.take("length")
    if length is not None:
        converted.set_tokens("length", length)
    _sketch(converted, keys, "model_name_or_path")
    _list_left(converted, keys)


def _convert_numbers(converted: Converted, keys: Keys) -> None:
    for name, (ours, pair) in _NUMBERS.items():
        value = keys.take(name)
        if value is None:
            continue
        if ours in converted.numbers:
            converted.leave_out(keys.path(name), f"conversation.{ours} has a value already")
        else:
            converted.set_number(keys.path(name), ours, value, pair=pair)


def _sketch(converted: Converted, keys: Keys, name: str) -> None:
    """The folder of a model, of which the first is taken."""
    folder = keys.take(name)
    if not isinstance(folder, str) or not folder.strip():
        if folder is not None:
            converted.leave_out(keys.path(name), "is no folder")
    elif converted.sketch is None:
        converted.sketch = OldPersona(name="NAME", checkpoint=folder)
    elif converted.sketch.checkpoint != folder:
        converted.leave_out(keys.path(name), "another model is taken for the persona's checkpoint")


def _list_left(converted: Converted, keys: Keys, otherwise: str = "has no equivalent") -> None:
    for key in keys.left():
        converted.leave_out(key, _REASONS.get(key.rpartition(".")[2], otherwise))
