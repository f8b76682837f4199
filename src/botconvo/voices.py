"""A voice turns an ask into candidates: noun phrase, prompt format, generator, local filters.

Training renders its prompts with the same ``PromptFormat``; a golden test holds the two together.
"""

import asyncio
import time
from dataclasses import dataclass
from random import Random
from typing import Protocol

from botconvo.conversation.events import Candidate
from botconvo.conversation.orders import Ask
from botconvo.phrases import pick_phrase
from botconvo.ports import GenerateRequest, PhraseExtractor, TextFilter, TextGenerator
from botconvo.safety.judging import judge
from botconvo.transcript.grammar import print_line
from model_server.prompt_format import PromptFormat

__all__ = ["CloneVoice", "Draft", "Voice"]


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
        opening = (phrase or "") if ask.open_with_phrase else ""
        rows = [print_line(line) for line in ask.context]
        prompt = self._format.render(rows, opening=opening)
        request = GenerateRequest(
            prompt=prompt,
            n=ask.n,
            stop=self._format.stops(),
            sampling=ask.sampling,
            seed=ask.seed,
        )
        started = time.perf_counter()
        completions = await self._generator.complete(request)
        latency_ms = (time.perf_counter() - started) * 1000
        speaker = self._format.speaker
        return Draft(
            candidates=tuple(judge(speaker, opening, c, self._filter) for c in completions),
            prompt=prompt,
            phrase=phrase,
            latency_ms=latency_ms,
        )

    def _phrase(self, ask: Ask) -> str | None:
        if not ask.phrase_from:
            return None
        phrases = self._extractor.noun_phrases(ask.phrase_from)
        return pick_phrase(phrases, Random(f"{ask.seed}/phrase"), avoid=ask.avoid)
