"""``botconvo init``: a commented config.toml to begin with."""

from importlib.resources import files
from pathlib import Path

import click

from botconvo.errors import ConfigError

__all__ = ["command"]


@click.command("init")
@click.option(
    "--project",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder to write into; default: this one.",
)
@click.option("--force", is_flag=True, help="Replace a config.toml that is there.")
def command(project: Path, force: bool) -> None:
    """Write config.toml and .env.example into a folder."""
    config = project / "config.toml"
    if config.exists() and not force:
        raise ConfigError(f"{config} is there already; --force replaces it")
    try:
        project.mkdir(parents=True, exist_ok=True)
        for template, path in (("config.toml", config), ("env", project / ".env.example")):
            _write(path, (files("botconvo") / "templates" / template).read_bytes())
    except OSError as error:
        raise ConfigError(f"{project}: cannot be written to: {error.strerror}") from None
    click.echo(f"{config} is written. Next: botconvo import EXPORT, then botconvo people")


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
