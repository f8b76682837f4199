"""The task tree of a run, from the first model server to the last goodbye.

    TaskGroup
     ├─ a supervisor for every model server      (restarts alone)
     ├─ the wait for what loads beside them      (a missing phrase pipeline ends the run)
     ├─ a pump for every platform                (its events, one talk for every channel)
     ├─ the herald                               (tells talks and watchers who is ready)
     ├─ the porter                               (tells platforms who is away)
     ├─ the watch on the consents                (whoever takes theirs back leaves)
     ├─ the reminder                             (whose consent ends soon, every day)
     └─ the watch on config.toml                 (reload)

It stops in the reverse order: first nobody speaks any more, then the model servers end, then the
platforms close.  A bug in any task ends the whole run with a traceback; a model server that dies
does not.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from botconvo.conversation.conversation import Conversation, Saved
from botconvo.conversation.events import Closed
from botconvo.conversation.lifespan import presences
from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import Post
from botconvo.conversation.reins import Law, is_kill_word
from botconvo.errors import BotConvoError, PlatformError
from botconvo.messages import ChannelId, Message
from botconvo.model_process import ModelSpec
from botconvo.orchestrator.approvals import Approvals
from botconvo.orchestrator.cast import Cast, CastMember, VoiceMaker
from botconvo.orchestrator.charge import Charge
from botconvo.orchestrator.hosted import HostedSpec, Watched
from botconvo.orchestrator.permits import Permits
from botconvo.orchestrator.reins import Reins
from botconvo.orchestrator.talk import Talk, company, fitting
from botconvo.people import People
from botconvo.personas import PersonaName
from botconvo.ports import Clock, Platform, ShownState
from botconvo.store import Store
from model_server.checkpoint.manifest import MANIFEST_NAME

__all__ = ["Plan", "run"]

logger = logging.getLogger(__name__)

_RELOAD_S = 1.0
"""How often config.toml is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What config.toml says that can change while a run goes on; see ``Plan`` and ``Approvals``."""

    members: tuple[CastMember, ...]
    manners: Manners
    law: Law = field(default_factory=Law)
    approval_channel: ChannelId | None = None
    approval: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a run needs, made by ``build``.

    ``prepare`` comes back when what loads in the background is there, or raises a BotConvoError;
    ``reload`` reads config.toml anew, or raises a BotConvoError; ``renew`` makes anew what was made
    of everybody's words, once somebody was forgotten.
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
    reload: Callable[[], Settled]
    supervise: Callable[[ModelSpec | HostedSpec, Callable[[], None]], Watched]
    voice: VoiceMaker
    store: Store
    clock: Clock
    posted: Callable[[Message, Post], None]
    """Called for every message that a clone posted."""
    charge: Charge
    renew: Callable[[], None] = lambda: None
    approvals: Approvals = field(default_factory=lambda: Approvals(None))
    """Where somebody approves every line."""
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
    reins.obey(plan.charge)
    async with AsyncExitStack() as stack:
        for platform in platforms:
            await stack.enter_async_context(platform)
        async with asyncio.TaskGroup() as tasks:
            running = _Running(plan, platforms, reins, stopping, tasks)
            running.begin()
            speaking = [
                tasks.create_task(asyncio.to_thread(plan.prepare)),
                tasks.create_task(running.tell_who_is_ready()),
                tasks.create_task(running.watch_config()),
                tasks.create_task(running.watch_consents()),
                tasks.create_task(running.remind()),
                tasks.create_task(running.tell_who_is_away()),
                *(tasks.create_task(running.pump(platform)) for platform in platforms),
            ]
            await stopping.wait()
            for task in (*speaking, *running.talking):
                task.cancel()
            await running.cast.stop()
    if running.failure is not None:
        raise running.failure


class _Running:
    """The tasks of one run and what they share."""

    def __init__(
        self,
        plan: Plan,
        platforms: Sequence[Platform],
        reins: Reins,
        stopping: asyncio.Event,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._plan, self._reins, self._stopping, self._tasks = plan, reins, stopping, tasks
        self._platforms = platforms
        self._manners, self._approval = plan.manners, plan.approval
        self._offices: set[ChannelId] = set()
        """Where lines are, or were, approved: nobody talks there."""
        self._permits = Permits(plan.store, plan.clock, [each.name for each in platforms])
        self._members = plan.members
        self._refusals: tuple[str, ...] = ()
        self._posted = 0
        self._rested = asyncio.Event()
        self._played_anew = asyncio.Event()
        self.talking: set[asyncio.Task[None]] = set()
        self.failure: BotConvoError | None = None
        self.cast = Cast(tasks, plan.supervise, plan.voice, wait_for_all=plan.wait_for_all)

    def begin(self) -> None:
        """Start the model servers."""
        self._play(self._plan.members)
        self._attach_approvals()

    def _attach_approvals(self) -> None:
        approvals = self._plan.approvals
        if approvals.channel is not None:
            self._offices.add(approvals.channel)
        prefix = (approvals.channel or "").partition(":")[0]
        there = next((each for each in self._platforms if each.name == prefix), None)
        approvals.attach(there, self._reins.steer)

    async def pump(self, platform: Platform) -> None:
        """Bring a platform's events to the talks of its channels."""
        async for channel, event in platform.events():
            if channel in self._offices:
                await self._plan.approvals.hear(event)
                continue
            talk = self._reins.find(channel)
            if isinstance(event, Closed):
                await self._close(talk)
                continue
            if talk is None:
                talk = self._open(channel, platform)
            await talk.put(event)
        logger.info("%s has closed", platform.name)
        self._stopping.set()

    async def _close(self, talk: Talk | None) -> None:
        if talk is not None:
            self._reins.remove(talk)  # at once: the channel may come back before the talk has ended
            await talk.put(Closed())
            self._rested.set()

    def _open(self, channel: ChannelId, platform: Platform) -> Talk:
        plan = self._plan
        kept = plan.store.recent_live(channel, limit=100) if plan.keep_history else ()
        limits = platform.limits(channel)
        conversation = Conversation(
            channel,
            fitting(self._manners, limits),
            company(self.cast.ready(), limits, channel),
            seed=plan.seed,
            people=plan.people,
            kept=[each for each in kept if not is_kill_word(each.text, plan.charge.law.kill_word)],
            saved=Saved(asleep=plan.store.away(channel) if plan.keep_history else {}),
            approval=self._approval,
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
        talking = self._tasks.create_task(talk.run())
        self.talking.add(talking)
        talking.add_done_callback(self.talking.discard)
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

    async def tell_who_is_away(self) -> None:
        """Show on each platform who is away from all of its channels in which there is a talk."""
        told: dict[tuple[str, PersonaName], bool] = {}
        while True:
            await self._rested.wait()
            self._rested.clear()
            for platform in self._platforms:
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
        notes = [*self._refusals, self.cast.note()]
        return ShownState(
            paused=False,
            speed=1.0,
            temperature=None,
            personas=self.cast.states(),
            note="; ".join(note for note in notes if note) or None,
        )

    def _play(self, members: Sequence[CastMember], *, anew: bool = False) -> None:
        """Let those of these play whose people agree to it."""
        self._members = tuple(members)
        found = {member.persona.name: self._permits.refusal(member) for member in members}
        refusals = tuple(refusal for refusal in found.values() if refusal is not None)
        for refusal in refusals:
            if refusal not in self._refusals:
                logger.warning("%s", refusal)
        self._refusals = refusals
        playing = [each for each in members if found[each.persona.name] is None]
        self.cast.play([self._permits.bounded(each) for each in playing], anew=anew)
        self._played_anew.set()

    async def watch_consents(self) -> None:
        """Let whoever takes their consent back leave, and come back if they agree again.

        Whoever agrees to something else plays under that from then on.
        """
        while True:
            await self._permits.changed(self._members)
            if self._permits.somebody_was_forgotten():
                await self._let_go()
                continue
            found = {self._permits.refusal(member) for member in self._members} - {None}
            if found != set(self._refusals) or self._are_bounded_anew():
                self._play(self._members)

    def _are_bounded_anew(self) -> bool:
        playing = (self.cast.member(member.persona.name) for member in self._members)
        return any(
            self._permits.bounded(each).persona != each.persona
            for each in playing
            if each is not None
        )

    async def remind(self) -> None:
        """Tell the owner every day whose consent ends soon."""
        told: set[str] = set()
        while True:
            self._played_anew.clear()
            for line in await asyncio.to_thread(self._permits.reminders, self._members):
                if line not in told:
                    logger.warning("%s", line)
                told.add(line)
            due = await asyncio.to_thread(self._permits.next_reminder, self._members)
            await self._until_played_anew(due)

    async def _until_played_anew(self, until: datetime | None) -> None:
        """Come back then, or when somebody has come, left, or agreed to something else."""
        playing = asyncio.create_task(self._played_anew.wait())
        clock = self._plan.clock
        waiting = None if until is None else asyncio.create_task(clock.wait_until(until))
        tasks = {task for task in (playing, waiting) if task is not None}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def _let_go(self) -> None:
        """Remember no more than the store does, in the model servers' memory neither."""
        logger.info("somebody was forgotten; the model servers start again")
        self._plan.charge.let_go()
        for talk in self._reins.talks:
            talk.let_go()
        self._play(self._members, anew=True)
        await asyncio.to_thread(self._plan.renew)

    async def watch_config(self) -> None:
        """Take up a changed config.toml, ``.env`` or clone; what cannot be used changes nothing."""
        config = self._plan.config
        seen = self._stamps()
        while True:
            await asyncio.sleep(_RELOAD_S)
            now = self._stamps()
            if now[config] is None:
                continue
            changed = {path for path, stamp in now.items() if stamp != seen.get(path, stamp)}
            seen |= now
            if not changed:
                continue
            try:
                settled = await asyncio.to_thread(self._plan.reload)
            except BotConvoError as error:
                logger.error("config.toml was not taken up: %s", error)
                continue
            names = ", ".join(member.persona.name for member in settled.members)
            what = "a clone's other version" if _are_clones(changed) else "config.toml"
            logger.info("%s was taken up; in the talk: %s", what, names)
            await self._take_up(settled)

    def _stamps(self) -> dict[Path, tuple[int, int] | None]:
        """Of every file that is watched; a clone is missing for a moment while it is exchanged."""
        config = self._plan.config
        specs = (member.spec for member in self._members)
        clones = (each.checkpoint / MANIFEST_NAME for each in specs if isinstance(each, ModelSpec))
        stamps = {path: stamp for path in clones if (stamp := _stamp(path)) is not None}
        return stamps | {path: _stamp(path) for path in (config, config.with_name(".env"))}

    async def _take_up(self, settled: Settled) -> None:
        plan = self._plan
        self._play(settled.members)
        self._manners, self._approval = settled.manners, settled.approval
        plan.charge.law = settled.law
        moved = plan.approvals.channel != settled.approval_channel
        plan.approvals.channel = settled.approval_channel
        self._attach_approvals()
        for talk in self._reins.talks:
            if talk.channel in self._offices:
                await self._close(talk)
            else:
                talk.set_manners(self._manners)
                await talk.set_approval(self._approval, moved=moved)


def _are_clones(paths: Collection[Path]) -> bool:
    return all(path.name == MANIFEST_NAME for path in paths)


def _stamp(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        status = path.stat()
        return status.st_mtime_ns, status.st_size
    return None
