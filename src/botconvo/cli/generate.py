"""``botconvo generate``: what a clone may write, on stdout."""

from pathlib import Path
from typing import Any

import click

from botconvo.cli.play_options import as_options, play_options

__all__ = ["command"]


@click.command("generate")
@click.argument("name", required=False)
@click.option("--prompt", default="", help="Words that the line, or the first one, begins with.")
@click.option(
    "--context",
    multiple=True,
    metavar="LINE",
    help="A line that was said before, such as 'Juno: who is in?'; may be repeated.",
)
@click.option("-n", "n", type=click.IntRange(1, 1000), help="How many. Default: 2 lines.")
@click.option(
    "--lines",
    type=click.IntRange(1, 1000),
    help="Write a conversation of so many lines by everybody who agreed, in place of one line.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@play_options
def command(
    name: str | None,
    config: Path | None,
    prompt: str,
    context: tuple[str, ...],
    n: int | None,
    lines: int | None,
    as_json: bool,
    **drawing: Any,
) -> None:
    """Print single lines that NAME may write, or with --lines whole conversations.

    NAME is a persona of config.toml or the path of a checkpoint. The filters of the talk apply.
    In a conversation only those speak who agreed to be cloned, and invented characters: lines in
    the name of anybody else are left out.
    """
    from botconvo.playing import LONGEST_LINE, Wish, generate

    wish = Wish(n=n, prompt=prompt, context=context, lines=lines, as_json=as_json)
    longest = LONGEST_LINE if lines is None else None
    generate(config, as_options(name, longest=longest, **drawing), wish)
