"""Bases are opened strictly, converted once, and split text as the engine does."""

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from caches import inside
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_model import make_tiny_base, make_tiny_checkpoint, tiny_weights
from training.full_disk import full_disk
from training.toy import TINY, TOKENS
from transformers import GPT2Config, GPT2LMHeadModel

from botconvo.checkpoints import bundled_base
from botconvo.errors import TrainingError
from botconvo.training.bases import base_with, build_tokenizer, open_base
from model_server.checkpoint.folder import load_checkpoint
from model_server.checkpoint.gguf_files import read_gpt2
from model_server.checkpoint.manifest import Architecture
from model_server.checkpoint.placing import alone_in
from model_server.engine import EngineSettings, LlamaEngine
from model_server.errors import CheckpointError

WEIGHTS = tiny_weights(TINY, TOKENS, seed=3)


@pytest.fixture(scope="module")
def engine(tiny_base: Path) -> LlamaEngine:
    checkpoint = load_checkpoint(tiny_base)
    return LlamaEngine(
        checkpoint.base_path,
        None,
        EngineSettings(context=64, parallel=1),
        end_of_text=checkpoint.end_of_text,
    )


CHAT = st.text(
    st.one_of(
        st.sampled_from("abcdeItTsSlLvVrRmMdD'’ \t!?.,:;()0123456789\n"),
        st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cn", "Co"]),
    ),
    max_size=60,
)


@given(CHAT)
@settings(max_examples=200, deadline=None)
def test_training_splits_text_into_the_engines_tokens(engine: LlamaEngine, text: str) -> None:
    assert build_tokenizer(TOKENS).encode(text).ids == engine.tokenize(text)


def test_a_typed_end_of_text_is_plain_text_in_training(engine: LlamaEngine) -> None:
    ids = build_tokenizer(TOKENS).encode("<|endoftext|>").ids
    assert len(ids) > 1
    assert ids == engine.tokenize("<|endoftext|>")


def hugging_face_folder(
    folder: Path, *, architecture: Architecture = TINY, **changes: object
) -> Path:
    """The tiny weights as transformers saves them, with a fast tokenizer beside."""
    folder.mkdir(parents=True)
    config = GPT2Config(
        vocab_size=architecture.vocabulary,
        n_positions=architecture.context,
        n_embd=architecture.width,
        n_layer=architecture.layers,
        n_head=architecture.heads,
    )
    model = GPT2LMHeadModel(config)
    drawn = WEIGHTS if architecture == TINY else tiny_weights(architecture, TOKENS)
    tensors = {name: torch.from_numpy(array) for name, array in drawn.items()}
    model.load_state_dict(tensors | {"lm_head.weight": tensors["transformer.wte.weight"]})
    model.save_pretrained(folder)
    tokenizer = build_tokenizer(TOKENS)
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    saved = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(saved | changes), encoding="utf-8")
    return folder


def test_a_hugging_face_folder_becomes_a_base_once(tmp_path: Path) -> None:
    source = hugging_face_folder(tmp_path / "My GPT")
    first = open_base(source, bases=tmp_path / "bases")
    written = first.checkpoint.base_path.stat().st_mtime_ns
    again = open_base(source, bases=tmp_path / "bases")
    assert first.checkpoint.folder == tmp_path / "bases" / "my-gpt"
    assert again.checkpoint.base_path.stat().st_mtime_ns == written
    assert first.tokens == TOKENS
    weights, architecture, _ = read_gpt2(first.checkpoint.base_path)
    assert architecture == TINY
    for name, array in WEIGHTS.items():
        assert weights[name] == pytest.approx(array, abs=0.02), name


def test_another_model_of_the_same_name_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    first = open_base(hugging_face_folder(tmp_path / "one" / "gpt"), bases=tmp_path / "bases")
    second = open_base(
        hugging_face_folder(tmp_path / "two" / "gpt", n_ctx=77), bases=tmp_path / "bases"
    )
    assert first.checkpoint.folder.exists()
    assert second.checkpoint.folder != first.checkpoint.folder


def test_a_base_is_named_from_where_the_checkpoint_lies(tiny_base: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_base, tmp_path / "bases" / "tiny")
    base = open_base(copy, bases=tmp_path / "bases")
    reference = base.reference(tmp_path / "checkpoints" / "bort")
    assert reference.path == "../../bases/tiny"
    assert reference.sha256 == base.checkpoint.manifest.weights.sha256


def test_the_bundled_base_is_named_by_its_digest_alone(tiny_base: Path, tmp_path: Path) -> None:
    base = open_base(tiny_base, bases=tmp_path, bundled=True)
    assert base.reference(tmp_path / "bort").path is None


def refusal(folder: Path, tmp_path: Path) -> str:
    with pytest.raises((TrainingError, CheckpointError)) as caught:
        open_base(folder, bases=tmp_path / "bases")
    assert not (tmp_path / "bases").exists() or inside(tmp_path / "bases") == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_folder_is_one_line(tmp_path: Path) -> None:
    assert "there is no such folder" in refusal(tmp_path / "nothing", tmp_path)


