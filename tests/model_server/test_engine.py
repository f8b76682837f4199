"""The real engine on a tiny model, in this process."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from model_server.checkpoint.folder import load_checkpoint
from model_server.engine import (
    Draw,
    EngineSettings,
    LlamaEngine,
    Piece,
    Tally,
    default_threads,
)
from model_server.errors import EngineError

BASE = Path(str(files("botconvo") / "demo" / "base"))
SETTINGS = EngineSettings(context=128, parallel=3, threads=1)


def load(checkpoint: Path, *, adapter: bool = True) -> LlamaEngine:
    found = load_checkpoint(checkpoint)
    return LlamaEngine(
        found.base_path,
        found.adapter_path if adapter else None,
        SETTINGS,
        end_of_text=found.end_of_text,
    )


@pytest.fixture(scope="module")
def engine(checkpoint: Path) -> Iterator[LlamaEngine]:
    engine = load(checkpoint)
    yield engine
    engine.close()


def texts(engine: LlamaEngine, draw: Draw) -> tuple[list[str], Tally]:
    said = [""] * draw.n

    def take(piece: Piece) -> bool:
        said[piece.index] += piece.text
        return True

    tally = engine.generate(draw, take)
    return said, tally


def test_an_adapter_changes_what_is_said(checkpoint: Path, engine: LlamaEngine) -> None:
    draw = Draw(prompt="Milly: hello\nBort:", max_tokens=20, temperature=0)
    base = load(checkpoint, adapter=False)
    try:
        assert texts(base, draw)[0] != texts(engine, draw)[0]
    finally:
        base.close()


def test_tokens_are_those_of_the_vocabulary_and_nothing_special(engine: LlamaEngine) -> None:
    assert len(engine.tokenize("hello")) == 1
    assert len(engine.tokenize("<|endoftext|>")) == 13
    assert engine.tokenize("") == []
    assert len(engine.tokenize("\ud83d")) == 1  # half an emoji becomes a question mark


def test_a_cached_prompt_is_not_read_again(engine: LlamaEngine) -> None:
    draw = Draw(prompt="Milly: tell me once more\nBort:", max_tokens=4, seed=1)
    first = texts(engine, draw)[1]
    second = texts(engine, draw)[1]
    assert second.cached == first.prompt - 1


def _likeliest(engine: LlamaEngine, prompt: str) -> dict[str, float]:
    """The next token's 20 likeliest, with their log-probabilities."""
    pieces: list[Piece] = []

    def take(piece: Piece) -> bool:
        pieces.append(piece)
        return True

    engine.generate(Draw(prompt=prompt, max_tokens=1, temperature=0, logprobs=20), take)
    return dict(pieces[0].scores[0].top)


def test_a_compact_engine_expects_nearly_the_same_in_less_memory() -> None:
    """On weights that have learned something, and a prompt that is long enough to tell."""
    prompt = (
        "".join(f"Milly: number {line} is the one that i said\n" for line in range(25)) + "Bort:"
    )
    likeliest = []
    for compact in (False, True):
        found = load_checkpoint(BASE)
        settings = EngineSettings(context=512, parallel=1, compact=compact)
        engine = LlamaEngine(found.base_path, None, settings, end_of_text=found.end_of_text)
        likeliest.append(_likeliest(engine, prompt))
        engine.close()
    exact, compact_ones = likeliest
    assert exact != compact_ones, "nothing was compact"
    shared = exact.keys() & compact_ones.keys()
    assert len(shared) >= 18
    assert max(abs(exact[token] - compact_ones[token]) for token in shared) < 0.2


def test_what_the_callback_refuses_ends_the_work(engine: LlamaEngine) -> None:
    pieces: list[Piece] = []

    def take(piece: Piece) -> bool:
        pieces.append(piece)
        return len(pieces) < 3

    engine.generate(Draw(prompt="Bort:", max_tokens=100, n=9, seed=1), take)
    assert len(pieces) == 3
    assert texts(engine, Draw(prompt="Bort:", max_tokens=4, n=3, seed=1))[1].completion == 12


