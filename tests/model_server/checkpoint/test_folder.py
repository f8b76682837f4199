"""Checkpoint folders: what does not fit together is named, and writing is all or nothing."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_model import make_tiny_base, make_tiny_checkpoint, tiny_tokens

from model_server.checkpoint.folder import (
    describe_weights,
    load_checkpoint,
    write_checkpoint,
)
from model_server.checkpoint.gguf_files import read_gpt2, write_gpt2
from model_server.checkpoint.tokens import sha256_of
from model_server.errors import CheckpointError

Edit = Callable[[dict[str, Any]], Any]


def edit_manifest(folder: Path, edit: Edit) -> None:
    path = folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    edit(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def fault_of(folder: Path, **options: Any) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder, **options)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_an_adapter_is_found_with_its_base(tmp_path: Path) -> None:
    folder = make_tiny_checkpoint(tmp_path, "Milly")
    found = load_checkpoint(folder)
    assert found.manifest.persona == "Milly"
    assert found.adapter_path == folder / "milly-adapter.gguf"
    assert found.base_path.resolve() == (tmp_path / "base" / "base-weights.gguf").resolve()
    assert found.digest == sha256_of(folder / "manifest.json")
    assert found.end_of_text == tiny_tokens().end_of_text


def test_a_base_is_a_checkpoint_without_an_adapter(tmp_path: Path) -> None:
    found = load_checkpoint(make_tiny_base(tmp_path / "base"))
    assert found.adapter_path is None
    assert found.base_path == tmp_path / "base" / "base-weights.gguf"


@pytest.mark.parametrize("as_folder", [True, False])
def test_a_base_that_moved_can_be_given(tmp_path: Path, as_folder: bool) -> None:
    folder = make_tiny_checkpoint(tmp_path / "old")
    moved = (tmp_path / "old" / "base").rename(tmp_path / "moved")
    assert "--base" in fault_of(folder)
    weights = moved / "base-weights.gguf"
    found = load_checkpoint(folder, base=moved if as_folder else weights)
    assert found.base_path == weights


@pytest.mark.parametrize(
    ("edit", "key"),
    [
        (lambda m: m.update(surprise=1), "surprise"),
        (lambda m: m["weights"].update(surprise=1), "weights.surprise"),
        (lambda m: m["prompt_format"].update(surprise=1), "prompt_format.surprise"),
        (lambda m: m["prompt_format"].update(version=2), "prompt_format.version: is 2, and this"),
        (lambda m: m["prompt_format"].update(kind="verse"), "prompt_format.kind"),
        (lambda m: m.update(version=2), "version"),
        (lambda m: m.update(format="other"), "format"),
        (lambda m: m.pop("architecture"), "architecture"),
        (lambda m: m["weights"].update(file="../../elsewhere.gguf"), "weights.file"),
        (lambda m: m["weights"].update(bytes=1), "weights.bytes"),
        (lambda m: m["weights"].update(sha256="0" * 64), "weights.sha256"),
        (lambda m: m["weights"].update(file="other.gguf"), "weights.file"),
        (lambda m: m["base"].update(sha256="0" * 64), "base.sha256"),
        (lambda m: m.update(base=None), "adapter"),
        (lambda m: m.update(consent=None), "consent"),
        (lambda m: m.update(tokenizer_sha256="0" * 64), "tokenizer_sha256"),
        (lambda m: m["architecture"].update(layers=3), "architecture.layers"),
        (lambda m: m["architecture"].update(width=64), "architecture.width"),
        (lambda m: m["architecture"].update(heads=4), "architecture.heads"),
        (lambda m: m["architecture"].update(context=512), "architecture.context"),
        (lambda m: m["architecture"].update(vocabulary=8192), "architecture.vocabulary"),
        (lambda m: m["architecture"].update(name="llama"), "architecture.name"),
    ],
)
def test_each_disagreement_is_named_by_its_key(tmp_path: Path, edit: Edit, key: str) -> None:
    folder = make_tiny_checkpoint(tmp_path)
    edit_manifest(folder, edit)
    line = fault_of(folder)
    assert key in line
    assert str(tmp_path) in line


def test_weights_of_the_wrong_kind_are_refused(tmp_path: Path) -> None:
    folder = make_tiny_checkpoint(tmp_path)
    whole = tmp_path / "base" / "base-weights.gguf"
    adapter = folder / "bort-adapter.gguf"
    entry = describe_weights(whole, "adapter").model_dump() | {"file": adapter.name}
    shutil.copy(whole, adapter)
    edit_manifest(folder, lambda m: m.update(weights=entry))
    assert "no LoRA adapter" in fault_of(folder)


def test_an_adapter_for_another_size_of_base_is_refused(tmp_path: Path) -> None:
    folder = make_tiny_checkpoint(tmp_path)
    weights, shape, tokens = read_gpt2(tmp_path / "base" / "base-weights.gguf")
    narrow = {name: array[..., : array.shape[-1] // 2] for name, array in weights.items()}
    narrow = {n: a[: len(a) // 2] if "c_" in n and a.ndim == 2 else a for n, a in narrow.items()}
    other = tmp_path / "narrow.gguf"
    smaller = shape.model_copy(update={"width": 16})
    write_gpt2(other, narrow, smaller, tokens, quantization="f32", name="narrow")
    edit_manifest(folder, lambda m: m["base"].update(sha256=sha256_of(other), path=None))
    line = fault_of(folder, base=other)
    assert "lora_a" in line
    assert "does not fit" in line


@pytest.mark.parametrize("content", [b"<html>404</html>", b"GGUF", b""])
def test_weights_that_are_no_gguf_are_refused(tmp_path: Path, content: bytes) -> None:
    folder = make_tiny_checkpoint(tmp_path)
    weights = folder / "bort-adapter.gguf"
    weights.write_bytes(content or b" ")
    entry = describe_weights(weights, "adapter").model_dump()
    edit_manifest(folder, lambda m: m.update(weights=entry))
    assert str(weights) in fault_of(folder)


def test_folders_that_are_no_checkpoints_are_named(tmp_path: Path) -> None:
    assert "no such folder" in fault_of(tmp_path / "gone")
    assert "holds no manifest.json" in fault_of(tmp_path)
    file = tmp_path / "weights.gguf"
    file.write_text("x", encoding="utf-8")
    assert "is a file" in fault_of(file)
    (tmp_path / "manifest.json").write_text("not JSON", encoding="utf-8")
    assert "not JSON" in fault_of(tmp_path)
    (tmp_path / "manifest.json").write_bytes(b"\xff\xfe[]")
    assert "manifest.json" in fault_of(tmp_path)
    (tmp_path / "manifest.json").write_text("[]", encoding="utf-8")
    assert "manifest.json" in fault_of(tmp_path)


def test_an_adapter_cannot_be_the_base_of_another(tmp_path: Path) -> None:
    folder = make_tiny_checkpoint(tmp_path)
    edit_manifest(folder, lambda m: m["base"].update(path=None))
    assert "cannot be the base" in fault_of(folder, base=folder)


def test_writing_again_keeps_the_version_before(tmp_path: Path) -> None:
    folder = make_tiny_checkpoint(tmp_path, seed=1)
    first = load_checkpoint(folder).digest
    make_tiny_checkpoint(tmp_path, seed=2)
    second = load_checkpoint(folder).digest
    assert load_checkpoint(tmp_path / "bort.previous").digest == first != second
    make_tiny_checkpoint(tmp_path, seed=3)
    assert load_checkpoint(tmp_path / "bort.previous").digest == second
    assert {entry.name for entry in tmp_path.iterdir()} == {"base", "bort", "bort.previous"}


def test_weights_that_the_manifest_does_not_describe_are_not_written(tmp_path: Path) -> None:
    folder = make_tiny_checkpoint(tmp_path)
    manifest = load_checkpoint(folder).manifest
    with pytest.raises(CheckpointError, match=r"weights\.bytes"):
        write_checkpoint(tmp_path / "new", manifest, tmp_path / "base" / "base-weights.gguf")
    assert {entry.name for entry in tmp_path.iterdir()} == {"base", "bort"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on a process' file sizes")
def test_a_disk_that_fills_leaves_the_old_version_and_nothing_half(tmp_path: Path) -> None:
    folder = make_tiny_checkpoint(tmp_path)
    before = load_checkpoint(folder).digest
    code = f"""
