"""``botconvo pack``: the whole project in one file, to move it to another machine."""

from pathlib import Path

import click

from botconvo.cli.project import file_progress, project_option

__all__ = ["command"]


@click.command("pack")
@click.argument("archive", type=click.Path(path_type=Path), metavar="FILE.zip")
@project_option
def command(archive: Path, project: Path) -> None:
    """Write the whole project into FILE.zip, to move it to another machine.

    Config, store, clones and their bases go along, with checksums; secrets (.env), raw exports,
    reports and whatever is of somebody who does not agree now stay here. Clones may talk meanwhile.
    To train one clone elsewhere use 'botconvo train NAME --pack' instead.
    """
    from datetime import UTC, datetime

    from botconvo.moving import pack_project

    with file_progress() as progress:
        packed = pack_project(project, archive, datetime.now(UTC), progress)
    click.echo(f"{archive}: {packed.files} files, {packed.size / 1e6:.1f} MB")
    for left in packed.left:
        click.echo(f"not in it: {left.what}: {left.why}", err=True)
    if packed.dropped:
        click.echo(f"not in it: {packed.dropped} messages of people who do not agree any more")
    click.echo(
        "Not in it either: tokens (.env), exports, reports. On the other machine:\n\n"
        f"    botconvo unpack {archive.name} FOLDER\n\n"
        "It holds people's words: delete it once it is unpacked, as no withdrawal reaches it."
    )
