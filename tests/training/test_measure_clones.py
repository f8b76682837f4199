"""The matrix of clones and friends measures what was written, on what nobody was trained on."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from builders import NOON
from measure_clones import Cell, markdown, merged, unseen, words_of
from tiny_model import tiny_deltas, tiny_weights
from training.toy import QUICK, TINY, TOKENS

from botconvo.corpus import Corpus, Session
from botconvo.training.examples import Window
from botconvo.training.network import Network, make_gpt2
from botconvo.transcript.grammar import Command, Line
from model_server.checkpoint.gguf_adapter import write_lora
from model_server.checkpoint.gguf_files import plan_gpt2

EXACT = replace(QUICK, precision="fp32")
ROWS = [(Window(tokens=tuple(range(40, 90)), weights=(0.0, *([1.0] * 49))),)]


def loss_of(network: Network) -> float:
    return network.mean_loss(ROWS, batch=1, pad=0)[0]


def test_a_merged_adapter_is_the_adapter(tmp_path: Path) -> None:
    weights, cpu = tiny_weights(TINY, TOKENS), torch.device("cpu")
    adapter = tmp_path / "adapter.gguf"
    write_lora(adapter, tiny_deltas(TINY), alpha=QUICK.alpha, plan=plan_gpt2(TINY), precision="f32")
    beside = Network(make_gpt2(weights, TINY), EXACT, cpu)
    before = loss_of(beside)
    beside.set_deltas(tiny_deltas(TINY))
    inside = Network(make_gpt2(merged(weights, adapter), TINY), EXACT, cpu)
    assert loss_of(inside) == pytest.approx(loss_of(beside), rel=1e-5)
    assert loss_of(inside) != pytest.approx(before, rel=1e-2)


def session(day: int) -> Session:
    return Session(lines=(Line(name="Bort", argument="hi"),), started=NOON + timedelta(days=day))


def test_only_what_came_after_every_clones_training_is_measured() -> None:
    one = Corpus(speaker="Bort", train=(session(1),), held_out=(session(2), session(4)))
    other = Corpus(speaker="Al", train=(session(3),), held_out=(session(3), session(5)))
    assert [corpus.held_out for corpus in unseen([one, other])] == [(session(4),), (session(5),)]


def test_the_silence_behind_a_talk_is_nobodys_words() -> None:
    begin, said = Line(name="Bort", command=Command.INIT), Line(name="Bort", argument="hi")
    ended = Session(lines=(begin, said, begin), started=NOON)
    assert words_of(ended) == (begin, said)


def test_the_lowest_loss_of_a_row_stands_out() -> None:
    row = [Cell(loss=loss, tokens=7) for loss in (4.0, 2.5, 3.0)]
    assert markdown(["Al", "Bort"], [row, row]).splitlines() == [
        "| words of | tokens | base | clone of Al | clone of Bort |",
        "|---|--:|--:|--:|--:|",
        "| Al | 7 | 4.000 | **2.500** | 3.000 |",
        "| Bort | 7 | 4.000 | **2.500** | 3.000 |",
    ]
