from pathlib import Path

import pytest
from blind_game.scene import Scene, a_scene
from tiny_model import make_tiny_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_checkpoint(tmp_path_factory.mktemp("clones"), "Bort")


@pytest.fixture
def scene(tmp_path: Path, checkpoint: Path) -> Scene:
    """All three agreed to everything."""
    return a_scene(tmp_path, checkpoint)
