"""Everything that a run needs is looked at, and every trouble has advice."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import checkpoints_of, persona_table, write_config

from botconvo.doctor import Finding, examine

Table = Callable[[str], str]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BOTCONVO_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with checkpoints of Bort and Juno; only to be read."""
    folder = tmp_path_factory.mktemp("made")
    checkpoints_of(("Bort", "Juno"), folder)
    return folder / "checkpoints"


def wrong(config: Path) -> list[str]:
    """What is wrong in the project; what this machine lacks is its own affair."""
    here = str(config.parent)
    found = [f for f in examine(config) if f.state == "wrong"]
    return [f"{f.what} -> {f.advice}".replace(here, "HERE") for f in found]


def whats(config: Path, state: str) -> list[str]:
    return [finding.what for finding in examine(config) if finding.state == state]


def test_a_project_that_is_well_has_nothing_wrong(made: Path, tmp_path: Path) -> None:
    tables = [
        persona_table(name, checkpoint=(made / name.lower()).as_posix())
        for name in ("Bort", "Juno")
    ]
    config = write_config(tmp_path, *tables)
    assert wrong(config) == []
    ok = whats(config, "ok")
    assert f"{config}: 2 personas, preset group-chat" in ok
    assert [what for what in ok if what.startswith(("persona Bort", "persona Juno"))]
    assert [what for what in ok if "bundled" in what]


def test_looking_leaves_nothing_behind(made: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, persona_table("Bort", checkpoint=(made / "bort").as_posix()))
    list(examine(config))
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_without_a_config_there_is_advice(tmp_path: Path) -> None:
    notes = [finding for finding in examine(tmp_path / "config.toml") if finding.state == "note"]
    assert notes[-1] == Finding(
        state="note",
        what=f"there is no {tmp_path / 'config.toml'}",
        advice="'botconvo init' writes one; 'botconvo demo' needs none",
    )


def test_a_config_in_a_folder_that_is_not_there_is_looked_for_all_the_same(tmp_path: Path) -> None:
    assert wrong(tmp_path / "no" / "such" / "config.toml") == []


def test_a_broken_config_is_told_as_a_run_would_tell_it(tmp_path: Path) -> None:
    (told,) = wrong(write_config(tmp_path, "[[personas]]"))
    assert "HERE/config.toml: personas[0].name: Field required" in told.replace(os.sep, "/")


def test_every_persona_is_looked_at_for_itself(made: Path, tmp_path: Path) -> None:
    config = write_config(
        tmp_path,
        persona_table("Bort", checkpoint="nowhere"),
        persona_table("Juno", checkpoint=(made / "juno").as_posix()),
        persona_table("Marek", checkpoint=(made / "base").as_posix()),
    )
    bort, marek = wrong(config)
    assert "persona Bort: " in bort
    assert "there is no such folder" in bort
    assert "is a base, not a clone" in marek


def test_a_project_without_personas_says_how_to_make_one(tmp_path: Path) -> None:
    assert "no personas yet" in whats(write_config(tmp_path), "note")


def test_a_pipeline_that_is_not_installed_is_told(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    config.write_text(
        'spacy_pipeline = "xx_nobody_has_this"\n' + config.read_text("utf-8"), "utf-8"
    )
    (told,) = wrong(config)
    assert "python -m spacy download xx_nobody_has_this" in told


def test_ports_that_are_in_use_are_named_by_their_setting(made: Path, tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as page,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        ports = page.getsockname()[1], server.getsockname()[1]
        where = (made / "bort").as_posix()
        config = write_config(
            tmp_path,
            f"[platforms.web]\nport = {ports[0]}",
            persona_table("Bort", f"port = {ports[1]}", checkpoint=where),
        )
        bort, web = wrong(config)
    assert f"personas: Bort: port: {ports[1]} cannot be used" in bort
    assert f"platforms.web.port: {ports[0]} cannot be used" in web
    assert "choose another port" in web
    assert wrong(config) == [], "now they are free"


def test_a_store_that_is_something_else_is_told(made: Path, tmp_path: Path) -> None:
    (tmp_path / "botconvo.sqlite3").write_text("notes of mine " * 100, encoding="utf-8")
    (told,) = wrong(write_config(tmp_path))
    assert "is not a store of BotConvo" in told
