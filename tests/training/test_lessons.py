"""Corrections enter the training: a kept line becomes likelier, a removed one less likely."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from builders import NOON, a_message
from hypothesis import given
from hypothesis import strategies as st
from training.test_clone import gathered, make
from training.test_examples import FORM, decode, encode
from training.toy import QUICK

from botconvo.conversation.corrections import Correction, Judgement
from botconvo.gathering import gather
from botconvo.granting import Terms, grant
from botconvo.messages import Message, clone_author
from botconvo.people import People
from botconvo.policies import DISCORD
from botconvo.store import Source, Store
from botconvo.training.bases import Base, encoder_of, open_base
from botconvo.training.clone import Prepared, prepare
from botconvo.training.examples import Window, batch_of, lesson_window
from botconvo.training.lessons import lessons_of
from botconvo.training.network import Network, make_gpt2
from botconvo.transcript.grammar import Line
from model_server.checkpoint.folder import load_checkpoint
from model_server.checkpoint.gguf_files import read_gpt2

GOOD, BAD = "the cat time is here", "potato potato is fine"


def a_correction(
    text: str, judgement: Judgement, *before: Message, id: str = "z", speaker: str = "Bort"
) -> Correction:
    line = a_message(text, author=clone_author(speaker), minutes=9, id=id)
    return Correction(
        line=line, judgement=judgement, judge="owner", by="Ann", at=NOON, context=before
    )


ASKED = a_message("what is up", author="Fishvilla", minutes=8, id="y")
TAUGHT = (
    a_correction(GOOD, "good", ASKED, id="z1"),
    a_correction(BAD, "never", ASKED, id="z2"),
    a_correction(BAD, "bad", ASKED, id="z3"),
)


@pytest.fixture(scope="module")
def base(tiny_base: Path) -> Base:
    return open_base(tiny_base, bases=tiny_base.parent)


@given(st.integers(20, 200), st.integers(0, 8), st.sampled_from([1.0, -0.5]))
def test_a_window_counts_the_judged_line_alone_behind_as_much_as_fits(
    block: int, before: int, weight: float
) -> None:
    lines = [Line(name="Fishvilla", argument=f"line {n}") for n in range(before)]
    lines.append(Line(name="Bort", argument="verily"))
    window = lesson_window(lines, FORM, encode, weight=weight, block=block)
    assert window is not None
    assert len(window.tokens) == len(window.weights) <= block
    counted = [t for t, w in zip(window.tokens, window.weights, strict=True) if w == weight]
    assert decode(counted) == (" verily\n" if weight > 0 else " verily")
    whole = "".join(f"Fishvilla: line {n}\n" for n in range(before)) + "Bort: verily\n"
    assert whole.startswith(decode(window.tokens)) or decode(window.tokens).rstrip("\n") in whole
    assert window.weights.count(0.0) == len(window.weights) - len(counted)


def test_nothing_is_learned_from_a_line_that_has_no_words_left() -> None:
    assert lessons_of([a_correction("  ", "bad", ASKED)], People(), FORM) == ()


def a_window(prepared: Prepared, text: str, weight: float) -> Window:
    lines = (Line(name="Fishvilla", argument="what is up"), Line(name="Bort", argument=text))
    encode = encoder_of(prepared.base)
    window = lesson_window(lines, prepared.form, encode, weight=weight, block=96)
    assert window is not None
    return window


def a_network(prepared: Prepared) -> Network:
    weights, architecture, _ = read_gpt2(prepared.base.checkpoint.base_path)
    return Network(make_gpt2(weights, architecture), prepared.settings, torch.device("cpu"))


def loss_of(network: Network, text: Window) -> float:
    return network.mean_loss([[text]], batch=1, pad=0)[0]


@pytest.fixture(scope="module")
def plain(base: Base) -> Prepared:
    return prepare(gathered(), base, replace(QUICK, precision="fp32", dropout=0.0))


def test_what_was_kept_gets_likelier_and_what_was_disowned_less_likely(plain: Prepared) -> None:
    network = a_network(plain)
    good, bad = a_window(plain, GOOD, 1.0), a_window(plain, BAD, 1.0)
    optimizer = torch.optim.AdamW(network.parameters.values(), lr=1e-2)

    def learn(*rows: Window) -> None:
        for _ in range(15):
            torch.autograd.backward(network.loss(batch_of([[each] for each in rows], 0)))
            optimizer.step()
            optimizer.zero_grad()

    learn(bad)  # a habit: what is unlikely already has nothing to lose
    before = [loss_of(network, each) for each in (good, bad)]
    learn(good, a_window(plain, BAD, -1.0))
    after = [loss_of(network, each) for each in (good, bad)]
    assert after[0] < before[0] - 0.5
    assert after[1] > before[1] + 0.5


def test_a_loss_below_nothing_is_that_of_saying_anything_else(plain: Prepared) -> None:
    network = a_network(plain)
    found = []
    for weight in (1.0, -1.0):
        window = a_window(plain, GOOD, weight)
        first = next(place for place, each in enumerate(window.weights) if each)
        alone = [weight if place == first else 0.0 for place in range(len(window.weights))]
        found.append(loss_of(network, replace(window, weights=tuple(alone))))
    assert found[1] == pytest.approx(-math.log1p(-math.exp(-found[0])), rel=1e-3)


def test_the_run_and_the_manifest_know_of_the_corrections(base: Base, tmp_path: Path) -> None:
    plain = prepare(gathered(), base, QUICK)
    taught = prepare(replace(gathered(), corrections=TAUGHT), base, QUICK)
    assert len(taught.lessons) == 3
    assert plain.digest != taught.digest
    assert plain.corpus.digest() == taught.corpus.digest()
    make(taught, tmp_path / "bort", tmp_path / "state")
    assert load_checkpoint(tmp_path / "bort").manifest.training["corrections"] == 3


def test_only_who_agreed_stands_before_a_line_that_is_trained_on(store: Store) -> None:
    asked = a_message("soup?", author="Ann", id="1")
    answer = a_message("my number is 079 123 45 67 89", author="Juno", id="2", minutes=1)
    clone = a_message("ah soup", author=clone_author("Juno"), id="3", minutes=2)
    agreed = a_message("soup!", author="Juno", id="4", minutes=3)
    with store.add_export(
        Source(path=Path("a.json"), sha256="0" * 64, format="x", origin="file"), NOON
    ) as adding:
        for author in ("Bort", "Juno", "Ann"):
            message = a_message(f"{author} speaks", author=author)
            adding.saw(message)
            if author != "Ann":
                adding.take(message)
    for name in ("Bort", "Juno"):
        grant(store, name, Terms(adult=True, statement="yes"), NOON)
    store.correct(a_correction("verily", "bad", asked, answer, clone, agreed))

    def context() -> list[str]:
        (correction,) = gather(store, "Bort", NOON).corrections
        return [each.text for each in correction.context]

    assert context() == [clone.text], "nobody has read Discord's rule"
    store.acknowledge(DISCORD.name, NOON)
    assert context() == [clone.text, agreed.text], "Ann has not agreed, and a number is private"
    assert gather(store, "Juno", NOON).corrections == ()
