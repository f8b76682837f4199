"""What a full disk looks like to whoever writes."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ["full_disk"]


@contextmanager
def full_disk(most: int) -> Iterator[None]:
    """No file can grow past ``most`` bytes: writing fails with an OSError."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
