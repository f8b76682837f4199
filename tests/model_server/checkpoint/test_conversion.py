"""Conversion into the cache: once, whole, and again when the source changed."""

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from caches import inside
from tiny_gguf import write_plain_gpt2
from training.full_disk import full_disk

from model_server.checkpoint import gguf_source
from model_server.checkpoint.conversion import (
    Converted,
    Found,
    Precision,
    Progress,
    Wish,
    convert_once,
)
from model_server.checkpoint.folder import Checkpoint
from model_server.errors import CheckpointError


class Copying:
    """Converts a folder with one GGUF file by copying that, and counts how often.

    ``until`` holds it up in the middle.
    """

    def __init__(self, *, until: threading.Event | None = None) -> None:
        self.until = until
        self.started = threading.Event()
        self.count = 0

    def find(self, path: Path) -> Found:
        return Found(name=path.name, files=(path / "weights.gguf",))

    def convert(
        self, path: Path, weights: Path, precision: Precision, progress: Progress
    ) -> Converted:
        self.count += 1
        data = (path / "weights.gguf").read_bytes()
        weights.write_bytes(data)
        progress(1, 2)
        self.started.set()
        if self.until is not None:
            assert self.until.wait(20)
        described = gguf_source.convert(weights, weights.with_suffix(".link"), precision, progress)
        weights.with_suffix(".link").unlink()
        return described


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "run1"
    folder.mkdir()
    write_plain_gpt2(folder / "weights.gguf")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def convert(
    source: Path,
    cache: Path,
    with_: Copying,
    precision: Precision = "f16",
    waiting: Callable[[], None] = lambda: None,
) -> Checkpoint:
    wish = Wish(
        path=source,
        kind="gpt-2-simple",
        converter=with_,
        precision=precision,
        progress=lambda done, total: None,
        waiting=waiting,
    )
    return convert_once(wish, cache)


def test_a_checkpoint_is_converted_once(source: Path, cache: Path) -> None:
    converter = Copying()
    first, second = convert(source, cache, converter), convert(source, cache, converter)
    assert converter.count == 1
    assert (first.digest, first.folder) == (second.digest, second.folder)
    assert first.folder.name.startswith("run1-")
    assert first.manifest.source is not None
    assert first.manifest.source.name == "run1"
    assert first.manifest.persona is None


def test_each_precision_is_converted_for_itself(source: Path, cache: Path) -> None:
    converter = Copying()
    f16, q8_0 = (convert(source, cache, converter, precision) for precision in ("f16", "q8_0"))
    assert converter.count == 2
    assert f16.manifest.source == q8_0.manifest.source, "it is the same clone"


def test_a_changed_checkpoint_is_converted_anew(source: Path, cache: Path) -> None:
    converter = Copying()
    before = convert(source, cache, converter)
    write_plain_gpt2(source / "weights.gguf", seed=1)
    after = convert(source, cache, converter)
    assert converter.count == 2
    assert before.manifest.source != after.manifest.source


def test_the_same_checkpoint_elsewhere_is_the_same(source: Path, cache: Path) -> None:
    converter = Copying()
    before = convert(source, cache, converter)
    moved = source.rename(source.with_name("bort"))
    assert convert(moved, cache, converter).manifest.source == before.manifest.source.model_copy(  # type: ignore[union-attr]
        update={"name": "bort"}
    )


def test_a_torn_entry_is_written_anew(source: Path, cache: Path) -> None:
    converter = Copying()
    entry = convert(source, cache, converter).folder
    (entry / "model.gguf").write_bytes(b"GGUF")
    assert convert(source, cache, converter).folder == entry
    assert converter.count == 2
    assert inside(cache) == [entry.name]


def test_whoever_comes_second_waits_and_takes_what_was_made(source: Path, cache: Path) -> None:
    go_on = threading.Event()
    slow, second = Copying(until=go_on), Copying()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(convert, source, cache, slow)
        assert slow.started.wait(20)
        other = threads.submit(convert, source, cache, second, waiting=go_on.set)
        assert first.result().digest == other.result().digest
    assert (slow.count, second.count) == (1, 0)
    assert inside(cache) == [first.result().folder.name]


def test_a_full_disk_leaves_the_cache_as_it_was(source: Path, cache: Path) -> None:
    converter = Copying()
    convert(source, cache, converter)
    before = inside(cache)
    write_plain_gpt2(source / "weights.gguf", seed=1)
    with full_disk(1000), pytest.raises(CheckpointError, match="free some space") as caught:
        convert(source, cache, converter)
    assert str(source) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert inside(cache) == before


def test_a_failure_leaves_nothing_behind(source: Path, cache: Path) -> None:
    class Failing(Copying):
        def convert(self, *_: object) -> Converted:
            raise CheckpointError("it does not fit together")

    with pytest.raises(CheckpointError, match="does not fit"):
        convert(source, cache, Failing())
    assert inside(cache) == []


CONVERTING = """
import sys, threading
from pathlib import Path
from model_server.checkpoint.conversion import Found, Wish, convert_once

class Forever:
    def find(self, path):
        return Found(name=path.name, files=(path / "weights.gguf",))

    def convert(self, path, weights, precision, progress):
        weights.write_bytes(b"half")
        print(flush=True)
        threading.Event().wait()

source, cache = map(Path, sys.argv[1:])
wish = Wish(path=source, kind="gpt-2-simple", converter=Forever(), precision="f16", progress=print)
convert_once(wish, cache)
"""


def test_what_a_killed_process_left_is_removed_by_the_next(source: Path, cache: Path) -> None:
    words = [sys.executable, "-c", CONVERTING, str(source), str(cache)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        [left] = inside(cache)
        process.kill()
    assert inside(cache) == [left]
    made = convert(source, cache, Copying())
    assert inside(cache) == [made.folder.name]


def test_a_file_that_cannot_be_read_is_named(source: Path, cache: Path) -> None:
    (source / "weights.gguf").unlink()
    (source / "weights.gguf").mkdir()
    with pytest.raises(CheckpointError, match=r"weights\.gguf: cannot be read: "):
        convert(source, cache, Copying())


def test_a_cache_that_cannot_be_written_is_named(source: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(CheckpointError, match=r"cannot be converted into .*file"):
        convert(source, blocked / "cache", Copying())
