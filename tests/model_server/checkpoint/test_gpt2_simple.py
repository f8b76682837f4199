"""A run of gpt-2-simple: what is missing or does not fit, what is read, and the same words."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from caches import inside
from hypothesis import example, given, settings
from hypothesis import strategies as st
from served import Serve
from tiny_gpt2_simple import TENSORFLOW_IS_THERE, greedy, make_run
from tiny_model import tiny_architecture, tiny_tokens
from training.full_disk import full_disk

from botconvo.checkpoints import bundled_base
from model_server.checkpoint.folder import Checkpoint, load_checkpoint
from model_server.checkpoint.gguf_header import read_header
from model_server.checkpoint.gpt2_simple import (
    find,
    find_run,
    read_sizes,
    read_tokens,
    write_names,
)
from model_server.checkpoint.opening import digest_of, open_checkpoint
from model_server.checkpoint.tokens import tokens_of
from model_server.engine import Draw, EngineSettings, LlamaEngine, Piece, TokenScore
from model_server.errors import CheckpointError

needs_tensorflow = pytest.mark.skipif(
    not TENSORFLOW_IS_THERE and not os.environ.get("CI"),
    reason="pip install 'botconvo[test]' brings TensorFlow and gpt-2-simple",
)
DATA = "model-10.data-00000-of-00001"


def a_run(folder: Path) -> Path:
    """A run by its names and small files; nothing in TensorFlow's."""
    folder.mkdir(parents=True)
    tokens = tiny_tokens()
    write_names(folder, tiny_architecture(tokens), tokens)
    (folder / "checkpoint").write_text(
        'model_checkpoint_path: "model-10"\nall_model_checkpoint_paths: "model-5"\n'
        'all_model_checkpoint_paths: "model-10"\n',
        encoding="utf-8",
    )
    for name in ("model-5.index", "model-5.data-00000-of-00001", "model-10.index", DATA):
        (folder / name).write_bytes(b"torn")
    return folder


def told(act: Callable[[], object]) -> str:
    with pytest.raises(CheckpointError) as caught:
        act()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# What is there


def test_the_newest_state_is_the_one_that_the_file_checkpoint_names(tmp_path: Path) -> None:
    run = find_run(a_run(tmp_path / "run1"))
    assert (run.state, [shard.name for shard in run.shards]) == ("model-10", [DATA])
    assert find(tmp_path / "run1").name == "run1/model-10"


@pytest.mark.parametrize("path", ["/content/checkpoint/run1/model-5", "C:\\\\clones\\\\model-5"])
def test_the_path_of_another_machine_is_read_as_a_name(tmp_path: Path, path: str) -> None:
    folder = a_run(tmp_path / "run1")
    (folder / "checkpoint").write_text(f'model_checkpoint_path: "{path}"\n', encoding="utf-8")
    assert find_run(folder).state == "model-5"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_checkpoint_may_be_written_by_hand(tmp_path: Path, encoding: str) -> None:
    folder = a_run(tmp_path / "run1")
    text = " model_checkpoint_path : 'model-5'\r\nall_model_checkpoint_paths: 'model-10'\r\n"
    (folder / "checkpoint").write_bytes(text.encode(encoding))
    assert find_run(folder).state == "model-5"


@pytest.mark.skipif(os.name == "nt", reason="Windows lets only some make links")
def test_a_run_may_lie_behind_links(tmp_path: Path) -> None:
    folder, linked = a_run(tmp_path / "run1"), tmp_path / "linked"
    linked.mkdir()
    for path in folder.iterdir():
        (linked / path.name).symlink_to(path)
    (tmp_path / "link").symlink_to(linked)
    digests = {digest_of(path, tmp_path) for path in (folder, linked, tmp_path / "link")}
    assert len(digests) == 1, "it is the same clone"


def test_a_run_needs_no_graph(tmp_path: Path) -> None:
    """``model-N.meta`` is only for going on with TensorFlow."""
    assert not any(a_run(tmp_path / "run1").glob("*.meta"))
    find_run(tmp_path / "run1")


