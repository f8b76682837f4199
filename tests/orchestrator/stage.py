"""A stage for talks: supervisors without processes, voices without models, a real store."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fakes import FakeClock, FakeExtractor, FakePlatform

from botconvo.consent import ConsentRecord, PersonId, RecordId, granted
from botconvo.conversation.conversation import Conversation
from botconvo.conversation.events import Objection, Opened
from botconvo.conversation.manners import Manners, manners
from botconvo.conversation.orders import Post
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId
from botconvo.model_process import ModelSpec
from botconvo.orchestrator.approvals import Approvals
from botconvo.orchestrator.cast import Cast, CastMember
from botconvo.orchestrator.charge import Charge
from botconvo.orchestrator.hosted import HostedSpec
from botconvo.orchestrator.supervisor import Supervisor
from botconvo.orchestrator.talk import Talk
from botconvo.people import People
from botconvo.personas import Persona, PersonaName
from botconvo.ports import Completion, GenerateRequest, Shown, ShownState, TextGenerator
from botconvo.store import Store
from botconvo.voices import CloneVoice, Voice
from model_server.prompt_format import PromptFormat

CHANNEL = ChannelId("fake:main")
JUNO, MAREK = PersonaName("Juno"), PersonaName("Marek")
SLOW = manners(
    "group-chat", {"gap_s": (10.0, 10.0), "typing_per_s": 0.0, "answer_s": (1.0, 1.0)}
).unattended()
"""After every message a fake clock has to be moved on by ten seconds."""


class FakeSupervisor(Supervisor):
    """Ready at once, or in the state that a test puts it into; ``ended`` once it was stopped."""

    def __init__(self, spec: ModelSpec, changed: Callable[[], None], *, ready: bool = True) -> None:
        no_token: Any = None
        super().__init__(spec, no_token, no_token, changed)
        self._ready_at_once = ready
        self.started = asyncio.Event()
        self.ended = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def run(self) -> None:
        self.started.set()
        if self._ready_at_once:
            self.become_ready()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.shield(self.may_end.wait())
            self.ended.set()

    def become_ready(self) -> None:
        self.was_ready = True
        self._enter("ready", None)

    def fall(self, note: str) -> None:
        self._enter("backing off", note)

    def fail(self, note: str) -> None:
        self._enter("failed", note)


class Babbler:
    """A generator that never says the same twice; ``asked`` remembers the prompts.

    While ``held`` is set it answers nobody.
    """

    def __init__(self) -> None:
        self.asked: list[GenerateRequest] = []
        self.held = asyncio.Event()
        self._let_go = asyncio.Event()

    def hold(self) -> None:
        self.held.set()
        self._let_go.clear()

    def let_go(self) -> None:
        self.held.clear()
        self._let_go.set()

    async def complete(self, request: GenerateRequest) -> Sequence[Completion]:
        self.asked.append(request)
        number = len(self.asked)
        if self.held.is_set():
            await self._let_go.wait()
        text = f" word{number} other{number * 7}"
        return [Completion(text=text, finished=True, logprob=-1.0)]


class Everything:
    """Finds every text safe."""

    def digest(self) -> str:
        return "everything"

    def objection(self, text: str) -> Objection | None:
        return None


def a_member(
    name: PersonaName = JUNO,
    *,
    person: str | None = None,
    digest: str = "d",
    talkativeness: float = 0.5,
) -> CastMember:
    return CastMember(
        persona=Persona(name=name, talkativeness=talkativeness),
        spec=ModelSpec(persona=name, checkpoint=Path(name.lower()), base=None, digest=digest),
        person=None if person is None else PersonId(person),
        prompt_format=PromptFormat(speaker=name),
    )


def consents(
    store: Store,
    person: str,
    *,
    fictional: bool = False,
    expires: datetime | None = None,
    audience: tuple[str, ...] | None = None,
) -> None:
    """Let a person agree to everything at the fakes' noon, or invent one."""
    record = ConsentRecord(
        id=RecordId(f"r-{person}-{len(store.ledger())}"),
        person=PersonId(person),
        granted_at=FakeClock().now(),
        adult=not fictional,
        fictional=fictional,
        expires_at=expires,
        audience=audience,
    )
    with store.transaction():
        store.append_ledger(granted(store.ledger(), record, salt="salt"))


def heard(
    text: str, *, id: str = "heard/1", name: str = "Ann", channel: ChannelId = CHANNEL
) -> Message:
    """What a person wrote at the fakes' noon."""
    return Message(
        id=MessageId(id),
        channel=channel,
        author=Author(id=AuthorId(f"fake:{name}"), name=name),
        text=text,
        at=FakeClock().now(),
    )


@dataclass(slots=True)
class Stage:
    """A running talk and all around it."""

    talk: Talk
    cast: Cast
    platform: FakePlatform
    clock: FakeClock
    store: Store
    supervisors: dict[str, FakeSupervisor]
    posted: list[tuple[Message, Post]] = field(default_factory=list)

    async def watch(self, count: int) -> list[Shown]:
        """The first so many things that a new watcher sees."""
        seen: list[Shown] = []
        watching = self.talk.watch()
        while len(seen) < count:
            seen.append(await anext(watching))
        await watching.aclose()  # type: ignore[attr-defined]  # it is a generator
        return seen


@asynccontextmanager
async def a_stage(
    store: Store,
    generator: TextGenerator,
    *members: CastMember,
    manners: Manners = SLOW,
    clock: FakeClock | None = None,
    most: int | None = None,
    platform: FakePlatform | None = None,
    charge: Charge | None = None,
    approvals: Approvals | None = None,
    approval: timedelta | None = None,
    run_id: str = "run1",
) -> AsyncIterator[Stage]:
    """A talk of these members that runs until the context is left; ``most`` posts end it."""
    clock = clock or FakeClock()
    platform = platform or FakePlatform(CHANNEL, clock=clock)
    supervisors: dict[str, FakeSupervisor] = {}
    posted: list[tuple[Message, Post]] = []

    def supervise(spec: ModelSpec | HostedSpec, changed: Callable[[], None]) -> Supervisor:
        assert isinstance(spec, ModelSpec)
        supervisors[spec.persona] = FakeSupervisor(spec, changed)
        return supervisors[spec.persona]

    def voice(member: CastMember, address: Callable[[], str | None]) -> Voice:
        return CloneVoice(member.prompt_format, generator, FakeExtractor(), Everything())

    def was_posted(message: Message, post: Post) -> bool:
        posted.append((message, post))
        return most is None or len(posted) < most

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        cast = Cast(tasks, supervise, voice, wait_for_all=False)
        cast.play(members)
        for supervisor in supervisors.values():
            await supervisor.started.wait()
        conversation = Conversation(
            CHANNEL, manners, cast.ready(), seed=1, people=People(), approval=approval
        )
        talk = Talk(
            CHANNEL,
            conversation,
            platform,
            cast,
            store,
            clock,
            was_posted,
            run_id,
            charge=charge,
            approvals=approvals,
        )
        talk.set_state(
            ShownState(paused=False, speed=1.0, temperature=None, personas=cast.states())
        )
        running = tasks.create_task(talk.run())
        await talk.put(Opened())
        yield Stage(talk, cast, platform, clock, store, supervisors, posted)
        running.cancel()
        await cast.stop()
