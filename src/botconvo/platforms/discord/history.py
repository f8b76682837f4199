"""What stands in the channels that a bot may read, page by page, over REST alone.

discord.py's own client keeps to the rate limits and repeats what fails for a moment.  Nothing is
connected that anybody would see as being online.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import aiohttp
import discord
from discord.abc import GuildChannel, Messageable
from pydantic import SecretStr

from botconvo.errors import PlatformError
from botconvo.platforms.discord.account import INTENT_OFF, REFUSED, UNREACHABLE, told
from botconvo.platforms.discord.permissions import invite_link, lacking, token_trouble

__all__ = ["PAGE", "ChannelClosed", "History", "Readable", "Unread", "open_history"]

PAGE = 100
"""Messages that Discord gives at once."""
_TRIES_S = (0.5, 2.0, 5.0)
"""After each try that a broken connection ended; discord.py repeats other failures itself."""
_HAS_THREADS = (discord.TextChannel, discord.ForumChannel)
_AGAIN = "what was read so far is stored; run 'botconvo collect' again to go on"


class ChannelClosed(PlatformError):  # noqa: N818  (not everything that ends is an error)
    """One channel cannot be read any more; others can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readable:
    """A channel or thread with what is written in it."""

    name: str
    """Its server's name and its own, as people know it."""
    channel: discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread

    @property
    def id(self) -> int:
        return self.channel.id

    @property
    def last(self) -> int:
        """The number of the last message; 0 where there is none."""
        return self.channel.last_message_id or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Channels that are not read, and why."""

    names: tuple[str, ...]
    why: str


@asynccontextmanager
async def open_history(variable: str, token: SecretStr) -> AsyncIterator["History"]:
    """Log in with the token of ``variable``, and read.

    Raises:
        PlatformError: it is no bot's token, Discord cannot be reached, or does not let the bot
            see what people write.
    """
    if (trouble := token_trouble(token.get_secret_value())) is not None:
        raise PlatformError(f"{variable}: {trouble}")
    client = discord.Client(intents=discord.Intents(guilds=True), max_messages=None)
    async with client:
        try:
            await client.login(token.get_secret_value())
        except UNREACHABLE as error:
            raise PlatformError(f"{told(error, variable)}; nothing was read") from None
        flags = client.application_flags
        if client.user is None or not client.user.bot:
            raise PlatformError(f"{variable}: it is a user's token; Discord forbids to use it")
        if not (flags.gateway_message_content or flags.gateway_message_content_limited):
            raise PlatformError(INTENT_OFF)
        yield History(client, client.user, variable)


class History:
    """Reads as a bot that is logged in."""

    def __init__(self, client: discord.Client, bot: discord.ClientUser, variable: str) -> None:
        self._client, self._bot, self._variable = client, bot, variable

    async def readable(
        self, servers: Collection[int], channels: Collection[int]
    ) -> tuple[list[Readable], list[Unread]]:
        """What the bot may read in these servers and channels; in all of them if none is named.

        A channel stands for its threads too, a category for its channels.

        Raises:
            PlatformError: Discord cannot be reached, or there is nothing of the kind.
        """
        try:
            named, missing = await self._named(channels)
            mine = {guild.id: guild async for guild in self._client.fetch_guilds(limit=None)}
            within = {channel.guild.id for channel in named}
            wanted = within | set(servers) if servers or channels else set(mine)
            found: list[Readable] = []
            for number in sorted(wanted & mine.keys()):
                guild = await self._client.fetch_guild(number, with_counts=False)
                only = None if number in servers or not channels else set(channels)
                places, unread = await self._of_guild(guild, only, named)
                found += places
                missing += unread
        except UNREACHABLE as error:
            raise self._ended(error) from None
        missing += [
            Unread(names=(f"server {number}",), why=f"{self._bot.name} is not in it; {self._link}")
            for number in sorted(set(servers) - mine.keys())
        ]
        if not mine:
            raise PlatformError(f"{self._bot.name} is in no server; {self._link}")
        return found, missing

    async def after(self, place: Readable, number: int) -> list[discord.Message]:
        """The messages behind a number, oldest first; a ``PAGE`` of them at most.

        Raises:
            ChannelClosed: it was deleted, or is closed to the bot now.
            PlatformError: Discord cannot be reached.
        """
        return await self._page(place, discord.Object(number), None)

    async def before(self, place: Readable, number: int) -> list[discord.Message]:
        """The messages in front of a number, newest first; a ``PAGE`` of them at most.

        Raises:
            ChannelClosed, PlatformError: see ``after``.
        """
        return await self._page(place, None, discord.Object(number))

    async def _page(
        self, place: Readable, after: discord.Object | None, before: discord.Object | None
    ) -> list[discord.Message]:
        try:
            for pause in _TRIES_S:
                with suppress(aiohttp.ClientError, OSError):
                    return await self._once(place, after, before)
                await asyncio.sleep(pause)
            return await self._once(place, after, before)
        except discord.NotFound:
            raise ChannelClosed(f"{place.name} was deleted meanwhile") from None
        except discord.Forbidden:
            raise ChannelClosed(f"{place.name}: {self._bot.name} may not read it") from None
        except UNREACHABLE as error:
            raise self._ended(error) from None

    async def _once(
        self, place: Readable, after: discord.Object | None, before: discord.Object | None
    ) -> list[discord.Message]:
        pages = place.channel.history(limit=PAGE, after=after, before=before)
        return [message async for message in pages]

    async def _named(
        self, channels: Collection[int]
    ) -> tuple[list[GuildChannel | discord.Thread], list[Unread]]:
        found: list[GuildChannel | discord.Thread] = []
        missing: list[Unread] = []
        for number in channels:
            try:
                channel = await self._client.fetch_channel(number)
            except (discord.NotFound, discord.Forbidden):
                why = f"there is no such channel, or {self._bot.name} may not see it"
                missing.append(Unread(names=(f"channel {number}",), why=why))
                continue
            if isinstance(channel, GuildChannel | discord.Thread):
                found.append(channel)
            else:
                why = "direct messages are not collected"
                missing.append(Unread(names=(f"channel {number}",), why=why))
        return found, missing

    async def _of_guild(
        self,
        guild: discord.Guild,
        only: set[int] | None,
        named: Sequence[GuildChannel | discord.Thread],
    ) -> tuple[list[Readable], list[Unread]]:
        me = await guild.fetch_member(self._bot.id)
        threads = {thread.id: thread for thread in await guild.active_threads()}
        threads |= {each.id: each for each in named if isinstance(each, discord.Thread)}
        found: list[Readable] = []
        closed: dict[str, list[str]] = {}
        for channel in await guild.fetch_channels():
            whole = only is None or bool({channel.id, channel.category_id} & only)
            mine = [each for each in threads.values() if each.parent_id == channel.id]
            inside = [each for each in mine if only is None or whole or each.id in only]
            if isinstance(channel, discord.CategoryChannel) or not (whole or inside):
                continue
            name = f"{guild.name} #{channel.name}"
            if lacks := _lacks(channel, me):
                closed.setdefault(lacks, []).append(name)
                continue
            if whole and isinstance(channel, Messageable):
                found.append(Readable(name=name, channel=channel))
            if whole and isinstance(channel, _HAS_THREADS):
                inside += [t for t in await _archived(channel) if t.id not in threads]
            found += [Readable(name=f"{name} > {each.name}", channel=each) for each in inside]
        return found, [
            Unread(names=tuple(names), why=f"{self._bot.name} lacks {lacks} there")
            for lacks, names in closed.items()
        ]

    @property
    def _link(self) -> str:
        number = self._client.application_id or self._bot.id
        return f"invite it with {invite_link(number, 'webhook')}"

    def _ended(self, error: BaseException) -> PlatformError:
        if isinstance(error, discord.HTTPException) and error.status == REFUSED:
            error = discord.LoginFailure()  # the token was reset while it was read with
        return PlatformError(f"{told(error, self._variable)}; {_AGAIN}")


def _lacks(channel: GuildChannel, me: discord.Member) -> str:
    """What the bot needs to read a channel and does not have, in Discord's words."""
    needed: tuple[str, ...] = ("view_channel", "read_message_history")
    if isinstance(channel, discord.VoiceChannel | discord.StageChannel):
        needed += ("connect",)
    return " and ".join(lacking(channel.permissions_for(me), needed))


async def _archived(channel: discord.TextChannel | discord.ForumChannel) -> list[discord.Thread]:
    return [thread async for thread in channel.archived_threads(limit=None)]
