"""Fixtures of the tests of hosted models."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_service import KEY, FakeService, fake_service
from hosted.hosting import BOTH, a_hosted_project
from packing.packs import a_project


@pytest.fixture
def service() -> Iterator[FakeService]:
    """A service on loopback."""
    with fake_service() as service:
        yield service


@pytest.fixture(scope="session")
def agreed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which all agreed to the service; only to be copied."""
    return a_project(tmp_path_factory.mktemp("agreed") / "p", bort=BOTH, fishvilla=BOTH)


@pytest.fixture
def project(agreed: Path, tmp_path: Path, service: FakeService) -> Path:
    """A project for a test of its own."""
    return a_hosted_project(agreed, tmp_path / "p", service, key=KEY)
