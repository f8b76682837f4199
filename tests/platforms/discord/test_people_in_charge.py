"""People in charge of talks in a whole run on the rehearsal server; only the models are fakes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import FakeDesk, FakeExtractor
from orchestrator.stage import Babbler, Everything, FakeSupervisor, a_member
from platforms.discord.theatre import JUNO, MAREK, House, a_house, a_platform, talk_in

from botconvo.conversation.manners import manners
from botconvo.conversation.reins import Law
from botconvo.messages import ChannelId
from botconvo.model_process import ModelSpec
from botconvo.orchestrator.approvals import Approvals
from botconvo.orchestrator.cast import CastMember
from botconvo.orchestrator.charge import Charge
from botconvo.orchestrator.clock import RealClock
from botconvo.orchestrator.hosted import HostedSpec
from botconvo.orchestrator.reins import Reins
from botconvo.orchestrator.run import Plan, Settled, run
from botconvo.orchestrator.supervisor import Supervisor
from botconvo.people import People
from botconvo.platforms.discord.commands import prepare_with
from botconvo.platforms.discord.places import ChannelRules
from botconvo.ports import Lines, Recent, Removed
from botconvo.rehearsal import Channel
from botconvo.rehearsal.entities import Message
from botconvo.rehearsal.permissions import Permission
from botconvo.safety.refusals import Refusals
from botconvo.store import STORE_NAME, Store
from botconvo.voices import CloneVoice, Voice

ENDLESS = replace(
    manners("group-chat"),
    endless=True,
    go_on=1.0,
    gap_s=(0.05, 0.05),
    cool_down_s=0.0,
    typing_per_s=0.0,
    answer_s=(0.01, 0.01),
    hush_s=0.0,
)
ON_ASKING = replace(ENDLESS, endless=False, go_on=0.0, start_alone_s=None)
"""Clones speak only when somebody does."""


def as_configured(office: Channel) -> ChannelId:
    """With the number of a wrong server: the channel's own is enough."""
    return ChannelId(f"discord:4711/{office.id}")


@dataclass
class Party:
    """A run on Discord; ``olga`` moderates."""

    house: House
    reins: Reins
    voice: Babbler
    store: Store

    @property
    def here(self) -> ChannelId:
        return talk_in(self.house.general)

    async def until(self, look: Callable[[], object], what: str = "what was waited for") -> None:
        """Come back once it holds, on the server or in the run."""
        try:
            async with asyncio.timeout(20):
                while not look():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"{what} did not come") from None

    def lines(self, channel: Channel | None = None) -> list[Message]:
        """What clones have said, in order."""
        place = channel or self.house.general
        return [each for each in place.messages.values() if each.webhook is not None]

    async def line(self) -> Message:
        """The next line of a clone."""
        many = len(self.lines())
        await self.until(lambda: len(self.lines()) > many, "a clone's line")
        return self.lines()[-1]

    async def paused(self) -> None:
        (talk,) = self.reins.talks
        await self.until(lambda: talk.conversation.paused, "silence")


@asynccontextmanager
async def a_party(
    tmp_path: Path,
    house: House,
    numbers: object = ENDLESS,
    *,
    law: Law | None = None,
    office: Channel | None = None,
) -> AsyncIterator[Party]:
    reins, stopping, voice = Reins(), asyncio.Event(), Babbler()
    with Store.open(tmp_path / STORE_NAME) as store:
        refusals = Refusals(Everything(), ((e.number, e.text) for e in store.refused_texts()))
        clock = RealClock()
        charge = Charge(store, clock, law=law, refusals=refusals)

        def supervise(spec: ModelSpec | HostedSpec, changed: Callable[[], None]) -> Supervisor:
            assert isinstance(spec, ModelSpec)
            return FakeSupervisor(spec, changed)

        def make_voice(member: CastMember, address: Callable[[], str | None]) -> Voice:
            return CloneVoice(member.prompt_format, voice, FakeExtractor(), refusals)

        rules = [ChannelRules(id=house.general.id)]
        if office is not None:
            rules.append(ChannelRules(id=office.id, office=as_configured(office)))
        platform = a_platform(
            house,
            *rules,
            remembered=lambda channel: store.recent_live(channel, 100),
            prepare=prepare_with(reins, FakeDesk()),
        )
        config = tmp_path / "config.toml"
        config.write_text("", encoding="utf-8")
        plan = Plan(
            members=(a_member(JUNO), a_member(MAREK)),
            manners=numbers,  # type: ignore[arg-type]
            people=People(),
            seed=1,
            wait_for_all=False,
            max_messages=None,
            keep_history=True,
            run_id=f"run{len(store.recent_live(talk_in(house.general), 999))}",
            config=config,
            prepare=lambda: None,
            reload=lambda: Settled(members=(), manners=manners("group-chat")),
            supervise=supervise,
            voice=make_voice,
            store=store,
            clock=clock,
            posted=lambda message, post: None,
            charge=charge,
            approvals=Approvals(None if office is None else as_configured(office)),
            approval=None if office is None else timedelta(minutes=5),
        )
        async with asyncio.timeout(60):
            running = asyncio.create_task(run(plan, [platform], reins, stopping))
            try:
                yield Party(house, reins, voice, store)
            finally:
                stopping.set()
                await running


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with a_house() as house:
        yield house


