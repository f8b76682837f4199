"""``botconvo demo``: the sample clones, with nothing to set up."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from botconvo.cli.run import run_options

__all__ = ["command"]


@click.command("demo")
@run_options
def command(**words: Any) -> None:
    """Let the clones of four invented friends talk, on a page in the browser.

    Needs no account, no GPU and no download. What is said is not kept.
    """
    from botconvo.live import talk

    talk(Path(str(files("botconvo") / "demo" / "config.toml")), **words, keep=False)
