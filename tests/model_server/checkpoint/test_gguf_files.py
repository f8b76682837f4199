"""GPT-2 to GGUF and back, and the same words from llama.cpp as from transformers."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_model import tiny_architecture, tiny_deltas, tiny_tokens, tiny_weights

from model_server.checkpoint.gguf_adapter import write_lora
from model_server.checkpoint.gguf_files import plan_gpt2, read_gpt2, write_gpt2
from model_server.checkpoint.gguf_header import read_header
from model_server.engine import Draw, EngineSettings, LlamaEngine, Piece
from model_server.errors import CheckpointError

TOKENS = tiny_tokens()
SHAPE = tiny_architecture(TOKENS)
WEIGHTS = tiny_weights(SHAPE, TOKENS, seed=3)
PROMPTS = ("Milly: hello there\nBort:", "x", "a longer one\nwith lines\n" * 4)


@pytest.mark.parametrize(("quantization", "error"), [("f32", 0.0), ("f16", 2e-3), ("q8_0", 2e-2)])
def test_what_is_written_is_read_back(tmp_path: Path, quantization: Any, error: float) -> None:
    path = tmp_path / "base.gguf"
    write_gpt2(path, WEIGHTS, SHAPE, TOKENS, quantization=quantization, name="tiny")
    weights, shape, tokens = read_gpt2(path)
    assert (shape, tokens) == (SHAPE, TOKENS)
    assert set(weights) == set(WEIGHTS)
    for name, array in weights.items():
        assert array.dtype == np.float32
        exact = name.endswith("bias") or "ln_" in name or "wpe" in name
        np.testing.assert_allclose(array, WEIGHTS[name], atol=0 if exact else error)
    assert [entry.name for entry in tmp_path.iterdir()] == ["base.gguf"]


def test_smaller_kinds_make_smaller_files(tmp_path: Path) -> None:
    sizes = []
    for quantization in ("q8_0", "f16", "f32"):
        path = tmp_path / f"{quantization}.gguf"
        write_gpt2(path, WEIGHTS, SHAPE, TOKENS, quantization=quantization, name="tiny")
        sizes.append(path.stat().st_size)
    assert sizes == sorted(sizes)


@pytest.mark.parametrize(
    ("weights", "tokens", "word"),
    [
        ({k: v for k, v in WEIGHTS.items() if "ln_f.bias" not in k}, TOKENS, "ln_f.bias"),
        ({**WEIGHTS, "transformer.wpe.weight": np.zeros((9, 32))}, TOKENS, "wpe"),
        (WEIGHTS, tiny_tokens(without=1), "tokens"),
    ],
)
def test_what_does_not_fit_is_not_written(
    tmp_path: Path, weights: Any, tokens: Any, word: str
) -> None:
    path = tmp_path / "base.gguf"
    with pytest.raises(CheckpointError, match=word):
        write_gpt2(path, weights, SHAPE, tokens, quantization="f32", name="tiny")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "base.gguf"
    with pytest.raises(CheckpointError, match="cannot be written"):
        write_gpt2(path, WEIGHTS, SHAPE, TOKENS, quantization="f32", name="tiny")


def test_an_adapter_is_no_base(tmp_path: Path) -> None:
    path = tmp_path / "adapter.gguf"
    write_lora(path, tiny_deltas(SHAPE), alpha=8, plan=plan_gpt2(SHAPE))
    with pytest.raises(CheckpointError, match="adapter"):
        read_gpt2(path)
    header = read_header(path)
    assert header.text("adapter.type") == "lora"
    assert header.metadata["adapter.lora.alpha"] == 8.0
    assert header.tensors["blk.1.ffn_down.weight.lora_a"].shape == (4, 128)
    assert header.tensors["blk.1.ffn_down.weight.lora_b"].shape == (32, 4)


@pytest.mark.parametrize(
    ("module", "a", "b"),
    [
        ("transformer.wte", (4, 32), (32, 4)),
        ("transformer.h.2.attn.c_attn", (4, 32), (96, 4)),
        ("transformer.h.0.attn.c_attn", (4, 32), (96, 5)),
    ],
)
def test_an_adapter_of_another_shape_is_not_written(
    tmp_path: Path, module: str, a: tuple[int, int], b: tuple[int, int]
) -> None:
    deltas = {module: (np.zeros(a), np.zeros(b))}
    with pytest.raises(CheckpointError, match=module):
        write_lora(tmp_path / "a.gguf", deltas, alpha=8, plan=plan_gpt2(SHAPE))
    with pytest.raises(CheckpointError, match="without"):
        write_lora(tmp_path / "a.gguf", {}, alpha=8, plan=plan_gpt2(SHAPE))
    assert list(tmp_path.iterdir()) == []


def require_torch() -> None:
    if (
        importlib.util.find_spec("torch") is None
        or importlib.util.find_spec("transformers") is None
    ):
        message = "needs the extra train (torch and transformers)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


def likeliest_of_transformers(prompt: list[int], count: int, *, adapted: bool) -> list[int]:
    """Greedy continuation by the reference implementation."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=SHAPE.vocabulary,
        n_positions=SHAPE.context,
        n_embd=SHAPE.width,
        n_layer=SHAPE.layers,
        n_head=SHAPE.heads,
        bos_token_id=TOKENS.end_of_text,
        eos_token_id=TOKENS.end_of_text,
    )
    model = GPT2LMHeadModel(config)
    model.train(False)
    state = {name: torch.from_numpy(array.copy()) for name, array in WEIGHTS.items()}
    if adapted:
        for module, (a, b) in tiny_deltas(SHAPE, seed=5).items():
            state[f"{module}.weight"] += torch.from_numpy((b @ a).T * (8.0 / a.shape[0]))
    state["lm_head.weight"] = state["transformer.wte.weight"]
    model.load_state_dict(state)
    ids = list(prompt)
    with torch.no_grad():
        for _ in range(count):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt) :]


def likeliest_of_engine(engine: LlamaEngine, prompt: str, count: int) -> str:
    said: list[Piece] = []

    def take(piece: Piece) -> bool:
        said.append(piece)
        return True

    engine.generate(Draw(prompt=prompt, max_tokens=count, temperature=0, logprobs=0), take)
    return "".join(score.text for piece in said for score in piece.scores)


@pytest.mark.parametrize("adapted", [False, True])
def test_llama_cpp_says_what_transformers_says(tmp_path: Path, adapted: bool) -> None:
    require_torch()
    base, adapter = tmp_path / "base.gguf", tmp_path / "adapter.gguf"
    write_gpt2(base, WEIGHTS, SHAPE, TOKENS, quantization="f32", name="tiny")
    deltas = tiny_deltas(SHAPE, seed=5)
    write_lora(adapter, deltas, alpha=8.0, plan=plan_gpt2(SHAPE), precision="f32")
    settings = EngineSettings(context=256, parallel=1, threads=1)
    engine = LlamaEngine(
        base, adapter if adapted else None, settings, end_of_text=TOKENS.end_of_text
    )
    try:
        for prompt in PROMPTS:
            spoken = likeliest_of_engine(engine, prompt, 24)
            ids = likeliest_of_transformers(engine.tokenize(prompt), 24, adapted=adapted)
            expected = "".join(TOKENS.tokens[number] for number in ids)
            assert spoken.replace(" ", "Ġ").replace("\n", "Ċ") == expected
    finally:
        engine.close()
