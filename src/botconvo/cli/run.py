"""``botconvo run``: let the clones of config.toml talk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

__all__ = ["command", "run_options"]


def run_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that ``run`` and ``demo`` share."""
    options = [
        click.option(
            "--platform",
            "platforms",
            multiple=True,
            metavar="web|console|discord",
            help="Where they talk; may be repeated. Default: as configured, else the page.",
        ),
        click.option(
            "--preset",
            help="group-chat, classic, gpt-3-chatbot or friend-simulator; default: as configured.",
        ),
        click.option(
            "--seed",
            type=click.IntRange(0),
            help="Draw everything from this number: the same conversation again.",
        ),
        click.option("--max-messages", type=click.IntRange(1), help="Stop after so many messages."),
        click.option(
            "--json", "as_json", is_flag=True, help="Print one JSON object per message on stdout."
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@click.command("run")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("config.toml"),
    show_default=True,
)
@run_options
def command(config: Path, **words: Any) -> None:
    """Let the clones of config.toml talk, until Ctrl-C.

    One model server is started for every persona. A change of config.toml is taken up while they
    talk: adding a friend is adding one table.
    """
    from botconvo.live import talk

    talk(config, **words)
