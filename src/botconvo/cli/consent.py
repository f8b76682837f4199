"""``botconvo consent``: record who agreed to be cloned, show it, withdraw it, check the ledger."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from botconvo.cli.policies import acknowledge_options
from botconvo.cli.project import (
    DAY,
    at_midnight,
    file_progress,
    joined_people,
    open_store,
    project_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from botconvo.consent import ConsentRecord
    from botconvo.granting import Granted
    from botconvo.messages import ChannelId
    from botconvo.policies import Policy

__all__ = ["command"]


@click.group("consent")
def command() -> None:
    """Record who agreed to be cloned; show it, withdraw it, check the ledger."""


@command.command("grant")
@click.argument("name")
@click.option("--adult", is_flag=True, help="The person is an adult, and agreed.")
@click.option("--fictional", is_flag=True, help="An invented character: there is nobody to ask.")
@click.option(
    "--author-id",
    "author_ids",
    multiple=True,
    metavar="ID",
    help="Who is meant, where several have the name; repeat it to join one person's accounts.",
)
@click.option("--as", "speaker", metavar="NAME", help="The name in transcripts. Default: as shown.")
@click.option(
    "--statement", default="", metavar="TEXT", help="What the person said, in their own words."
)
@click.option("--since", type=DAY, metavar="DATE", help="Only messages from this day on.")
@click.option("--until", type=DAY, metavar="DATE", help="Only messages up to this day.")
@click.option("--expires", type=DAY, metavar="DATE", help="The first day without consent.")
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    metavar="web|console|discord",
    help="Where the clone may talk; may be repeated. Default: everywhere.",
)
@click.option(
    "--channel",
    "channels",
    multiple=True,
    metavar="ID",
    help="Which channels may be taken; may be repeated. Default: all.",
)
@click.option(
    "--processor",
    "processors",
    multiple=True,
    default=("local",),
    metavar="HOST",
    help="Where the words may be worked on; may be repeated (local, hosted-notebook). Default: "
    "local, this machine alone.",
)
@click.option(
    "--checkpoint",
    "checkpoints",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PATH",
    help="A clone of them from an earlier system: its folder or GGUF file; may be repeated.",
)
@acknowledge_options
@project_option
def grant(
    name: str,
    adult: bool,
    fictional: bool,
    author_ids: tuple[str, ...],
    speaker: str | None,
    statement: str,
    since: datetime | None,
    until: datetime | None,
    expires: datetime | None,
    platforms: tuple[str, ...],
    channels: tuple[str, ...],
    processors: tuple[str, ...],
    checkpoints: tuple[Path, ...],
    acknowledged: tuple[str, ...],
    project: Path,
) -> None:
    """Record that NAME agreed, and take what they wrote from the imported exports.

    NAME may be one under which config.toml joins several accounts. Ask first. A new consent takes
    the place of an older one of the same person; checkpoints are
    added to those that NAME agreed to before.
    """
    from datetime import UTC

    from botconvo.granting import Terms, grant
    from botconvo.messages import AuthorId
    from botconvo.policies import POLICIES

    terms = Terms(
        adult=adult,
        fictional=fictional,
        channels=tuple(map(_channel, channels)) or None,
        since=at_midnight(since),
        until=None if until is None else at_midnight(until + timedelta(days=1)),
        platforms=platforms or None,
        processors=processors,
        expires_at=at_midnight(expires),
        statement=statement,
        checkpoints=_digests(checkpoints, project),
    )
    now = datetime.now(UTC)
    joined = joined_people(project).authors_of(name)
    with open_store(project, create=bool(checkpoints)) as store:
        if joined and not author_ids:
            author_ids = tuple(each.id for each in store.authors() if each.id in joined)
            speaker = speaker or name
        with file_progress() as progress:
            done = grant(
                store,
                name,
                terms,
                now,
                author_ids=tuple(map(AuthorId, author_ids)),
                speaker=speaker,
                progress=progress,
            )
        for policy in acknowledged:
            store.acknowledge(policy, now)
        origins = () if fictional else sorted(store.origins_of(done.person.authors))
        rules = [
            policy
            for policy in map(POLICIES.get, origins)
            if policy is not None and store.acknowledged(policy.name) is None
        ]
    _say_granted(done, checkpoints, rules)


@command.command("show")
@click.argument("name", required=False)
@project_option
def show(name: str | None, project: Path) -> None:
    """Show what was agreed: everybody's, or NAME's."""
    from datetime import UTC

    from botconvo.consent import latest_record
    from botconvo.granting import find_person
    from botconvo.people_list import consent_state

    with open_store(project) as store:
        people, ledger = store.people(), store.ledger()
    if name is not None:
        people = (find_person(people, name),)
    if not people:
        click.echo("Nobody has a consent record yet.")
    for person in people:
        record = latest_record(ledger, person.id)
        click.echo(f"{person.name} ({person.id}): {consent_state(record, datetime.now(UTC))}")
        if record is not None:
            _say_record(record)


@command.command("withdraw")
@click.argument("name")
@project_option
def withdraw(name: str, project: Path) -> None:
    """End NAME's consent and remove what was taken from them."""
    from datetime import UTC

    from botconvo.checkpoints import CONVERTED
    from botconvo.consent import latest_record
    from botconvo.granting import withdraw
    from botconvo.packing.records import packs_with
    from model_server.checkpoint.conversion import remove_converted
    from model_server.checkpoint.opening import user_cache

    with open_store(project) as store:
        person, rows = withdraw(store, name, datetime.now(UTC))
        record = latest_record(store.ledger(), person.id)
    click.echo(f"{person.name} has withdrawn; {rows} messages were removed from the store.")
    if record is not None and record.checkpoints:
        caches = (project / CONVERTED, user_cache(os.environ))
        removed = sum(remove_converted(cache, record.checkpoints) for cache in caches)
        click.echo(f"{removed} checkpoints that were converted from theirs were deleted.")
    for out in packs_with(project, person.id):
        click.echo(
            f"{out.archive} holds words of theirs too, packed for {out.pack.processor!r}; delete "
            "it here and there, and what came of it."
        )
    click.echo("No clone of theirs gets to post from now on; delete its checkpoint's folder too.")


