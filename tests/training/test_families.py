"""Every kind of base that can be served can be trained on, and is served as it was trained."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from measuring import served
from tiny_hugging_face import KINDS, greedy, make_folder
from tiny_hugging_face import PROMPTS as MORE_PROMPTS
from tokenizers import Tokenizer
from training.test_clone import NOW, gathered, make
from training.test_trainer import Watcher, after
from training.test_trial import MADE
from training.toy import QUICK

from botconvo.training.bases import Base, build_tokenizer, encoder_of, open_base
from botconvo.training.clone import prepare, write_weights
from botconvo.training.examples import Window
from botconvo.training.finish import write_clone
from botconvo.training.network import Network, make_model
from botconvo.training.settings import TrainingSettings
from botconvo.training.state import StateFile
from botconvo.training.trainer import train
from model_server.checkpoint.folder import Checkpoint, load_checkpoint
from model_server.checkpoint.gguf_adapter import linear_layers, write_lora
from model_server.checkpoint.gguf_reading import read_weights
from model_server.checkpoint.gguf_writing import write_model
from model_server.engine import Draw, EngineSettings, LlamaEngine, Piece
from model_server.prompt_format import PromptFormat

CPU = torch.device("cpu")
EXACT = replace(QUICK, precision="fp32")
LORA = replace(EXACT, rank=3)
FULL = replace(EXACT, method="full", rate=3e-3, save_as="f16")
PROMPTS = ("Fishvilla: INIT;\nFishvilla: it's the 12th cat...  ok?!\nBort:", "x", "Grüße 東京 😂\n")
SAID = 8
"""Tokens of an answer."""
TOLERANCE = 0.03
"""Nats at f16 weights; see the equality of converted models, which has the same."""


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("families")


@pytest.fixture(scope="module", params=list(KINDS))
def base(request: pytest.FixtureRequest, scratch: Path) -> Base:
    folder = make_folder(scratch / request.param, request.param)
    return open_base(folder, bases=scratch / "bases", weights="f16")


def model_of(base: Base) -> Any:
    assert base.config is not None
    return make_model(base.config, read_weights(base.checkpoint.base_path, base.plan))


@contextmanager
def engine_of(model: Path, adapter: Path | None, base: Base) -> Iterator[LlamaEngine]:
    engine = LlamaEngine(
        model,
        adapter,
        EngineSettings(context=256, parallel=1, threads=1),
        end_of_text=base.tokens.end_of_text,
        reading=base.tokens.reading,
    )
    try:
        yield engine
    finally:
        engine.close()


def first_scores(engine: LlamaEngine, prompt: str, rows: int) -> dict[str, float]:
    """Log-probabilities of what can come first, by text, of texts that one token alone has."""
    pieces: list[Piece] = []

    def take(piece: Piece) -> bool:
        pieces.append(piece)
        return True

    engine.generate(Draw(prompt=prompt, max_tokens=1, temperature=0, logprobs=rows), take)
    top = pieces[0].scores[0].top
    texts = [text for text, _ in top]
    return {text: score for text, score in top if texts.count(text) == 1}


def assert_alike(engine: LlamaEngine, network: Network, base: Base) -> None:
    """The engine's log-probabilities are transformers' with peft, for every prompt."""
    encode, first = encoder_of(base), base.tokens.begin_of_text
    rows = base.plan.architecture.vocabulary
    network.module.eval()
    for prompt in PROMPTS:
        ids = [*([] if first is None else [first]), *encode(prompt)]
        with torch.no_grad():
            logits = network.module(input_ids=torch.tensor([ids])).logits[0, -1]
        expected = torch.log_softmax(logits.float(), -1)
        scores = first_scores(engine, prompt, rows)
        numbers = {text: _number(base, text) for text in scores}
        compared = [
            (score, float(expected[number]))
            for text, score in scores.items()
            if (number := numbers[text]) is not None
        ]
        assert len(compared) > 60
        assert max(abs(ours - theirs) for ours, theirs in compared) < TOLERANCE, prompt


def _number(base: Base, text: str) -> int | None:
    """The token of a plain word, where it can be known by its text."""
    if not (text.isascii() and text.isalnum()):
        return None
    plain = [number for number, token in enumerate(base.tokens.tokens) if token == text]
    return plain[0] if len(plain) == 1 else None


def with_drawn_adapter(base: Base) -> Network:
    network = Network(model_of(base), LORA, CPU)
    generator = torch.Generator().manual_seed(1)
    network.set_learned(
        {
            name: torch.randn(p.shape, generator=generator) * 0.15
            for name, p in network.parameters.items()
        }
    )
    return network


def test_an_adapter_is_served_as_peft_computes_it(base: Base, tmp_path: Path) -> None:
    """Names, shapes and the order of the rows of every matrix, Llama's turned queries too."""
    network = with_drawn_adapter(base)
    adapter = tmp_path / "adapter.gguf"
    deltas = network.deltas()
    assert deltas.keys() == linear_layers(base.plan).keys()
    write_lora(adapter, deltas, alpha=LORA.alpha, plan=base.plan)
    with engine_of(base.checkpoint.base_path, adapter, base) as engine:
        assert_alike(engine, network, base)
    with engine_of(base.checkpoint.base_path, None, base) as engine, pytest.raises(AssertionError):
        assert_alike(engine, network, base)  # without it something else is said


