"""What a cache of converted checkpoints holds."""

from pathlib import Path

from model_server.checkpoint.placing import LOCK_NAME

__all__ = ["inside"]


def inside(cache: Path) -> list[str]:
    """The names of all checkpoints, finished or not; nothing else that is kept there."""
    kept = ("digests", LOCK_NAME)
    return sorted(path.name for path in cache.iterdir() if path.name not in kept)
