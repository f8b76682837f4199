"""``botconvo forget``: somebody is gone from the project, and there is a receipt."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from botconvo.cli.project import project_option

if TYPE_CHECKING:
    from botconvo.forgetting import Plan, Project, Receipt

__all__ = ["command"]


@click.command("forget")
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would go.")
@click.option("--retrain", is_flag=True, help="Train the clones again that saw lines of theirs.")
@click.option(
    "--delete-raw",
    is_flag=True,
    help="Delete the raw exports too in which they wrote, with what others wrote there.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@project_option
def command(
    name: str, dry_run: bool, retrain: bool, delete_raw: bool, yes: bool, project: Path
) -> None:
    """Erase what NAME wrote, what was made of it, and their name; NAME may be an author's id too.

    A running talk lets their clone go within seconds. Other clones that learned from lines of
    theirs are not served any more until they are trained again. What cannot be erased from here is
    named. Interrupted, the same command finishes it. There is no way back.
    """
    import os
    from datetime import UTC, datetime

    from botconvo.errors import ConsentError
    from botconvo.forgetting import Project, finish, forget, plan
    from model_server.checkpoint.opening import user_cache

    place = Project.at(project, user_cache(os.environ))
    finished = None if dry_run else finish(place)
    if finished is not None:
        click.echo("An earlier forget was interrupted; it is finished now.")
        _say_done(finished, place, retrain=retrain)
    try:
        planned = plan(place, name)
    except ConsentError:
        if finished is None:
            raise
        return  # it was theirs
    _say_plan(planned, delete_raw=delete_raw)
    if dry_run:
        click.echo("\nNothing was changed.")
        return
    if not yes:
        click.confirm("\nThere is no way back. Forget them?", abort=True)
    if delete_raw:
        _delete_raw(place, planned)
    _say_done(forget(place, name, datetime.now(UTC)), place, retrain=retrain)


def _say_plan(planned: "Plan", *, delete_raw: bool) -> None:
    click.echo("Here is of them:")
    for keeper, found in planned.found:
        number = f"{found.count} {found.what}" if found.what == "rows" else found.what
        click.echo(f"  {keeper:12}  {number}{f': {found.shown}' if found.shown else ''}")
    if planned.disabled or planned.hosted:
        click.echo("\nNot served any more until it is trained again, as it saw lines of theirs:")
    for each in planned.disabled:
        sure = "" if each.certain else " (perhaps: an older version made it, which noted nothing)"
        click.echo(f"  {each.manifest.persona}: {each.folder}{sure}")
    for record in planned.hosted:
        click.echo(f"  {record.speaker}: {record.model}, which is deleted at {record.processor}")
    click.echo("\nStays, as it is not BotConvo's to erase:")
    for left in planned.left:
        going = delete_raw and left.what == "a raw export"
        click.echo(f"  {left.shown}{' -> --delete-raw deletes it' if going else ''}")
    from botconvo.forgetting.left import ALWAYS

    for sentence in ALWAYS:
        click.echo(f"  {sentence}")


def _delete_raw(place: "Project", planned: "Plan") -> None:
    from botconvo.forgetting.raw import delete_raw, raw_exports
    from botconvo.store import Store

    with Store.open(place.store, create=False) as store:
        gone, kept = delete_raw(raw_exports(store, planned.somebody.authors))
    for path in gone:
        click.echo(f"Deleted: {path}")
    for path in kept:
        click.echo(f"warning: {path} was changed since it was imported, and is left", err=True)


def _say_done(receipt: "Receipt", place: "Project", *, retrain: bool) -> None:
    from botconvo.forgetting.forget import receipt_path

    click.echo(f"\nReceipt {receipt.id}, {receipt.at:%Y-%m-%d %H:%M} UTC")
    for item in receipt.items:
        digests = "".join(f" {digest[:16]}" for digest in item.digests)
        click.echo(f"  {item.keeper:12}  {item.count} x {item.what}{digests}")
    for digest in receipt.disabled:
        click.echo(f"  disabled      {digest[:16]}")
    for line in receipt.left:
        if "could not be deleted yet" in line:
            click.echo(f"  left          {line}; the next forget tries again")
    click.echo(f"It is kept in {receipt_path(place, receipt)}; it names nobody.")
    if retrain and receipt.disabled:
        _train_again(receipt, place)


def _train_again(receipt: "Receipt", place: "Project") -> None:
    from botconvo.cli.train import train_again
    from botconvo.forgetting.clones import clones_with
    from botconvo.store import Store

    with Store.open(place.store, create=False) as store:
        clones = clones_with(place, store, receipt.disabled)
    for folder, manifest in clones:
        train_again(manifest, folder, place.folder)
