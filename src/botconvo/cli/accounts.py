"""What ``import`` and ``collect`` say of what they read, and the report of ``--report``."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from botconvo.store import Store
    from botconvo.taking import Accounting

__all__ = ["report_option", "say_account", "say_next", "say_unknown", "warn", "write_report"]

_MOST_WARNINGS = 5


def report_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--report FILE``."""
    return click.option(
        "--report",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write the count as JSON too.",
    )(function)


def say_account(name: str, accounting: "Accounting") -> None:
    """What became of a file's or a channel's rows, by reason, and which could not be read."""
    left_out = sum(accounting.left_out.values())
    click.echo(f"{name}: {accounting.read} read = {accounting.taken} taken + {left_out} left out")
    for reason, count in accounting.left_out.most_common():
        click.echo(f"  {count:>8}  {reason}")
    rows = [
        f"{_place(error['file'], error['line'])}: {error['what']}" for error in accounting.errors
    ]
    warn(rows, "lines")


def warn(troubles: Sequence[str], what: str) -> None:
    """The first of them on stderr, and how many more there are."""
    from botconvo.errors import printable

    for trouble in troubles[:_MOST_WARNINGS]:
        click.echo(f"warning: {printable(trouble)}", err=True)
    if len(troubles) > _MOST_WARNINGS:
        more = len(troubles) - _MOST_WARNINGS
        click.echo(f"warning: {more} more {what} could not be read (see --report)", err=True)


def say_unknown(names: Sequence[str]) -> None:
    """How many files are no exports, by their endings."""
    if not names:
        return
    endings = Counter(PurePosixPath(name).suffix.lower() or "without an ending" for name in names)
    kinds = [f"{count} {ending}" for ending, count in endings.most_common(_MOST_WARNINGS)]
    if len(endings) > _MOST_WARNINGS:
        kinds.append("others")
    what = "file is no export and was" if len(names) == 1 else "files are no exports and were"
    click.echo(f"{len(names)} {what} passed over ({', '.join(kinds)}), such as {names[0]}")


def say_next(store: "Store", total: "Accounting") -> None:
    """Whom to ask, where words were left out because nobody had."""
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


def write_report(report: Path, total: "Accounting", store: "Store") -> None:
    """Write it, and remember it: it names authors by ids, so a forget has to look into it.

    Raises:
        ImportFailed: it cannot be written.
    """
    from botconvo.errors import ImportFailed

    text = json.dumps(total.as_json(), indent=2, ensure_ascii=False)
    unfinished = report.with_name(f"{report.name}.unfinished")
    try:
        unfinished.write_text(f"{text}\n", encoding="utf-8")
        unfinished.replace(report)
    except OSError as error:
        raise ImportFailed(f"the report {report} cannot be written: {error.strerror}") from None
    store.note_file(report, "report")


def _place(file: object, line: object) -> str:
    return f"{file}" if line is None else f"{file}, line {line}"
