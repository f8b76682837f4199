"""The options that ``generate`` and ``chat`` share, and what becomes of them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from botconvo.build import PlayOptions

__all__ = ["as_options", "play_options"]


def play_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Which clone, and how it is drawn from."""
    options = [
        click.option(
            "--config",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Default: config.toml in this folder, where there is one.",
        ),
        click.option(
            "--preset",
            help="friend-simulator (default), group-chat or classic: how completions are drawn.",
        ),
        click.option("--temperature", type=click.FloatRange(0, 5), help="Default: 0.4."),
        click.option("--top-k", type=click.IntRange(0), help="Default: 50; 0 takes every token."),
        click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), help="Default: 0.95."),
        click.option(
            "--repetition-penalty",
            type=click.FloatRange(0, 10, min_open=True),
            help="Default: 1.15; 1 is none.",
        ),
        click.option("--max-tokens", type=click.IntRange(1, 1024), help="Most tokens of one line."),
        click.option(
            "--bad-words",
            multiple=True,
            metavar="WORD,...",
            help="Words that must not be said, beside those of config.toml; may be repeated.",
        ),
        click.option("--seed", type=click.IntRange(0), help="Draw everything from this number."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def as_options(
    name: str | None,
    *,
    preset: str | None,
    seed: int | None,
    bad_words: tuple[str, ...],
    longest: int | None = None,
    **sampling: Any,
) -> "PlayOptions":
    """The options as values."""
    from botconvo.build import PlayOptions
    from botconvo.personas import Sampling

    words = (word.strip() for given in bad_words for word in given.split(","))
    return PlayOptions(
        name=name,
        preset=preset,
        seed=seed,
        sampling=Sampling(**sampling),
        bad_words=tuple(word for word in words if word),
        max_tokens=longest,
    )
