"""The task tree of a run, without processes: what begins, what ends it, what it survives."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fakes import FakeClock, FakeExtractor, FakePlatform
from orchestrator.stage import (
    CHANNEL,
    JUNO,
    MAREK,
    SLOW,
    Babbler,
    Everything,
    FakeSupervisor,
    a_member,
    consents,
    heard,
)

from botconvo.consent import PersonId, withdrawn
from botconvo.conversation.events import (
    Closed,
    Heard,
    Heed,
    Ignore,
    Opened,
    Pause,
    Reacted,
    SetSpeed,
)
from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import Post, Say
from botconvo.conversation.reins import Law
from botconvo.errors import BotConvoError, ConfigError, PlatformError, StoreError
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId
from botconvo.model_process import ModelSpec
from botconvo.orchestrator.approvals import Approvals
from botconvo.orchestrator.cast import CastMember
from botconvo.orchestrator.charge import Charge
from botconvo.orchestrator.hosted import HostedSpec
from botconvo.orchestrator.permits import Permits
from botconvo.orchestrator.reins import Reins
from botconvo.orchestrator.run import Plan, Settled, run
from botconvo.orchestrator.supervisor import Supervisor
from botconvo.people import People
from botconvo.personas import PersonaName
from botconvo.ports import Help, Limits, MayAsk, ShownState, Who
from botconvo.store import LIVE_KEPT, Store
from botconvo.voices import CloneVoice, Voice

QUICK = replace(SLOW, gap_s=(0.0, 0.0), answer_s=(0.0, 0.0))
TILLY = PersonaName("Tilly")
Reload = Callable[[], Settled]


@dataclass(slots=True)
class Running:
    """A run under way, and what became of it."""

    platform: FakePlatform
    reins: Reins
    stopping: asyncio.Event
    config: Path
    voice: Babbler
    task: asyncio.Task[None]
    posted: list[Message]
    supervisors: dict[str, FakeSupervisor] = field(default_factory=dict)

    async def has_talk(self) -> None:
        while not self.reins.talks:
            await asyncio.sleep(0)

    async def state(self, wanted: Callable[[ShownState], bool]) -> ShownState:
        """Come back once the channel's state is so."""
        await self.has_talk()
        async for shown in self.reins.watch(CHANNEL):
            if isinstance(shown, ShownState) and wanted(shown):
                return shown
        raise AssertionError("watching never ends")


def no_reload() -> Settled:
    raise AssertionError("nobody changed config.toml")


@asynccontextmanager
async def a_run(
    store: Store,
    *members: CastMember,
    manners: Manners = QUICK,
    most: int | None = None,
    keep_history: bool = False,
    wait_for_all: bool = False,
    prepare: Callable[[], object] = lambda: None,
    reload: Reload = no_reload,
    platform: FakePlatform | None = None,
    ready: bool = True,
    charge: Charge | None = None,
    approvals: Approvals | None = None,
    approval: timedelta | None = None,
) -> AsyncIterator[Running]:
    """A run of these members; it is stopped when the context is left."""
    platform, clock = platform or FakePlatform(CHANNEL), FakeClock(skipping=True)
    reins, stopping, voice = Reins(), asyncio.Event(), Babbler()
    supervisors: dict[str, FakeSupervisor] = {}
    posted: list[Message] = []
    config = store.path.with_name("config.toml")
    config.write_text("", encoding="utf-8")

    def supervise(spec: ModelSpec | HostedSpec, changed: Callable[[], None]) -> Supervisor:
        assert isinstance(spec, ModelSpec)
        supervisors[spec.persona] = FakeSupervisor(spec, changed, ready=ready)
        return supervisors[spec.persona]

    def make_voice(member: CastMember, address: Callable[[], str | None]) -> Voice:
        return CloneVoice(member.prompt_format, voice, FakeExtractor(), Everything())

    def keep(message: Message, post: Post) -> None:
        posted.append(message)

    plan = Plan(
        members=members or (a_member(JUNO), a_member(MAREK)),
        manners=manners,
        people=People(),
        seed=1,
        wait_for_all=wait_for_all,
        max_messages=most,
        keep_history=keep_history,
        run_id="run1",
        config=config,
        prepare=prepare,
        reload=reload,
        supervise=supervise,
        voice=make_voice,
        store=store,
        clock=clock,
        posted=keep,
        charge=charge or Charge(store, clock),
        approvals=approvals or Approvals(None),
        approval=approval,
    )
    async with asyncio.timeout(20):
        task = asyncio.create_task(run(plan, [platform], reins, stopping))
        running = Running(platform, reins, stopping, config, voice, task, posted, supervisors)
        try:
            yield running
        finally:
            stopping.set()
            await asyncio.wait({task})


