"""``botconvo rehearse``: a talk on a Discord that is not Discord."""

from pathlib import Path
from typing import Any

import click

__all__ = ["command"]


@click.command("rehearse")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Default: config.toml in this folder, or the demo's clones where there is none.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 1000),
    default=10.0,
    show_default=True,
    help="How many times as fast time goes by.",
)
@click.option("--preset", help="classic or group-chat; default: as configured.")
@click.option("--seed", type=click.IntRange(0), help="Draw the people's deeds from this number.")
@click.option("--max-messages", type=click.IntRange(1), help="Stop after so many of the clones.")
@click.option("--trouble", is_flag=True, help="Let connections break, limits strike and so on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per message.")
def command(**words: Any) -> None:
    """Rehearse: your clones and your settings on a Discord that is not Discord.

    It runs on this computer alone and needs no token: invented people chat in your channels, the
    clones take part as they would, you watch on the page and may join in. Nothing is kept.
    """
    from botconvo.rehearsing import rehearse

    rehearse(**words)
