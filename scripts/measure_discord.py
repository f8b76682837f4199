"""How fast, how idle and how large the program is on Discord, measured on the rehearsal.

    python scripts/measure_discord.py latency         a clone is named -> its typing indicator
    python scripts/measure_discord.py idle            processor time while nobody says anything
    python scripts/measure_discord.py channels        memory with 1,000 channels of sparse talk

The program runs in a process of its own, with its default manners (but that clones only answer,
where latency is measured) and made-up words in the place of models, so that it is measured and not
the model servers (``bench_serving.py`` does those).
Exit code 1 where a figure is missed.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from discord_product import CLONES, running, write_config
from measuring import chatter, figure, memory_of, table

from botconvo.rehearsal import NO_LIMITS, Channel, Person, Rehearsal

LATENCY_MS = 300.0
IDLE = 0.01
MEMORY_MB = 300.0
ONE_ANSWER = {"go_on": 0.0, "sleep_s": [0.0, 0.0], "brake": 1.0}
"""Nobody goes on after an answer; all other manners are the default's."""
A_GUILD = 250
"""Channels a server; Discord allows 500."""
_READY_S = 120.0


async def latency(times: int, folder: Path) -> list[float]:
    """Milliseconds from a message that names a clone to the typing indicator, as people see it.

    The clones talk with nobody else meanwhile: in webhook mode all of them type as one bot.
    """
    rng = Random(1)
    found: list[float] = []
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        guild = rehearsal.add_guild("Latency")
        channel = rehearsal.add_channel(guild, "general")
        bort = rehearsal.add_person("Bort", guild)
        bot = rehearsal.add_bot("BotConvo", guild)
        config = write_config(folder / "config.toml", rehearsal, [channel], ONE_ANSWER)
        with running(config, bot):
            await rehearsal.wait_until_connected(bot, _READY_S)
            await _first_answer(rehearsal, channel)
            while len(found) < times:
                await _quiet(rehearsal, channel)
                found += await _named(rehearsal, channel, bort, rng.choice(CLONES), rng)
    return found


async def _named(
    rehearsal: Rehearsal, channel: Channel, bort: Person, clone: str, rng: Random
) -> list[float]:
    """One measurement; none where the clone answers with a reaction."""
    before, count = len(channel.typings), len(channel.messages)
    started = time.perf_counter()
    said = bort.says(channel, f"{clone}, {chatter(4, rng)}?")
    await rehearsal.wait_for(
        lambda: len(channel.typings) > before, timeout_s=60, what="the typing indicator"
    )
    took_ms = (time.perf_counter() - started) * 1000
    assert len(channel.messages) == count + 1, "it was typed for something else"
    await rehearsal.wait_for(
        lambda: len(channel.messages) > count + 1 or said.reactions, timeout_s=60, what="an answer"
    )
    if said.reactions:
        return []
    assert channel.history[-1].author_name == clone
    return [took_ms]


async def _first_answer(rehearsal: Rehearsal, channel: Channel) -> None:
    """Until everything has been done once: the webhook is made, the phrases are loaded."""
    waker = rehearsal.add_person("Waker", *([channel.guild] if channel.guild else []))
    while True:
        waker.says(channel, f"{CLONES[0]}, are you there?")
        try:
            await rehearsal.wait_for(lambda: _spoken(channel), timeout_s=10)
        except TimeoutError:
            continue
        return


def _spoken(channel: Channel) -> bool:
    """A clone has said something there; the bot's notice is not an answer."""
    return any(message.webhook is not None for message in channel.messages.values())


async def _quiet(rehearsal: Rehearsal, channel: Channel, silence_s: float = 2.5) -> None:
    """Until nobody has said or typed anything for a while."""
    while True:
        count = len(channel.messages) + len(channel.typings)
        try:
            await rehearsal.wait_for(
                lambda count=count: (  # type: ignore[misc]
                    len(channel.messages) + len(channel.typings) > count
                ),
                timeout_s=silence_s,
            )
        except TimeoutError:
            return


