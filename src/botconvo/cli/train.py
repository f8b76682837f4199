"""``botconvo train``: clone a friend who agreed."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from botconvo.cli.project import open_store, project_option
from botconvo.training.settings import TrainingSettings

if TYPE_CHECKING:
    from botconvo.gathering import Gathered
    from botconvo.training.bases import Base
    from botconvo.training.clone import Prepared
    from botconvo.training.trainer import Trained

__all__ = ["command"]

_DEFAULTS = TrainingSettings()
_INTERRUPTED = 130
"""Exit code of a run that was stopped and can go on."""


@click.command("train")
@click.argument("name")
@project_option
@click.option(
    "--base",
    metavar="FOLDER|ID",
    help="A base checkpoint, or a GPT-2 in Hugging Face's form, as a folder or by its id on the "
    "hub (gpt2, gpt2-medium). Default: the one in BotConvo.",
)
@click.option(
    "--epochs",
    default=_DEFAULTS.epochs,
    show_default=True,
    help="At most so many passes over the corpus.",
)
@click.option("--rank", default=_DEFAULTS.rank, show_default=True, help="Rank of the LoRA adapter.")
@click.option("--rate", default=_DEFAULTS.rate, show_default=True, help="Highest learning rate.")
@click.option(
    "--seed", default=_DEFAULTS.seed, show_default=True, help="The same number, the same clone."
)
@click.option(
    "--block",
    default=_DEFAULTS.block,
    show_default=True,
    help="Most tokens of talk that a line is learned with.",
)
@click.option(
    "--context-weight",
    default=_DEFAULTS.context_weight,
    show_default=True,
    help="How much the others' words count, against 1 for own ones.",
)
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the checkpoint goes. Default: checkpoints/NAME in the project.",
)
@click.option(
    "--config/--no-config",
    "configure",
    default=True,
    help="Add the clone to the project's config.toml, if there is one.",
)
@click.option(
    "--acknowledge-discord-policy",
    "acknowledged",
    is_flag=True,
    help="You have read what Discord's Developer Policy says about training.",
)
def command(
    name: str,
    project: Path,
    base: str | None,
    device: str,
    output: Path | None,
    configure: bool,
    acknowledged: bool,
    **numbers: Any,
) -> None:
    """Train a clone of NAME on what was taken from the imported exports.

    Stopped with Ctrl-C, the same command goes on where it was.
    """
    settings = TrainingSettings(**numbers)
    gathered = _gather(project, name, acknowledged)

    from botconvo.training.extra import require_extra

    require_extra()

    from botconvo.training.clone import prepare
    from botconvo.training.names import safe_name

    prepared = prepare(gathered, _open_base(base, project), settings)
    _say_corpus(prepared)
    folder = output or project / "checkpoints" / safe_name(gathered.person.name)
    state = project / "training" / safe_name(gathered.person.name) / "state.safetensors"
    trained = _train(prepared, folder, state, device)
    if not trained.finished:
        click.echo(
            f"Stopped at step {trained.steps}, {state} is kept; the same command goes on from "
            "there.",
            err=True,
        )
        raise SystemExit(_INTERRUPTED)
    click.echo(
        f"{gathered.person.name}: held-out loss {trained.base_loss:.3f} (base) -> "
        f"{trained.best_loss:.3f} after {trained.best_epoch:.1f} epochs, in {folder}"
    )
    _configure(project, gathered.person.name, folder, write=configure)


def _gather(project: Path, name: str, acknowledged: bool) -> "Gathered":
    from datetime import UTC, datetime

    from botconvo.gathering import DISCORD_POLICY, gather

    now = datetime.now(UTC)
    with open_store(project) as store:
        if acknowledged:
            store.acknowledge(DISCORD_POLICY, now)
        return gather(store, name, now)


def _open_base(text: str | None, project: Path) -> "Base":
    import sys

    from botconvo.build import bundled_base
    from botconvo.training.bases import open_base
    from botconvo.training.hub import resolve_base

    def say(line: str) -> None:
        click.echo(line, err=True)

    if text is None:
        return open_base(bundled_base(), bases=project / "bases", bundled=True)
    source = resolve_base(text, say=say, bars=sys.stderr.isatty())
    return open_base(source.folder, bases=project / "bases", name=source.name, say=say)


def _say_corpus(prepared: "Prepared") -> None:
    corpus, examples = prepared.corpus, prepared.examples
    others = [name for name in corpus.speakers if name != corpus.speaker]
    click.echo(
        f"{corpus.speaker}: {corpus.own_train} own lines to train on and {corpus.own_held_out} "
        f"held out, in {len(corpus.train) + len(corpus.held_out)} sessions, "
        f"{examples.tokens} tokens a pass"
        + (f"; with lines of {', '.join(others)} as context" if others else "")
    )


def _train(prepared: "Prepared", folder: Path, state: Path, device: str) -> "Trained":
    import sys
    from datetime import UTC, datetime

    from botconvo.training.clone import train_clone
    from botconvo.training.memory import keep_freed_memory
    from botconvo.training.progress import reporter_for
    from botconvo.training.stopping import stop_on_signals

    keep_freed_memory()
    with stop_on_signals() as stopped:
        return train_clone(
            prepared,
            folder,
            state=state,
            device=device,
            reporter=reporter_for(sys.stderr),
            stopped=stopped,
            now=datetime.now(UTC),
        )


def _configure(project: Path, name: str, folder: Path, *, write: bool) -> None:
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
