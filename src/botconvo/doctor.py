"""Looks at everything that a run needs and says, line by line, what is well and what to do."""

import importlib.util
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from botconvo.agreed import reminder
from botconvo.build import build_cast
from botconvo.checkpoints import bundled_base, open_checkpoint
from botconvo.config import Settings, load_settings
from botconvo.corpus import told_manners
from botconvo.errors import BotConvoError
from botconvo.orchestrator.cast import CastMember
from botconvo.orchestrator.hosted import HostedSpec
from botconvo.store import Store
from model_server.errors import ModelServerError

__all__ = ["Finding", "examine"]

_ROOM_MB = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``advice`` says what to do about it; empty when all is well."""

    state: Literal["ok", "note", "wrong"]
    what: str
    advice: str = ""


def examine(config: Path, *, discord: bool = False) -> Iterator[Finding]:
    """Every finding, in the order in which things depend on each other.

    ``discord``: log in there, too, and look at tokens, intents, permissions and channels.
    """
    yield from _machine(config)
    yield _try("the base model that comes with BotConvo", _base)
    yield _try("the noun-phrase pipeline", _phrases)
    if not config.exists():
        yield Finding(
            state="note",
            what=f"there is no {config}",
            advice="'botconvo init' writes one; 'botconvo demo' needs none",
        )
        return
    settings: list[Settings] = []

    def load() -> str:
        settings.append(load_settings(config))
        return f"{len(settings[0].personas)} personas, preset {settings[0].conversation.preset}"

    yield _try(str(config), load)
    if settings:
        yield from _project(settings[0])
        if discord:
            yield from _discord(settings[0])


def _machine(config: Path) -> Iterator[Finding]:
    yield Finding(state="ok", what=f"Python {platform.python_version()} on {platform.system()}")
    folder = next(f for f in config.resolve().parents if f.is_dir())
    free_mb = shutil.disk_usage(folder).free // 2**20
    if free_mb < _ROOM_MB:
        yield Finding(state="wrong", what=f"only {free_mb} MB free on the disk", advice="make room")
    if importlib.util.find_spec("torch") is None:
        yield Finding(
            state="note",
            what="clones cannot be trained here: torch is not installed",
            advice='pip install "botconvo[train]" (not needed for talking)',
        )
    if sys.platform == "linux" and not _has_avx2():
        yield Finding(
            state="wrong",
            what="this processor has no AVX2",
            advice="the model server's engine needs it; use another machine",
        )


def _has_avx2() -> bool:
    if platform.machine() not in ("x86_64", "AMD64"):
        return True
    return "avx2" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")


def _base() -> str:
    return f"{open_checkpoint(bundled_base()).manifest.weights.bytes // 2**20} MB"


def _phrases() -> str:
    from botconvo.phrases import load_pipeline

    return load_pipeline("auto").description


def _project(settings: Settings) -> Iterator[Finding]:
    if settings.spacy_pipeline != "auto":
        yield _try(f"phrase pipeline {settings.spacy_pipeline!r}", lambda: _pipeline(settings))
    yield from _ports(settings)
    try:
        store = _look_into(settings.store)
    except BotConvoError as error:
        yield Finding(state="wrong", what=str(error))
        return
    with store:
        for persona in settings.personas:
            alone = settings.model_copy(update={"personas": [persona]})
            yield _try(
                f"persona {persona.name}",
                lambda alone=alone: _where(build_cast(alone, store)[0]),  # type: ignore[misc]
            )
        now = datetime.now(UTC)
        for person in store.people():
            ends = reminder(person.name, store.live_record(person.id, now), now)
            if ends is not None:
                yield Finding(state="note", what=ends, advice="'botconvo consent grant' again")
    if not settings.personas:
        yield Finding(
            state="note",
            what="no personas yet",
            advice="'botconvo import', 'botconvo consent grant', 'botconvo train' make one",
        )


def _where(member: CastMember) -> str:
    """Where the clone is, and how it takes part in talks."""
    spec, learned = member.spec, member.persona.learned
    if isinstance(spec, HostedSpec):
        return f"{spec.model} at {spec.processor}"
    manners = "" if learned is None else f"; manners: {told_manners(learned)}"
    return f"{spec.checkpoint}{manners}"


def _discord(settings: Settings) -> Iterator[Finding]:
    from botconvo.build_discord import examine_discord

    try:
        checked = examine_discord(settings)
    except BotConvoError as error:
        yield Finding(state="wrong", what=str(error))
        return
    for each in checked:
        yield Finding(state=each.state, what=each.what, advice=each.advice)


def _look_into(path: Path) -> Store:
    """The store, or an empty one in its place: whoever only looks makes no file."""
    if path.exists():
        return Store.open(path)
    store = Store.open(Path(":memory:"))
    store.path = path
    return store


def _ports(settings: Settings) -> Iterator[Finding]:
    wanted = [(p.port, f"personas: {p.name}: port") for p in settings.personas if p.port]
    web = settings.platforms.web
    if web is not None and web.port:
        wanted.append((web.port, "platforms.web.port"))
    for port, key in wanted:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            # ``create_server`` adds the address in words of its own.
            reason = (error.strerror or str(error)).partition(" (while ")[0]
            yield Finding(
                state="wrong",
                what=f"{key}: {port} cannot be used: {reason}",
                advice="end what uses it (another talk?), or choose another port",
            )


def _pipeline(settings: Settings) -> str:
    from botconvo.phrases import load_pipeline

    return load_pipeline(settings.spacy_pipeline).description


def _try(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(state="ok", what=f"{what}: {check()}")
    except (BotConvoError, ModelServerError) as error:
        return Finding(state="wrong", what=f"{what}: {error}")
