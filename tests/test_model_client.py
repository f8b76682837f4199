"""Completions over HTTP, from a real server on loopback that answers as a test tells it to."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from botconvo.errors import VoiceError
from botconvo.model_client import ModelClient
from botconvo.personas import Sampling
from botconvo.ports import Completion, GenerateRequest

SECRET = "a-t0ken-of-n0body"
REQUEST = GenerateRequest(
    prompt="Juno: soup?\nBort:",
    n=2,
    stop=("\n",),
    sampling=Sampling(temperature=0.75, top_k=0, top_p=0.95, repetition_penalty=1.0, max_tokens=60),
    seed=7,
)
ANSWER: dict[str, Any] = {
    "id": "c-1",
    "object": "text_completion",
    "created": 1,
    "model": "Bort",
    "choices": [
        {
            "index": 0,
            "text": " soup!",
            "finish_reason": "stop",
            "logprobs": {"tokens": [" soup", "!"], "token_logprobs": [-1.0, -3.0]},
        },
        {"index": 1, "text": " so", "finish_reason": "length", "logprobs": None},
    ],
}


class Server:
    """Speaks just enough HTTP; ``heard`` holds the requests, ``answer`` the next reply's bytes."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], Any]] = []
        self.answer: bytes | None = reply(200, ANSWER)
        self.address = ""
        self._serving: set[asyncio.Task[None]] = set()

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.create_task(self._serve(reader, writer)))

    async def finish(self) -> None:
        """Come back once every connection is closed."""
        await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {
            name.lower(): value.strip()
            for name, _, value in (row.partition(":") for row in head.split("\r\n")[1:])
        }
        body = await reader.readexactly(int(headers["content-length"]))
        self.heard.append((headers | {"line": head.split("\r\n")[0]}, json.loads(body)))
        if self.answer is None:
            await reader.read()  # it says nothing until the client has gone
        else:
            writer.write(self.answer)
        writer.close()
        await writer.wait_closed()


def reply(status: int, body: Any, *, reason: str = "Whatever") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    return head.encode() + data


def refusal(status: int, message: str) -> bytes:
    return reply(status, {"error": {"message": message, "type": "x"}})


@asynccontextmanager
async def a_server() -> AsyncIterator[Server]:
    server = Server()
    async with asyncio.timeout(20), await asyncio.start_server(server.serve, "127.0.0.1") as at:
        server.address = f"http://127.0.0.1:{at.sockets[0].getsockname()[1]}"
        yield server
        await server.finish()


@asynccontextmanager
async def a_client(
    address: Callable[[], str | None], timeout_s: float = 10.0
) -> AsyncIterator[ModelClient]:
    async with httpx.AsyncClient(trust_env=False) as http:
        yield ModelClient("Bort", http, address, SecretStr(SECRET), timeout_s=timeout_s)


async def refused(answer: bytes | None, timeout_s: float = 10.0) -> VoiceError:
    """What becomes of an ask that the server answers with these bytes."""
    async with a_server() as server, a_client(lambda: server.address, timeout_s) as client:
        server.answer = answer
        with pytest.raises(VoiceError) as caught:
            await client.complete(REQUEST)
    told = str(caught.value)
    assert told.startswith("Bort: its model server")
    assert SECRET not in told + repr(caught.value)
    assert "\n" not in told
    return caught.value


async def test_completions_come_back_with_their_mean_log_probability() -> None:
    async with a_server() as server, a_client(lambda: server.address) as client:
        completions = await client.complete(REQUEST)
    assert completions == (
        Completion(text=" soup!", finished=True, logprob=-2.0),
        Completion(text=" so", finished=False, logprob=None),
    )


