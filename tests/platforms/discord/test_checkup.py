"""``botconvo doctor --discord`` says what is wrong and where it is mended."""

import pytest
from platforms.discord.theatre import House, a_house, talk_in
from pydantic import SecretStr

from botconvo.messages import ChannelId
from botconvo.platforms.discord.account import use_addresses
from botconvo.platforms.discord.checkup import Checked, check_discord
from botconvo.platforms.discord.permissions import invite_link, token_trouble
from botconvo.platforms.discord.places import ChannelRules
from botconvo.rehearsal import WEBHOOK_BOT, Permission


async def look(house: House, *rules: ChannelRules, token: str | None = None) -> list[Checked]:
    use_addresses(house.discord.api_base, house.discord.gateway_url)
    tokens = {"TOKEN": SecretStr(token or house.bot.token)}
    return await check_discord(tokens, "webhook", rules)


def told(found: list[Checked], state: str) -> list[str]:
    return [each.what for each in found if each.state == state]


async def test_all_is_well_and_the_link_is_there() -> None:
    async with a_house() as house:
        found = await look(house, ChannelRules(id=house.general.id))
        assert [each.state for each in found] == ["ok", "ok", "ok"]
        assert found[0].what == "TOKEN: the token of the bot BotConvo"
        assert f"client_id={house.bot.id}&" in found[1].what
        assert found[2].what == "#general in The Leaky Kettle: BotConvo may all that it needs"


async def test_what_is_missing_is_named() -> None:
    async with a_house() as house:
        house.discord.set_overwrite(house.general, house.bot, deny=Permission.SEND_MESSAGES)
        rules = ChannelRules(id=house.general.id, listens_to=frozenset({4711}))
        elsewhere = ChannelRules(id=4712)
        found = await look(house, rules, elsewhere)
        assert told(found, "wrong") == [
            "#general in The Leaky Kettle: BotConvo may not: Send Messages",
            f"channel {house.general.id}: listens_to: BotConvo does not see 4711",
            "channel 4712: BotConvo does not see it",
        ]


async def test_what_is_only_wished_for_is_a_note() -> None:
    async with a_house(permissions=WEBHOOK_BOT & ~Permission.MANAGE_WEBHOOKS) as house:
        found = await look(house, ChannelRules(id=house.general.id))
        assert told(found, "note") == [
            "#general in The Leaky Kettle: BotConvo may not: Manage Webhooks"
        ]
        assert told(found, "wrong") == []


async def test_without_a_channel_it_says_which_there_are() -> None:
    async with a_house() as house:
        found = await look(house)
        assert told(found, "note") == [
            f"#general in The Leaky Kettle has the number {house.general.id}"
        ]
        assert told(found, "wrong") == ["no channel to talk in"]


async def test_the_channel_in_which_lines_are_approved_is_looked_at() -> None:
    async with a_house() as house:
        office = house.discord.add_channel(house.kettle, "office")
        general = ChannelRules(id=house.general.id)
        rules = ChannelRules(id=office.id, office=ChannelId(f"discord:4711/{office.id}"))
        found = await look(house, general, rules)
        assert [each.what for each in found[-3:]] == [
            "#office in The Leaky Kettle: lines are approved there, by whoever can react",
            "#office in The Leaky Kettle: everybody in the server sees it, so everybody can "
            "approve lines",
            "reins.approval_channel: #office is in another server than it says",
        ]
        assert found[-1].advice == f'write "discord:{house.kettle.id}/{office.id}"'
        house.discord.set_overwrite(office, house.kettle, deny=Permission.VIEW_CHANNEL)
        assert told(await look(house, general, rules), "wrong") == [
            "#office in The Leaky Kettle: BotConvo may not: View Channel, Send Messages, "
            "Read Message History"
        ]
        allow = Permission.VIEW_CHANNEL | Permission.SEND_MESSAGES
        allow |= Permission.READ_MESSAGE_HISTORY
        house.discord.set_overwrite(office, house.bot, allow=allow)
        right = ChannelRules(id=office.id, office=talk_in(office))
        assert [each.state for each in await look(house, general, right)] == ["ok"] * 4
        unseen = ChannelRules(id=4711, office=ChannelId("discord:1/4711"))
        assert told(await look(house, general, unseen), "wrong") == [
            "reins.approval_channel: 4711: BotConvo does not see it"
        ]
        assert told(await look(house, right), "wrong") == ["no channel to talk in"]


async def test_a_bot_that_nobody_invited_gets_its_link() -> None:
    async with a_house() as house:
        lonely = house.discord.add_bot("Lonely")
        found = await look(house, token=lonely.token)
        assert told(found, "wrong") == ["Lonely is in no server"]
        assert f"client_id={lonely.id}&" in found[-1].advice


async def test_a_wrong_token_and_an_intent_that_is_off_are_told() -> None:
    async with a_house(message_content=False) as house:
        (wrong,) = told(await look(house), "wrong")
        assert wrong.startswith("BotConvo: the Message Content intent is off")
        (refused,) = told(await look(house, token="a.b.c"), "wrong")
        assert "TOKEN: Discord refuses this token" in refused
        (shape,) = told(await look(house, token="abc"), "wrong")
        assert "it is no bot's token" in shape


def test_the_link_asks_for_what_is_needed_and_nothing_more() -> None:
    webhook, accounts = (
        int(invite_link(1, identity).partition("permissions=")[2])
        for identity in ("webhook", "accounts")
    )
    assert webhook & ~accounts == Permission.MANAGE_WEBHOOKS
    assert accounts & Permission.SEND_MESSAGES
    assert not webhook & (Permission.ADMINISTRATOR | Permission.MANAGE_MESSAGES)
    assert "scope=bot+applications.commands" in invite_link(1, "webhook")


@pytest.mark.parametrize(
    ("token", "trouble"),
    [
        ("", "it is empty"),
        ("a.b .c", "spaces"),
        ("mfa.abcdef", "a user's token"),
        ("1218000000000000010", "number"),
        ("abcdef", "three parts"),
    ],
)
def test_what_is_no_token_is_seen_at_first_sight(token: str, trouble: str) -> None:
    assert trouble in (token_trouble(token) or "")


def test_what_may_be_a_token_is_left_to_discord() -> None:
    assert token_trouble("MTIx.Gabc-d.xyz_123") is None
