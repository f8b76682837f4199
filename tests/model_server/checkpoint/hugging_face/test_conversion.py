"""What a folder may lack, and what is refused in one line with nothing left behind."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_hugging_face import KINDS, make_model
from training.full_disk import full_disk

from model_server.checkpoint.folder import describe_weights, load_checkpoint, write_checkpoint
from model_server.checkpoint.gguf_header import read_header
from model_server.checkpoint.hugging_face.conversion import (
    Converted,
    convert_hugging_face,
    is_hugging_face,
    source_files,
)
from model_server.checkpoint.manifest import Manifest
from model_server.checkpoint.tokens import sha256_of
from model_server.engine import EngineSettings, LlamaEngine
from model_server.errors import CheckpointError

Change = Callable[[Path], Any]
WEIGHTS = "model.safetensors"


@pytest.fixture
def copy(folders: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A folder of a kind that a test may break."""

    def make(kind: str) -> Path:
        return shutil.copytree(folders[kind], tmp_path / "model")

    return make


def convert(folder: Path, quantization: Any = "q8_0", **options: Any) -> tuple[Converted, str]:
    """The conversion, and the digest of its file."""
    target = folder.with_name("out.gguf")
    made = convert_hugging_face(folder, target, quantization=quantization, **options)
    return made, sha256_of(target)


def edit(path: Path, **values: Any) -> None:
    """Set values in a JSON file; None takes one out."""
    content = json.loads(path.read_text(encoding="utf-8")) | values
    kept = {key: value for key, value in content.items() if value is not None}
    path.write_text(json.dumps(kept), encoding="utf-8")


def refusal(folder: Path) -> str:
    """The one line; nothing may be left behind."""
    target = folder.with_name("out.gguf")
    with pytest.raises(CheckpointError) as caught:
        convert_hugging_face(folder, target, quantization="q8_0")
    assert [path for path in target.parent.iterdir() if path.name.startswith("out")] == []
    line = str(caught.value)
    assert "\n" not in line
    assert str(folder) in line
    return line


def replace_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    weights = load_file(folder / WEIGHTS)
    weights = {name: tensor.clone() for name, tensor in weights.items()}
    change(weights)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


# What is accepted


