"""Bases by their id: fetched once, gone on with after a break, and refused in one line."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_hub import SHA, FakeHub, fake_hub
from filelock import FileLock

from botconvo.errors import TrainingError
from botconvo.training.hub import Source, needed_files, resolve_base

WEIGHTS = os.urandom(24_000_000)
"""Longer than two of the parts of 10 MB in which the library writes to the disk."""
SMALL = {"config.json": b"{}", "tokenizer.json": b"{ }", "merges.txt": b"#"}
MODELS = {
    "tiny": {
        **SMALL,
        "model.safetensors": WEIGHTS,
        "pytorch_model.bin": b"x" * 500,
        "tf_model.h5": b"y" * 500,
        "onnx/model.onnx": b"z" * 500,
        "README.md": b"about",
    },
    "somebody/Old-1.5B": {**SMALL, "pytorch_model.bin": WEIGHTS},
}
NOBODY = "http://127.0.0.1:9"
"""An address where nothing listens."""
SCRIPT = """
import json, sys
if int(sys.argv[2]):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
from botconvo.errors import TrainingError
from botconvo.training.hub import resolve_base
said = []
try:
    found = resolve_base(sys.argv[1], say=said.append)
    answer = {"folder": str(found.folder), "name": found.name}
except TrainingError as error:
    answer = {"error": str(error)}