async def idle(seconds: float, folder: Path) -> float:
    """The share of a core that the program takes while nobody says anything."""
    async with Rehearsal() as rehearsal:
        guild = rehearsal.add_guild("Idle")
        channels = [rehearsal.add_channel(guild, f"c{number}") for number in range(5)]
        bot = rehearsal.add_bot("BotConvo", guild)
        config = write_config(folder / "config.toml", rehearsal, channels, {})
        with running(config, bot) as product:
            await rehearsal.wait_until_connected(bot, _READY_S)
            await _first_answer(rehearsal, channels[0])
            await _quiet(rehearsal, channels[0], 20.0)  # they go on among themselves for a while
            before, started = _processor_s(product.pid), time.monotonic()
            await asyncio.sleep(seconds)
            return (_processor_s(product.pid) - before) / (time.monotonic() - started)


def _processor_s(pid: int) -> float:
    """Seconds of processor time that a process has taken so far; Linux only."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def channels(count: int, talks: int, folder: Path) -> tuple[float, float, int]:
    """Megabytes with one channel and with ``count`` of them, and how many of those were answered.

    Every channel gets ``talks`` messages that name a clone, one after the other.
    """
    small, _ = await _memory_with(1, talks, folder / "one")
    large, answered = await _memory_with(count, talks, folder / "many")
    return small, large, answered


async def _memory_with(count: int, talks: int, folder: Path) -> tuple[float, int]:
    folder.mkdir()  # noqa: ASYNC240  (nothing else runs yet)
    rng = Random(1)
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        guilds = [
            rehearsal.add_guild(f"Server {number}") for number in range((count - 1) // A_GUILD + 1)
        ]
        made = [
            rehearsal.add_channel(guilds[number // A_GUILD], f"c{number}")
            for number in range(count)
        ]
        bort = rehearsal.add_person("Bort", *guilds)
        bot = rehearsal.add_bot("BotConvo", *guilds)
        config = write_config(folder / "config.toml", rehearsal, made, {})
        with running(config, bot) as product:
            await rehearsal.wait_until_connected(bot, _READY_S)
            await _first_answer(rehearsal, made[0])
            for _ in range(talks):
                for channel in made:
                    bort.says(channel, f"{rng.choice(CLONES)}, {chatter(6, rng)}?")
                    await asyncio.sleep(0.03)
                await _all_answered(rehearsal, made)
            return memory_of(product.pid).private, sum(map(_answered, made))


async def _all_answered(rehearsal: Rehearsal, made: Sequence[Channel]) -> None:
    try:
        await rehearsal.wait_for(
            lambda: all(map(_answered, made)), timeout_s=_READY_S, what="an answer everywhere"
        )
    except TimeoutError:
        print(f"{sum(map(_answered, made))} of {len(made)} channels answered", file=sys.stderr)


def _answered(channel: Channel) -> bool:
    """A clone has said something there since the last person."""
    last = channel.messages.get(channel.last_message_id or 0)
    return last is not None and last.webhook is not None


def main(arguments: list[str] | None = None) -> None:
    """Print one figure; exit code 1 where it is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("latency", "idle", "channels"))
    parser.add_argument("--times", type=int, default=50, help="latency: how often")
    parser.add_argument("--seconds", type=float, default=60.0, help="idle: how long")
    parser.add_argument("--count", type=int, default=1000, help="channels: how many")
    parser.add_argument("--talks", type=int, default=2, help="channels: messages in each")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="botconvo-") as folder:
        rows, missed = _measured(options, Path(folder))
    print(table(["", "", ""], rows), end="")
    if missed:
        sys.exit(1)


def _measured(options: argparse.Namespace, folder: Path) -> tuple[list[list[str]], bool]:
    match options.what:
        case "latency":
            found = asyncio.run(latency(options.times, folder))
            row = ["named → typing indicator, ms", figure(found, 0), f"at most {LATENCY_MS:.0f}"]
            return [row], statistics.median(found) > LATENCY_MS
        case "idle":
            share = asyncio.run(idle(options.seconds, folder))
            return [["idle, of a core", f"{share:.2%}", f"at most {IDLE:.0%}"]], share > IDLE
        case _:
            small, large, answered = asyncio.run(channels(options.count, options.talks, folder))
            more = large - small
            rows = [
                ["1 channel, MB", f"{small:.0f}", "private"],
                [f"{options.count:,} channels, MB", f"{large:.0f}", f"{answered:,} answered"],
                ["more, MB", f"{more:.0f}", f"at most {MEMORY_MB:.0f}"],
            ]
            return rows, more > MEMORY_MB


if __name__ == "__main__":
    main()
