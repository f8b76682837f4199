"""Whatever goes wrong: nobody's words are lost, nothing is posted twice, and it mends itself."""

import asyncio
import gc
import logging
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import yarl
from aiohttp import WSMsgType, web
from discord.gateway import DiscordWebSocket
from platforms.discord.theatre import (
    HASTY,
    Theatre,
    a_house,
    a_platform,
    id_of,
    playing,
    talk_in,
)

from botconvo.conversation.events import Closed, Edited, Opened, Removed
from botconvo.errors import PlatformError
from botconvo.platforms.discord.places import ChannelRules
from botconvo.rehearsal import WEBHOOK_BOT, Permission

WEBHOOK = r"^/webhooks/\d+/[^/]+$"
MESSAGES = r"^/channels/\d+/messages$"
MALFORMED = {"id": "1", "content": None}


def malformed(theatre: Theatre) -> None:
    house = theatre.house
    house.discord.faults.send_event(house.bot, "MESSAGE_CREATE", MALFORMED)


GATEWAY: dict[str, Callable[[Theatre], object]] = {
    "closed": lambda t: t.house.discord.faults.close_gateway(t.house.bot, 4000),
    "closed as if all were well": lambda t: t.house.discord.faults.close_gateway(t.house.bot, 1000),
    "broken off": lambda t: t.house.discord.faults.drop_gateway(t.house.bot),
    "op 7": lambda t: t.house.discord.faults.ask_to_reconnect(t.house.bot),
    "op 9, resumable": lambda t: t.house.discord.faults.invalidate(t.house.bot, resumable=True),
    "a malformed event": malformed,
}


@pytest.mark.parametrize("fault", GATEWAY)
async def test_no_words_are_lost_when_the_connection_breaks(fault: str) -> None:
    async with a_house() as house, playing(house) as theatre:
        first = house.bort.says(house.general, "first")
        gone = house.bort.says(house.general, "gone soon")
        await theatre.hears("gone soon")
        GATEWAY[fault](theatre)
        house.bort.says(house.general, "meanwhile")
        house.bort.edits(first, "first, edited")
        house.bort.deletes(gone)
        await theatre.hears("meanwhile")
        await theatre.until(lambda: theatre.of(Removed))
        await theatre.until(lambda: theatre.of(Edited))
        await theatre.is_free()
        house.bort.says(house.general, "afterwards")
        await theatre.hears("afterwards")
        assert theatre.words() == ["first", "gone soon", "meanwhile", "afterwards"]


async def test_a_session_that_is_forgotten_is_begun_anew_and_the_gap_is_read() -> None:
    """Op 9, not resumable: discord.py waits five seconds before it identifies again."""
    async with a_house() as house, playing(house) as theatre:
        house.discord.faults.invalidate(house.bot)
        for number in range(130):
            house.bort.says(house.general, f"meanwhile {number}")
        await theatre.hears("meanwhile 129")
        assert theatre.words() == [f"meanwhile {number}" for number in range(130)]


async def test_what_happened_out_of_sight_of_a_dead_connection_is_read() -> None:
    """By the time that Discord tells of it, the permission is back already."""
    async with a_house() as house, playing(house) as theatre:
        first = house.bort.says(house.general, "first")
        await theatre.hears("first")
        house.discord.faults.freeze_gateway(house.bot)
        view = int(Permission.VIEW_CHANNEL)
        house.discord.set_overwrite(house.general, house.bot, deny=view)
        house.bort.edits(first, "first, edited")
        house.bort.says(house.general, "unseen")
        house.discord.set_overwrite(house.general, house.bot)
        house.discord.faults.drop_gateway(house.bot)
        await theatre.hears("unseen")
        await theatre.until(lambda: theatre.of(Edited))
        assert house.discord.gateway.resumes[house.bot.user.id] == 1


async def test_events_that_come_twice_are_heard_once() -> None:
    async with a_house() as house, playing(house) as theatre:
        house.discord.faults.duplicate(2)
        house.bort.says(house.general, "one")
        house.bort.says(house.general, "two")
        house.bort.says(house.general, "three")
        await theatre.hears("three")
        assert theatre.words() == ["one", "two", "three"]


