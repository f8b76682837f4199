"""``--pack`` of ``botconvo train``: what it asks for, and what it says."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from botconvo.cli.corpus_told import others_told, staying_told
from botconvo.cli.project import open_store, zone_of_days

if TYPE_CHECKING:
    from botconvo.packing.writing import Packed
    from botconvo.training.bases import Base
    from botconvo.training.settings import TrainingSettings, Weights

__all__ = ["PROCESSOR", "pack_options", "write"]

PROCESSOR = "hosted-notebook"
"""What consents call it where nobody says otherwise."""


def pack_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--pack`` and ``--processor``."""
    function = click.option(
        "--processor",
        metavar="HOST",
        help="With --pack or --engine hosted: where it will be trained, as NAME's consent names "
        f"it. Default: {PROCESSOR}; hosted: the host of --endpoint.",
    )(function)
    return click.option(
        "--pack",
        is_flag=True,
        help="Train nothing here: write an archive and a notebook for a computer with a GPU.",
    )(function)


def write(
    project: Path,
    name: str,
    settings: "TrainingSettings",
    base: str | None,
    output: Path | None,
    processor: str,
    acknowledged: tuple[str, ...],
) -> None:
    """Write the archive and the notebook beside it, and say what to do with them."""
    from datetime import UTC, datetime

    from botconvo.packing.writing import write_pack

    now = datetime.now(UTC)
    with open_store(project) as store:
        for policy in acknowledged:
            store.acknowledge(policy, now)
        packed = write_pack(
            store,
            name,
            settings,
            lambda: _base(base, project, settings.base_weights),
            processor=processor,
            project=project,
            folder=output or project / "packs",
            now=now,
            zone=zone_of_days(project),
        )
    _say(packed)


def _base(text: str | None, project: Path, weights: "Weights") -> "Base | str":
    """A base that goes along, or the id of a model that is fetched where it is trained."""
    from botconvo.checkpoints import bundled_base
    from botconvo.training.bases import open_base
    from botconvo.training.hub import named_folder

    bases = project / "bases"
    if text is None:
        return open_base(bundled_base(), bases=bases, bundled=True)
    folder = named_folder(text)
    if folder is None:
        return text
    return open_base(
        folder, bases=bases, weights=weights, say=lambda line: click.echo(line, err=True)
    )


def _say(packed: "Packed") -> None:
    pack, corpus, archive = packed.pack, packed.material.corpus, packed.archive
    others = others_told(corpus, learned=pack.settings.everybody != 0)
    context = f", {others}" if others else ""
    click.echo(
        f"{archive} ({archive.stat().st_size / 1e6:.0f} MB): {corpus.own_train} lines of "
        f"{corpus.speaker} to train on and {corpus.own_held_out} held out{context}"
    )
    if packed.kept_home:
        click.echo(staying_told(packed.kept_home, pack.processor))
    click.echo(
        f"\nOpen {packed.notebook} in a hosted notebook with a GPU (Colab, Kaggle), upload the\n"
        "archive there and run all cells. With what you download at the end:\n\n"
        f"    botconvo adopt {pack.name}-trained.zip\n\n"
        f"The archive holds people's words: keep it to yourself and {pack.processor!r}. Once the\n"
        "clone is here, delete it here and there: a withdrawn consent does not reach it."
    )
