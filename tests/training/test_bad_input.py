"""What training cannot use is told in one line, as the command prints it, and nothing is lost."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from builders import an_author
from cli.test_root import told
from cli.typing_in import typed
from tiny_hugging_face import make_folder
from tiny_model import make_tiny_checkpoint
from training.test_command import NOW, QUICK, a_project
from training.toy import toy_messages

from botconvo.granting import Terms, grant
from botconvo.store import STORE_NAME, Source, Store
from model_server.checkpoint.folder import load_checkpoint


def train(project: Path, base: object, *words: str) -> tuple[object, ...]:
    return ("train", "Bort", "--project", project, "--base", base, *QUICK, *words)


def a_bore(folder: Path) -> Path:
    """A project in which Bort says nothing but one word."""
    folder.mkdir()
    source = Source(path=folder / "gone.json", sha256="0", format="discord-json", origin="file")
    with Store.open(folder / STORE_NAME) as store:
        with store.add_export(source, NOW) as adding:
            for message in toy_messages():
                bort = message.author.name == "Bort"
                message = replace(message, text="Potato", reactions=()) if bort else message
                adding.saw(message)
                adding.take(message)
        for name in ("Bort", "Fishvilla"):
            grant(store, name, Terms(adult=True), NOW, author_ids=[an_author(name).id])
    return folder


def test_too_few_messages_say_how_many_there_are_and_are_needed(
    tmp_path: Path, tiny_base: Path
) -> None:
    line = told(*train(a_project(tmp_path / "p", sessions=10), tiny_base))
    assert "Bort has 36 lines to train on (4 more are held out) and needs 50; import" in line


def test_a_person_who_says_one_thing_is_nobody(tmp_path: Path, tiny_base: Path) -> None:
    line = told(*train(a_bore(tmp_path / "p"), tiny_base))
    assert "Bort's 56 lines to train on all say the same; import more of what Bort wrote" in line


def test_a_base_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    base = make_folder(tmp_path / "base", "smollm")
    (base / "tokenizer.json").unlink()
    assert f"{base}: has no tokenizer.json" in told(*train(a_project(tmp_path / "p"), base))


def test_a_clone_is_no_base(tmp_path: Path) -> None:
    clone = make_tiny_checkpoint(tmp_path / "clones", "Milly")
    line = told(*train(a_project(tmp_path / "p"), clone))
    assert f"base {clone}: is a clone of Milly" in line


def newer(manifest: dict[str, dict[str, object]]) -> None:
    manifest["prompt_format"]["version"] = 2


def stranger(manifest: dict[str, dict[str, object]]) -> None:
    manifest["prompt_format"]["kind"] = "verse"


@pytest.mark.parametrize("edit", [newer, stranger])
def test_a_checkpoint_of_another_prompt_format_is_not_served(
    tmp_path: Path, edit: Callable[[dict[str, dict[str, object]]], None]
) -> None:
    path = make_tiny_checkpoint(tmp_path, "Bort") / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    edit(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")
    assert f"{path}: prompt_format." in told("serve-model", path.parent, "--project", tmp_path)


def in_a_process(*words: object, limit: str = "", **variables: str) -> tuple[int, str]:
    """Its exit code and what it wrote to stderr; ``limit`` is a command of the shell."""
    command = [sys.executable, "-m", "botconvo", *map(str, words)]
    if limit:
        command = ["sh", "-c", f'{limit}; exec "$@"', "sh", *command]
    done = subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | variables,
    )
    return done.returncode, done.stderr


def test_a_hub_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    code, said = in_a_process(
        *train(a_project(tmp_path / "p"), "somebody/a-model"),
        HF_ENDPOINT="http://127.0.0.1:9",
        HF_HOME=str(tmp_path / "home"),
        NO_PROXY="127.0.0.1",
    )
    assert code == 2
    assert "base somebody/a-model: there is no such folder, and the hub cannot be" in said
    assert said.count("\n") == 1, said


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on a process' file sizes")
def test_a_full_disk_is_one_line_and_leaves_the_clone_as_it_was(
    tmp_path: Path, tiny_base: Path
) -> None:
    project = a_project(tmp_path / "p")
    assert typed(*train(project, tiny_base)).code == 0
    before = load_checkpoint(project / "checkpoints" / "bort").digest
    words = train(project, tiny_base, "--seed", "1", "--rank", "16")
    code, said = in_a_process(*words, limit="ulimit -f 80")  # of 512 or 1,024 bytes
    assert code == 2
    last = said.splitlines()[-1]
    assert last.startswith("botconvo: ")
    assert "cannot be written: " in last
    assert "free some space" in last
    assert "Traceback" not in said
    assert load_checkpoint(project / "checkpoints" / "bort").digest == before
    assert [path.name for path in (project / "checkpoints").iterdir()] == ["bort"]
