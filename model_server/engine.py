"""The engine: prompt -> completions, one llama.cpp server inside this process.

It knows nothing of HTTP towards clients, of tokens that open doors, or of checkpoints' manifests.

What the wheel does, tried out with xllamacpp 2026.10:
- ``handle_completions(body, callback)`` with ``stream`` calls back once per token and completion
  and blocks until all are done, without holding the interpreter lock.  A callback that returns
  true ends the whole request at once (all n of it) and frees its slots; an exception in a callback
  ends it too, but is swallowed.  Before the first token nothing can end it: at most one prompt's
  time.
- It opens an HTTP listener of its own on a random loopback port.  A random API key locks it, and
  its ``/tokenize`` gives exact token ids of any tokenizer: with ``parse_special`` false, so that
  somebody who types ``<|endoftext|>`` writes thirteen characters and not the end of a text.  Only
  where the prompt format itself is written with tokens (``special_tokens``) is it true.
- The same requests in the same order on a fresh process give the same texts.  One request alone
  need not equal itself among others: a cached prefix or neighbours in a batch change the order of
  floating-point sums, and the rare draw with them.  Hence a request takes all its slots at once,
  and slots are handed out in order of arrival (``slots.py``).
- Leaving the interpreter while a completion runs is a segmentation fault: ``close`` waits.
- Letting go of a server whose loop has not begun yet, which takes a moment on a busy machine, waits
  for ever; one answer shows that it has begun.
"""

import http.client
import json
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from model_server.checkpoint.tokens import AS_IT_IS, Reading
from model_server.errors import EngineError
from model_server.prompt_cut import cut_prompt

__all__ = [
    "Draw",
    "Engine",
    "EngineSettings",
    "LlamaEngine",
    "OnPiece",
    "Piece",
    "Tally",
    "TokenScore",
    "default_threads",
]

