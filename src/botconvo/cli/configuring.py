"""A clone that was made is added to config.toml, or the table is printed."""

import os
from pathlib import Path

import click

__all__ = ["configure"]


def configure(project: Path, name: str, folder: Path, *, write: bool) -> None:
    """Add the clone to config.toml, or say what has to be added."""
    from botconvo.errors import ConfigError
    from botconvo.training.persona_table import add_persona, persona_table

    config, checkpoint = project / "config.toml", _seen_from(project, folder)
    if write and config.exists():
        try:
            added = add_persona(config, name, checkpoint)
        except ConfigError as error:
            click.echo(f"warning: {error}", err=True)
        else:
            said = "now has" if added else "already has"
            click.echo(f"{config} {said} a persona {name}. Next: botconvo run")
            return
    click.echo(f"\nFor config.toml:\n\n{persona_table(name, checkpoint)}")


def _seen_from(project: Path, folder: Path) -> str:
    """The path as config.toml in the project has it."""
    try:
        return Path(os.path.relpath(folder.resolve(), project.resolve())).as_posix()
    except ValueError:  # another drive on Windows
        return folder.resolve().as_posix()
