"""``botconvo review``: what a clone is not trained on, of what its friend wrote."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from botconvo.cli.project import open_store, project_option

if TYPE_CHECKING:
    from botconvo.corpus import Redacted
    from botconvo.reviewing import Review

__all__ = ["command"]


@click.command("review")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")
@project_option
def command(name: str, as_json: bool, project: Path) -> None:
    """Show what is left out of the corpus of NAME: e-mail addresses, numbers, keys and the like.

    It prints them in full, so mind who looks over your shoulder.
    """
    from datetime import UTC, datetime

    from botconvo.reviewing import review

    with open_store(project) as store:
        found = review(store, name, datetime.now(UTC))
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=2, ensure_ascii=False))
        return
    for line in found.redacted:
        click.echo(f"{line.message.at:%Y-%m-%d %H:%M}  {_marked(line)}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in found.kinds.most_common())
    click.echo(
        f"{found.person}: {len(found.redacted)} of {found.messages} messages are left out for what "
        f"is in them{f' ({kinds})' if kinds else ''}, and {found.commands} commands to other bots. "
        f"{found.duplicates} repeat earlier words, {found.pasted} of them long ones."
    )


def _marked(line: "Redacted") -> str:
    """The words on one line, each piece in brackets behind its kind."""
    parts, end = [], 0
    for found in line.found:
        parts.append(line.text[end : found.start])
        parts.append(f"[{found.kind}: {line.text[found.start : found.end]}]")
        end = found.end
    return " ".join("".join([*parts, line.text[end:]]).split())


def _as_json(found: "Review") -> dict[str, object]:
    return {
        "person": found.person,
        "messages": found.messages,
        "redacted": [
            {
                "at": line.message.at.isoformat(),
                "id": line.message.id,
                "text": line.text,
                "found": [
                    {"kind": str(each.kind), "text": line.text[each.start : each.end]}
                    for each in line.found
                ],
            }
            for line in found.redacted
        ],
        "commands": found.commands,
        "duplicates": found.duplicates,
        "pasted": found.pasted,
    }