async def test_while_the_connection_is_away_the_talk_is_hindered_and_says_why() -> None:
    async with a_house() as house, playing(house) as theatre:
        malformed(theatre)
        unreadable = "Discord sent something that cannot be read (KeyError)"
        await theatre.until(lambda: theatre.hindrance() == unreadable)
        await theatre.is_free()


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize("after", [False, True], ids=["not done", "done"])
async def test_an_error_of_the_server_posts_at_most_once(status: int, after: bool) -> None:
    async with a_house() as house, playing(house) as theatre:
        house.discord.faults.fail(status, method="POST", path=WEBHOOK, after=after)
        if after:
            message = await theatre.says("once")
            assert message is not None
            assert message.id == id_of(house.general.history[-1])
        else:
            with pytest.raises(PlatformError, match=f"Juno: not posted: .*{status}"):
                await theatre.says("once")
        assert [m.content for m in house.general.history] == ["once"] * after
        await theatre.says("twice", nonce="n-2")
        assert [m.content for m in house.general.history][-1] == "twice"


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize("kind", ["hang", "cut"])
async def test_an_answer_that_never_comes_posts_at_most_once(kind: str, after: bool) -> None:
    async with a_house() as house, playing(house, patience=HASTY) as theatre:
        await theatre.says("before")
        getattr(house.discord.faults, kind)(method="POST", path=WEBHOOK, after=after)
        if after:
            message = await theatre.says("once", nonce="n-2")
            assert message is not None
            assert message.id == id_of(house.general.history[-1])
        else:
            with pytest.raises(PlatformError, match="Juno: not posted: "):
                await theatre.says("once", nonce="n-2")
        assert [m.content for m in house.general.history] == ["before", *["once"] * after]


async def test_words_that_are_out_are_found_in_the_channel_when_no_echo_came() -> None:
    async with a_house() as house, playing(house, patience=HASTY) as theatre:
        await theatre.says("same words")
        house.discord.faults.freeze_gateway(house.bot)
        house.discord.faults.hang(method="POST", path=WEBHOOK, after=True)
        message = await theatre.says("same words", nonce="n-2")
        assert message is not None
        assert message.id == id_of(house.general.history[-1])
        assert len(house.general.history) == 2


async def test_words_of_which_nobody_can_tell_are_not_posted_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with a_house() as house, playing(house) as theatre:
        house.discord.faults.freeze_gateway(house.bot)
        house.discord.faults.cut(method="POST", path=WEBHOOK, after=True)
        house.discord.faults.fail(503, method="GET", path=MESSAGES, times=None)
        assert await theatre.says("once") is None
        assert "whether Juno's words are out cannot be told" in caplog.text
        assert len(house.general.history) == 1


@pytest.mark.parametrize("scope", ["user", "global", "shared"])
async def test_too_many_requests_wait_and_are_made_again(scope: str) -> None:
    async with a_house() as house, playing(house) as theatre:
        house.discord.faults.limit(0.2, scope=scope, method="POST", path=WEBHOOK, times=2)  # type: ignore[arg-type]
        assert await theatre.says("patience") is not None
        assert [m.content for m in house.general.history] == ["patience"]


async def test_a_webhook_that_was_deleted_is_made_again() -> None:
    async with a_house() as house, playing(house) as theatre:
        await theatre.says("one")
        (webhook,) = house.general.webhooks.values()
        house.discord.delete_webhook(webhook)
        assert await theatre.says("two", nonce="n-2") is not None
        assert [m.author_name for m in house.general.history] == ["Juno", "Juno"]


async def test_a_webhook_that_is_deleted_unnoticed_is_made_again() -> None:
    async with a_house() as house, playing(house) as theatre:
        await theatre.says("one")
        house.discord.faults.freeze_gateway(house.bot)
        house.discord.delete_webhook(next(iter(house.general.webhooks.values())))
        assert await theatre.says("two", nonce="n-2") is not None
        assert [m.author_name for m in house.general.history] == ["Juno", "Juno"]


async def test_without_webhooks_a_name_stands_in_front() -> None:
    no_webhooks = WEBHOOK_BOT & ~Permission.MANAGE_WEBHOOKS
    async with a_house(permissions=no_webhooks) as house, playing(house) as theatre:
        message = await theatre.says("hello _there_")
        assert message is not None
        (posted,) = house.general.history
        assert posted.content == "**Juno**: hello \\_there\\_"
        assert (posted.author, message.text) == (house.bot.user, "hello _there_")
        house.bort.says(house.general, "hi", reply_to=posted)
        heard = await theatre.hears("hi")
        assert heard.reply_to == message.id
        house.discord.set_permissions(house.bot, house.kettle, WEBHOOK_BOT)
        house.bort.says(house.general, "now")
        await theatre.hears("now")
        assert await theatre.says("better", nonce="n-2") is not None
        assert house.general.history[-1].author_name == "Juno"