def test_an_error_in_the_callback_comes_back(engine: LlamaEngine) -> None:
    def take(piece: Piece) -> bool:
        raise KeyError(piece.index)

    with pytest.raises(KeyError):
        engine.generate(Draw(prompt="Bort:", max_tokens=10), take)


@pytest.mark.parametrize("prompt", ["x" * 5000, "Milly: hi\n" * 400 + "Bort:", "\n" * 900, ""])
def test_no_prompt_is_too_long_for_the_context(engine: LlamaEngine, prompt: str) -> None:
    tally = texts(engine, Draw(prompt=prompt, max_tokens=60, n=3, seed=1))[1]
    assert 1 <= tally.prompt <= 128 - 60


def test_a_completion_may_fill_the_context_but_not_more(engine: LlamaEngine) -> None:
    whole = texts(engine, Draw(prompt="Bort: hi", max_tokens=127, n=3, stop=("\0",), seed=1))[1]
    assert whole.completion <= 3 * 127
    with pytest.raises(EngineError, match="max_tokens 128"):
        texts(engine, Draw(prompt="x", max_tokens=128))


@pytest.mark.parametrize("total", [1, 8, 9, 30, 128, 5000])
def test_a_total_counts_the_prompt_and_leaves_one_token(engine: LlamaEngine, total: int) -> None:
    draw = Draw(prompt="abcdefgh", max_tokens=99, max_total_tokens=total, stop=("\0",), seed=1)
    tally = texts(engine, draw)[1]
    assert tally.prompt == 8
    assert 1 <= tally.completion <= max(1, min(99, min(total, 128) - 8))


@pytest.mark.parametrize("seed", [0, 2**32 - 2, 2**32 - 1])
def test_every_seed_is_a_seed(engine: LlamaEngine, seed: int) -> None:
    draw = Draw(prompt="Bort: well", max_tokens=12, n=3, seed=seed)
    texts(engine, draw)
    assert texts(engine, draw)[0] == texts(engine, draw)[0]


def test_without_a_seed_it_never_repeats_itself(engine: LlamaEngine) -> None:
    draw = Draw(prompt="Bort:", max_tokens=30)
    assert texts(engine, draw)[0] != texts(engine, draw)[0]


def test_closing_ends_what_runs_and_refuses_what_comes(checkpoint: Path) -> None:
    engine = load(checkpoint)
    begun, tallies = threading.Event(), []

    def take(piece: Piece) -> bool:
        begun.set()
        return True

    def work() -> None:
        tallies.append(engine.generate(Draw(prompt="x", max_tokens=120, n=3000, seed=1), take))

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(10)
    engine.close()
    thread.join(10)
    assert tallies[0].completion < 3000
    with pytest.raises(EngineError, match="closed"):
        texts(engine, Draw(prompt="x", max_tokens=2))


OPEN_AND_CLOSE = """
import sys
from pathlib import Path
from model_server.engine import EngineSettings, LlamaEngine
for _ in range(20):
    settings = EngineSettings(context=64, parallel=1)
    LlamaEngine(Path(sys.argv[1]), None, settings, end_of_text=int(sys.argv[2])).close()
"""


def test_an_engine_can_be_closed_as_soon_as_it_is_open(checkpoint: Path) -> None:
    """In a process of its own, which can be ended: it once waited for ever."""
    found = load_checkpoint(checkpoint)
    arguments = [str(found.base_path), str(found.end_of_text)]
    subprocess.run(
        [sys.executable, "-c", OPEN_AND_CLOSE, *arguments],
        timeout=120,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_a_file_that_llama_cpp_cannot_load_is_named(tmp_path: Path) -> None:
    page = tmp_path / "page.gguf"
    page.write_text("<html>", encoding="utf-8")
    with pytest.raises(EngineError, match=r"page\.gguf"):
        LlamaEngine(page, None, SETTINGS, end_of_text=0)


def test_threads_are_half_the_processors_and_four_at_most() -> None:
    assert [default_threads(processors) for processors in (1, 2, 4, 8, 32)] == [1, 1, 2, 4, 4]
    assert default_threads() >= 1
