"""Who a clone is on Discord: a webhook's name and picture, or an account of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from platforms.discord.theatre import (
    JUNO,
    MAREK,
    House,
    Theatre,
    a_cast,
    a_house,
    id_of,
    playing,
    talk_in,
)
from pydantic import SecretStr

from botconvo.conversation.events import Heard, Opened
from botconvo.errors import PlatformError
from botconvo.personas import PersonaName
from botconvo.platforms.discord.places import ChannelRules
from botconvo.platforms.discord.platform import DiscordCast
from botconvo.rehearsal import Application

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "juno.png"
    path.write_bytes(PNG)
    return path


def names(house: House) -> list[str]:
    return sorted(webhook.name for webhook in house.general.webhooks.values())


async def test_a_picture_file_is_the_picture_of_the_personas_own_webhook(picture: Path) -> None:
    async with a_house() as house:
        for run in range(2):
            async with playing(house, pictures={JUNO: picture}) as theatre:
                await theatre.says("one", nonce=f"a{run}")
                await theatre.says("two", by=MAREK, nonce=f"b{run}")
        shared, own = names(house)
        assert (shared, own.rsplit(" ", 1)[0]) == ("BotConvo", "BotConvo Juno")
        assert [m.author_name for m in house.general.history] == ["Juno", "Marek"] * 2
        (hook,) = [w for w in house.general.webhooks.values() if w.name == own]
        assert hook.avatar is not None
        await asyncio.to_thread(picture.write_bytes, PNG + b"new")
        async with playing(house, pictures={JUNO: picture}) as theatre:
            before = hook.avatar
            await theatre.says("three", nonce="c")
        assert len(house.general.webhooks) == 2
        assert hook.avatar != before
        assert hook.name != own


async def test_an_https_picture_is_brought_along_by_the_shared_webhook() -> None:
    async with a_house() as house:
        address = "https://pictures.example/juno.png"
        async with playing(house, pictures={JUNO: address}) as theatre:
            await theatre.says("hello")
        assert names(house) == ["BotConvo"]
        assert house.general.history[0].author.avatar_url == address


async def test_where_fifteen_webhooks_are_taken_a_name_stands_in_front() -> None:
    async with a_house() as house:
        for number in range(15):
            house.discord.world.add_webhook(house.general, f"hook {number}", house.bort.user)
        async with playing(house) as theatre:
            await theatre.says("hello")
        assert house.general.history[-1].content == "**Juno**: hello"


async def test_a_persona_for_whose_picture_is_no_room_shares_a_webhook(picture: Path) -> None:
    async with a_house() as house:
        for number in range(14):
            house.discord.world.add_webhook(house.general, f"hook {number}", house.bort.user)
        async with playing(house) as theatre:
            await theatre.says("hello")
        async with playing(house, pictures={JUNO: picture}) as theatre:
            await theatre.says("hello again")
        assert [m.author_name for m in house.general.history] == ["Juno", "Juno"]


@asynccontextmanager
async def cast(
    house: House, *, direct: bool = False, wait: bool = True
) -> AsyncIterator[tuple[Theatre, list[Application]]]:
    bots = [house.discord.add_bot(str(name), house.kettle) for name in (JUNO, MAREK)]
    owned: dict[PersonaName, Application] = dict(zip((JUNO, MAREK), bots, strict=True))
    async with playing(house, owned=owned, direct=direct, wait=wait) as theatre:
        for bot in bots if wait else ():
            await house.discord.wait_until_connected(bot)
        yield theatre, bots


async def test_with_accounts_of_their_own_they_reply_and_react_as_themselves() -> None:
    async with a_house() as house, cast(house) as (theatre, (juno, marek)):
        asked = house.bort.says(house.general, f"{marek.user.mention}, tea?")
        heard = await theatre.hears("@Marek, tea?")
        message = await theatre.says("yes", by=MAREK, reply_to=heard.id)
        assert message is not None
        posted = house.general.history[-1]
        assert (posted.author, posted.reply_to, posted.content) == (marek.user, asked.id, "yes")
        assert not posted.pings_somebody
        await theatre.reacts("☕", heard.id, by=JUNO)
        assert asked.reactions == {"☕": [juno.user]}
        await theatre.platform.show_typing(talk_in(house.general), MAREK)
        assert [typing.user for typing in house.general.typings] == [marek.user]
        house.bort.says(house.general, "thanks", reply_to=posted)
        assert (await theatre.hears("thanks")).reply_to == message.id
        assert theatre.words() == ["@Marek, tea?", "thanks"], "heard once, and no echoes"


async def test_each_account_shows_whether_its_persona_is_there() -> None:
    async with a_house() as house, cast(house) as (theatre, (juno, marek)):
        await theatre.platform.show_presence(JUNO, away=True)
        await house.discord.wait_for(lambda: juno.user.status in ("offline", "invisible"))
        assert marek.user.status == "online"
        await theatre.platform.show_presence(JUNO, away=False)
        await house.discord.wait_for(lambda: juno.user.status == "online")


@pytest.mark.parametrize("resumable", [True, False])
async def test_whoever_is_away_is_away_in_a_new_session_too(resumable: bool) -> None:
    async with a_house() as house, cast(house) as (theatre, (_, marek)):
        await theatre.platform.show_presence(MAREK, away=True)
        await house.discord.wait_for(lambda: marek.user.status == "offline")
        gateway, seen = house.discord.gateway, []
        sessions = dict(gateway.resumes if resumable else gateway.identifies)
        house.discord.faults.drop_gateway(marek)
        if not resumable:
            gateway.forget(marek)

        def is_back() -> bool:
            seen.append(marek.user.status)
            now = gateway.resumes if resumable else gateway.identifies
            return now.get(marek.user.id, 0) > sessions.get(marek.user.id, 0)

        await house.discord.wait_for(is_back, timeout_s=30)
        await house.discord.wait_for(lambda: marek.user.status == "offline")
        if not resumable:
            assert "online" not in seen, "not for a moment"


async def test_whoever_goes_before_it_is_connected_is_away_then() -> None:
    async with a_house() as house:
        house.discord.faults.delay(1.0, path="/gateway", times=None)
        async with cast(house, wait=False) as (theatre, (_, marek)):
            await theatre.platform.show_presence(MAREK, away=True)
            house.discord.faults.clear()
            await house.discord.wait_until_connected(marek)
            await house.discord.wait_for(lambda: marek.user.status == "offline")


async def test_an_error_of_the_server_is_tried_again_and_posts_once() -> None:
    """discord.py repeats after an error of 500; the nonce keeps Discord from posting twice."""
    async with a_house() as house, cast(house) as (theatre, _):
        path = r"^/channels/\d+/messages$"
        house.discord.faults.fail(500, method="POST", path=path, after=True)
        house.discord.faults.cut(method="POST", path=path, after=True)
        message = await theatre.says("once")
        assert message is not None
        assert [m.content for m in house.general.history] == ["once"]
        assert message.id == id_of(house.general.history[0])


async def test_direct_messages_to_a_persona_are_answered_by_it_alone() -> None:
    async with a_house() as house, cast(house, direct=True) as (theatre, (_, marek)):
        direct = house.bort.dm(marek)
        house.bort.says(direct, "psst")
        await theatre.hears("psst", direct)
        assert theatre.platform.limits(talk_in(direct)).personas == frozenset({MAREK})
        await theatre.says("yes?", by=MAREK, channel=direct)
        assert direct.history[-1].author is marek.user
        assert len(theatre.of(Opened, direct)) == 1


async def test_direct_messages_from_while_a_personas_account_was_away_are_read() -> None:
    async with a_house() as house, cast(house, direct=True) as (theatre, (juno, marek)):
        direct = house.bort.dm(marek)
        house.bort.says(direct, "psst")
        await theatre.hears("psst", direct)
        house.discord.revoke_token(marek)
        await theatre.until(lambda: "refuses this token" in str(theatre.hindrance(direct)))
        assert theatre.hindrance() is None, "the others hear and speak"
        house.bort.says(direct, "are you there?")
        theatre.platform.take_up(a_cast({JUNO: juno, MAREK: marek}))
        await theatre.hears("are you there?", direct)
        await theatre.is_free(direct)
        assert theatre.words(direct) == ["psst", "are you there?"]
        theatre.platform.take_up(a_cast({JUNO: juno}))
        await theatre.until(lambda: "has left" in str(theatre.hindrance(direct)))


async def test_a_persona_without_an_account_says_so() -> None:
    async with a_house() as house, cast(house) as (theatre, _):
        with pytest.raises(PlatformError, match="Tilly has no account on Discord"):
            await theatre.says("hi", by=PersonaName("Tilly"))


async def test_one_account_that_is_away_does_not_keep_the_others_from_speaking() -> None:
    async with a_house() as house, cast(house) as (theatre, (_, marek)):
        house.discord.revoke_token(marek)
        house.bort.says(house.general, "hello?")
        await theatre.hears("hello?")
        assert await theatre.says("here", by=JUNO) is not None
        with pytest.raises(PlatformError):
            await theatre.says("and me", by=MAREK, nonce="n-2")
        assert theatre.hindrance() is None


async def test_who_may_talk_where_and_how_is_the_channels_own() -> None:
    async with a_house() as house:
        rules = ChannelRules(id=house.general.id, personas=frozenset({MAREK}))
        async with playing(house, rules) as theatre:
            limits = theatre.platform.limits(talk_in(house.general))
            assert (limits.personas, limits.people) == (frozenset({MAREK}), True)


async def test_two_runs_at_once_hear_each_other_as_clones() -> None:
    async with a_house() as house, playing(house) as one, playing(house) as other:
        await one.says("hello")
        await other.hears("hello")
        (heard,) = other.of(Heard)
        assert (heard.message.author.kind, heard.message.author.name) == ("clone", "Juno")
        await asyncio.sleep(0)
        assert one.words() == []


async def test_a_token_that_was_reset_is_taken_up_while_it_runs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with a_house() as house, playing(house) as theatre:
        token = house.discord.revoke_token(house.bot)
        await theatre.until(lambda: "refuses this token" in str(theatre.hindrance()))
        house.bort.says(house.general, "meanwhile")
        fresh = DiscordCast(personas=[JUNO, MAREK], tokens={"TOKEN": SecretStr(token)})
        theatre.platform.take_up(fresh)
        await theatre.is_free()
        await theatre.hears("meanwhile")
        assert await theatre.says("here again") is not None
        identified = house.discord.gateway.identifies[house.bot.id]
        theatre.platform.take_up(fresh)
        house.bort.says(house.general, "and now?")
        await theatre.hears("and now?")
        assert house.discord.gateway.identifies[house.bot.id] == identified, "the same token"
    assert token not in caplog.text


async def test_personas_with_accounts_of_their_own_come_and_go_and_get_new_tokens() -> None:
    async with a_house() as house, cast(house) as (theatre, (juno, marek)):
        tilly, name = house.discord.add_bot("Tilly", house.kettle), PersonaName("Tilly")
        theatre.platform.take_up(a_cast({JUNO: juno, MAREK: marek, name: tilly}))
        await house.discord.wait_until_connected(tilly)
        await theatre.says("I am new", by=name)
        assert house.general.history[-1].author is tilly.user

        house.discord.revoke_token(marek)
        connections = house.discord.gateway.connections_of
        await house.discord.wait_for(lambda: not list(connections(marek)))
        theatre.platform.take_up(a_cast({JUNO: juno, MAREK: marek, name: tilly}))
        await house.discord.wait_until_connected(marek)
        await theatre.says("and I am back", by=MAREK, nonce="n-2")
        assert house.general.history[-1].author is marek.user

        theatre.platform.take_up(a_cast({JUNO: juno, name: tilly}))
        await house.discord.wait_for(lambda: not list(connections(marek)))
        with pytest.raises(PlatformError, match="Marek has no account"):
            await theatre.says("and I?", by=MAREK, nonce="n-3")
        house.bort.says(house.general, "bye")
        await theatre.hears("bye")
        assert theatre.words() == ["bye"], "no echoes"


async def test_whose_account_hears_for_all_may_leave_and_it_goes_on_hearing() -> None:
    async with a_house() as house, cast(house) as (theatre, (juno, marek)):
        theatre.platform.take_up(a_cast({MAREK: marek}))
        house.bort.says(house.general, "who is there?")
        await theatre.hears("who is there?")
        await theatre.says("I am", by=MAREK)
        with pytest.raises(PlatformError, match="Juno has no account"):
            await theatre.says("and I?", by=JUNO, nonce="n-2")
        theatre.platform.take_up(a_cast({MAREK: marek, JUNO: juno}))
        house.bort.says(house.general, "welcome")
        await theatre.hears("welcome")
        await theatre.says("hello", by=JUNO, nonce="n-3")
        assert house.general.history[-1].author is juno.user
        assert house.discord.gateway.identifies[juno.id] == 1
