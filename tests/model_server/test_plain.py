"""The earlier systems' contracts, over a real socket."""

import asyncio
import json
import socket
import string
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from served import TOKEN, Served

from model_server.app import ServerSettings, create_app
from model_server.checkpoint.folder import load_checkpoint
from model_server.engine import Draw, Engine, EngineSettings, OnPiece, Piece, Tally
from model_server.errors import EngineError
from model_server.plain import botconvo_request
from model_server.prompt_format import PromptFormat

SETTINGS = EngineSettings(context=128, parallel=5, threads=1)
DEADLINE_S = 10.0
PLAIN = PromptFormat(kind="plain", speaker="Bort", start="<|startoftext|>")
TRANSCRIPT = PromptFormat(speaker="Bort")


@dataclass
class ScriptedEngine:
    """Says the scripted texts, request by request, and remembers what it was asked.

    A request takes as many texts as it wants completions; behind the script comes "nothing more".
    """

    settings: EngineSettings = SETTINGS
    script: list[str] = field(default_factory=list)
    seen: list[Draw] = field(default_factory=list)
    failure: EngineError | None = None
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    dropped: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    hold: bool = False
    closed: threading.Event = field(default_factory=threading.Event)

    def generate(self, draw: Draw, on_piece: OnPiece) -> Tally:
        self.seen.append(draw)
        self.begun.release()
        if self.failure is not None:
            raise self.failure
        while self.hold and not self.closed.wait(0.005):
            if not on_piece(Piece(index=0, text="")):
                self.dropped.release()
                return Tally(prompt=1, cached=0, completion=1)
        for index in range(draw.n):
            text = self.script.pop(0) if self.script else "nothing more"
            on_piece(Piece(index=index, text=text, finish="stop"))
        return Tally(prompt=1, cached=0, completion=draw.n)

    def close(self) -> None:
        self.closed.set()


