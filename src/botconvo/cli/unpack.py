"""``botconvo unpack``: a project that moved here from another machine."""

from pathlib import Path

import click

from botconvo.cli.project import file_progress

__all__ = ["command"]


@click.command("unpack")
@click.argument("archive", type=click.Path(path_type=Path), metavar="FILE.zip")
@click.argument("folder", type=click.Path(path_type=Path))
def command(archive: Path, folder: Path) -> None:
    """Put the project of FILE.zip, which 'botconvo pack' wrote, into FOLDER.

    Everything is compared with its checksums first; FOLDER must not be there yet, or be empty.
    """
    from datetime import UTC, datetime

    from botconvo.moving import unpack_project

    with file_progress() as progress:
        done = unpack_project(archive, folder, datetime.now(UTC), progress)
    click.echo(
        f"{folder}: {len(done.listing.files)} files, as packed on {done.listing.created:%Y-%m-%d}"
    )
    if done.dropped:
        click.echo(f"{done.dropped} messages were removed: consents have expired since.")
    click.echo(
        f"Next: put the tokens into {folder / '.env'} (they were not packed), then\n"
        f"  botconvo doctor --config {folder / 'config.toml'}\n"
        f"Delete {archive}, here and where it came from: it holds people's words."
    )
