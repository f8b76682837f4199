"""Discord as a platform: events of its channels in, acts of personas out."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import discord
from pydantic import SecretStr

from botconvo.conversation.events import Event
from botconvo.conversation.orders import Act
from botconvo.errors import PlatformError
from botconvo.messages import ChannelId, Message, MessageId
from botconvo.personas import PersonaName
from botconvo.platforms.discord.account import UNREACHABLE, Account, Ears, Patience
from botconvo.platforms.discord.beside import Beside
from botconvo.platforms.discord.hearing import Hearing, Parts
from botconvo.platforms.discord.ids import place_of
from botconvo.platforms.discord.places import ChannelRules
from botconvo.platforms.discord.posting import Posting
from botconvo.platforms.discord.text import LIMIT
from botconvo.ports import Limits

__all__ = ["DiscordCast", "DiscordPlatform"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordCast:
    """Who talks, as a change of the settings has it.

    ``tokens`` stand by the names of their variables, ``owned`` are the variables of personas with
    accounts of their own, ``pictures`` are files or https addresses.
    """

    personas: Collection[PersonaName]
    tokens: Mapping[str, SecretStr]
    owned: Mapping[PersonaName, str] = field(default_factory=dict)
    pictures: Mapping[PersonaName, Path | str] = field(default_factory=dict)


_GONE = ChannelRules(id=0)
"""Those of a channel that was deleted just now: its talk will hear of that in a moment."""


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
        self._staying: dict[Account, asyncio.Task[None]] = {}
        self._leaving: set[Account] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

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
            self._staying[account] = self._beside.start(account.stay())
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop = None
        self._hearing.close()
        await self._beside.stop()
        await self._close()
        self._inbox.put_nowait(None)

    async def _close(self) -> None:
        for account in (*self._hearing.accounts(), *self._leaving):
            await account.close()
        if self._hearing.parts.webhooks is not None:
            await self._hearing.parts.webhooks.close()

    def take_up(self, cast: DiscordCast) -> None:
        """Go on with these personas and tokens; may be called from any thread.

        An account whose token has changed connects anew, a persona's new account connects, and
        that of somebody who has left is logged out.
        """
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._change, cast)

    def _change(self, cast: DiscordCast) -> None:
        if self._loop is None:  # it was closed meanwhile
            return
        parts = self._hearing.parts
        self._hearing.personas.update(cast.personas)
        if parts.webhooks is not None:
            parts.webhooks.change_pictures(cast.pictures)
        for account in self._hearing.accounts():
            if account.variable in cast.tokens:
                account.renew(cast.tokens[account.variable])
        for persona in parts.owned.keys() - cast.owned.keys():
            self._dismiss(parts.owned.pop(persona))
        for persona in cast.owned.keys() - parts.owned.keys():
            variable = cast.owned[persona]
            parts.owned[persona] = self._engage(variable, cast.tokens[variable])

    def _dismiss(self, account: Account) -> None:
        if account is self._hearing.parts.listener:
            logger.info("%s: its account stays, because it hears for all", account.variable)
            return
        self._hearing.dismissed(account)
        self._leaving.add(account)
        self._beside.start(self._log_out(account, self._staying.pop(account)))

    async def _log_out(self, account: Account, staying: asyncio.Task[None]) -> None:
        staying.cancel()
        await asyncio.wait({staying})
        await account.close()
        self._leaving.discard(account)

    def _engage(self, variable: str, token: SecretStr) -> Account:
        parts = self._hearing.parts
        if parts.listener.variable == variable:
            return parts.listener
        assert parts.another is not None
        account = parts.another(variable, token)
        self._staying[account] = self._beside.start(account.stay())
        return account

    async def events(self) -> AsyncIterator[tuple[ChannelId, Event]]:
        """What happens, until the platform is closed."""
        while (item := await self._inbox.get()) is not None:
            yield item
            if self._inbox.empty():
                self._hearing.take_up_missed()
        if self._beside.failure is not None:
            raise self._beside.failure

    def limits(self, channel: ChannelId) -> Limits:
        place = self._hearing.place(place_of(channel))
        rules = place.rules if place is not None else _GONE
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

    async def notify(self, channel: ChannelId, text: str, draft: str = "") -> Message | None:
        """See ``Posting.notify``."""
        return await self._posting.notify(channel, text, draft)

    async def delete(self, channel: ChannelId, message: MessageId) -> None:
        """See ``Posting.delete``."""
        await self._posting.delete(channel, message)
