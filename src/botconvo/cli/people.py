"""``botconvo people``: who writes in the imported exports, and who agreed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from botconvo.cli.project import joined_people, open_store, project_option
from botconvo.people import speaker_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from botconvo.people_list import Listed

__all__ = ["command"]

_MOST_GROUPS = 10


@click.command("people")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead.")
@project_option
def command(as_json: bool, project: Path) -> None:
    """List everybody who writes in the imported exports, the busiest first.

    The language is that of what was taken; it is not looked for in the words of anybody else.
    """
    from datetime import UTC, datetime

    from botconvo.people_list import list_people

    with open_store(project) as store:
        people = list_people(store, datetime.now(UTC), joined_people(project))
    if as_json:
        click.echo(
            json.dumps([person.as_json() for person in people], indent=2, ensure_ascii=False)
        )
        return
    head = f"{'messages':>8}  {'taken':>8}  {'from':10}  {'to':10}  {'consent':9}  lang  name, id"
    click.echo(head)
    for person in people:
        click.echo(_row(person))
    _say_languages(people)
    _say_alike(people)


def _row(person: "Listed") -> str:
    author = person.author
    return (
        f"{author.messages:>8}  {author.taken:>8}  {author.first:%Y-%m-%d}  {author.last:%Y-%m-%d}"
        f"  {person.consent:9}  {person.language or '-':4}  {author.name}, {author.id}"
        f"{_also(person)}"
    )


def _also(person: "Listed") -> str:
    """The person's name where it is another one than the author's."""
    known = person.known_as
    return f" = {known}" if known and known != person.author.name else ""


def _say_languages(people: "Sequence[Listed]") -> None:
    from botconvo.languages import advice_on

    written: dict[str, list[str]] = {}
    for person in people:
        if person.language is not None:
            written.setdefault(person.language, []).append(person.known_as or person.author.name)
    for language, names in written.items():
        advice = advice_on(language)
        if advice is not None:
            who = ", ".join(dict.fromkeys(names))
            click.echo(f"\n{who} ({language}): {advice}.")


def _on_one_platform(group: tuple[str, ...]) -> bool:
    return len({author.partition(":")[0] for author in group}) == 1


def _say_alike(people: "Sequence[Listed]") -> None:
    """Groups over several platforms first, then as ``people`` stand."""
    by_id = {person.author.id: person for person in people}
    groups = dict.fromkeys(
        tuple(sorted((person.author.id, *person.alike))) for person in people if person.alike
    )
    if not groups:
        return
    shown = sorted(groups, key=_on_one_platform)[:_MOST_GROUPS]
    click.echo("\nPerhaps the same person, by their names. Join those who are, in config.toml:")
    for group in shown:
        ordered = sorted(group, key=lambda author: -by_id[author].author.messages)
        named = next((by_id[a].known_as for a in ordered if by_id[a].known_as), None)
        name = speaker_name(named or by_id[ordered[0]].author.name)
        click.echo(f"\n[[people]]\nname = {json.dumps(name, ensure_ascii=False)}")
        click.echo(f"authors = {json.dumps(ordered, ensure_ascii=False)}")
    if len(groups) > len(shown):
        click.echo(f'\n{len(groups) - len(shown)} more groups: see --json, under "alike".')
    click.echo('\nThen repeat "botconvo consent grant NAME" for whoever agreed.')