def test_a_converted_folder_is_a_checkpoint_like_any_other(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    for name, folder in folders.items():
        path = tmp_path / "model.gguf"
        made = convert_hugging_face(folder, path, quantization="q8_0")
        manifest = Manifest(
            persona=None,
            created="2024-05-17T00:00:00Z",  # type: ignore[arg-type]
            weights=describe_weights(path, "full"),
            architecture=made.architecture,
            tokenizer_sha256=made.tokenizer_sha256,
        )
        write_checkpoint(tmp_path / name, manifest, path)
        found = load_checkpoint(tmp_path / name)
        assert (found.end_of_text, found.reading) == (made.end_of_text, made.reading)


def test_shards_are_one_model(copy: Callable[[str], Path]) -> None:
    folder = copy("smollm")
    _, whole = convert(folder)
    weights = load_file(folder / WEIGHTS)
    places = {name: f"part-{number % 3}.safetensors" for number, name in enumerate(sorted(weights))}
    for shard in set(places.values()):
        save_file({n: weights[n] for n, place in places.items() if place == shard}, folder / shard)
    (folder / WEIGHTS).unlink()
    index = folder / f"{WEIGHTS}.index.json"
    index.write_text(json.dumps({"weight_map": places}), encoding="utf-8")
    assert convert(folder)[1] == whole
    (folder / "part-1.safetensors").unlink()
    (folder.parent / "out.gguf").unlink()
    assert "part-1.safetensors: is missing" in refusal(folder)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_weights_of_every_width_are_read(copy: Callable[[str], Path], dtype: torch.dtype) -> None:
    folder = copy("qwen2")

    def narrow(weights: dict[str, torch.Tensor]) -> None:
        weights.update({name: tensor.to(dtype) for name, tensor in weights.items()})

    def widen(weights: dict[str, torch.Tensor]) -> None:
        weights.update({name: tensor.float() for name, tensor in weights.items()})

    replace_weights(folder, narrow)
    _, found = convert(folder)
    replace_weights(folder, widen)
    assert convert(folder)[1] == found


@pytest.mark.parametrize("new_form", [True, False])
def test_pickled_weights_are_read_by_torchs_careful_reader(
    copy: Callable[[str], Path], new_form: bool
) -> None:
    folder = copy("gpt2")
    _, expected = convert(folder)
    weights = load_file(folder / WEIGHTS)
    pickled = folder / "pytorch_model.bin"
    torch.save(weights, pickled, _use_new_zipfile_serialization=new_form)
    (folder / WEIGHTS).unlink()
    assert convert(folder)[1] == expected


def test_an_output_layer_that_is_tied_is_not_written(copy: Callable[[str], Path]) -> None:
    folder = copy("gpt2")
    _, expected = convert(folder)

    def add(weights: dict[str, torch.Tensor]) -> None:
        weights["lm_head.weight"] = weights["transformer.wte.weight"].clone()

    replace_weights(folder, add)
    assert convert(folder)[1] == expected
    edit(folder / "config.json", tie_word_embeddings=False)
    assert convert(folder)[1] != expected
    assert "output.weight" in read_header(folder.with_name("out.gguf")).tensors


def test_the_names_of_the_inner_model_are_known_too(copy: Callable[[str], Path]) -> None:
    """As the first published GPT-2 has them, with masks that older versions saved."""
    folder = copy("gpt2")
    _, expected = convert(folder)

    def rename(weights: dict[str, torch.Tensor]) -> None:
        for name in list(weights):
            weights[name.removeprefix("transformer.")] = weights.pop(name)
        weights["h.0.attn.bias"] = torch.ones(1, 1, 8, 8, dtype=torch.bool)
        weights["h.0.attn.masked_bias"] = torch.tensor(-1e4)

    replace_weights(folder, rename)
    made, found = convert(folder)
    assert (found, made.notes) == (expected, ())


def test_settings_of_older_versions_mean_the_same(copy: Callable[[str], Path]) -> None:
    folder = copy("gemma3")
    _, expected = convert(folder)
    edit(
        folder / "config.json",
        rope_parameters=None,
        layer_types=None,
        _sliding_window_pattern=None,
        sliding_window_pattern=3,
        rope_theta=1e6,
        rope_local_base_freq=10000.0,
        rope_scaling={"type": "linear", "factor": 8.0},
    )
    assert convert(folder)[1] == expected


def test_a_gemma_with_eyes_speaks_as_the_one_without(copy: Callable[[str], Path]) -> None:
    folder = copy("gemma3")
    _, expected = convert(folder)
    inner = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    outer = {
        "model_type": "gemma3",
        "text_config": inner,
        "architectures": ["Gemma3ForConditionalGeneration"],
    }
    (folder / "config.json").write_text(json.dumps(outer), encoding="utf-8")

    def rename(weights: dict[str, torch.Tensor]) -> None:
        for name in list(weights):
            weights[f"language_model.{name}"] = weights.pop(name)
        weights["vision_tower.eye.weight"] = torch.ones(2)

    replace_weights(folder, rename)
    made, found = convert(folder)
    assert found == expected
    assert "vision_tower.eye.weight" in made.notes[0]


def old_pair(folder: Path) -> None:
    """The tokenizer as GPT-2's first classes saved it, with a tag of a speaker."""
    parsed = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = parsed["model"]["vocab"]
    merges = [m if isinstance(m, str) else " ".join(m) for m in parsed["model"]["merges"]]
    lines = "\n".join(["#version: 0.2", *merges, ""])
    (folder / "merges.txt").write_text(lines, encoding="utf-8")
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "tokenizer.json").unlink()


def test_gpt2s_own_two_files_are_a_tokenizer(copy: Callable[[str], Path]) -> None:
    folder = copy("gpt2")
    _, expected = convert(folder)
    old_pair(folder)
    (folder / "tokenizer_config.json").write_text(ODD, encoding="utf-8")
    assert convert(folder)[1] == expected


