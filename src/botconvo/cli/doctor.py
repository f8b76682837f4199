"""``botconvo doctor``: everything checked, and what to do."""

from pathlib import Path

import click

__all__ = ["command"]

_MARKS = {"ok": ("ok   ", "green"), "note": ("note ", "yellow"), "wrong": ("WRONG", "red")}


@click.command("doctor")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("config.toml"),
    show_default=True,
)
@click.option(
    "--discord",
    is_flag=True,
    help="Look at Discord, too: tokens, intents, permissions; prints the link that invites.",
)
def command(config: Path, discord: bool) -> None:
    """Check this machine, the installation and config.toml; exit code 2 if something is wrong."""
    from botconvo.doctor import examine

    wrong = 0
    for finding in examine(config, discord=discord):
        mark, colour = _MARKS[finding.state]
        advice = f"\n      -> {finding.advice}" if finding.advice else ""
        click.echo(f"{click.style(mark, fg=colour)} {finding.what}{advice}")
        wrong += finding.state == "wrong"
    if wrong:
        raise SystemExit(2)