@pytest.mark.parametrize(
    "name", ["checkpoint", "hparams.json", "encoder.json", "vocab.bpe", "model-10.index", DATA]
)
def test_a_missing_piece_is_named(tmp_path: Path, name: str) -> None:
    folder = a_run(tmp_path / "run1")
    (folder / name).unlink()
    said = told(lambda: open_checkpoint(folder, cache=tmp_path / "cache"))
    assert said.startswith(f"{folder}: lacks {name} (it has model-")


def test_all_missing_pieces_are_named_at_once(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run1")
    for path in folder.iterdir():
        if path.name != "hparams.json":
            path.unlink()
    said = told(lambda: find(folder))
    assert f"{folder}: lacks checkpoint, encoder.json, vocab.bpe;" in said


def test_every_part_of_the_data_has_to_be_there(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run1")
    (folder / DATA).rename(folder / "model-10.data-00001-of-00002")
    assert "lacks model-10.data-00000-of-00002" in told(lambda: find(folder))


def test_a_torn_file_checkpoint_is_named(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run1")
    (folder / "checkpoint").write_text("model_check", encoding="utf-8")
    assert "checkpoint: does not say which state" in told(lambda: find(folder))


def test_a_name_with_brackets_is_a_name(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run1")
    for path in (folder / "model-10.index", folder / DATA):
        path.rename(folder / path.name.replace("model-10", "model[1]"))
    (folder / "checkpoint").write_text('model_checkpoint_path: "model[1]"\n', encoding="utf-8")
    assert find_run(folder).state == "model[1]"


# What fits


def test_sizes_and_tokens_are_those_of_the_files(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run1")
    assert read_sizes(folder) == tiny_architecture(tiny_tokens())
    assert read_tokens(folder, 262) == tiny_tokens()


def test_a_size_that_is_left_out_is_gpt2_simples_own(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run1")
    (folder / "hparams.json").write_text('{"n_vocab": 262}', encoding="utf-8")
    sizes = read_sizes(folder)
    assert (sizes.context, sizes.width, sizes.heads, sizes.layers) == (1024, 768, 12, 12)


def hparams(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "hparams.json"
        sizes = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(sizes | changes), encoding="utf-8")

    return change


def write(name: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_text(text, encoding="utf-8")

    return change


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (hparams(n_vocab=50257), "encoder.json: has 262 tokens, hparams.json says n_vocab 50257"),
        (hparams(n_head=5), "hparams.json: n_embd 32 cannot be shared by n_head 5"),
        (hparams(n_layer="2"), "hparams.json: n_layer is '2', which is no size"),
        (hparams(n_layer=10**9), "hparams.json: n_layer is 1000000000, more than the engine's 512"),
        (hparams(n_ctx=0), "hparams.json: n_ctx is 0, which is no size"),
        (write("hparams.json", '{"n_vocab": 26'), "hparams.json: is torn or no JSON"),
        (write("encoder.json", "[]"), "encoder.json: is torn or no JSON"),
        (write("encoder.json", json.dumps({str(n): n + 1 for n in range(262)})), "have gaps"),
        (write("encoder.json", json.dumps({str(n): n for n in range(262)})), "lacks <|endoftext|>"),
        (write("vocab.bpe", "#version\nh e\nx yz\n"), "vocab.bpe: 'x yz' is no pair of encoder"),
    ],
)
def test_what_does_not_fit_is_told_without_tensorflow(
    tmp_path: Path, harm: Callable[[Path], None], line: str
) -> None:
    folder = a_run(tmp_path / "run1")
    harm(folder)
    said = told(lambda: open_checkpoint(folder, cache=tmp_path / "cache"))
    assert line in said
    assert str(folder) in said


def test_without_tensorflow_the_line_says_what_to_install(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run1")
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from botconvo.cli import main\n"
        "main(['serve-model', sys.argv[1], '--no-token', '--port', '0'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "BOTCONVO_CACHE": str(tmp_path / "cache")},
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert 'pip install "botconvo[tensorflow]"' in done.stderr


# With TensorFlow


def test_the_tensorflow_extra_is_there() -> None:
    if not TENSORFLOW_IS_THERE and not os.environ.get("CI"):
        pytest.skip("runs of gpt-2-simple are not tested: pip install 'botconvo[test]'")
    assert TENSORFLOW_IS_THERE


@pytest.fixture(scope="session")
def run1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that TensorFlow saved; only to be read."""
    return make_run(tmp_path_factory.mktemp("runs") / "run1")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests: a conversion takes seconds."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def at_f16(run1: Path, cache: Path) -> Checkpoint:
    return open_checkpoint(run1, cache=cache, precision="f16")


@needs_tensorflow
def test_a_run_becomes_a_checkpoint_that_names_nobody(at_f16: Checkpoint) -> None:
    manifest = at_f16.manifest
    assert (manifest.persona, manifest.consent) == (None, None)
    assert manifest.source is not None
    assert (manifest.source.kind, manifest.source.name) == ("gpt-2-simple", "run1/model-10")
    assert manifest.prompt_format is not None
    assert (manifest.prompt_format.kind, manifest.prompt_format.start) == (
        "plain",
        "<|startoftext|>",
    )


PROMPTS = ("<|startoftext|>hello", "hello there <|endoftext|>\n", "the it's  a", "well,\n\n\n so?")
NEAR = 0.02
"""Nats by which f16 may differ from float32 at these sizes."""


@needs_tensorflow
def test_it_says_what_gpt2_simple_says(run1: Path, at_f16: Checkpoint) -> None:
    """Greedily, token for token; where the two part, the two likeliest tokens were that near."""
    engine_settings = EngineSettings(context=256, parallel=1, threads=1)
    engine = LlamaEngine(at_f16.base_path, None, engine_settings, end_of_text=at_f16.end_of_text)
    try:
        compared = 0
        for prompt, answer in zip(PROMPTS, greedy(run1, PROMPTS, 24), strict=True):
            assert engine.tokenize(prompt) == answer["prompt"]
            ours = scores(engine, prompt, 24)
            steps = zip(ours, answer["pieces"], answer["said"], answer["logits"], strict=False)
            for our, piece, token, logits in steps:
                likeliest = sorted(logits)
                if our.text != piece:
                    assert likeliest[-1] - likeliest[-2] < NEAR
                    break
                assert our.logprob == pytest.approx(logprob(logits, token), abs=NEAR)
                compared += 1
        assert compared > 60, "else nothing was shown"
    finally:
        engine.close()


@needs_tensorflow
@pytest.mark.skipif(sys.platform != "linux", reason="processes are seen in /proc")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_conversion_ends_with_whoever_wanted_it(tmp_path: Path, name: str) -> None:
    """At once, though TensorFlow is just being loaded; and it leaves nothing but after a kill."""
    folder, cache = a_run(tmp_path / "run1"), tmp_path / "cache"
    words = ["serve-model", str(folder), "--no-token", "--port", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "botconvo", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "BOTCONVO_CACHE": str(cache)},
    ) as server:
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
        wait_until(lambda: any(cache.glob("*.partial-*")) and children.read_text(encoding="ascii"))
        [child] = children.read_text(encoding="ascii").split()
        server.send_signal(getattr(signal, name))
        _, said = server.communicate(timeout=60)
    wait_until(lambda: not Path(f"/proc/{child}").exists())
    if name == "SIGKILL":
        assert list(cache.glob("*.partial-*")), "it is removed by the next conversion"
    else:
        assert (server.returncode, said.strip()) == (130, b"botconvo: interrupted")
        assert not list(cache.glob("*.partial-*"))


def wait_until(condition: Callable[[], object]) -> None:
    deadline, pause = time.monotonic() + 60, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.01)


@pytest.fixture(scope="session")
def base() -> Iterator[LlamaEngine]:
    """The bundled base, whose vocabulary is a real one."""
    opened = load_checkpoint(bundled_base())
    small = EngineSettings(context=64, parallel=1, threads=1)
    engine = LlamaEngine(opened.base_path, None, small, end_of_text=opened.end_of_text)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """gpt-2-simple's own, which needs no TensorFlow, with that vocabulary."""
    folder = tmp_path_factory.mktemp("encoder")
    opened = load_checkpoint(bundled_base())
    tokens = tokens_of(opened.base_path, read_header(opened.base_path))
    write_names(folder, opened.manifest.architecture, tokens)
    return import_module("gpt_2_simple.src.encoder").get_encoder(str(folder))


WORDS = st.text(
    st.sampled_from("aeionrst  \n\t'’.,!?<|>0179ÄßñЖ日本😀👩\u200d💀\u00a0")
    | st.characters(codec="utf-8")
)


@needs_tensorflow
@given(text=WORDS)
@example(text="<|startoftext|>it's 5pm...  don't\n\n <|endoftext|>\n<|startoftext|>")
@settings(max_examples=300, deadline=None)
def test_every_text_is_read_as_gpt2_simple_reads_it(
    base: LlamaEngine, encoder: Any, text: str
) -> None:
    assert base.tokenize(text) == encoder.encode(text)


def scores(engine: LlamaEngine, prompt: str, count: int) -> list[TokenScore]:
    found: list[TokenScore] = []

    def take(piece: Piece) -> bool:
        found.extend(piece.scores)
        return True

    engine.generate(Draw(prompt=prompt, max_tokens=count, temperature=0, logprobs=1), take)
    return found


def logprob(logits: list[float], token: int) -> float:
    largest = max(logits)
    return logits[token] - largest - math.log(sum(math.exp(v - largest) for v in logits))


@needs_tensorflow
def test_a_run_is_served_as_it_is(run1: Path, cache: Path, serve: Serve) -> None:
    served = serve(run1, "--threads", "1", "--cache", str(cache))
    assert len(served.texts(prompt="<|startoftext|>hello", max_tokens=8, n=5)) == 5
    usage = served.complete(prompt="<|endoftext|>", max_tokens=1).json()["usage"]
    assert usage["prompt_tokens"] == 13, "letters, as gpt-2-simple reads them"


def _cut(name: str, most: int) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:most])

    return harm


def _flip(name: str) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 255
        (folder / name).write_bytes(data)

    return harm


@needs_tensorflow
@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (_cut(DATA, 1000), f"{DATA}: is cut short or damaged"),
        (_flip(DATA), f"{DATA}: is cut short or damaged"),
        (_cut("model-10.index", 100), "model-10.index: is cut short or damaged"),
        (hparams(n_layer=3), "model-10.index: has no model/h2/"),
        (hparams(n_layer=1), "model-10.index: has more layers than n_layer 1"),
        (hparams(n_ctx=128), "model/wpe has shape (256, 32), by hparams.json it is (128, 32)"),
    ],
)
def test_weights_that_are_torn_or_do_not_fit_are_told_in_one_line(
    run1: Path, tmp_path: Path, harm: Callable[[Path], None], line: str
) -> None:
    folder = Path(shutil.copytree(run1, tmp_path / "run1"))
    harm(folder)
    cache = tmp_path / "cache"
    assert line in told(lambda: open_checkpoint(folder, cache=cache))
    assert inside(cache) == []


@needs_tensorflow
def test_a_full_disk_leaves_the_cache_as_it_was(run1: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with full_disk(20_000):
        said = told(lambda: open_checkpoint(run1, cache=cache))
    assert f"{run1}: cannot be converted into {cache}: " in said
    assert "free some space" in said
    assert inside(cache) == []


@needs_tensorflow
def test_two_servers_may_convert_one_run_at_once(run1: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from model_server.checkpoint.opening import open_checkpoint\n"
        "print(open_checkpoint(Path(sys.argv[1]), cache=Path(sys.argv[2])).digest)"
    )
    words = [sys.executable, "-c", code, str(run1), str(tmp_path / "cache")]
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert len(set(said)) == 1
    assert len(inside(tmp_path / "cache")) == 1