def test_one_file_is_served_and_not_trained_on(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    assert "a GGUF file can be served but not trained on" in refusal(tmp_path / "a.gguf", tmp_path)


def test_a_folder_without_a_model_is_one_line(tmp_path: Path) -> None:
    assert "--base FOLDER" in refusal(tmp_path, tmp_path)
    (tmp_path / "hparams.json").write_text("{}", encoding="utf-8")
    assert "train on it with --engine gpt-2-simple" in refusal(tmp_path, tmp_path)


def test_another_kind_of_model_is_one_line(tmp_path: Path) -> None:
    folder = hugging_face_folder(tmp_path / "m", model_type="opt")
    assert "is a opt; models that can be served: gpt2, llama" in refusal(folder, tmp_path)


def test_a_gpt2_with_other_mathematics_is_refused(tmp_path: Path) -> None:
    folder = hugging_face_folder(tmp_path / "m", activation_function="relu")
    assert "activation_function is 'relu'" in refusal(folder, tmp_path)
    folder = hugging_face_folder(tmp_path / "n", scale_attn_weights=False)
    assert "scale_attn_weights is False" in refusal(folder, tmp_path)


def test_a_torn_folder_is_one_line(tmp_path: Path) -> None:
    folder = hugging_face_folder(tmp_path / "m")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    assert "cut short or damaged" in refusal(folder, tmp_path)
    weights.unlink()
    assert "has no model.safetensors" in refusal(folder, tmp_path)


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    folder = hugging_face_folder(tmp_path / "m")
    with full_disk(20_000):
        line = refusal(folder, tmp_path)
    assert line.startswith(f"base m: cannot be converted into {tmp_path / 'bases'}: ")


def test_whoever_converts_the_same_at_once_waits_for_the_other(tmp_path: Path) -> None:
    folder, bases = hugging_face_folder(tmp_path / "m"), tmp_path / "bases"
    said: list[str] = []
    with ThreadPoolExecutor(2) as threads:
        with alone_in(bases, lambda: None):
            both = [
                threads.submit(open_base, folder, bases=bases, say=said.append) for _ in range(2)
            ]
            deadline, pause = time.monotonic() + 20, threading.Event()
            while sum("waiting" in line for line in said) < 2:
                assert time.monotonic() < deadline, said
                pause.wait(0.01)
        assert both[0].result() == both[1].result()
    assert sum("is missing" in line for line in said) == 1, "of the one that converted it"
    assert inside(bases) == ["m"]


def test_a_base_without_what_it_was_converted_with_is_one_line(tmp_path: Path) -> None:
    """As somebody's own GGUF file with a manifest is."""
    folder = hugging_face_folder(tmp_path / "norm", layer_norm_epsilon=1e-3)
    base = open_base(folder, bases=tmp_path / "bases")
    (base.checkpoint.folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match="can be served but not trained on"):
        read_gpt2(base.checkpoint.base_path)


def test_tags_stay_whole_in_training_as_in_the_engine(tmp_path: Path) -> None:
    """A base that was fine-tuned before, with a token for a speaker."""
    folder = hugging_face_folder(tmp_path / "m")
    parsed = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    number = TOKENS.tokens.index("hello")
    tag = {"id": number, "content": "hello", "special": False}
    parsed["added_tokens"].append(tag)
    (folder / "tokenizer.json").write_text(json.dumps(parsed), encoding="utf-8")
    base = open_base(folder, bases=tmp_path / "bases")
    assert base.tokens.typed == ("hello",)
    engine = LlamaEngine(
        base.checkpoint.base_path,
        None,
        EngineSettings(context=64, parallel=1),
        end_of_text=base.checkpoint.end_of_text,
    )
    try:
        for text in ("hellothe", "xhello hello", "Othello!", "he llo hellohello"):
            assert build_tokenizer(base.tokens).encode(text).ids == engine.tokenize(text)
    finally:
        engine.close()


def test_the_owner_is_told_what_a_folder_lacks(tmp_path: Path) -> None:
    said: list[str] = []
    open_base(hugging_face_folder(tmp_path / "m"), bases=tmp_path / "bases", say=said.append)
    assert ["tokenizer_config.json is missing" in line for line in said] == [True]


def test_a_torn_base_is_refused(tmp_path: Path) -> None:
    folder = make_tiny_base(tmp_path / "base")
    weights = load_checkpoint(folder).base_path
    weights.write_bytes(weights.read_bytes()[:-10])
    assert "weights.bytes" in refusal(folder, tmp_path)


def test_a_clone_is_no_base(tmp_path: Path) -> None:
    clone = make_tiny_checkpoint(tmp_path / "clones")
    assert "is a clone of Bort; name the base that" in refusal(clone, tmp_path)


def test_a_base_is_found_by_the_digest_of_its_weights(tmp_path: Path) -> None:
    shutil.copytree(make_tiny_base(tmp_path / "made"), tmp_path / "bases" / "tiny")
    (tmp_path / "bases" / "torn").mkdir()
    (tmp_path / "bases" / "torn" / "manifest.json").write_text("{", encoding="utf-8")
    tiny = load_checkpoint(tmp_path / "bases" / "tiny").manifest.weights.sha256
    bundled = load_checkpoint(bundled_base()).manifest.weights.sha256
    assert base_with(tiny, tmp_path / "bases") == tmp_path / "bases" / "tiny"
    assert base_with(bundled, tmp_path / "bases") == bundled_base()
    assert base_with("0" * 64, tmp_path / "bases") is None
    assert base_with(None, tmp_path / "nowhere") is None
