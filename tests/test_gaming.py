"""``botconvo game`` with a real store and a real model server."""

from pathlib import Path

import pytest
from blind_game.scene import AGREED, BORDER, NOW, write_chat
from projects import QUICK, checkpoints_of, write_config

from botconvo.errors import ConfigError
from botconvo.gaming import Game, play_game
from botconvo.granting import Terms, grant
from botconvo.store import STORE_NAME, Store
from botconvo.taking import take_exports
from model_server.checkpoint.folder import load_checkpoint


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chat of three, of whom two agreed to the game, and the clone of one of them."""
    folder = tmp_path_factory.mktemp("project")
    write_config(folder, conversation=QUICK)
    checkpoints_of(["Bort"], folder)
    with Store.open(folder / STORE_NAME) as store:
        take_exports(store, [write_chat(folder)], NOW)
        for name, terms in (("Bort", AGREED), ("Al", AGREED), ("Cy", Terms(adult=True))):
            grant(store, name, terms, NOW)
    return folder


def test_rounds_are_played_and_kept(project: Path) -> None:
    said: list[str] = []
    game = Game(project=project, name="bort", player="Pia", rounds=2, since=BORDER)
    play_game(game, iter(("maybe\n", "f\n", "clone\n", "never asked\n")), said.append)
    first, again, verdict, second, last = said
    assert first.splitlines()[-1] == again
    assert first.splitlines()[-2].startswith("  > ")
    assert verdict.startswith(("Right: ", "Wrong: "))
    assert "Bort or, in half of the rounds, the clone:" in second
    assert "you told them apart in" in last.casefold()
    assert "of 2; guessing gives 1; between" in last
    assert "Al: al" in f"{first}{second}"
    assert "Cy:" not in f"{first}{second}"
    digest = load_checkpoint(project / "checkpoints" / "bort").digest
    with Store.open(project / STORE_NAME) as store:
        assert store.score("Bort", digest).rounds == 2


def test_an_empty_line_ends_it_and_nothing_is_counted(project: Path) -> None:
    said: list[str] = []
    game = Game(project=project, name="Bort", player="Quin", since=BORDER)
    play_game(game, iter(("\n",)), said.append)
    assert len(said) == 1


def test_a_clone_that_is_not_there_is_told_with_those_that_are(project: Path) -> None:
    game = Game(project=project, name="Juno", player="Pia")
    with pytest.raises(ConfigError, match="no clone of Juno here: there are Bort"):
        play_game(game, iter(()), print)
