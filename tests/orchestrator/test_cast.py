"""Who plays: a change of the cast restarts whoever changed, and nobody else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from fakes import FakeExtractor
from orchestrator.stage import JUNO, MAREK, Babbler, Everything, FakeSupervisor, a_member

from botconvo.model_process import ModelSpec
from botconvo.orchestrator.cast import Cast, CastMember
from botconvo.orchestrator.hosted import HostedSpec
from botconvo.orchestrator.supervisor import Supervisor
from botconvo.personas import PersonaName
from botconvo.voices import CloneVoice, Voice

TILLY = PersonaName("Tilly")


@dataclass(slots=True)
class Troupe:
    """A cast and every supervisor that it ever made, in order."""

    cast: Cast
    made: list[FakeSupervisor] = field(default_factory=list)
    voices: list[str] = field(default_factory=list)

    async def started(self, count: int) -> None:
        while len(self.made) < count:
            await asyncio.sleep(0)
        await self.made[count - 1].started.wait()

    def names(self) -> list[str]:
        return [supervisor.spec.persona for supervisor in self.made]


@asynccontextmanager
async def a_troupe(
    *members: CastMember, ready: bool = True, wait_for_all: bool = False
) -> AsyncIterator[Troupe]:
    made: list[FakeSupervisor] = []
    voices: list[str] = []

    def supervise(spec: ModelSpec | HostedSpec, changed: Callable[[], None]) -> Supervisor:
        assert isinstance(spec, ModelSpec)
        made.append(FakeSupervisor(spec, changed, ready=ready))
        return made[-1]

    def voice(member: CastMember, address: Callable[[], str | None]) -> Voice:
        voices.append(member.persona.name)
        return CloneVoice(member.prompt_format, Babbler(), FakeExtractor(), Everything())

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        cast = Cast(tasks, supervise, voice, wait_for_all=wait_for_all)
        cast.play(members)
        for supervisor in made:
            await supervisor.started.wait()
        yield Troupe(cast, made, voices)
        await cast.stop()


def ready(troupe: Troupe) -> list[str]:
    return [persona.name for persona in troupe.cast.ready()]


async def test_everybody_gets_a_supervisor_and_a_voice() -> None:
    async with a_troupe(a_member(JUNO), a_member(MAREK)) as troupe:
        assert ready(troupe) == ["Juno", "Marek"]
        assert set(troupe.cast.voices()) == {"Juno", "Marek"}
        assert troupe.cast.states() == ((JUNO, "ready"), (MAREK, "ready"))
    assert all(supervisor.ended.is_set() for supervisor in troupe.made)


async def test_a_reload_without_a_change_touches_nobody() -> None:
    async with a_troupe(a_member(JUNO), a_member(MAREK)) as troupe:
        troupe.cast.play([a_member(JUNO), a_member(MAREK)])
        assert (troupe.names(), troupe.voices) == (["Juno", "Marek"], ["Juno", "Marek"])
        assert ready(troupe) == ["Juno", "Marek"]


async def test_only_a_changed_spec_is_restarted() -> None:
    async with a_troupe(a_member(JUNO), a_member(MAREK)) as troupe:
        troupe.cast.play([a_member(JUNO, digest="retrained"), a_member(MAREK)])
        await troupe.started(3)
        assert troupe.names() == ["Juno", "Marek", "Juno"]
        assert [supervisor.ended.is_set() for supervisor in troupe.made] == [True, False, False]


async def test_more_talkativeness_needs_no_restart() -> None:
    async with a_troupe(a_member(JUNO)) as troupe:
        troupe.cast.play([a_member(JUNO, talkativeness=1.0)])
        assert troupe.names() == ["Juno"]
        assert [persona.talkativeness for persona in troupe.cast.ready()] == [1.0]


async def test_newcomers_start_and_leavers_stop_while_the_rest_goes_on() -> None:
    async with a_troupe(a_member(JUNO), a_member(MAREK)) as troupe:
        troupe.cast.play([a_member(MAREK), a_member(TILLY)])
        await troupe.started(3)
        assert ready(troupe) == ["Marek", "Tilly"]
        assert [supervisor.ended.is_set() for supervisor in troupe.made] == [True, False, False]
        assert troupe.cast.member(JUNO) is None
        assert troupe.cast.member(TILLY) == a_member(TILLY)


async def test_a_successor_starts_only_when_its_predecessor_has_ended() -> None:
    """They may want the same port."""
    async with a_troupe(a_member(JUNO)) as troupe:
        troupe.made[0].may_end.clear()
        troupe.cast.play([replace(a_member(JUNO, digest="retrained"))])
        for _ in range(20):
            await asyncio.sleep(0)
        assert not troupe.made[1].started.is_set()
        troupe.made[0].may_end.set()
        await troupe.made[1].started.wait()
        assert troupe.made[0].ended.is_set()


async def test_whoever_has_failed_is_tried_again_at_a_reload() -> None:
    async with a_troupe(a_member(JUNO), a_member(MAREK)) as troupe:
        troupe.made[0].fail("Juno: no such file")
        troupe.cast.play([a_member(JUNO), a_member(MAREK)])
        await troupe.started(3)
        assert ready(troupe) == ["Juno", "Marek"]
        assert troupe.names() == ["Juno", "Marek", "Juno"]


async def test_nobody_speaks_before_everybody_can_where_all_are_waited_for() -> None:
    async with a_troupe(a_member(JUNO), a_member(MAREK), ready=False, wait_for_all=True) as troupe:
        troupe.made[0].become_ready()
        assert ready(troupe) == []
        troupe.made[1].become_ready()
        assert ready(troupe) == ["Juno", "Marek"]
        troupe.made[0].fall("Juno: killed")
        assert ready(troupe) == ["Marek"], "later the others go on"


async def test_a_change_of_state_is_told() -> None:
    async with a_troupe(a_member(JUNO)) as troupe:
        troupe.cast.changed.clear()
        troupe.made[0].fall("Juno: its model server hangs")
        assert troupe.cast.changed.is_set()
        assert troupe.cast.note() == "Juno: its model server hangs"
        assert troupe.cast.voices() == {}


async def test_one_that_never_came_to_be_ready_makes_the_run_hopeless() -> None:
    async with a_troupe(a_member(JUNO), a_member(MAREK), ready=False) as troupe:
        troupe.made[1].become_ready()
        assert troupe.cast.hopeless() is None
        troupe.made[0].fail("Juno: the port is in use")
        assert troupe.cast.hopeless() == "Juno: the port is in use"


async def test_a_newcomer_that_fails_does_not_end_the_talk_of_the_others() -> None:
    async with a_troupe(a_member(JUNO)) as troupe:
        troupe.cast.play([a_member(JUNO), a_member(TILLY)])
        await troupe.started(2)
        newcomer = troupe.made[1]
        newcomer.was_ready = False
        newcomer.fail("Tilly: torn")
        assert troupe.cast.hopeless() is None
        troupe.made[0].fail("Juno: gone for good")
        assert troupe.cast.hopeless() == "Juno: gone for good; Tilly: torn"


async def test_stopping_waits_until_everybody_has_ended() -> None:
    async with a_troupe(a_member(JUNO), a_member(MAREK)) as troupe:
        await troupe.cast.stop()
        assert all(supervisor.ended.is_set() for supervisor in troupe.made)
