"""What the README says is true: its commands run as they stand there."""

import json
import os
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from projects import checkpoints_of, persona_table, write_config

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
QUICK = (
    "[conversation]\npreset = 'group-chat'\ngap_s = [0, 0]\ndelay_s = [0, 0]\n"
    "typing_per_s = 0\nanswer_s = [0, 0]\n"
)


def commands(heading: str | None = None) -> list[str]:
    """The indented command lines, of one section or of the whole README."""
    text = README
    if heading is not None:
        text = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [row.strip() for row in re.findall(r"^ {4,}((?:pip|botconvo|python) .+)$", text, re.M)]


def write_export(path: Path) -> None:
    """An export in which Bort says enough to be cloned from, and somebody else answers."""
    start = datetime(2026, 3, 1, 18, tzinfo=UTC)
    messages = []
    for number in range(160):
        bort = number % 2 == 0
        messages.append(
            {
                "id": str(1000 + number),
                "type": "Default",
                "timestamp": (start + timedelta(minutes=number * 3)).isoformat(),
                "content": f"the pumpkin number {number} is {'ripe' if number % 3 else 'green'}",
                "author": {"id": "1" if bort else "2", "name": "Bort" if bort else "fishvilla"},
                "attachments": [],
            }
        )
    export = {
        "guild": {"id": "7", "name": "Pumpkins"},
        "channel": {"id": "8", "type": "GuildTextChat", "name": "general"},
        "messages": messages,
        "messageCount": len(messages),
    }
    path.write_text(json.dumps(export), encoding="utf-8")


def run(
    command: str, folder: Path, *more: str, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    assert words[0] == "botconvo"
    return subprocess.run(
        [sys.executable, "-m", *words, *more],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=240,
        input=typed,
        check=False,
    )


def test_its_two_commands_are_the_ones_that_are_checked() -> None:
    first, second = commands()[:2]
    assert first == "pip install -c constraints.txt . && botconvo demo"
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert second.removeprefix("pip install ") in ci.replace("pip install -q ", "")


def test_every_verb_is_described_and_every_described_verb_exists() -> None:
    help_text = run("botconvo --help", ROOT).stdout
    verbs = set(re.findall(r"^  ([a-z-]+)  ", help_text.split("Commands:")[1], re.M))
    named = set(re.findall(r"(?<!/)botconvo ([a-z-]+)", README)) - {"demo"}
    assert named | {"demo"} == verbs


def test_every_option_in_the_table_of_run_exists() -> None:
    help_text = run("botconvo run --help", ROOT).stdout
    table = README.split("\n## Run\n", 1)[1].split("\n## ", 1)[0]
    options = re.findall(r"^\| `(--[a-z-]+)", table, re.M)
    assert len(options) >= 6
    assert [option for option in options if option not in help_text] == []


def test_every_path_that_it_names_exists() -> None:
    for path in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"`((?:src|scripts|docs)/[\w/.-]+)`", README):
        assert (ROOT / path).exists(), path


def test_its_ways_to_play_work(tmp_path: Path) -> None:
    """Word for word, with invented friends whose checkpoints are made in no time."""
    checkpoints_of(("Bort", "Juno"), tmp_path)
    write_config(tmp_path, persona_table("Bort"), persona_table("Juno"), conversation="")
    steps = commands("Play")
    assert [step.split()[1] for step in steps] == ["chat", "chat", "generate", "generate"]
    first, suggesting, lines, conversation = (
        run(step, tmp_path, "--seed", "1", "--max-tokens", "8", typed="hello\n/again\n1\n\n")
        for step in steps
    )
    for done in (first, suggesting, lines, conversation):
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "You play You. Bort is a clone." in first.stdout
    assert "You play Juno. Bort is a clone." in suggesting.stdout
    assert len(lines.stdout.splitlines()) == 5
    assert all(line.startswith("the goblin") for line in lines.stdout.splitlines())
    assert len(conversation.stdout.splitlines()) == 30


def test_its_way_from_an_export_to_a_talk_works(tmp_path: Path) -> None:
    """Word for word, with an export small enough to train on in seconds."""
    if find_spec("peft") is None:
        assert not os.environ.get("CI"), "the training extra is missing"
        pytest.skip("the training extra is not installed")
    write_export(tmp_path / "general.json")
    steps = [
        row
        for row in commands("Clone a friend")
        if row.startswith("botconvo") and " rollback " not in row  # there is no older clone yet
    ]
    assert [step.split()[1] for step in steps] == [
        "init",
        "import",
        "people",
        "consent",
        "train",
        "run",
    ]
    for step in steps[:-1]:
        # The README's words, and the fewest steps that are still a training run.
        done = run(step, tmp_path, *(["--epochs", "1"] if " train " in step else []))
        assert done.returncode == 0, (step, done.stdout, done.stderr)
    config = tmp_path / "config.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace('[conversation]\npreset = "group-chat"', QUICK), "utf-8")
    done = run(steps[-1], tmp_path, "--platform", "console", "--json", "--max-messages", "1")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["persona"] == "Bort"
    would, does = (run(step, tmp_path) for step in commands("Forget a friend"))
    assert (would.returncode, does.returncode) == (0, 0), (would.stderr, does.stderr)
    assert "Nothing was changed." in would.stdout
    assert "it names nobody" in does.stdout
    assert not (tmp_path / "checkpoints" / "bort").exists()
