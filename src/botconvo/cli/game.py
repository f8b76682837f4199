"""``botconvo game``: friend or clone?"""

from datetime import datetime
from pathlib import Path

import click

from botconvo.cli.project import DAY, at_midnight, project_option

__all__ = ["command"]


@click.command("game")
@click.argument("name")
@project_option
@click.option("--as", "player", default="You", metavar="NAME", help="Who plays. Default: You.")
@click.option("--rounds", type=click.IntRange(1), help="Stop after so many.")
@click.option("--preset", help="Manners by which the clone answers. Default: as configured.")
@click.option(
    "--since",
    type=DAY,
    metavar="YYYY-MM-DD",
    help="Nothing from this day on was trained on; for older clones, which do not tell.",
)
def command(
    name: str,
    project: Path,
    player: str,
    rounds: int | None,
    preset: str | None,
    since: datetime | None,
) -> None:
    """Guess who wrote a line: the friend NAME, later than all training, or the clone.

    Only lines of those who agreed to it are shown: 'botconvo consent grant NAME --game'. The score
    is kept, and stands in the next evaluation.
    """
    import sys

    from botconvo.gaming import Game, play_game

    game = Game(
        project=project,
        name=name,
        player=player,
        rounds=rounds,
        preset=preset,
        since=at_midnight(since),
    )
    play_game(game, sys.stdin, click.echo)