@contextmanager
def listening(
    checkpoint: Path, engine: Future[Engine], form: PromptFormat, token: str | None, waiting: int
) -> Iterator[str]:
    """The app in a thread, over a checkpoint of this prompt format; gives its address."""
    loaded = load_checkpoint(checkpoint)
    manifest = loaded.manifest.model_copy(update={"prompt_format": form})
    app = create_app(
        replace(loaded, manifest=manifest),
        engine,
        ServerSettings(engine=SETTINGS, most_waiting=waiting),
        token,
    )
    server = uvicorn.Server(
        uvicorn.Config(app, http="h11", lifespan="off", log_config=None, access_log=False)
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
async def asking(
    checkpoint: Path,
    engine: ScriptedEngine | None = None,
    *,
    form: PromptFormat = PLAIN,
    token: str | None = None,
    waiting: int = 16,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app; with no engine it is still loading."""
    loading: Future[Engine] = Future()
    if engine is not None:
        loading.set_result(engine)
    with listening(checkpoint, loading, form, token, waiting) as address:
        async with httpx.AsyncClient(base_url=address, timeout=DEADLINE_S) as http:
            yield http


async def has(semaphore: threading.Semaphore) -> bool:
    return await asyncio.to_thread(semaphore.acquire, timeout=DEADLINE_S)


async def outcomes(http: httpx.AsyncClient) -> dict[str, float]:
    """How requests ended so far."""
    head = "botconvo_completion_requests_total{outcome="
    rows = (await http.get("/metrics")).text.splitlines()
    pairs = (row.removeprefix(head).split("} ") for row in rows if row.startswith(head))
    return {name.strip('"'): float(count) for name, count in pairs}


async def until_counted(http: httpx.AsyncClient, outcome: str) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not (await outcomes(http)).get(outcome):
            pass


# a prompt in a header


@given(seed=st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_the_numbers_of_a_request_are_botconvos(seed: int) -> None:
    asked = botconvo_request(PLAIN, "the soup", Random(seed))
    assert asked.prompt == "<|startoftext|>the soup"
    assert 30 <= asked.max_tokens <= 99
    assert asked.max_total_tokens == asked.max_tokens
    assert 0.60 <= asked.temperature <= 0.79
    assert round(asked.temperature, 2) == asked.temperature
    assert (asked.n, asked.top_k, asked.top_p, asked.repetition_penalty) == (5, 0, 1.0, 1.0)
    assert asked.stop == ["<|endoftext|>", "<|startoftext|>"]


def test_every_length_and_every_hundredth_comes_up() -> None:
    rng = Random(1)
    drawn = [botconvo_request(PLAIN, "", rng) for _ in range(3000)]
    assert {asked.max_tokens for asked in drawn} == set(range(30, 100))
    assert {round(asked.temperature * 100) for asked in drawn} == set(range(60, 80))


@pytest.mark.parametrize("path", ["/", "/whatever/it/is", "/health", "/v1/completions"])
async def test_a_prompt_header_is_answered_at_any_address(checkpoint: Path, path: str) -> None:
    engine = ScriptedEngine(script=[" is", " is mine, I say", " is", "", " x"])
    async with asking(checkpoint, engine) as http:
        answer = await http.get(path, headers={"prompt": "the goblin sword"})
    assert (answer.status_code, answer.text) == (200, "the goblin sword is mine, I say")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert engine.seen[0].prompt == "<|startoftext|>the goblin sword"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (quote("naïve 😂 日本").encode(), "naïve 😂 日本"),
        ("naïve 😂".encode(), "naïve 😂"),
        ("naïve".encode("latin-1"), "naïve"),
        (b"na%EFve", "naïve"),
        (b"100% sure", "100% sure"),
        (b"two%0Alines%09of it", "two lines of it"),
        (b"", ""),
        (b"a+b", "a+b"),
    ],
)
async def test_a_header_may_hold_any_script(checkpoint: Path, sent: bytes, read: str) -> None:
    engine = ScriptedEngine(script=[" so"] * 5)
    async with asking(checkpoint, engine) as http:
        answer = await http.get("/", headers=[(b"Prompt", sent)])
    assert engine.seen[0].prompt == f"<|startoftext|>{read}"
    assert answer.text == f"{read} so".strip()


async def test_the_markers_of_a_text_are_not_told(checkpoint: Path) -> None:
    script = ["<|startoftext|> soup<|endoftext|>", "", "", "", ""]
    async with asking(checkpoint, ScriptedEngine(script=script)) as http:
        assert (await http.get("/", headers={"prompt": "hot"})).text == "hot soup"


async def test_a_clone_of_transcripts_is_asked_for_its_own_line(checkpoint: Path) -> None:
    engine = ScriptedEngine(script=[" is hot"] * 5)
    async with asking(checkpoint, engine, form=TRANSCRIPT) as http:
        answer = await http.get("/", headers={"prompt": "the soup"})
    assert answer.text == "the soup is hot"
    assert (engine.seen[0].prompt, engine.seen[0].stop) == ("Bort: the soup", ("\n",))


async def test_a_plain_model_without_a_start_is_asked_with_the_prompt_alone(
    checkpoint: Path,
) -> None:
    engine = ScriptedEngine()
    async with asking(checkpoint, engine, form=PromptFormat(kind="plain", speaker="Bort")) as http:
        await http.get("/", headers={"prompt": "hot soup"})
        await http.get("/")
    assert [draw.prompt for draw in engine.seen] == ["hot soup", ""]


# text over JSON


async def test_the_defaults_are_the_old_ones(checkpoint: Path) -> None:
    engine = ScriptedEngine(script=["\n\na tweet<|endoftext|>"])
    async with asking(checkpoint, engine) as http:
        answer = await http.get("/")
    assert answer.json() == {"text": "a tweet"}
    assert "access-control-allow-origin" not in answer.headers
    assert engine.seen == [
        Draw(
            prompt="<|startoftext|>",
            max_tokens=280,
            max_total_tokens=4096,
            stop=("<|endoftext|>", "<|startoftext|>"),
            temperature=0.9,
            top_p=0.7,
            top_k=0,
        )
    ]


ALL: dict[str, Any] = {
    "prompt": "I like soup",
    "length": 40,
    "temperature": 0.5,
    "top_p": 0.25,
    "top_k": 7,
    "truncate": "\n",
    "include_prefix": True,
    "count": 3,
    "cheese": "what it does not know is passed over",
}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_every_parameter_is_heard(checkpoint: Path, method: str) -> None:
    engine = ScriptedEngine(script=[" a lot", " so much", " more"])
    async with asking(checkpoint, engine) as http:
        if method == "GET":
            answer = await http.get("/", params=ALL)
        else:
            answer = await http.post("/", json=ALL)
    assert answer.json() == {"text": "I like soup a lot"}
    assert engine.seen == [
        Draw(
            prompt="I like soup",
            n=3,
            max_tokens=40,
            max_total_tokens=4096,
            stop=("\n",),
            temperature=0.5,
            top_k=7,
            top_p=0.25,
        )
    ]


async def test_zeros_and_an_empty_truncate_bound_nothing(checkpoint: Path) -> None:
    engine = ScriptedEngine()
    async with asking(checkpoint, engine) as http:
        await http.get("/", params={"top_p": 0, "truncate": "", "length": 10**9, "prompt": ""})
    [seen] = engine.seen
    assert (seen.top_p, seen.stop, seen.max_tokens, seen.prompt) == (1.0, (), 4096, "")


async def test_a_prompt_is_cut_to_a_hundred_characters(checkpoint: Path) -> None:
    engine = ScriptedEngine(script=["!!!"])
    async with asking(checkpoint, engine) as http:
        answer = await http.post("/", json={"prompt": "ä" * 250, "include_prefix": "true"})
    assert engine.seen[0].prompt == "ä" * 100
    assert answer.json()["text"] == "ä" * 100 + "!!!"


async def test_a_transcript_clone_goes_on_with_its_own_line(checkpoint: Path) -> None:
    engine = ScriptedEngine(script=[" of pumpkins", " is on"])
    async with asking(checkpoint, engine, form=TRANSCRIPT) as http:
        assert (await http.get("/")).json()["text"] == " of pumpkins"
        body = {"prompt": "<|startoftext|>the stove"}
        assert (await http.post("/", json=body)).json()["text"] == " is on"
    assert [draw.prompt for draw in engine.seen] == ["Bort:", "Bort: the stove"]
    assert {draw.stop for draw in engine.seen} == {("\n",)}


async def test_a_text_of_two_characters_is_drawn_once_more_and_cleaned(checkpoint: Path) -> None:
    engine = ScriptedEngine(script=["<|startoftext|>ab", "<|startoftext|>ok then", "not read"])
    async with asking(checkpoint, engine) as http:
        assert (await http.get("/")).json() == {"text": "ok then"}
        assert len(engine.seen) == 2
        engine.script[:] = ["", "", "not read"]
        assert (await http.get("/")).json() == {"text": ""}
        assert len(engine.seen) == 4


async def test_of_several_the_first_that_says_something_is_told(checkpoint: Path) -> None:
    engine = ScriptedEngine(script=["", "hm", "here it is", "and another"])
    async with asking(checkpoint, engine) as http:
        assert (await http.get("/", params={"count": 4})).json() == {"text": "here it is"}
    assert len(engine.seen) == 1


async def test_a_look_at_the_head_works_for_nothing(checkpoint: Path) -> None:
    engine = ScriptedEngine()
    async with asking(checkpoint, engine, token=TOKEN) as http:
        answer = await http.head("/", headers={"prompt": "x"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["content-length"] == str(
        len(json.dumps({"text": ""}, separators=(",", ":")))
    )
    assert engine.seen == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"length": "0"}, "length: "),
        ({"length": "many"}, "length: "),
        ({"temperature": "-1"}, "temperature: "),
        ({"temperature": "nan"}, "temperature: "),
        ({"top_p": "2"}, "top_p: "),
        ({"top_k": "-1"}, "top_k: "),
        ({"count": "65"}, "count: "),
        ({"include_prefix": "perhaps"}, "include_prefix: "),
    ],
)
async def test_a_wrong_value_is_named(checkpoint: Path, words: dict[str, str], told: str) -> None:
    engine = ScriptedEngine()
    async with asking(checkpoint, engine) as http:
        for answer in (await http.get("/", params=words), await http.post("/", json=words)):
            assert answer.status_code == 422
            assert answer.json()["error"]["message"].startswith(told)
        assert (await outcomes(http))["invalid"] == 2
    assert engine.seen == []


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[]", "application/json", 422),
        (b'{"prompt": 5}', "application/json", 422),
        (b'{"prompt": "\\ud800"}', "application/json", 400),
        (b"prompt=x", "application/x-www-form-urlencoded", 415),
        (b"", "", 415),
        (b'"' + b"x" * 1_000_000 + b'"', "application/json", 413),
    ],
)
async def test_a_bad_body_is_refused(checkpoint: Path, body: bytes, kind: str, status: int) -> None:
    async with asking(checkpoint, ScriptedEngine()) as http:
        answer = await http.post("/", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert "\n" not in answer.json()["error"]["message"]


# who may ask


async def test_the_token_may_stand_in_a_header_or_a_body(checkpoint: Path) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    async with asking(checkpoint, ScriptedEngine(), token=TOKEN) as http:
        for answer in (
            await http.get("/", headers=bearer),
            await http.get("/any", headers=bearer | {"prompt": "x"}),
            await http.post("/", json={}, headers=bearer),
            await http.post("/", json={"token": TOKEN}),
            await http.post("/", json={"token": TOKEN}, headers=bearer),
        ):
            assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("GET", {}),
        ("GET", {"headers": {"prompt": "x"}}),
        ("GET", {"params": {"token": TOKEN}}),
        ("GET", {"params": {"token": TOKEN}, "headers": {"prompt": "x"}}),
        ("GET", {"headers": {"Authorization": "Bearer wrong"}}),
        ("GET", {"headers": {"Authorization": f"Basic {TOKEN}", "prompt": "x"}}),
        ("POST", {"json": {}}),
        ("POST", {"json": {"token": "wrong"}}),
        ("POST", {"json": {"token": "wörong 😂"}}),
        ("POST", {"json": {"token": None}}),
        ("POST", {"json": {}, "params": {"token": TOKEN}}),
        ("POST", {"json": {"token": TOKEN}, "headers": {"Authorization": "Bearer wrong"}}),
        ("POST", {"json": {"token": "wrong"}, "headers": {"Authorization": f"Bearer {TOKEN}"}}),
    ],
)
async def test_a_wrong_token_and_one_in_the_address_are_refused(
    checkpoint: Path, method: str, more: dict[str, Any]
) -> None:
    engine = ScriptedEngine()
    async with asking(checkpoint, engine, token=TOKEN) as http:
        answer = await http.request(method, "/", **more)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert TOKEN not in answer.text
        http.headers["Authorization"] = f"Bearer {TOKEN}"
        assert (await outcomes(http))["unauthorized"] == 1
    assert engine.seen == []


@pytest.mark.parametrize("headers", [{}, {"prompt": "x"}])
async def test_a_page_of_another_site_makes_no_browser_ask(
    checkpoint: Path, headers: dict[str, str]
) -> None:
    engine = ScriptedEngine()
    async with asking(checkpoint, engine) as http:
        for site in ("cross-site", "same-site"):
            answer = await http.get("/", headers={**headers, "Sec-Fetch-Site": site})
            assert answer.status_code == 403
        assert engine.seen == []
        for site in ("none", "same-origin"):
            answer = await http.get("/", headers={**headers, "Sec-Fetch-Site": site})
            assert answer.status_code == 200


# as every request for completions


@pytest.mark.parametrize("headers", [{}, {"prompt": "x"}])
async def test_while_the_engine_loads_it_says_so(checkpoint: Path, headers: dict[str, str]) -> None:
    async with asking(checkpoint) as http:
        answer = await http.get("/", headers=headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize("headers", [{}, {"prompt": "x"}])
async def test_a_failing_engine_is_told_in_one_line(
    checkpoint: Path, headers: dict[str, str]
) -> None:
    engine = ScriptedEngine(failure=EngineError("out of memory"))
    async with asking(checkpoint, engine) as http:
        answer = await http.get("/", headers=headers)
        assert (answer.status_code, answer.json()["error"]["message"]) == (500, "out of memory")
        assert await outcomes(http) == {"failed": 1.0}


async def test_both_contracts_stand_in_the_one_bounded_queue(checkpoint: Path) -> None:
    engine = ScriptedEngine(hold=True)
    async with asking(checkpoint, engine, waiting=1) as http:
        first = asyncio.create_task(http.get("/", headers={"prompt": "x"}))  # takes all places
        assert await has(engine.begun)
        second = asyncio.create_task(http.get("/"))
        async with asyncio.timeout(DEADLINE_S):
            while "botconvo_queue_depth 1.0" not in (await http.get("/metrics")).text:
                pass
        for answer in (await http.post("/", json={}), await http.get("/", headers={"prompt": "x"})):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await outcomes(http))["queue_full"] == 2
        engine.hold = False
        assert [(await task).status_code for task in (first, second)] == [200, 200]


@pytest.mark.parametrize("headers", [{}, {"prompt": "x"}])
async def test_a_client_that_goes_away_frees_its_places(
    checkpoint: Path, headers: dict[str, str]
) -> None:
    engine = ScriptedEngine(hold=True)
    async with asking(checkpoint, engine) as http:
        leaving = asyncio.create_task(http.get("/", headers=headers))
        assert await has(engine.begun)
        leaving.cancel()
        assert await has(engine.dropped)
        await until_counted(http, "client_gone")
        engine.hold = False
        assert (await http.get("/", headers=headers)).status_code == 200


# a real engine


def test_a_real_server_answers_both(bort: Served) -> None:
    text = bort.http.get("/bots/bort", headers={"prompt": quote("hello ä 😂")}).text
    assert text.startswith("hello ä 😂")
    told = bort.http.post("/", json={"prompt": "hello", "include_prefix": True}).json()
    assert told["text"].startswith("hello")
    assert bort.http.get("/").json().keys() == {"text"}
    assert httpx.get(f"http://127.0.0.1:{bort.port}/").status_code == 401


@pytest.mark.parametrize("total", [1, 5, 30, 99])
def test_a_total_of_tokens_counts_the_prompts(bort: Served, total: int) -> None:
    body = {"prompt": "abcdefghij", "temperature": 0, "stop": []}
    answer = bort.complete(**body, max_tokens=99, max_total_tokens=total).json()
    assert answer["usage"]["prompt_tokens"] == 10
    most = max(1, total - 10)
    if answer["choices"][0]["finish_reason"] == "length":
        assert answer["usage"]["completion_tokens"] == most
    else:
        assert answer["usage"]["completion_tokens"] < most


def test_a_total_past_the_context_leaves_the_prompt_at_least_half(bort: Served) -> None:
    prompt = "".join(Random(3).choices(string.ascii_uppercase, k=500))
    answer = bort.complete(prompt=prompt, max_tokens=4000, max_total_tokens=4000).json()
    assert answer["usage"]["prompt_tokens"] == 128
    assert answer["usage"]["completion_tokens"] <= 128
