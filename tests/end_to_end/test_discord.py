"""``botconvo run --platform discord`` on a rehearsed Discord: the real program, real sockets."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from projects import QUICK, checkpoints_of, persona_table, write_config

from botconvo.messages import ChannelId
from botconvo.rehearsal import NO_LIMITS, Application, Channel, Person, Rehearsal
from botconvo.store import STORE_NAME, Store

LONG_S = 90.0
NOBODY_LEAVES = "go_on = 1.0\nbrake = 1.0\ncool_down_s = 0.0\n"
"""Else a clone may go to sleep for an hour before the run has seen its messages."""


@asynccontextmanager
async def running(
    config: Path, *words: str, token: str | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program, which has ended when the context is left."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("BOTCONVO_")}
    if token is not None:
        env["BOTCONVO_DISCORD_TOKEN"] = token
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "botconvo", "run", "--platform", "discord", *words),
        cwd=config.parent,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def project(folder: Path, discord: Rehearsal, channel: Channel) -> Path:
    checkpoints_of(("Bort", "Juno"), folder)
    table = (
        f"[platforms.discord]\nchannels = [{channel.id}]\n"
        f'api = "{discord.api_base}"\ngateway = "{discord.gateway_url}"\n'
    )
    personas = (persona_table("Bort"), persona_table("Juno"))
    return write_config(folder, table, *personas, conversation=QUICK + NOBODY_LEAVES)


@asynccontextmanager
async def a_server() -> AsyncIterator[tuple[Rehearsal, Channel, Person, Application]]:
    async with Rehearsal(limits=NO_LIMITS) as discord, asyncio.timeout(4 * LONG_S):
        kettle = discord.add_guild("The Leaky Kettle")
        general = discord.add_channel(kettle, "general")
        yield discord, general, discord.add_person("Carol", kettle), discord.add_bot("B", kettle)


async def test_clones_talk_with_people_on_discord(tmp_path: Path) -> None:
    async with a_server() as (discord, general, carol, bot):
        config = project(tmp_path, discord, general)
        async with running(config, "--max-messages", "3", token=bot.token) as process:
            await discord.wait_for(lambda: general.history, timeout_s=LONG_S)
            (told,) = general.history
            assert (told.author_name, "are bots" in told.content) == ("B", True)
            said = carol.says(general, "hello Juno")
            reply = await carol.wait_for_reply(general, timeout_s=LONG_S)
            assert reply.author_name in ("Bort", "Juno")
            out, errors = await process.communicate()
            assert (process.returncode, out) == (0, b""), errors.decode()
            assert b"B is on Discord: #general" in errors
        assert len([m for m in general.history if m.webhook]) == 3
        with Store.open(tmp_path / STORE_NAME) as store:
            channel = ChannelId(f"discord:{general.guild.id if general.guild else 0}/{general.id}")
            kept = {message.id for message in store.recent_live(channel, 100)}
        assert f"discord:{general.id}/{said.id}" in kept


async def test_a_run_that_was_killed_goes_on_where_people_are(tmp_path: Path) -> None:
    async with a_server() as (discord, general, carol, bot):
        config = project(tmp_path, discord, general)
        async with running(config, token=bot.token) as process:
            await discord.wait_until_connected(bot, LONG_S)
            carol.says(general, "hello")
            await carol.wait_for_reply(general, timeout_s=LONG_S)
            process.kill()
            await process.wait()
        missed = carol.says(general, "while nobody listened")
        async with running(config, "--max-messages", "1", token=bot.token) as process:
            _, errors = await process.communicate()
            assert process.returncode == 0, errors.decode()
        posted = [m.id for m in general.history if m.webhook]
        with Store.open(tmp_path / STORE_NAME) as store:
            channel = ChannelId(f"discord:{general.guild.id if general.guild else 0}/{general.id}")
            kept = [message.id for message in store.recent_live(channel, 100)]
        assert f"discord:{general.id}/{missed.id}" in kept, "it was read afterwards"
        assert {f"discord:{general.id}/{number}" for number in posted} <= set(kept)
        assert len(kept) == len(set(kept))


async def test_a_token_that_was_reset_is_taken_from_env_while_the_run_goes_on(
    tmp_path: Path,
) -> None:
    async with a_server() as (discord, general, carol, bot):
        config = project(tmp_path, discord, general)
        secrets = tmp_path / ".env"
        secrets.write_text(f"BOTCONVO_DISCORD_TOKEN={bot.token}\n", encoding="utf-8")
        async with running(config) as process:
            carol.says(general, "hello")
            await carol.wait_for_reply(general, timeout_s=LONG_S)
            token = discord.revoke_token(bot)
            missed = carol.says(general, "while it could not hear")
            secrets.write_text(f"BOTCONVO_DISCORD_TOKEN={token}\n", encoding="utf-8")
            reply = await carol.wait_for_reply(general, timeout_s=LONG_S)
            assert reply.id > missed.id
            process.send_signal(signal.SIGINT)
            _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        assert "BOTCONVO_DISCORD_TOKEN: a new token is taken up" in errors.decode()
        assert token not in errors.decode()


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (None, "BOTCONVO_DISCORD_TOKEN is missing"),
        ("abc", "BOTCONVO_DISCORD_TOKEN: it is no bot's token"),
        ("a.b.c", "BOTCONVO_DISCORD_TOKEN: Discord refuses this token"),
    ],
)
async def test_a_token_that_is_none_ends_the_run_with_one_line(
    token: str | None, told: str, tmp_path: Path
) -> None:
    async with a_server() as (discord, general, _, _):
        config = project(tmp_path, discord, general)
        async with running(config, "--seed", "1", token=token) as process:
            _, errors = await process.communicate()
        (line,) = errors.decode().splitlines()
        assert line.startswith(f"botconvo: {told}")
        assert process.returncode == 2
