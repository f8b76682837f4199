"""Looks at Discord as a run would, and says what is well, what is missing and where to get it.

Logs every account in once, reads which channels it sees and what it may do there, changes nothing.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import discord
from pydantic import SecretStr

from botconvo.messages import ChannelId
from botconvo.platforms.discord.account import UNREACHABLE, intents, told
from botconvo.platforms.discord.ids import channel_id
from botconvo.platforms.discord.permissions import (
    Identity,
    invite_link,
    lacking,
    needed,
    token_trouble,
    wished,
)
from botconvo.platforms.discord.places import ChannelRules

__all__ = ["Checked", "check_discord"]

_LOGIN_S = 30.0
_PORTAL = "https://discord.com/developers/applications"
_MANY = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One thing that was looked at; ``advice`` is empty when all is well."""

    state: Literal["ok", "note", "wrong"]
    what: str
    advice: str = ""


async def check_discord(
    tokens: Mapping[str, SecretStr],
    identity: Identity,
    rules: Sequence[ChannelRules],
    *,
    direct: bool = False,
) -> list[Checked]:
    """Everything about these accounts, by the names of their variables; the first one listens.

    ``direct``: direct messages are allowed, so that no channel has to be there.
    """
    found: list[Checked] = []
    for place, (variable, token) in enumerate(tokens.items()):
        hears = place == 0
        found += await _account(variable, token, identity, rules, hears=hears, direct=direct)
    return found


async def _account(
    variable: str,
    token: SecretStr,
    identity: Identity,
    rules: Sequence[ChannelRules],
    *,
    hears: bool,
    direct: bool,
) -> list[Checked]:
    if (trouble := token_trouble(token.get_secret_value())) is not None:
        return [Checked(state="wrong", what=f"{variable}: {trouble}", advice=_PORTAL)]
    client = discord.Client(
        intents=intents(hears=hears, direct=direct),
        max_messages=None,
        member_cache_flags=discord.MemberCacheFlags.none(),
        chunk_guilds_at_startup=False,
        guild_ready_timeout=1.0,
    )
    try:
        async with client:
            return await _look(client, variable, token, identity, rules, hears=hears, direct=direct)
    except UNREACHABLE as error:
        return [Checked(state="wrong", what=told(error, variable), advice=_PORTAL)]


async def _look(
    client: discord.Client,
    variable: str,
    token: SecretStr,
    identity: Identity,
    rules: Sequence[ChannelRules],
    *,
    hears: bool,
    direct: bool,
) -> list[Checked]:
    async with asyncio.timeout(_LOGIN_S):
        await client.login(token.get_secret_value())
    user, flags = client.user, client.application_flags
    if user is None or not user.bot:
        what = f"{variable}: it is a user's token; Discord forbids bots on user accounts"
        return [Checked(state="wrong", what=what, advice=f"take a bot's: {_PORTAL}")]
    link = invite_link(client.application_id or user.id, identity)
    found = [
        Checked(state="ok", what=f"{variable}: the token of the bot {user.name}"),
        Checked(state="ok", what=f"{user.name} is invited with {link}"),
    ]
    if hears and not (flags.gateway_message_content or flags.gateway_message_content_limited):
        what = f"{user.name}: the Message Content intent is off, so nobody's words can be read"
        advice = f"switch it on: {_PORTAL}, page 'Bot', 'Privileged Gateway Intents'"
        return [*found, Checked(state="wrong", what=what, advice=advice)]
    await _connect(client)
    if not client.guilds:
        what = f"{user.name} is in no server"
        return [*found, Checked(state="wrong", what=what, advice=f"open {link}")]
    for each in rules:
        if each.office is None:
            found += _channel(client, each, identity, hears=hears)
        elif hears:
            found += _approval(client, each, each.office)
    if not direct and all(each.office is not None for each in rules):
        found += _choice(client)
    return found


