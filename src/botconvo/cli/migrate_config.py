"""``botconvo migrate-config``: an earlier system's configuration as a config.toml."""

from pathlib import Path

import click

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
        f"{personas} persona{'' if personas == 1 else 's'}, preset {converted.preset}. "
        + ("Next: botconvo doctor" if personas else "Next: complete the persona that it sketches")
    )
