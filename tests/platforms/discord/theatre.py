"""A rehearsed Discord with the platform on it, and what the platform reports of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from botconvo.conversation.events import Event, Heard, Hindered, Opened
from botconvo.conversation.orders import Act, React, Say
from botconvo.messages import ChannelId, Message, MessageId
from botconvo.personas import PersonaName
from botconvo.platforms.discord.account import Account, Ears, Patience, intents, use_addresses
from botconvo.platforms.discord.commands import Preparation
from botconvo.platforms.discord.hearing import Parts
from botconvo.platforms.discord.ids import channel_id, message_id
from botconvo.platforms.discord.places import ChannelRules
from botconvo.platforms.discord.platform import DiscordCast, DiscordPlatform
from botconvo.platforms.discord.speech import AccountsSpeech, WebhookSpeech
from botconvo.platforms.discord.webhooks import Webhooks
from botconvo.rehearsal import NO_LIMITS, Application, Channel, Guild, Person, Rehearsal

__all__ = [
    "HASTY",
    "JUNO",
    "MAREK",
    "QUICK",
    "House",
    "Theatre",
    "a_cast",
    "a_house",
    "a_platform",
    "playing",
    "talk_in",
    "token_name",
]

JUNO, MAREK = PersonaName("Juno"), PersonaName("Marek")
QUICK = Patience(
    request_s=8.0,
    answer_s=8.0,
    echo_s=0.3,
    retry_s=(0.05, 0.2),
    lost_s=5.0,
    read_tries_s=(0.05, 0.1),
    read_again_s=0.2,
    forbidden_s=0.3,
)
HASTY = replace(QUICK, answer_s=0.5)
"""For answers that never come."""
LONG_S = 20.0
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class House:
    """A server with a channel, a person and a bot."""

    discord: Rehearsal
    kettle: Guild
    general: Channel
    bort: Person
    bot: Application


@dataclass(slots=True, kw_only=True)
class Theatre:
    """A platform that is open; ``happened`` keeps what it reported."""

    house: House
    platform: DiscordPlatform
    happened: list[tuple[ChannelId, Event]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        async for channel, event in self.platform.events():
            self.happened.append((channel, event))
            self._changed.set()

    def of(self, kind: type[T], channel: Channel | None = None) -> list[T]:
        """Events of a kind, in one channel."""
        where = talk_in(channel or self.house.general)
        return [event for talk, event in self.happened if talk == where and isinstance(event, kind)]

    def words(self, channel: Channel | None = None) -> list[str]:
        """What was heard there."""
        return [heard.message.text for heard in self.of(Heard, channel)]

    def hindrance(self, channel: Channel | None = None) -> str | None:
        told = self.of(Hindered, channel)
        return told[-1].reason if told else None

    async def until(self, look: Callable[[], T], what: str = "what was waited for") -> T:
        """Come back once ``look`` gives something true; it is asked after every event."""
        try:
            async with asyncio.timeout(LONG_S):
                while not (found := look()):
                    self._changed.clear()
                    await self._changed.wait()
                return found
        except TimeoutError:
            raise AssertionError(f"{what} did not happen: {self.happened}") from None

    async def hears(self, text: str, channel: Channel | None = None) -> Message:
        """Come back once this was heard."""
        await self.until(lambda: text in self.words(channel), f"hearing {text!r}")
        return next(h.message for h in self.of(Heard, channel) if h.message.text == text)

    async def is_free(self, channel: Channel | None = None) -> None:
        """Come back once the channel is open and nothing hinders it."""
        await self.until(
            lambda: self.of(Opened, channel) and self.hindrance(channel) is None,
            "a channel without hindrance",
        )

    async def says(
        self,
        text: str,
        *,
        by: PersonaName = JUNO,
        channel: Channel | None = None,
        reply_to: MessageId | None = None,
        nonce: str = "n-1",
    ) -> Message | None:
        act = Say(text=text, reply_to=reply_to)
        return await self.posts(act, by=by, channel=channel, nonce=nonce)

    async def reacts(self, emoji: str, message: MessageId, by: PersonaName = JUNO) -> None:
        assert await self.posts(React(emoji=emoji, message=message), by=by) is None

    async def posts(
        self,
        act: Act,
        *,
        by: PersonaName = JUNO,
        channel: Channel | None = None,
        nonce: str = "n-1",
    ) -> Message | None:
        where = talk_in(channel or self.house.general)
        return await self.platform.post(where, by, act, nonce)


def talk_in(channel: Channel) -> ChannelId:
    return channel_id(None if channel.guild is None else channel.guild.id, channel.id)


def id_of(message: Any) -> MessageId:
    """The qualified id of a message of the rehearsal."""
    return message_id(message.channel.id, message.id)


@asynccontextmanager
async def a_house(**options: Any) -> AsyncIterator[House]:
    """A rehearsal with a server, a channel, a person and a bot in it."""
    async with Rehearsal(limits=options.pop("limits", NO_LIMITS)) as discord:
        kettle = discord.add_guild("The Leaky Kettle")
        yield House(
            discord=discord,
            kettle=kettle,
            general=discord.add_channel(kettle, "general"),
            bort=discord.add_person("Bort", kettle),
            bot=discord.add_bot("BotConvo", kettle, **options),
        )


def token_name(persona: PersonaName) -> str:
    """The variable with the token of a persona's own account."""
    return f"TOKEN_{persona}"


