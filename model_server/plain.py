"""The contracts of the earlier systems' servers: a prompt in, one text out.

``GET`` of any address with a ``prompt`` header answers plain text that begins with the prompt;
``GET`` or ``POST`` of ``/`` without one answers ``{"text": ...}``.  What differs from those servers
stands in ``docs/classic.md``.  It knows nothing of the engine: both are requests for completions.
"""

import time
from collections.abc import Sequence
from random import Random
from urllib.parse import unquote_to_bytes

from fastapi import Request, Response
from pydantic import ValidationError
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from model_server.completions import Completions, RefusalError
from model_server.door import (
    gone,
    json_answer,
    parse,
    read_body,
    refusal_of,
    require_token,
    while_connected,
)
from model_server.prompt_format import END_OF_TEXT, START_OF_TEXT, PromptFormat
from model_server.schemas import CompletionRequest, PlainAnswer, PlainRequest

__all__ = ["Plain", "botconvo_request"]

_HEADER = b"prompt"
_SAMPLES = 5
_TOKENS = (30, 99)
"""Tokens of prompt and completion together, drawn for every request."""
_HUNDREDTHS = (60, 79)
"""The temperature, drawn in hundredths."""
_LONGEST_PROMPT = 100
"""Characters of a prompt that ``/`` looks at."""
_SHORTEST_TEXT = 3
"""Characters; whatever is shorter is drawn once more."""
_MOST_TOKENS = 4096
"""What ``CompletionRequest`` takes at most; the engine cuts it to its context."""


class Plain:
    """Both contracts for one checkpoint.  ``form`` is its prompt format; a base has none."""

    def __init__(
        self,
        completions: Completions,
        form: PromptFormat | None,
        token: str | None,
        largest_body: int,
    ) -> None:
        self._completions, self._form = completions, form
        self._token, self._largest_body = token, largest_body
        self._random = Random()

    def routes(self) -> Sequence[BaseRoute]:
        """To be asked before all others: a ``prompt`` header counts wherever it is sent."""
        return (
            _PromptHeader("/{path:path}", self._say, methods=["GET"]),
            Route("/", self._tell, methods=["GET", "POST"]),
        )

    async def _say(self, request: Request) -> Response:
        """The first contract: the longest of five samples, as text."""
        arrived = time.monotonic()
        _refuse_other_sites(request)
        require_token(request, self._token)
        prompt = _header_text(request.scope)
        asked = botconvo_request(self._form, prompt, self._random)
        self._completions.check(asked)
        work = self._completions.answer(asked, arrived)
        answer = await while_connected(request.receive, work, self._completions.metrics)
        if answer is None:
            return gone()
        texts = (_clean(f"{prompt}{choice.text}").strip() for choice in answer.choices)
        return PlainTextResponse(max(texts, key=len))

    async def _tell(self, request: Request) -> Response:
        """The second contract: ``{"text": ...}``."""
        if request.method == "HEAD":
            return json_answer(PlainAnswer(text=""))
        asked = await self._asked(request)
        self._completions.check(_request(self._form, asked))
        work = self._text(asked)
        text = await while_connected(request.receive, work, self._completions.metrics)
        return gone() if text is None else json_answer(PlainAnswer(text=text))

    async def _asked(self, request: Request) -> PlainRequest:
        if request.method == "POST":
            asked = parse(PlainRequest, await read_body(request, self._largest_body))
            given = None if asked.token is None else asked.token.get_secret_value()
            require_token(request, self._token, in_body=given)
            return asked
        _refuse_other_sites(request)
        require_token(request, self._token)
        try:
            return PlainRequest.model_validate(
                {key: value for key, value in request.query_params.items() if key != "token"}
            )
        except ValidationError as error:
            raise refusal_of(error) from None

    async def _text(self, asked: PlainRequest) -> str:
        """The first completion that says something; one more try where none does."""
        text = ""
        for _ in range(2):
            answer = await self._completions.answer(_request(self._form, asked), time.monotonic())
            texts = [_told(choice.text, asked) for choice in answer.choices]
            text = next(filter(_is_long_enough, texts), max(texts, key=len))
            if _is_long_enough(text):
                break
        return text


class _PromptHeader(Route):
    """Any address, but only with a ``prompt`` header."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope["method"] != "GET" or _header(scope) is None:
            return Match.NONE, {}
        return super().matches(scope)


def _header(scope: Scope) -> bytes | None:
    return next((value for name, value in scope["headers"] if name == _HEADER), None)


def _header_text(scope: Scope) -> str:
    """The ``prompt`` header on one line: percent-encoded or bare, in UTF-8 or else Latin-1."""
    raw = unquote_to_bytes(_header(scope) or b"")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return " ".join(text.split())


def botconvo_request(form: PromptFormat | None, prompt: str, rng: Random) -> CompletionRequest:
    """A request with BotConvo's numbers."""
    tokens = rng.randint(*_TOKENS)
    return CompletionRequest(
        prompt=f"{START_OF_TEXT}{prompt}" if form is None else form.render((), opening=prompt),
        n=_SAMPLES,
        max_tokens=tokens,
        max_total_tokens=tokens,
        temperature=rng.randint(*_HUNDREDTHS) / 100,
        stop=list(_stops(form)),
    )


def _request(form: PromptFormat | None, asked: PlainRequest) -> CompletionRequest:
    stops = _stops(form) if asked.truncate is None else (asked.truncate,)
    return CompletionRequest(
        prompt=_start(form, asked.prompt),
        n=asked.count,
        max_tokens=min(asked.length, _MOST_TOKENS),
        max_total_tokens=_MOST_TOKENS,
        temperature=asked.temperature,
        top_k=asked.top_k,
        top_p=asked.top_p or 1.0,
        stop=list(stops),
    )


def _start(form: PromptFormat | None, prompt: str | None) -> str:
    """What the model is to go on with; gpt-2-simple took a prompt as it came."""
    if prompt is None:
        return START_OF_TEXT if form is None else form.render(())
    prompt = prompt[:_LONGEST_PROMPT]
    if form is None or form.kind == "plain":
        return prompt
    return form.render((), opening=_clean(prompt))


def _stops(form: PromptFormat | None) -> tuple[str, ...]:
    return (END_OF_TEXT,) if form is None else form.stops()


def _told(completion: str, asked: PlainRequest) -> str:
    prefix = (asked.prompt or "")[:_LONGEST_PROMPT] if asked.include_prefix else ""
    return _clean(f"{prefix}{completion}").lstrip("\n")


def _is_long_enough(text: str) -> bool:
    return len(text) >= _SHORTEST_TEXT


def _clean(text: str) -> str:
    return text.replace(START_OF_TEXT, "").replace(END_OF_TEXT, "")


def _refuse_other_sites(request: Request) -> None:
    """A page somewhere else can make a browser fetch an address on this computer.

    Raises:
        RefusalError: the browser says that this is such a request.
    """
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise RefusalError(403, "a page of another site may not ask here", "permission_error")
