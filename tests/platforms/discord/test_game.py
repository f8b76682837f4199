"""``/game`` as people play it: rounds that they alone see, buttons, and a game that ends."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from clients_of_rehearsal import connected
from fakes import FakeControls, FakeDesk, FakeGame

from botconvo.errors import ConsentError
from botconvo.messages import AuthorId, ChannelId
from botconvo.personas import PersonaName
from botconvo.platforms.discord.commands import prepare_with
from botconvo.ports import Answer, Who
from botconvo.rehearsal import NO_LIMITS, Channel, Person, Refusal, Rehearsal
from botconvo.rehearsal.entities import Interaction

JUNO = PersonaName("Juno")
CONTEXT = [("Al", "*hi* @everyone"), *(("Bo", f"{i} " + "x" * 190) for i in range(12))]


@dataclass
class Server:
    rehearsal: Rehearsal
    general: Channel
    ann: Person
    mallory: Person
    game: FakeGame

    async def says(self, answer: Interaction, *words: str) -> str:
        """What stands there once it says this; whoever asked sees it alone."""
        await self.rehearsal.wait_for(lambda: all(word in answer.content for word in words))
        assert answer.ephemeral
        assert self.general.transcript() == []
        return str(answer.content)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        guild = rehearsal.add_guild("The Leaky Kettle", owner=rehearsal.add_person("Olga"))
        general = rehearsal.add_channel(guild, "general")
        ann, mallory = (rehearsal.add_person(name, guild) for name in ("Ann", "Mallory"))
        bot = rehearsal.add_bot("BotConvo", guild)
        controls = FakeControls(ChannelId(f"discord:{guild.id}/{general.id}"))
        controls.answers[Who] = Answer(text="Juno: ready", personas=(JUNO,))
        game = FakeGame("_soup_", CONTEXT)
        async with connected(rehearsal, bot) as client:
            await prepare_with(controls, FakeDesk(), game)(client)
            yield Server(rehearsal, general, ann, mallory, game)
        assert rehearsal.discrepancies == []


async def test_somebody_plays_round_after_round_with_buttons(server: Server) -> None:
    shown = await server.ann.runs(server.general, "/game", persona="juno")
    text = await server.says(shown, "Friend or clone?", "> \\_soup\\_", "no round yet")
    assert len(text) < 2000
    assert "**Bo:** 11 x" in text
    assert "hi" not in text  # the oldest lines go where all of it is too long
    shown = await server.ann.presses(shown, "Clone")
    text = await server.says(
        shown, "Right: that was Juno's clone.", "you told them apart in 1 of 1"
    )
    assert "Bo" not in text  # words of others are gone with the round
    shown = await server.ann.presses(shown, "Next line")
    await server.says(shown, "Friend or clone?", "1 of 1; guessing gives 0.5")
    shown = await server.ann.presses(shown, "Friend")
    await server.says(shown, "Wrong: that was Juno's clone.", "in 1 of 2")
    ((persona, player, platform), _) = server.game.played
    assert (persona, player.id, platform) == (JUNO, f"discord:{server.ann.id}", "discord")
    assert [(guess, by.id) for _, guess, by, _ in server.game.guesses] == [
        ("clone", AuthorId(f"discord:{server.ann.id}")),
        ("friend", AuthorId(f"discord:{server.ann.id}")),
    ]


async def test_a_game_that_is_over_leaves_one_line(server: Server) -> None:
    shown = await server.ann.runs(server.general, "/game", persona="Juno")
    await server.says(shown, "_soup")
    server.game.ending = ConsentError("the game is over: the consent was withdrawn")
    shown = await server.ann.presses(shown, "Friend")
    assert await server.says(shown, "the game is over") == str(server.game.ending)
    assert shown.original is not None
    assert shown.original.components == []
    shown = await server.ann.runs(server.general, "/game", persona="Juno")
    await server.says(shown, "the game is over")


async def test_only_clones_of_the_channel_are_played_with(server: Server) -> None:
    shown = await server.ann.runs(server.general, "/game", persona="Tilly")
    await server.says(shown, "there is no Tilly here; there is Juno")
    assert server.game.played == []


async def test_nobody_answers_for_another(server: Server) -> None:
    shown = await server.ann.runs(server.general, "/game", persona="Juno")
    await server.says(shown, "_soup")
    with pytest.raises(Refusal):
        await server.mallory.presses(shown, "Clone")
    assert server.game.guesses == []
