"""``--engine hosted`` of ``botconvo train``: what it asks for, and what it says."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from botconvo.cli.corpus_told import others_told, staying_told
from botconvo.cli.project import open_store
from botconvo.hosted.forms import FORMS, Form

if TYPE_CHECKING:
    from pydantic import SecretStr

    from botconvo.config import Settings
    from botconvo.hosted.records import JobRecord
    from botconvo.hosted.service import Service
    from botconvo.hosted.tuning import Prepared, Wanted

__all__ = ["HostedOptions", "hosted_options", "train_hosted"]

_INTERRUPTED = 130
_BASES: dict[Form, str] = {
    "chat": "gpt-4.1-nano-2025-04-14",
    "completions": "babbage-002",
    "window": "babbage-002",
}
"""OpenAI's smallest ones that can be tuned so."""
_OWN_EPOCHS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedOptions:
    """What was typed; None leaves it to config.toml."""

    endpoint: str | None
    base: str | None
    form: Form
    processor: str | None
    price: float | None
    epochs: float | None
    seed: int | None
    dry_run: bool
    cancel: bool
    yes: bool


def hosted_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--endpoint``, ``--form``, ``--price``, ``--dry-run`` and ``--cancel``."""
    options = (
        click.option(
            "--endpoint",
            metavar="URL",
            help="hosted: the service, any with OpenAI's interface. Default: as in config.toml, "
            "else OpenAI's own.",
        ),
        click.option(
            "--form",
            type=click.Choice(FORMS),
            default=FORMS[0],
            show_default=True,
            help="hosted: what the model learns from: a chat with roles, the transcript's last "
            "lines and the next one of NAME's, or GPT-3-Chatbot-2.0's window of 8 lines and the "
            "ninth.",
        ),
        click.option(
            "--price",
            type=click.FloatRange(min=0),
            metavar="DOLLARS",
            help="hosted: what a million tokens of training cost there, for the estimate.",
        ),
        click.option(
            "--dry-run",
            is_flag=True,
            help="hosted: write the files and the estimate, send nothing.",
        ),
        click.option(
            "--cancel", is_flag=True, help="hosted: stop NAME's job and delete its files there."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def train_hosted(
    project: Path, name: str, options: HostedOptions, acknowledged: tuple[str, ...], *, write: bool
) -> None:
    """Tune a model at a service, or go on with a job that is there, and add the persona."""
    from botconvo.config import load_settings
    from botconvo.granting import find_person
    from botconvo.hosted.tuning import unfinished

    settings = load_settings(project / "config.toml", required=False)
    with open_store(project) as store:
        person = find_person(store.people(), name)
    wanted = _wanted(settings, options)
    record = unfinished(project, person.id)
    if options.cancel:
        _cancel(project, person.name, record, settings)
        return
    if record is None:
        record = _new(project, name, wanted, options, acknowledged)
        if record is None:
            return
    else:
        _say_going_on(record, options)
    _go_on(project, record, settings, write=write)


def _wanted(settings: "Settings", options: HostedOptions) -> "Wanted":
    from botconvo.errors import ConfigError, TrainingError
    from botconvo.hosted.prices import SERVICE
    from botconvo.hosted.service import check_endpoint, host_of
    from botconvo.hosted.tuning import Wanted

    own = settings.hosted
    endpoint = check_endpoint(options.endpoint or own.endpoint)
    elsewhere = options.endpoint is not None and host_of(endpoint) != host_of(own.endpoint)
    base = options.base or (None if elsewhere else own.base)
    if base is None and host_of(endpoint) != SERVICE:
        raise ConfigError(
            f"{host_of(endpoint)}: say which of its models is to be tuned, with --base or as "
            "hosted.base in config.toml"
        )
    epochs = _OWN_EPOCHS if options.epochs is None else options.epochs
    if epochs != int(epochs) or not 1 <= epochs <= 50:
        raise TrainingError(f"--epochs {epochs:g}: a service takes whole numbers from 1 to 50")
    return Wanted(
        endpoint=endpoint,
        processor=options.processor or (None if elsewhere else own.processor) or host_of(endpoint),
        base=base or _BASES[options.form],
        form=options.form,
        epochs=int(epochs),
        seed=options.seed,
        price=options.price if options.price is not None or elsewhere else own.price,
    )


def _new(
    project: Path,
    name: str,
    wanted: "Wanted",
    options: HostedOptions,
    acknowledged: tuple[str, ...],
) -> "JobRecord | None":
    """The record of files that may be sent; None where they are not to be."""
    from datetime import UTC, datetime

    from botconvo.hosted.records import folder_of
    from botconvo.hosted.service import host_of, require_openai
    from botconvo.hosted.tuning import prepare, write_files

    now = datetime.now(UTC)
    if not options.dry_run:
        require_openai()
    with open_store(project) as store:
        for policy in acknowledged:
            store.acknowledge(policy, now)
        prepared = prepare(store, name, wanted, now)
    _say_prepared(prepared)
    if options.dry_run:
        record = write_files(prepared, project, now)
        click.echo(f"Written to {folder_of(project, record)}; nothing was sent.")
        return None
    if not options.yes:
        host = host_of(wanted.endpoint)
        click.confirm(f"Send these words to {host} and pay for that?", abort=True)
    return write_files(prepared, project, now)


def _say_prepared(prepared: "Prepared") -> None:
    from botconvo.hosted.prices import AS_OF, SOURCE
    from botconvo.hosted.service import host_of

    wanted, estimate = prepared.wanted, prepared.estimate
    corpus = prepared.material.corpus
    train, validation = prepared.rows
    others = others_told(corpus, learned=False)
    context = f", {others}" if others else ""
    click.echo(
        f"{corpus.speaker}: {corpus.own_train} own lines to train on and {corpus.own_held_out} "
        f"held out{context}; {train} and {validation} rows of form {wanted.form!r}"
    )
    if prepared.kept_home:
        click.echo(staying_told(prepared.kept_home, wanted.processor))
    click.echo(
        f"About {estimate.billed:,} tokens for {wanted.base} at {host_of(wanted.endpoint)} "
        f"({estimate.tokens:,} in {estimate.epochs} epochs), counted without its tokenizer."
    )
    dollars = estimate.dollars
    if dollars is None:
        click.echo("What that costs is not known here; look at its price list, or give --price.")
        return
    source = f"{SOURCE} in {AS_OF}; it may have changed, then give --price"
    known = source if wanted.price is None else "as you say"
    click.echo(f"That costs about ${dollars:,.2f}, at ${estimate.price:g} a million ({known}).")


def _say_going_on(record: "JobRecord", options: HostedOptions) -> None:
    what = f"job {record.job}" if record.job is not None else "an upload"
    click.echo(
        f"{record.speaker}: going on with {what} of {record.created:%Y-%m-%d %H:%M} UTC, form "
        f"{record.form!r} on {record.base}; --cancel ends it."
    )
    if options.dry_run:
        raise click.UsageError("--dry-run writes new files; end the job first, with --cancel.")


def _service(endpoint: str, key: "SecretStr | None") -> "Service":
    from botconvo.hosted.service import Service

    return Service(endpoint, key)


def _cancel(project: Path, name: str, record: "JobRecord | None", settings: "Settings") -> None:
    from botconvo.errors import TrainingError
    from botconvo.hosted.records import debts
    from botconvo.hosted.tuning import cancel

    if record is None:
        raise TrainingError(f"{name} has no hosted job that could be cancelled")
    with _service(record.endpoint, settings.hosted_key) as service:
        how = cancel(project, record, service)
    click.echo(f"{name}: {how}.")
    _say_debts(len(debts(project)), service.host)


def _go_on(project: Path, record: "JobRecord", settings: "Settings", *, write: bool) -> None:
    import time
    from datetime import UTC, datetime

    from botconvo.hosted.records import check_there, debts
    from botconvo.hosted.tuning import check_agreed, close, finish, follow, settle, start
    from botconvo.training.stopping import stop_on_signals

    def check() -> None:
        check_there(project, record)
        with open_store(project) as store:
            check_agreed(store, record, datetime.now(UTC))

    check()
    with _service(record.endpoint, settings.hosted_key) as service, stop_on_signals() as stopped:

        def pause(seconds: float) -> bool:
            until = time.monotonic() + seconds
            while not stopped() and time.monotonic() < until:
                time.sleep(min(0.1, seconds))
            if not stopped():
                check()
            return stopped()

        settle(project, service, record.endpoint)
        record = start(project, record, service, say=click.echo, stopped=stopped)
        if record.job is None:
            click.echo("Stopped before a job was started; the same command goes on.", err=True)
            raise SystemExit(_INTERRUPTED)
        record, job = follow(
            project,
            record,
            service,
            say=click.echo,
            pause=pause,
            poll_s=settings.hosted.poll_s,
        )
        if job is None:
            click.echo(
                f"Job {record.job} goes on at {service.host}, and is paid for; the same command "
                "follows it again, --cancel ends it.",
                err=True,
            )
            raise SystemExit(_INTERRUPTED)
        check()
        record = finish(project, record, job, service)
    paid = "" if job.tokens is None else f"; {job.tokens:,} tokens were paid for"
    click.echo(f"{record.speaker} is {record.model} at {service.host}{paid}")
    _say_debts(len(debts(project)), service.host)
    _configure(project, record, write=write)
    close(project, record)


def _say_debts(count: int, host: str) -> None:
    if count:
        click.echo(
            f"warning: {count} files could not be deleted at {host} yet; the next --engine hosted "
            "or forget tries again",
            err=True,
        )


def _configure(project: Path, record: "JobRecord", *, write: bool) -> None:
    """Let the persona in config.toml speak through the new model, or say what has to be added."""
    from botconvo.errors import ConfigError
    from botconvo.hosted.service import host_of
    from botconvo.training.persona_table import add_table, hosted_table, point_elsewhere

    config, name, model = project / "config.toml", record.speaker, record.model or ""
    usual = record.processor == host_of(record.endpoint)
    table = hosted_table(
        name,
        endpoint=record.endpoint,
        model=model,
        form=record.form,
        processor=None if usual else record.processor,
    )
    if write and config.exists():
        try:
            added = add_table(config, name, table) or point_elsewhere(config, name, table)
        except ConfigError as error:
            click.echo(f"warning: {error}", err=True)
        else:
            if added:
                click.echo(f"{config}: {name} speaks through it. Next: botconvo run")
                return
            click.echo(f"{config} has a persona {name} with a checkpoint, and is left as it is.")
    click.echo(f"\nFor config.toml:\n\n{table}")