async def test_a_request_carries_the_token_and_every_setting() -> None:
    async with a_server() as server, a_client(lambda: server.address) as client:
        await client.complete(REQUEST)
    headers, body = server.heard[0]
    assert headers["line"] == "POST /v1/completions HTTP/1.1", "and nothing secret in the URL"
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert body == {
        "prompt": "Juno: soup?\nBort:",
        "n": 2,
        "stop": ["\n"],
        "seed": 7,
        "logprobs": 0,
        "max_tokens": 60,
        "temperature": 0.75,
        "top_k": 0,
        "top_p": 0.95,
        "repetition_penalty": 1.0,
        "stream": False,
    }


async def test_the_likeliest_first_tokens_come_where_they_are_asked_for() -> None:
    top = [{"Juno": -0.5, "Bort": -1.5}, {":": -0.1}]
    choice = ANSWER["choices"][0]
    scored = choice | {"logprobs": choice["logprobs"] | {"top_logprobs": top}}
    async with a_server() as server, a_client(lambda: server.address) as client:
        server.answer = reply(200, ANSWER | {"choices": [scored]})
        (completion,) = await client.complete(replace(REQUEST, alternatives=20))
    assert server.heard[0][1]["logprobs"] == 20
    assert dict(completion.first) == {"Juno": -0.5, "Bort": -1.5}


async def test_a_total_of_tokens_is_asked_for_only_where_there_is_one() -> None:
    async with a_server() as server, a_client(lambda: server.address) as client:
        sampling = replace(REQUEST.sampling, max_total_tokens=60)
        await client.complete(replace(REQUEST, sampling=sampling))
    assert server.heard[0][1]["max_total_tokens"] == 60


async def test_settings_that_are_open_are_left_to_the_server() -> None:
    async with a_server() as server, a_client(lambda: server.address) as client:
        await client.complete(replace(REQUEST, sampling=Sampling(temperature=0.5)))
    assert server.heard[0][1]["max_tokens"] == 64


async def test_the_address_is_asked_for_on_every_call() -> None:
    addresses: list[str | None] = []
    async with a_client(lambda: addresses.pop(0)) as client, a_server() as one, a_server() as two:
        addresses += [one.address, two.address, None]
        await client.complete(REQUEST)
        await client.complete(REQUEST)
        assert (len(one.heard), len(two.heard)) == (1, 1)
        with pytest.raises(VoiceError, match="is not ready") as caught:
            await client.complete(REQUEST)
    assert caught.value.retryable


async def test_nobody_there_may_be_asked_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with a_client(lambda: address) as client:
        with pytest.raises(VoiceError, match="cannot be reached") as caught:
            await client.complete(REQUEST)
    assert caught.value.retryable


async def test_one_that_says_nothing_may_be_asked_again() -> None:
    error = await refused(None, timeout_s=0.1)
    assert "gave no answer in 0.1 s" in str(error)
    assert error.retryable


async def test_one_that_hangs_up_may_be_asked_again() -> None:
    error = await refused(b"")
    assert "cannot be reached" in str(error)
    assert error.retryable


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429, 500, 503, 504])
async def test_a_refusal_is_told_with_its_status_and_reason(status: int) -> None:
    error = await refused(refusal(status, "too much soup"))
    assert str(error).endswith(f"answered {status}: too much soup")
    assert error.retryable is (status >= 429), "what is asked wrongly stays wrong"


async def test_a_refusal_of_another_kind_of_server_is_told_by_its_phrase() -> None:
    assert str(await refused(reply(502, b"<html>", reason="Bad Gateway"))).endswith("Bad Gateway")


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"[]", b"{}", b'{"choices": [{"text": 1}]}', b"<html>ok</html>"]
)
async def test_an_answer_of_another_kind_is_no_answer(body: bytes) -> None:
    error = await refused(reply(200, body))
    assert "is not of the completions API" in str(error)
    assert not error.retryable


async def test_a_server_that_repeats_the_token_does_not_get_it_into_an_error() -> None:
    error = await refused(refusal(401, f"Incorrect API key provided: {SECRET}.\nTry again"))
    assert str(error).endswith("401: Incorrect API key provided: .... Try again")


async def test_a_long_reason_is_cut() -> None:
    assert len(str(await refused(refusal(500, "word " * 10_000)))) < 400
