"""``botconvo train-packed``: the other computer's part of ``train --pack``."""

from pathlib import Path

import click

__all__ = ["command"]

_INTERRUPTED = 130


@click.command("train-packed")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The archive to write. Default: NAME-trained.zip in the current folder.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="auto is an NVIDIA GPU where there is one; mps is Apple's.",
)
def command(folder: Path, output: Path | None, device: str) -> None:
    """Train what 'botconvo train NAME --pack' wrote, unpacked into FOLDER.

    The notebook in it does this. It needs no project, and writes an archive for 'botconvo adopt'.
    Stopped, the same command goes on where it was.
    """
    import sys
    from datetime import UTC, datetime

    from botconvo.packing.pack import read_pack
    from botconvo.training.extra import require_extra
    from botconvo.writing import refuse_existing

    pack, material = read_pack(folder)
    result = output or Path(f"{pack.name}-trained.zip")
    refuse_existing(result, "delete it to train again")
    require_extra()

    from botconvo.packing.away import train_pack
    from botconvo.training.memory import keep_freed_memory
    from botconvo.training.network import choose_device
    from botconvo.training.progress import reporter_for
    from botconvo.training.stopping import stop_on_signals

    click.echo(f"{pack.speaker}: {material.corpus.own_train} own lines, on {choose_device(device)}")
    keep_freed_memory()
    with stop_on_signals() as stopped:
        trained = train_pack(
            folder,
            pack,
            material,
            result,
            device=device,
            reporter=reporter_for(sys.stderr),
            stopped=stopped,
            say=lambda line: click.echo(line, err=True),
            bars=sys.stderr.isatty(),
            now=datetime.now(UTC),
        )
    if not trained.finished:
        click.echo(f"Stopped at step {trained.steps}; the same command goes on.", err=True)
        raise SystemExit(_INTERRUPTED)
    click.echo(
        f"{pack.speaker}: held-out loss {trained.base_loss:.3f} (base) -> "
        f"{trained.best_loss:.3f} after {trained.best_epoch:.1f} epochs, in {result}"
    )
