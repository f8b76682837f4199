"""``botconvo game`` with a bundled clone of a sample friend: a real store and a real server."""

import shutil
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from botconvo.cli.consent import command as consent
from botconvo.cli.import_ import command as import_
from botconvo.errors import ConfigError
from botconvo.gaming import Game, play_game
from botconvo.store import STORE_NAME, Store
from model_server.checkpoint.folder import load_checkpoint

DEMO = Path(str(files("botconvo") / "demo"))
SINCE = datetime(2026, 6, 26, tzinfo=UTC)
"""The first day that none of the bundled clones was trained on."""
QUICK = "[conversation]\nsamples = 2\nmax_tokens = [40, 40]\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample server, of which two friends agreed, and the clone of one of them."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "config.toml").write_text(QUICK, encoding="utf-8")
    words = ["--project", str(folder)]
    import_.main([str(DEMO / "sample-server.json"), *words], standalone_mode=False)
    for name in ("Tilly", "Marek"):
        consent.main(["grant", name, "--fictional", *words], standalone_mode=False)
    shutil.copytree(DEMO / "checkpoints" / "tilly", folder / "checkpoints" / "tilly")
    return folder


def test_rounds_are_played_and_kept(project: Path) -> None:
    said: list[str] = []
    game = Game(project=project, name="tilly", player="Pia", rounds=2, since=SINCE)
    play_game(game, iter(("maybe\n", "f\n", "clone\n", "never asked\n")), said.append)
    first, again, verdict, second, last = said
    assert first.splitlines()[-1] == again
    assert first.splitlines()[-2].startswith("  > ")
    assert verdict.startswith(("Right: ", "Wrong: "))
    assert "Tilly or, in half of the rounds, the clone:" in second
    assert "you told them apart" in last.casefold()
    assert "of 2; guessing gives 1; between" in last
    assert not {"Juno", "Dex"} & {row.partition(":")[0] for row in f"{first}\n{second}".split("\n")}
    digest = load_checkpoint(project / "checkpoints" / "tilly", base=DEMO / "base").digest
    with Store.open(project / STORE_NAME) as store:
        assert store.score("Tilly", digest).rounds == 2


def test_a_clone_that_is_not_there_is_told_with_those_that_are(project: Path) -> None:
    game = Game(project=project, name="Juno", player="Pia")
    with pytest.raises(ConfigError, match="no clone of Juno here: there are Tilly"):
        play_game(game, iter(()), print)