print(json.dumps({**answer, "said": said}))
"""


def resolve(hub: FakeHub | str, home: Path, text: str, *, most: int = 0) -> dict[str, Any]:
    """What comes of it in a process of its own: the library reads its settings only once."""
    address = hub if isinstance(hub, str) else hub.address
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, text, str(most)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={
            **os.environ,
            "HF_ENDPOINT": address,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
        },
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert "\n" not in answer.get("error", "")
    return answer


def fetched(hub: FakeHub) -> set[str]:
    return {path.rpartition("/")[2] for method, path, _ in hub.asked if method == "GET"}


def test_a_folder_that_is_there_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "My GPT"
    folder.mkdir()
    assert resolve_base(str(folder), say=print) == Source(folder=folder, name="My GPT")


@pytest.mark.parametrize(
    "text",
    ["/no/such/folder", "./gpt2", "a/b/c", "what is this?", "", f"/{'x' * 300}", "~nobody-here/a"],
)
def test_what_is_neither_a_folder_nor_an_id_is_one_line(text: str) -> None:
    with pytest.raises(TrainingError, match="there is no such folder; name one"):
        resolve_base(text, say=print)


def test_only_what_a_conversion_reads_is_needed() -> None:
    small = {"config.json": 1, "tokenizer.json": 2}
    more = {"README.md": 3, "tf_model.h5": 4, "onnx/model.safetensors": 5}
    both = {"model.safetensors": 6, "pytorch_model.bin": 7}
    assert needed_files(small | more | both) == small | {"model.safetensors": 6}
    assert needed_files(small | {"pytorch_model.bin": 7}) == small | {"pytorch_model.bin": 7}
    shards = {
        "model.safetensors.index.json": 1,
        "model-00001-of-00002.safetensors": 2,
        "model-00002-of-00002.safetensors": 3,
    }
    assert needed_files(small | shards | {"pytorch_model.bin": 7}) == small | shards
    assert needed_files(small) == small


def test_a_model_is_fetched_once_and_only_what_is_needed(tmp_path: Path) -> None:
    with fake_hub(MODELS) as hub:
        first = resolve(hub, tmp_path, "tiny")
        assert first["name"] == "tiny"
        assert first["said"] == ["tiny: fetching 24 MB in 4 files"]
        folder = Path(first["folder"])
        assert {path.name for path in folder.iterdir()} == {
            *SMALL,
            "model.safetensors",
            ".complete",
        }
        assert (folder / "model.safetensors").read_bytes() == WEIGHTS
        hub.asked.clear()
        again = resolve(hub, tmp_path, "tiny")
        assert again == first | {"said": []}
        assert not fetched(hub) & {*SMALL, "model.safetensors"}


def test_an_answer_that_breaks_off_is_gone_on_with(tmp_path: Path) -> None:
    with fake_hub(MODELS) as hub:
        hub.halves = 1
        found = resolve(hub, tmp_path, "somebody/Old-1.5B@main")
        assert (Path(found["folder"]) / "pytorch_model.bin").read_bytes() == WEIGHTS
        assert hub.ranges() == ["bytes=10485760-"]


def test_a_download_that_broke_off_goes_on_when_it_is_repeated(tmp_path: Path) -> None:
    with fake_hub(MODELS) as hub:
        hub.halves = 1000
        broken = resolve(hub, tmp_path, "tiny")
        assert "broke off" in broken["error"]
        assert "goes on where it stopped" in broken["error"]
        # Half a model is never used, with a network or without.
        assert "the hub cannot be reached" in resolve(NOBODY, tmp_path, "tiny")["error"]
        hub.halves = 0
        hub.asked.clear()
        found = resolve(hub, tmp_path, "tiny")
        assert (Path(found["folder"]) / "model.safetensors").read_bytes() == WEIGHTS
        assert hub.ranges() == ["bytes=10485760-"]


def test_a_file_that_arrives_damaged_is_not_kept(tmp_path: Path) -> None:
    with fake_hub(MODELS) as hub:
        hub.digests["model.safetensors"] = "0" * 64
        assert "model.safetensors arrived damaged" in resolve(hub, tmp_path, "tiny")["error"]
        hub.digests["model.safetensors"] = hashlib.sha256(WEIGHTS).hexdigest()
        assert "folder" in resolve(hub, tmp_path, "tiny")


def test_two_at_once_are_told_apart(tmp_path: Path) -> None:
    lock = tmp_path / "botconvo" / "tiny" / f"{SHA}.lock"
    lock.parent.mkdir(parents=True)
    with fake_hub(MODELS) as hub, FileLock(lock):
        assert "is being fetched by another" in resolve(hub, tmp_path, "tiny")["error"]


def test_without_a_network_what_was_fetched_is_used(tmp_path: Path) -> None:
    with fake_hub(MODELS) as hub:
        first = resolve(hub, tmp_path, "tiny")
    again = resolve(NOBODY, tmp_path, "tiny")
    assert again["folder"] == first["folder"]
    assert "what was fetched earlier is used" in again["said"][0]
    assert "the hub cannot be reached" in resolve(NOBODY, tmp_path, "gpt2")["error"]


def test_what_another_program_has_fetched_is_not_fetched_again(tmp_path: Path) -> None:
    with fake_hub(MODELS) as hub:
        fetch = "from huggingface_hub import snapshot_download; snapshot_download('tiny')"
        environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path)}
        subprocess.run([sys.executable, "-c", fetch], check=True, env=environment, timeout=300)
        hub.asked.clear()
        found = resolve(hub, tmp_path, "tiny")
        assert found["said"] == []
        assert (Path(found["folder"]) / "model.safetensors").read_bytes() == WEIGHTS
        assert "model.safetensors" not in fetched(hub)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tinny", "no such model on the hub; look at the spelling"),
        ("nobody/tiny", "no such model on the hub; look at the spelling"),
        ("tiny@v9", "has no revision v9"),
        ("somebody/Old-1.5B", "accept their terms"),
    ],
)
def test_what_the_hub_does_not_give_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    with fake_hub(MODELS) as hub:
        hub.gated.add("somebody/Old-1.5B")
        assert words in resolve(hub, tmp_path, text)["error"]


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="Windows has no such limit")
    with fake_hub(MODELS) as hub:
        assert "the disk is full" in resolve(hub, tmp_path, "tiny", most=12_000_000)["error"]
        found = resolve(hub, tmp_path, "tiny")
        assert (Path(found["folder"]) / "model.safetensors").read_bytes() == WEIGHTS


def test_a_disk_without_room_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    with fake_hub(MODELS) as hub:
        hub.claimed["model.safetensors"] = 10**18
        error = resolve(hub, tmp_path, "tiny")["error"]
        assert "set HF_HOME to another disk" in error
        assert "model.safetensors" not in fetched(hub)