async def test_a_permission_that_is_taken_away_hinders_until_it_is_given_back() -> None:
    async with a_house() as house, playing(house) as theatre:
        house.discord.set_overwrite(house.general, house.bot, deny=Permission.SEND_MESSAGES)
        await theatre.until(theatre.hindrance)
        assert theatre.hindrance() == "BotConvo may not: Send Messages"
        house.bort.says(house.general, "are you there?")
        await theatre.hears("are you there?")
        house.discord.set_overwrite(house.general, house.bot, allow=Permission.SEND_MESSAGES)
        await theatre.is_free()
        assert await theatre.says("yes") is not None


async def test_what_was_said_while_the_channel_could_not_be_seen_is_read_afterwards() -> None:
    async with a_house() as house, playing(house) as theatre:
        house.bort.says(house.general, "first")
        await theatre.hears("first")
        house.discord.set_overwrite(house.general, house.bot, deny=Permission.VIEW_CHANNEL)
        await theatre.until(theatre.hindrance)
        house.bort.says(house.general, "unseen")
        house.discord.set_overwrite(house.general, house.bot, allow=Permission.VIEW_CHANNEL)
        await theatre.hears("unseen")
        await theatre.is_free()


async def test_what_discord_forbids_without_a_reason_is_tried_again_later() -> None:
    async with a_house() as house, playing(house) as theatre:
        house.discord.faults.fail(403, method="POST", path=WEBHOOK)
        with pytest.raises(PlatformError, match="not allowed here"):
            await theatre.says("one")
        await theatre.until(theatre.hindrance)
        await theatre.is_free()
        assert await theatre.says("two", nonce="n-2") is not None


async def test_a_channel_that_is_deleted_ends_only_its_own_talk() -> None:
    async with a_house() as house:
        other = house.discord.add_channel(house.kettle, "other")
        listens = frozenset({other.id})
        rules = [
            ChannelRules(id=house.general.id, listens_to=listens),
            ChannelRules(id=other.id),
        ]
        async with playing(house, *rules) as theatre:
            await theatre.is_free()
            await theatre.is_free(other)
            house.discord.delete_channel(house.general)
            await theatre.until(lambda: theatre.of(Closed))
            assert await theatre.says("still here", channel=other) is not None
            with pytest.raises(PlatformError, match="there is no channel"):
                await theatre.says("hello?")
            house.bort.says(other, "who was that?")
            await theatre.hears("who was that?", other)
            of_general = [e for talk, e in theatre.happened if talk == talk_in(house.general)]
            assert of_general[-1] == Closed()


async def test_a_thread_ends_when_it_is_deleted_or_its_channel_is() -> None:
    async with a_house() as house:
        rules = ChannelRules(id=house.general.id, threads=True)
        threads = [house.bort.starts_thread(house.general, name) for name in ("tea", "milk")]
        async with playing(house, rules) as theatre:
            for thread in threads:
                await theatre.is_free(thread)
            house.discord.delete_channel(threads[0])
            await theatre.until(lambda: theatre.of(Closed, threads[0]))
            assert theatre.of(Closed, threads[1]) == theatre.of(Closed) == []
            house.discord.delete_channel(house.general)
            await theatre.until(lambda: theatre.of(Closed, threads[1]) and theatre.of(Closed))


async def test_a_server_that_puts_the_bot_out_ends_its_talks_until_it_is_back() -> None:
    async with a_house() as house, playing(house) as theatre:
        await theatre.is_free()
        house.discord.put_out(house.bot, house.kettle)
        await theatre.until(lambda: theatre.of(Closed))
        house.discord.invite(house.bot, house.kettle)
        await theatre.until(lambda: len(theatre.of(Opened)) == 2)
        house.bort.says(house.general, "there you are")
        await theatre.hears("there you are")


async def test_what_was_deleted_while_nobody_listened_has_ended() -> None:
    async with a_house() as house, playing(house) as theatre:
        await theatre.is_free()
        house.discord.faults.refuse_resume()
        house.discord.faults.close_gateway(house.bot)
        house.discord.delete_channel(house.general)
        await theatre.until(lambda: theatre.of(Closed))


