"""The restart policy, with real model servers that are really killed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import httpx
import pytest
from processes import is_alive, needs_proc
from pydantic import SecretStr
from tiny_model import make_tiny_checkpoint

from botconvo.model_process import ModelSpec
from botconvo.orchestrator.supervisor import Supervisor
from botconvo.ports import PersonaState
from model_server.checkpoint.folder import load_checkpoint

TOKEN = SecretStr("a token for tests")


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelSpec, ModelSpec]:
    """Bort's and Juno's."""
    folder = tmp_path_factory.mktemp("tiny")
    bort, juno = (_spec(make_tiny_checkpoint(folder, name)) for name in ("Bort", "Juno"))
    return bort, juno


def _spec(folder: Path) -> ModelSpec:
    checkpoint = load_checkpoint(folder)
    return ModelSpec(
        persona=checkpoint.manifest.persona or "",
        checkpoint=folder,
        base=checkpoint.base_path,
        digest=checkpoint.digest,
        context=128,
        parallel=2,
        threads=1,
    )


class Watched:
    """A supervisor with the memory of its states, to be waited for one after the other."""

    def __init__(self, spec: ModelSpec, http: httpx.AsyncClient) -> None:
        self.supervisor = Supervisor(
            spec,
            TOKEN,
            http,
            self._changed,
            start_timeout_s=30.0,
            ping_s=0.1,
            patience_s=0.3,
            rng=Random(1),
        )
        self.states: list[PersonaState] = []
        self._some = asyncio.Event()

    def _changed(self) -> None:
        self.states.append(self.supervisor.state)
        self._some.set()

    async def until(self, *states: PersonaState) -> None:
        """Come back once these are its states so far."""
        while len(self.states) < len(states):
            self._some.clear()
            await self._some.wait()
        assert tuple(self.states[: len(states)]) == states

    @property
    def pid(self) -> int:
        assert self.supervisor.pid is not None
        return self.supervisor.pid


@asynccontextmanager
async def supervised(*specs: ModelSpec) -> AsyncIterator[list[Watched]]:
    """Everybody under supervision; all model servers have ended when the context is left."""
    async with (
        asyncio.timeout(60),
        httpx.AsyncClient(trust_env=False) as http,
        asyncio.TaskGroup() as tasks,
    ):
        watched = [Watched(spec, http) for spec in specs]
        running = [tasks.create_task(each.supervisor.run()) for each in watched]
        yield watched
        for task in running:
            task.cancel()


async def test_a_killed_model_server_comes_back_while_another_goes_on(
    specs: tuple[ModelSpec, ModelSpec],
) -> None:
    async with supervised(*specs) as (bort, juno):
        await bort.until("starting", "ready")
        await juno.until("starting", "ready")
        killed, other, address = bort.pid, juno.pid, bort.supervisor.address
        os.kill(killed, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
        await bort.until("starting", "ready", "backing off")
        while_down = bort.supervisor.address
        await bort.until("starting", "ready", "backing off", "backing off", "starting", "ready")
        assert bort.pid != killed
        assert while_down is None
        assert bort.supervisor.address not in (None, address)
        assert bort.supervisor.note is None
        assert (juno.states, juno.pid) == (["starting", "ready"], other)


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot stop a process and keep it")
async def test_a_hung_model_server_is_noticed_and_replaced(
    specs: tuple[ModelSpec, ModelSpec],
) -> None:
    async with supervised(specs[0]) as (bort,):
        await bort.until("starting", "ready")
        hung = bort.pid
        os.kill(hung, signal.SIGSTOP)
        await bort.until("starting", "ready", "backing off", "backing off")
        assert bort.supervisor.note is not None
        assert "Bort: its model server hangs" in bort.supervisor.note
        await bort.until("starting", "ready", "backing off", "backing off", "starting", "ready")
        assert bort.pid != hung


async def test_what_a_person_has_to_mend_is_not_tried_again(
    specs: tuple[ModelSpec, ModelSpec], tmp_path: Path
) -> None:
    broken = replace(specs[0], checkpoint=tmp_path / "nowhere")
    async with supervised(broken) as (bort,):
        await bort.until("starting", "failed")
        assert bort.supervisor.note is not None
        assert "there is no such folder" in bort.supervisor.note
        assert not bort.supervisor.was_ready
        assert (bort.supervisor.pid, bort.supervisor.address) == (None, None)
    assert bort.states == ["starting", "failed"]


async def test_a_start_that_the_system_refuses_is_tried_again(
    specs: tuple[ModelSpec, ModelSpec],
) -> None:
    impossible = replace(specs[0], checkpoint=Path("x" * 3_000_000))
    async with supervised(impossible) as (bort,):
        await bort.until("starting", "backing off", "starting", "backing off")
        assert bort.supervisor.note is not None
        assert "cannot be started" in bort.supervisor.note


@needs_proc
async def test_a_stop_leaves_no_process_also_while_it_is_starting(
    specs: tuple[ModelSpec, ModelSpec],
) -> None:
    async with supervised(specs[0]) as (bort,):
        while bort.supervisor.pid is None:  # the system is just making the process
            await asyncio.sleep(0)
        assert bort.supervisor.state == "starting"
        pid = bort.pid
        assert is_alive(pid)
    assert not is_alive(pid)
    assert bort.supervisor.pid is None