def with_tag(folder: Path) -> None:
    """A GPT-2 whose fine-tuning added ``<Bort>`` and a padding token."""
    rows = KINDS["gpt2"].tokenizer().get_vocab_size()
    tokenizer = KINDS["gpt2"].tokenizer()
    make_model(KINDS["gpt2"], tokenizer, vocab_size=rows + 2).save_pretrained(folder)
    added = {"<Bort>": rows, "<pad>": rows + 1}
    (folder / "added_tokens.json").write_text(json.dumps(added), encoding="utf-8")
    table = {"additional_special_tokens": ["<Bort>"], "pad_token": {"content": "<pad>"}}
    (folder / "special_tokens_map.json").write_text(json.dumps(table), encoding="utf-8")


def test_tags_of_speakers_are_found_in_prompts_and_said(copy: Callable[[str], Path]) -> None:
    folder = copy("gpt2")
    with_tag(folder)
    old_pair(folder)
    made, _ = convert(folder)
    assert made.typed == ("<Bort>",)
    tag = made.architecture.vocabulary - 2
    engine = LlamaEngine(
        folder.with_name("out.gguf"),
        None,
        EngineSettings(context=64, parallel=1),
        end_of_text=made.end_of_text,
        reading=made.reading,
    )
    try:
        ids = engine.tokenize("<Bort> hi <pad> <|endoftext|>")
        assert ids[0] == tag
        assert tag + 1 not in ids
        assert made.end_of_text not in ids
    finally:
        engine.close()


ODD = '{"eos_token": 7, "added_tokens_decoder": [1], "additional_special_tokens": 3}'


@pytest.mark.parametrize("broken", ["", "{", "[]", ODD])
def test_a_broken_tokenizer_config_is_survived_with_a_line(
    copy: Callable[[str], Path], broken: str
) -> None:
    folder = copy("llama3")
    expected, digest = convert(folder)
    (folder / "tokenizer_config.json").write_text(broken, encoding="utf-8")
    made, found = convert(folder)
    assert (found, made.reading) == (digest, expected.reading)
    if broken != ODD:
        assert len(made.notes) == 1
        assert "tokenizer_config.json cannot be read" in made.notes[0]


def test_a_missing_tokenizer_config_is_survived_with_a_line(copy: Callable[[str], Path]) -> None:
    folder = copy("gemma2")
    _, digest = convert(folder)
    (folder / "tokenizer_config.json").unlink()
    made, found = convert(folder)
    assert found == digest
    assert ["tokenizer_config.json is missing" in note for note in made.notes] == [True]


def test_code_of_a_model_is_never_run(copy: Callable[[str], Path], tmp_path: Path) -> None:
    folder = copy("llama3")
    _, digest = convert(folder)
    edit(folder / "config.json", auto_map={"AutoModelForCausalLM": "evil.Evil"})
    trace = tmp_path / "was-run"
    (folder / "evil.py").write_text(f"open({str(trace)!r}, 'w')\nclass Evil: ...", encoding="utf-8")
    made, found = convert(folder)
    assert found == digest
    assert ["auto_map" in note for note in made.notes] == [True]
    assert not trace.exists()


def test_the_tokenizer_config_decides_whether_a_text_has_a_beginning(
    copy: Callable[[str], Path],
) -> None:
    folder = copy("llama3")
    assert convert(folder)[0].reading.begin_of_text == 0
    edit(folder / "tokenizer_config.json", add_bos_token=False)
    assert convert(folder)[0].reading.begin_of_text is None
    edit(
        folder / "tokenizer_config.json",
        add_bos_token=True,
        bos_token={"content": "<|end_of_text|>"},
    )
    assert convert(folder)[0].reading.begin_of_text == 1


def test_of_several_ends_the_tokenizers_own_is_taken(copy: Callable[[str], Path]) -> None:
    folder = copy("smollm")
    edit(folder / "generation_config.json", eos_token_id=[1, 2, 0])
    assert convert(folder)[0].end_of_text == 0
    (folder / "tokenizer_config.json").unlink()
    edit(folder / "generation_config.json", eos_token_id=[9999, 2])
    assert convert(folder)[0].end_of_text == 2


def test_a_sliding_window_that_the_engine_lacks_limits_the_context(
    copy: Callable[[str], Path],
) -> None:
    assert convert(copy("mistral"))[0].architecture.context == 200


