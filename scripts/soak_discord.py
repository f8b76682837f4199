"""Whether the program holds out on a Discord that goes wrong: a soak on the rehearsal.

    python scripts/soak_discord.py                   10,000 events, a fault every 50: ten minutes
    python scripts/soak_discord.py --events 500 --pace 40

Twenty people talk, type, react, edit and delete in five channels while one thing after the other
breaks (``botconvo.rehearsal.trouble``).  At the end everything is mended, and what the program
remembers is compared with what stands in the channels.  Exit code 1 where a figure is missed.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from discord_product import CLONES, Product, running, write_config
from measuring import chatter, memory_of, table

from botconvo.messages import ChannelId
from botconvo.rehearsal import Channel, Message, Person, Refusal, Rehearsal
from botconvo.rehearsal.trouble import KINDS, Trouble
from botconvo.store import Store

PEOPLE, CHANNELS = 20, 5
WARM = 1000
"""Events after which memory is first taken."""
GROWTH = 0.10
TOO_MANY_REACTIONS = 30010
CATCH_UP_S = 180.0
"""How long the program may take to catch up once everything is mended."""
_MADE_UP = re.compile(r" p\d+n\d+$")
_EMOJI = ("😂", "❤️", "👍", "🎉")
BRISK = {
    "gap_s": [0.2, 0.6],
    "answer_s": [0.05, 0.2],
    "typing_per_s": 0.0,
    "hush_s": 0.1,
    "retry_s": 0.2,
    "turn_limit": 4,
    "cool_down_s": 0.0,
    "daily_messages": 100_000,
    "brake": 1.0,
    "sleep_s": [0.0, 0.0],
}
"""Manners with which the clones say something whenever they may."""


@dataclass(slots=True)
class Outcome:
    """What came of a soak."""

    events: int = 0
    faults: list[tuple[datetime, str]] = field(default_factory=list)
    lines: int = 0
    """Messages of people that stand in the channels at the end."""
    lost: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    """Deleted messages that the program still remembers."""
    said: int = 0
    double: list[str] = field(default_factory=list)
    pinging: int = 0
    unhandled: list[str] = field(default_factory=list)
    alive: bool = True
    caught_up_s: float = 0.0
    warm_mb: float = 0.0
    end_mb: float = 0.0

    @property
    def growth(self) -> float:
        return self.end_mb / self.warm_mb - 1 if self.warm_mb else 0.0

    @property
    def missed(self) -> bool:
        broken = self.lost or self.double or self.unhandled or self.pinging or not self.alive
        return bool(broken) or self.growth > GROWTH


class Soak:
    """The people and what they do."""

    def __init__(self, rehearsal: Rehearsal, rng: Random) -> None:
        self.rehearsal, self.rng = rehearsal, rng
        self.guild = rehearsal.add_guild("The soak")
        self.channels = [rehearsal.add_channel(self.guild, f"c{n}") for n in range(CHANNELS)]
        self.people = [rehearsal.add_person(f"Person {n}", self.guild) for n in range(PEOPLE)]
        self.bot = rehearsal.add_bot("BotConvo", self.guild)
        self._own: list[tuple[Person, Message]] = []

    def deed(self) -> None:
        """One event."""
        person, channel = self.rng.choice(self.people), self.rng.choice(self.channels)
        draw = self.rng.random()
        try:
            if draw < 0.70 or not self._own:
                self._say(person, channel)
            elif draw < 0.80:
                person.types(channel)
            elif draw < 0.88 and channel.messages:
                person.reacts(self.rng.choice(channel.history[-20:]), self.rng.choice(_EMOJI))
            elif draw < 0.95:
                author, message = self.rng.choice(self._own[-50:])
                author.edits(message, f"{chatter(5, self.rng)} (edited)")
            else:
                author, message = self._own.pop(self.rng.randrange(len(self._own)))
                author.deletes(message)
        except Refusal as no:
            if no.code != TOO_MANY_REACTIONS:
                raise

    def _say(self, person: Person, channel: Channel) -> None:
        words = chatter(self.rng.randint(2, 12), self.rng)
        if self.rng.random() < 0.2:
            words = f"{self.rng.choice(CLONES)}, {words}?"
        about = self.rng.choice(channel.history[-10:]) if self.rng.random() < 0.1 else None
        self._own.append((person, person.says(channel, words, reply_to=about)))


async def soak(
    events: int, pace: float, fault_every: int, seed: int, folder: Path, kinds: Sequence[str]
) -> Outcome:
    """Run it; ``pace`` is events a second."""
    outcome, rng = Outcome(), Random(seed)
    async with Rehearsal() as rehearsal:
        stage = Soak(rehearsal, rng)
        config = write_config(folder / "config.toml", rehearsal, stage.channels, BRISK)
        trouble = Trouble(rehearsal, stage.bot, stage.channels, rng, kinds)
        with running(config, stage.bot) as product:
            await rehearsal.wait_until_connected(stage.bot, 60)
            for number in range(1, events + 1):
                await asyncio.sleep(1 / pace)
                stage.deed()
                outcome.events = number
                if number == min(WARM, events // 2):
                    outcome.warm_mb = memory_of(product.pid).private
                if number % fault_every == 0:
                    outcome.faults.append((datetime.now(UTC), trouble.strike()))
                if product.process.poll() is not None:
                    break
            trouble.mend()
            await _catch_up(stage, product, outcome)
            outcome.alive = product.process.poll() is None
            if outcome.alive:
                outcome.end_mb = memory_of(product.pid).private
        outcome.unhandled = product.unhandled
        _look_for_doubles(stage, outcome)
    return outcome


async def _catch_up(stage: Soak, product: Product, outcome: Outcome) -> None:
    """Give the program time until it knows what stands in the channels."""
    started = time.monotonic()
    while True:
        _compare(stage, product, outcome)
        outcome.caught_up_s = time.monotonic() - started
        if not outcome.lost or outcome.caught_up_s > CATCH_UP_S:
            return
        if product.process.poll() is not None:
            return
        await asyncio.sleep(1.0)


def _compare(stage: Soak, product: Product, outcome: Outcome) -> None:
    outcome.lost, outcome.stale, outcome.lines = [], [], 0
    with Store.open(product.store) as store:
        for channel in stage.channels:
            name = ChannelId(f"discord:{stage.guild.id}/{channel.id}")
            known = {str(message.id): message.text for message in store.recent_live(name, 10**6)}
            there = {f"discord:{channel.id}/{m.id}": m for m in channel.history}
            for key, message in there.items():
                if not message.by_machine:
                    outcome.lines += 1
                    if known.get(key) != message.content:
                        outcome.lost.append(_told(outcome, message, known.get(key)))
            outcome.stale += [key for key in known if key not in there]


def _told(outcome: Outcome, message: Message, known: str | None) -> str:
    """A lost line, with the fault that it fell into."""
    at = message.edited_at or message.at
    before = [kind for when, kind in outcome.faults if when <= at]
    during = before[-1] if before else "no fault"
    return f"{at:%H:%M:%S} ({during}): {message.content!r}, but known is {known!r}"


def _look_for_doubles(stage: Soak, outcome: Outcome) -> None:
    clones = [m for channel in stage.channels for m in channel.history if m.by_machine]
    # The last word of what a clone says is the only one of its kind; notices have none such.
    texts = Counter(m.content.split()[-1] for m in clones if _MADE_UP.search(m.content))
    outcome.said = len(clones)
    outcome.double = [text for text, times in texts.items() if times > 1]
    outcome.pinging = sum(message.pings_somebody for message in clones)


def report(outcome: Outcome) -> str:
    rows = [
        ["events of people", f"{outcome.events:,}", ""],
        ["faults", f"{len(outcome.faults)}", f"{len({k for _, k in outcome.faults})} kinds"],
        ["lost or outdated lines", f"{len(outcome.lost)}", f"of {outcome.lines:,}; at most 0"],
        ["deleted lines still known", f"{len(outcome.stale)}", ""],
        ["lines posted twice", f"{len(outcome.double)}", f"of {outcome.said:,}; at most 0"],
        ["lines that ping somebody", f"{outcome.pinging}", "at most 0"],
        ["unhandled exceptions", f"{len(outcome.unhandled)}", "at most 0"],
        ["still running at the end", "yes" if outcome.alive else "NO", ""],
        ["caught up within", f"{outcome.caught_up_s:.0f} s", f"at most {CATCH_UP_S:.0f}"],
        ["memory, MB", f"{outcome.warm_mb:.0f} → {outcome.end_mb:.0f}", "private"],
        ["growth", f"{outcome.growth:.1%}", f"at most {GROWTH:.0%}"],
    ]
    return table(["", "", ""], rows)


def main(arguments: list[str] | None = None) -> None:
    """Print the figures; exit code 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--pace", type=float, default=20.0, help="events a second")
    parser.add_argument("--fault-every", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="only this fault")
    parser.add_argument("--keep", type=Path, help="a folder for config, store and log")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="botconvo-soak-") as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        outcome = asyncio.run(
            soak(
                options.events,
                options.pace,
                options.fault_every,
                options.seed,
                folder,
                options.kind or tuple(KINDS),
            )
        )
    print(report(outcome), end="")
    for line in (*outcome.lost[:10], *outcome.double[:10], *outcome.unhandled[:10]):
        print(line, file=sys.stderr)
    if outcome.missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
