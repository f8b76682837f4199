"""Which clones are meant where no config.toml names any."""

import shutil
from pathlib import Path

import pytest

from botconvo.chosen import with_personas
from botconvo.config import load_settings
from botconvo.errors import ConfigError

MADE = Path(__file__).parents[1] / "src" / "botconvo" / "demo" / "checkpoints" / "juno"


def test_older_versions_of_a_clone_are_no_clones_beside_it(tmp_path: Path) -> None:
    for name in ("juno", "juno.previous", "juno.previous-2", "juno.partial"):
        folder = tmp_path / "checkpoints" / name
        folder.mkdir(parents=True)
        shutil.copy(MADE / "manifest.json", folder)
    settings = load_settings(tmp_path / "config.toml", required=False)
    for names in ((), ("juno",)):
        (persona,) = with_personas(settings, tmp_path, names).personas
        assert persona.checkpoint == tmp_path / "checkpoints" / "juno"
    with pytest.raises(ConfigError, match="no clone of Bort here: there are Juno"):
        with_personas(settings, tmp_path, ("Bort",))
