"""``botconvo adopt``: a clone that was trained on another computer comes home."""

from pathlib import Path

import click

from botconvo.cli.configuring import configure as configure_clone
from botconvo.cli.project import open_store, project_option
from botconvo.cli.train import note_clone

__all__ = ["command"]


@click.command("adopt")
@click.argument("archive", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the checkpoint goes. Default: checkpoints/NAME in the project.",
)
@click.option("--force", is_flag=True, help="Let it take the place of a newer clone.")
@click.option(
    "--config/--no-config",
    "configure",
    default=True,
    help="Add the clone to the project's config.toml, if there is one.",
)
@project_option
def command(
    archive: Path, output: Path | None, force: bool, configure: bool, project: Path
) -> None:
    """Take in ARCHIVE, which the notebook of 'botconvo train NAME --pack' made.

    It is compared with what was packed, with everybody's consent and with the base, and tried out;
    only then it takes its place. An older clone of the same person moves aside.
    """
    import sys
    from datetime import UTC, datetime

    from botconvo.checkpoints import bundled_base
    from botconvo.packing.adopting import Places, adopt

    with open_store(project) as store:
        done = adopt(
            store,
            archive,
            Places(project=project, bundled_base=bundled_base(), target=output),
            datetime.now(UTC),
            force=force,
            say=lambda line: click.echo(line, err=True),
            bars=sys.stderr.isatty(),
        )
    speaker, folder = done.record.pack.speaker, done.checkpoint.folder
    said = "is in" if done.fresh else "was in"
    already = "" if done.fresh else " already"
    click.echo(f"{speaker}: the clone {said} {folder}{already}")
    note_clone(project, folder)
    configure_clone(project, speaker, folder, write=configure)
    left = [str(path) for path in (archive, Path(done.record.archive)) if path.exists()]
    click.echo(
        f"Delete {' and '.join(left)}, and what is on the other computer: "
        "a withdrawn consent does not reach it."
    )
