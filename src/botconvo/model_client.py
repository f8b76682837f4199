"""Completions from a model server over HTTP: ours, or any server with OpenAI's completions API.

It knows nothing of processes: the address is asked for on every call, because a restarted server
has a new one.
"""

from collections.abc import Callable, Sequence

import httpx
from pydantic import SecretStr, ValidationError

from botconvo.errors import VoiceError
from botconvo.ports import Completion, GenerateRequest
from model_server.schemas import Choice, CompletionRequest, CompletionResponse, ErrorBody

__all__ = ["ModelClient"]

_RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_REASON = 300


class ModelClient:
    """Implements ``TextGenerator``.

    ``address`` gives the server's base URL, or None while it has none.
    """

    def __init__(
        self,
        persona: str,
        http: httpx.AsyncClient,
        address: Callable[[], str | None],
        token: SecretStr,
        *,
        timeout_s: float = 60.0,
    ) -> None:
        self._persona, self._http, self._address = persona, http, address
        self._token, self._timeout_s = token, timeout_s

    async def complete(self, request: GenerateRequest) -> Sequence[Completion]:
        """See ``TextGenerator``."""
        address = self._address()
        if address is None:
            raise VoiceError(f"{self._persona}: its model server is not ready", retryable=True)
        try:
            response = await self._http.post(
                f"{address}/v1/completions",
                json=_body(request).model_dump(exclude_none=True),
                headers={"Authorization": f"Bearer {self._token.get_secret_value()}"},
                timeout=self._timeout_s,
            )
        except httpx.TimeoutException:
            raise VoiceError(
                f"{self._persona}: its model server gave no answer in {self._timeout_s:g} s",
                retryable=True,
            ) from None
        except httpx.HTTPError as error:
            raise VoiceError(
                f"{self._persona}: its model server cannot be reached ({type(error).__name__})",
                retryable=True,
            ) from None
        return self._read(response)

    def _read(self, response: httpx.Response) -> Sequence[Completion]:
        if response.status_code != 200:
            raise VoiceError(
                f"{self._persona}: its model server answered {response.status_code}: "
                f"{self._reason(response)}",
                retryable=response.status_code in _RETRYABLE,
            )
        try:
            answer = CompletionResponse.model_validate_json(response.content)
        except ValidationError as error:
            raise VoiceError(
                f"{self._persona}: its model server's answer is not of the completions API "
                f"({error.error_count()} errors)",
                retryable=False,
            ) from None
        return tuple(_completion(choice) for choice in answer.choices)

    def _reason(self, response: httpx.Response) -> str:
        """What the server says about it, on one line; some servers repeat the token they got."""
        try:
            reason = ErrorBody.model_validate_json(response.content).error.message
        except ValidationError:
            reason = response.reason_phrase
        if token := self._token.get_secret_value():
            reason = reason.replace(token, "...")
        return " ".join(reason.split())[:_LONGEST_REASON] or "no reason given"


def _body(request: GenerateRequest) -> CompletionRequest:
    sampling = request.sampling
    given = {name: getattr(sampling, name) for name in type(sampling).__slots__}
    return CompletionRequest(
        prompt=request.prompt,
        n=request.n,
        stop=list(request.stop),
        seed=request.seed,
        logprobs=request.alternatives,
        **{name: value for name, value in given.items() if value is not None},
    )


def _completion(choice: Choice) -> Completion:
    scores = choice.logprobs.token_logprobs if choice.logprobs is not None else []
    return Completion(
        text=choice.text,
        finished=choice.finish_reason != "length",
        logprob=sum(scores) / len(scores) if scores else None,
        first=_first(choice),
    )


def _first(choice: Choice) -> tuple[tuple[str, float], ...]:
    places = choice.logprobs.top_logprobs if choice.logprobs is not None else None
    return tuple(places[0].items()) if places else ()
