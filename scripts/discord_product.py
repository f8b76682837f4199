"""The whole program on Discord in a process of its own, with words in the place of models.

    python scripts/discord_product.py config.toml        (the scripts about Discord start it)

Everything is as ``botconvo run --platform discord`` makes it, but for the model servers: their
answers are made up, and no two are the same, so that a line that stands twice was posted twice.
"""

import argparse
import asyncio
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from string import ascii_lowercase
from typing import Any

import httpx

from botconvo.build import RunOptions, build_plan, build_platforms
from botconvo.config import load_settings
from botconvo.conversation.events import Objection
from botconvo.live import stop_on_signals
from botconvo.model_process import ModelSpec
from botconvo.orchestrator.cast import CastMember
from botconvo.orchestrator.hosted import HostedSpec
from botconvo.orchestrator.reins import Reins
from botconvo.orchestrator.run import Plan, run
from botconvo.orchestrator.supervisor import Supervisor
from botconvo.personas import PersonaName
from botconvo.phrases import NoPhrases
from botconvo.ports import Completion, GenerateRequest, TextGenerator
from botconvo.rehearsal import Application, Channel, Rehearsal
from botconvo.store import Store
from botconvo.voices import CloneVoice, Voice

__all__ = ["CLONES", "HOSTILE", "Product", "running", "without_models", "write_config"]

ROOT = Path(__file__).resolve().parent.parent
CLONES = ("Juno", "Marek", "Tilly", "Dex")
HOSTILE = ("@everyone", "@here", "https://discord.gg/kettle", "**[tea](https://tea.example)**")
"""What must not get out of a model and into a channel as it is."""
_END_S = 30.0


class _Always(Supervisor):
    """A model server that is always ready, without a process."""

    async def run(self) -> None:
        self.was_ready = True
        self._enter("ready", None)
        await asyncio.Event().wait()


class _MadeUp:
    """Answers without a model: no two are the same, in no process, and hardly two words.

    Now and then they are a reply or a reaction, or hold what must never get out as it is.  What
    was asked last is written into ``prompts``, newest at the end, where a folder is given.
    """

    def __init__(self, prompts: Path | None) -> None:
        self._numbers, self._rng = itertools.count(1), Random(os.getpid())
        self._prompts = prompts

    async def complete(self, request: GenerateRequest) -> Sequence[Completion]:
        if self._prompts is not None:
            with self._prompts.open("a", encoding="utf-8") as out:
                out.write(json.dumps(request.prompt) + "\n")
        return [
            Completion(text=f" {self._words()}", finished=True, logprob=-1.0)
            for _ in range(request.n)
        ]

    def _words(self) -> str:
        """The last word is the only one of its kind."""
        words = ["".join(self._rng.choices(ascii_lowercase, k=6)) for _ in range(4)]
        if self._rng.random() < 0.2:
            words.insert(2, self._rng.choice(HOSTILE))
        said = f"{' '.join(words)} p{os.getpid()}n{next(self._numbers)}"
        draw = self._rng.random()
        if draw < 0.05:
            return "REACT: 🍵;"
        return f"REPLY: {said};" if draw < 0.2 else said


class _Everything:
    """Finds every text safe."""

    def objection(self, text: str) -> Objection | None:
        return None


def without_models(plan: Plan, generator: Callable[[PersonaName], TextGenerator]) -> Plan:
    """The same plan with ``generator`` in the place of each persona's model server."""
    nothing: Any = None

    def supervise(spec: ModelSpec | HostedSpec, changed: Callable[[], None]) -> Supervisor:
        assert isinstance(spec, ModelSpec)
        return _Always(spec, nothing, nothing, changed)

    def voice(member: CastMember, _: Callable[[], str | None]) -> Voice:
        own = generator(member.persona.name)
        return CloneVoice(member.prompt_format, own, NoPhrases(), _Everything())

    return replace(plan, supervise=supervise, voice=voice)


async def _run(config: Path, prompts: Path | None) -> None:
    settings = load_settings(config)
    options = RunOptions(config=config, platforms=("discord",))
    stopping, reins, made_up = asyncio.Event(), Reins(), _MadeUp(prompts)
    with Store.open(settings.store) as store:
        platforms = build_platforms(settings, options, reins, store, stopping.set)
        async with httpx.AsyncClient(trust_env=False) as http:
            plan = build_plan(settings, options, store, http, lambda *_: None)
            plan = without_models(plan, lambda _: made_up)
            with stop_on_signals(stopping):
                await run(plan, platforms, reins, stopping)


# ---- for the scripts that start it ---------------------------------------------------------


def write_config(
    path: Path, rehearsal: Rehearsal, channels: Sequence[Channel], conversation: dict[str, Any]
) -> Path:
    """A config.toml with the demo's clones in these channels; gives its path."""
    demo = ROOT / "src" / "botconvo" / "demo" / "checkpoints"
    lines = [
        f"store = {json.dumps(str(path.parent / 'botconvo.sqlite3'))}",
        "[platforms.discord]",
        f"api = {json.dumps(rehearsal.api_base)}",
        f"gateway = {json.dumps(rehearsal.gateway_url)}",
        f"channels = {[channel.id for channel in channels]}",
        "[conversation]",
        *(f"{key} = {json.dumps(value)}" for key, value in conversation.items()),
    ]
    for name in CLONES:
        checkpoint = json.dumps(str(demo / name.lower()))
        lines += ["[[personas]]", f"name = {json.dumps(name)}", f"checkpoint = {checkpoint}"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A running process; ``log`` is what it has printed so far, both streams."""

    process: "subprocess.Popen[bytes]"
    log: Path
    store: Path
    prompts: Path | None
    """What the models were asked, one JSON string a line."""

    @property
    def pid(self) -> int:
        return self.process.pid

    def words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def unhandled(self) -> list[str]:
        """Lines of its log that tell of exceptions that nobody was ready for."""
        signs = ("Traceback (most", "never retrieved", "Unhandled exception", "was destroyed")
        return [line for line in self.words().splitlines() if any(s in line for s in signs)]


@contextmanager
def running(
    config: Path, bot: Application, *, prompts: bool = False, models: bool = False
) -> Iterator[Product]:
    """Start it for a bot and end it with a termination signal.

    ``prompts`` keeps what the models are asked; ``models`` takes the real ones.
    """
    log = Path(tempfile.mkstemp(prefix="botconvo-", suffix=".log", dir=config.parent)[1])
    asked = log.with_suffix(".prompts") if prompts else None
    words = [str(Path(__file__)), str(config)]
    if asked is not None:
        asked.touch()
        words += ["--prompts", str(asked)]
    if models:
        words = ["-m", "botconvo", "run", "--config", str(config), "--platform", "discord"]
    environment = {**os.environ, "BOTCONVO_DISCORD_TOKEN": bot.token, "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=environment,
        )
        try:
            store = config.parent / "botconvo.sqlite3"
            yield Product(process=process, log=log, store=store, prompts=asked)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--prompts", type=Path)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    asyncio.run(_run(options.config, options.prompts))


if __name__ == "__main__":
    main()
