"""From a request to completions: places at the engine, worker threads, and the two ways to answer.

It knows nothing of routes, tokens or the checkpoint's files.
"""

import asyncio
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

from starlette.types import Send

from model_server.engine import Draw, Engine, EngineSettings, Piece, Tally, TokenScore
from model_server.errors import EngineError
from model_server.metrics import Metrics, Outcome
from model_server.schemas import (
    Choice,
    CompletionRequest,
    CompletionResponse,
    ErrorBody,
    ErrorDetail,
    LogProbs,
    Usage,
)
from model_server.slots import QueueFullError, Slots

__all__ = ["Completions", "RefusalError"]


class RefusalError(Exception):
    """An answer that is no completion; its text is one line for the client."""

    def __init__(
        self,
        status: int,
        message: str,
        kind: str,
        *,
        outcome: Outcome = "invalid",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.outcome = outcome
        self.headers = headers


@dataclass(slots=True)
class _Growing:
    """One completion while it grows."""

    text: str = ""
    scores: list[TokenScore] = field(default_factory=list)
    finish: Literal["stop", "length"] | None = None

    def add(self, piece: Piece) -> None:
        self.text += piece.text
        self.scores.extend(piece.scores)
        self.finish = piece.finish or self.finish


class Completions:
    """Answers requests for completions out of one engine, which may still be loading."""

    def __init__(
        self, name: str, engine: Future[Engine], settings: EngineSettings, most_waiting: int
    ) -> None:
        self.name = name
        self._engine = engine
        self._settings = settings
        self._slots = Slots(settings.parallel, most_waiting=most_waiting)
        self._threads = ThreadPoolExecutor(settings.parallel, thread_name_prefix="engine")
        self.metrics = Metrics(waiting=lambda: self._slots.waiting, taken=lambda: self._slots.taken)

    @property
    def ready(self) -> bool:
        """Whether the engine is loaded."""
        return self._engine.done() and self._engine.exception() is None

    def check(self, asked: CompletionRequest) -> None:
        """
        Raises:
            RefusalError: it cannot be answered now, or not at all.
        """
        if asked.max_total_tokens is None and asked.max_tokens >= self._settings.context:
            raise RefusalError(
                422,
                f"max_tokens: {asked.max_tokens} leaves no room for a prompt in a context of "
                f"{self._settings.context} tokens; ask for fewer",
                "invalid_request_error",
            )
        if not self.ready:
            raise _later("the model is still loading; try again", "loading")

    async def answer(self, asked: CompletionRequest, arrived: float) -> CompletionResponse:
        """The whole answer at once; ``arrived`` is a reading of ``time.monotonic``.

        Raises:
            RefusalError: the queue is full, or the engine failed.
        """
        growing = [_Growing() for _ in range(asked.n)]

        def take(piece: Piece) -> None:
            growing[piece.index].add(piece)

        tally = await self._generate(asked, take)
        self._count(arrived, tally)
        choices = [_choice(index, each, asked) for index, each in enumerate(growing)]
        return self._response(_new_id(), choices, _usage(tally))

    async def stream(self, asked: CompletionRequest, arrived: float, send: Send) -> None:
        """Write the answer to ``send`` as server-sent events, piece by piece.

        Raises:
            RefusalError: as ``answer``, but only while nothing has been written.
        """
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[Piece | None] = asyncio.Queue()

        def take(piece: Piece) -> None:
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

        work = asyncio.create_task(self._generate(asked, take))
        work.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            first = await pieces.get()
            if first is None:
                await work  # raises, or there was nothing to say
            await self._write(asked, send, first, pieces, work)
            if work.exception() is None:
                self._count(arrived, work.result())
            else:
                self.metrics.count("failed")
            # The last thing: with it the client may go, and whoever watches for that cancels us.
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if not work.done():
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)

    async def _write(
        self,
        asked: CompletionRequest,
        send: Send,
        piece: Piece | None,
        pieces: asyncio.Queue[Piece | None],
        work: asyncio.Task[Tally],
    ) -> None:
        await _send_head(send)
        answer, last = _new_id(), None
        while piece is not None:
            if last is not None:
                await _send_event(send, self._event(answer, last, asked, None))
            last, piece = piece, await pieces.get()
        if work.exception() is not None:
            detail = ErrorDetail(message=str(work.exception()), type="engine_error")
            await _send_event(send, ErrorBody(error=detail).model_dump_json())
        elif last is not None:
            await _send_event(send, self._event(answer, last, asked, _usage(work.result())))
        await _send_event(send, "[DONE]")

    def _event(
        self, answer: str, piece: Piece, asked: CompletionRequest, usage: Usage | None
    ) -> str:
        one = _Growing()
        one.add(piece)
        return self._response(answer, [_choice(piece.index, one, asked)], usage).model_dump_json()

    async def _generate(self, asked: CompletionRequest, take: Callable[[Piece], None]) -> Tally:
        engine = self._engine.result(timeout=0)
        try:
            async with self._slots.hold(asked.n):
                return await self._in_thread(engine, _draw(asked), take)
        except QueueFullError:
            raise _later("too many requests are waiting; try again", "queue_full") from None
        except EngineError as error:
            raise RefusalError(500, str(error), "engine_error", outcome="failed") from None

    async def _in_thread(self, engine: Engine, draw: Draw, take: Callable[[Piece], None]) -> Tally:
        left = threading.Event()

        def on_piece(piece: Piece) -> bool:
            if not left.is_set():
                take(piece)
            return not left.is_set()

        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, engine.generate, draw, on_piece)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            left.set()
            # The place is free only when the engine has let go of it.
            await asyncio.gather(work, return_exceptions=True)
            raise

    def _response(
        self, answer: str, choices: list[Choice], usage: Usage | None
    ) -> CompletionResponse:
        return CompletionResponse(
            id=answer, created=int(time.time()), model=self.name, choices=choices, usage=usage
        )

    def _count(self, arrived: float, tally: Tally) -> None:
        self.metrics.answered(
            seconds=time.monotonic() - arrived,
            prompt=tally.prompt,
            cached=tally.cached,
            completion=tally.completion,
        )

    def close(self) -> None:
        """End what runs and let go of the engine, if it ever loaded; blocks until it is gone."""
        if self.ready:
            self._engine.result().close()
        self._threads.shutdown()


