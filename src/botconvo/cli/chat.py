"""``botconvo chat``: talk with a clone in the terminal, as yourself or as a friend."""

from pathlib import Path
from typing import Any

import click

from botconvo.cli.play_options import as_options, play_options

__all__ = ["command"]


@click.command("chat")
@click.argument("name", required=False)
@click.option("--as", "you", metavar="NAME", help="Whom you play: yourself, or a friend.")
@click.option(
    "--everybody",
    is_flag=True,
    help="The model also speaks as the others who agreed, and not as NAME alone.",
)
@click.option(
    "--suggestions",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help="Answers to choose from.",
)
@play_options
def command(
    name: str | None,
    config: Path | None,
    you: str | None,
    everybody: bool,
    suggestions: int,
    **drawing: Any,
) -> None:
    """Talk with the clone NAME: a persona of config.toml, or the path of a checkpoint.

    The model never speaks as you. An empty line lets it go on; /help lists the rest. Whoever plays
    NAME talks with the others. Nothing is kept but what you /save.
    """
    from botconvo.playing import chat

    chat(
        config,
        as_options(name, **drawing),
        you=you,
        everybody=everybody,
        suggestions=suggestions,
    )
