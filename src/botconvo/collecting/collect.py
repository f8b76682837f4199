"""Reads channels page by page into the store: what is new, and what was asked for and is missing.

A page and the note how far it reaches are one transaction: whatever ends the program, the next run
goes on where this one was.  Knows nothing of how pages come from Discord.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import discord
from discord.utils import time_snowflake

from botconvo.collecting.rows import row_of
from botconvo.consent import ConsentRecord
from botconvo.importers.discord import channel_id
from botconvo.messages import AuthorId, ChannelId
from botconvo.platforms.discord.history import PAGE, ChannelClosed, Readable
from botconvo.store import Kinds, Span, Store
from botconvo.taking import Accounting, drop_without_consent, take_rows

__all__ = ["ChannelTaken", "Collecting", "Progress", "collect"]

Progress = Callable[[str, int, float, int], None]
"""Told the channel's name, how many are done, which part of this one is, and messages read."""


class Pages(Protocol):
    """Where messages come from: ``platforms.discord.history.History``."""

    async def after(self, place: Readable, number: int) -> list[discord.Message]: ...
    async def before(self, place: Readable, number: int) -> list[discord.Message]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelTaken:
    """What became of one channel; ``closed`` says why it could not be read to its end."""

    name: str
    accounting: Accounting
    closed: str | None = None


@dataclass(slots=True, kw_only=True)
class Collecting:
    """What is collected, filled while it is; so it is known also where something ends it."""

    channels: list[ChannelTaken] = field(default_factory=list)
    interrupted: bool = False

    @property
    def total(self) -> Accounting:
        """All channels together."""
        total = Accounting()
        for channel in self.channels:
            total.add(channel.accounting)
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What every channel needs to be read."""

    store: Store
    pages: Pages
    clock: Callable[[], datetime]
    start: int
    """The first number that is wanted."""
    stop: Callable[[], bool]
    kinds: Kinds = field(default_factory=dict)


async def collect(
    store: Store,
    pages: Pages,
    places: Sequence[Readable],
    clock: Callable[[], datetime],
    collecting: Collecting,
    *,
    since: datetime | None = None,
    again: bool = False,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Read what is new in these places, and fill ``collecting`` with the account of it.

    A channel is read from ``since`` on, and without a gap behind what was read before.  Where
    somebody agreed to something else since, and with ``again`` everywhere, it is read once more.
    When ``stop`` says so, the rest is left for the next time.

    Raises:
        PlatformError: Discord cannot be reached any more; what was read is stored.
        StoreError: the store cannot be written; what was read before is stored.
    """
    drop_without_consent(store, clock())
    start = 0 if since is None else time_snowflake(since)
    job = _Job(store=store, pages=pages, clock=clock, start=start, stop=stop)
    read = 0
    for done, place in enumerate(places):
        accounting = Accounting()

        def told(part: float, *, place: Readable = place, done: int = done) -> None:
            if progress is not None:
                progress(place.name, done, part, read + accounting.read)  # noqa: B023

        told(0.0)
        taken = ChannelTaken(name=place.name, accounting=accounting)
        collecting.channels.append(taken)
        try:
            await _channel(job, place, accounting, told, again=again)
        except ChannelClosed as closed:
            collecting.channels[-1] = ChannelTaken(
                name=place.name, accounting=accounting, closed=str(closed)
            )
        read += accounting.read
        if stop():
            collecting.interrupted = True
            return


async def _channel(
    job: _Job,
    place: Readable,
    accounting: Accounting,
    told: Callable[[float], None],
    *,
    again: bool,
) -> None:
    channel = channel_id(str(place.id))
    span = job.store.collected(channel)
    if span is not None and (again or _agreed_since(job, channel)):
        job.store.forget_collected(channel)
        span = None
    if span is not None and job.start < span.oldest:
        await _backward(job, place, channel, span, accounting)
    oldest = job.start if span is None else span.oldest
    newest = max(job.start - 1, 0) if span is None else span.newest
    first = max(newest, place.id)
    while place.last > newest and not job.stop():
        page = await job.pages.after(place, newest)
        if not page:
            return
        newest = page[-1].id
        _take(job, channel, page, Span(oldest=oldest, newest=newest), accounting)
        told((newest - first) / max(place.last - first, 1))
        if len(page) < PAGE:
            return


async def _backward(
    job: _Job, place: Readable, channel: ChannelId, span: Span, accounting: Accounting
) -> None:
    """Down to where it is wanted now, in front of what was read before."""
    oldest = span.oldest
    while oldest > job.start and not job.stop():
        page = await job.pages.before(place, oldest)
        wanted = [message for message in page if message.id >= job.start]
        ended = len(page) < PAGE or len(wanted) < len(page)
        oldest = job.start if ended else wanted[-1].id
        known = Span(oldest=oldest, newest=span.newest)
        _take(job, channel, wanted[::-1], known, accounting)


def _agreed_since(job: _Job, channel: ChannelId) -> bool:
    """Whether somebody who wrote there agreed to something else since it was read."""
    records = job.store.live_records(job.clock())
    under = job.store.collected_under(channel)
    return any(
        author in records and records[author].id != record for author, record in under.items()
    )


def _take(
    job: _Job,
    channel: ChannelId,
    page: Sequence[discord.Message],
    span: Span,
    accounting: Accounting,
) -> None:
    now = job.clock()
    # Asked for every page: whoever withdraws meanwhile is not taken any more.
    records: Mapping[AuthorId, ConsentRecord] = job.store.live_records(now)
    taken = Accounting()
    with job.store.add_page(channel, span, records, now, job.kinds) as adding:
        take_rows(map(row_of, page), adding, records, taken)
        adding.counts = {"read": taken.read, **taken.left_out}
    accounting.add(taken)
