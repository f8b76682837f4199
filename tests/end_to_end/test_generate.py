"""``botconvo generate`` as people use it: a real model server, real consent, real signals."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli.typing_in import Done, typed
from processes import children_of, is_alive, needs_proc, until
from projects import checkpoints_of, persona_table, write_config

from botconvo.store import STORE_NAME
from botconvo.transcript.grammar import parse_line

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files or signals")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bort and Juno, both invented; only to be read."""
    folder = tmp_path_factory.mktemp("project")
    checkpoints_of(("Bort", "Juno"), folder)
    write_config(folder, persona_table("Bort"), persona_table("Juno"), conversation="")
    return folder


def generate(project: Path, *words: object) -> Done:
    return typed("generate", *words, "--config", project / "config.toml")


def rows(done: Done) -> list[dict[str, Any]]:
    assert done.code == 0, done.err
    return [json.loads(row) for row in done.out.splitlines()]


def test_it_prints_lines_and_nothing_else_and_leaves_nothing(project: Path) -> None:
    before = sorted(project.iterdir())
    done = generate(project, "Bort", "-n", 3, "--seed", 1)
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) == 3
    assert not (project / STORE_NAME).exists()
    assert sorted(project.iterdir()) == before
    if Path("/proc").exists():
        running = children_of(os.getpid()).values()
        assert not any("model_server" in line and str(project) in line for line in running)


def test_the_same_seed_gives_the_same_and_without_one_it_is_told(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, again = (generate(project, "Bort", "--seed", 4) for _ in range(2))
    assert first == again
    assert len(first.out.splitlines()) == 2
    assert caplog.text == ""
    with caplog.at_level("INFO"):
        free = generate(project, "Bort", "-n", 1)
    told = re.search(r"seed (\d+) \(give it to --seed", caplog.text)
    assert told
    assert generate(project, "Bort", "-n", 1, "--seed", told[1]).out == free.out


def test_every_line_begins_with_the_prompt_and_follows_the_context(project: Path) -> None:
    found = rows(
        generate(
            project,
            *("Bort", "-n", 3, "--seed", 1, "--json", "--prompt", "  my   dog "),
            *("--context", "Juno: who is in?", "--context", "Bort: me"),
        )
    )
    assert len(found) == 3
    for row in found:
        assert list(row) == ["persona", "command", "text", "prompt", "logprob", "cut"]
        assert row["persona"] == "Bort"
        assert row["text"].startswith("my dog")
        assert row["prompt"] == "Juno: INIT;\nJuno: who is in?\nBort: me\nBort: my dog"


def test_a_checkpoint_needs_no_config(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "checkpoints")
    done = typed("generate", "juno", "-n", 1, "--seed", 1)
    assert (done.code, len(done.out.splitlines())) == (0, 1), done.err


def test_bad_words_of_the_config_and_of_the_command_line_are_not_printed(
    project: Path, tmp_path: Path
) -> None:
    many = generate(project, "Bort", "-n", 30, "--seed", 1, "--max-tokens", 6)
    said = {word for line in many.out.splitlines() for word in re.findall(r"\w+", line)}
    (tmp_path / "checkpoints").symlink_to(project / "checkpoints")
    first, *others = sorted(said)
    config = write_config(
        tmp_path, persona_table("Bort"), conversation=f"bad_words = [{first!r}]\n"
    )
    done = typed(
        *("generate", "Bort", "--config", config, "-n", 30, "--seed", 1, "--max-tokens", 6),
        *("--bad-words", ",".join(others[:5]), "--bad-words", " ,".join(others[5:])),
    )
    left = {word for line in done.out.splitlines() for word in re.findall(r"\w+", line)}
    assert said
    assert {word.casefold() for word in said}.isdisjoint(word.casefold() for word in left)


# Conversations


def test_a_conversation_is_a_transcript_of_those_who_may_speak(project: Path) -> None:
    done = generate(project, "Bort", "--lines", 8, "--seed", 1, "--prompt", "so")
    assert done.code == 0, done.err
    lines = [parse_line(row) for row in done.out.splitlines()]
    assert len(lines) == 8
    names = [line.name for line in lines if line is not None]
    assert set(names) == {"Bort", "Juno"}
    assert len(names) == 8
    assert done.out.startswith("Bort: so")


def test_several_conversations_differ_and_are_told_apart(project: Path) -> None:
    words = ("Bort", "--lines", 3, "-n", 2, "--seed", 2)
    first, second = generate(project, *words).out.strip().split("\n\n")
    assert first != second
    found = rows(generate(project, *words, "--json"))
    assert [row["conversation"] for row in found] == [1, 1, 1, 2, 2, 2]
    assert list(found[0]) == ["conversation", "name", "command", "text"]


# What a person has to mend


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["Nobody"], "'Nobody' is neither a persona of config.toml (there are Bort, Juno)"),
        ([], "say whom, by name or as the path of a checkpoint: one of Bort, Juno"),
        (["Bort", "-n", "0"], "-n"),
        (["Bort", "--lines", "0"], "--lines"),
        (["Bort", "--temperature", "9"], "--temperature"),
        (["Bort", "--context", "hm"], "--context 'hm': it takes a line such as"),
        (["Bort", "--context", "Juno: INIT;"], "it takes a line such as"),
        (["Bort", "--preset", "polite"], "preset 'polite' does not exist"),
        (["Bort", "--max-tokens", "256"], "max_tokens: 256 leaves no room for a prompt"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(project: Path, words: list[str], line: str) -> None:
    done = generate(project, *words, "--seed", 1)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1, done.err
    assert line in done.err


def test_nothing_fit_to_be_printed_is_an_error(project: Path) -> None:
    every_word = ",".join("".join(map(chr, range(33, 127))).replace(",", ""))
    done = generate(project, "Bort", "--seed", 1, "--max-tokens", 1, "--bad-words", every_word)
    assert (done.code, done.out) == (2, "")
    assert "Bort: nothing fit to be printed came" in done.err


def test_a_clone_of_somebody_who_never_agreed_says_nothing(project: Path, tmp_path: Path) -> None:
    checkpoints_of(["Bort"], tmp_path)
    manifest = tmp_path / "checkpoints" / "bort" / "manifest.json"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('"fictional": true', '"fictional": false'), encoding="utf-8")
    done = typed("generate", manifest.parent)
    assert (done.code, done.out) == (2, "")
    assert "Bort: the consent for this clone is not in " in done.err
    assert STORE_NAME in done.err


# How it ends


@POSIX
@needs_proc
def test_ctrl_c_ends_it_in_order_and_leaves_no_process(project: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "botconvo", "generate", "Bort", "--lines", "1000"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        servers = children_of(process.pid)
        assert len(servers) == 1
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.stderr.read().splitlines()[-1] == "botconvo: interrupted"
        assert process.wait(60) == 130
    assert until(lambda: not any(map(is_alive, servers)))


@POSIX
def test_a_reader_that_has_seen_enough_is_no_error(project: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "botconvo", "generate", "Bort", "--lines", "1000"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
        assert process.wait(60) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_stdout_is_told(project: Path) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "botconvo", "generate", "Bort", "--seed", "1"],
            cwd=project,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "standard output cannot be written to: No space left" in done.stderr
