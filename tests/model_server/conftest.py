"""A tiny checkpoint and a real server process that the tests of this folder share."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from served import START_S, Serve, Served, served, server_command, server_environment
from tiny_model import make_tiny_checkpoint


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers; each has ended when the test is over."""
    with ExitStack() as stack:

        def start(checkpoint: Path, *options: str, **environment: str) -> Served:
            return stack.enter_context(served(checkpoint, *options, **environment))

        yield start


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bort's adapter beside its base; only to be read."""
    return make_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def bort(checkpoint: Path) -> Iterator[Served]:
    """One server of the tiny checkpoint for all tests that leave it as it was."""
    with served(checkpoint, "--threads", "1") as server:
        yield server


@pytest.fixture
def refused() -> Callable[..., str]:
    """Runs a server that must refuse to start; gives its one line."""

    def run(checkpoint: Path, *options: str, **environment: str) -> str:
        done = subprocess.run(
            server_command(checkpoint, *options),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=START_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env=server_environment(**environment),
        )
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr.strip()

    return run
