"""How long a clone stays after its person's consent has ended, in the real program.

    python scripts/measure_withdrawal.py [--times 10]

Two clones talk on a rehearsed Discord, each with its model server.  The consent of one ends: typed
in another terminal (``botconvo consent withdraw``), by ``/consent withdraw`` in Discord, or because
its time is over.  Measured is the time from that moment (from pressing Enter, for the terminal) to
its last line and to the end of its server's process.  Then the person agrees again.  Linux only.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from discord_product import Product, running
from measuring import BASE, CHECKPOINT, make_clones, quartiles, servers_under, table

from botconvo.consent import ConsentRecord, PersonId, RecordId, granted
from botconvo.messages import AuthorId
from botconvo.rehearsal import NO_LIMITS, Application, Channel, Person, Rehearsal
from botconvo.store import STORE_NAME, Store

_PERSON = PersonId("p-aaaaaaaaaa")
_CLONE, _OTHER = "Clone 1", "Clone 2"
_BRISK = {
    "gap_s": [0.05, 0.1],
    "answer_s": [0.05, 0.1],
    "typing_per_s": 1000.0,
    "turn_limit": 1000,
    "cool_down_s": 0.0,
    "go_on": 1.0,
}
_READY_S = 60.0
_LAST_S = 3.0
"""So long nothing of a clone's may come any more before its last line counts as that."""
_AHEAD = timedelta(seconds=4)
"""Until a consent ends by itself: long enough for the clone to be there again."""


@dataclass(slots=True)
class Times:
    """Seconds to the last line and to the end of the server, one pair for each time."""

    line: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Stage:
    """A talk that goes on."""

    rehearsal: Rehearsal
    channel: Channel
    ann: Person
    bot: Application
    product: Product
    agreed: int = 0

    def agree(self, until: datetime | None = None) -> None:
        """As the person does; ``until`` is finer than the days that can be typed."""
        self.agreed += 1
        author = AuthorId(f"discord:{self.ann.id}")
        record = ConsentRecord(
            id=RecordId(f"r-{self.agreed}"),
            person=_PERSON,
            granted_at=datetime.now(UTC),
            adult=True,
            sources=(author,),
            expires_at=until,
        )
        with Store.open(self.product.store) as store, store.transaction():
            store.keep_person(_PERSON, _CLONE, [author])
            store.append_ledger(granted(store.ledger(), record, salt=os.urandom(8).hex()))

    def server(self) -> int | None:
        """The process of the clone's model server, if it runs."""
        for pid in servers_under(self.product.pid):
            with suppress(OSError):
                if b"clone-1" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        return None

    def last_line(self) -> datetime | None:
        """When the clone spoke last."""
        lines = [m.at for m in self.channel.history if m.author.name.startswith(_CLONE)]
        return lines[-1] if lines else None

    async def talks(self, since: datetime) -> None:
        """Come back once the clone has spoken after that."""
        async with asyncio.timeout(_READY_S):
            while (last := self.last_line()) is None or last < since:
                self.ann.says(self.channel, f"{_CLONE}, what do you think?")
                await asyncio.sleep(0.3)


async def measure(times: int, folder: Path) -> dict[str, Times]:
    """All figures, by how the consent ended."""
    found: dict[str, Times] = {}
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        guild = rehearsal.add_guild("Leaving")
        channel, ann = rehearsal.add_channel(guild, "general"), rehearsal.add_person("Ann", guild)
        bot = rehearsal.add_bot("BotConvo", guild)
        config = _config(folder, rehearsal, channel)
        before = Product(process=None, log=config, store=folder / STORE_NAME, prompts=None)  # type: ignore[arg-type]
        stage = Stage(rehearsal, channel, ann, bot, before)
        stage.agree()
        with running(config, bot, models=True) as product:
            stage.product = product
            await rehearsal.wait_until_connected(bot, _READY_S)
            ways: dict[str, Callable[[Stage], Awaitable[datetime]]] = {
                "another terminal": _typed,
                "`/consent withdraw`": _by_account,
                "the end of its time": _expired,
            }
            for way, end in ways.items():
                found[way] = Times()
                for _ in range(times):
                    await _once(stage, end, found[way])
    return found


async def _once(stage: Stage, end: Callable[[Stage], Awaitable[datetime]], into: Times) -> None:
    stage.agree()
    await stage.talks(datetime.now(UTC))
    pid = stage.server()
    assert pid is not None, stage.product.words()
    began = await end(stage)
    async with asyncio.timeout(_READY_S):
        while stage.server() is not None:
            await asyncio.sleep(0.01)
    gone = datetime.now(UTC)
    for _ in range(round(_LAST_S / 0.5)):
        stage.ann.says(stage.channel, f"{_CLONE}, are you there?")
        await asyncio.sleep(0.5)
    last = stage.last_line()
    assert last is not None
    into.line.append(max(0.0, (last - began).total_seconds()))
    into.server.append((gone - began).total_seconds())


async def _typed(stage: Stage) -> datetime:
    """As in another terminal, with the start of Python."""
    began = datetime.now(UTC)
    words = ("consent", "withdraw", _CLONE, "--project", str(stage.product.store.parent))
    typed = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "botconvo", *words, stdout=subprocess.DEVNULL
    )
    assert await typed.wait() == 0
    return began


async def _by_account(stage: Stage) -> datetime:
    began = datetime.now(UTC)
    answer = await stage.ann.runs(stage.channel, "/consent withdraw", timeout_s=_READY_S)
    assert "You have withdrawn" in answer.content, answer.content
    return began


async def _expired(stage: Stage) -> datetime:
    until = datetime.now(UTC) + _AHEAD
    stage.agree(until)
    while datetime.now(UTC) < until:
        stage.ann.says(stage.channel, f"{_CLONE}, how much time is left?")
        await asyncio.sleep(0.3)
    return until


def _config(folder: Path, rehearsal: Rehearsal, channel: Channel) -> Path:
    clones = make_clones(folder / "checkpoints", CHECKPOINT, BASE, 2)
    manifest = clones[_CLONE] / "manifest.json"
    about = json.loads(manifest.read_text(encoding="utf-8"))
    about["consent"] = {"person": _PERSON, "record": "r-1", "fictional": False}
    manifest.write_text(json.dumps(about), encoding="utf-8")
    lines = [
        f"store = {json.dumps(str(folder / STORE_NAME))}",
        "[platforms.discord]",
        f"api = {json.dumps(rehearsal.api_base)}",
        f"gateway = {json.dumps(rehearsal.gateway_url)}",
        f"channels = [{channel.id}]",
        "[conversation]",
        *(f"{key} = {json.dumps(value)}" for key, value in _BRISK.items()),
    ]
    for name, checkpoint in clones.items():
        where = json.dumps(str(checkpoint.resolve()))
        lines += ["[[personas]]", f"name = {json.dumps(name)}", f"checkpoint = {where}"]
    config = folder / "config.toml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return config


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=10)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="botconvo-") as folder:
        found = asyncio.run(measure(options.times, Path(folder)))
    rows = [
        [
            way,
            quartiles(times.line),
            f"{max(times.line):.2f}",
            quartiles(times.server),
            f"{max(times.server):.2f}",
        ]
        for way, times in found.items()
    ]
    print(table(["Ended by", "last line, s", "worst", "server ended, s", "worst"], rows))


if __name__ == "__main__":
    main()
