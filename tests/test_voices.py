"""From an ask to judged candidates: phrase, prompt, generator, filters."""

import asyncio
import math
import threading
from dataclasses import replace

import pytest
from fakes import FakeExtractor, FakeGenerator

from botconvo.conversation.events import Objection, OrderId
from botconvo.conversation.orders import Ask, Poll, PromptSource
from botconvo.errors import VoiceError
from botconvo.messages import MessageId
from botconvo.personas import PersonaName, Sampling
from botconvo.ports import Completion
from botconvo.transcript.grammar import Command, Line
from botconvo.voices import CloneVoice, CompanyVoice
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

    def objection(self, text: str) -> Objection | None:
        return "unsafe"


class Anything:
    def objection(self, text: str) -> Objection | None:
        return None


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


async def test_no_reply_is_made_to_begin_with_what_may_not_be_said() -> None:
    draft = await a_voice(FakeGenerator([" ok"]), safe=Nothing()).draft(
        replace(ASK, open_with_phrase=True)
    )
    assert draft.phrase is None
    assert draft.prompt.endswith("\nBort:")


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


async def test_plain_words_are_never_an_act() -> None:
    generator = FakeGenerator([" is\nmine", " REACT: 🔥;", "\n"])
    plain = PromptFormat(kind="plain", speaker="Bort", start="<|startoftext|>")
    draft = await a_voice(generator, prompt_format=plain).draft(replace(ASK, open_with_phrase=True))
    assert draft.prompt == "<|startoftext|>the goblin sword"
    assert [c.line.argument for c in draft.candidates if c.line] == [
        "the goblin sword is mine",
        "the goblin sword REACT: 🔥;",
        "the goblin sword",
    ]
    assert [c.verdict for c in draft.candidates] == ["ok", "ok", "empty"]
    draft = await a_voice(FakeGenerator(["WTF: no", " \n"]), prompt_format=plain).draft(ASK)
    assert [c.verdict for c in draft.candidates] == ["ok", "empty"]


async def test_a_name_that_is_a_token_gets_its_rows() -> None:
    generator = FakeGenerator([" no, mine"])
    friends = PromptFormat(kind="speaker_token", speaker="Bort", speakers=("bort", "juno"))
    draft = await a_voice(generator, prompt_format=friends).draft(ASK)
    assert draft.prompt == "<juno> the goblin sword is mine\n<bort>"
    assert draft.candidates[0].line == Line(name="Bort", argument="no, mine")
    assert generator.history[0].stop == ("\n", "<bort>", "<juno>")


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


GPT2_SIMPLE = PromptFormat(kind="plain", speaker="Bort", start="<|startoftext|>")


async def test_a_plain_format_says_texts_of_several_lines_and_words_that_look_like_acts() -> None:
    generator = FakeGenerator(["\nis mine\nand yours", " VIDEO: mine"])
    draft = await a_voice(generator, prompt_format=GPT2_SIMPLE).draft(
        replace(ASK, open_with_phrase=True)
    )
    assert [c.line and c.line.argument for c in draft.candidates] == [
        "the goblin sword is mine and yours",
        "the goblin sword VIDEO: mine",
    ]
    assert {c.verdict for c in draft.candidates} == {"ok"}


async def test_by_botconvos_law_only_the_longest_sentence_is_looked_at() -> None:
    sentence = "the goblin sword is not in a shop."
    extractor = FakeExtractor({sentence: ("the goblin sword", "a shop")})
    text = f"No. {sentence}\nOk?"
    for seed in range(12):
        ask = replace(ASK, phrase_from=text, phrase_law="classic", open_with_phrase=True, seed=seed)
        ask = replace(ask, avoid=("the goblin sword",))
        draft = await a_voice(FakeGenerator([" ok"]), extractor=extractor).draft(ask)
        assert draft.phrase == "the goblin sword", "never the last, and lately used or not"


