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
    "--audience",
    "audience",
    multiple=True,
    metavar="anyone|clones|ID|role:ID",
    help="Who may talk to the clone; may be repeated: a Discord account's number, role:NUMBER, or "
    "clones for other clones alone. Default: anyone. You always can, on your own screen.",
)
@click.option(
    "--game",
    is_flag=True,
    help="Lines of theirs may be shown in the blind game, to whoever may talk to the clone.",
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
    audience: tuple[str, ...],
    channels: tuple[str, ...],
    processors: tuple[str, ...],
    game: bool,
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

    from botconvo.agreed import audience_of
    from botconvo.consent import Terms
    from botconvo.granting import grant
    from botconvo.messages import AuthorId
    from botconvo.policies import POLICIES

    terms = Terms(
        adult=adult,
        fictional=fictional,
        channels=tuple(map(_channel, channels)) or None,
        since=at_midnight(since),
        until=None if until is None else at_midnight(until + timedelta(days=1)),
        platforms=platforms or None,
        audience=audience_of(audience),
        processors=processors,
        game=game,
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

    from botconvo.agreed import reminder, rows
    from botconvo.consent import latest_record
    from botconvo.granting import find_person
    from botconvo.people_list import consent_state

    now = datetime.now(UTC)

    with open_store(project) as store:
        people, ledger = store.people(), store.ledger()
    if name is not None:
        people = (find_person(people, name),)
    if not people:
        click.echo("Nobody has a consent record yet.")
    for person in people:
        record = latest_record(ledger, person.id)
        click.echo(f"{person.name} ({person.id}): {consent_state(record, now)}")
        for label, value in () if record is None else rows(record):
            click.echo(f"  {label:11}  {value}")
        if (said := reminder(person.name, record, now)) is not None:
            click.echo(said)


@command.command("withdraw")
@click.argument("name")
@project_option
def withdraw(name: str, project: Path) -> None:
    """End NAME's consent and remove what was taken from them."""
    from datetime import UTC

    from botconvo.leaving import leave
    from model_server.checkpoint.opening import user_cache

    with open_store(project) as store:
        left = leave(store, name, datetime.now(UTC), [user_cache(os.environ)])
    person, rows = left.person, left.rows
    click.echo(f"{person.name} has withdrawn; {rows} messages were removed from the store.")
    if left.converted:
        click.echo(f"{left.converted} checkpoints that were converted from theirs were deleted.")
    for out in left.packs:
        click.echo(
            f"{out.archive} holds words of theirs too, packed for {out.pack.processor!r}; delete "
            "it here and there, and what came of it."
        )
    click.echo("No clone of theirs gets to post from now on; delete its checkpoint's folder too.")


@command.command("export")
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A zip (NAME.zip), or a new folder. Default: what-is-held-of-them.zip.",
)
@click.option("--force", is_flag=True, help="Replace what is there.")
@project_option
def export(name: str, out: Path | None, force: bool, project: Path) -> None:
    """Write everything that is held of NAME, for NAME: JSON and a summary, nobody else's words.

    It is theirs: hand it over, and delete it here.
    """
    from datetime import UTC

    from botconvo.forgetting import Project
    from botconvo.holdings import holding, keep_in_mind, write_holding

    path = out or Path("what-is-held-of-them.zip")
    open_store(project).close()  # says what is wrong with it
    held = holding(Project.at(project), name, datetime.now(UTC))
    keep_in_mind(Project.at(project), held, write_holding(held, path, force=force))
    click.echo(f"{path}: all that is held of {held.name}, {held.messages} messages among it.")
    click.echo("It is for them alone: hand it over, and delete it here.")


@command.command("verify-ledger")
@click.option(
    "--head",
    "noted",
    metavar="DIGEST",
    help="The last digest as you noted it earlier: it has to be in the ledger still.",
)
@project_option
def verify_ledger(noted: str | None, project: Path) -> None:
    """Check that nobody edited the record of who agreed.

    Whoever cuts entries off at the end, or writes all of it anew, is found by a digest that you
    noted elsewhere (--head).
    """
    from botconvo.consent import START, head, verify
    from botconvo.errors import ConsentError

    with open_store(project) as store:
        ledger, path = store.ledger(), store.path
    faults = verify(ledger)
    if faults:
        wrong = "; ".join(f"entry {fault.number} {fault.what}" for fault in faults[:5])
        raise ConsentError(f"{path}: the ledger does not hold: {wrong}; restore a copy of it")
    if noted is not None and noted not in {START, *(entry.digest for entry in ledger)}:
        raise ConsentError(
            f"{path}: the ledger has no entry with the digest {noted} any more: entries were cut "
            "off, or it was written anew; restore a copy of it"
        )
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


def _channel(typed: str) -> "ChannelId":
    """A bare number is a Discord channel."""
    from botconvo.messages import ChannelId

    return ChannelId(f"discord:{typed}" if typed.isdigit() else typed)