def test_progress_goes_from_nothing_to_all(copy: Callable[[str], Path]) -> None:
    seen: list[tuple[int, int]] = []
    convert(copy("gpt2"), progress=lambda done, total: seen.append((done, total)))
    totals = {total for _, total in seen}
    assert len(totals) == 1
    assert seen[0][0] == 0
    assert seen[-1] == (seen[0][1], seen[0][1])
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_name_that_means_something_to_llama_cpp_is_not_written(
    copy: Callable[[str], Path],
) -> None:
    folder = copy("gpt2")
    folder = folder.rename(folder.with_name("my-Phi-3-clone"))
    made, _ = convert(folder)
    path = folder.with_name("out.gguf")
    assert read_header(path).text("general.name") == "converted"
    LlamaEngine(path, None, EngineSettings(context=64), end_of_text=made.end_of_text).close()


def test_what_is_read_is_what_decides(copy: Callable[[str], Path]) -> None:
    folder = copy("gpt2")
    names = [path.name for path in source_files(folder)]
    assert names[:2] == ["config.json", "tokenizer.json"]
    assert names[-1] == WEIGHTS
    assert {"tokenizer_config.json", "generation_config.json"} <= set(names)
    assert is_hugging_face(folder)
    assert not is_hugging_face(folder.parent)


# What is refused


def drop(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def setting(**values: Any) -> Change:
    return lambda folder: edit(folder / "config.json", **values)


def text(name: str, content: str) -> Change:
    return lambda folder: (folder / name).write_text(content, encoding="utf-8")


def cut(name: str, length: int) -> Change:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[:length])

    return change


def weights(change: Callable[[dict[str, torch.Tensor]], Any]) -> Change:
    return lambda folder: replace_weights(folder, change)


def only(name: str) -> Change:
    return lambda folder: (folder / WEIGHTS).rename(folder / name)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop("config.json"), "config.json: is missing"),
        (text("config.json", "{"), "config.json: is not JSON"),
        (text("config.json", "[]"), "config.json: is not a JSON object"),
        (drop(WEIGHTS), "has no model.safetensors; fetch the model again"),
        (only("tf_model.h5"), "only tf_model.h5; load it in transformers"),
        (drop("tokenizer.json"), "has no tokenizer.json, and no vocab.json or merges.txt"),
        (text("tokenizer.json", "{"), "tokenizer.json: is not JSON"),
        (text("tokenizer.json", "{}"), "tokenizer.json: is not a tokenizers file"),
        (cut(WEIGHTS, 5000), "model.safetensors: is cut short or damaged"),
        (cut(WEIGHTS, 4), "model.safetensors: is cut short or damaged"),
        (cut(WEIGHTS, 0), "model.safetensors: is cut short or damaged"),
        (text(WEIGHTS, "version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
        (setting(model_type="bloom"), "config.json: is a bloom; models that can be served: gpt2"),
        (setting(model_type=None), "is a model of an unnamed kind"),
        (setting(architectures=["GPT2ForSequenceClassification"]), "continues no text"),
        (setting(quantization_config={"bits": 4}), "is quantized already"),
        (setting(activation_function="relu"), "activation_function is 'relu'"),
        (setting(n_layer=None), "config.json: lacks n_layer"),
        (setting(n_layer="two"), "n_layer is 'two', not a whole number"),
        (setting(n_layer=-1), "n_layer is -1"),
        (setting(n_layer=3), "weight transformer.h.2.ln_1.weight is missing"),
        (setting(n_layer=1), "has a weight transformer.h.1."),
        (setting(n_positions=99), "transformer.wpe.weight has shape (256, 64), not (99, 64)"),
        (setting(n_embd=32), "transformer.wte.weight has shape (480, 64), not (480, 32)"),
        (setting(vocab_size=479), "480 tokens where the weights have rows for 479"),
        (setting(vocab_size=600), "480 tokens where the weights have rows for 600"),
        (setting(tie_word_embeddings=False), "weight lm_head.weight is missing"),
        (weights(lambda w: w.pop("transformer.ln_f.bias")), "transformer.ln_f.bias is missing"),
        (weights(lambda w: w["transformer.wte.weight"].fill_(float("nan"))), "holds nan"),
        (weights(lambda w: w["transformer.h.1.mlp.c_fc.weight"].fill_(1e20)), "holds 1e+20"),
        (
            weights(
                lambda w: w.update({"transformer.wte.weight": torch.ones(480, 64).to(torch.int8)})
            ),
            "weights stored as I8; take a model that is not quantized",
        ),
        (text("model.safetensors.index.json", "{}"), ""),
    ],
)
def test_a_bad_folder_is_one_line(copy: Callable[[str], Path], change: Change, words: str) -> None:
    folder = copy("gpt2")
    change(folder)
    if words:
        assert words in refusal(folder)
    else:  # an index beside the whole file is of no importance
        convert(folder)


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("llama3", setting(hidden_act="gelu"), "hidden_act is 'gelu'"),
        ("llama3", setting(rope_parameters={"rope_type": "yarn"}), "rope_type is 'yarn'"),
        ("llama3", setting(num_key_value_heads=3), "do not go with 3 key heads"),
        ("llama3", drop("tokenizer.json"), "has no tokenizer.json"),
        ("llama3", old_pair, "only a GPT-2 can be read"),
        ("qwen2", setting(rope_parameters={"rope_type": "llama3"}), "rope_type is 'llama3'"),
        ("qwen3", setting(attention_bias=True), "attention_bias is True"),
        ("gemma2", setting(query_pre_attn_scalar=144), "query_pre_attn_scalar is 144"),
        ("gemma2", setting(attn_logit_softcapping=None), "lacks attn_logit_softcapping"),
        ("gemma2", setting(tie_word_embeddings=False), "tie_word_embeddings is False"),
        ("gemma3", setting(final_logit_softcapping=30.0), "final_logit_softcapping is 30.0"),
        ("gemma3", setting(layer_types=["full_attention"] * 2), "at uneven distances"),
        (
            "gemma3",
            setting(
                layer_types=[*["sliding_attention", "full_attention"], *["full_attention"] * 2]
            ),
            "at uneven distances",
        ),
    ],
)
def test_what_the_engine_would_compute_otherwise_is_refused(
    copy: Callable[[str], Path], kind: str, change: Change, words: str
) -> None:
    folder = copy(kind)
    change(folder)
    assert words in refusal(folder)


