"""``botconvo train``: clone a friend who agreed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from botconvo.cli.configuring import configure as configure_clone
from botconvo.cli.corpus_told import others_told
from botconvo.cli.hosting import HostedOptions, hosted_options, train_hosted
from botconvo.cli.packing import PROCESSOR, pack_options, write
from botconvo.cli.policies import acknowledge_options
from botconvo.cli.project import open_store, project_option, zone_of_days
from botconvo.cli.train_options import (
    ENGINES,
    Engine,
    hosted_numbers,
    number_options,
    simple_settings,
    training_settings,
)
from botconvo.training.advice import in_help
from botconvo.training.gpt2_simple.settings import SimpleSettings
from botconvo.training.settings import KEPT_VERSIONS, TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from botconvo.gathering import Gathered
    from botconvo.hosted.forms import Form
    from botconvo.messages import AuthorId
    from botconvo.training.bases import Base
    from botconvo.training.clone import Prepared
    from botconvo.training.settings import Weights
    from botconvo.training.trainer import Trained
    from model_server.checkpoint.learned_manners import LearnedManners
    from model_server.checkpoint.manifest import Manifest

__all__ = ["command", "note_clone", "train_again"]

_ONCE = {"method": "lora", "everybody": 0.0}
"""What clones were trained with before they told."""
_INTERRUPTED = 130
"""Exit code of a run that was stopped and can go on."""


@click.command("train", epilog=f"\b\n{in_help()}")
@click.argument("name")
@project_option
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default=ENGINES[0],
    show_default=True,
    help="Who trains: transformers (torch); gpt-2-simple itself (TensorFlow) on the person's "
    "lines alone, as the earlier systems had it; or a service that is paid for it.",
)
@click.option(
    "--base",
    metavar="FOLDER|ID",
    help="What to start from: a folder, or a model's id on the Hugging Face hub (gpt2 to gpt2-xl, "
    "HuggingFaceTB/SmolLM2-135M), or a service's model. Default: the one in BotConvo; for "
    "gpt-2-simple 124M; for OpenAI its smallest.",
)
@number_options
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="auto is an NVIDIA GPU where there is one; mps is Apple's.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the checkpoint goes. Default: checkpoints/NAME in the project; with --pack packs.",
)
@click.option(
    "--config/--no-config",
    "configure",
    default=True,
    help="Add the clone to the project's config.toml, if there is one.",
)
@click.option(
    "--redact/--no-redact",
    default=True,
    help="Leave out what has an e-mail address, a number, a key or an address in it ('botconvo "
    "review NAME' shows them). Default: leave out.",
)
@click.option(
    "--delete-raw",
    is_flag=True,
    help="Once the clone is there, delete the raw exports in which NAME wrote (asks first).",
)
@click.option("--yes", is_flag=True, help="Do not ask, with --delete-raw or --engine hosted.")
@click.option(
    "--keep",
    type=click.IntRange(0, 20),
    metavar="N",
    help=f"Keep N older versions of the clone, for 'botconvo rollback'. [{KEPT_VERSIONS}]",
)
@acknowledge_options
@pack_options
@hosted_options
def command(
    name: str,
    project: Path,
    engine: Engine,
    base: str | None,
    device: str,
    output: Path | None,
    configure: bool,
    redact: bool,
    delete_raw: bool,
    yes: bool,
    keep: int | None,
    acknowledged: tuple[str, ...],
    pack: bool,
    processor: str | None,
    endpoint: str | None,
    form: "Form",
    price: float | None,
    dry_run: bool,
    cancel: bool,
    **numbers: Any,
) -> None:
    """Train a clone of NAME on what was taken from the imported exports.

    Stopped with Ctrl-C, the same command goes on where it was. Defaults stand in brackets. With
    --pack nothing is trained here: the archive goes to another computer, and comes back by
    'botconvo adopt'.
    """
    if pack:
        if delete_raw:
            raise click.UsageError("--delete-raw comes after training; 'train --pack' trains not.")
        if not redact:
            raise click.UsageError("--pack takes nothing private along; leave out --no-redact.")
        if engine != "transformers":
            raise click.UsageError(f"--pack trains by transformers; leave out --engine {engine}.")
        where = processor or PROCESSOR
        write(project, name, training_settings(numbers), base, output, where, acknowledged)
        return
    if engine == "hosted":
        _refuse_for_hosted(redact=redact, delete_raw=delete_raw, output=output, device=device)
        if keep is not None:
            raise click.UsageError("--keep is for clones that are made here.")
        options = HostedOptions(
            endpoint=endpoint,
            base=base,
            form=form,
            processor=processor,
            price=price,
            dry_run=dry_run,
            cancel=cancel,
            yes=yes,
            **hosted_numbers(numbers),
        )
        train_hosted(project, name, options, acknowledged, write=configure)
        return
    if endpoint is not None or price is not None or dry_run or cancel:
        raise click.UsageError(
            "--endpoint, --price, --dry-run and --cancel are for --engine hosted."
        )
    kept = KEPT_VERSIONS if keep is None else keep
    if engine == "gpt-2-simple":
        simple = simple_settings(numbers, device)
        gathered, allowed = _gather(project, name, acknowledged, redact)
        folder = _train_simple(gathered, base, simple, project, output, device, allowed, kept)
    else:
        settings = training_settings(numbers)
        gathered, allowed = _gather(project, name, acknowledged, redact)
        folder = _train_ours(gathered, base, settings, project, output, device, allowed, kept)
    note_clone(project, folder)
    _say_versions(gathered.person.name, folder)
    configure_clone(project, gathered.person.name, folder, write=configure)
    if delete_raw:
        _delete_raw(project, gathered.person.authors, ask=not yes)


def _refuse_for_hosted(*, redact: bool, delete_raw: bool, output: Path | None, device: str) -> None:
    if not redact:
        raise click.UsageError("A service gets nothing private; leave out --no-redact.")
    if delete_raw:
        raise click.UsageError("--delete-raw is for clones that are made here.")
    if output is not None:
        raise click.UsageError("--output is for clones that are made here.")
    if device != "auto":
        raise click.UsageError("--device is for clones that are made here.")


def train_again(manifest: "Manifest", folder: Path, project: Path) -> None:
    """Train a clone once more with the settings that it was made with, on what is there now.

    Raises:
        BotConvoError: it cannot be; the old one stays disabled.
    """
    from dataclasses import fields

    known = {field.name for field in fields(TrainingSettings)}
    training = {**_ONCE, **manifest.training}
    settings = TrainingSettings(
        **{key: value for key, value in training.items() if key in known}  # type: ignore[arg-type]
    )
    assert manifest.persona is not None
    click.echo(f"\nTraining {manifest.persona} again:")
    gathered, allowed = _gather(project, manifest.persona, (), redact=True)
    base = _base_of(manifest, folder, project)
    _train_ours(gathered, base, settings, project, folder, "auto", allowed)
    note_clone(project, folder)


def _base_of(manifest: "Manifest", folder: Path, project: Path) -> str | None:
    """What ``--base`` would have to say; None for the one that comes with BotConvo."""
    if manifest.base is not None:
        return None if manifest.base.path is None else str(folder / manifest.base.path)
    from botconvo.checkpoints import bundled_base
    from botconvo.training.bases import BASE_DIGEST, base_with, open_base

    found = base_with(manifest.training.get(BASE_DIGEST), project / "bases")
    if found is not None:
        return None if found == bundled_base() else str(found)
    name = str(manifest.training.get("base", ""))
    bundled = open_base(bundled_base(), bases=project / "bases", bundled=True)
    return None if name == bundled.name else name


def note_clone(project: Path, folder: Path) -> None:
    """Remember where a clone lies; an older version that may not be served any more goes."""
    from botconvo.forgetting.clones import keep_in_mind

    with open_store(project) as store:
        keep_in_mind(store, folder)


def _say_versions(name: str, folder: Path) -> None:
    from botconvo.granting import shell_word
    from model_server.checkpoint.versions import older_versions

    older = len(older_versions(folder))
    if older:
        click.echo(
            f"{older} older version{'s are' if older > 1 else ' is'} kept; back to the one before "
            f"this: botconvo rollback {shell_word(name)}"
        )


def _delete_raw(project: Path, authors: "Collection[AuthorId]", *, ask: bool) -> None:
    from botconvo.forgetting.raw import delete_raw, raw_exports

    with open_store(project) as store:
        found = raw_exports(store, authors)
        for raw in found:
            click.echo(f"  {raw.whole}")
        if not found:
            click.echo("No raw export is there any more.")
            return
        if ask and not click.confirm("Delete these raw exports?"):
            return
        gone, kept = delete_raw(found)
    for path in gone:
        click.echo(f"Deleted: {path}")
    for path in kept:
        click.echo(f"warning: {path} was changed since it was imported, and is left", err=True)


def _train_ours(
    gathered: "Gathered",
    base: str | None,
    settings: TrainingSettings,
    project: Path,
    output: Path | None,
    device: str,
    allowed: "Callable[[], bool]",
    keep: int = KEPT_VERSIONS,
) -> Path:
    """The checkpoint's folder."""
    from botconvo.training.extra import require_extra

    require_extra()

    from botconvo.training.clone import prepare

    prepared = prepare(gathered, _open_base(base, project, settings.base_weights), settings)
    _say_corpus(prepared)
    _advise(prepared, device)
    folder, kept = _places(gathered.person.name, project, output)
    state = kept / "state.safetensors"
    trained = _train(prepared, folder, state, device, allowed, keep)
    if not trained.finished:
        raise _stopped(trained.steps, state)
    if trained.lost is not None:
        _say(
            f"warning: the loss was no number any more at step {trained.lost}; the best clone "
            "until then was kept: look at it, or train again with a lower --learning-rate than "
            f"{prepared.settings.rate:g}"
        )
    click.echo(
        f"{gathered.person.name}: held-out loss {trained.base_loss:.3f} (base) -> "
        f"{trained.best_loss:.3f} after {trained.best_epoch:.1f} epochs, in {folder}"
    )
    _say_manners(gathered.person.name, prepared.manners)
    return folder