def _later(message: str, outcome: Outcome) -> RefusalError:
    return RefusalError(
        503, message, "overloaded_error", outcome=outcome, headers={"Retry-After": "1"}
    )


def _new_id() -> str:
    return f"cmpl-{secrets.token_hex(12)}"


def _draw(asked: CompletionRequest) -> Draw:
    stop = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
    return Draw(
        prompt=asked.prompt,
        max_tokens=asked.max_tokens,
        max_total_tokens=asked.max_total_tokens,
        n=asked.n,
        stop=tuple(text for text in stop if text),
        seed=asked.seed,
        temperature=asked.temperature,
        top_k=asked.top_k,
        top_p=asked.top_p,
        repetition_penalty=asked.repetition_penalty,
        logprobs=asked.logprobs,
    )


def _usage(tally: Tally) -> Usage:
    return Usage(
        prompt_tokens=tally.prompt,
        completion_tokens=tally.completion,
        total_tokens=tally.prompt + tally.completion,
        cached_tokens=tally.cached,
    )


def _choice(index: int, done: _Growing, asked: CompletionRequest) -> Choice:
    logprobs = None
    if asked.logprobs is not None:
        logprobs = _logprobs(done, alternatives=asked.logprobs > 0)
    return Choice(index=index, text=done.text, finish_reason=done.finish, logprobs=logprobs)


def _logprobs(done: _Growing, *, alternatives: bool) -> LogProbs:
    """Scores of the tokens that the text is made of: the engine also scores those of the stop."""
    scores = list(done.scores)
    length = sum(len(score.text) for score in scores)
    while scores and done.finish == "stop" and (length > len(done.text) or not scores[-1].text):
        length -= len(scores.pop().text)
    return LogProbs(
        tokens=[score.text for score in scores],
        token_logprobs=[score.logprob for score in scores],
        top_logprobs=[dict(score.top) for score in scores] if alternatives else None,
    )


async def _send_head(send: Send) -> None:
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _send_event(send: Send, text: str) -> None:
    body = f"data: {text}\n\n".encode()
    await send({"type": "http.response.body", "body": body, "more_body": True})