def a_cast(owned: Mapping[PersonaName, Application]) -> DiscordCast:
    """These personas, with the tokens that their bots have now."""
    return DiscordCast(
        personas=list(owned),
        tokens={token_name(name): SecretStr(bot.token) for name, bot in owned.items()},
        owned={name: token_name(name) for name in owned},
    )


def a_platform(
    house: House,
    *rules: ChannelRules,
    pictures: Mapping[PersonaName, Path | str] | None = None,
    owned: Mapping[PersonaName, Application] | None = None,
    token: str | None = None,
    direct: bool = False,
    remembered: Callable[[ChannelId], Sequence[Message]] = lambda _: (),
    patience: Patience = QUICK,
    prepare: Preparation | None = None,
) -> DiscordPlatform:
    """The platform in ``rules`` (else in the house's channel), not open yet."""
    discord = house.discord
    use_addresses(discord.api_base, discord.gateway_url)

    def parts(ears: Ears) -> Parts:
        def account(name: str, token: str, *, hears: bool) -> Account:
            wanted = intents(hears=hears, direct=direct)
            own = prepare if hears else None
            return Account(name, SecretStr(token), ears, wanted, patience=patience, prepare=own)

        if owned:
            accounts = {
                name: account(token_name(name), bot.token, hears=place == 0)
                for place, (name, bot) in enumerate(owned.items())
            }
            first = next(iter(accounts.values()))
            return Parts(
                listener=first,
                owned=accounts,
                speech=AccountsSpeech(accounts),
                another=lambda name, secret: account(name, secret.get_secret_value(), hears=False),
            )
        webhooks = Webhooks(discord.api_base, pictures or {}, patience)
        listener = account("TOKEN", token or house.bot.token, hears=True)
        return Parts(listener=listener, speech=WebhookSpeech(webhooks), webhooks=webhooks)

    return DiscordPlatform(
        parts,
        rules=rules or [ChannelRules(id=house.general.id)],
        direct_messages=direct,
        personas=[JUNO, MAREK],
        remembered=remembered,
        patience=patience,
    )


@asynccontextmanager
async def playing(
    house: House, *rules: ChannelRules, wait: bool = True, **options: Any
) -> AsyncIterator[Theatre]:
    """The platform, open and listened to; see ``a_platform``."""
    platform = a_platform(house, *rules, **options)
    async with platform:
        theatre = Theatre(house=house, platform=platform)
        listening = asyncio.create_task(theatre.listen())
        try:
            if wait:
                await theatre.is_free(_first(house, rules))
            yield theatre
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


def _first(house: House, rules: Sequence[ChannelRules]) -> Channel:
    if not rules:
        return house.general
    return next(c for c in house.discord.world.channels.values() if c.id == rules[0].id)
