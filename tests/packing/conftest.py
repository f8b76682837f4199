"""Fixtures of the tests of packing."""

from pathlib import Path

import pytest
from tiny_model import make_tiny_base


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random base, two layers of 32; only to be read."""
    return make_tiny_base(tmp_path_factory.mktemp("base") / "tiny")
