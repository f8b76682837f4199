"""Slash commands: who asks, whether they may, what it means for the reins, and the answer.

Everything else is behind ``Controls``.  A channel sees who paused, asked or muted; answers to
questions, and refusals, are shown to whoever asked alone.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC

import aiohttp
import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from botconvo.conversation import events as ev
from botconvo.errors import BotConvoError, PlatformError
from botconvo.messages import Author, ChannelId, Message, MessageId
from botconvo.personas import PersonaName
from botconvo.platforms.discord.game import game_command
from botconvo.platforms.discord.ids import channel_id, message_id
from botconvo.platforms.discord.own_data import consent_commands, own_commands
from botconvo.platforms.discord.reading import person
from botconvo.ports import (
    Answer,
    Controls,
    Desk,
    Game,
    Help,
    Info,
    Lines,
    MayAsk,
    Query,
    Recent,
    Removed,
    Status,
    Who,
    Why,
)

__all__ = ["Commands", "Preparation", "prepare_with"]

logger = logging.getLogger(__name__)

Interaction = discord.Interaction[discord.Client]

_SHOWN = 1900
"""Characters of an answer; Discord takes 2,000, and marks are added where it says more."""
_OFFERED = 25
_LABEL = 100
"""What Discord takes as completions, and the length of one."""
_NO_PINGS = discord.AllowedMentions.none()
_GONE = (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError)
_MODERATORS = "only whoever may manage messages here, or an owner of the bots, can do that"
_OWNERS = "only an owner of the bots, or of this server, can do that"


Preparation = Callable[[discord.Client], Awaitable[None]]
"""What is awaited with a new client before it connects."""


def prepare_with(controls: Controls, desk: Desk, game: Game | None = None) -> Preparation:
    """What every new client is prepared with; the commands are registered once.

    Without a ``game`` there is no ``/game``.
    """
    registered = False

    async def prepare(client: discord.Client) -> None:
        nonlocal registered
        tree = Commands(controls, desk, game).tree(client)
        if registered:
            return
        try:
            await tree.sync()
            registered = True
        except _GONE as error:
            logger.warning("Discord did not take the slash commands: %s", error)

    return prepare


class Commands:
    """Everything that a command needs to know of whoever uses it."""

    def __init__(self, controls: Controls, desk: Desk, game: Game | None = None) -> None:
        self._controls, self._desk, self._game = controls, desk, game

    def tree(self, client: discord.Client) -> app_commands.CommandTree[discord.Client]:
        """The commands of a client."""
        tree = app_commands.CommandTree(client)
        tree.add_command(_Talk(self))
        tree.add_command(_Persona(self))
        tree.add_command(consent_commands(self._desk))
        for command in (*_alone(self), *own_commands(self._desk)):
            tree.add_command(command)
        tree.add_command(_disown_menu(self))
        if self._game is not None:
            tree.add_command(game_command(self._game, self))
        tree.error(_tell_failure)
        return tree

    # ---- who ---------------------------------------------------------------------------------

    def may_moderate(self, interaction: Interaction) -> bool:
        """In a direct message there is nobody else to be protected."""
        if interaction.guild_id is None or interaction.permissions.manage_messages:
            return True
        return self.may_own(interaction)

    def may_own(self, interaction: Interaction) -> bool:
        guild = interaction.guild
        if guild is not None and guild.owner_id == interaction.user.id:
            return True
        return self._controls.is_owner(_author(interaction).id)

    # ---- deeds -------------------------------------------------------------------------------

    async def pull(
        self,
        interaction: Interaction,
        steer: ev.Steer | ev.Ruling,
        *,
        seen: bool = True,
        allowed: bool = True,
        refusal: str = _MODERATORS,
    ) -> None:
        """Do it, if it is ``allowed``, and say so; ``seen`` by everybody, or by whoever asks."""
        if not allowed:
            await _answer(interaction, refusal)
            return
        by = _author(interaction).name
        try:
            done = await self._controls.steer(_channel(interaction), steer, by)
        except PlatformError as error:
            await _answer(interaction, str(error))
        else:
            await _answer(interaction, done, seen=seen)

    async def pull_slowly(self, interaction: Interaction, steer: ev.Ruling) -> None:
        """The same where Discord has to be asked for more: it waits for an answer three seconds."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        try:
            by = _author(interaction).name
            done = await self._controls.steer(_channel(interaction), steer, by)
        except PlatformError as error:
            done = str(error)
        await interaction.followup.send(_fitted(done), allowed_mentions=_NO_PINGS, ephemeral=True)

    async def say(
        self,
        interaction: Interaction,
        shown: str,
        steer: Callable[[Message], ev.Steer],
        asked: PersonaName | None = None,
    ) -> None:
        """Put a person's words into the channel and make a steer of the message.

        Whoever may not is told so alone, before anybody sees the words.
        """
        try:
            await self.ask(interaction, MayAsk(author=_author(interaction), persona=asked))
        except PlatformError as error:
            await _answer(interaction, str(error))
            return
        sent = await interaction.response.send_message(
            _fitted(shown, escape=False), allowed_mentions=_NO_PINGS, suppress_embeds=True
        )
        message = Message(
            id=message_id(interaction.channel_id or 0, sent.message_id or 0),
            channel=_channel(interaction),
            author=_author(interaction),
            text=shown,
            at=interaction.created_at.astimezone(UTC),
        )
        try:
            await self._controls.steer(_channel(interaction), steer(message), message.author.name)
        except PlatformError as error:
            await interaction.edit_original_response(content=_fitted(str(error)))

    async def tell(self, interaction: Interaction, query: Query) -> None:
        """Answer a question to whoever asks it."""
        try:
            answer = await self.ask(interaction, query)
        except PlatformError as error:
            answer = Answer(text=str(error))
        await _answer(interaction, answer.text)

    async def ask(self, interaction: Interaction, query: Query) -> Answer:
        """
        Raises:
            PlatformError: there is no talk in this channel, or nothing to tell.
        """
        return await self._controls.query(_channel(interaction), query, _author(interaction).name)

    # ---- completions -------------------------------------------------------------------------

    async def personas(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        """The clones whose names begin with what was typed, then the others that hold it."""
        names = (await self._offered(interaction, Who())).personas
        return [Choice(name=name, value=name) for name in _matching(names, typed)]

    async def lines(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        """The last lines of clones that hold what was typed."""
        found = (await self._offered(interaction, Recent())).messages
        labels = {_label(f"{each.author.name}: {each.text}"): each.id for each in reversed(found)}
        matching = _matching(tuple(reversed(labels)), typed)
        return [Choice(name=label, value=labels[label]) for label in matching]

    async def removed(self, interaction: Interaction, typed: str) -> list[Choice[int]]:
        """The texts that were removed here and hold what was typed."""
        found = (await self._offered(interaction, Removed())).refused
        labels = {_label(f"{each.number}. {each.persona}: {each.text}"): each for each in found}
        matching = _matching(tuple(labels), typed)
        return [Choice(name=label, value=labels[label].number) for label in matching]

    async def _offered(self, interaction: Interaction, query: Query) -> Answer:
        try:
            return await self.ask(interaction, query)
        except PlatformError:
            return Answer(text="")  # the command itself says what is wrong

    async def persona(self, interaction: Interaction, typed: str) -> PersonaName:
        """The clone that is meant; what nobody is called stays as it was typed."""
        names = (await self._offered(interaction, Who())).personas
        same = (name for name in names if name.casefold() == typed.strip().casefold())
        return next(same, PersonaName(typed))


class _Talk(app_commands.Group):
    """``/botconvo``: the talk of this channel."""

    def __init__(self, commands: Commands) -> None:
        super().__init__(name="botconvo", description="The talk of the bots in this channel")
        self._commands = commands

    async def _lines(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        return await self._commands.lines(interaction, typed)

    async def _removed(self, interaction: Interaction, typed: str) -> list[Choice[int]]:
        return await self._commands.removed(interaction, typed)

    @app_commands.command(description="Let the bots be silent here")
    async def pause(self, interaction: Interaction) -> None:
        await self._commands.pull(interaction, ev.Pause())

    @app_commands.command(description="Let the bots go on here (moderators)")
    async def resume(self, interaction: Interaction) -> None:
        allowed = self._commands.may_moderate(interaction)
        await self._commands.pull(interaction, ev.Resume(), allowed=allowed)

    @app_commands.command(description="Let the bots talk about something else")
    @app_commands.describe(text="What they should talk about")
    async def topic(self, interaction: Interaction, text: Range[str, 1, 500]) -> None:
        await self._commands.say(interaction, text, lambda message: ev.SetTopic(message=message))

    @app_commands.command(description="Let the bots talk faster or slower (moderators)")
    @app_commands.describe(factor="2 = twice as fast, 0.5 = half")
    async def speed(self, interaction: Interaction, factor: Range[float, 0.1, 100.0]) -> None:
        allowed = self._commands.may_moderate(interaction)
        await self._commands.pull(interaction, ev.SetSpeed(factor=factor), allowed=allowed)

    @app_commands.command(description="Let the bots forget what was said here (moderators)")
    async def reset(self, interaction: Interaction) -> None:
        allowed = self._commands.may_moderate(interaction)
        await self._commands.pull(interaction, ev.Reset(), allowed=allowed)

    @app_commands.command(description="Which bots are here, and how they are")
    async def who(self, interaction: Interaction) -> None:
        await self._commands.tell(interaction, Who())

    @app_commands.command(description="Why a bot said something")
    @app_commands.describe(line="What it said; left out: the last line")
    @app_commands.autocomplete(line=_lines)
    async def why(self, interaction: Interaction, line: str | None = None) -> None:
        message = None if line is None else MessageId(line)
        await self._commands.tell(interaction, Why(message=message))

    @app_commands.command(description="How the talk stands, and what is wrong")
    async def status(self, interaction: Interaction) -> None:
        await self._commands.tell(interaction, Status())

    @app_commands.command(description="The lines that people kept with a star")
    async def favourites(self, interaction: Interaction) -> None:
        await self._commands.tell(interaction, Lines(kind="favourite"))

    @app_commands.command(description="The lines that the bots saved")
    async def saved(self, interaction: Interaction) -> None:
        await self._commands.tell(interaction, Lines(kind="saved"))

    @app_commands.command(description="What was removed here and is not said again (moderators)")
    async def removed(self, interaction: Interaction) -> None:
        if self._commands.may_moderate(interaction):
            await self._commands.tell(interaction, Removed())
        else:
            await _answer(interaction, _MODERATORS)

    @app_commands.command(description="Let something be said again that was removed (owners)")
    @app_commands.describe(text="What was removed")
    @app_commands.autocomplete(text=_removed)
    async def allow(self, interaction: Interaction, text: int) -> None:
        await self._commands.pull(
            interaction,
            ev.Allow(number=text),
            seen=False,
            allowed=self._commands.may_own(interaction),
            refusal=_OWNERS,
        )

    @app_commands.command(description="What you can do with the bots")
    async def help(self, interaction: Interaction) -> None:
        await self._commands.tell(interaction, Help())


class _Persona(app_commands.Group):
    """``/persona``: one of the clones."""

    def __init__(self, commands: Commands) -> None:
        super().__init__(name="persona", description="One of the bots")
        self._commands = commands

    async def _personas(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        return await self._commands.personas(interaction, typed)

    @app_commands.command(description="Let one of the bots be silent here (moderators)")
    @app_commands.autocomplete(persona=_personas)
    async def mute(self, interaction: Interaction, persona: str) -> None:
        name = await self._commands.persona(interaction, persona)
        allowed = self._commands.may_moderate(interaction)
        await self._commands.pull(interaction, ev.Mute(persona=name), allowed=allowed)

    @app_commands.command(description="Let one of the bots speak here again (moderators)")
    @app_commands.autocomplete(persona=_personas)
    async def unmute(self, interaction: Interaction, persona: str) -> None:
        name = await self._commands.persona(interaction, persona)
        allowed = self._commands.may_moderate(interaction)
        await self._commands.pull(interaction, ev.Unmute(persona=name), allowed=allowed)

    @app_commands.command(description="What one of the bots is")
    @app_commands.autocomplete(persona=_personas)
    async def info(self, interaction: Interaction, persona: str) -> None:
        name = await self._commands.persona(interaction, persona)
        await self._commands.tell(interaction, Info(persona=name))


def _alone(
    commands: Commands,
) -> Sequence[app_commands.Command[app_commands.Group, ..., None]]:
    """The commands that belong to no group."""

    async def personas(interaction: Interaction, typed: str) -> list[Choice[str]]:
        return await commands.personas(interaction, typed)

    async def lines(interaction: Interaction, typed: str) -> list[Choice[str]]:
        return await commands.lines(interaction, typed)

    @app_commands.command(description="Ask one of the bots something")
    @app_commands.describe(persona="Whom", text="What you want to say")
    @app_commands.autocomplete(persona=personas)
    async def ask(interaction: Interaction, persona: str, text: Range[str, 1, 1500]) -> None:
        name = await commands.persona(interaction, persona)
        await commands.say(
            interaction,
            f"{name}, {text}",
            lambda message: ev.AskPersona(persona=name, message=message),
            name,
        )

    # Who may is Discord's to say: a server can give it to other roles.  All others have a vote (🗑).
    @app_commands.command(description="Remove a line of a bot; it is not said again (moderators)")
    @app_commands.describe(line="What it said")
    @app_commands.autocomplete(line=lines)
    @app_commands.default_permissions(manage_messages=True)
    async def delete(interaction: Interaction, line: str) -> None:
        delete = ev.Delete(
            message=MessageId(line),
            author=_author(interaction),
            moderates=commands.may_moderate(interaction),
        )
        await commands.pull_slowly(interaction, delete)

    @app_commands.command(description="Nothing that you write is shown to the bots")
    @app_commands.describe(undo="Let the bots see what you write again")
    async def ignoreme(interaction: Interaction, undo: bool = False) -> None:
        author = _author(interaction).id
        steer = ev.Heed(author=author) if undo else ev.Ignore(author=author)
        await commands.pull(interaction, steer, seen=False)

    return ask, delete, ignoreme


def _disown_menu(commands: Commands) -> app_commands.ContextMenu:
    """What stands under "Apps" in the menu of a message."""

    async def disown(interaction: Interaction, message: discord.Message) -> None:
        steer = ev.Disown(
            message=message_id(message.channel.id, message.id),
            author=_author(interaction),
            moderates=commands.may_moderate(interaction),
        )
        await commands.pull(interaction, steer, seen=False)

    return app_commands.ContextMenu(name="Would never say that", callback=disown)


# ---- Discord's values --------------------------------------------------------------------------


def _channel(interaction: Interaction) -> ChannelId:
    return channel_id(interaction.guild_id, interaction.channel_id or 0)


def _author(interaction: Interaction) -> Author:
    return person(interaction.user)


async def _answer(interaction: Interaction, text: str, *, seen: bool = False) -> None:
    await interaction.response.send_message(
        _fitted(text), ephemeral=not seen, allowed_mentions=_NO_PINGS, suppress_embeds=True
    )


def _fitted(text: str, *, escape: bool = True) -> str:
    shown = discord.utils.escape_markdown(text) if escape else text
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _label(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LABEL else f"{line[: _LABEL - 1]}…"


def _matching(labels: Sequence[str], typed: str) -> list[str]:
    """Those that begin with what was typed, then those that hold it: as many as are shown."""
    wanted = typed.strip().casefold()
    first = [label for label in labels if label.casefold().startswith(wanted)]
    others = [label for label in labels if wanted in label.casefold() and label not in first]
    return (first + others)[:_OFFERED]


async def _tell_failure(interaction: Interaction, error: app_commands.AppCommandError) -> None:
    """A command that broke off must not end the client."""
    cause = getattr(error, "original", error)
    if isinstance(cause, BotConvoError):
        text = str(cause)
    elif isinstance(cause, _GONE):
        logger.warning("a command was not answered: %s", cause)
        return
    else:
        logger.error("a command failed", exc_info=cause)
        text = "that failed; the owner's log says why"
    try:
        if interaction.response.is_done():
            await interaction.followup.send(_fitted(text), ephemeral=True)
        else:
            await _answer(interaction, text)
    except _GONE as gone:
        logger.warning("a command was not answered: %s", gone)
