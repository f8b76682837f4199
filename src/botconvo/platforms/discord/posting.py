"""Acts of personas on their way out: at most once each, whatever happens to the connection."""

import asyncio
import logging
from contextlib import suppress
from typing import assert_never
from uuid import uuid4

import discord

from botconvo.conversation.orders import Act, React, Say
from botconvo.errors import PlatformError
from botconvo.messages import Author, ChannelId, Message, MessageId, clone_author
from botconvo.personas import PersonaName
from botconvo.platforms.discord.account import UNREACHABLE, Patience
from botconvo.platforms.discord.hearing import Hearing
from botconvo.platforms.discord.ids import author_id, jump_link, message_id, message_numbers
from botconvo.platforms.discord.outcome import Forbidden, Uncertain, refusal
from botconvo.platforms.discord.places import Flight, Place
from botconvo.platforms.discord.speech import There, Words, send
from botconvo.platforms.discord.text import LIMIT, cut, fitted, named, plain, quote, units
from botconvo.platforms.discord.webhooks import Parent

__all__ = ["Posting"]

logger = logging.getLogger(__name__)

_LOOKED_AT = 25
_ANY = 2**63
"""Above every number of a message: one page is enough."""


class Posting:
    """Posts where ``hearing`` hears, so that the echo of a post is told from news."""

    def __init__(self, hearing: Hearing, patience: Patience) -> None:
        self._hearing, self._patience = hearing, patience
        parts = hearing.parts
        self._listener, self._owned = parts.listener, parts.owned
        self._speech, self._webhooks = parts.speech, parts.webhooks

    async def show_typing(self, channel: ChannelId, persona: PersonaName) -> None:
        place = self._hearing.talking(channel)
        account = self._speech.account(self._there(place), persona)
        try:
            async with asyncio.timeout(self._patience.typing_s):
                await account.client.get_partial_messageable(place.number).typing()
        except UNREACHABLE as error:
            raise PlatformError(f"{persona}: {error or 'Discord does not answer'}") from None

    async def post(
        self, channel: ChannelId, persona: PersonaName, act: Act, nonce: str
    ) -> Message | None:
        """See ``Platform.post``."""
        place = self._hearing.talking(channel)
        self._hearing.personas.add(persona)
        try:
            match act:
                case React():
                    await self._react(place, persona, act)
                    return None
                case Say():
                    return await self._say(place, persona, act, nonce)
                case _:
                    assert_never(act)
        except Forbidden as error:
            self._hearing.forbidden(place, str(error))
            raise

    async def notify(self, channel: ChannelId, text: str, draft: str = "") -> Message | None:
        """Say something as the bot itself; None where nobody can tell whether it is out.

        ``draft``: a model's words to show below, as they would be posted.

        Raises:
            PlatformError: it was not said.
        """
        place = self._hearing.talking(channel)
        account = self._there(place).account
        text = cut(text, LIMIT)
        if draft:
            text += "\n" + fitted(draft, LIMIT - units(text) - 1, self._emojis(place))
        try:
            number = await send(account, place.number, text, uuid4().hex)
        except Uncertain:
            return None
        user = account.client.user
        author = Author(id=author_id(account.id), name=user.name if user else "bot", kind="system")
        return _message(place, number, author, text)

    async def delete(self, channel: ChannelId, message: MessageId) -> None:
        """Take a message of ours out of the channel; one that has gone already is no error.

        Raises:
            PlatformError: it is still there.
        """
        place = self._hearing.talking(channel)
        there, (where, number) = self._there(place), message_numbers(message)
        try:
            async with asyncio.timeout(self._patience.request_s):
                partial = there.account.client.get_partial_messageable(where)
                raw = await partial.fetch_message(number)
                owner = self._hearing.owners().get(raw.author.id)
                if owner is not None:
                    client = self._owned[owner].client
                    await client.get_partial_messageable(where).get_partial_message(number).delete()
                elif raw.webhook_id is not None and there.parent and self._webhooks:
                    thread = where if there.thread else None
                    await self._webhooks.delete(there.parent, raw.webhook_id, number, thread)
                else:
                    await raw.delete()
        except discord.NotFound:
            return
        except UNREACHABLE as error:
            raise PlatformError(f"{message} was not deleted: {error or 'no answer'}") from None

    async def _react(self, place: Place, persona: PersonaName, act: React) -> None:
        channel, number = message_numbers(act.message)
        there = self._there(place)
        emoji = self._emojis(place).get(act.emoji.strip(":"), act.emoji)
        if emoji.startswith(":"):
            raise PlatformError(f"{persona}: there is no emoji {act.emoji} in this server")
        client = self._speech.account(there, persona).client
        try:
            async with asyncio.timeout(self._patience.request_s):
                message = client.get_partial_messageable(channel).get_partial_message(number)
                await message.add_reaction(emoji)
        except UNREACHABLE as error:
            failure = refusal(error, f"{persona}'s reaction")
            if isinstance(failure, PlatformError):  # once more would change nothing
                raise failure from None
        if (where := self._hearing.place(channel)) is not None:
            where.react(act.message, act.emoji, clone_author(persona))

    async def _say(
        self, place: Place, persona: PersonaName, say: Say, nonce: str
    ) -> Message | None:
        there = self._there(place)
        words = await self._words(place, persona, say)
        echo: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        flight = Flight(
            persona=persona,
            text=plain(words.text),
            seen=lambda message: None if echo.done() else echo.set_result(message),
        )
        place.flights.append(flight)
        try:
            number = await self._speech.say(there, persona, words, nonce)
        except (PlatformError, Uncertain) as error:
            found = await self._look(place, flight, echo, error)
            if found is None:
                return None
            number = message_numbers(found)[1]
        finally:
            place.flights.remove(flight)
        author = clone_author(persona)
        message = _message(place, number, author, flight.text, reply_to=say.reply_to)
        place.remember(message)
        return message

    async def _words(self, place: Place, persona: PersonaName, say: Say) -> Words:
        quotation, reply_to = "", None
        if say.reply_to is not None:
            where, number = message_numbers(say.reply_to)
            if not self._speech.quotes:
                reply_to = number if where == place.number else None
            elif (target := await self._find(say.reply_to)) is not None:
                quotation = quote(target.author.name, target.text, self._jump_link(target.id))
        room = LIMIT - units(quotation) - units(named(persona, ""))
        text = fitted(say.text, room, self._emojis(place))
        if not text:
            raise PlatformError(f"{persona}: nothing is left of what it would say")
        return Words(text=text, quotation=quotation, reply_to=reply_to)

    async def _look(
        self,
        place: Place,
        flight: Flight,
        echo: asyncio.Future[Message],
        error: PlatformError | Uncertain,
    ) -> MessageId | None:
        """Where the words are that may be out; None where nobody can tell.

        Raises:
            PlatformError: they are certainly not out.
        """
        if isinstance(error, PlatformError):
            if echo.done():
                return echo.result().id
            raise error
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience.echo_s):
                return (await echo).id
        try:
            recent = await self._hearing.recent(place, until=_ANY, limit=_LOOKED_AT)
        except UNREACHABLE as failure:
            logger.warning("whether %s's words are out cannot be told: %s", flight.persona, failure)
            return None
        for message in reversed(recent.messages):
            same = (message.author.name, message.text) == (flight.persona, flight.text)
            if same and message.author.kind == "clone" and message.id not in place.known:
                return message.id
        raise PlatformError(f"{flight.persona}: not posted: {error}")

    async def _find(self, message: MessageId) -> Message | None:
        where, number = message_numbers(message)
        place = self._hearing.place(where)
        if place is None or (known := place.known.get(message)) is not None:
            return known if place is not None else None
        client = self._hearing.account_of(where).client
        try:
            async with asyncio.timeout(self._patience.request_s):
                raw = await client.get_partial_messageable(where).fetch_message(number)
        except UNREACHABLE:
            return None
        return self._hearing.read(raw, place)

    def _jump_link(self, message: MessageId) -> str:
        channel = self._listener.client.get_channel(message_numbers(message)[0])
        guild = getattr(channel, "guild", None)
        return jump_link(None if guild is None else guild.id, message)

    def _emojis(self, place: Place) -> dict[str, str]:
        channel = self._listener.client.get_channel(place.number)
        guild = getattr(channel, "guild", None)
        return {} if guild is None else {e.name: str(e) for e in guild.emojis if e.available}

    def _there(self, place: Place) -> There:
        """
        Raises:
            PlatformError: the account does not see it at present.
        """
        account = self._hearing.account_of(place.number)
        if self._hearing.is_direct(place):
            return There(place=place.number, parent=None, thread=False, account=account)
        channel = self._listener.client.get_channel(place.number)
        if channel is None:
            raise PlatformError(
                f"channel {place.number} cannot be seen: {self._hearing.trouble or 'gone'}"
            )
        thread = isinstance(channel, discord.Thread)
        parent = channel.parent if isinstance(channel, discord.Thread) else channel
        return There(
            place=place.number,
            parent=parent if isinstance(parent, Parent) else None,
            thread=thread,
            account=account,
        )


def _message(
    place: Place, number: int, author: Author, text: str, reply_to: MessageId | None = None
) -> Message:
    assert place.talk is not None
    return Message(
        id=message_id(place.number, number),
        channel=place.talk,
        author=author,
        text=text,
        at=discord.utils.snowflake_time(number),
        reply_to=reply_to,
    )