def ended(running: Running) -> BaseException | None:
    assert running.task.done()
    return running.task.exception()


async def test_a_run_ends_right_after_its_last_message(store: Store) -> None:
    async with a_run(store, most=4) as running:
        await running.task
    assert len(running.posted) == 4
    assert len(running.platform.posted) == 4
    assert len(store.recent_live(CHANNEL, 9)) == 4, "the last one is kept too"
    assert not running.platform.is_open
    assert all(supervisor.ended.is_set() for supervisor in running.supervisors.values())


async def test_the_first_ready_one_begins_and_the_others_join(store: Store) -> None:
    async with a_run(store, ready=False, manners=SLOW) as running:
        await running.has_talk()
        while not running.supervisors:
            await asyncio.sleep(0)
        running.supervisors["Marek"].become_ready()
        await running.platform.has_posted(3)
        assert {posting.persona for posting in running.platform.posted} == {MAREK}
        running.supervisors["Juno"].become_ready()
        while JUNO not in {posting.persona for posting in running.platform.posted}:
            await running.platform.has_posted(len(running.platform.posted) + 1)


async def test_a_fallen_model_server_does_not_stop_the_talk_of_the_others(store: Store) -> None:
    async with a_run(store) as running:
        await running.platform.has_posted(2)
        running.supervisors["Juno"].fall("Juno: killed")
        state = await running.state(lambda state: state.note is not None)
        assert (state.note, dict(state.personas)[JUNO]) == ("Juno: killed", "backing off")
        said = len(running.platform.posted)
        await running.platform.has_posted(said + 4)
        assert {p.persona for p in running.platform.posted[said + 1 :]} == {MAREK}


async def test_a_platform_that_closes_ends_the_run(store: Store) -> None:
    async with a_run(store) as running:
        await running.platform.has_posted(1)
        running.platform.close()
        await running.task
    assert ended(running) is None


async def test_a_channel_that_is_closed_has_no_talk_until_it_comes_back(store: Store) -> None:
    other = ChannelId("fake:other")
    platform = FakePlatform(CHANNEL, other)
    async with a_run(store, platform=platform, keep_history=True) as running:

        def said() -> list[MessageId]:
            lines = [each.message for each in platform.posted if each.channel == CHANNEL]
            return [line.id for line in lines if line is not None]

        await platform.until(lambda: len(said()) > 1)
        first, old = said()[0], running.reins.find(CHANNEL)
        watching = running.reins.watch(CHANNEL)
        await anext(watching)
        platform.happens(Closed(), CHANNEL)
        async for _ in watching:
            pass  # whoever watches is let go
        assert running.reins.channels() == (other,)
        with pytest.raises(PlatformError, match="there is no channel"):
            await running.reins.query(CHANNEL, Who(), "Ann")
        until_then = len(said())
        platform.happens(Opened(), CHANNEL)
        await platform.until(lambda: len(said()) > until_then)
        new = running.reins.find(CHANNEL)
        assert new is not None
        assert new is not old
        assert first in [message.id for message in new.conversation.messages]
    assert ended(running) is None