def _train_simple(
    gathered: "Gathered",
    base: str | None,
    settings: SimpleSettings,
    project: Path,
    output: Path | None,
    device: str,
    allowed: "Callable[[], bool]",
    keep: int = KEPT_VERSIONS,
) -> Path:
    """The checkpoint's folder."""
    import sys
    from datetime import UTC, datetime

    from botconvo.training.gpt2_simple.child import require_tensorflow
    from botconvo.training.gpt2_simple.clone import prepare, train_clone
    from botconvo.training.gpt2_simple.model import find_model
    from botconvo.training.stopping import stop_on_signals

    require_tensorflow()
    model = find_model(base, project, say=_say, bars=sys.stderr.isatty())
    prepared = prepare(gathered, model, settings)
    corpus = prepared.corpus
    click.echo(
        f"{corpus.speaker}: {corpus.own_train} own lines to train on, {corpus.own_held_out} held "
        "out"
    )
    if gathered.corrections:
        _say(
            f"{_counted(len(gathered.corrections))} not used: gpt-2-simple learns from lines alone"
        )
    folder, kept = _places(gathered.person.name, project, output)
    work = kept / "gpt-2-simple"
    with stop_on_signals() as stopped:
        trained = train_clone(
            prepared,
            folder,
            work=work,
            device=device,
            stream=sys.stderr,
            stopped=stopped,
            now=datetime.now(UTC),
            allowed=allowed,
            keep=keep,
        )
    if not trained.finished:
        raise _stopped(trained.steps, work)
    loss = "" if trained.average is None else f", mean loss {trained.average:.2f}"
    click.echo(f"{gathered.person.name}: {trained.steps} steps{loss}, in {folder}")
    _say_manners(gathered.person.name, prepared.manners)
    return folder


