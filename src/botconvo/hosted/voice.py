"""A clone that speaks through a hosted model: it is asked in the form in which it was tuned."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from botconvo.conversation.orders import Ask, Poll
from botconvo.errors import ServiceError, VoiceError
from botconvo.hosted.forms import Prompt, prompt
from botconvo.hosted.service import KEY, explained, host_of, is_here, require_openai
from botconvo.orchestrator.hosted import HostedSpec
from botconvo.personas import Sampling
from botconvo.ports import Completion, TextFilter
from botconvo.safety.judging import judge
from botconvo.transcript.grammar import Line
from botconvo.voices import Draft

if TYPE_CHECKING:
    import openai

__all__ = ["HostedVoice"]

_TIMEOUT_S = 60.0
_HOTTEST = 2.0
"""OpenAI refuses a higher temperature."""


class HostedVoice:
    """Implements ``Voice``.

    ``may_go_out`` gives those lines that the service may be told; the rest it is not asked with.
    People whose words may not go out are left out before, by who they are (``Persona.confided``);
    here it is about other clones.
    """

    def __init__(
        self,
        spec: HostedSpec,
        key: SecretStr | None,
        may_go_out: Callable[[Sequence[Line]], Sequence[Line]],
        text_filter: TextFilter,
    ) -> None:
        self._spec, self._key = spec, key
        self._may_go_out, self._filter = may_go_out, text_filter

    async def draft(self, ask: Ask) -> Draft:
        """See ``Voice``."""
        if ask.opening and self._spec.form == "chat":
            raise VoiceError(
                f"{self._spec.persona}: a chat model cannot be made to begin with given words; "
                "leave them out",
                retryable=False,
            )
        lines = await asyncio.to_thread(self._may_go_out, ask.context)
        asked = prompt(self._spec.form, str(ask.persona), lines, opening=ask.opening)
        started = time.perf_counter()
        completions = await self._complete(asked, ask)
        latency_ms = (time.perf_counter() - started) * 1000
        return Draft(
            candidates=tuple(
                judge(str(ask.persona), ask.opening, each, self._filter) for each in completions
            ),
            prompt=asked.shown,
            phrase=None,
            latency_ms=latency_ms,
        )

    async def urge(self, poll: Poll) -> float | None:
        """Services do not tell."""
        return None

    async def _complete(self, asked: Prompt, ask: Ask) -> Sequence[Completion]:
        await asyncio.to_thread(require_openai)
        import openai

        spec, key = self._spec, self._key
        if key is None or not key.get_secret_value():
            raise VoiceError(
                f"{spec.persona}: {host_of(spec.endpoint)} needs a key; put it into .env beside "
                f"config.toml as {KEY}=...",
                retryable=False,
            )
        try:
            # One client an ask: what it keeps open would outlive the run that it belongs to.
            async with openai.AsyncOpenAI(
                api_key=key.get_secret_value(),
                base_url=spec.endpoint,
                max_retries=0,
                timeout=_TIMEOUT_S,
                http_client=openai.DefaultAsyncHttpxClient(trust_env=not is_here(spec.endpoint)),
            ) as client:
                return await _asked(client, spec, asked, ask)
        except openai.OpenAIError as error:
            told = explained(error, host_of(spec.endpoint), f"asking {spec.model}", key)
            raise _as_voice_error(spec.persona, told) from None
        except (AttributeError, TypeError, ValueError):
            raise VoiceError(
                f"{spec.persona}: what {host_of(spec.endpoint)} answers is not of OpenAI's "
                "interface; check the endpoint",
                retryable=False,
            ) from None


def _as_voice_error(persona: str, error: ServiceError) -> VoiceError:
    return VoiceError(f"{persona}: {error}", retryable=error.retryable)


async def _asked(
    client: "openai.AsyncOpenAI", spec: HostedSpec, asked: Prompt, ask: Ask
) -> Sequence[Completion]:
    common = {"model": spec.model, "n": ask.n, "stop": ["\n"], "seed": ask.seed}
    common |= _sampled(ask.sampling)
    if spec.form == "chat":
        chat: Any = await client.chat.completions.create(messages=asked.messages, **common)  # type: ignore[call-overload]
        return tuple(_completion(c.message.content or "", c.finish_reason) for c in chat.choices)
    text: Any = await client.completions.create(prompt=asked.text, **common)  # type: ignore[call-overload]
    return tuple(_completion(c.text, c.finish_reason) for c in text.choices)


def _sampled(sampling: Sampling) -> dict[str, object]:
    """What OpenAI's interface knows of it; it refuses the rest."""
    known: dict[str, object] = {
        "temperature": None
        if sampling.temperature is None
        else min(sampling.temperature, _HOTTEST),
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
    }
    return {name: value for name, value in known.items() if value is not None}


def _completion(text: str, ended: str | None) -> Completion:
    """Of its own line alone; behind the speaker's mark of a transcript stands a space."""
    line, broken, _ = text.strip("\n").partition("\n")
    spaced = line if line.startswith(" ") else f" {line}"
    return Completion(text=spaced, finished=bool(broken) or ended != "length", logprob=None)