@pytest.mark.parametrize("text", ["see http://a.b and the goblin sword", "the goblin sword", "  "])
async def test_by_botconvos_law_a_link_and_a_whole_sentence_open_nothing(text: str) -> None:
    extractor = FakeExtractor({text: ("the goblin sword",)})
    ask = replace(ASK, phrase_from=text, phrase_law="classic", open_with_phrase=True)
    voice = a_voice(FakeGenerator([" ok"]), extractor=extractor, prompt_format=GPT2_SIMPLE)
    draft = await voice.draft(ask)
    assert (draft.phrase, draft.prompt) == (None, "<|startoftext|>")


async def test_an_opening_goes_before_a_phrase() -> None:
    generator = FakeGenerator([" bites"])
    ask = replace(ASK, open_with_phrase=True, opening="my dog")
    draft = await a_voice(generator).draft(ask)
    assert draft.prompt.endswith("\nBort: my dog")
    assert draft.candidates[0].line == Line(name="Bort", argument="my dog bites")


# Whoever speaks next


async def test_the_company_is_asked_who_speaks_next_and_what() -> None:
    generator = FakeGenerator(["Juno: no, mine", "Bort: REACT: 🔥;", "Freya: hi", "no name"])
    voice = CompanyVoice(TRANSCRIPT, ("Bort", "Juno"), generator, ANYTHING)
    draft = await voice.draft(ASK)
    assert draft.prompt == "Juno: INIT;\nJuno: the goblin sword\\nis mine\n"
    assert generator.history[0].stop == ("\n",)
    assert [c.verdict for c in draft.candidates] == ["ok", "ok", "foreign", "empty"]
    assert draft.candidates[0].line == Line(name="Juno", argument="no, mine")
    assert draft.candidates[2].line is not None, "so that it can be told who was left out"


async def test_the_filters_apply_to_everybody() -> None:
    generator = FakeGenerator(["Juno: no, mine", "Juno: @everyone look"])
    voice = CompanyVoice(TRANSCRIPT, ("Juno",), generator, Nothing())
    assert [c.verdict for c in (await voice.draft(ASK)).candidates] == ["unsafe", "unsafe"]


# Who speaks next


POLL = Poll(
    id=OrderId("test:room/3/poll"),
    personas=(BORT, PersonaName("Juno")),
    context=(Line(name="Juno", argument="soup?"), Line(name="Jules", argument="ok")),
)


def likeliest(**shares: float) -> FakeGenerator:
    """A model that finds these tokens that likely, and says the first of them."""
    first = tuple((token, math.log(share)) for token, share in shares.items())
    return FakeGenerator([Completion(text=first[0][0], finished=False, logprob=-1.0, first=first)])


async def urge(generator: FakeGenerator, prompt_format: PromptFormat) -> float | None:
    return await a_voice(generator, prompt_format=prompt_format).urge(POLL)


async def test_an_urge_is_the_probability_of_the_personas_own_head_among_all_heads() -> None:
    generator = likeliest(Juno=0.6, Bort=0.15, B=0.05, x=0.2)
    assert await urge(generator, TRANSCRIPT) == pytest.approx(0.25)
    request = generator.history[0]
    assert request.prompt == "Juno: soup?\nJules: ok\n"
    assert (request.n, request.sampling.max_tokens, request.alternatives) == (1, 1, 20)


async def test_a_token_with_which_several_names_begin_counts_for_each_of_them_alike() -> None:
    juno = PromptFormat(speaker="Juno")
    everybody = likeliest(Ju=0.4, J=0.2, Jun=0.1, Bort=0.3)
    assert await urge(everybody, juno) == pytest.approx(0.4)


async def test_a_speaker_token_is_a_head_too_and_plain_words_have_none() -> None:
    tokens = PromptFormat(kind="speaker_token", speaker="Bort", speakers=("Bort", "Juno"))
    assert await urge(likeliest(**{"<Bort>": 0.25, "<Juno>": 0.5}), tokens) == pytest.approx(1 / 3)
    assert await urge(FakeGenerator(), PromptFormat(kind="plain", speaker="Bort")) is None


async def test_a_model_that_expects_nobody_who_is_here_cannot_tell() -> None:
    assert await urge(likeliest(The=0.5, Bort=0.01), TRANSCRIPT) is None


async def test_a_server_that_gives_no_alternatives_cannot_tell() -> None:
    assert await urge(FakeGenerator(" Bort"), TRANSCRIPT) is None
