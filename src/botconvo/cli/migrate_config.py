"""``botconvo migrate-config``: an earlier system's configuration as a config.toml."""

from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from botconvo.old_configs.converted import Converted

__all__ = ["command"]


@click.command("migrate-config")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("config.toml"),
    show_default=True,
    help="The file to write; one that is there is never replaced.",
)
def command(file: Path, output: Path) -> None:
    """Turn FILE into a config.toml.

    FILE is BotConvo's appsettings.json, FriendSimulator's config.yaml or Hot-Shot Bots' YAML. What
    has no equivalent is listed; secrets are never copied.
    """
    from botconvo.old_configs.migration import migrate

    converted = migrate(file, output)
    for left in converted.left_out:
        click.echo(f"{file}: {left}", err=True)
    personas = len(converted.personas)
    click.echo(
        f"{output} is written from a configuration of {converted.system}: "
        f"{personas} persona{'' if personas == 1 else 's'}, preset {converted.preset}."
    )
    if not personas:
        click.echo("Complete the persona that it sketches.")
    commands = list(_binding_commands(converted, file, output))
    if commands:
        click.echo("Ask everybody. Who agrees to be cloned is recorded once:\n")
        for command in commands:
            click.echo(f"    {command}")
        click.echo("\nThen: botconvo doctor, and botconvo run")


def _binding_commands(converted: "Converted", file: Path, output: Path) -> Iterator[str]:
    """One for each persona, as typed in this folder."""
    from botconvo.old_clones import binding_command

    sketched = [] if converted.sketch is None else [converted.sketch]
    project = None if output.absolute().parent == Path.cwd() else output.parent.as_posix()
    for persona in (*converted.personas, *sketched):
        path = persona.checkpoint.replace("\\", "/")
        if not PureWindowsPath(path).drive and not path.startswith(("/", "~")):
            path = (file.parent / path).as_posix()
        yield binding_command(persona.name, path, project)
