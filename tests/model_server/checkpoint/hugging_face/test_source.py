"""A Hugging Face folder is opened and served as it is; FriendSimulator's is known by its names."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers
from served import Serve
from tiny_hugging_face import PROMPTS, greedy, make_folder
from tokenizers import Tokenizer
from training.full_disk import full_disk

from model_server.checkpoint.folder import Checkpoint
from model_server.checkpoint.opening import open_checkpoint
from model_server.engine import EngineSettings, LlamaEngine
from model_server.errors import CheckpointError
from model_server.prompt_format import PromptFormat


def test_a_folder_becomes_a_checkpoint_that_names_nobody(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    opened = open_checkpoint(folders["llama2"], cache=tmp_path)
    assert opened.manifest.prompt_format == PromptFormat(kind="plain", speaker="")
    assert opened.manifest.source is not None
    assert (opened.manifest.source.kind, opened.manifest.source.name) == ("hugging-face", "llama2")
    assert opened == open_checkpoint(folders["llama2"], cache=tmp_path)


def test_a_folder_is_served(folders: dict[str, Path], serve: Serve, tmp_path: Path) -> None:
    served = serve(folders["gpt2"], "--threads", "1", "--cache", str(tmp_path))
    assert served.texts(prompt="Milly: hello\nBort:", max_tokens=8)[0]


def test_what_a_folder_lacks_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "gpt2"}', encoding="utf-8")
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(tmp_path / "model", cache=tmp_path / "cache")
    assert str(tmp_path / "model") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def friends(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Names added as FriendSimulator added them."""
    folder = make_folder(tmp_path_factory.mktemp("friends") / "TrainedModel", "gpt2")
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<bort#1234>", "<juno>"]})
    model: Any = transformers.GPT2LMHeadModel.from_pretrained(folder)
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_names_that_are_tokens_are_its_speakers(
    friends: Path, serve: Serve, tmp_path: Path
) -> None:
    opened = open_checkpoint(friends, cache=tmp_path)
    form = opened.manifest.prompt_format
    assert form is not None
    assert (form.kind, form.speakers) == ("speaker_token", ("bort#1234", "juno"))
    served = serve(friends, "--threads", "1", "--cache", str(tmp_path))
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(friends)
    prompt = "<juno> hello there\n<bort#1234>"
    usage = served.complete(prompt=prompt, max_tokens=1).json()["usage"]
    assert usage["prompt_tokens"] == len(tokenizer.encode(prompt))


def test_a_start_of_text_that_is_a_token_stands_in_front(tmp_path: Path) -> None:
    """As tutorials fine-tune a GPT-2; people's words hold none of the tokens that were added."""
    folder = make_folder(tmp_path / "run", "gpt2")
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens(
        {"bos_token": "<|startoftext|>", "additional_special_tokens": ["[SEP]"]}
    )
    model: Any = transformers.GPT2LMHeadModel.from_pretrained(folder)
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    opened = open_checkpoint(folder, cache=tmp_path / "cache")
    form = opened.manifest.prompt_format
    assert form is not None
    prompt = form.render([], opening="hello [SEP]<|startoftext|> there")
    assert prompt == "<|startoftext|>hello  there"
    engine = LlamaEngine(
        opened.base_path,
        None,
        EngineSettings(context=64, parallel=1),
        end_of_text=opened.end_of_text,
    )
    try:
        assert engine.tokenize(prompt) == tokenizer.encode(prompt)
        assert engine.tokenize(prompt)[0] == tokenizer.bos_token_id
    finally:
        engine.close()


@pytest.fixture
def copy(folders: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    def make(kind: str) -> Path:
        return shutil.copytree(folders[kind], tmp_path / "model")

    return make


def test_it_is_converted_once(
    copy: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, cache = copy("qwen3"), tmp_path / "cache"
    first = open_checkpoint(folder, cache=cache)
    assert first.manifest.source is not None
    assert (first.manifest.source.kind, first.manifest.source.name) == ("hugging-face", "model")
    assert first.reading.composed
    written = first.base_path.stat().st_mtime_ns
    assert open_checkpoint(folder, cache=cache).base_path.stat().st_mtime_ns == written
    (folder / "tokenizer_config.json").unlink()
    capsys.readouterr()
    other = open_checkpoint(folder, cache=cache)
    assert other.folder != first.folder, "something was changed"
    assert "tokenizer_config.json is missing" in capsys.readouterr().err


def test_tokens_of_other_models_are_no_names(folders: dict[str, Path], tmp_path: Path) -> None:
    for name in ("qwen2", "gemma3", "llama2"):
        form = open_checkpoint(folders[name], cache=tmp_path / "cache").manifest.prompt_format
        assert form is not None
        assert (form.kind, form.start, form.speakers) == ("plain", "", ())


def test_two_at_once_come_to_one(copy: Callable[[str], Path], tmp_path: Path) -> None:
    folder, cache = copy("gpt2"), tmp_path / "cache"
    opened: list[Checkpoint] = []
    threads = [
        threading.Thread(target=lambda: opened.append(open_checkpoint(folder, cache=cache)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({checkpoint.folder for checkpoint in opened}) == 1
    assert [path for path in cache.iterdir() if ".partial" in path.name] == []


def refused(folder: Path, cache: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(folder, cache=cache)
    assert "\n" not in str(caught.value)
    assert not cache.exists() or [path for path in cache.iterdir() if path.is_dir()] == []
    return str(caught.value)


def test_a_full_disk_leaves_the_cache_as_it_was(
    copy: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy("gpt2")
    with full_disk(50_000):
        line = refused(folder, tmp_path / "cache")
    assert "free some space" in line
    assert line.count("free some space") == 1
    assert line.startswith(f"{folder}: cannot be converted into {tmp_path / 'cache'}: ")


def test_what_is_served_are_the_words_of_transformers(
    folders: dict[str, Path], serve: Serve, tmp_path: Path
) -> None:
    """From the folder to HTTP, the words of transformers; sentencepiece and a token first."""
    folder = folders["llama2"]
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    cache = str(tmp_path / "cache")
    served = serve(folder, "--threads", "1", "--cache", cache, "--precision", "f16")
    sure = 0
    for prompt in PROMPTS:
        ids, margins = greedy(model.eval(), tokenizer.encode(prompt).ids, 12)
        if min(margins) > 0.06:  # else nobody can say which word is right
            sure += 1
            answer = served.complete(prompt=prompt, max_tokens=12, temperature=0).json()
            assert answer["choices"][0]["text"] == tokenizer.decode(ids)
            assert answer["usage"]["prompt_tokens"] == len(tokenizer.encode(prompt).ids)
    assert sure > 1
