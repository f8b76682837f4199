"""Whether the program holds out on a Discord that goes wrong: a soak on the rehearsal.

    python scripts/soak_discord.py                   10,000 events, a fault every 50: 20 minutes
    python scripts/soak_discord.py --events 500 --pace 20
    python scripts/soak_discord.py --events 2000 --kill-every 200

Twenty people talk, type, react, edit and delete in five channels while one thing after the other
breaks (``botconvo.rehearsal.trouble``).  At the end everything is mended, and what the program
remembers, of people and of its own clones, is compared with what stands in the channels; then
somebody asks a clone in each channel, and what its model was shown is compared, too.
``--kill-every`` kills the program without warning after so many events and starts it again.
Exit code 1 where a figure is missed.
"""

import argparse
import asyncio
import json
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

from discord_product import CLONES, HOSTILE, Product, running, write_config
from measuring import chatter, memory_of, table

from botconvo.messages import ChannelId
from botconvo.rehearsal import Application, Channel, Message, Person, Refusal, Rehearsal
from botconvo.rehearsal.trouble import KINDS, Trouble
from botconvo.store import Store

__all__ = ["CHANNELS", "Outcome", "Soak", "compare", "look_at_clones", "topic_of"]

PEOPLE, CHANNELS = 20, 5
WARM = 1000
"""Events after which memory is first taken."""
GROWTH = 0.10
TOO_MANY_REACTIONS = 30010
CATCH_UP_S = 180.0
"""How long the program may take to catch up once everything is mended."""
READY_S = 300.0
"""Others may be using the machine."""
ANSWER_S = 60.0
SHOWN = 5
"""Lines of people before a question that its answer must have been shown."""
FEWEST = 0.02
"""Lines of clones for each event: with fewer, nothing was tried."""
CHANGED = 100
"""Of the last so many messages one is edited or deleted; in each channel the program looks back at
as many."""
_MADE_UP = re.compile(r" p\d+n\d+$")
_EDITED = " (edited)"
_EMOJI = ("😂", "❤️", "👍", "🎉")
BRISK = {
    "gap_s": [0.05, 0.2],
    "answer_s": [0.0, 0.05],
    "typing_per_s": 0.0,
    "hush_s": 0.0,
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
    struck: Counter[str] = field(default_factory=Counter)
    """How many faults of each kind took effect."""
    kills: int = 0
    heard: int = 0
    """Events during which a connection was there that is not half-open."""
    lines: int = 0
    """Messages of people that stand in the channels at the end."""
    lost: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    """Messages that the program remembers and that stand nowhere."""
    said: int = 0
    """Lines of clones."""
    unknown: list[str] = field(default_factory=list)
    """Lines of clones that the program does not know of."""
    double: list[str] = field(default_factory=list)
    harmful: list[str] = field(default_factory=list)
    """Lines of clones that ping somebody or hold a link."""
    not_shown: list[str] = field(default_factory=list)
    """Lines that stood before a question, and that its answer did not take into account."""
    answered: int = 0
    unhandled: list[str] = field(default_factory=list)
    alive: bool = True
    caught_up_s: float = 0.0
    memory_mb: list[tuple[int, float]] = field(default_factory=list)
    """At how many events how much; empty where the program was killed."""

    @property
    def growth(self) -> float:
        """Since the first time."""
        return self.memory_mb[-1][1] / self.memory_mb[0][1] - 1 if self.memory_mb else 0.0

    @property
    def silent(self) -> bool:
        return self.said < FEWEST * self.events or self.answered < CHANNELS

    @property
    def missed(self) -> bool:
        wrong = (self.lost, self.stale, self.unknown, self.double, self.harmful, self.not_shown)
        broken = any(wrong) or self.unhandled or not self.alive or self.silent
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
                author, message = self.rng.choice(self._own[-CHANGED:])
                author.edits(message, f"{chatter(5, self.rng)}{_EDITED}")
            else:
                late = min(len(self._own), CHANGED)
                author, message = self._own.pop(-self.rng.randint(1, late))
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long and how hard; ``pace`` is events a second, ``kill_every`` 0 for never."""

    events: int
    pace: float
    fault_every: int
    kill_every: int
    seed: int
    kinds: Sequence[str]


async def soak(plan: Plan, folder: Path) -> Outcome:
    """Run it."""
    outcome, rng = Outcome(), Random(plan.seed)
    async with Rehearsal() as rehearsal:
        stage = Soak(rehearsal, rng)
        config = write_config(folder / "config.toml", rehearsal, stage.channels, BRISK)
        trouble = Trouble(rehearsal, stage.bot, stage.channels, rng, plan.kinds)
        while outcome.events < plan.events and outcome.alive:
            with running(config, stage.bot, prompts=True) as product:
                await rehearsal.wait_until_connected(stage.bot, READY_S)
                await _some_events(stage, trouble, product, plan, outcome)
                if outcome.events == plan.events:
                    trouble.mend()
                    await _settle(stage, product, outcome)
                outcome.alive = product.process.poll() is None
                if outcome.events < plan.events and outcome.alive:
                    outcome.kills += 1
                    product.process.kill()
            outcome.unhandled += product.unhandled
        outcome.struck = trouble.struck
        look_at_clones(stage, outcome)
    return outcome


async def _some_events(
    stage: Soak, trouble: Trouble, product: Product, plan: Plan, outcome: Outcome
) -> None:
    """Until the end, or until the program is to be killed, or has ended."""
    warm = min(WARM, plan.events // 2)
    while outcome.events < plan.events and product.process.poll() is None:
        await asyncio.sleep(1 / plan.pace)
        stage.deed()
        outcome.events += 1
        outcome.heard += _is_heard(stage.rehearsal, stage.bot)
        if outcome.events % warm == 0 and not plan.kill_every:
            outcome.memory_mb.append((outcome.events, memory_of(product.pid).rss))
        if outcome.events % plan.fault_every == 0:
            outcome.faults.append((datetime.now(UTC), trouble.strike()))
        if plan.kill_every and outcome.events % plan.kill_every == 0:
            return


def _is_heard(rehearsal: Rehearsal, bot: Application) -> bool:
    return any(not connection.frozen for connection in rehearsal.gateway.connections_of(bot))


async def _settle(stage: Soak, product: Product, outcome: Outcome) -> None:
    """Give the program time until it knows what stands in the channels, and ask it."""
    await _catch_up(stage, product, outcome)
    for channel in stage.channels:
        await _ask(stage, channel, product, outcome)
    await _catch_up(stage, product, outcome)
    if product.process.poll() is None and outcome.memory_mb:
        outcome.memory_mb.append((outcome.events, memory_of(product.pid).rss))


async def _catch_up(stage: Soak, product: Product, outcome: Outcome) -> None:
    started = time.monotonic()
    while product.process.poll() is None:
        compare(stage, product, outcome)
        took_s = time.monotonic() - started
        outcome.caught_up_s = max(outcome.caught_up_s, took_s)
        if not (outcome.lost or outcome.stale or outcome.unknown) or took_s > CATCH_UP_S:
            return
        await asyncio.sleep(1.0)


def compare(stage: Soak, product: Product, outcome: Outcome) -> None:
    """What the program's store holds, with what stands in the channels."""
    outcome.lost, outcome.stale, outcome.unknown, outcome.lines = [], [], [], 0
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
                elif key not in known and _MADE_UP.search(message.content):
                    outcome.unknown.append(_told(outcome, message, None))
            outcome.stale += [
                f"{key}: {known[key]!r} is remembered and stands nowhere"
                for key in known.keys() - there.keys()
            ]


def _told(outcome: Outcome, message: Message, known: str | None) -> str:
    """A lost line, with the fault that it fell into."""
    at = message.edited_at or message.at
    before = [kind for when, kind in outcome.faults if when <= at]
    during = before[-1] if before else "no fault"
    return f"{at:%H:%M:%S} ({during}): {message.content!r}, but known is {known!r}"


async def _ask(stage: Soak, channel: Channel, product: Product, outcome: Outcome) -> None:
    """What a clone is shown when it is asked: the lines of people that stand above."""
    above = [m for m in channel.history if not m.by_machine][-SHOWN:]
    standing = channel.history
    person, mark = stage.people[0], f"q{channel.id}"
    person.says(channel, f"{CLONES[0]}, what about {mark}?")
    prompt = await _prompt_with(mark, product)
    if prompt is None:
        return
    outcome.answered += 1
    above = [message for message in above if message.id > topic_of(prompt, standing)]
    shown = [prompt.find(message.content) for message in above]
    for message, place in zip(above, shown, strict=True):
        if place < 0 or shown != sorted(shown):
            outcome.not_shown.append(f"{message.author_name}: {message.content!r}: not in {prompt}")


async def _prompt_with(mark: str, product: Product) -> str | None:
    """The first prompt that holds it; None where there is none for long."""
    assert product.prompts is not None
    until = time.monotonic() + ANSWER_S
    while time.monotonic() < until:
        rows = product.prompts.read_text(encoding="utf-8").splitlines()
        prompts: list[str] = [json.loads(row) for row in rows if mark in row]
        found = next(iter(prompts), None)
        if found is not None:
            return found
        await asyncio.sleep(0.5)
    return None


def topic_of(prompt: str, standing: Sequence[Message]) -> int:
    """The message with which a clone began anew: what stands above is not shown any more."""
    begun = re.match(r"(\w+): INIT;\n\1: .*?(p\d+n\d+)", prompt)
    if begun is None:
        return 0
    return next((m.id for m in standing if m.content.split()[-1:] == [begun[2]]), 0)


def look_at_clones(stage: Soak, outcome: Outcome) -> None:
    posted = [m for channel in stage.channels for m in channel.history if m.by_machine]
    # The last word of what a clone says is the only one of its kind; notices have none such.
    said = [message for message in posted if _MADE_UP.search(message.content)]
    outcome.said = len(said)
    texts = Counter(message.content.split()[-1] for message in said)
    outcome.double = [text for text, times in texts.items() if times > 1]
    outcome.harmful = [
        message.content
        for message in posted
        if message.pings_somebody or any(word in message.content for word in HOSTILE)
    ]


def report(outcome: Outcome) -> str:
    struck = outcome.struck
    memory = " → ".join(f"{mb:.0f}" for _, mb in outcome.memory_mb) or "not taken"
    rows = [
        ["events of people", f"{outcome.events:,}", f"killed {outcome.kills} times"],
        ["faults", f"{len(outcome.faults)}", f"{struck.total()} struck, {len(+struck)} kinds"],
        ["connected", f"{outcome.heard / max(1, outcome.events):.0%}", "of the events"],
        ["lost or outdated lines", f"{len(outcome.lost)}", f"of {outcome.lines:,}; at most 0"],
        ["gone lines still known", f"{len(outcome.stale)}", "at most 0"],
        ["clones' lines unknown", f"{len(outcome.unknown)}", f"of {outcome.said:,}; at most 0"],
        ["lines posted twice", f"{len(outcome.double)}", f"of {outcome.said:,}; at most 0"],
        ["lines that ping or link", f"{len(outcome.harmful)}", "at most 0"],
        ["lines not shown at the end", f"{len(outcome.not_shown)}", f"{outcome.answered} asked"],
        ["unhandled exceptions", f"{len(outcome.unhandled)}", "at most 0"],
        ["still running at the end", "yes" if outcome.alive else "NO", ""],
        ["caught up within", f"{outcome.caught_up_s:.0f} s", f"at most {CATCH_UP_S:.0f}"],
        ["memory, MB", memory, "RSS"],
        ["growth", f"{outcome.growth:.1%}", f"at most {GROWTH:.0%}"],
    ]
    return table(["", "", ""], rows)


def main(arguments: list[str] | None = None) -> None:
    """Print the figures; exit code 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--pace", type=float, default=10.0, help="events a second")
    parser.add_argument("--fault-every", type=int, default=50)
    parser.add_argument("--kill-every", type=int, default=0, help="0: never")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="only this fault")
    parser.add_argument("--keep", type=Path, help="a folder for config, store and log")
    options = parser.parse_args(arguments)
    plan = Plan(
        events=options.events,
        pace=options.pace,
        fault_every=options.fault_every,
        kill_every=options.kill_every,
        seed=options.seed,
        kinds=options.kind or tuple(KINDS),
    )
    with tempfile.TemporaryDirectory(prefix="botconvo-soak-") as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        outcome = asyncio.run(soak(plan, folder))
    print(report(outcome), end="")
    _tell(outcome)
    if outcome.missed:
        sys.exit(1)


def _tell(outcome: Outcome) -> None:
    """On stderr what was wrong, and when what broke."""
    wrong = (
        *outcome.lost[:10],
        *outcome.stale[:10],
        *outcome.unknown[:10],
        *outcome.double[:10],
        *outcome.harmful[:10],
        *outcome.not_shown[:3],
        *outcome.unhandled[:10],
    )
    for line in wrong:
        print(line, file=sys.stderr)
    if wrong:
        for at, kind in outcome.faults:
            print(f"{at:%H:%M:%S} {kind}", file=sys.stderr)


if __name__ == "__main__":
    main()
