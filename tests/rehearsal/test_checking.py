"""The rehearsal's answers, and discord.py's requests, against Discord's own document."""

from pathlib import Path

import discord
import pytest
from clients_of_rehearsal import connected

from botconvo.rehearsal import NO_LIMITS, File, Permission, Rehearsal
from botconvo.rehearsal.checking import ApiCheck

DOCUMENT = "shared/data/discord-api/openapi.json.gz"


def document() -> Path:
    """Discord's document, in a folder above the repository; skips where it is not there."""
    for folder in Path(__file__).resolve().parents:
        if (folder / DOCUMENT).is_file():
            return folder / DOCUMENT
    pytest.skip(f"{DOCUMENT} is not there: Discord's own document checks nothing")


@pytest.fixture(scope="module")
def check() -> ApiCheck:
    return ApiCheck.load(document())


def test_the_check_finds_what_is_wrong(check: ApiCheck) -> None:
    path = "/channels/{channel_id}/messages"
    assert check.request("POST", path, {"content": "hi"}) == []
    assert "content" in check.request("POST", path, {"content": 1})[0]
    assert "id" in check.answer("POST", path, 200, {"content": "hi"})[0]
    assert check.request("POST", "/nowhere", None) != []


async def test_a_long_visit_is_as_discord_documents_it(check: ApiCheck) -> None:
    """Everything that a bot like ours calls, once."""
    async with Rehearsal(limits=NO_LIMITS, check=check) as rehearsal:
        guild = rehearsal.add_guild("The Leaky Kettle")
        general = rehearsal.add_channel(guild, "general")
        bort = rehearsal.add_person("Bort", guild)
        everything = sum(Permission) & ~Permission.ADMINISTRATOR
        bot = rehearsal.add_bot("BotConvo", guild, permissions=everything)
        async with connected(rehearsal, bot) as client:
            said = bort.says(general, "hello", files=[File(name="a.png", content=b"png")])
            bort.reacts(said, "👋")
            heard = await client.next("message")
            channel = heard.channel
            await _talk(heard, channel)
            await _use_webhooks(channel)
            await _look_around(client, channel, bort.id)
            await _refused(channel)
            await _answer_commands(client)
            answer = await bort.runs(general, "/status")
            await rehearsal.wait_for(lambda: answer.original and answer.original.deleted)
    assert "\n".join(rehearsal.discrepancies) == ""
    assert check.checked > 60


async def _talk(heard: discord.Message, channel: discord.TextChannel) -> None:
    reply = await heard.reply("hi", mention_author=False)
    await reply.edit(content="hi!")
    await reply.add_reaction("🎉")
    await reply.remove_reaction("🎉", channel.guild.me)
    await channel.typing()
    sent = await channel.send("a file", file=discord.File(__file__, "a.txt"))
    await sent.pin()
    assert [m.id async for m in channel.pins()] == [sent.id]
    await sent.unpin()
    await sent.clear_reactions()
    thread = await sent.create_thread(name="more")
    await thread.send("in here")
    await thread.edit(archived=True)
    await sent.delete()
    embed = discord.Embed(title="t", description="d")
    two = [await channel.send(embed=embed), await channel.send("two")]
    await channel.delete_messages(two)
    assert [user.id async for user in heard.reactions[0].users()] if heard.reactions else True


async def _use_webhooks(channel: discord.TextChannel) -> None:
    webhook = await channel.create_webhook(name="Clones")
    said = await webhook.send("hi", username="Juno", wait=True)
    await said.edit(content="hi!")
    await webhook.fetch_message(said.id)
    await webhook.edit(name="Others")
    await said.delete()
    await channel.webhooks()
    await channel.guild.webhooks()
    await webhook.delete()


async def _look_around(client: discord.Client, channel: discord.TextChannel, person: int) -> None:
    await client.fetch_channel(channel.id)
    await client.fetch_guild(channel.guild.id)
    await channel.guild.fetch_channels()
    await channel.guild.fetch_roles()
    await channel.guild.fetch_member(person)
    await channel.guild.active_threads()
    assert [member async for member in channel.guild.fetch_members(limit=10)]
    assert [message async for message in channel.history(limit=10)]
    assert [guild async for guild in client.fetch_guilds()]
    user = await client.fetch_user(person)
    await user.send("psst")
    await channel.guild.me.edit(nick="The clones")
    await client.application_info()


async def _refused(channel: discord.TextChannel) -> None:
    with pytest.raises(discord.HTTPException):
        await channel.send("x" * 2001)
    with pytest.raises(discord.NotFound):
        await channel.fetch_message(1)


async def _answer_commands(client: discord.Client) -> None:
    tree = discord.app_commands.CommandTree(client)

    @tree.command(name="status", description="How are you?")
    async def status(interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True)
        await interaction.edit_original_response(content="well")
        await interaction.followup.send("and you?")
        await interaction.delete_original_response()

    await tree.sync()
    await tree.fetch_commands()
