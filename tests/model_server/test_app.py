"""The app over a real socket, with an engine that does what the test says and remembers it."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import uvicorn

from model_server.app import ServerSettings, create_app
from model_server.checkpoint.folder import load_checkpoint
from model_server.engine import Draw, Engine, EngineSettings, OnPiece, Piece, Tally
from model_server.errors import EngineError

SETTINGS = EngineSettings(context=128, parallel=2, threads=1)
DEADLINE_S = 10.0


@dataclass
class HeldEngine:
    """Says "a" again and again, at once with ``free``, else until it is told to end."""

    settings: EngineSettings = SETTINGS
    free: threading.Event = field(default_factory=threading.Event)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    dropped: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    seen: list[Draw] = field(default_factory=list)
    failure: EngineError | None = None
    fail_after: int = 0
    closed: bool = False

    def generate(self, draw: Draw, on_piece: OnPiece) -> Tally:
        self.seen.append(draw)
        self.begun.release()
        said = 0
        while not self.free.wait(0.005):
            said += 1
            if self.failure is not None and said > self.fail_after:
                raise self.failure
            if not on_piece(Piece(index=0, text="a")):
                self.dropped.release()
                return Tally(prompt=1, cached=0, completion=said)
        for index in range(draw.n):
            on_piece(Piece(index=index, text="b", finish="length"))
        return Tally(prompt=1, cached=0, completion=said + draw.n)

    def close(self) -> None:
        self.closed = True
        self.free.set()


@contextmanager
def listening(checkpoint: Path, engine: Future[Engine], *, most_waiting: int = 16) -> Iterator[str]:
    """The app in a thread; gives its address."""
    settings = ServerSettings(engine=SETTINGS, most_waiting=most_waiting)
    app = create_app(load_checkpoint(checkpoint), engine, settings, None)
    server = uvicorn.Server(
        uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            app.state.completions.close()
            thread.join(DEADLINE_S)


@asynccontextmanager
async def talking(
    checkpoint: Path, engine: HeldEngine, *, most_waiting: int = 16
) -> AsyncIterator[httpx.AsyncClient]:
    loaded: Future[Engine] = Future()
    loaded.set_result(engine)
    with listening(checkpoint, loaded, most_waiting=most_waiting) as address:
        async with httpx.AsyncClient(base_url=address, timeout=DEADLINE_S) as http:
            yield http


async def has(semaphore: threading.Semaphore) -> bool:
    return await asyncio.to_thread(semaphore.acquire, timeout=DEADLINE_S)


async def metric(http: httpx.AsyncClient, name: str) -> float:
    rows = (await http.get("/metrics")).text.splitlines()
    return float(next(row.rsplit(" ", 1)[1] for row in rows if row.startswith(name + " ")))


async def until_metric(http: httpx.AsyncClient, name: str, value: float) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while await metric(http, name) != value:
            pass


async def test_while_the_engine_loads_it_says_so(checkpoint: Path) -> None:
    loading: Future[Engine] = Future()
    with listening(checkpoint, loading) as address:
        async with httpx.AsyncClient(base_url=address) as http:
            health = await http.get("/health")
            assert (health.status_code, health.json()["status"]) == (503, "loading")
            answer = await http.post("/v1/completions", json={"prompt": "x"})
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
            engine = HeldEngine()
            engine.free.set()
            loading.set_result(engine)
            assert (await http.get("/health")).json()["status"] == "ready"
            answer = await http.post("/v1/completions", json={"prompt": "x"})
            assert answer.json()["choices"][0]["text"] == "b"
    assert engine.closed


async def test_health_answers_while_every_place_is_taken(checkpoint: Path) -> None:
    engine = HeldEngine()
    async with talking(checkpoint, engine) as http:
        work = asyncio.create_task(http.post("/v1/completions", json={"prompt": "x", "n": 2}))
        assert await has(engine.begun)
        assert (await http.get("/health")).status_code == 200
        assert await metric(http, "botconvo_active_completions") == 2
        engine.free.set()
        answer = (await work).json()
    assert [choice["text"][-1] for choice in answer["choices"]] == ["b", "b"]


async def test_a_full_queue_refuses_and_says_when_to_come_back(checkpoint: Path) -> None:
    engine = HeldEngine()
    async with talking(checkpoint, engine, most_waiting=2) as http:
        body = {"prompt": "x", "n": 2}
        tasks = [asyncio.create_task(http.post("/v1/completions", json=body)) for _ in range(3)]
        await until_metric(http, "botconvo_queue_depth", 2)
        refused = await http.post("/v1/completions", json=body)
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["error"]["type"] == "overloaded_error"
        stream = await http.post("/v1/completions", json={**body, "stream": True})
        assert stream.status_code == 503
        engine.free.set()
        assert {(await task).status_code for task in tasks} == {200}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_goes_away_frees_its_places(checkpoint: Path, stream: bool) -> None:
    engine = HeldEngine()
    async with talking(checkpoint, engine) as http:
        body = {"prompt": "x", "n": 2, "stream": stream}
        leaving = asyncio.create_task(http.post("/v1/completions", json=body))
        assert await has(engine.begun)
        waiting = asyncio.create_task(http.post("/v1/completions", json={"prompt": "y"}))
        await until_metric(http, "botconvo_queue_depth", 1)
        leaving.cancel()
        assert await has(engine.dropped)
        assert await has(engine.begun)  # the one that waited
        engine.free.set()
        assert (await waiting).status_code == 200
        name = 'botconvo_completion_requests_total{outcome="client_gone"}'
        await until_metric(http, name, 1)


async def test_whoever_leaves_the_queue_is_never_worked_for(checkpoint: Path) -> None:
    engine = HeldEngine()
    async with talking(checkpoint, engine) as http:
        body = {"prompt": "first", "n": 2}
        first = asyncio.create_task(http.post("/v1/completions", json=body))
        assert await has(engine.begun)
        leaving = asyncio.create_task(http.post("/v1/completions", json={"prompt": "left"}))
        await until_metric(http, "botconvo_queue_depth", 1)
        leaving.cancel()
        await until_metric(http, "botconvo_queue_depth", 0)
        engine.free.set()
        await first
    assert [draw.prompt for draw in engine.seen] == ["first"]


async def test_an_engine_that_fails_is_an_error_of_the_server(checkpoint: Path) -> None:
    engine = HeldEngine(failure=EngineError("the engine refused: no reason"))
    async with talking(checkpoint, engine) as http:
        answer = await http.post("/v1/completions", json={"prompt": "x"})
        assert answer.status_code == 500
        assert answer.json()["error"]["message"] == "the engine refused: no reason"


async def test_a_stream_that_breaks_ends_with_the_reason(checkpoint: Path) -> None:
    engine = HeldEngine(failure=EngineError("out of memory"), fail_after=2)
    async with talking(checkpoint, engine) as http:
        answer = await http.post("/v1/completions", json={"prompt": "x", "stream": True})
        assert "out of memory" in answer.text
        assert answer.text.endswith("data: [DONE]\n\n")
        name = 'botconvo_completion_requests_total{outcome="failed"}'
        assert await metric(http, name) == 1


async def test_a_request_reaches_the_engine_as_it_was_asked(checkpoint: Path) -> None:
    engine = HeldEngine()
    engine.free.set()
    async with talking(checkpoint, engine) as http:
        body = {
            "prompt": "p",
            "n": 3,
            "max_tokens": 7,
            "stop": ["\n", ""],
            "seed": 4,
            "temperature": 0.5,
            "top_k": 40,
            "top_p": 0.9,
            "repetition_penalty": 1.2,
            "logprobs": 2,
            "user": "unknown keys are ignored",
        }
        assert (await http.post("/v1/completions", json=body)).status_code == 200
        await http.post("/v1/completions", json={"prompt": "p", "stop": "x"})
    assert engine.seen[0] == Draw(
        prompt="p",
        n=3,
        max_tokens=7,
        stop=("\n",),
        seed=4,
        temperature=0.5,
        top_k=40,
        top_p=0.9,
        repetition_penalty=1.2,
        logprobs=2,
    )
    assert engine.seen[1].stop == ("x",)


async def test_unknown_addresses_are_refused_in_the_same_form(checkpoint: Path) -> None:
    async with talking(checkpoint, HeldEngine()) as http:
        for answer in (await http.get("/nothing"), await http.get("/v1/completions")):
            assert answer.status_code in (404, 405)
            assert answer.json()["error"]["message"]