async def test_a_channel_is_told_once_and_then_they_talk(tmp_path: Path, house: House) -> None:
    async with a_party(tmp_path, house) as party:
        await party.line()
        first = next(iter(house.general.messages.values()))
        assert first.author is house.bot.user
        assert "are bots" in first.content
        assert "/ignoreme" in first.content
    async with a_party(tmp_path, house) as party:
        house.bort.says(house.general, "juno?")
        await party.line()
    said_by_us = [m for m in house.general.messages.values() if m.author is house.bot.user]
    assert said_by_us == [first]


async def test_the_kill_word_and_the_commands_hold_the_reins(tmp_path: Path, house: House) -> None:
    olga = house.discord.add_person("Olga", house.kettle)
    house.discord.set_overwrite(house.general, olga, allow=Permission.MANAGE_MESSAGES)
    async with a_party(tmp_path, house) as party:
        await party.line()
        house.bort.says(house.general, "Bots, stop!")
        await party.paused()
        before = len(party.lines())
        status = await house.bort.runs(house.general, "/botconvo status")
        assert "paused" in status.content
    async with a_party(tmp_path, house) as party:
        await party.until(lambda: party.reins.talks)
        await party.paused()  # over a restart
        assert len(party.lines()) - before <= 1, "at most what was on its way"
        refused = await house.bort.runs(house.general, "/botconvo resume")
        assert "manage messages" in refused.content
        await olga.runs(house.general, "/persona mute", persona="juno")
        await olga.runs(house.general, "/botconvo resume")
        house.bort.says(house.general, "juno and marek, go on")
        assert (await party.line()).author.name == "Marek"
        await house.bort.runs(house.general, "/botconvo pause")
        await party.paused()


async def test_a_question_is_answered_with_a_link_to_it(tmp_path: Path, house: House) -> None:
    async with a_party(tmp_path, house, ON_ASKING) as party:
        await party.until(lambda: house.general.messages)  # told what they are
        offered = await house.bort.completes(house.general, "/ask", "persona", "m", text="x")
        assert [each["value"] for each in offered] == ["Marek"]
        asked = await house.bort.runs(house.general, "/ask", persona="Marek", text="who are you?")
        await party.until(lambda: "Marek" in [line.author.name for line in party.lines()])
        assert "Bort: Marek, who are you?" in party.voice.asked[-1].prompt
        assert asked.original is not None
    async with a_party(tmp_path, house, ON_ASKING) as party:  # it is not taken for deleted
        house.bort.says(house.general, "juno, and you?")
        await party.line()
        assert "who are you?" in party.voice.asked[-1].prompt


async def test_who_asks_too_often_is_told_so_alone_and_when_they_may(
    tmp_path: Path, house: House
) -> None:
    async with a_party(tmp_path, house, ON_ASKING, law=Law(asks=1)) as party:
        await party.until(lambda: house.general.messages)  # told what they are
        await house.bort.runs(house.general, "/botconvo topic", text="the soup war")
        await party.line()
        answers = [
            await house.bort.runs(house.general, "/botconvo topic", text="more of it"),
            await house.bort.runs(house.general, "/ask", persona="Marek", text="more of it"),
        ]
        for answer in answers:
            assert answer.ephemeral
            assert "once in 10 minutes; you may again in" in answer.content
        assert not [m for m in house.general.messages.values() if "more of it" in m.content]


async def test_the_talk_of_a_deleted_channel_ends_and_the_run_goes_on(
    tmp_path: Path, house: House
) -> None:
    async with a_party(tmp_path, house) as party:
        await party.line()
        house.discord.delete_channel(house.general)
        await party.until(lambda: not party.reins.talks, "the end of the talk")
        assert party.reins.channels() == ()
        new = house.discord.add_channel(house.kettle, "general", number=house.general.id)
        await party.until(lambda: party.reins.talks, "a talk in the channel that is there again")
        house.bort.says(new, "juno?")
        await party.until(lambda: party.lines(new), "an answer there")


