"""``botconvo import``: read chat exports, and keep the words of those who agreed."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from botconvo.cli.accounts import (
    report_option,
    say_account,
    say_next,
    say_unknown,
    warn,
    write_report,
)
from botconvo.cli.policies import acknowledge_options
from botconvo.cli.project import file_progress, open_store, project_option, stop_asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from botconvo.taking import Taken

__all__ = ["command"]


@click.command("import")
@click.argument(
    "exports", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="EXPORT..."
)
@click.option(
    "--author", metavar="NAME", help="Whose lines a CSV of one column or a file of tweets holds."
)
@click.option(
    "--time-zone",
    "zone",
    default="UTC",
    metavar="ZONE",
    help="Whose clock the times are of where an export does not say, such as Europe/Berlin.",
)
@click.option(
    "--without",
    type=click.Choice(["replies", "mentions", "hashtags"]),
    multiple=True,
    help="What to leave out of tweets; may be repeated.",
)
@report_option
@acknowledge_options
@project_option
def command(
    exports: tuple[Path, ...],
    author: str | None,
    zone: str,
    without: tuple[str, ...],
    report: Path | None,
    acknowledged: tuple[str, ...],
    project: Path,
) -> None:
    """Read chat exports: files, folders or zips; what they are is told from their content.

    Words are kept only of people with a consent record. Of everybody else only the name and the
    number of messages are kept, so that you can see whom to ask.
    """
    from datetime import UTC, datetime

    from botconvo.policies import POLICIES
    from botconvo.taking import Accounting, take_exports

    total = Accounting()
    with (
        open_store(project, create=True) as store,
        file_progress() as progress,
        stop_asked() as stop,
    ):
        now = datetime.now(UTC)
        for policy in acknowledged:
            store.acknowledge(policy, now)
        taken = take_exports(
            store,
            exports,
            now,
            author=author,
            zone=zone,
            without=frozenset(without),
            progress=progress,
            stop=stop,
        )
        for file in taken:
            if file.failed is None:
                say_account(file.name, file.accounting)
            elif file.empty:
                click.echo(f"{file.name}: empty, passed over")
            total.add(file.accounting)
        say_unknown([file.name for file in taken if file.unknown])
        passed = [file.failed for file in taken if not file.empty and not file.unknown]
        warn([failed for failed in passed if failed is not None], "files")
        if report is not None:
            write_report(report, total, store)
        interrupted = taken[-1].interrupted
        if interrupted:
            click.echo(
                f"\nInterrupted in {taken[-1].name}: what was read of it is stored. Repeat the "
                "command: it goes on from there."
            )
        else:
            say_next(store, total)
    _say_forgotten(taken)
    for origin in sorted({file.origin for file in taken} & POLICIES.keys()):
        click.echo(f"\n{POLICIES[origin].rule}")
    if interrupted:
        raise click.Abort


def _say_forgotten(files: "Sequence[Taken]") -> None:
    for file in files:
        if file.forgotten:
            click.echo(
                f"\n{file.name} holds words of somebody who was forgotten here. None of them was "
                "taken, but 'botconvo people' lists their name again: delete the file, then "
                "'botconvo forget NAME' once more."
            )