async def test_an_outage_ends_no_talk() -> None:
    async with a_house() as house, playing(house) as theatre:
        await theatre.is_free()
        house.discord.faults.begin_outage(house.bot, house.kettle)
        house.discord.faults.refuse_resume()
        house.discord.faults.close_gateway(house.bot)
        await theatre.until(lambda: "not there at present" in str(theatre.hindrance()))
        house.discord.faults.end_outage(house.bot, house.kettle)
        await theatre.is_free()
        house.bort.says(house.general, "and on")
        await theatre.hears("and on")
        assert theatre.of(Closed) == []


async def test_a_channel_that_cannot_be_seen_is_told_once_and_opened_when_it_can(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with a_house() as house:
        elsewhere = house.discord.add_guild("Elsewhere")
        hall = house.discord.add_channel(elsewhere, "hall")
        rules = [ChannelRules(id=house.general.id), ChannelRules(id=hall.id)]
        async with playing(house, *rules) as theatre:
            assert caplog.text.count(f"channel {hall.id}: the bot does not see it") == 1
            house.discord.invite(house.bot, elsewhere)
            await theatre.is_free(hall)


async def test_a_revoked_token_is_told_and_other_things_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with a_house() as house, playing(house) as theatre:
        house.discord.revoke_token(house.bot)
        await theatre.until(lambda: "TOKEN: Discord refuses this token" in str(theatre.hindrance()))
        with pytest.raises(PlatformError):
            await theatre.says("hello?")
    assert house.bot.token not in caplog.text


@asynccontextmanager
async def a_gateway_without_a_word(reached: asyncio.Event) -> AsyncIterator[str]:
    """It takes connections and never says hello."""

    async def be_silent(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await socket.ping()
        async for message in socket:
            if message.type is WSMsgType.PONG:
                reached.set()
        return socket

    app = web.Application()
    app.router.add_get("/", be_silent)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def test_a_connection_that_discord_never_greeted_is_closed_as_well() -> None:
    reached = asyncio.Event()
    asyncio.get_running_loop().set_debug(True)  # aiohttp is silent about some of them otherwise
    async with a_house() as house, a_gateway_without_a_word(reached) as address:
        platform = a_platform(house)
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(address)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            async with platform:
                await reached.wait()
            await asyncio.sleep(0)  # the loop lets go of what has ended
            gc.collect()
        assert [str(each.message) for each in told] == []


async def test_a_run_may_end_while_a_lost_client_is_being_closed() -> None:
    async with a_house() as house:
        for number in range(5):
            async with playing(house) as theatre:
                house.bort.says(house.general, f"last words {number}")
                malformed(theatre)
                await theatre.hears(f"last words {number}")


async def test_a_wrong_token_is_told_at_once() -> None:
    async with a_house() as house:
        wrong = house.bot.token[:-3] + "xyz"
        with pytest.raises(PlatformError, match="TOKEN: Discord refuses this token"):
            async with playing(house, token=wrong):
                pass
        with pytest.raises(PlatformError, match=r"TOKEN: it is no bot's token"):
            async with playing(house, token="abc"):
                pass


async def test_an_intent_that_is_off_is_told_at_once() -> None:
    async with a_house(message_content=False) as house:
        with pytest.raises(PlatformError, match="BotConvo: the Message Content intent is off"):
            async with playing(house):
                pass


async def test_an_intent_that_is_switched_off_later_is_told_until_it_is_on_again() -> None:
    async with a_house() as house, playing(house) as theatre:
        house.bot.message_content = False
        house.discord.faults.close_gateway(house.bot, 4014)
        await theatre.until(lambda: "Message Content intent is off" in str(theatre.hindrance()))
        house.bot.message_content = True
        await theatre.is_free()


async def test_the_history_that_cannot_be_read_at_first_is_read_in_the_end() -> None:
    async with a_house() as house, playing(house) as theatre:
        house.bort.says(house.general, "first")
        await theatre.hears("first")
        house.discord.faults.fail(503, method="GET", path=MESSAGES, times=4)
        malformed(theatre)
        house.bort.says(house.general, "meanwhile")
        await theatre.hears("meanwhile")
        assert theatre.words() == ["first", "meanwhile"]


async def test_nothing_is_logged_as_a_bug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with a_house() as house, playing(house) as theatre:
        for fault in GATEWAY.values():
            fault(theatre)
            house.bort.says(house.general, f"after {fault}")
            await theatre.hears(f"after {fault}")
            await theatre.is_free()
    assert [r.message for r in caplog.records if r.levelno >= logging.ERROR] == []
    assert [r.message for r in caplog.records if r.exc_info] == []