def test_whole_weights_are_served_as_transformers_computes_them(base: Base, tmp_path: Path) -> None:
    network = Network(model_of(base), FULL, CPU)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters.values():
            parameter.mul_(1 + 0.1 * torch.randn(parameter.shape, generator=generator))
    path = tmp_path / "model.gguf"
    write_model(path, base.plan, network.weights(), base.tokens, quantization="f16", name="x")
    with engine_of(path, None, base) as engine:
        assert_alike(engine, network, base)


def test_windows_in_one_row_do_not_see_each_other(base: Base) -> None:
    network = with_drawn_adapter(base)
    long = Window(tokens=tuple(range(40, 90)), weights=(0.0, *([1.0] * 49)))
    short = Window(tokens=tuple(range(100, 130)), weights=(0.0, *([0.5] * 29)))
    apart = network.mean_loss([(long,), (short,)], batch=1, pad=0)
    assert network.mean_loss([(long, short)], batch=1, pad=0) == pytest.approx(apart, rel=1e-5)
    assert network.mean_loss([(long,), (short,)], batch=2, pad=0) == pytest.approx(apart, rel=1e-5)


def test_the_loss_is_that_of_transformers(base: Base) -> None:
    """Gemma bends its logits, and others may do something of the kind."""
    network = with_drawn_adapter(base)
    tokens = torch.arange(40, 90)
    with torch.no_grad():
        logits = network.module.eval()(input_ids=tokens[None]).logits[0, :-1]
    expected = float(torch.nn.functional.cross_entropy(logits, tokens[1:]))
    window = Window(tokens=tuple(tokens.tolist()), weights=(0.0, *([1.0] * 49)))
    assert network.mean_loss([(window,)], batch=1, pad=0)[0] == pytest.approx(expected, rel=1e-5)


def test_windows_hold_the_very_tokens_that_the_engine_reads(base: Base) -> None:
    """A window's tokens are those of its whole text, as a live prompt's are."""
    run = prepare(gathered(), base, replace(EXACT, block=200))
    first, form = base.tokens.begin_of_text, PromptFormat(speaker="Bort")
    begin = () if first is None else (first,)
    windows = [window for row in run.examples.train for window in row]
    with engine_of(base.checkpoint.base_path, None, base) as engine:
        texts = {
            (*begin, *engine.tokenize(session.text + "\n"))
            for session in (*run.corpus.train, *run.corpus.held_out)
        }
        assert form.render([], open=True) == "Bort:"
    assert len(windows) >= 14
    assert all(any(text[: len(w.tokens)] == w.tokens for text in texts) for w in windows)


@pytest.mark.parametrize("settings", [LORA, FULL], ids=["lora", "full"])
def test_a_friend_is_cloned_on_it(base: Base, tmp_path: Path, settings: TrainingSettings) -> None:
    run = prepare(gathered(), base, replace(settings, block=200))
    folder = tmp_path / "checkpoints" / "bort"
    trained = make(run, folder, tmp_path / "state")
    made: Checkpoint = load_checkpoint(folder)
    assert trained.best_loss < trained.base_loss
    assert made.manifest.weights.kind == ("adapter" if settings.method == "lora" else "full")
    assert (made.adapter_path is None) == (settings.method == "full")
    assert made.manifest.architecture == base.plan.architecture
    assert made.manifest.training["method"] == settings.method
    assert made.manifest.training["base"] == base.name


def test_two_steps_are_served_token_for_token_as_transformers_says_them(
    base: Base, tmp_path: Path
) -> None:
    """Trained, written, served by a process of its own, and asked for what is likeliest."""
    run = prepare(gathered(), base, replace(LORA, block=200))
    network, state = Network(model_of(base), run.settings, CPU), StateFile(tmp_path / "s", "d")
    assert train(network, run.examples, run.settings, state, Watcher(), after(2)).steps == 2
    folder = tmp_path / "checkpoints" / "bort"
    write_clone(folder, lambda scratch: write_weights(scratch, network, run), MADE, NOW)
    encode, first = encoder_of(base), base.tokens.begin_of_text
    network.module.eval()
    compared = 0
    for prompt, said in asyncio.run(answers(load_checkpoint(folder))).items():
        ids = [*([] if first is None else [first]), *encode(prompt)]
        ours, margins = greedy(network.module, ids, SAID)
        # Where two tokens are as likely as each other, rounding to f16 decides.
        sure = next((i for i, margin in enumerate(margins) if margin < 2 * TOLERANCE), SAID)
        expected = spelled(base, [*ids, *ours[:sure]]).removeprefix(spelled(base, ids))
        assert expected == (said if sure == SAID else said[: len(expected)]), prompt
        compared += sure
    assert compared >= SAID


def spelled(base: Base, ids: list[int]) -> str:
    """The text of tokens, which are not always those that the text would be split into."""
    made = base.tokenizer
    tokenizer = build_tokenizer(base.tokens) if made is None else Tokenizer.from_file(str(made))
    text: str = tokenizer.decode(ids, skip_special_tokens=False)
    return text


async def answers(opened: Checkpoint) -> dict[str, str]:
    """What a server of it says to each prompt, without any dice."""
    async with served(opened) as server:
        return {
            prompt: (await server.complete(prompt=prompt, max_tokens=SAID, temperature=0))
            .choices[0]
            .text
            for prompt in MORE_PROMPTS
        }
