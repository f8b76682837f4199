"""One more persona in config.toml: everything else stays as the owner wrote it."""

import os
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.errors import ConfigError
from botconvo.training.persona_table import add_persona, persona_table

CONFIG = """# my friends
preset = "classic"   # the old way

[[personas]]
name = "Fishvilla" # she asked for it
checkpoint = "checkpoints/fishvilla"

[people] # odd, but mine
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_bytes(CONFIG.encode())
    return path


def test_a_persona_is_appended_and_every_comment_stays(config: Path) -> None:
    assert add_persona(config, "Bort", "checkpoints/bort")
    text = config.read_text(encoding="utf-8")
    assert text.startswith(CONFIG)
    assert tomllib.loads(text)["personas"] == [
        {"name": "Fishvilla", "checkpoint": "checkpoints/fishvilla"},
        {"name": "Bort", "checkpoint": "checkpoints/bort"},
    ]


def test_a_persona_that_is_there_is_not_added_again(config: Path) -> None:
    add_persona(config, "Bort", "checkpoints/bort")
    before = config.read_bytes()
    assert not add_persona(config, "Bort", "somewhere/else")
    assert not add_persona(config, "FISHVILLA", "checkpoints/fishvilla")
    assert config.read_bytes() == before


def test_line_breaks_of_windows_stay(config: Path) -> None:
    config.write_bytes(CONFIG.replace("\n", "\r\n").encode())
    add_persona(config, "Bort", "checkpoints/bort")
    assert config.read_bytes().count(b"\n") == config.read_bytes().count(b"\r\n")


def test_a_last_line_without_a_break_is_not_glued_to_the_table(config: Path) -> None:
    config.write_bytes(b'preset = "classic"')
    add_persona(config, "Bort", "b")
    assert tomllib.loads(config.read_text(encoding="utf-8"))["preset"] == "classic"


@pytest.mark.parametrize("text", [b"personas = []\n", b"[personas]\n", b"torn = [\n", b"\xff\xfe"])
def test_a_file_that_cannot_take_the_table_stays_as_it_is(config: Path, text: bytes) -> None:
    config.write_bytes(text)
    with pytest.raises(ConfigError) as caught:
        add_persona(config, "Bort", "b")
    assert str(config) in str(caught.value)
    assert config.read_bytes() == text
    assert [path.name for path in config.parent.iterdir()] == ["config.toml"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_permissions_stay(config: Path) -> None:
    config.chmod(0o600)
    add_persona(config, "Bort", "b")
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_name_and_path_come_back(name: str, checkpoint: str) -> None:
    (table,) = tomllib.loads(persona_table(name, checkpoint))["personas"]
    assert table == {"name": name, "checkpoint": checkpoint}
