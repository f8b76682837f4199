"""Rounds of the blind game in the store, and how they are forgotten."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import NOON

from botconvo.consent import PersonId
from botconvo.game.rounds import Spot
from botconvo.messages import AuthorId
from botconvo.store import STORE_NAME, Somebody, Store
from botconvo.store.rows_of import ROWS

BORT, PIA, QUIN = (
    PersonId("p-aaaaaaaaaa"),
    AuthorId("discord:1"),
    AuthorId("web:general/person/quin"),
)
GAME = next(kind for kind in ROWS if kind.name == "game")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / STORE_NAME) as store:
        yield store


def play(store: Store, author: AuthorId, line: int, *, right: bool, checkpoint: str = "c") -> None:
    player, spot = store.player(author), Spot(session="s", line=line)
    assert store.begin_round(
        player, "Bort", spot, person=BORT, checkpoint=checkpoint, is_real=True, at=NOON
    )
    assert store.end_round(player, "Bort", spot, guessed_real=right, at=NOON)


def somebody(**about: object) -> Somebody:
    values: dict[str, object] = {"person": None, "names": frozenset(), "authors": frozenset()}
    return Somebody(**(values | about))  # type: ignore[arg-type]


def erased(store: Store, who: Somebody) -> int:
    count = store.count_rows(GAME, who)
    store.erase_rows(who, NOON)
    assert store.count_rows(GAME, who) == 0
    return count


def test_a_player_is_an_opaque_word_that_stays(store: Store) -> None:
    player = store.player(PIA)
    assert player == store.player(PIA) != store.player(QUIN)
    assert len(player) == 14


def test_scores_are_of_one_version_of_one_player_or_of_everybody(store: Store) -> None:
    play(store, PIA, 1, right=True)
    play(store, PIA, 2, right=False)
    play(store, QUIN, 1, right=True)
    play(store, QUIN, 3, right=True, checkpoint="newer")
    own = store.score("Bort", "c", store.player(PIA))
    assert (own.right, own.rounds, own.players) == (1, 2, 1)
    everybody = store.score("Bort", "c")
    assert (everybody.right, everybody.rounds, everybody.players) == (2, 3, 2)
    assert store.score("Al", "c").rounds == 0


def test_a_round_that_was_shown_is_never_shown_again_and_answered_once(store: Store) -> None:
    player, spot = store.player(PIA), Spot(session="s", line=1)
    about = {"person": BORT, "checkpoint": "c", "is_real": False, "at": NOON}
    assert store.begin_round(player, "Bort", spot, **about)  # type: ignore[arg-type]
    assert store.score("Bort", "c").rounds == 0
    assert store.shown_spots(player) == (spot,)
    assert not store.begin_round(player, "Bort", spot, **about)  # type: ignore[arg-type]
    assert store.end_round(player, "Bort", spot, guessed_real=False, at=NOON)
    assert not store.end_round(player, "Bort", spot, guessed_real=True, at=NOON)
    assert store.score("Bort", "c").right == 1


def test_a_player_is_forgotten_with_all_their_rounds(store: Store) -> None:
    play(store, PIA, 1, right=True)
    play(store, QUIN, 1, right=True)
    assert erased(store, somebody(authors=frozenset({PIA}))) == 1
    assert store.score("Bort", "c").rounds == 1
    assert erased(store, somebody(names=frozenset({"Quin"}))) == 1
    assert store.score("Bort", "c").rounds == 0


def test_a_friend_is_forgotten_with_all_rounds_about_their_clone(store: Store) -> None:
    play(store, PIA, 1, right=True)
    assert erased(store, somebody(person=BORT)) == 1
    play(store, PIA, 1, right=True)
    assert erased(store, somebody(clones=frozenset({"BORT"}))) == 1
    play(store, PIA, 1, right=True)
    assert store.drop_rounds(BORT) == 1
