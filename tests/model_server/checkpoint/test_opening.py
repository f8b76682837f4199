"""Whatever a path holds is opened, and a GGUF file is served."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from caches import inside
from served import Serve
from tiny_gguf import write_friends, write_llama, write_plain_gpt2
from tiny_model import make_tiny_checkpoint

from model_server.checkpoint.folder import load_checkpoint
from model_server.checkpoint.opening import digest_of, open_checkpoint, user_cache
from model_server.checkpoint.tokens import sha256_of
from model_server.errors import CheckpointError
from model_server.prompt_format import PromptFormat


def test_our_own_folder_is_opened_as_it_is(tmp_path: Path) -> None:
    ours = make_tiny_checkpoint(tmp_path)
    cache = tmp_path / "cache"
    assert open_checkpoint(ours, cache=cache) == load_checkpoint(ours)
    assert not cache.exists()


def test_a_gguf_file_is_taken_as_it_is(tmp_path: Path) -> None:
    path = write_plain_gpt2(tmp_path / "Bort v2.gguf")
    opened = open_checkpoint(path, cache=tmp_path / "cache")
    assert opened.manifest.prompt_format == PromptFormat(kind="plain", speaker="")
    assert opened.manifest.source is not None
    assert opened.manifest.source.sha256 == sha256_of(path) == digest_of(path, tmp_path / "cache")
    assert opened.base_path.samefile(path), "linked, not copied"
    assert opened.folder.name.startswith("bort-v2-")
    assert opened == open_checkpoint(path, cache=tmp_path / "cache")


def test_what_an_older_program_converted_is_converted_anew(tmp_path: Path) -> None:
    path = write_plain_gpt2(tmp_path / "a.gguf")
    first = open_checkpoint(path, cache=tmp_path / "cache")
    manifest = first.folder / "manifest.json"
    now = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(now | {"versions": {}}), encoding="utf-8")
    again = open_checkpoint(path, cache=tmp_path / "cache")
    assert again.folder == first.folder
    assert again.manifest.versions == first.manifest.versions != {}


def test_a_relative_path_is_linked_from_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plain_gpt2(tmp_path / "a.gguf")
    monkeypatch.chdir(tmp_path)
    assert open_checkpoint(Path("a.gguf"), cache=Path("cache/of/mine")).base_path.exists()


def test_any_architecture_is_described_from_its_header(tmp_path: Path) -> None:
    opened = open_checkpoint(write_llama(tmp_path / "a.gguf"), cache=tmp_path / "cache")
    sizes = opened.manifest.architecture
    assert (sizes.name, sizes.layers, sizes.width, sizes.heads) == ("llama", 1, 32, 2)
    assert (sizes.vocabulary, sizes.context) == (275, 128)
    assert opened.end_of_text == 2, "sentencepiece's, where the file does not say"


def test_a_digest_is_asked_of_foreign_checkpoints_only(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="says itself whose clone it is"):
        digest_of(make_tiny_checkpoint(tmp_path), tmp_path / "cache")


def refused(path: Path, cache: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(path, cache=cache)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_gguf_file_that_cannot_speak_says_why(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    ours = make_tiny_checkpoint(tmp_path / "ours")
    assert "is not whole weights but adapter" in refused(ours / "bort-adapter.gguf", cache)
    assert "reads and does not write" in refused(
        write_llama(tmp_path / "encoder.gguf", causal=False), cache
    )
    assert "one part of several" in refused(
        write_llama(tmp_path / "big-00001-of-00002.gguf"), cache
    )
    torn = write_plain_gpt2(tmp_path / "torn.gguf")
    torn.write_bytes(torn.read_bytes()[:-1000])
    assert "cut short" in refused(torn, cache)
    page = tmp_path / "page.gguf"
    page.write_text("<html>", encoding="utf-8")
    assert "is not a GGUF file" in refused(page, cache)
    assert not cache.exists() or not any(cache.glob("*.partial-*"))


def test_the_cache_is_where_the_system_keeps_such_things() -> None:
    home = Path.home()
    assert user_cache({}, "linux") == home / ".cache" / "botconvo"
    assert user_cache({"XDG_CACHE_HOME": "/x"}, "linux") == Path("/x/botconvo")
    assert user_cache({}, "darwin") == home / "Library" / "Caches" / "botconvo"
    assert user_cache({"LOCALAPPDATA": "/l"}, "win32") == Path("/l/botconvo")
    assert user_cache({"BOTCONVO_CACHE": "/c"}, sys.platform) == Path("/c")


def test_an_architecture_that_llama_cpp_does_not_know_is_one_line(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    path = write_llama(tmp_path / "a.gguf", architecture="llamb")
    line = refused(path, "--cache", str(tmp_path / "cache"))
    assert "the architecture may be unknown" in line


# Through a real server


def test_a_gguf_file_is_served(serve: Serve, tmp_path: Path) -> None:
    path = write_plain_gpt2(tmp_path / "bort.gguf")
    served = serve(path, "--threads", "1", "--cache", str(tmp_path / "cache"))
    assert len(served.texts(prompt="hello", max_tokens=5, n=3)) == 3
    assert served.complete(prompt="hello", max_tokens=1).json()["usage"]["prompt_tokens"] == 1
    served.end_input()
    served.wait()
    assert "consent was not checked" in served.errors()


def test_the_users_cache_is_taken_where_none_is_named(serve: Serve, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    serve(write_plain_gpt2(tmp_path / "bort.gguf"), BOTCONVO_CACHE=str(cache))
    assert [name[:5] for name in inside(cache)] == ["bort-"]


def test_a_vocabulary_that_begins_every_text_does_so(serve: Serve, tmp_path: Path) -> None:
    served = serve(write_llama(tmp_path / "a.gguf"), "--cache", str(tmp_path / "cache"))

    def prompt_tokens(prompt: str) -> int:
        answer = served.complete(prompt=prompt, max_tokens=1).json()
        return int(answer["usage"]["prompt_tokens"])

    assert prompt_tokens("a") == 2
    assert prompt_tokens("") == 1
    assert prompt_tokens("<s>") > 2, "what somebody types is no token"


def test_names_that_are_tokens_are_read_and_spelled(serve: Serve, tmp_path: Path) -> None:
    served = serve(write_friends(tmp_path / "a.gguf"), "--cache", str(tmp_path / "cache"))
    answer = served.complete(prompt="<bort>", max_tokens=1).json()
    assert answer["usage"]["prompt_tokens"] == 1
    [text] = served.texts(prompt="<bort>", max_tokens=200, temperature=5, seed=1)
    assert re.search("<bort>|<juno>", text), "else no stop could be found"
