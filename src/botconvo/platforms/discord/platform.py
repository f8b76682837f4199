"""Discord as a platform: events of its channels in, acts of personas out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from types import TracebackType
from typing import Self

import discord

from botconvo.conversation.events import Event
from botconvo.conversation.orders import Act
from botconvo.errors import PlatformError
from botconvo.messages import ChannelId, Message, MessageId
from botconvo.personas import PersonaName
from botconvo.platforms.discord.account import UNREACHABLE, Ears, Patience
from botconvo.platforms.discord.beside import Beside
from botconvo.platforms.discord.hearing import Hearing, Parts
from botconvo.platforms.discord.places import ChannelRules
from botconvo.platforms.discord.posting import Posting
from botconvo.platforms.discord.text import LIMIT
from botconvo.ports import Limits

__all__ = ["DiscordPlatform"]


class DiscordPlatform:
    """Talks in the channels that ``rules`` name; see ``Hearing`` for the arguments."""

    def __init__(
        self,
        parts: Callable[[Ears], Parts],
        *,
        rules: Sequence[ChannelRules],
        direct_messages: bool = False,
        personas: Collection[PersonaName] = (),
        remembered: Callable[[ChannelId], Sequence[Message]] = lambda _: (),
        patience: Patience | None = None,
    ) -> None:
        patience = patience or Patience()
        self._inbox: asyncio.Queue[tuple[ChannelId, Event] | None] = asyncio.Queue()
        self._beside = Beside(lambda: self._inbox.put_nowait(None))
        self._hearing = Hearing(
            parts,
            self._inbox,
            self._beside,
            rules=rules,
            direct_messages=direct_messages,
            personas=personas,
            remembered=remembered,
            patience=patience,
        )
        self._posting = Posting(self._hearing, patience)

    @property
    def name(self) -> str:
        return "discord"

    async def __aenter__(self) -> Self:
        try:
            for account in self._hearing.accounts():
                await account.open()
        except BaseException:
            await self._close()
            raise
        for account in self._hearing.accounts():
            self._beside.start(account.stay())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hearing.close()
        await self._beside.stop()
        await self._close()
        self._inbox.put_nowait(None)

    async def _close(self) -> None:
        for account in self._hearing.accounts():
            await account.close()
        if self._hearing.parts.webhooks is not None:
            await self._hearing.parts.webhooks.close()

    async def events(self) -> AsyncIterator[tuple[ChannelId, Event]]:
        """What happens, until the platform is closed."""
        while (item := await self._inbox.get()) is not None:
            yield item
            if self._inbox.empty():
                self._hearing.take_up_missed()
        if self._beside.failure is not None:
            raise self._beside.failure

    def limits(self, channel: ChannelId) -> Limits:
        rules = self._hearing.talking(channel).rules
        return Limits(
            characters=LIMIT,
            reactions=True,
            replies=True,
            people=True,
            commands=True,
            manners=rules.manners,
            personas=rules.personas,
        )

    async def show_typing(self, channel: ChannelId, persona: PersonaName) -> None:
        await self._posting.show_typing(channel, persona)

    async def show_presence(self, persona: PersonaName, *, away: bool) -> None:
        """Show whether a persona is there, where it has an account of its own."""
        account = self._hearing.parts.owned.get(persona)
        if account is not None:
            status = discord.Status.invisible if away else discord.Status.online
            try:
                await account.show(status)
            except UNREACHABLE as error:  # the connection has just gone
                raise PlatformError(f"{persona}: its presence is not shown: {error}") from None

    async def post(
        self, channel: ChannelId, persona: PersonaName, act: Act, nonce: str
    ) -> Message | None:
        """See ``Platform.post``."""
        return await self._posting.post(channel, persona, act, nonce)

    async def notify(self, channel: ChannelId, text: str) -> Message | None:
        """See ``Posting.notify``."""
        return await self._posting.notify(channel, text)

    async def delete(self, channel: ChannelId, message: MessageId) -> None:
        """See ``Posting.delete``."""
        await self._posting.delete(channel, message)
