"""``botconvo export-csv``: one person's own words, for gpt-2-simple and its like."""

from pathlib import Path

import click

from botconvo.cli.policies import acknowledge_options
from botconvo.cli.project import open_store, project_option

__all__ = ["command"]


@click.command("export-csv")
@click.argument("name")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where it goes. Default: NAME.csv in the project.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option(
    "--redact/--no-redact",
    default=True,
    help="Leave out what has an e-mail address, a number, a key or an address in it ('botconvo "
    "review NAME' shows them). Default: leave out.",
)
@acknowledge_options
@project_option
def command(
    name: str,
    output: Path | None,
    force: bool,
    redact: bool,
    acknowledged: tuple[str, ...],
    project: Path,
) -> None:
    """Write what NAME wrote into a CSV of one column, as gpt-2-simple trains on it.

    Only with a live consent, and cleaned as for 'botconvo train'. 'botconvo import FILE --author
    NAME' reads it again.
    """
    from datetime import UTC, datetime

    from botconvo.exporting import export_csv
    from botconvo.granting import find_person
    from botconvo.training.names import safe_name

    now = datetime.now(UTC)
    with open_store(project) as store:
        person = find_person(store.people(), name)
        for policy in acknowledged:
            store.acknowledge(policy, now)
        path = output or project / f"{safe_name(person.name)}.csv"
        done = export_csv(store, name, path, now, force=force, redact=redact)
    wordless = f"; {done.wordless} messages hold no words" if done.wordless else ""
    private = f"; {done.redacted} are left out as private" if done.redacted else ""
    click.echo(f"{done.path}: {done.rows} lines of {done.person}{wordless}{private}")
    click.echo("Delete it when you are done: a withdrawn consent does not reach it.")
