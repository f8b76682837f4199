"""What a bot and people do together, through the unmodified discord.py."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import discord
import pytest
from clients_of_rehearsal import Client, connected

from botconvo.rehearsal import (
    NO_LIMITS,
    Application,
    Channel,
    File,
    Guild,
    Person,
    Rehearsal,
)


@dataclass
class Stage:
    """A server with a channel, two people and a connected bot."""

    rehearsal: Rehearsal
    guild: Guild
    general: Channel
    bort: Person
    tilly: Person
    bot: Application
    client: Client

    def channel(self) -> discord.TextChannel:
        found = self.client.get_channel(self.general.id)
        assert isinstance(found, discord.TextChannel)
        return found


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        guild = rehearsal.add_guild("The Leaky Kettle")
        general = rehearsal.add_channel(guild, "general")
        bort, tilly = (rehearsal.add_person(name, guild) for name in ("Bort", "Tilly"))
        bot = rehearsal.add_bot("BotConvo", guild)
        async with connected(rehearsal, bot) as client:
            yield Stage(rehearsal, guild, general, bort, tilly, bot, client)


async def test_what_people_say_is_heard_with_names_and_files(stage: Stage) -> None:
    stage.bort.says(stage.general, "look!", files=[File(name="cat.png", content=b"png")])
    heard = await stage.client.next("message")
    assert (heard.author.display_name, heard.content) == ("Bort", "look!")
    assert isinstance(heard.author, discord.Member)
    assert await heard.attachments[0].read() == b"png"


async def test_a_bot_answers_with_a_reply_that_pings_nobody(stage: Stage) -> None:
    said = stage.bort.says(stage.general, "hello?")
    heard = await stage.client.next("message")
    await heard.reply("hi @everyone", allowed_mentions=discord.AllowedMentions.none())
    reply = await stage.bort.wait_for_reply(stage.general)
    assert (reply.content, reply.referenced) == ("hi @everyone", said)
    assert not reply.pings_somebody


async def test_a_reply_pings_unless_it_is_told_not_to(stage: Stage) -> None:
    stage.bort.says(stage.general, "hello?")
    heard = await stage.client.next("message")
    await heard.reply(f"hi {stage.tilly.mention} @everyone")
    reply = await stage.bort.wait_for_reply(stage.general)
    assert reply.mentions == [stage.tilly.user, stage.bort.user]
    assert not reply.mention_everyone  # the bot may not mention everyone


async def test_a_webhook_speaks_under_many_names(stage: Stage) -> None:
    webhook = await stage.channel().create_webhook(name="Clones")
    sent = await webhook.send(
        "hi", username="Juno", avatar_url="https://example.org/j.png", wait=True
    )
    await webhook.edit_message(sent.id, content="hi there")
    await webhook.send("yo", username="Dex")
    assert stage.general.transcript() == ["Juno: hi there", "Dex: yo"]
    assert stage.general.history[0].author.avatar_url == "https://example.org/j.png"
    heard = await stage.client.next("message", 2)
    assert (heard.author.name, heard.webhook_id) == ("Dex", webhook.id)
    await webhook.delete_message(sent.id)
    await stage.client.next("message_delete")
    assert [hook.id for hook in await stage.channel().webhooks()] == [webhook.id]


async def test_a_webhook_speaks_in_a_thread(stage: Stage) -> None:
    webhook = await stage.channel().create_webhook(name="Clones")
    thread = stage.bort.starts_thread(stage.general, "kitchen")
    found = await stage.client.next("thread_create")
    await webhook.send("in here", thread=found)
    assert thread.transcript() == ["Clones: in here"]


async def test_reactions_go_both_ways(stage: Stage) -> None:
    said = stage.bort.says(stage.general, "cake!")
    heard = await stage.client.next("message")
    await heard.add_reaction("🎂")
    stage.tilly.reacts(said, "🎂")
    payload = await stage.client.next("raw_reaction_add", 2)
    assert payload.user_id == stage.tilly.id
    assert said.reactions == {"🎂": [stage.bot.user, stage.tilly.user]}


async def test_edits_and_deletions_are_heard(stage: Stage) -> None:
    said = stage.bort.says(stage.general, "one")
    stage.bort.edits(said, "two")
    after = await stage.client.next("raw_message_edit")
    assert after.data["content"] == "two"
    stage.bort.deletes(said)
    assert (await stage.client.next("raw_message_delete")).message_id == said.id
    assert said.deleted


async def test_typing_goes_both_ways(stage: Stage) -> None:
    stage.tilly.types(stage.general)
    assert (await stage.client.next("raw_typing")).user_id == stage.tilly.id
    async with stage.channel().typing():
        await stage.rehearsal.wait_for(lambda: len(stage.general.typings) == 2)
    assert stage.general.typings[1].user is stage.bot.user


async def test_presence_is_shown(stage: Stage) -> None:
    await stage.client.change_presence(
        status=discord.Status.idle, activity=discord.CustomActivity("asleep")
    )
    await stage.rehearsal.wait_for(lambda: stage.bot.user.status == "idle")
    assert stage.bot.user.activities[0]["state"] == "asleep"


async def test_a_dm_is_heard_and_answered(stage: Stage) -> None:
    dm = stage.bort.dm(stage.bot)
    stage.bort.says(dm, "psst")
    heard = await stage.client.next("message")
    assert isinstance(heard.channel, discord.DMChannel)
    await heard.channel.send("yes?")
    assert (await stage.bort.wait_for_reply(dm)).content == "yes?"


async def test_history_is_read_from_the_newest(stage: Stage) -> None:
    for number in range(5):
        stage.bort.says(stage.general, str(number))
    found = [message.content async for message in stage.channel().history(limit=3)]
    assert found == ["4", "3", "2"]
    first = discord.Object(stage.general.history[0].id)
    found = [message.content async for message in stage.channel().history(after=first)]
    assert found == ["1", "2", "3", "4"]


async def test_slash_commands_complete_answer_and_follow_up(stage: Stage) -> None:
    tree = discord.app_commands.CommandTree(stage.client)
    group = discord.app_commands.Group(name="persona", description="Personas")

    @group.command(name="mute", description="Silence one")
    async def mute(interaction: discord.Interaction, persona: str) -> None:
        await interaction.response.send_message(f"{persona} is silent", ephemeral=True)
        await interaction.followup.send("told all")

    @mute.autocomplete("persona")
    async def complete(
        interaction: discord.Interaction, current: str
    ) -> list[discord.app_commands.Choice[str]]:
        names = [name for name in ("Juno", "Dex") if name.startswith(current)]
        return [discord.app_commands.Choice(name=name, value=name) for name in names]

    tree.add_command(group)
    await tree.sync()
    offered = await stage.bort.completes(stage.general, "/persona mute", "persona", "Ju")
    assert [each["name"] for each in offered] == ["Juno"]
    answer = await stage.bort.runs(stage.general, "/persona mute", persona="Juno")
    assert (answer.content, answer.ephemeral) == ("Juno is silent", True)
    await stage.rehearsal.wait_for(lambda: answer.followups)
    assert stage.general.transcript() == ["BotConvo: told all"]


async def test_a_deferred_answer_comes_later(stage: Stage) -> None:
    tree = discord.app_commands.CommandTree(stage.client)

    @tree.command(name="why", description="Why?")
    async def why(interaction: discord.Interaction, person: discord.Member) -> None:
        await interaction.response.defer(thinking=True)
        await interaction.edit_original_response(content=f"because of {person.display_name}")

    await tree.sync()
    answer = await stage.bort.runs(stage.general, "/why", person=stage.tilly)
    assert answer.deferred
    assert answer.content == "because of Tilly"
    with pytest.raises(KeyError, match="missing"):
        await stage.bort.runs(stage.general, "/why")
