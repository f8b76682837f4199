"""``/game``: the blind game, seen by whoever plays alone, with a button for each answer."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import discord
from discord import app_commands
from discord.app_commands import Choice

from botconvo.errors import BotConvoError, PlatformError
from botconvo.game.rounds import Guess, Round, verdict_words
from botconvo.game.score import of_player
from botconvo.messages import Author
from botconvo.personas import PersonaName
from botconvo.platforms.discord.reading import person
from botconvo.ports import Answer, Game, Query, Who

__all__ = ["Asking", "game_command"]

Interaction = discord.Interaction[discord.Client]

_WAITS_S = 14 * 60
"""Discord takes answers for fifteen minutes."""
_SHOWN = 1950
_NO_PINGS = discord.AllowedMentions.none()


class Asking(Protocol):
    """What the game needs of the other commands."""

    async def ask(self, interaction: Interaction, query: Query) -> Answer: ...
    async def personas(self, interaction: Interaction, typed: str) -> list[Choice[str]]: ...


def game_command(
    game: Game, commands: Asking
) -> app_commands.Command[app_commands.Group, ..., None]:
    """``/game``, for whoever may talk to a clone of this channel."""

    async def personas(interaction: Interaction, typed: str) -> list[Choice[str]]:
        return await commands.personas(interaction, typed)

    @app_commands.command(name="game", description="Friend or clone? Guess who wrote a line")
    @app_commands.describe(persona="Whose line")
    @app_commands.autocomplete(persona=personas)
    async def play(interaction: Interaction, persona: str) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        try:
            name = await _here(commands, interaction, persona)
        except BotConvoError as error:
            await _show(interaction, str(error))
            return
        await _deal(game, name, interaction)

    return play


async def _here(commands: Asking, interaction: Interaction, typed: str) -> PersonaName:
    """The clone that is meant.

    Raises:
        PlatformError: it does not talk in this channel.
    """
    names = (await commands.ask(interaction, Who())).personas
    for name in names:
        if name.casefold() == typed.strip().casefold():
            return name
    raise PlatformError(f"there is no {typed} here; there is {', '.join(names) or 'nobody'}")


async def _deal(game: Game, persona: PersonaName, interaction: Interaction) -> None:
    """Show another round in the place of what was shown."""
    try:
        shown = await game.round(persona, _player(interaction), "discord")
    except BotConvoError as error:
        await _show(interaction, str(error))
        return
    await _show(interaction, _round_text(shown), _Answering(game, shown, interaction), plain=False)


class _Buttons(discord.ui.View):
    """Something to press for one account alone."""

    def __init__(self, interaction: Interaction) -> None:
        super().__init__(timeout=_WAITS_S)
        self._owner = interaction.user.id

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """Nobody answers for another account."""
        return interaction.user.id == self._owner


class _Answering(_Buttons):
    """Friend or clone."""

    def __init__(self, game: Game, shown: Round, interaction: Interaction) -> None:
        super().__init__(interaction)
        self._game, self._round = game, shown

    @discord.ui.button(label="Friend", style=discord.ButtonStyle.primary)
    async def friend(self, interaction: Interaction, _: discord.ui.Button["_Answering"]) -> None:
        await self._guess(interaction, "friend")

    @discord.ui.button(label="Clone", style=discord.ButtonStyle.primary)
    async def clone(self, interaction: Interaction, _: discord.ui.Button["_Answering"]) -> None:
        await self._guess(interaction, "clone")

    async def _guess(self, interaction: Interaction, guess: Guess) -> None:
        self.stop()
        await interaction.response.defer()
        shown = self._round
        try:
            verdict = await self._game.answer(shown.id, guess, _player(interaction), "discord")
        except BotConvoError as error:
            await _show(interaction, str(error))
            return
        score = of_player(verdict.score)
        text = f"> {_escaped(shown.text)}\n{_escaped(verdict_words(verdict))}\n-# {score}"

        async def again(pressed: Interaction) -> None:
            await _deal(self._game, shown.persona, pressed)

        await _show(interaction, text, _Again(interaction, again), plain=False)


class _Again(_Buttons):
    """Another round, or enough."""

    def __init__(
        self, interaction: Interaction, again: Callable[[Interaction], Awaitable[None]]
    ) -> None:
        super().__init__(interaction)
        self._again = again

    @discord.ui.button(label="Next line", style=discord.ButtonStyle.primary)
    async def next(self, interaction: Interaction, _: discord.ui.Button["_Again"]) -> None:
        self.stop()
        await interaction.response.defer()
        await self._again(interaction)


async def _show(
    interaction: Interaction,
    text: str,
    view: discord.ui.View | None = None,
    *,
    plain: bool = True,
) -> None:
    """In the place of what was shown: what nobody may see any longer is gone with it."""
    content = _escaped(text) if plain else text
    await interaction.edit_original_response(
        content=content[:_SHOWN], view=view, allowed_mentions=_NO_PINGS
    )


def _round_text(shown: Round) -> str:
    context = [f"**{_escaped(name)}:** {_escaped(t)}" for name, t in shown.context]
    before = "\n".join(context) or "*(the talk begins)*"
    name = _escaped(shown.persona)
    head = f"**Friend or clone?** Then {name}, or in half of the rounds the clone, wrote:"
    score = f"-# {of_player(shown.score)}"
    tail = f"{head}\n> {_escaped(shown.text)}\n{score}"
    # The oldest lines go first where all of it is too long.
    while len(before) + len(tail) + 1 > _SHOWN and "\n" in before:
        before = before.partition("\n")[2]
    return f"{before}\n{tail}"


def _escaped(text: str) -> str:
    return discord.utils.escape_markdown(text)


def _player(interaction: Interaction) -> Author:
    return person(interaction.user)