async def test_a_draft_of_a_channel_that_is_closed_is_never_posted(store: Store) -> None:
    async with a_run(store) as running:
        running.voice.hold()
        await running.has_talk()
        talk = running.reins.talks[0]
        while not running.voice.asked:
            await asyncio.sleep(0)
        running.platform.happens(Closed(), CHANNEL)
        async for _ in talk.watch():
            pass
        running.voice.let_go()
        running.platform.happens(Opened(), CHANNEL)
        postings = await running.platform.has_posted(3)
        texts = [each.act.text for each in postings if isinstance(each.act, Say)]
        assert not [text for text in texts if text.startswith("word1 ")]


PERSON = PersonId("p-aaaaaaaaaa")


def withdraw(store: Store) -> None:
    """As ``botconvo consent withdraw`` does: through a connection of its own."""
    with Store.open(store.path) as other, other.transaction():
        other.append_ledger(withdrawn(other.ledger(), PERSON, FakeClock().now()))


async def test_whoever_takes_their_consent_back_leaves_with_their_server_and_draft(
    store: Store,
) -> None:
    consents(store, PERSON)
    async with a_run(store, a_member(JUNO, person=PERSON), a_member(MAREK)) as running:
        await running.platform.has_posted(2)
        running.voice.hold()
        withdraw(store)
        state = await running.state(lambda state: JUNO not in dict(state.personas))
        assert dict(state.personas) == {MAREK: "ready"}
        assert state.note is not None
        assert "Juno has left: the consent for this clone was withdrawn" in state.note
        await running.supervisors["Juno"].ended.wait()
        said = len(running.platform.posted)
        running.voice.let_go()
        await running.platform.has_posted(said + 4)
        assert {each.persona for each in running.platform.posted[said:]} == {MAREK}
        consents(store, PERSON)
        with Store.open(store.path) as other:  # any other process that writes
            other.acknowledge("a rule", FakeClock().now())
        await running.state(lambda state: JUNO in dict(state.personas) and state.note is None)


async def test_a_consent_that_ends_by_itself_lets_its_clone_leave(store: Store) -> None:
    consents(store, PERSON, expires=FakeClock().now() + timedelta(minutes=10))
    async with a_run(store, a_member(JUNO, person=PERSON), a_member(MAREK)) as running:
        state = await running.state(lambda state: JUNO not in dict(state.personas))
        assert state.note is not None
        assert "has expired" in state.note