async def _connect(client: discord.Client) -> None:
    connecting = asyncio.create_task(client.connect(reconnect=False))
    ready = asyncio.create_task(client.wait_until_ready())
    try:
        async with asyncio.timeout(_LOGIN_S):
            await asyncio.wait({connecting, ready}, return_when=asyncio.FIRST_COMPLETED)
        if connecting.done():
            connecting.result()
    finally:
        ready.cancel()
        await client.close()  # ends the connection; what it has told stays
        await asyncio.wait({connecting}, timeout=_LOGIN_S)


def _channel(
    client: discord.Client, rules: ChannelRules, identity: Identity, *, hears: bool
) -> Iterator[Checked]:
    assert client.user is not None
    name, channel = client.user.name, client.get_channel(rules.id)
    if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        yield _unseen(f"channel {rules.id}", name)
        return
    where = f"#{channel.name} in {channel.guild.name}"
    thread = isinstance(channel, discord.Thread)
    granted = channel.permissions_for(channel.guild.me)
    names = needed(thread=thread)
    if identity == "accounts" and hears:  # each persona sends with its own
        names = tuple(each for each in names if not each.startswith("send"))
    if missing := lacking(granted, names):
        yield _forbidden(where, name, missing)
    elif missing := lacking(granted, wished(identity)):
        yield Checked(
            state="note",
            what=f"{where}: {name} may not: {', '.join(missing)}",
            advice="it works without, only plainer; allow it for the bot's role",
        )
    else:
        yield Checked(state="ok", what=f"{where}: {name} may all that it needs")
    for source in sorted(rules.listens_to):
        if client.get_channel(source) is None:
            yield Checked(
                state="wrong",
                what=f"channel {rules.id}: listens_to: {name} does not see {source}",
                advice="check the number, or take it out",
            )


def _approval(client: discord.Client, rules: ChannelRules, office: ChannelId) -> Iterator[Checked]:
    """The channel in which lines are approved: the bot shows them, whoever can react decides."""
    assert client.user is not None
    name, channel = client.user.name, client.get_channel(rules.id)
    key = f"reins.approval_channel: {rules.id}"
    if not isinstance(channel, discord.abc.Messageable) or isinstance(
        channel, discord.abc.PrivateChannel
    ):
        yield _unseen(key, name)
        return
    where = f"#{channel.name} in {channel.guild.name}"
    names = needed(thread=isinstance(channel, discord.Thread))
    if missing := lacking(channel.permissions_for(channel.guild.me), names):
        yield _forbidden(where, name, missing)
        return
    yield Checked(state="ok", what=f"{where}: lines are approved there, by whoever can react")
    if channel.permissions_for(channel.guild.default_role).view_channel:
        yield Checked(
            state="note",
            what=f"{where}: everybody in the server sees it, so everybody can approve lines",
            advice="hide it from @everyone, and let in whoever is to decide (and the bot)",
        )
    if office != (right := channel_id(channel.guild.id, channel.id)):
        yield Checked(
            state="note",
            what=f"reins.approval_channel: #{channel.name} is in another server than it says",
            advice=f'write "{right}"',
        )


def _unseen(what: str, name: str) -> Checked:
    return Checked(
        state="wrong",
        what=f"{what}: {name} does not see it",
        advice="check the number; invite the bot to that server; let it view the channel",
    )


def _forbidden(where: str, name: str, missing: Sequence[str]) -> Checked:
    return Checked(
        state="wrong",
        what=f"{where}: {name} may not: {', '.join(missing)}",
        advice="edit the channel, 'Permissions', and allow it for the bot's role",
    )


def _choice(client: discord.Client) -> Iterator[Checked]:
    """Channels to choose from, where none is configured yet."""
    rooms = [room for guild in client.guilds for room in guild.text_channels if _is_open(room)]
    for room in rooms[:_MANY]:
        yield Checked(
            state="note", what=f"#{room.name} in {room.guild.name} has the number {room.id}"
        )
    yield Checked(
        state="wrong",
        what="no channel to talk in",
        advice="put its number into config.toml: [platforms.discord] channels = [NUMBER]",
    )


def _is_open(room: discord.TextChannel) -> bool:
    return not lacking(room.permissions_for(room.guild.me), needed(thread=False))
