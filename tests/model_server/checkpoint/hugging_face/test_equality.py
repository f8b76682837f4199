"""The engine says what transformers says: the same tokens, and the same words at f16."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_hugging_face import KINDS, NASTY, PROMPTS, greedy
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from model_server.checkpoint.gguf_header import read_header
from model_server.checkpoint.hugging_face.conversion import Converted, convert_hugging_face
from model_server.checkpoint.tokens import tokenizer_digest, tokens_of
from model_server.engine import Draw, EngineSettings, LlamaEngine, Piece, TokenScore

F16_TOLERANCE = 0.03
"""Nats by which a log-probability may differ at f16.  llama.cpp rounds weights, what goes into a
matrix and its cache to float16; the most that was seen at these kinds is 0.018."""
Q8_CORRELATION = 0.995
"""Of all log-probabilities behind a prompt, at q8_0: 0.9987 to 0.9997 by kind over all prompts, and
the least of a single one 0.9966.  Weights of trained models are milder than these."""
COUNT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A folder, and the engine on what became of it."""

    folder: Path
    converted: Converted
    engine: LlamaEngine

    @property
    def plain(self) -> Tokenizer:
        """The folder's tokenizer, to which spelled-out special tokens are text."""
        tokenizer = self.whole
        tokenizer.encode_special_tokens = True
        return tokenizer

    @property
    def whole(self) -> Tokenizer:
        return Tokenizer.from_file(str(self.folder / "tokenizer.json"))

    def model(self) -> Any:
        model: Any = AutoModelForCausalLM.from_pretrained(self.folder, dtype=torch.float32)
        return model.eval()


@contextmanager
def converted(folder: Path, scratch: Path, quantization: Literal["q8_0", "f16"]) -> Iterator[Pair]:
    target = scratch / f"{folder.name}.gguf"
    made = convert_hugging_face(folder, target, quantization=quantization)
    engine = LlamaEngine(
        target,
        None,
        EngineSettings(context=256, parallel=1, threads=1),
        end_of_text=made.end_of_text,
        reading=made.reading,
    )
    try:
        yield Pair(folder=folder, converted=made, engine=engine)
    finally:
        engine.close()


@pytest.fixture(scope="module", params=list(KINDS))
def pair(
    request: pytest.FixtureRequest,
    folders: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pair]:
    with converted(folders[request.param], tmp_path_factory.mktemp("gguf"), "f16") as made:
        yield made


def said(engine: LlamaEngine, draw: Draw) -> tuple[str, list[TokenScore]]:
    pieces: list[Piece] = []

    def take(piece: Piece) -> bool:
        pieces.append(piece)
        return True

    engine.generate(draw, take)
    return "".join(p.text for p in pieces), [score for p in pieces for score in p.scores]


def test_nasty_texts_fall_into_the_same_tokens(pair: Pair) -> None:
    plain = pair.plain
    for text in NASTY:
        assert pair.engine.tokenize(text) == plain.encode(text, add_special_tokens=False).ids, text


def test_greedy_words_are_those_of_transformers(pair: Pair) -> None:
    model, tokenizer = pair.model(), pair.whole
    different = set()
    for prompt in PROMPTS:
        ids, margins = greedy(model, tokenizer.encode(prompt).ids, COUNT)
        text, _ = said(pair.engine, Draw(prompt=prompt, max_tokens=COUNT, temperature=0))
        different.update(ids)
        if text != tokenizer.decode(ids):
            alike = [n for n in range(COUNT) if text.startswith(tokenizer.decode(ids[:n]))]
            assert margins[alike[-1]] < 2 * F16_TOLERANCE, (prompt, alike[-1])
    assert len(different) >= 20


def log_probabilities(pair: Pair, prompt: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Of the engine and of transformers, for every token whose text is its own."""
    tokenizer, model = pair.whole, pair.model()
    with torch.no_grad():
        logits = model(torch.tensor([tokenizer.encode(prompt).ids])).logits[0, -1]
    expected = torch.log_softmax(logits, -1).numpy()
    rows = len(expected)
    _, scores = said(pair.engine, Draw(prompt=prompt, max_tokens=1, temperature=0, logprobs=rows))
    texts = [tokenizer.decode([number], skip_special_tokens=False) for number in range(rows)]
    own = {text: n for n, text in enumerate(texts) if texts.count(text) == 1 and text.isascii()}
    heard = [text for text, _ in scores[0].top]
    found = {own[t]: score for t, score in scores[0].top if t in own and heard.count(t) == 1}
    assert len(found) > rows // 4
    numbers = sorted(found)
    return np.array([found[n] for n in numbers]), expected[numbers]


def test_every_tokens_probability_is_that_of_transformers(pair: Pair) -> None:
    for prompt in PROMPTS[::3]:
        ours, theirs = log_probabilities(pair, prompt)
        assert np.abs(ours - theirs).max() < F16_TOLERANCE


@pytest.mark.parametrize("name", list(KINDS))
def test_quantized_probabilities_go_along(
    name: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    with converted(folders[name], tmp_path, "q8_0") as pair:
        for prompt in PROMPTS[::3]:
            ours, theirs = log_probabilities(pair, prompt)
            assert np.corrcoef(ours, theirs)[0, 1] > Q8_CORRELATION


def test_the_file_holds_what_was_reported(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "again.gguf"
    made = convert_hugging_face(pair.folder, path, quantization="q8_0")
    tokens = tokens_of(path, read_header(path))
    assert tokenizer_digest(tokens) == made.tokenizer_sha256 == pair.converted.tokenizer_sha256
    assert (tokens.end_of_text, tokens.reading) == (made.end_of_text, made.reading)


CHAT = st.text(
    st.one_of(
        st.sampled_from("abcdeItTsSlLvVrRmMdD'’ \t!?.,:;()0123456789\n\r"),
        st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cn", "Co"]),
    ),
    max_size=60,
)


@given(CHAT)
@settings(max_examples=100, deadline=None)
def test_any_text_falls_into_the_same_tokens(pair: Pair, text: str) -> None:
    assert pair.engine.tokenize(text) == pair.plain.encode(text, add_special_tokens=False).ids