async def test_the_owner_is_told_of_a_consent_that_ends_soon(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    consents(store, PERSON, expires=FakeClock().now() + timedelta(days=3))
    async with a_run(store, a_member(JUNO, person=PERSON), a_member(MAREK)) as running:
        await running.state(lambda state: JUNO not in dict(state.personas))
    told = [line for line in caplog.messages if "ends on" in line]
    assert "Juno: the consent ends on 2025-03-04, in 3 days" in told[0]


def test_it_is_told_once_a_day(store: Store) -> None:
    clock = FakeClock()
    consents(store, PERSON, expires=clock.now() + timedelta(days=3))
    members, told = [a_member(JUNO, person=PERSON), a_member(MAREK)], []
    due: datetime | None = clock.now()
    while due is not None:
        permits = Permits(store, FakeClock(due))
        told += [line.partition(", in ")[2][:6] for line in permits.reminders(members)]
        due = permits.next_reminder(members)
    assert told == ["3 days", "2 days", "1 day;", "less t"]


async def test_an_audience_that_is_agreed_to_meanwhile_counts_at_once(store: Store) -> None:
    people = Limits(characters=2000, reactions=True, replies=True, people=True)
    consents(store, PERSON)
    platform = FakePlatform(CHANNEL, limits=people)
    asked = MayAsk(author=heard("?").author, persona=JUNO)
    async with a_run(store, a_member(JUNO, person=PERSON), platform=platform) as running:
        await running.platform.has_posted(1)
        assert (await running.reins.query(CHANNEL, asked, "Ann")).text
        with Store.open(store.path) as other:
            consents(other, PERSON, audience=())
        with pytest.raises(PlatformError, match="has not agreed that you talk to it"):
            await until_refused(running, asked)


async def until_refused(running: Running, asked: MayAsk) -> None:
    """Ask again and again."""
    while True:
        await running.reins.query(CHANNEL, asked, "Ann")
        await asyncio.sleep(0)


async def test_a_consent_is_looked_at_when_it_ends_and_not_before(store: Store) -> None:
    clock = FakeClock()
    consents(store, PERSON, expires=clock.now() + timedelta(minutes=10))
    permits, member = Permits(store, clock), a_member(JUNO, person=PERSON)
    changed = asyncio.create_task(permits.changed([member]))
    assert await clock.somebody_waits() == clock.now() + timedelta(minutes=10)
    assert permits.refusal(member) is None
    await clock.advance(timedelta(minutes=10))
    await asyncio.wait_for(changed, 10)
    assert permits.refusal(member) is not None


async def test_a_run_in_which_nobody_agrees_any_more_goes_on_in_silence(store: Store) -> None:
    consents(store, PERSON)
    async with a_run(store, a_member(JUNO, person=PERSON)) as running:
        await running.platform.has_posted(1)
        withdraw(store)
        state = await running.state(lambda state: state.personas == ())
        assert "Juno has left" in str(state.note)
        assert not running.task.done()


async def test_a_run_that_can_never_be_ends_with_the_reason(store: Store) -> None:
    async with a_run(store, ready=False, wait_for_all=True) as running:
        await running.has_talk()
        running.supervisors["Juno"].fail("Juno: the port is in use")
        await asyncio.wait({running.task})
    assert isinstance(ended(running), BotConvoError)
    assert str(ended(running)) == "Juno: the port is in use"
    assert running.supervisors["Marek"].ended.is_set()


async def test_what_cannot_be_prepared_ends_the_run(store: Store) -> None:
    def prepare() -> None:
        raise ConfigError("spacy_pipeline: not there")

    async with a_run(store, prepare=prepare, ready=False) as running:
        await asyncio.wait({running.task})
    group = ended(running)
    assert isinstance(group, ExceptionGroup)
    assert group.subgroup(ConfigError) is not None
    assert all(supervisor.ended.is_set() for supervisor in running.supervisors.values())


async def test_a_platform_that_cannot_be_opened_ends_the_run_before_any_server_starts(
    store: Store,
) -> None:
    class Busy(FakePlatform):
        async def __aenter__(self) -> FakePlatform:  # type: ignore[override]
            raise PlatformError("web: port 8600 is in use")

    async with a_run(store, platform=Busy(CHANNEL)) as running:
        await asyncio.wait({running.task})
    assert str(ended(running)) == "web: port 8600 is in use"
    assert running.supervisors == {}


async def test_a_bug_in_a_platform_ends_the_run_in_order(store: Store) -> None:
    class Buggy(FakePlatform):
        async def show_typing(self, channel: ChannelId, persona: PersonaName) -> None:
            raise ZeroDivisionError

    typing = replace(QUICK, typing_per_s=100.0)
    async with a_run(store, platform=Buggy(CHANNEL), manners=typing) as running:
        await asyncio.wait({running.task})
    group = ended(running)
    assert isinstance(group, ExceptionGroup)
    assert group.subgroup(ZeroDivisionError) is not None
    assert not running.platform.is_open
    assert all(supervisor.ended.is_set() for supervisor in running.supervisors.values())


async def test_a_store_that_fails_ends_the_run(store: Store) -> None:
    async with a_run(store) as running:
        await running.platform.has_posted(1)
        store.close()
        await asyncio.wait({running.task})
    group = ended(running)
    assert isinstance(group, ExceptionGroup)
    assert group.split(StoreError)[1] is None


async def test_old_transcripts_are_purged_at_the_start(store: Store) -> None:
    old = replace(heard("long ago", id="old"), at=FakeClock().now() - LIVE_KEPT - timedelta(days=1))
    store.record_live(old)
    store.record_live(heard("lately", id="new"))
    async with a_run(store, most=1) as running:
        await running.task
    assert "old" not in {message.id for message in store.recent_live(CHANNEL, 9)}
    assert "new" in {message.id for message in store.recent_live(CHANNEL, 9)}


@pytest.mark.parametrize("keep", [True, False])
async def test_a_talk_goes_on_from_what_was_said_unless_it_is_to_be_repeatable(
    store: Store, keep: bool
) -> None:
    store.record_live(heard("remember the pelican", id="earlier"))
    async with a_run(store, most=1, keep_history=keep) as running:
        await running.task
    assert ("pelican" in running.voice.asked[0].prompt) is keep


async def test_a_turn_limit_holds_where_people_are_until_one_writes(store: Store) -> None:
    people = Limits(characters=2000, reactions=True, replies=True, people=True)
    platform = FakePlatform(CHANNEL, limits=people)
    async with a_run(store, platform=platform, manners=replace(QUICK, turn_limit=2)) as running:
        while len(running.posted) < 2:
            await asyncio.sleep(0)
        await running.reins.steer(CHANNEL, SetSpeed(factor=2.0), "a test")
        await running.state(lambda state: state.speed == 2.0)
        assert len(platform.posted) == 2
        platform.happens(Heard(message=heard("go on")))
        await platform.has_posted(4)


async def test_who_is_away_is_shown_on_the_platform_and_back_again(store: Store) -> None:
    people = Limits(characters=2000, reactions=True, replies=True, people=True)
    platform = FakePlatform(CHANNEL, limits=people)
    leaving = replace(QUICK, company=True, go_on=0.0, sleep_s=(30.0, 30.0), turn_limit=9)
    async with a_run(store, a_member(JUNO), platform=platform, manners=leaving) as running:
        while len(platform.presence) < 2:
            await asyncio.sleep(0)
        assert platform.presence[:2] == [(JUNO, True), (JUNO, False)]
        assert not running.task.done()


async def test_where_only_the_owner_can_be_no_turn_limit_holds(store: Store) -> None:
    async with a_run(store, manners=replace(QUICK, turn_limit=2)) as running:
        await running.platform.has_posted(5)


async def test_a_channel_that_is_not_there_cannot_be_steered(store: Store) -> None:
    async with a_run(store, most=1) as running:
        await running.task
    with pytest.raises(PlatformError, match=r"there is no channel 'web:nowhere'"):
        await running.reins.steer(ChannelId("web:nowhere"), Pause(), "a test")


async def test_a_changed_config_is_taken_up_and_a_bad_one_keeps_the_old_cast(
    store: Store,
) -> None:
    answers: Iterator[tuple[CastMember, ...] | BotConvoError] = iter(
        [ConfigError("config.toml: torn"), (a_member(JUNO), a_member(TILLY))]
    )
    read: list[bool] = []

    def reload() -> Settled:
        answer = next(answers)
        read.append(True)
        if isinstance(answer, BotConvoError):
            raise answer
        return Settled(members=answer, manners=QUICK)

    async with a_run(store, manners=SLOW, reload=reload) as running:
        await running.platform.has_posted(1)
        running.config.write_text("bad", encoding="utf-8")
        while not read:
            await running.platform.has_posted(len(running.platform.posted) + 1)
        said = len(running.platform.posted)
        await running.platform.has_posted(said + 6)
        assert {p.persona for p in running.platform.posted[said:]} == {JUNO, MAREK}
        running.config.write_text("better", encoding="utf-8")
        both = {"Juno": "ready", "Tilly": "ready"}
        await running.state(lambda state: dict(state.personas) == both)
        said = len(running.platform.posted)
        await running.platform.has_posted(said + 12)
        assert {p.persona for p in running.platform.posted[said + 1 :]} == {JUNO, TILLY}


OFFICE = ChannelId("fake:office")
AMONG_PEOPLE = Limits(characters=2000, reactions=True, replies=True, people=True)


async def test_changed_reins_count_in_a_running_talk(store: Store) -> None:
    law = Law(kill_word="enough", owners=frozenset({AuthorId("fake:Ann")}))

    def reload() -> Settled:
        members = (a_member(JUNO), a_member(MAREK))
        return Settled(members=members, manners=QUICK, law=law)

    async with a_run(store, manners=SLOW, reload=reload) as running:
        await running.platform.has_posted(1)
        assert not running.reins.is_owner(AuthorId("fake:Ann"))
        running.config.write_text("[reins]", encoding="utf-8")
        while not running.reins.is_owner(AuthorId("fake:Ann")):
            await running.platform.has_posted(len(running.platform.posted) + 1)
        running.platform.happens(Heard(message=heard("bots stop", id="old")))
        running.platform.happens(Heard(message=heard("Enough!", id="new")))
        await running.state(lambda state: state.paused)
        told = await running.reins.query(CHANNEL, Help(), "Ann")
        assert '"enough" silences all bots here' in told.text


async def test_a_talk_is_curated_from_when_the_config_says_so_and_says_it(store: Store) -> None:
    curated = Settled(
        members=(a_member(JUNO), a_member(MAREK)),
        manners=QUICK,
        law=Law(curated=True),
        approval_channel=OFFICE,
        approval=timedelta(days=1000),
    )
    platform = FakePlatform(CHANNEL, OFFICE, limits=AMONG_PEOPLE)
    endless = replace(QUICK, turn_limit=None, daily_messages=None, quiet_hours=())
    async with a_run(store, platform=platform, manners=endless, reload=lambda: curated) as running:
        await platform.until(lambda: {each.channel for each in platform.posted} >= {OFFICE})
        running.config.write_text("[reins]", encoding="utf-8")
        await platform.until(lambda: [each for each in platform.notices if "✅" in each.text])
        notice = next(each for each in platform.notices if "✅" in each.text)
        assert notice.channel == OFFICE
        assert running.reins.channels() == (CHANNEL,), "nobody talks where lines are approved"
        await platform.until(
            lambda: [each for each in platform.notices if "A person reads every line" in each.text]
        )


async def test_lines_are_approved_in_a_channel_in_which_nobody_talks(store: Store) -> None:
    platform = FakePlatform(CHANNEL, OFFICE)
    ann = Author(id=AuthorId("fake:Ann"), name="Ann")
    yes = Reacted(message=MessageId(f"{OFFICE}/1"), emoji="✅", author=ann)
    platform.happens(yes, OFFICE)  # this clock runs away with every wait: the word comes first
    async with a_run(
        store, platform=platform, approvals=Approvals(OFFICE), approval=timedelta(hours=1)
    ) as running:
        (posting, *_) = await platform.has_posted(1)
        assert posting.channel == CHANNEL
        assert isinstance(posting.act, Say)
        assert posting.act.text in platform.notices[0].text
        assert running.reins.channels() == (CHANNEL,)


async def test_whoever_is_ignored_is_so_in_every_channel(store: Store) -> None:
    other = ChannelId("fake:other")
    async with a_run(store, platform=FakePlatform(CHANNEL, other)) as running:
        for number, channel in enumerate((CHANNEL, other)):
            message = heard("my horse", id=f"heard/{number}", channel=channel)
            running.platform.happens(Heard(message=message), channel)

        def knows() -> list[bool]:
            return [
                any(each.text == "my horse" for each in talk.conversation.messages)
                for talk in running.reins.talks
            ]

        while knows() != [True, True]:
            await asyncio.sleep(0)
        author = heard("").author.id
        await running.reins.steer(other, Ignore(author=author), "Ann")
        while any(knows()):
            await asyncio.sleep(0)
        await running.reins.steer(CHANNEL, Heed(author=author), "Ann")
    assert store.ignored_authors() == frozenset()


async def test_questions_go_to_the_channel_that_is_named(store: Store) -> None:
    async with a_run(store) as running:
        await running.has_talk()
        answer = await running.reins.query(CHANNEL, Who(), "Ann")
        assert set(answer.personas) == {JUNO, MAREK}
        with pytest.raises(PlatformError, match="there is no channel"):
            await running.reins.query(OFFICE, Who(), "Ann")
