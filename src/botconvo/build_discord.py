"""The part of the composition root that makes Discord: settings and tokens in, a platform out.

Imported only where Discord is asked for: discord.py takes its time to load.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from pydantic import SecretStr

from botconvo.config import (
    DiscordChannelSettings,
    DiscordSettings,
    Settings,
    token_variable,
)
from botconvo.errors import ConfigError
from botconvo.messages import ChannelId, Message
from botconvo.personas import PersonaName
from botconvo.platforms.discord.account import Account, Ears, intents, use_addresses
from botconvo.platforms.discord.checkup import Checked, check_discord
from botconvo.platforms.discord.commands import Preparation, prepare_with
from botconvo.platforms.discord.hearing import Parts
from botconvo.platforms.discord.places import ChannelRules
from botconvo.platforms.discord.platform import DiscordPlatform
from botconvo.platforms.discord.speech import AccountsSpeech, WebhookSpeech
from botconvo.platforms.discord.webhooks import Webhooks
from botconvo.ports import Controls
from botconvo.store import Store

__all__ = [
    "TOKEN",
    "build_discord",
    "check_approvals",
    "discord_settings",
    "discord_tokens",
    "examine_discord",
]

TOKEN = "BOTCONVO_DISCORD_TOKEN"  # noqa: S105  (a name, and no secret)
_REMEMBERED = 100


def build_discord(
    settings: Settings, preset: str | None, store: Store | None, controls: Controls
) -> DiscordPlatform:
    """Discord as configured; ``store`` is None for a run that takes up nothing.

    Raises:
        ConfigError: something that it needs is missing.
    """
    discord = discord_settings(settings)
    tokens = discord_tokens(settings, discord)
    check_approvals(settings)
    names = [PersonaName(persona.name) for persona in settings.personas]
    commands = prepare_with(controls)
    use_addresses(discord.api, discord.gateway)
    pictures = {
        PersonaName(persona.name): persona.avatar for persona in settings.personas if persona.avatar
    }

    def parts(ears: Ears) -> Parts:
        accounts = _accounts(ears, tokens, direct=discord.direct_messages, commands=commands)
        listener = next(iter(accounts.values()))
        if discord.identity == "accounts":
            owned = {name: accounts[token_variable(name)] for name in names}
            return Parts(listener=listener, owned=owned, speech=AccountsSpeech(owned))
        webhooks = Webhooks(discord.api, cast("Mapping[PersonaName, Path | str]", pictures))
        return Parts(listener=listener, speech=WebhookSpeech(webhooks), webhooks=webhooks)

    def remembered(channel: ChannelId) -> Sequence[Message]:
        return () if store is None else store.recent_live(channel, _REMEMBERED)

    return DiscordPlatform(
        parts,
        rules=[_rules(channel, settings, preset) for channel in discord.channels],
        direct_messages=discord.direct_messages,
        personas=names,
        remembered=remembered,
    )


def examine_discord(settings: Settings) -> list[Checked]:
    """What a look at Discord finds; without channels it says which there are.

    Raises:
        ConfigError: there is no token to look with.
    """
    discord = settings.platforms.discord or DiscordSettings.model_construct()
    tokens = discord_tokens(settings, discord)
    rules = [_rules(channel, settings, None) for channel in discord.channels]
    use_addresses(discord.api, discord.gateway)
    direct = discord.direct_messages
    return asyncio.run(check_discord(tokens, discord.identity, rules, direct=direct))


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


def check_approvals(settings: Settings) -> None:
    """
    Raises:
        ConfigError: the approval channel is none of Discord's that are listened to.
    """
    channel, discord = settings.reins.approval_channel, settings.platforms.discord
    if channel is None or discord is None or not channel.startswith("discord:"):
        return
    numbers = [str(each.id) for each in discord.channels]
    if channel.rpartition("/")[2] not in numbers:
        raise ConfigError(
            f"reins.approval_channel: {channel} is none of platforms.discord.channels; add it "
            "there (clones do not talk in it), and write it as discord:SERVER/CHANNEL"
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
