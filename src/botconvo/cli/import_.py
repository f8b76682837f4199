"""``botconvo import``: read chat exports, and keep the words of those who agreed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from botconvo.cli.policies import acknowledge_options
from botconvo.cli.project import file_progress, open_store, project_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from botconvo.store import Store
    from botconvo.taking import Accounting, Taken

__all__ = ["command"]

_MOST_WARNINGS = 5


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
@click.option(
    "--report", type=click.Path(path_type=Path), metavar="FILE", help="Write the count as JSON too."
)
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
    with open_store(project, create=True) as store, file_progress() as progress:
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
        )
        for file in taken:
            if file.failed is None:
                _say_file(file)
            elif file.empty:
                click.echo(f"{file.name}: empty, passed over")
            total.add(file.accounting)
        troubles = [file.failed for file in taken if file.failed is not None and not file.empty]
        _warn(troubles, "files")
        if report is not None:
            _write(report, total)
        _say_next(store, taken, total)
    for origin in sorted({file.origin for file in taken} & POLICIES.keys()):
        click.echo(f"\n{POLICIES[origin].rule}")


def _say_file(file: "Taken") -> None:
    accounting = file.accounting
    left_out = sum(accounting.left_out.values())
    click.echo(
        f"{file.name}: {accounting.read} read = {accounting.taken} taken + {left_out} left out"
    )
    for reason, count in accounting.left_out.most_common():
        click.echo(f"  {count:>8}  {reason}")
    rows = [
        f"{_place(error['file'], error['line'])}: {error['what']}" for error in accounting.errors
    ]
    _warn(rows, "lines")


def _place(file: object, line: object) -> str:
    return f"{file}" if line is None else f"{file}, line {line}"


def _warn(troubles: "Sequence[str]", what: str) -> None:
    for trouble in troubles[:_MOST_WARNINGS]:
        click.echo(f"warning: {trouble}", err=True)
    if len(troubles) > _MOST_WARNINGS:
        more = len(troubles) - _MOST_WARNINGS
        click.echo(f"warning: {more} more {what} could not be read (see --report)", err=True)


def _say_next(store: "Store", files: "Sequence[Taken]", total: "Accounting") -> None:
    seen = store.authors()
    asked = [author for author in seen if author.person is None and author.kind == "person"]
    if not total.left_out["no consent"] or not asked:
        return
    people = ", ".join(f"{author.name} ({author.messages})" for author in asked[:8])
    more = f" and {len(asked) - 8} more" if len(asked) > 8 else ""
    first = not any(author.taken for author in seen)
    nothing = "Nothing was taken yet: words are kept only of people who agreed. " if first else ""
    click.echo(f"\nNo consent yet: {people}{more}.")
    click.echo(f"{nothing}Ask your friends first; then, for each who agrees:")
    click.echo(f'  botconvo consent grant "{asked[0].name}" --adult')


def _write(report: Path, total: "Accounting") -> None:
    from botconvo.errors import ImportFailed

    text = json.dumps(total.as_json(), indent=2, ensure_ascii=False)
    unfinished = report.with_name(f"{report.name}.unfinished")
    try:
        unfinished.write_text(f"{text}\n", encoding="utf-8")
        unfinished.replace(report)
    except OSError as error:
        raise ImportFailed(f"the report {report} cannot be written: {error.strerror}") from None