import resource, sys
from pathlib import Path
from model_server.checkpoint.folder import load_checkpoint, write_checkpoint
from model_server.errors import CheckpointError
folder = Path({str(folder)!r})
manifest = load_checkpoint(folder).manifest
for most in (0, 1000, manifest.weights.bytes - 1):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    try:
        write_checkpoint(folder, manifest, folder / manifest.weights.file)
    except CheckpointError as error:
        assert "cannot be written" in str(error), error
    else:
        sys.exit("it was written")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert load_checkpoint(folder).digest == before
    assert {entry.name for entry in tmp_path.iterdir()} == {"base", "bort"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on a process' file sizes")
def test_a_disk_that_fills_leaves_no_half_gguf(tmp_path: Path) -> None:
    code = f"""
import resource, sys
from pathlib import Path
from model_server.errors import CheckpointError
from tiny_model import *
tokens = tiny_tokens()
shape = tiny_architecture(tokens)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, resource.RLIM_INFINITY))
try:
    write_gpt2(Path({str(tmp_path / "base.gguf")!r}), tiny_weights(shape, tokens), shape, tokens,
               quantization="f32", name="tiny")
except CheckpointError as error:
    assert "cannot be written" in str(error), error
else:
    sys.exit("it was written")
"""
    tests = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tests
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_other_users_may_read_what_was_written(tmp_path: Path) -> None:
    folder = make_tiny_checkpoint(tmp_path)
    plain = tmp_path / "plain"
    plain.mkdir()
    assert folder.stat().st_mode == plain.stat().st_mode
