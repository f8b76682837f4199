"""The bodies that go over HTTP between the orchestrator and a model server.

``/v1/completions`` follows OpenAI's completions API, so that any client of that API works here and
our client works with other servers (llama.cpp, vLLM, Ollama, hosted ones).  ``/`` follows the
servers of the earlier systems (``plain.py``).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

__all__ = [
    "Choice",
    "CompletionRequest",
    "CompletionResponse",
    "ErrorBody",
    "ErrorDetail",
    "Health",
    "LogProbs",
    "PlainAnswer",
    "PlainRequest",
    "Usage",
]


class CompletionRequest(BaseModel):
    """What is asked of ``POST /v1/completions``; unknown keys are ignored, as OpenAI's API does."""

    model_config = ConfigDict(extra="ignore")

    prompt: str
    model: str | None = None
    max_tokens: Annotated[int, Field(ge=1, le=4096)] = 64
    max_total_tokens: Annotated[int, Field(ge=1)] | None = None
    """Tokens of prompt and completion together; at least one is generated.  Not OpenAI's."""
    n: Annotated[int, Field(ge=1, le=64)] = 1
    stop: str | list[str] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    temperature: Annotated[float, Field(ge=0.0, le=5.0)] = 0.8
    top_k: Annotated[int, Field(ge=0)] = 0
    """0 takes every token into account."""
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    repetition_penalty: Annotated[float, Field(gt=0.0, le=10.0)] = 1.0
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    stream: bool = False


class PlainRequest(BaseModel):
    """What is asked of ``GET`` and ``POST /``, with the defaults of the earlier systems' server.

    ``prompt`` None begins a text as the checkpoint's prompt format does, ``truncate`` None ends it
    as that does; with 0, ``top_k`` and ``top_p`` take every token into account.
    """

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    prompt: str | None = None
    length: Annotated[int, Field(ge=1)] = 280
    temperature: Annotated[float, Field(ge=0.0, le=5.0)] = 0.9
    top_p: Annotated[float, Field(ge=0.0, le=1.0)] = 0.7
    top_k: Annotated[int, Field(ge=0)] = 0
    truncate: str | None = None
    include_prefix: bool = False
    count: Annotated[int, Field(ge=1, le=64)] = 1
    token: SecretStr | None = None
    """Only in a body; a token in an address is never looked at."""


class PlainAnswer(BaseModel):
    """The answer of ``GET`` and ``POST /``."""

    text: str


class LogProbs(BaseModel):
    """Natural log-probabilities, one entry per generated token."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]] | None = None


class Choice(BaseModel):
    """One completion.  ``finish_reason`` is "length" where ``max_tokens`` cut it."""

    index: int
    text: str
    finish_reason: Literal["stop", "length"] | None
    logprobs: LogProbs | None = None


class Usage(BaseModel):
    """Tokens of the request; ``cached_tokens`` of the prompt needed no work."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int = 0


class CompletionResponse(BaseModel):
    """The answer of ``POST /v1/completions`` (and, with ``stream``, each event of it)."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    """Unix time in seconds."""
    model: str
    choices: list[Choice]
    usage: Usage | None = None


class Health(BaseModel):
    """``GET /health``: 200 when ready, 503 while loading."""

    status: Literal["loading", "ready"]
    persona: str
    checkpoint: str
    """Digest of the manifest: the launcher checks that the expected checkpoint answers."""
    prompt_format: str
    """Digest of the prompt format."""
    context: int
    """Tokens of prompt and completion together."""
    parallel: int
    """Completions that are worked on at once."""


class ErrorDetail(BaseModel):
    message: str
    type: str


class ErrorBody(BaseModel):
    """Every refusal has this body, as in OpenAI's API."""

    error: ErrorDetail