REPETITION_WINDOW = 64
"""Tokens that the repetition penalty looks back on (llama.cpp's own default)."""
_SEEDS = 2**32 - 1 - 64
"""llama.cpp takes 2**32-1 for "draw one", and completion i of a request has the seed plus i."""
_PROMPT_BATCH = 128
"""Tokens worked on at once while reading a prompt.  Against the default of 512 it saves 6 MB a
process at 14 M parameters and costs nothing that could be measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """``context`` tokens of prompt and completion together, ``parallel`` completions at once.

    ``compact`` keeps what has been read at q8_0 in place of f16, in half of the memory.
    """

    context: int = 512
    parallel: int = 5
    threads: int = 1
    compact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What to generate: ``n`` completions of one prompt, of ``max_tokens`` at most.

    ``max_total_tokens`` bounds the prompt's tokens and a completion's together; one token is
    generated in any case.  With it ``max_tokens`` may go past the context, which then ends them.
    ``seed`` None draws one; ``logprobs`` asks for that many alternatives a token, None for no
    scores at all.
    """

    prompt: str
    max_tokens: int
    max_total_tokens: int | None = None
    n: int = 1
    stop: tuple[str, ...] = ()
    seed: int | None = None
    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    logprobs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenScore:
    """A token, its natural log-probability before sampling, and the likeliest at its place."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The next part of completion ``index``; ``finish`` is set on its last one."""

    index: int
    text: str
    scores: tuple[TokenScore, ...] = ()
    finish: Literal["stop", "length"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Tokens that were used: of the prompt once, of all completions together."""

    prompt: int
    cached: int
    completion: int


OnPiece = Callable[[Piece], bool]
"""Takes a piece and says whether to go on."""


class Engine(Protocol):
    """Blocking: call it in a worker thread."""

    @property
    def settings(self) -> EngineSettings: ...

    def generate(self, draw: Draw, on_piece: OnPiece) -> Tally:
        """Generate, handing over every piece as it comes, until done or told to stop.

        Raises:
            EngineError: the engine refused, or is closed.
        """
        ...

    def close(self) -> None:
        """End what runs, wait for it, and let go of the weights."""
        ...


def default_threads(processors: int | None = None) -> int:
    """Threads for one engine: half the logical processors, at most 4.

    Measured on 2 cores at 14 M parameters: a second thread gains a third on a quiet machine and
    loses when another persona generates too, because the threads wait for each other spinning.
    """
    if processors is None and hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    return max(1, min(4, (processors or os.cpu_count() or 1) // 2))


class LlamaEngine:
    """llama.cpp through the xllamacpp wheel."""

    def __init__(
        self,
        model: Path,
        adapter: Path | None,
        settings: EngineSettings,
        *,
        end_of_text: int,
        special_tokens: bool = False,
        reading: Reading = AS_IT_IS,
    ) -> None:
        """Load the weights (60 to 300 ms for 14 to 124 M parameters).

        With ``special_tokens`` a spelled-out special token of a prompt is that token, and those of
        a completion are spelled out too.

        Raises:
            EngineError: llama.cpp cannot load them.
        """
        self._settings = settings
        self._end_of_text = end_of_text
        self._special_tokens = special_tokens
        self._reading = reading
        self._key = secrets.token_urlsafe(32)
        self._server = _start(model, adapter, settings, self._key, special_tokens)
        host, _, port = self._server.listening_address.rpartition(":")
        self._listener = (host.rpartition("/")[2], int(port))
        self._idle = threading.Condition()
        self._running = 0
        self._answered = False
        self._closed = False

    @property
    def settings(self) -> EngineSettings:
        return self._settings

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, without those that its tokenizer puts around it.

        Raises:
            EngineError: the engine does not answer.
        """
        text = self._reading.prepare(_encodable(text))
        body = json.dumps({"content": text, "parse_special": self._special_tokens})
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(*self._listener, timeout=30)
        try:
            connection.request("POST", "/tokenize", body, headers)
            tokens: list[int] = json.loads(connection.getresponse().read())["tokens"]
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            raise EngineError(f"the engine cannot tokenize: {type(error).__name__}") from error
        finally:
            connection.close()
        return tokens

    def generate(self, draw: Draw, on_piece: OnPiece) -> Tally:
        if draw.max_total_tokens is None and draw.max_tokens >= self._settings.context:
            raise EngineError(
                f"max_tokens {draw.max_tokens} leaves no room for a prompt in a context of "
                f"{self._settings.context} tokens; ask for fewer"
            )
        with self._idle:
            if self._closed:
                raise EngineError("the engine is closed")
            self._running += 1
        try:
            return self._generate(draw, on_piece)
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _generate(self, draw: Draw, on_piece: OnPiece) -> Tally:
        context = self._settings.context
        prompt = self._fitting(draw.prompt, _room(draw, context))
        draw = replace(draw, max_tokens=_new_tokens(draw, len(prompt), context))
        request = _Request(lambda piece: not self._closed and on_piece(piece))
        # llama.cpp refuses more completions than slots.
        for first in range(0, draw.n, self._settings.parallel):
            count = min(self._settings.parallel, draw.n - first)
            request.first = first
            self._server.handle_completions(_body(draw, prompt, first, count), request)
            self._answered = True
            if request.error is not None:
                raise request.error
            if request.stopped:
                break
        return Tally(prompt=len(prompt), cached=request.cached, completion=request.completion)

    def _fitting(self, prompt: str, room: int) -> list[int]:
        """Token ids of as much of the prompt's end as fits; an empty prompt begins a text."""
        begin = self._reading.begin_of_text
        first = [] if begin is None else [begin]
        seen: dict[str, list[int]] = {"": []}

        def count(text: str) -> int:
            seen[text] = self.tokenize(text) if text else []
            return len(seen[text])

        return first + seen[cut_prompt(prompt, count, room - len(first))] or [self._end_of_text]

    def close(self) -> None:
        with self._idle:
            self._closed = True
            self._idle.wait_for(lambda: self._running == 0)
        if self._server is not None and not self._answered:
            nothing = _body(Draw(prompt="", max_tokens=1), [self._end_of_text], 0, 1)
            self._server.handle_completions(nothing, lambda chunk: True)
        self._server = None


def _room(draw: Draw, context: int) -> int:
    """Tokens that a prompt may have: what the completion leaves, or half of the context."""
    if draw.max_total_tokens is None:
        return context - draw.max_tokens
    return context - min(draw.max_tokens, context // 2)


def _new_tokens(draw: Draw, prompt: int, context: int) -> int:
    """Tokens to generate behind a prompt of so many."""
    if draw.max_total_tokens is None:
        return draw.max_tokens
    return max(1, min(draw.max_tokens, min(draw.max_total_tokens, context) - prompt))


class _Request:
    """The callback of one request: turns chunks into pieces, counts, and carries the verdict."""

    def __init__(self, on_piece: OnPiece) -> None:
        self.on_piece = on_piece
        self.first = 0
        self.cached = 0
        self.completion = 0
        self.stopped = False
        self.error: Exception | None = None

    def __call__(self, chunk: Mapping[str, Any]) -> bool:
        """True ends the request."""
        try:
            self._take(chunk)
        except Exception as error:  # the wheel would swallow it
            self.error = error
        return self.stopped or self.error is not None

    def _take(self, chunk: Mapping[str, Any]) -> None:
        if "error" in chunk:
            raise EngineError(f"the engine refused: {chunk['error'].get('message', 'no reason')}")
        if usage := chunk.get("usage"):
            self.completion += usage["completion_tokens"]
            details = usage.get("prompt_tokens_details") or {}
            self.cached = max(self.cached, details.get("cached_tokens", 0))
        for choice in chunk.get("choices", ()):
            if not self.on_piece(_piece(choice, self.first)):
                self.stopped = True


def _piece(choice: Mapping[str, Any], first: int) -> Piece:
    finish = choice["finish_reason"]
    return Piece(
        index=first + choice["index"],
        text=choice["text"],
        scores=tuple(_score(token) for token in (choice["logprobs"] or {}).get("content", ())),
        finish=None if finish is None else "length" if finish == "length" else "stop",
    )


def _score(token: Mapping[str, Any]) -> TokenScore:
    return TokenScore(
        text=token["token"],
        logprob=token["logprob"],
        top=tuple((other["token"], other["logprob"]) for other in token["top_logprobs"]),
    )


def _body(draw: Draw, prompt: list[int], first: int, count: int) -> dict[str, Any]:
    return {
        "prompt": prompt,
        "max_tokens": draw.max_tokens,
        "n": count,
        "stream": True,
        "cache_prompt": True,
        "stop": list(draw.stop),
        "seed": -1 if draw.seed is None else (draw.seed + first) % _SEEDS,
        "temperature": draw.temperature,
        "top_k": draw.top_k,
        "top_p": draw.top_p,
        "min_p": 0.0,
        "repeat_penalty": draw.repetition_penalty,
        "repeat_last_n": REPETITION_WINDOW,
        # The order of transformers' and OpenAI's samplers: top_p sees probabilities at the given
        # temperature.  top_k goes first because that changes nothing and leaves less to sort.
        "samplers": ["penalties", "top_k", "temperature", "top_p"],
        "n_probs": 0 if draw.logprobs is None else max(1, draw.logprobs),
    }


def _start(
    model: Path, adapter: Path | None, settings: EngineSettings, key: str, special_tokens: bool
) -> Any:
    import xllamacpp  # 12 MB and native code: only for those who generate

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    if adapter is not None:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    # One pool of cells for all slots: n completions of a prompt share its cells, and whatever the
    # slots hold always fits.  A cell costs layers * 2 * width * 2 bytes: 9 kB at 6 x 384 (24 MB
    # for 5 x 512), 37 kB for GPT-2 124M (94 MB for 5 x 512).
    params.n_ctx = settings.context * settings.parallel
    params.n_parallel = settings.parallel
    params.kv_unified = True
    if settings.compact:
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_Q8_0
    params.cont_batching = True
    params.cache_prompt = True
    params.cache_ram_mib = 0
    params.n_batch = max(_PROMPT_BATCH, settings.parallel)
    params.n_ubatch = params.n_batch
    params.cpuparams.n_threads = settings.threads
    params.cpuparams_batch.n_threads = settings.threads
    params.n_threads_http = 2
    params.port = 0
    params.api_keys = [key]
    params.fit_params = False
    params.warmup = False
    params.special = special_tokens
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = -1  # it would write people's words to stderr
    try:
        return xllamacpp.Server(params)
    except RuntimeError:
        with_adapter = f" with adapter {adapter}" if adapter else ""
        raise EngineError(
            f"{model}{with_adapter}: llama.cpp cannot load it; the architecture may be unknown "
            "to it, or memory too short"
        ) from None


def _encodable(text: str) -> str:
    """Half of a surrogate pair, which JSON can carry, is no text."""
    return text.encode("utf-8", "replace").decode("utf-8")