def _places(name: str, project: Path, output: Path | None) -> tuple[Path, Path]:
    """Where the checkpoint goes, and where a run is kept until then."""
    from botconvo.training.names import safe_name

    safe = safe_name(name)
    return output or project / "checkpoints" / safe, project / "training" / safe


def _stopped(steps: int, kept: Path) -> SystemExit:
    click.echo(
        f"Stopped at step {steps}, {kept} is kept; the same command goes on from there.", err=True
    )
    return SystemExit(_INTERRUPTED)


def _gather(
    project: Path, name: str, acknowledged: tuple[str, ...], redact: bool
) -> "tuple[Gathered, Callable[[], bool]]":
    """What to train on, and a question: whether nobody was forgotten since."""
    from datetime import UTC, datetime

    from botconvo.gathering import gather

    now, zone = datetime.now(UTC), zone_of_days(project)
    with open_store(project) as store:
        for policy in acknowledged:
            store.acknowledge(policy, now)
        forgets = store.forgets_begun()
        gathered = gather(store, name, now, redact=redact, zone=zone)
    if gathered.selected.redacted:
        _say(
            f"{len(gathered.selected.redacted)} messages are left out as private; see those of "
            f'{gathered.person.name} with: botconvo review "{gathered.person.name}"'
        )

    def allowed() -> bool:
        with open_store(project) as store:
            return store.forgets_begun() == forgets

    return gathered, allowed


