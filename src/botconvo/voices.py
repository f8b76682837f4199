"""A voice turns an ask into candidates: noun phrase, prompt format, generator, local filters.

Training renders its prompts with the same ``PromptFormat``; a golden test holds the two together.
"""

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from botconvo.conversation.events import Candidate
from botconvo.conversation.orders import Ask
from botconvo.phrases import classic_sentence, pick_classic_phrase, pick_phrase
from botconvo.ports import Completion, GenerateRequest, PhraseExtractor, TextFilter, TextGenerator
from botconvo.safety.judging import judge, judge_anybody, judge_plain
from botconvo.transcript.grammar import print_line
from model_server.prompt_format import PromptFormat

__all__ = ["CloneVoice", "CompanyVoice", "Draft", "Voice"]


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


def _rows(ask: Ask) -> list[str]:
    return [print_line(line) for line in ask.context]


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
