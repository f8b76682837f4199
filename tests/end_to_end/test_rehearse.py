"""``botconvo rehearse``: a whole talk on a Discord that is not Discord, without a token."""

import json
import os
import subprocess
import sys
from pathlib import Path

from projects import make_project

LONG_S = 120.0


def rehearse(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run it in a folder, with nothing of Discord's in the environment."""
    clean = {name: v for name, v in os.environ.items() if not name.startswith("BOTCONVO_")}
    port = {"BOTCONVO_PLATFORMS__WEB__PORT": "0"}
    return subprocess.run(
        [sys.executable, "-m", "botconvo", "rehearse", *words],
        cwd=folder,
        env=clean | port | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LONG_S,
        check=False,
    )


def test_a_project_is_rehearsed_and_nothing_is_kept(tmp_path: Path) -> None:
    project = make_project(tmp_path, "Juno", "Marek").parent
    before = sorted(path.name for path in project.rglob("*"))
    done = rehearse(project, "--speed", "50", "--max-messages", "4", "--json")
    assert done.returncode == 0, done.stderr
    said = [json.loads(row) for row in done.stdout.splitlines()]
    assert len(said) == 4
    assert {row["persona"] for row in said} <= {"Juno", "Marek"}
    assert all(row["message_id"].startswith("discord:") for row in said)
    assert "0 of those pinged somebody" in done.stderr
    assert sorted(path.name for path in project.rglob("*")) == before


def test_a_rehearsal_goes_on_in_spite_of_trouble(tmp_path: Path) -> None:
    project = make_project(tmp_path, "Juno", "Marek").parent
    done = rehearse(project, "--speed", "50", "--max-messages", "12", "--trouble", "--seed", "4")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "trouble: " in done.stderr
