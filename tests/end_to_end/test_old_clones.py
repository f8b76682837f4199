"""Clones of earlier systems, from their files to a talk: real commands, real processes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from caches import inside
from projects import QUICK, persona_table, write_config
from tiny_gguf import write_friends, write_plain_gpt2
from tiny_gpt2_simple import TENSORFLOW_IS_THERE, make_run

LONG_S = 120.0


def botconvo(folder: Path, *words: object) -> "subprocess.CompletedProcess[str]":
    """A process of its own, as typed in ``folder``."""
    return subprocess.run(
        [sys.executable, "-m", "botconvo", *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if not k.startswith("BOTCONVO_")},
        timeout=LONG_S,
        check=False,
    )


def talk(folder: Path, *words: object) -> list[dict[str, Any]]:
    """What is said in a run on the console."""
    done = botconvo(folder, "run", "--platform", "console", "--json", *words)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return [json.loads(row) for row in done.stdout.splitlines()]


def test_two_commands_bring_an_old_clone_into_a_talk(tmp_path: Path) -> None:
    write_plain_gpt2(tmp_path / "bort.gguf")
    write_friends(tmp_path / "friends.gguf", ["juno", "bort#1234"])
    write_config(
        tmp_path,
        persona_table("Bort", checkpoint="bort.gguf"),
        persona_table("Juno", checkpoint="friends.gguf"),
        conversation=QUICK.replace("context_lines = 4", "context_lines = 0"),
    )
    refused = botconvo(tmp_path, "run", "--platform", "console")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "botconvo consent grant Bort --adult --checkpoint" in refused.stderr
    for name, file in (("Bort", "bort.gguf"), ("Juno", "friends.gguf")):
        words = ("consent", "grant", name, "--adult", "--checkpoint", file)
        assert botconvo(tmp_path, *words).returncode == 0
    said = talk(tmp_path, "--preset", "classic", "--seed", 5, "--max-messages", 6)
    assert {message["persona"] for message in said} == {"Bort", "Juno"}
    for message in said:
        start = "" if message["persona"] == "Bort" else "<juno>"
        opening = f" {message['phrase']}" if start and message["phrase"] else message["phrase"]
        assert message["prompt"] == start + (opening or "")
        assert message["text"].startswith(message["phrase"] or "")
    assert len(inside(tmp_path / "converted")) == 2


@pytest.mark.skipif(
    not TENSORFLOW_IS_THERE and not os.environ.get("CI"), reason="TensorFlow is not installed"
)
def test_a_run_of_gpt2_simple_talks_as_it_did(tmp_path: Path) -> None:
    make_run(tmp_path / "checkpoint" / "run1")
    write_config(
        tmp_path,
        *(persona_table(name, checkpoint="checkpoint/run1") for name in ("Bo", "Ju")),
        conversation=f"{QUICK}temperature = [2.0, 2.0]\n",  # else random weights repeat themselves
    )
    words = ("consent", "grant", "Bort", "--adult", "--checkpoint")
    above = botconvo(tmp_path, *words, "checkpoint")
    assert (above.returncode, above.stderr.count("\n")) == (2, 1)
    assert "checkpoint/run1" in above.stderr.replace("\\", "/")
    assert botconvo(tmp_path, *words, "checkpoint/run1").returncode == 0
    said = talk(tmp_path, "--preset", "classic", "--seed", 5, "--max-messages", 4)
    for message in said:
        assert message["prompt"] == f"<|startoftext|>{message['phrase'] or ''}"
        assert message["text"].startswith(message["phrase"] or "")
        assert "startoftext" not in message["text"]
    assert len(inside(tmp_path / "converted")) == 1, "one file, whoever it speaks for"