async def test_votes_remove_a_line_and_a_star_keeps_one(tmp_path: Path, house: House) -> None:
    other = house.discord.add_person("Tilly", house.kettle)
    async with a_party(tmp_path, house) as party:
        kept, bad = await party.line(), await party.line()
        (talk,) = party.reins.talks
        await party.until(lambda: len(talk.query(Recent()).messages) >= 2)  # nobody is that quick
        house.bort.reacts(kept, "⭐")
        house.bort.reacts(bad, "🗑️")
        house.bort.unreacts(bad, "🗑️")
        other.reacts(bad, "🗑️")
        await party.until(lambda: party.store.noted_lines("favourite"))
        assert bad.id in house.general.messages, "one of the two was taken back"
        house.bort.reacts(bad, "🗑️")
        await party.until(lambda: bad.id not in house.general.messages)
        assert [each.text for each in talk.query(Lines(kind="favourite")).noted] == [kept.content]
        assert [each.text for each in talk.query(Removed()).refused] == [bad.content]
        favourites = await other.runs(house.general, "/botconvo favourites")
        assert kept.content in favourites.content


async def test_a_moderator_deletes_a_line_by_command(tmp_path: Path, house: House) -> None:
    olga = house.discord.add_person("Olga", house.kettle)
    house.discord.set_overwrite(house.general, olga, allow=Permission.MANAGE_MESSAGES)
    async with a_party(tmp_path, house) as party:
        line = await party.line()
        (talk,) = party.reins.talks
        await party.until(lambda: talk.query(Recent()).messages)
        offered = await olga.completes(house.general, "/delete", "line", line.content)
        await olga.runs(house.general, "/delete", line=offered[0]["value"])
        await party.until(lambda: line.id not in house.general.messages)
        assert [each.text for each in party.store.refused_texts()] == [line.content]


async def test_an_ignored_persons_words_reach_no_model(tmp_path: Path, house: House) -> None:
    other = house.discord.add_person("Tilly", house.kettle)
    async with a_party(tmp_path, house, ON_ASKING) as party:
        await party.until(lambda: house.general.messages)
        house.bort.says(house.general, "juno, my horse is ill")
        await party.line()
        assert "horse" in party.voice.asked[-1].prompt
        answer = await house.bort.runs(house.general, "/ignoreme")
        assert answer.ephemeral
        house.bort.says(house.general, "juno, my other horse too")
        other.says(house.general, "juno, hello?")
        await party.line()
        assert "horse" not in party.voice.asked[-1].prompt
    async with a_party(tmp_path, house, ON_ASKING) as party:
        house.bort.says(house.general, "juno, a third horse")
        other.says(house.general, "marek, still there?")
        await party.line()
        assert all("horse" not in asked.prompt for asked in party.voice.asked)
        await house.bort.runs(house.general, "/ignoreme", undo=True)
        house.bort.says(house.general, "juno, a zebra")
        await party.until(lambda: any("zebra" in asked.prompt for asked in party.voice.asked))


async def test_where_lines_are_approved_the_approved_words_are_posted(
    tmp_path: Path, house: House
) -> None:
    olga = house.discord.add_person("Olga", house.kettle)
    office = house.discord.add_channel(house.kettle, "office")
    async with a_party(tmp_path, house, law=Law(curated=True), office=office) as party:
        await party.until(lambda: len(office.messages) == 1)
        (first,) = office.messages.values()
        assert party.lines() == []
        olga.reacts(first, "❌")
        await party.until(lambda: len(office.messages) == 2)
        second = list(office.messages.values())[1]
        olga.reacts(second, "✅")
        await party.until(lambda: len(party.lines()) == 1)
        assert second.content.endswith(f"\n{party.lines()[0].content}")
        assert party.lines(office) == []
        assert "A person reads every line" in next(iter(house.general.messages.values())).content


async def test_votes_that_came_while_the_program_was_away_remove_a_line(
    tmp_path: Path, house: House
) -> None:
    olga = house.discord.add_person("Olga", house.kettle)
    async with a_party(tmp_path, house) as party:
        line = await party.line()
        await party.until(lambda: party.store.recent_live(party.here, 99))
    olga.reacts(line, "🗑️")
    house.bort.reacts(line, "🗑️")
    async with a_party(tmp_path, house, ON_ASKING) as party:
        await party.until(lambda: line.id not in house.general.messages, "its removal")
        assert len(party.store.refused_texts()) == 1
