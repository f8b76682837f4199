"""From an ask to judged candidates: phrase, prompt, generator, filters."""

import asyncio
import threading
from dataclasses import replace

import pytest
from fakes import FakeExtractor, FakeGenerator

from botconvo.conversation.events import OrderId
from botconvo.conversation.orders import Ask, PromptSource
from botconvo.errors import VoiceError
from botconvo.messages import MessageId
from botconvo.personas import PersonaName, Sampling
from botconvo.ports import Completion
from botconvo.transcript.grammar import Command, Line
from botconvo.voices import CloneVoice
from model_server.prompt_format import PromptFormat

BORT = PersonaName("Bort")
SAMPLING = Sampling(temperature=0.5, top_k=0, top_p=1.0, repetition_penalty=1.0, max_tokens=20)
ASK = Ask(
    id=OrderId("test:room/3/ask"),
    persona=BORT,
    source=PromptSource.CLONE,
    target=MessageId("test:room/7"),
    context=(
        Line(name="Juno", command=Command.INIT),
        Line(name="Juno", argument="the goblin sword\nis mine"),
    ),
    phrase_from="the goblin sword\nis mine",
    open_with_phrase=False,
    n=2,
    sampling=SAMPLING,
    seed=5,
)
PHRASES = FakeExtractor({"the goblin sword\nis mine": ("the goblin sword",)})


class Nothing:
    """Finds no text safe."""

    def is_safe(self, text: str) -> bool:
        return False


class Anything:
    def is_safe(self, text: str) -> bool:
        return True


ANYTHING, TRANSCRIPT = Anything(), PromptFormat(speaker="Bort")


def a_voice(
    generator: FakeGenerator,
    *,
    extractor: FakeExtractor = PHRASES,
    safe: Anything | Nothing = ANYTHING,
    prompt_format: PromptFormat = TRANSCRIPT,
) -> CloneVoice:
    return CloneVoice(prompt_format, generator, extractor, safe)


async def test_the_prompt_is_the_transcript_with_the_personas_open_line() -> None:
    generator = FakeGenerator([" no, mine"])
    draft = await a_voice(generator).draft(ASK)
    assert draft.prompt == "Juno: INIT;\nJuno: the goblin sword\\nis mine\nBort:"
    request = generator.history[0]
    assert (request.prompt, request.n, request.stop) == (draft.prompt, 2, ("\n",))
    assert (request.sampling, request.seed) == (SAMPLING, 5)


async def test_a_reply_may_have_to_begin_with_a_phrase() -> None:
    generator = FakeGenerator([" is not yours"])
    draft = await a_voice(generator).draft(replace(ASK, open_with_phrase=True))
    assert draft.prompt.endswith("\nBort: the goblin sword")
    assert draft.phrase == "the goblin sword"
    assert draft.candidates[0].line == Line(name="Bort", argument="the goblin sword is not yours")


async def test_a_phrase_is_told_also_where_the_reply_need_not_begin_with_it() -> None:
    draft = await a_voice(FakeGenerator([" ok"])).draft(ASK)
    assert draft.phrase == "the goblin sword"
    assert draft.candidates[0].line == Line(name="Bort", argument="ok")


async def test_a_phrase_that_was_used_lately_is_not_used_again() -> None:
    ask = replace(ASK, open_with_phrase=True, avoid=("The Goblin Sword",))
    draft = await a_voice(FakeGenerator([" ok"])).draft(ask)
    assert draft.phrase is None
    assert draft.prompt.endswith("\nBort:"), "without a phrase the reply begins freely"


async def test_without_a_message_to_take_up_nobody_looks_for_phrases() -> None:
    extractor = FakeExtractor()
    await a_voice(FakeGenerator([" ok"]), extractor=extractor).draft(replace(ASK, phrase_from=None))
    assert extractor.history == []


async def test_a_plain_format_gets_the_opening_alone() -> None:
    generator = FakeGenerator([" is mine"])
    plain = PromptFormat(kind="plain", speaker="Bort")
    draft = await a_voice(generator, prompt_format=plain).draft(replace(ASK, open_with_phrase=True))
    assert draft.prompt == "the goblin sword"
    assert generator.history[0].stop == ("<|endoftext|>",)


async def test_every_completion_becomes_a_judged_candidate() -> None:
    cut = Completion(text=" half a", finished=False, logprob=-2.0)
    generator = FakeGenerator([" fine", cut, "", " ...", " REACT: 🔥;", " INIT;"])
    draft = await a_voice(generator).draft(ASK)
    assert [c.verdict for c in draft.candidates] == ["ok", "ok", "empty", "empty", "ok", "silent"]
    assert [c.cut for c in draft.candidates[:2]] == [False, True]
    assert draft.candidates[1].logprob == -2.0


async def test_the_filter_has_the_last_word() -> None:
    draft = await a_voice(FakeGenerator([" fine"]), safe=Nothing()).draft(ASK)
    assert draft.candidates[0].verdict == "unsafe"


async def test_a_generator_that_fails_is_told_as_it_is() -> None:
    with pytest.raises(VoiceError, match="gone"):
        await a_voice(FakeGenerator(VoiceError("Bort: gone", retryable=True))).draft(ASK)


async def test_the_channel_does_not_stand_still_while_phrases_are_looked_for() -> None:
    """The pipeline may still be loading."""
    loaded = threading.Event()

    class Loading(FakeExtractor):
        def noun_phrases(self, text: str) -> tuple[str, ...]:
            assert loaded.wait(20)
            return ()

    drafting = asyncio.create_task(a_voice(FakeGenerator([" ok"]), extractor=Loading()).draft(ASK))
    await asyncio.sleep(0)
    loaded.set()
    async with asyncio.timeout(20):
        assert (await drafting).candidates[0].verdict == "ok"
    assert (await drafting).latency_ms >= 0.0
