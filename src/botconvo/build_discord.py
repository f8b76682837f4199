"""The part of the composition root that makes Discord: settings and tokens in, a platform out.

Imported only where Discord is asked for: discord.py takes its time to load.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr

from botconvo.config import (
    DiscordChannelSettings,
    DiscordSettings,
    Settings,
    token_variable,
)
from botconvo.errors import ConfigError, PlatformError
from botconvo.messages import ChannelId, Message
from botconvo.personas import PersonaName
from botconvo.platforms.discord.account import Account, Ears, intents, use_addresses
from botconvo.platforms.discord.checkup import Checked, check_discord
from botconvo.platforms.discord.commands import Preparation, prepare_with
from botconvo.platforms.discord.hearing import Parts
from botconvo.platforms.discord.ids import place_of
from botconvo.platforms.discord.permissions import token_trouble
from botconvo.platforms.discord.places import ChannelRules
from botconvo.platforms.discord.platform import DiscordCast, DiscordPlatform
from botconvo.platforms.discord.speech import AccountsSpeech, WebhookSpeech
from botconvo.platforms.discord.webhooks import Webhooks
from botconvo.ports import Controls, Desk, Game
from botconvo.store import Store

__all__ = [
    "TOKEN",
    "build_discord",
    "discord_reader",
    "discord_settings",
    "discord_tokens",
    "examine_discord",
    "take_up_discord",
]

logger = logging.getLogger(__name__)

TOKEN = "BOTCONVO_DISCORD_TOKEN"  # noqa: S105  (a name, and no secret)
_REMEMBERED = 100


def build_discord(
    settings: Settings,
    preset: str | None,
    store: Store | None,
    controls: Controls,
    desk: Desk,
    game: Game | None = None,
) -> DiscordPlatform:
    """Discord as configured; ``store`` is None for a run that takes up nothing.

    Raises:
        ConfigError: something that it needs is missing.
    """
    discord = discord_settings(settings)
    tokens = discord_tokens(settings, discord)
    rules = _all_rules(settings, discord, preset)
    names = [PersonaName(persona.name) for persona in settings.personas]
    commands = prepare_with(controls, desk, game)
    use_addresses(discord.api, discord.gateway)
    direct = discord.direct_messages

    def parts(ears: Ears) -> Parts:
        accounts = _accounts(ears, tokens, direct=direct, commands=commands)
        listener = next(iter(accounts.values()))
        if discord.identity == "accounts":
            owned = {name: accounts[token_variable(name)] for name in names}
            return Parts(
                listener=listener,
                owned=owned,
                speech=AccountsSpeech(owned),
                another=lambda variable, token: Account(
                    variable, token, ears, intents(hears=False, direct=direct)
                ),
            )
        webhooks = Webhooks(discord.api, _pictures(settings))
        return Parts(listener=listener, speech=WebhookSpeech(webhooks), webhooks=webhooks)

    def remembered(channel: ChannelId) -> Sequence[Message]:
        return () if store is None else store.recent_live(channel, _REMEMBERED)

    return DiscordPlatform(
        parts,
        rules=rules,
        direct_messages=direct,
        personas=names,
        remembered=remembered,
    )


def take_up_discord(platform: DiscordPlatform, begun: Settings, fresh: Settings) -> None:
    """Bring the personas and tokens of changed settings to a platform that is open.

    What else is said of Discord counts from the next start on.

    Raises:
        ConfigError: a token is missing, or cannot be a bot's.
    """
    before = discord_settings(begun)
    if fresh.platforms.discord != before:
        logger.warning(
            "[platforms.discord] differs from what this run began with; it counts from the next "
            "start on"
        )
    tokens = discord_tokens(fresh, before)
    for variable, token in tokens.items():
        if (trouble := token_trouble(token.get_secret_value())) is not None:
            raise ConfigError(f"{variable}: {trouble}")
    names = [PersonaName(persona.name) for persona in fresh.personas]
    owned = {name: token_variable(name) for name in names} if before.identity == "accounts" else {}
    platform.take_up(
        DiscordCast(personas=names, tokens=tokens, owned=owned, pictures=_pictures(fresh))
    )


def _pictures(settings: Settings) -> dict[PersonaName, Path | str]:
    return {PersonaName(each.name): each.avatar for each in settings.personas if each.avatar}


def examine_discord(settings: Settings) -> list[Checked]:
    """What a look at Discord finds; without channels it says which there are.

    Raises:
        ConfigError: there is no token to look with.
    """
    discord = settings.platforms.discord or DiscordSettings.model_construct()
    tokens = discord_tokens(settings, discord)
    rules = _all_rules(settings, discord, None)
    use_addresses(discord.api, discord.gateway)
    direct = discord.direct_messages
    return asyncio.run(check_discord(tokens, discord.identity, rules, direct=direct))


def discord_reader(settings: Settings) -> tuple[str, SecretStr]:
    """The token that listens and its variable's name, to read with where no channel is set.

    Raises:
        ConfigError: there is none.
    """
    discord = settings.platforms.discord or DiscordSettings.model_construct()
    use_addresses(discord.api, discord.gateway)
    return next(iter(discord_tokens(settings, discord).items()))


def discord_settings(settings: Settings) -> DiscordSettings:
    """
    Raises:
        ConfigError: there are none.
    """
    discord = settings.platforms.discord
    if discord is None:
        raise ConfigError(
            "config.toml has no [platforms.discord] table; add one with the channels to talk in "
            "(the README's section 'Discord' goes through it step by step)"
        )
    return discord


def discord_tokens(settings: Settings, discord: DiscordSettings) -> dict[str, SecretStr]:
    """The tokens by the names of their variables; the first one is whose account listens.

    Raises:
        ConfigError: one is missing, or a persona cannot be called so on Discord.
    """
    own = {TOKEN: settings.discord_token} if settings.discord_token else {}
    if discord.identity == "webhook":
        for persona in settings.personas:
            bad = [word for word in ("discord", "clyde") if word in persona.name.casefold()]
            if bad:
                raise ConfigError(
                    f"{persona.name}: Discord lets no webhook have {bad[0]!r} in its name; "
                    "give the persona another one, or take identity = 'accounts'"
                )
        return own or _missing(TOKEN)
    for persona in settings.personas:
        variable = token_variable(persona.name)
        if variable not in settings.discord_tokens:
            _missing(variable)
        if settings.discord_tokens[variable] in own.values():
            raise ConfigError(f"{variable}: another account has the same token; each needs its own")
        own[variable] = settings.discord_tokens[variable]
    return own or _missing(TOKEN)


def _missing(variable: str) -> dict[str, SecretStr]:
    raise ConfigError(
        f"{variable} is missing; copy the bot's token from the portal's page 'Bot' into a file "
        f"'.env' beside config.toml ({variable}=...)"
    )


def _all_rules(
    settings: Settings, discord: DiscordSettings, preset: str | None
) -> list[ChannelRules]:
    """Those of the channels to talk in and, where lines are approved, of the one for that.

    Raises:
        ConfigError: nobody could talk anywhere, or a value makes no sense.
    """
    office = _office(settings)
    talking = [_rules(each, settings, preset) for each in discord.channels]
    if office is None:
        return talking
    others = [rules for rules in talking if rules.id != office.id]
    if talking and not (others or discord.direct_messages):
        raise ConfigError(
            "platforms.discord.channels: the only channel is reins.approval_channel, in which "
            "clones do not talk; add another one"
        )
    return [*others, office]


def _office(settings: Settings) -> ChannelRules | None:
    """The channel in which lines are approved, if that is on Discord."""
    channel = settings.reins.approval_channel
    if channel is None or not channel.startswith("discord:"):
        return None
    with suppress(PlatformError):
        if not channel.startswith("discord:@me/"):
            return ChannelRules(id=place_of(ChannelId(channel)), office=ChannelId(channel))
    raise ConfigError(
        f"reins.approval_channel: {channel} is no channel of a server; write it as "
        "discord:SERVER/CHANNEL, with the numbers that Discord's 'Copy ID' gives"
    )


def _accounts(
    ears: Ears, tokens: Mapping[str, SecretStr], *, direct: bool, commands: Preparation
) -> dict[str, Account]:
    """An account for every token; the first one listens, and has the slash commands."""
    return {
        variable: Account(
            variable,
            token,
            ears,
            intents(hears=place == 0, direct=direct),
            prepare=commands if place == 0 else None,
        )
        for place, (variable, token) in enumerate(tokens.items())
    }


def _rules(channel: DiscordChannelSettings, settings: Settings, preset: str | None) -> ChannelRules:
    known = {persona.name for persona in settings.personas}
    unknown = sorted(set(channel.personas or ()) - known)
    if unknown:
        raise ConfigError(
            f"platforms.discord.channels: {channel.id}: there is no persona {unknown[0]!r}"
        )
    talk = settings.conversation
    personas = channel.personas
    return ChannelRules(
        id=channel.id,
        personas=None if personas is None else frozenset(map(PersonaName, personas)),
        listens_to=frozenset(channel.listens_to) - {channel.id},
        threads=channel.threads,
        manners=talk.manners(preset, channel.conversation) if channel.conversation else None,
    )
