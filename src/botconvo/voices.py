"""A voice turns an ask into candidates: noun phrase, prompt format, generator, local filters.

Training renders its prompts with the same ``PromptFormat``; a golden test holds the two together.
"""

import asyncio
import math
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from botconvo.conversation.events import Candidate
from botconvo.conversation.orders import Ask, Poll
from botconvo.personas import Sampling
from botconvo.phrases import classic_sentence, pick_classic_phrase, pick_phrase
from botconvo.ports import Completion, GenerateRequest, PhraseExtractor, TextFilter, TextGenerator
from botconvo.safety.judging import judge, judge_anybody, judge_plain
from botconvo.transcript.grammar import print_line
from model_server.prompt_format import PromptFormat

__all__ = ["CloneVoice", "CompanyVoice", "Draft", "Voice"]


_ONE_TOKEN = Sampling(temperature=1.0, top_k=0, top_p=1.0, repetition_penalty=1.0, max_tokens=1)
_ALTERNATIVES = 20
"""The most that OpenAI's completions API and our server give."""
_LEAST = 0.02
"""A model that gives less to all names together has not learned who speaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a voice offers, and what it was asked with."""

    candidates: tuple[Candidate, ...]
    prompt: str
    phrase: str | None
    latency_ms: float


class Voice(Protocol):
    async def draft(self, ask: Ask) -> Draft:
        """
        Raises:
            VoiceError: the model behind it gave no usable answer.
        """
        ...

    async def urge(self, poll: Poll) -> float | None:
        """How likely its model finds it that its persona has the next line; None: it cannot tell.

        Raises:
            VoiceError: the model behind it gave no usable answer.
        """
        ...


class CloneVoice:
    """A persona with a checkpoint of its own."""

    def __init__(
        self,
        prompt_format: PromptFormat,
        generator: TextGenerator,
        extractor: PhraseExtractor,
        text_filter: TextFilter,
    ) -> None:
        self._format, self._generator = prompt_format, generator
        self._extractor, self._filter = extractor, text_filter

    async def draft(self, ask: Ask) -> Draft:
        """See ``Voice``."""
        # In a thread: the pipeline may still be loading, and the channel must not stand still.
        phrase = await asyncio.to_thread(self._phrase, ask)
        if phrase is not None and self._filter.objection(phrase) is not None:
            phrase = None  # whatever began with it would be dropped
        opening = ask.opening or ((phrase or "") if ask.open_with_phrase else "")
        prompt = self._format.render(_rows(ask), opening=opening)
        completions, latency_ms = await _complete(self._generator, self._format, ask, prompt)
        read = judge if self._format.kind == "transcript" else judge_plain
        speaker = self._format.speaker
        return Draft(
            candidates=tuple(read(speaker, opening, c, self._filter) for c in completions),
            prompt=prompt,
            phrase=phrase,
            latency_ms=latency_ms,
        )

    async def urge(self, poll: Poll) -> float | None:
        """See ``Voice``."""
        head = self._format.head(self._format.speaker)
        if head is None:
            return None
        request = GenerateRequest(
            prompt=self._format.render(_rows(poll), open=False),
            n=1,
            stop=(),
            sampling=_ONE_TOKEN,
            seed=0,
            alternatives=_ALTERNATIVES,
        )
        completions = await self._generator.complete(request)
        if not completions or not completions[0].first:
            return None
        names = {line.name for line in poll.context} | set(poll.personas)
        others = {self._format.head(name) or "" for name in names} - {head}
        return _share(head, others, completions[0].first)

    def _phrase(self, ask: Ask) -> str | None:
        if not ask.phrase_from:
            return None
        rng = Random(f"{ask.seed}/phrase")
        if ask.phrase_law == "classic":
            sentence = classic_sentence(ask.phrase_from)
            return pick_classic_phrase(self._extractor.noun_phrases(sentence), sentence, rng)
        return pick_phrase(self._extractor.noun_phrases(ask.phrase_from), rng, avoid=ask.avoid)


class CompanyVoice:
    """A checkpoint that says who speaks next, and what; only ``speakers`` are let speak."""

    def __init__(
        self,
        prompt_format: PromptFormat,
        speakers: Collection[str],
        generator: TextGenerator,
        text_filter: TextFilter,
    ) -> None:
        self._format, self._speakers = prompt_format, frozenset(speakers)
        self._generator, self._filter = generator, text_filter

    async def draft(self, ask: Ask) -> Draft:
        """See ``Voice``."""
        prompt = self._format.render(_rows(ask), open=False)
        completions, latency_ms = await _complete(self._generator, self._format, ask, prompt)
        return Draft(
            candidates=tuple(judge_anybody(self._speakers, c, self._filter) for c in completions),
            prompt=prompt,
            phrase=None,
            latency_ms=latency_ms,
        )

    async def urge(self, poll: Poll) -> float | None:
        """It speaks as everybody."""
        return None


def _rows(asked: Ask | Poll) -> list[str]:
    return [print_line(line) for line in asked.context]


def _share(head: str, others: Collection[str], first: Sequence[tuple[str, float]]) -> float | None:
    """The probability that a line begins with ``head`` if it begins with that or one of ``others``.

    It is read off the likeliest tokens of its first place.  A token with which several heads begin
    counts for each of them alike.  None where the model expects nobody who is here.
    """
    own = anybody = 0.0
    for token, logprob in first:
        letters = token.strip()
        begun = sum(other.startswith(letters) for other in (head, *others)) if letters else 0
        if begun:
            anybody += math.exp(logprob)
            own += math.exp(logprob) / begun if head.startswith(letters) else 0.0
    return own / anybody if anybody >= _LEAST else None


async def _complete(
    generator: TextGenerator, prompt_format: PromptFormat, ask: Ask, prompt: str
) -> tuple[Sequence[Completion], float]:
    """The completions, and how many milliseconds they took."""
    request = GenerateRequest(
        prompt=prompt,
        n=ask.n,
        stop=prompt_format.stops(),
        sampling=ask.sampling,
        seed=ask.seed,
    )
    started = time.perf_counter()
    completions = await generator.complete(request)
    return completions, (time.perf_counter() - started) * 1000
