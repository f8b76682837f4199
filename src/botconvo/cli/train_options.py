"""The numbers of ``botconvo train`` as options, and which engine takes which."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import click

from botconvo.errors import TrainingError
from botconvo.training.gpt2_simple.settings import SimpleSettings
from botconvo.training.settings import EPOCHS, TrainingSettings

__all__ = [
    "ENGINES",
    "Engine",
    "hosted_numbers",
    "number_options",
    "simple_settings",
    "training_settings",
]

Engine = Literal["transformers", "gpt-2-simple", "hosted"]
ENGINES: tuple[Engine, ...] = ("transformers", "gpt-2-simple", "hosted")
_HOSTED = ("epochs", "seed")
"""What a service is told too."""
_OURS, _THEIRS = TrainingSettings(), SimpleSettings()
_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Number:
    """An option; ``engine`` and ``method`` are None where all take it."""

    option: str
    name: str
    type: Any
    help: str
    engine: Engine | None = "transformers"
    method: Literal["lora", "full"] | None = None


_NUMBERS = (
    _Number(
        option="--method",
        name="method",
        type=click.Choice(["auto", "lora", "full"]),
        help="An adapter of a few MB on a base that all clones share (lora), or whole weights; "
        f"auto are whole weights of a small base. [{_OURS.method}]",
    ),
    _Number(
        option="--epochs",
        name="epochs",
        type=float,
        help="At most so many passes over the corpus. "
        f"[{EPOCHS['full']:g}; an adapter {EPOCHS['lora']:g}; hosted 3]",
    ),
    _Number(
        option="--batch",
        name="batch",
        type=int,
        engine=None,
        help=f"Rows that are worked on at once. [{_OURS.batch}; gpt-2-simple: {_THEIRS.batch}]",
    ),
    _Number(
        option="--accumulate",
        name="accumulate",
        type=int,
        engine=None,
        help="Batches that make a step, for less memory. "
        f"[{_OURS.accumulate}; gpt-2-simple: {_THEIRS.accumulate}]",
    ),
    _Number(
        option="--learning-rate",
        name="rate",
        type=float,
        engine=None,
        help="Highest learning rate. "
        f"[by method and size of the base; gpt-2-simple: {_THEIRS.rate:g}]",
    ),
    _Number(
        option="--block-size",
        name="block",
        type=int,
        help=f"Most tokens of talk that a line is learned with. [{_OURS.block}]",
    ),
    _Number(
        option="--context-weight",
        name="context_weight",
        type=float,
        help="How much the others' words count, against 1 for own ones. "
        f"[{_OURS.context_weight:g}]",
    ),
    _Number(
        option="--head-weight",
        name="head_weight",
        type=float,
        help="How much counts who speaks next, against 1 for own words; 0 does not teach it. "
        f"[{_OURS.head_weight:g}]",
    ),
    _Number(
        option="--everybody",
        name="everybody",
        type=float,
        help="Passes over everybody's lines, before those over the friend's own. [1, or fewer "
        "where that would take twice as long as the rest]",
    ),
    _Number(
        option="--rank",
        name="rank",
        type=int,
        method="lora",
        help=f"Rank of the LoRA adapter. [{_OURS.rank}]",
    ),
    _Number(
        option="--precision",
        name="precision",
        type=click.Choice(["auto", "fp32", "bf16", "fp16"]),
        help="What is multiplied in. auto is bf16 where the device has it, else fp32; fp16 is for "
        f"older NVIDIA GPUs. [{_OURS.precision}]",
    ),
    _Number(
        option="--save-as",
        name="save_as",
        type=click.Choice(["q8_0", "f16"]),
        method="full",
        help=f"How exactly whole weights are written. [{_OURS.save_as}]",
    ),
    _Number(
        option="--steps",
        name="steps",
        type=int,
        engine="gpt-2-simple",
        help=f"gpt-2-simple: how long it runs; it knows no end itself. [{_THEIRS.steps}]",
    ),
    _Number(
        option="--sample-every",
        name="sample_every",
        type=int,
        engine="gpt-2-simple",
        help="gpt-2-simple: steps between two samples that it shows, 0 for none. "
        f"[{_THEIRS.sample_every}]",
    ),
    _Number(
        option="--save-every",
        name="save_every",
        type=int,
        engine="gpt-2-simple",
        help=f"gpt-2-simple: steps between two saved states. [{_THEIRS.save_every}]",
    ),
    _Number(
        option="--optimizer",
        name="optimizer",
        type=click.Choice(["adam", "sgd"]),
        engine="gpt-2-simple",
        help=f"gpt-2-simple: its optimizer. [{_THEIRS.optimizer}]",
    ),
    _Number(
        option="--seed",
        name="seed",
        type=int,
        engine=None,
        help=f"The same number, the same clone. [{_OURS.seed}]",
    ),
)


def number_options(command: _F) -> _F:
    """Every number as an option, None where it was not given."""
    for number in reversed(_NUMBERS):
        option = click.option(number.option, number.name, type=number.type, help=number.help)
        command = option(command)
    return command


def training_settings(values: Mapping[str, Any]) -> TrainingSettings:
    """The settings of transformers.

    Raises:
        TrainingError: a number makes no sense, or is for something else.
    """
    given = _given(values, "transformers")
    for number in _NUMBERS:
        if number.method is None or number.name not in given:
            continue
        method = given.setdefault("method", number.method)
        if method != number.method:
            raise TrainingError(
                f"{number.option} is for --method {number.method}, and this is {method}; "
                "leave one of them out"
            )
    return TrainingSettings(**given)


def simple_settings(values: Mapping[str, Any], device: str) -> SimpleSettings:
    """The settings of gpt-2-simple.

    Raises:
        TrainingError: a number makes no sense, or is for something else.
    """
    if device == "mps":
        raise TrainingError("device mps: gpt-2-simple knows none; use --device cpu")
    return SimpleSettings(**_given(values, "gpt-2-simple"))


def hosted_numbers(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """``epochs`` and ``seed``, None where they were not given.

    Raises:
        TrainingError: a number is for something else.
    """
    for number in _NUMBERS:
        if number.name not in _HOSTED and values[number.name] is not None:
            raise TrainingError(
                f"{number.option} is not for --engine hosted: the service decides; leave it out"
            )
    return {name: values[name] for name in _HOSTED}


def _given(values: Mapping[str, Any], engine: Engine) -> dict[str, Any]:
    for number in _NUMBERS:
        if number.engine not in (None, engine) and values[number.name] is not None:
            raise TrainingError(
                f"{number.option} is for --engine {number.engine}, and this is {engine}; leave it "
                "out"
            )
    return {name: value for name, value in values.items() if value is not None}
