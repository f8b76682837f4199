"""What goes wrong, as the unmodified discord.py meets it."""

import asyncio
import time
from dataclasses import replace

import aiohttp
import discord
import pytest
from clients_of_rehearsal import connected

from botconvo.rehearsal import NO_LIMITS, Application, Channel, Guild, Person, Rehearsal


class Stage:
    """A server with a channel, a person and a bot that is not connected yet."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self.guild: Guild = rehearsal.add_guild("The Leaky Kettle")
        self.general: Channel = rehearsal.add_channel(self.guild, "general")
        self.bort: Person = rehearsal.add_person("Bort", self.guild)
        self.bot: Application = rehearsal.add_bot("BotConvo", self.guild)


def place(client: discord.Client, channel: Channel) -> discord.TextChannel:
    found = client.get_channel(channel.id)
    assert isinstance(found, discord.TextChannel)
    return found


@pytest.mark.parametrize("way", ["closed", "dropped", "asked to reconnect", "op 9, resumable"])
async def test_what_was_missed_is_replayed_after_a_resume(way: str) -> None:
    async with Rehearsal() as rehearsal:
        stage = Stage(rehearsal)
        async with connected(rehearsal, stage.bot) as client:
            match way:
                case "closed":
                    assert rehearsal.faults.close_gateway(stage.bot, 4000) == 1
                case "dropped":
                    assert rehearsal.faults.drop_gateway(stage.bot) == 1
                case "asked to reconnect":
                    assert rehearsal.faults.ask_to_reconnect(stage.bot) == 1
                case _:
                    assert rehearsal.faults.invalidate(stage.bot, resumable=True) == 1
            stage.bort.says(stage.general, "did you hear that?")
            await client.next("resumed")
            heard = await client.next("message")
    assert heard.content == "did you hear that?"
    assert rehearsal.gateway.resumes == {stage.bot.user.id: 1}
    assert rehearsal.gateway.identifies == {stage.bot.user.id: 1}


async def test_a_session_that_is_invalid_identifies_again_and_has_lost_events() -> None:
    async with Rehearsal() as rehearsal:
        stage = Stage(rehearsal)
        async with connected(rehearsal, stage.bot) as client:
            rehearsal.faults.invalidate(stage.bot)
            stage.bort.says(stage.general, "lost")
            await client.next("ready", 2)
            stage.bort.says(stage.general, "heard")
            heard = await client.next("message")
    assert heard.content == "heard"
    assert rehearsal.gateway.identifies == {stage.bot.user.id: 2}


async def test_a_refused_resume_ends_in_a_new_session() -> None:
    async with Rehearsal() as rehearsal:
        stage = Stage(rehearsal)
        async with connected(rehearsal, stage.bot) as client:
            rehearsal.faults.refuse_resume()
            rehearsal.faults.drop_gateway(stage.bot)
            await client.next("ready", 2)
    assert rehearsal.gateway.resumes == {}


async def test_a_half_open_gateway_is_noticed_by_its_silence() -> None:
    async with Rehearsal(heartbeat_s=0.2) as rehearsal:
        stage = Stage(rehearsal)
        async with connected(rehearsal, stage.bot, heartbeat_timeout=0.5) as client:
            assert rehearsal.faults.freeze_gateway(stage.bot) == 1
            stage.bort.says(stage.general, "anybody?")
            assert (await client.next("message", timeout_s=30)).content == "anybody?"


async def test_a_wrong_token_and_a_users_token_cannot_log_in() -> None:
    async with Rehearsal() as rehearsal:
        stage = Stage(rehearsal)
        for wrong in ("nobody's", rehearsal.user_token(stage.bort)):
            with pytest.raises(discord.LoginFailure):
                async with connected(rehearsal, replace(stage.bot, token=wrong)):
                    pass


async def test_a_revoked_token_ends_the_client() -> None:
    async with Rehearsal() as rehearsal:
        stage = Stage(rehearsal)
        async with connected(rehearsal, stage.bot) as client:
            rehearsal.revoke_token(stage.bot)
            ended = await client.ended()
    assert isinstance(ended, discord.ConnectionClosed)
    assert ended.code == 4004


async def test_intents_that_the_portal_does_not_grant_end_the_client() -> None:
    async with Rehearsal() as rehearsal:
        stage = Stage(rehearsal)
        stage.bot.message_content = False
        with pytest.raises(discord.PrivilegedIntentsRequired):
            async with connected(rehearsal, stage.bot):
                pass


async def test_without_the_intent_only_words_to_the_bot_are_heard() -> None:
    intents = discord.Intents.default()
    async with Rehearsal() as rehearsal:
        stage = Stage(rehearsal)
        stage.bot.message_content = False
        async with connected(rehearsal, stage.bot, intents=intents) as client:
            stage.bort.says(stage.general, "secret")
            stage.bort.says(stage.general, f"{stage.bot.user.mention} open")
            assert (await client.next("message")).content == ""
            assert (await client.next("message", 2)).content.endswith("open")
            found = [m.content async for m in place(client, stage.general).history()]
    assert found[1] == ""


async def test_a_429_is_waited_for_and_a_ban_is_not() -> None:
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        stage = Stage(rehearsal)
        async with connected(rehearsal, stage.bot) as client:
            channel = place(client, stage.general)
            for scope in ("user", "global", "shared"):
                rehearsal.faults.limit(0.05, scope=scope, method="POST", path="/messages$")
                await channel.send(scope)
            rehearsal.faults.limit(scope="cloudflare", method="POST", path="/messages$")
            with pytest.raises(discord.HTTPException, match="429"):
                await channel.send("banned")
    assert [message.content for message in stage.general.history] == ["user", "global", "shared"]


async def test_the_fifth_message_in_five_seconds_is_the_last_for_now() -> None:
    async with Rehearsal() as rehearsal:
        stage = Stage(rehearsal)
        async with connected(rehearsal, stage.bot):
            headers = {"Authorization": f"Bot {stage.bot.token}"}
            url = f"{rehearsal.api_base}/channels/{stage.general.id}/messages"
            async with aiohttp.ClientSession(headers=headers) as http:
                for number in range(5):
                    async with http.post(url, json={"content": str(number)}) as answer:
                        assert answer.headers["X-RateLimit-Remaining"] == str(4 - number)
                async with http.post(url, json={"content": "6"}) as answer:
                    body = await answer.json()
    assert (answer.status, answer.headers["Via"]) == (429, "1.1 google")
    assert 0 < body["retry_after"] <= 5
    assert len(stage.general.history) == 5


async def test_a_post_whose_answer_is_lost_is_not_posted_twice_thanks_to_its_nonce() -> None:
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        stage = Stage(rehearsal)
        async with connected(rehearsal, stage.bot) as client:
            rehearsal.faults.fail(500, method="POST", path="/messages$", after=True)
            sent = await place(client, stage.general).send("once")
    assert [message.id for message in stage.general.history] == [sent.id]


async def test_a_webhook_has_no_nonce_so_its_post_comes_twice() -> None:
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        stage = Stage(rehearsal)
        async with connected(rehearsal, stage.bot) as client:
            webhook = await place(client, stage.general).create_webhook(name="Clones")
            rehearsal.faults.fail(502, method="POST", path=f"/webhooks/{webhook.id}/", after=True)
            await webhook.send("twice")
    assert stage.general.transcript() == ["Clones: twice", "Clones: twice"]


async def test_a_503_is_not_tried_again() -> None:
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        stage = Stage(rehearsal)
        async with connected(rehearsal, stage.bot) as client:
            fault = rehearsal.faults.fail(503, method="POST", path="/messages$")
            with pytest.raises(discord.DiscordServerError):
                await place(client, stage.general).send("never")
    assert (fault.happened, stage.general.history) == (1, [])


@pytest.mark.parametrize("after", [False, True])
async def test_a_connection_that_breaks_leaves_the_caller_in_the_dark(after: bool) -> None:
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        stage = Stage(rehearsal)
        async with connected(rehearsal, stage.bot) as client:
            rehearsal.faults.cut(method="POST", path="/messages$", after=after)
            with pytest.raises(aiohttp.ClientError):
                await place(client, stage.general).send("hm")
    assert len(stage.general.history) == after


async def test_a_half_open_request_hangs_until_somebody_gives_up() -> None:
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        stage = Stage(rehearsal)
        async with connected(rehearsal, stage.bot) as client:
            fault = rehearsal.faults.hang(method="POST", path="/messages$")
            sending = asyncio.create_task(place(client, stage.general).send("hm"))
            await rehearsal.wait_for(lambda: fault.happened)
            done, _ = await asyncio.wait({sending}, timeout=0.2)
            assert not done
            sending.cancel()
    assert stage.general.history == []


async def test_a_malformed_event_ends_the_client() -> None:
    async with Rehearsal() as rehearsal:
        stage = Stage(rehearsal)
        async with connected(rehearsal, stage.bot) as client:
            malformed = {"id": "1", "channel_id": str(stage.general.id)}
            rehearsal.faults.send_event(stage.bot, "MESSAGE_CREATE", malformed)
            assert isinstance(await client.ended(), KeyError)


async def test_events_may_come_twice() -> None:
    async with Rehearsal() as rehearsal:
        stage = Stage(rehearsal)
        async with connected(rehearsal, stage.bot) as client:
            rehearsal.faults.duplicate(1)
            said = stage.bort.says(stage.general, "echo")
            again = await client.next("message", 2)
    assert again.id == said.id


async def test_a_permission_that_is_taken_is_missed_at_once() -> None:
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        stage = Stage(rehearsal)
        async with connected(rehearsal, stage.bot) as client:
            channel = place(client, stage.general)
            webhook = await channel.create_webhook(name="Clones")
            rehearsal.set_overwrite(stage.general, stage.guild, deny=1 << 11)
            await client.next("guild_channel_update")
            with pytest.raises(discord.Forbidden):
                await channel.send("no")
            await webhook.send("webhooks may still")
            rehearsal.delete_webhook(stage.general.webhooks[webhook.id])
            with pytest.raises(discord.NotFound):
                await webhook.send("gone")
            rehearsal.delete_channel(stage.general)
            await client.next("guild_channel_delete")
            with pytest.raises(discord.NotFound):
                await channel.send("gone too")


async def test_webhooks_are_fifteen_a_channel_and_never_look_like_discord() -> None:
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        stage = Stage(rehearsal)
        async with connected(rehearsal, stage.bot) as client:
            channel = place(client, stage.general)
            for name in ("Discordia", "clyde"):
                with pytest.raises(discord.HTTPException, match="Username cannot contain"):
                    await channel.create_webhook(name=name)
            hooks = [await channel.create_webhook(name=f"Clone {n}") for n in range(15)]
            with pytest.raises(discord.HTTPException, match="30007"):
                await channel.create_webhook(name="One more")
            with pytest.raises(discord.HTTPException, match="Username cannot contain"):
                await hooks[0].send("hi", username="Not Discord")


async def test_the_answer_to_a_heartbeat_takes_its_time_as_discords_does() -> None:
    """discord.py takes one that comes at once for the answer to the heartbeat before."""
    async with (
        Rehearsal() as rehearsal,
        aiohttp.ClientSession() as http,
        http.ws_connect(rehearsal.gateway_url) as socket,
    ):
        assert (await socket.receive_json())["op"] == 10
        before = time.monotonic()
        await socket.send_json({"op": 1, "d": None})
        assert (await socket.receive_json())["op"] == 11
        assert time.monotonic() - before > 0.05