@command.command("verify-ledger")
@project_option
def verify_ledger(project: Path) -> None:
    """Check that nobody edited the record of who agreed."""
    from botconvo.consent import head, verify
    from botconvo.errors import ConsentError

    with open_store(project) as store:
        ledger, path = store.ledger(), store.path
    faults = verify(ledger)
    if faults:
        wrong = "; ".join(f"entry {fault.number} {fault.what}" for fault in faults[:5])
        raise ConsentError(f"{path}: the ledger does not hold: {wrong}; restore a copy of it")
    click.echo(f"The ledger holds: {len(ledger)} entries, the last with the digest {head(ledger)}")


def _digests(checkpoints: tuple[Path, ...], project: Path) -> tuple[str, ...]:
    if not checkpoints:
        return ()
    from botconvo.checkpoints import checkpoint_digest

    return tuple(checkpoint_digest(checkpoint, project) for checkpoint in checkpoints)


def _say_granted(done: "Granted", checkpoints: tuple[Path, ...], rules: "Sequence[Policy]") -> None:
    person = done.person
    click.echo(
        f"Recorded: {person.name} agreed ({', '.join((person.id, *sorted(person.authors)))})."
    )
    for checkpoint in checkpoints:
        click.echo(f"{checkpoint} is theirs, and may be served as their clone.")
    if person.authors:
        taken = f"{done.taken} of their messages were" if done.taken else "No more messages were"
        click.echo(f"{taken} taken from the imported exports.")
    for sentence in done.trouble:
        click.echo(f"warning: {sentence}", err=True)
    for policy in rules:
        click.echo(f"\n{policy.rule}")
        click.echo(f"If it is yours to decide, add {policy.flag} here or when training.")
    if not checkpoints:
        click.echo(f'\nNext: botconvo train "{person.name}"')
        return
    from botconvo.training.persona_table import persona_table

    for checkpoint in checkpoints:
        click.echo(f"\nFor config.toml:\n\n{persona_table(person.name, checkpoint.as_posix())}")


def _say_record(record: "ConsentRecord") -> None:
    dates = [f"since {record.since:%Y-%m-%d}"] if record.since else []
    dates += [f"before {record.until:%Y-%m-%d}"] if record.until else []
    expires = f", expires {record.expires_at:%Y-%m-%d}" if record.expires_at else ""
    ended = f", withdrawn {record.withdrawn_at:%Y-%m-%d}" if record.withdrawn_at else ""
    who = "an invented character" if record.fictional else "an adult"
    for label, value in (
        ("record", f"{record.id}, granted {record.granted_at:%Y-%m-%d}{expires}{ended}"),
        ("who", who),
        ("sources", ", ".join(record.sources) or "none"),
        ("channels", ", ".join(record.channels) if record.channels else "all"),
        ("dates", " ".join(dates) or "all"),
        ("platforms", ", ".join(record.platforms) if record.platforms else "all"),
        ("audience", record.audience),
        ("processors", ", ".join(record.processors)),
        ("statement", record.statement or "none"),
        ("checkpoints", ", ".join(digest[:16] for digest in record.checkpoints) or "none"),
    ):
        click.echo(f"  {label:11}  {value}")


def _channel(typed: str) -> "ChannelId":
    """A bare number is a Discord channel."""
    from botconvo.messages import ChannelId

    return ChannelId(f"discord:{typed}" if typed.isdigit() else typed)
