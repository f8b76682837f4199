"""The task tree of a run, from the first model server to the last goodbye.

    TaskGroup
     ├─ a supervisor for every model server      (restarts alone)
     ├─ the wait for what loads beside them      (a missing phrase pipeline ends the run)
     ├─ a pump for every platform                (its events, one talk for every channel)
     ├─ the herald                               (tells talks and watchers who is ready)
     ├─ the porter                               (tells platforms who is away)
     └─ the watch on config.toml                 (reload)

It stops in the reverse order: first nobody speaks any more, then the model servers end, then the
platforms close.  A bug in any task ends the whole run with a traceback; a model server that dies
does not.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from botconvo.conversation.conversation import Conversation, Saved
from botconvo.conversation.lifespan import presences
from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import Post
from botconvo.conversation.reins import is_kill_word
from botconvo.errors import BotConvoError, PlatformError
from botconvo.messages import ChannelId, Message
from botconvo.model_process import ModelSpec
from botconvo.orchestrator.approvals import Approvals
from botconvo.orchestrator.cast import Cast, CastMember, VoiceMaker
from botconvo.orchestrator.charge import Charge
from botconvo.orchestrator.reins import Reins
from botconvo.orchestrator.supervisor import Supervisor
from botconvo.orchestrator.talk import Talk, company, fitting
from botconvo.people import People
from botconvo.personas import PersonaName
from botconvo.ports import Clock, Platform, ShownState
from botconvo.store import Store

__all__ = ["Plan", "run"]

logger = logging.getLogger(__name__)

_RELOAD_S = 1.0
"""How often config.toml is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a run needs, made by ``build``.

    ``prepare`` comes back when what loads in the background is there, or raises a BotConvoError;
    ``reload`` reads config.toml anew and gives the cast and manners, or raises a BotConvoError.
    """

    members: tuple[CastMember, ...]
    manners: Manners
    people: People
    seed: int
    wait_for_all: bool
    max_messages: int | None
    keep_history: bool
    """Whether a talk goes on from what the store remembers; a seeded run begins afresh."""
    run_id: str
    """Tells this run's posts from those of earlier runs."""
    config: Path
    prepare: Callable[[], object]
    reload: Callable[[], tuple[tuple[CastMember, ...], Manners]]
    supervise: Callable[[ModelSpec, Callable[[], None]], Supervisor]
    voice: VoiceMaker
    store: Store
    clock: Clock
    posted: Callable[[Message, Post], None]
    """Called for every message that a clone posted."""
    charge: Charge
    approvals: Approvals | None = None
    """Where somebody approves every line; None: on the page, or nobody does."""
    approval: timedelta | None = None
    """How long a line waits for that (None: it does not wait)."""


async def run(
    plan: Plan, platforms: Sequence[Platform], reins: Reins, stopping: asyncio.Event
) -> None:
    """Let them talk until ``stopping`` is set, or ``max_messages`` are posted.

    Raises:
        BotConvoError: a model server cannot be started, or a platform cannot be opened.
    """
    await asyncio.to_thread(plan.store.purge_live, plan.clock.now())
    async with AsyncExitStack() as stack:
        for platform in platforms:
            await stack.enter_async_context(platform)
        async with asyncio.TaskGroup() as tasks:
            running = _Running(plan, reins, stopping, tasks)
            running.cast.play(plan.members)
            _attach(plan.approvals, platforms, reins)
            speaking = [
                tasks.create_task(asyncio.to_thread(plan.prepare)),
                tasks.create_task(running.tell_who_is_ready()),
                tasks.create_task(running.watch_config()),
                tasks.create_task(running.tell_who_is_away(platforms)),
                *(tasks.create_task(running.pump(platform)) for platform in platforms),
            ]
            await stopping.wait()
            for task in (*speaking, *running.talking):
                task.cancel()
            await running.cast.stop()
    if running.failure is not None:
        raise running.failure


def _attach(approvals: Approvals | None, platforms: Sequence[Platform], reins: Reins) -> None:
    if approvals is None:
        return
    prefix = approvals.channel.partition(":")[0]
    for platform in platforms:
        if platform.name == prefix:
            approvals.attach(platform, reins.steer)