def _open_base(text: str | None, project: Path, weights: "Weights") -> "Base":
    import sys

    from botconvo.checkpoints import bundled_base
    from botconvo.training.bases import open_base
    from botconvo.training.hub import resolve_base

    bases = project / "bases"
    if text is None:
        return open_base(bundled_base(), bases=bases, bundled=True)
    source = resolve_base(text, say=_say, bars=sys.stderr.isatty())
    return open_base(source.folder, bases=bases, name=source.name, weights=weights, say=_say)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _say_corpus(prepared: "Prepared") -> None:
    corpus, examples = prepared.corpus, prepared.examples
    others = others_told(corpus, learned=prepared.settings.everybody != 0)
    click.echo(
        f"{corpus.speaker}: {corpus.own_train} own lines to train on and {corpus.own_held_out} "
        f"held out, in {len(corpus.train) + len(corpus.held_out)} sessions of {corpus.lines} lines "
        f"in all, {examples.tokens} tokens a pass" + (f"; {others}" if others else "")
    )
    if prepared.lessons:
        kept = sum(lesson.weight > 0 for lesson in prepared.lessons)
        click.echo(
            f"{_counted(len(prepared.lessons))} used: {kept} kept, "
            f"{len(prepared.lessons) - kept} to be said less"
        )


def _counted(corrections: int) -> str:
    return "1 correction is" if corrections == 1 else f"{corrections} corrections are"


def _say_manners(name: str, learned: "LearnedManners | None") -> None:
    from botconvo.corpus import told_manners

    click.echo(f"{name}'s manners: {told_manners(learned)}")


def _advise(prepared: "Prepared", device: str) -> None:
    """Say so where another base is clearly the better choice."""
    import os

    from botconvo.training.advice import Hardware, better
    from botconvo.training.memory import free_memory
    from botconvo.training.network import choose_device, free_on

    hardware = Hardware(
        memory=free_memory(), gpu=free_on(choose_device(device)), cores=os.cpu_count() or 1
    )
    line = better(prepared.base.parameters, prepared.corpus.own_train, hardware)
    if line is not None:
        _say(line)


def _train(
    prepared: "Prepared",
    folder: Path,
    state: Path,
    device: str,
    allowed: "Callable[[], bool]",
    keep: int,
) -> "Trained":
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
            allowed=allowed,
            keep=keep,
        )
