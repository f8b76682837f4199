"""``botconvo collect``: read live Discord history, and keep the words of those who agreed."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from botconvo.cli.accounts import report_option, say_account, say_next, warn, write_report
from botconvo.cli.policies import acknowledge_options
from botconvo.cli.project import (
    DAY,
    at_midnight,
    channel_progress,
    open_store,
    project_option,
    stop_asked,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from botconvo.collecting import Collecting
    from botconvo.store import Store

__all__ = ["command"]

_MOST_NAMES = 12


@click.command("collect")
@click.option(
    "--server",
    "servers",
    type=click.IntRange(1),
    multiple=True,
    metavar="ID",
    help="Only this server; may be repeated. Default: all that the bot is in.",
)
@click.option(
    "--channel",
    "channels",
    type=click.IntRange(1),
    multiple=True,
    metavar="ID",
    help="Only this channel with its threads, this thread, or this category; may be repeated.",
)
@click.option("--since", type=DAY, metavar="DATE", help="Go back to this day only.")
@click.option(
    "--again",
    is_flag=True,
    help="Read everything once more: this finds what was edited since.",
)
@report_option
@acknowledge_options
@project_option
def command(
    servers: tuple[int, ...],
    channels: tuple[int, ...],
    since: datetime | None,
    again: bool,
    report: Path | None,
    acknowledged: tuple[str, ...],
    project: Path,
) -> None:
    """Read the history of the channels that your bot may read, with its own token.

    Words are kept only of people with a consent record, as with import. Ctrl-C at any time: the
    next run reads only what is new or missing.
    """
    import asyncio
    from datetime import UTC

    from botconvo.build_discord import discord_reader
    from botconvo.collecting import Collecting
    from botconvo.config import load_settings
    from botconvo.policies import DISCORD

    variable, token = discord_reader(load_settings(project / "config.toml", required=False))
    collecting = Collecting()

    async def read(store: "Store", stop: "Callable[[], bool]") -> None:
        from botconvo.collecting import collect
        from botconvo.errors import PlatformError
        from botconvo.platforms.discord.history import open_history

        async with open_history(variable, token) as history:
            places, unread = await history.readable(servers, channels)
            for each in unread:
                warn([f"not read: {_some(each.names)}: {each.why}"], "channels")
            if not places:
                raise PlatformError("there is no channel that the bot may read")
            with channel_progress(len(places)) as progress:
                await collect(
                    store,
                    history,
                    places,
                    lambda: datetime.now(UTC),
                    collecting,
                    since=at_midnight(since),
                    again=again,
                    progress=progress,
                    stop=stop,
                )

    with open_store(project, create=True) as store, stop_asked() as stop:
        for policy in acknowledged:
            store.acknowledge(policy, datetime.now(UTC))
        try:
            asyncio.run(read(store, stop))
        finally:
            _say(collecting)
            if report is not None:
                write_report(report, collecting.total)
        if collecting.interrupted:
            click.echo("\nInterrupted: what was read is stored. Repeat the command to go on.")
        else:
            say_next(store, collecting.total)
    if collecting.total.read:
        click.echo(f"\n{DISCORD.rule}")
    if collecting.interrupted:
        raise click.Abort


def _say(collecting: "Collecting") -> None:
    for channel in collecting.channels:
        if channel.accounting.read:
            say_account(channel.name, channel.accounting)
    quiet = sum(not each.accounting.read and not each.closed for each in collecting.channels)
    if quiet:
        click.echo(f"{quiet} {'channels' if quiet > 1 else 'channel'} with nothing new")
    warn([each.closed for each in collecting.channels if each.closed], "channels")


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
