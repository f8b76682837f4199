"""``/consent``, ``/forgetme`` and ``/export``: what people do about themselves, and see alone.

Whose account it is, Discord says; a button or a menu is answered only to whom it was shown.
"""

import io
from collections.abc import Awaitable, Callable, Sequence

import discord
from discord import app_commands

from botconvo.errors import BotConvoError
from botconvo.messages import Author, ChannelId
from botconvo.platforms.discord.form import (
    CHOICES,
    Form,
    explained,
    terms,
    with_choice,
    with_game_turned,
    with_words,
)
from botconvo.platforms.discord.reading import person
from botconvo.ports import Desk

__all__ = ["LARGEST", "consent_commands", "own_commands"]

Interaction = discord.Interaction[discord.Client]

LARGEST = 10 * 1000 * 1000
"""Bytes of a file that every account can be sent."""
_WAITS_S = 14 * 60
"""Discord takes answers for fifteen minutes."""
_SHOWN = 1900
_NO_PINGS = discord.AllowedMentions.none()


def consent_commands(desk: Desk) -> app_commands.Group:
    """``/consent give|show|withdraw``."""
    group = app_commands.Group(
        name="consent", description="Whether there may be a bot that writes like you"
    )

    @group.command(description="Read what it means, choose, and agree or not")
    async def give(interaction: Interaction) -> None:
        view = _Give(desk, interaction)
        await interaction.response.send_message(
            view.text, view=view, ephemeral=True, allowed_mentions=_NO_PINGS
        )

    @group.command(description="What you agreed to")
    async def show(interaction: Interaction) -> None:
        await _told(interaction, desk.show)

    @group.command(description="Take it back: the clone leaves at once, your words are removed")
    async def withdraw(interaction: Interaction) -> None:
        await _told(interaction, desk.withdraw)

    return group


