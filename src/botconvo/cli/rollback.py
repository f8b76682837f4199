"""``botconvo rollback``: an older version of a clone comes back."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from botconvo.cli.project import open_store, project_option

if TYPE_CHECKING:
    from botconvo.versions import Version

__all__ = ["command"]


@click.command("rollback")
@click.argument("name")
@click.option("--list", "listed", is_flag=True, help="Show the versions, and change nothing.")
@click.option(
    "--version",
    "number",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Which one, as --list numbers them; 1 is the newest that is not in use.",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The clone's folder. Default: that of config.toml, else checkpoints/NAME.",
)
@project_option
def command(name: str, listed: bool, number: int, checkpoint: Path | None, project: Path) -> None:
    """Put an older version of the clone of NAME back into use.

    What was in use is kept in its place, so the same command goes back again. A running 'botconvo
    run' takes the other version up; serve-model has to be started again.
    """
    from botconvo.cli.train import note_clone
    from botconvo.versions import clone_folder, roll_back, versions_of

    folder = checkpoint or clone_folder(project, name)
    if listed:
        for version in versions_of(folder, name):
            click.echo(_row(version))
        return
    with open_store(project) as store:
        chosen = roll_back(folder, name, number, store)
    note_clone(project, folder)
    click.echo(f"{name}: {_told(chosen)} is in use again, in {folder}")
    click.echo(
        f"What was in use is version {number} now. A running 'botconvo run' takes it up within "
        "seconds; start serve-model, chat and generate again."
    )


def _row(version: "Version") -> str:
    place = "in use" if version.number == 0 else str(version.number)
    return f"{place:>6}  {_told(version)}  {version.folder}"


def _told(version: "Version") -> str:
    manifest = version.manifest
    if manifest is None:
        return "cannot be read"
    facts = [f"{manifest.created:%Y-%m-%d %H:%M} UTC"]
    if "base" in manifest.training:
        facts.append(f"on {manifest.training['base']}")
    if "held_out_loss" in manifest.training:
        facts.append(f"held-out loss {manifest.training['held_out_loss']}")
    return ", ".join(facts)
