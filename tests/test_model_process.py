"""A model server as a child process: real processes, real sockets."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from processes import children_of, needs_proc
from pydantic import SecretStr
from tiny_model import make_tiny_checkpoint

from botconvo.errors import VoiceError
from botconvo.model_process import ModelProcess, ModelSpec
from model_server.checkpoint.folder import load_checkpoint

TOKEN = SecretStr("a token for tests")
LONG_S = 60.0


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    folder = make_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))
    checkpoint = load_checkpoint(folder)
    return ModelSpec(
        persona="Bort",
        checkpoint=folder,
        base=checkpoint.base_path,
        digest=checkpoint.digest,
        context=128,
        parallel=2,
        threads=1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Script(ModelSpec):
    """A child that is some Python text, for what a real model server does not do."""

    text: str

    def command(self) -> list[str]:
        return [sys.executable, "-c", self.text]


def a_script(text: str) -> Script:
    return Script(persona="Bort", checkpoint=Path(), base=None, digest="d", text=text)


@asynccontextmanager
async def started(spec: ModelSpec) -> AsyncIterator[tuple[ModelProcess, httpx.AsyncClient]]:
    """The process and a client; it has ended when the context is left."""
    async with asyncio.timeout(LONG_S), httpx.AsyncClient(trust_env=False) as http:
        process = await ModelProcess.start(spec, TOKEN)
        try:
            yield process, http
        finally:
            await process.stop()


async def test_it_is_ready_when_the_expected_checkpoint_answers_and_ends_when_asked(
    spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the owner ran')", "utf-8")
    monkeypatch.chdir(tmp_path)
    async with started(spec) as (process, http):
        before = process.address
        await process.wait_until_ready(http, LONG_S)
        assert (before, process.address is None) == (None, False)
        health = (await http.get(f"{process.address}/health")).json()
        assert (health["persona"], health["checkpoint"]) == ("Bort", spec.digest)
        assert (await http.post(f"{process.address}/v1/completions", json={})).status_code == 401
        await process.stop()
        assert await process.wait_until_ended() == 0, "it was asked, and not forced"


async def test_another_checkpoint_than_the_expected_one_is_refused(spec: ModelSpec) -> None:
    async with started(replace(spec, digest="0" * 64)) as (process, http):
        with pytest.raises(VoiceError, match="Bort: another checkpoint answers") as caught:
            await process.wait_until_ready(http, LONG_S)
    assert not caught.value.retryable


async def test_what_a_person_has_to_mend_is_told_in_its_own_words(
    spec: ModelSpec, tmp_path: Path
) -> None:
    async with started(replace(spec, checkpoint=tmp_path / "nowhere")) as (process, http):
        with pytest.raises(
            VoiceError, match=r"code 2: .*nowhere: there is no such folder"
        ) as caught:
            await process.wait_until_ready(http, LONG_S)
    assert not caught.value.retryable
    assert "\n" not in str(caught.value)


async def test_a_port_in_use_is_for_a_person_to_mend(spec: ModelSpec) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with started(replace(spec, port=port)) as (process, http):
            with pytest.raises(VoiceError, match=f"port {port}") as caught:
                await process.wait_until_ready(http, LONG_S)
    assert not caught.value.retryable


async def test_one_that_dies_may_be_started_again() -> None:
    dying = a_script("import sys; sys.exit('out of luck')")
    async with started(dying) as (process, http):
        with pytest.raises(VoiceError, match="ended with code 1: out of luck") as caught:
            await process.wait_until_ready(http, LONG_S)
        assert caught.value.retryable
        with pytest.raises(VoiceError, match="code 1"):
            await process.is_healthy(http)


async def test_one_that_does_not_become_ready_in_time_may_be_started_again() -> None:
    async with started(a_script("import sys; sys.stdin.read()")) as (process, http):
        with pytest.raises(VoiceError, match=r"not ready after 0\.1 s") as caught:
            await process.wait_until_ready(http, 0.1)
    assert caught.value.retryable


async def test_a_start_that_the_system_refuses_may_be_tried_again(spec: ModelSpec) -> None:
    with pytest.raises(VoiceError, match="Bort: its model server cannot be started: ") as caught:
        await ModelProcess.start(replace(spec, checkpoint=Path("x" * 3_000_000)), TOKEN)
    assert caught.value.retryable
    assert len(str(caught.value)) < 200


NOISE = """\
import json, sys
sys.stdout.write("a banner that nobody asked for\\n[1]\\n")
sys.stderr.write("x" * 200_000 + "\\n")
print(json.dumps({"port": 9}), flush=True)
sys.stdout.write("y" * 500_000)
sys.stderr.write("z" * 500_000 + "\\n")
sys.stdout.write("\\n" * 200_000)
sys.stderr.write("caf\\xe9 \\u2603\\n")
sys.exit(3)
"""


async def test_whatever_a_child_prints_neither_stops_it_nor_us() -> None:
    async with started(a_script(NOISE)) as (process, http):
        assert await process.wait_until_ended() == 3
        with pytest.raises(VoiceError, match="ended with code 3: caf") as caught:
            await process.wait_until_ready(http, LONG_S)
        assert process.address == "http://127.0.0.1:9"
    assert len(str(caught.value)) < 300


async def test_a_very_long_last_word_is_cut() -> None:
    async with started(a_script("import sys; sys.exit('w' * 1_000_000)")) as (process, http):
        with pytest.raises(VoiceError, match="code 1: www") as caught:
            await process.wait_until_ready(http, LONG_S)
    assert len(str(caught.value)) < 2500


async def test_a_child_gets_its_token_and_permit_and_nothing_else_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BOTCONVO_DISCORD_TOKEN", "not for children")
    names = "import os, sys; sys.exit(' '.join(sorted(n for n in os.environ if 'BOTCONVO' in n)))"
    async with started(a_script(names)) as (process, http):
        with pytest.raises(VoiceError, match=r"1: BOTCONVO_MODEL_SERVER_TOKEN BOTCONVO_PERMIT$"):
            await process.wait_until_ready(http, LONG_S)


def test_the_token_stands_on_no_command_line(spec: ModelSpec) -> None:
    assert TOKEN.get_secret_value() not in " ".join(spec.command())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal that can be ignored")
async def test_one_that_hangs_can_be_ended_at_once() -> None:
    async with started(a_script("import time; time.sleep(600)")) as (process, _):
        os.kill(process.pid, signal.SIGSTOP)
        process.kill()
        assert await process.wait_until_ended() == -signal.SIGKILL
        await process.stop()
        process.kill()  # it has ended, which is no error


@needs_proc
async def test_a_start_that_is_cancelled_leaves_no_child() -> None:
    waiting = a_script("import sys; sys.stdin.read()")
    before = set(children_of(os.getpid()))
    for turns in range(12):
        task = asyncio.create_task(ModelProcess.start(waiting, TOKEN))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task})
        for started in done:
            if not started.cancelled():
                await started.result().stop()
    assert set(children_of(os.getpid())) <= before
