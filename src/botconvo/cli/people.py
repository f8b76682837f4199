"""``botconvo people``: who writes in the imported exports, and who agreed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from botconvo.cli.project import open_store, project_option

if TYPE_CHECKING:
    from botconvo.people_list import Listed

__all__ = ["command"]


@click.command("people")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead.")
@project_option
def command(as_json: bool, project: Path) -> None:
    """List everybody who writes in the imported exports, the busiest first."""
    from datetime import UTC, datetime

    from botconvo.people_list import list_people

    with open_store(project) as store:
        people = list_people(store, datetime.now(UTC))
    if as_json:
        click.echo(
            json.dumps([person.as_json() for person in people], indent=2, ensure_ascii=False)
        )
        return
    click.echo(f"{'messages':>8}  {'taken':>8}  {'from':10}  {'to':10}  {'consent':9}  name, id")
    for person in people:
        click.echo(_row(person))


def _row(person: "Listed") -> str:
    author = person.author
    return (
        f"{author.messages:>8}  {author.taken:>8}  {author.first:%Y-%m-%d}  {author.last:%Y-%m-%d}"
        f"  {person.consent:9}  {author.name}, {author.id}"
    )