def test_an_index_cannot_point_outside(copy: Callable[[str], Path]) -> None:
    folder = copy("gpt2")
    (folder / WEIGHTS).rename(folder.parent / "elsewhere.safetensors")
    places = {"transformer.wte.weight": "../elsewhere.safetensors"}
    index = folder / f"{WEIGHTS}.index.json"
    index.write_text(json.dumps({"weight_map": places}), encoding="utf-8")
    assert "is no file of this folder" in refusal(folder)
    index.write_text("{}", encoding="utf-8")
    assert "names no weights" in refusal(folder)


def test_an_adapter_alone_is_no_model(tmp_path: Path) -> None:
    folder = tmp_path / "lora"
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    assert "merge it into the model" in refusal(folder)


class _Bomb:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.trace), "w")


@pytest.mark.parametrize("form", ["pickle", "torch", "old torch"])
def test_a_pickle_that_would_run_code_is_not_opened(
    copy: Callable[[str], Path], tmp_path: Path, form: str
) -> None:
    folder, trace = copy("gpt2"), tmp_path / "was-run"
    (folder / WEIGHTS).unlink()
    path = folder / "pytorch_model.bin"
    content = {"transformer.wte.weight": _Bomb(trace)}
    if form == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "torch")
    assert "could run code" in refusal(folder)
    assert not trace.exists()


def test_torn_pickled_weights_are_one_line(copy: Callable[[str], Path]) -> None:
    folder = copy("gpt2")
    path = folder / "pytorch_model.bin"
    torch.save(load_file(folder / WEIGHTS), path)
    (folder / WEIGHTS).unlink()
    for length in (100_000, 100, 0):
        path.write_bytes(path.read_bytes()[:length])
        assert "pytorch_model.bin: is cut short or damaged" in refusal(folder)


def test_a_full_disk_leaves_what_was_there(copy: Callable[[str], Path]) -> None:
    folder = copy("gpt2")
    _, digest = convert(folder)
    target = folder.with_name("out.gguf")
    for most in (100, 50_000, target.stat().st_size - 1):
        with full_disk(most), pytest.raises(CheckpointError, match="free some space"):
            convert_hugging_face(folder, target, quantization="q8_0")
        assert sha256_of(target) == digest
        assert sorted(path.name for path in target.parent.iterdir()) == ["model", "out.gguf"]
