"""The network reads a talk as training does, and scores what a plain pass over it would."""

from pathlib import Path

import pytest
import torch
from builders import NOON
from evaluation.heaps import a_place
from tiny_model import tiny_deltas, tiny_weights
from training.toy import QUICK, TINY, TOKENS

from botconvo.corpus import Session
from botconvo.evaluation.ranking import Trial
from botconvo.evaluation.scoring import Scorer, with_adapter, words_of
from botconvo.training.bases import Base, open_base
from botconvo.training.examples import Window
from botconvo.training.network import Network, make_gpt2
from botconvo.transcript.grammar import Command, Line
from model_server.checkpoint.gguf_adapter import write_lora
from model_server.checkpoint.gguf_files import plan_gpt2
from model_server.prompt_format import PromptFormat

FORM = PromptFormat(speaker="Bort")
ROWS = [(Window(tokens=tuple(range(40, 90)), weights=(0.0, *([1.0] * 49))),)]
CANDIDATES = ("hello there", "no", "a rather longer line about the hello")


def loss_of(network: Network) -> float:
    return network.mean_loss(ROWS, batch=1, pad=0)[0]


def an_adapter(folder: Path) -> Path:
    path = folder / "adapter.gguf"
    plan = plan_gpt2(TINY)
    write_lora(path, tiny_deltas(TINY), alpha=QUICK.alpha, plan=plan, precision="f32")
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    from tiny_model import make_tiny_base

    folder = make_tiny_base(tmp_path_factory.mktemp("base") / "tiny")
    return open_base(folder, bases=folder.parent)


def test_an_adapter_in_the_weights_is_the_adapter_beside_them(tmp_path: Path) -> None:
    from dataclasses import replace

    exact = replace(QUICK, precision="fp32")
    weights, cpu = tiny_weights(TINY, TOKENS), torch.device("cpu")
    beside = Network(make_gpt2(weights, TINY), exact, cpu)
    before = loss_of(beside)
    beside.set_deltas(tiny_deltas(TINY))
    merged = dict(with_adapter(weights.items(), plan_gpt2(TINY), an_adapter(tmp_path)))
    inside = Network(make_gpt2(merged, TINY), exact, cpu)
    assert loss_of(inside) == pytest.approx(loss_of(beside), rel=1e-5)
    assert loss_of(inside) != pytest.approx(before, rel=1e-2)


def test_a_gain_is_the_difference_of_two_plain_passes(base: Base) -> None:
    scorer = Scorer(base, None, "cpu")
    place = a_place(CANDIDATES[0], before="so what is up")
    gains = scorer.gains(Trial(place=place, candidates=CANDIDATES), FORM)
    expected = [
        _plain(scorer, "Al: so what is up\nBort:", f" {text}\n")
        - _plain(scorer, "Bort:", f" {text}\n")
        for text in CANDIDATES
    ]
    assert gains == pytest.approx(expected, abs=1e-3)
    again = scorer.gains(Trial(place=place, candidates=CANDIDATES[::-1]), FORM)
    assert again[::-1] == pytest.approx(gains, abs=1e-3)


def _plain(scorer: Scorer, prompt: str, reply: str) -> float:
    """Without a cache, one reply at a time."""
    tokens = [list(scorer._encode(text)) for text in (prompt, reply)]
    row = torch.tensor([[*tokens[0], *tokens[1]]])
    with torch.inference_mode():
        logprobs = torch.log_softmax(scorer._module(input_ids=row).logits[0].float(), dim=-1)
    first = len(tokens[0])
    return sum(float(logprobs[first + i - 1, token]) for i, token in enumerate(tokens[1]))


def test_a_long_talk_is_cut_to_its_last_lines(base: Base) -> None:
    scorer = Scorer(base, None, "cpu")
    long = tuple(Line(name="Al", argument=f"hello {i} " + "x" * 60) for i in range(40))
    place = a_place("hi")
    trial = Trial(
        place=type(place)(session=0, context=long, line=place.line), candidates=("a", "b")
    )
    assert len(scorer.gains(trial, FORM)) == 2


def test_losses_are_of_the_speakers_own_words(base: Base) -> None:
    scorer = Scorer(base, None, "cpu")
    lines = (Line(name="Al", command=Command.INIT), Line(name="Al", argument="hello you"))
    said = Line(name="Bort", argument="hello")
    sessions = [
        (7, Session(lines=(*lines, said), started=NOON)),
        (8, Session(lines=lines, started=NOON)),
    ]
    (loss,) = scorer.losses(sessions, FORM, "Bort")
    assert loss.session == 7
    expected = _plain(scorer, "Al: INIT;\nAl: hello you\nBort:", " hello\n")
    assert loss.tokens == len(scorer._encode(" hello\n"))
    assert loss.nats == pytest.approx(-expected, abs=0.05)


def test_the_silence_behind_a_talk_is_nobodys_words() -> None:
    begin, said = Line(name="Bort", command=Command.INIT), Line(name="Bort", argument="hi")
    assert words_of(Session(lines=(begin, said, begin), started=NOON)) == (begin, said)
