"""What all tests need."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from botconvo.store import STORE_NAME, Store


def pytest_configure() -> None:
    """Let Ctrl-C be heard by the processes that tests start.

    Whatever a shell starts in the background ignores it, and hands that on to its children.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in the test's folder."""
    with Store.open(tmp_path / STORE_NAME) as store:
        yield store