class _Running:
    """The tasks of one run and what they share."""

    def __init__(
        self, plan: Plan, reins: Reins, stopping: asyncio.Event, tasks: asyncio.TaskGroup
    ) -> None:
        self._plan, self._reins, self._stopping, self._tasks = plan, reins, stopping, tasks
        self._manners = plan.manners
        self._posted = 0
        self._rested = asyncio.Event()
        self.talking: list[asyncio.Task[None]] = []
        self.failure: BotConvoError | None = None
        self.cast = Cast(tasks, plan.supervise, plan.voice, wait_for_all=plan.wait_for_all)

    async def pump(self, platform: Platform) -> None:
        """Bring a platform's events to the talks of its channels."""
        approvals = self._plan.approvals
        async for channel, event in platform.events():
            if approvals is not None and channel == approvals.channel:
                await approvals.hear(event)
                continue
            talk = self._reins.find(channel)
            if talk is None:
                talk = self._open(channel, platform)
            await talk.put(event)
        logger.info("%s has closed", platform.name)
        self._stopping.set()

    def _open(self, channel: ChannelId, platform: Platform) -> Talk:
        plan = self._plan
        kept = plan.store.recent_live(channel, limit=100) if plan.keep_history else ()
        limits = platform.limits(channel)
        conversation = Conversation(
            channel,
            fitting(self._manners, limits),
            company(self.cast.ready(), limits),
            seed=plan.seed,
            people=plan.people,
            kept=[each for each in kept if not is_kill_word(each.text, plan.charge.law.kill_word)],
            saved=Saved(asleep=plan.store.away(channel) if plan.keep_history else {}),
            approval=plan.approval,
        )
        talk = Talk(
            channel,
            conversation,
            platform,
            self.cast,
            plan.store,
            plan.clock,
            self._count,
            plan.run_id,
            self._rested.set,
            plan.charge,
            plan.approvals,
        )
        self._reins.add(talk)
        self.talking.append(self._tasks.create_task(talk.run()))
        talk.set_state(self._state())
        return talk

    def _count(self, message: Message, post: Post) -> bool:
        """Report a post; False when it was the last one of the run."""
        self._plan.posted(message, post)
        self._posted += 1
        most = self._plan.max_messages
        if most is not None and self._posted >= most:
            self._stopping.set()
        return not self._stopping.is_set()

    async def tell_who_is_ready(self) -> None:
        """Tell every talk and watcher whenever a model server's state changes."""
        told: tuple[object, ...] = ()
        logged: tuple[str, ...] = ()
        while True:
            await self.cast.changed.wait()
            self.cast.changed.clear()
            ready, state = self.cast.ready(), self._state()
            if (ready, state) == told:
                continue
            told = (ready, state)
            for talk in self._reins.talks:
                talk.set_state(state)
                await talk.set_personas(ready)
            if (reason := self.cast.hopeless()) is not None:
                self.failure = BotConvoError(reason)
                self._stopping.set()
            elif (failures := self.cast.failures()) != logged:
                logged = failures
                logger.error("%s", "; ".join(failures) or "whoever had failed runs again")

    async def tell_who_is_away(self, platforms: Sequence[Platform]) -> None:
        """Show on each platform who is away from all of its channels in which there is a talk."""
        told: dict[tuple[str, PersonaName], bool] = {}
        while True:
            await self._rested.wait()
            self._rested.clear()
            for platform in platforms:
                talks = [t.conversation for t in self._reins.talks if t.platform is platform]
                now = self._plan.clock.now()
                away = presences((t.personas, t.asleep) for t in talks if t.is_alive(now))
                for persona in {name for talk in talks for name in talk.personas}:
                    is_away = away.get(persona, False)
                    if told.get((platform.name, persona), False) != is_away:
                        told[platform.name, persona] = is_away
                        with suppress(PlatformError):  # presence is news or nothing
                            await platform.show_presence(persona, away=is_away)

    def _state(self) -> ShownState:
        return ShownState(
            paused=False,
            speed=1.0,
            temperature=None,
            personas=self.cast.states(),
            note=self.cast.note(),
        )

    async def watch_config(self) -> None:
        """Take up a changed config.toml or ``.env``; a bad one changes nothing."""
        config = self._plan.config
        secrets = config.with_name(".env")
        seen = _stamp(config), _stamp(secrets)
        while True:
            await asyncio.sleep(_RELOAD_S)
            stamp = _stamp(config), _stamp(secrets)
            if stamp == seen or stamp[0] is None:
                continue
            seen = stamp
            try:
                members, self._manners = await asyncio.to_thread(self._plan.reload)
            except BotConvoError as error:
                logger.error("config.toml was not taken up: %s", error)
                continue
            logger.info("config.toml changed: %s", ", ".join(m.persona.name for m in members))
            self.cast.play(members)
            for talk in self._reins.talks:
                talk.set_manners(self._manners)


def _stamp(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        status = path.stat()
        return status.st_mtime_ns, status.st_size
    return None
