"""Projects whose friends agreed to a service on loopback, and what is typed in them."""

import shutil
from pathlib import Path

from cli.typing_in import Done, typed
from fake_service import KEY, FakeService

__all__ = ["BOTH", "HOST", "a_hosted_project", "refused", "train"]

HOST = "127.0.0.1"
BOTH = ("local", HOST)


def a_hosted_project(agreed: Path, folder: Path, service: FakeService, *, key: str = KEY) -> Path:
    """A copy of the project ``agreed``, with settings for the service."""
    project = shutil.copytree(agreed, folder)
    (project / "config.toml").write_text(
        f'# mine\n[hosted]\nendpoint = "{service.address}"\nbase = "tiny"\npoll_s = 0.01\n',
        encoding="utf-8",
    )
    (project / ".env").write_text(f"BOTCONVO_HOSTED_KEY={key}\n", encoding="utf-8")
    return project


def train(project: Path, *words: object) -> Done:
    """``botconvo train Bort --engine hosted``."""
    return typed("train", "Bort", "--engine", "hosted", "--project", project, *words)


def refused(done: Done) -> str:
    """The one line of an expected error, which never holds the key."""
    assert done.code == 2, done
    assert done.err.count("\n") == 1, done.err
    assert done.err.startswith("botconvo: ")
    assert KEY not in done.err + done.out
    return done.err