def own_commands(
    desk: Desk,
) -> Sequence[app_commands.Command[app_commands.Group, ..., None]]:
    """``/forgetme`` and ``/export``."""

    @app_commands.command(description="Remove everything that is stored about you (asks first)")
    async def forgetme(interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        try:
            held = await desk.holdings(_author(interaction))
        except BotConvoError as error:
            await _follow(interaction, str(error))
            return
        view = _Forget(desk, interaction)
        text = f"{_fitted(held)}\nRemove it all? It cannot be brought back."
        await interaction.followup.send(text, view=view, ephemeral=True, allowed_mentions=_NO_PINGS)

    @app_commands.command(description="Get a copy of everything that is stored about you")
    async def export(interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        try:
            handed = await desk.export(_author(interaction))
        except BotConvoError as error:
            await _follow(interaction, str(error))
            return
        if len(handed.content) > LARGEST:
            await _follow(
                interaction,
                f"Your copy has {len(handed.content) / 1e6:.1f} MB, and Discord takes "
                f"{LARGEST // 10**6} MB; ask the owner of this bot for it (botconvo consent "
                "export).",
            )
            return
        file = discord.File(io.BytesIO(handed.content), filename=handed.name)
        await interaction.followup.send(
            "Everything that is held of you here; nobody else sees this message.",
            file=file,
            ephemeral=True,
        )

    return forgetme, export


class _Own(discord.ui.View):
    """Something to press for one account alone."""

    def __init__(self, interaction: Interaction) -> None:
        super().__init__(timeout=_WAITS_S)
        self._owner = interaction.user.id

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """Nobody acts for another account."""
        return interaction.user.id == self._owner

    async def _close(
        self, interaction: Interaction, waiting: str, work: Callable[[], Awaitable[str]]
    ) -> None:
        """Nothing can be pressed any more; then say what became of it."""
        self.stop()
        await interaction.response.edit_message(content=waiting, view=None)
        try:
            done = await work()
        except BotConvoError as error:
            done = str(error)
        await interaction.edit_original_response(content=_fitted(done), allowed_mentions=_NO_PINGS)


class _Give(_Own):
    """The form of ``/consent give``: a menu for each question, and buttons."""

    def __init__(self, desk: Desk, interaction: Interaction) -> None:
        super().__init__(interaction)
        self._desk, self._name = desk, _author(interaction).name
        self.form = Form()
        for row, question in enumerate(CHOICES):
            self.add_item(_Menu(question, self.form, row))

    @property
    def text(self) -> str:
        return explained(self.form, discord.utils.escape_markdown(self._name))

    async def take(self, interaction: Interaction, form: Form) -> None:
        """Show what is agreed to now."""
        self.form = form
        for item in self.children:
            if isinstance(item, _Menu):
                item.mark(form)
        await interaction.response.edit_message(
            content=self.text, view=self, allowed_mentions=_NO_PINGS
        )

    @discord.ui.button(label="I am 18 or older: I agree", style=discord.ButtonStyle.green, row=4)
    async def agree(self, interaction: Interaction, _: discord.ui.Button["_Give"]) -> None:
        author, now = _author(interaction), interaction.created_at
        channel = ChannelId(f"discord:{interaction.channel_id}")
        agreed = terms(self.form, author=author.id, channel=channel, now=now)
        await self._close(interaction, "One moment …", lambda: self._desk.give(author, agreed))

    @discord.ui.button(label="Dates, and my own words", row=4)
    async def more(self, interaction: Interaction, _: discord.ui.Button["_Give"]) -> None:
        await interaction.response.send_modal(_Words(self))

    @discord.ui.button(label="Guessing game: yes / no", row=4)
    async def play(self, interaction: Interaction, _: discord.ui.Button["_Give"]) -> None:
        await self.take(interaction, with_game_turned(self.form))

    @discord.ui.button(label="No, or I am under 18", style=discord.ButtonStyle.red, row=4)
    async def decline(self, interaction: Interaction, _: discord.ui.Button["_Give"]) -> None:
        async def nothing() -> str:
            return "Nothing was recorded, and nothing is taken."

        await self._close(interaction, "…", nothing)


class _Menu(discord.ui.Select[_Give]):
    """One question of the form."""

    def __init__(self, question: str, form: Form, row: int) -> None:
        super().__init__(custom_id=f"consent-{question}", row=row)
        self._question = question
        for answer, label in CHOICES[question].items():
            self.add_option(label=label, value=answer)
        self.mark(form)

    def mark(self, form: Form) -> None:
        """Show what is chosen."""
        for option in self.options:
            option.default = option.value == getattr(form, self._question)

    async def callback(self, interaction: Interaction) -> None:
        assert self.view is not None
        await self.view.take(
            interaction, with_choice(self.view.form, self._question, self.values[0])
        )


class _Words(discord.ui.Modal):
    """What is typed rather than chosen."""

    def __init__(self, give: _Give) -> None:
        super().__init__(title="Dates, and your own words", timeout=_WAITS_S)
        self._give = give
        self._since = self._field("Only from this day on (2024-01-31)", 10, give.form.since)
        self._until = self._field("Only up to this day", 10, give.form.until)
        self._statement = self._field("In your own words", 300, give.form.statement)

    def _field(
        self, label: str, longest: int, value: object
    ) -> "discord.ui.TextInput[discord.ui.Modal]":
        field: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
            label=label, max_length=longest, required=False, default=str(value or "")
        )
        self.add_item(field)
        return field

    async def on_submit(self, interaction: Interaction, /) -> None:
        try:
            form = with_words(
                self._give.form,
                since=self._since.value,
                until=self._until.value,
                statement=self._statement.value,
            )
        except BotConvoError as error:
            await interaction.response.send_message(_fitted(str(error)), ephemeral=True)
            return
        await self._give.take(interaction, form)


class _Forget(_Own):
    """The second step of ``/forgetme``."""

    def __init__(self, desk: Desk, interaction: Interaction) -> None:
        super().__init__(interaction)
        self._desk = desk

    @discord.ui.button(label="Remove everything", style=discord.ButtonStyle.red)
    async def remove(self, interaction: Interaction, _: discord.ui.Button["_Forget"]) -> None:
        author = _author(interaction)
        await self._close(interaction, "Removing …", lambda: self._forget(author))

    @discord.ui.button(label="Keep it")
    async def keep(self, interaction: Interaction, _: discord.ui.Button["_Forget"]) -> None:
        async def nothing() -> str:
            return "Nothing was removed."

        await self._close(interaction, "…", nothing)

    async def _forget(self, author: Author) -> str:
        return (
            f"{await self._desk.forget(author)}\nWhat you write from now on is heard as "
            "anybody's; /ignoreme keeps it from the bots."
        )


async def _told(interaction: Interaction, ask: Callable[[Author], Awaitable[str]]) -> None:
    """Answer from the desk, to whoever asks alone; Discord waits three seconds for a first word."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    try:
        text = await ask(_author(interaction))
    except BotConvoError as error:
        text = str(error)
    await _follow(interaction, text)


async def _follow(interaction: Interaction, text: str) -> None:
    await interaction.followup.send(_fitted(text), ephemeral=True, allowed_mentions=_NO_PINGS)


def _author(interaction: Interaction) -> Author:
    return person(interaction.user)


def _fitted(text: str) -> str:
    shown = discord.utils.escape_markdown(text)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
