"""Rounds of the blind game, over a real store: what is shown, to whom, and until when."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from blind_game.scene import BORT, MADE, PLAYER, REAL, Scene, a_scene
from fakes import FakeGenerator

from botconvo.consent import Terms
from botconvo.errors import BotConvoError, ConsentError, CorpusError, PlatformError
from botconvo.forgetting import Project, forget
from botconvo.granting import withdraw
from botconvo.messages import Author, AuthorId
from botconvo.personas import PersonaName
from botconvo.safety.wordlist import WordListFilter

STRANGER = Author(id=AuthorId("discord:99"), name="Stranger")


async def refused(scene: Scene, player: Author = PLAYER, platform: str = "web") -> BotConvoError:
    with pytest.raises(BotConvoError) as told:
        await scene.round(player, platform)
    assert "\n" not in str(told.value)
    assert scene.generator.history == []
    return told.value


def rows(scene: Scene) -> int:
    with scene.store() as store:
        return int(store._rows("SELECT count(*) FROM rounds")[0][0])


async def test_a_round_is_the_friends_line_or_the_clones_and_the_verdict_says_which(
    scene: Scene,
) -> None:
    played = [await scene.plays() for _ in range(6)]
    for shown, was_real in played:
        assert (shown.text in REAL, shown.text in MADE) == (was_real, not was_real)
        assert all(name in ("Al", "Cy", "Bort") for name, _ in shown.context)
    assert len({shown.text for shown, _ in played}) == 6
    score = (await scene.round()).score
    assert (score.right, score.rounds) == (sum(real for _, real in played), 6)


async def test_the_clone_is_asked_at_the_place_itself_whoever_is_shown(scene: Scene) -> None:
    for number in range(1, 4):
        shown, _ = await scene.plays()
        assert len(scene.generator.history) == number
        prompt = scene.generator.history[-1].prompt
        name, words = shown.context[-1]
        assert prompt.rstrip().endswith(f"{name}: {words}\nBort:")


async def test_nobody_leaves_out_a_hard_round(scene: Scene) -> None:
    first = await scene.round()
    assert await scene.round() == first
    other = await scene.round(STRANGER, "discord")
    assert other.id != first.id


async def test_no_round_comes_again_nor_a_line_that_stood_before_another(scene: Scene) -> None:
    seen: set[str] = set()

    async def all_of_them() -> None:
        for _ in range(len(REAL) + 1):
            shown, _ = await scene.plays()
            assert shown.text not in seen
            seen.update((shown.text, *(text for _, text in shown.context)))
            scene.game = scene.another_game()  # also after a restart

    with pytest.raises(CorpusError, match="you have seen all that Bort wrote"):
        await all_of_them()
    assert len(seen) > 4


async def test_whoever_did_not_agree_to_the_game_is_not_played_with(
    tmp_path: Path, checkpoint: Path
) -> None:
    scene = a_scene(tmp_path, checkpoint, agreed=())
    person = scene.agrees("Bort", Terms(adult=True))
    scene.member = replace(scene.member, person=person.id)
    scene.game = scene.another_game()
    told = str(await refused(scene))
    assert "Bort has not agreed" in told
    assert 'botconvo consent grant "Bort" --adult --game' in told
    assert "botconvo" not in str(await refused(scene, STRANGER, "discord"))
    scene.agrees("Bort")
    assert (await scene.round()).persona == BORT


async def test_lines_of_others_stand_there_only_if_they_agreed_to_the_game(
    tmp_path: Path, checkpoint: Path
) -> None:
    scene = a_scene(tmp_path, checkpoint, agreed=("Bort", "Al"))
    scene.agrees("Cy", Terms(adult=True))
    for _ in range(3):
        shown, _ = await scene.plays()
        assert {name for name, _ in shown.context} <= {"Al", "Bort"}
    assert not any("Cy:" in request.prompt for request in scene.generator.history)


async def test_a_withdrawal_in_the_middle_ends_the_game_with_one_line(scene: Scene) -> None:
    await scene.plays()
    shown = await scene.round()
    with scene.store() as store:
        withdraw(store, "Bort", scene.now)
    with pytest.raises(ConsentError, match=r"^the game is over: Bort: the consent .* was withd"):
        await scene.game.answer(shown.id, "friend", PLAYER, "web")
    with pytest.raises(ConsentError):
        await scene.round()
    assert rows(scene) == 0


async def test_so_does_the_end_of_a_consent(scene: Scene) -> None:
    scene.agrees("Bort", Terms(adult=True, game=True, expires_at=scene.now + timedelta(days=1)))
    shown = await scene.round()
    scene.now += timedelta(days=2)
    with pytest.raises(ConsentError, match="the game is over"):
        await scene.game.answer(shown.id, "clone", PLAYER, "web")


async def test_a_round_in_which_a_bystander_withdrew_is_over_and_the_next_is_without_them(
    scene: Scene,
) -> None:
    shown = await scene.round()
    assert "Cy" in {name for name, _ in shown.context}
    with scene.store() as store:
        withdraw(store, "Cy", scene.now)
    with pytest.raises(ConsentError, match="this round is over: somebody in it"):
        await scene.game.answer(shown.id, "friend", PLAYER, "web")
    shown, _ = await scene.plays()
    assert "Cy" not in {name for name, _ in shown.context}


async def test_the_audience_counts_where_others_are_and_not_on_the_owners_screen(
    scene: Scene,
) -> None:
    guest = replace(STRANGER, groups=frozenset({"discord:role/7"}))
    scene.agrees("Bort", Terms(adult=True, game=True, audience=("discord:role/7",)))
    scene.agrees("Cy", Terms(adult=True, game=True, audience=()))
    assert "who may talk to the clone" in str(await refused(scene, STRANGER, "discord"))
    shown = await scene.round(guest, "discord")
    assert "Cy" not in {name for name, _ in shown.context}
    assert "Cy" in {name for name, _ in (await scene.round(PLAYER, "web")).context}


async def test_the_platform_counts_too(scene: Scene) -> None:
    scene.agrees("Bort", Terms(adult=True, game=True, platforms=("web",)))
    assert "other platforms than 'discord'" in str(await refused(scene, STRANGER, "discord"))
    await scene.round()


async def test_nobody_plays_with_lines_of_their_own(scene: Scene) -> None:
    with scene.store() as store:
        (bort,) = (each for each in store.people() if each.name == "Bort")
    author = next(iter(bort.authors))
    assert "lines of your own" in str(await refused(scene, Author(id=author, name="Bort")))


async def test_a_clone_that_is_not_there_is_said(scene: Scene) -> None:
    with pytest.raises(PlatformError, match="Juno is not there"):
        await scene.game.round(PersonaName("Juno"), PLAYER, "web")


async def test_where_either_line_is_not_fit_neither_is_shown(scene: Scene) -> None:
    unfit = {text for text in REAL if text != REAL[-1]}
    scene.words = WordListFilter((), [text.split()[-1] for text in unfit])
    scene.generator = FakeGenerator(" quite another thing")
    scene.game = scene.another_game()
    shown = await scene.round()
    assert shown.text in (REAL[-1], "quite another thing")
    assert len(scene.generator.history) == 1  # asked only where the friend's line is fit


async def test_an_answer_counts_once_and_for_its_player_alone(scene: Scene) -> None:
    shown = await scene.round()
    with pytest.raises(PlatformError, match="this round is over"):
        await scene.game.answer(shown.id, "friend", STRANGER, "web")
    await scene.game.answer(shown.id, "friend", PLAYER, "web")
    with pytest.raises(PlatformError, match="this round is over"):
        await scene.game.answer(shown.id, "clone", PLAYER, "web")
    with scene.store() as store:
        assert store.score("Bort", scene.spec.digest).rounds == 1


async def test_a_forget_takes_the_rounds_and_what_was_shown(scene: Scene) -> None:
    await scene.plays()
    shown = await scene.round()
    forget(Project.at(scene.folder), "Bort", scene.now)
    scene.game.let_go()
    assert rows(scene) == 0
    with pytest.raises(PlatformError, match="this round is over"):
        await scene.game.answer(shown.id, "friend", PLAYER, "web")
