"""The platform on a rehearsed Discord: what people do is heard, what clones say appears."""

import pytest
from platforms.discord.theatre import (
    JUNO,
    MAREK,
    a_house,
    id_of,
    playing,
    talk_in,
)

from botconvo.conversation.events import (
    Edited,
    Heard,
    Opened,
    Overheard,
    Reacted,
    Removed,
    TypingSeen,
)
from botconvo.errors import PlatformError
from botconvo.messages import Message, MessageId
from botconvo.platforms.discord.places import ChannelRules
from botconvo.platforms.discord.text import LIMIT
from botconvo.rehearsal import ChannelType, File

SECRETS = pytest.mark.parametrize(
    "text",
    [
        "@everyone @here come",
        "[click](https://evil.example) now",
        "join discord.gg/abcdef please",
        "\u202egnihtemos\u202c <@&1> <#2>",
        "🦊" * 4000,
        " ".join(f"<@{number}>" for number in range(10**17, 10**17 + 50)),
    ],
    ids=["everyone", "masked link", "invitation", "direction", "4000 emoji", "50 mentions"],
)


async def test_what_people_do_is_heard() -> None:
    async with a_house() as house, playing(house) as theatre:
        said = house.bort.says(house.general, "hi Juno")
        heard = await theatre.hears("hi Juno")
        assert (heard.author.id, heard.author.name) == (f"discord:{house.bort.id}", "Bort")
        assert (heard.id, heard.channel) == (id_of(said), talk_in(house.general))
        house.bort.edits(said, "hello Juno")
        (edited,) = await theatre.until(lambda: theatre.of(Edited))
        assert (edited.message.text, edited.message.revision > 0) == ("hello Juno", True)
        house.bort.reacts(said, "🔥")
        (reacted,) = await theatre.until(lambda: theatre.of(Reacted))
        assert (reacted.emoji, reacted.author.name) == ("🔥", "Bort")
        house.bort.types(house.general)
        (typing,) = await theatre.until(lambda: theatre.of(TypingSeen))
        assert typing.author == heard.author.id
        house.bort.deletes(said)
        (removed,) = await theatre.until(lambda: theatre.of(Removed))
        assert removed.message == heard.id


async def test_mentions_become_names_and_files_become_pictures() -> None:
    async with a_house() as house, playing(house) as theatre:
        text = f"{house.bort.mention} and <#{house.general.id}> and <@999>"
        files = [
            File(name="a.png"),
            File(name="b.mp4"),
            File(name="c.zip", size=25 * 1024 * 1024),
        ]
        house.bort.says(house.general, text, files=files)
        heard = await theatre.hears("@Bort and #general and <@999>")
        assert [each.kind for each in heard.attachments] == ["photo", "video", "file"]


async def test_a_persona_speaks_through_a_webhook_under_its_own_name() -> None:
    async with a_house() as house, playing(house) as theatre:
        message = await theatre.says("the *goblin* is @everyone's")
        assert message is not None
        (posted,) = house.general.history
        assert (posted.author_name, posted.webhook is not None) == ("Juno", True)
        assert not posted.pings_somebody
        assert (message.id, message.text) == (id_of(posted), "the *goblin* is @everyone's")
        assert (message.author.kind, message.author.name) == ("clone", "Juno")
        assert posted.content == "the \\*goblin\\* is @\u200beveryone's"
        house.bort.says(house.general, "who said that?")
        await theatre.hears("who said that?")
        assert theatre.words() == ["who said that?"], "its own words are no news"


@SECRETS
async def test_nothing_that_a_clone_says_pings_links_or_is_too_long(text: str) -> None:
    async with a_house() as house, playing(house) as theatre:
        await theatre.says(f"so {text}")
        (posted,) = house.general.history
        assert not posted.pings_somebody
        assert len(posted.content) <= LIMIT
        assert "discord.gg/" not in posted.content
        assert "https://" not in posted.content


async def test_words_of_which_nothing_is_left_are_not_posted() -> None:
    async with a_house() as house, playing(house) as theatre:
        with pytest.raises(PlatformError, match="Juno: nothing is left"):
            await theatre.says("https://evil.example \u200b\u200f")
        assert house.general.history == []


async def test_a_reply_through_a_webhook_is_a_quotation_with_a_link() -> None:
    async with a_house() as house, playing(house) as theatre:
        asked = house.bort.says(house.general, "who has the *bone*?")
        await theatre.hears("who has the *bone*?")
        message = await theatre.says("me", reply_to=id_of(asked))
        assert message is not None
        link = f"https://discord.com/channels/{house.kettle.id}/{house.general.id}/{asked.id}"
        posted = house.general.history[-1]
        assert posted.content == f"> **Bort**: who has the \\*bone\\*? {link}\nme"
        assert (message.text, message.reply_to) == ("me", id_of(asked))
        house.bort.says(house.general, "really?", reply_to=posted)
        assert (await theatre.hears("really?")).reply_to == message.id


async def test_a_reply_to_a_message_that_nobody_remembers_is_quoted_all_the_same() -> None:
    async with a_house() as house:
        old = house.bort.says(house.general, "long ago")
        async with playing(house) as theatre:
            await theatre.says("indeed", reply_to=id_of(old))
            assert house.general.history[-1].content.startswith("> **Bort**: long ago https://")


async def test_a_reaction_comes_from_the_bot() -> None:
    async with a_house() as house, playing(house) as theatre:
        said = house.bort.says(house.general, "look")
        await theatre.hears("look")
        await theatre.reacts("🔥", id_of(said))
        assert said.reactions == {"🔥": [house.bot.user]}
        assert theatre.of(Reacted) == [], "its own reaction is no news"


async def test_an_emoji_that_the_server_does_not_have_is_not_tried() -> None:
    async with a_house() as house, playing(house) as theatre:
        said = house.bort.says(house.general, "look")
        with pytest.raises(PlatformError, match="no emoji :pog: in this server"):
            await theatre.reacts(":pog:", id_of(said))


async def test_typing_is_shown() -> None:
    async with a_house() as house, playing(house) as theatre:
        await theatre.platform.show_typing(talk_in(house.general), JUNO)
        assert [typing.user for typing in house.general.typings] == [house.bot.user]


async def test_several_channels_servers_and_threads_are_talks_of_their_own() -> None:
    async with a_house() as house:
        discord = house.discord
        other = discord.add_guild("The Rusty Anchor")
        discord.invite(house.bot, other)
        anchor = discord.add_channel(other, "deck")
        carol = discord.add_person("Carol", other)
        thread = house.bort.starts_thread(house.general, "about tea")
        rules = [ChannelRules(id=house.general.id, threads=True), ChannelRules(id=anchor.id)]
        async with playing(house, *rules) as theatre:
            for channel in (anchor, thread):
                await theatre.is_free(channel)
            house.bort.says(thread, "in the thread")
            carol.says(anchor, "on deck")
            house.bort.says(house.general, "here")
            await theatre.hears("here")
            await theatre.hears("on deck", anchor)
            await theatre.hears("in the thread", thread)
            assert [theatre.words(c) for c in (house.general, anchor, thread)] == [
                ["here"],
                ["on deck"],
                ["in the thread"],
            ]
            for channel in (anchor, thread):
                message = await theatre.says("hello", channel=channel)
                assert message is not None
                assert (message.id, message.channel) == (
                    id_of(channel.history[-1]),
                    talk_in(channel),
                )
            later = house.bort.starts_thread(house.general, "about milk")
            await theatre.is_free(later)


async def test_threads_are_left_alone_unless_the_owner_wants_them() -> None:
    async with a_house() as house, playing(house) as theatre:
        thread = house.bort.starts_thread(house.general, "about tea")
        house.bort.says(thread, "in the thread")
        house.bort.says(house.general, "here")
        await theatre.hears("here")
        assert theatre.of(Opened, thread) == []


async def test_a_channel_hears_the_people_of_another_only_if_it_listens_to_it() -> None:
    async with a_house() as house:
        news = house.discord.add_channel(house.kettle, "news")
        rules = ChannelRules(id=house.general.id, listens_to=frozenset({news.id}))
        async with playing(house, rules) as theatre:
            said = house.bort.says(news, "there is a bone")
            (overheard,) = await theatre.until(lambda: theatre.of(Overheard))
            assert (overheard.message.id, overheard.message.text) == (id_of(said), said.content)
            assert theatre.of(Opened, news) == []
            await theatre.says("where?", reply_to=overheard.message.id)
            assert f"/{news.id}/{said.id}" in house.general.history[-1].content


async def test_direct_messages_are_a_talk_only_if_they_are_allowed() -> None:
    async with a_house() as house:
        direct = house.bort.dm(house.bot)
        async with playing(house, direct=True) as theatre:
            house.bort.says(direct, "psst")
            await theatre.hears("psst", direct)
            message = await theatre.says("what?", channel=direct)
            assert message is not None
            assert direct.history[-1].content == "**Juno**: what?"
            assert message.text == "what?"
        async with playing(house) as theatre:
            house.bort.says(direct, "psst again")
            house.bort.says(house.general, "here")
            await theatre.hears("here")
            assert theatre.of(Opened, direct) == []


async def test_what_was_said_since_the_last_run_is_heard_and_nothing_from_before() -> None:
    async with a_house() as house:
        house.bort.says(house.general, "before anybody listened")
        kept: list[Message] = []
        async with playing(house) as theatre:
            house.bort.says(house.general, "first")
            gone = house.bort.says(house.general, "second")
            await theatre.hears("second")
            await theatre.says("third")
            kept = [h.message for h in theatre.of(Heard)]
        house.bort.says(house.general, "while it was away")
        house.bort.deletes(gone)
        async with playing(house, remembered=lambda _: kept) as theatre:
            await theatre.hears("while it was away")
            assert theatre.words() == ["third", "while it was away"]
            assert [h.message.author.kind for h in theatre.of(Heard)] == ["clone", "person"]
            assert [r.message for r in theatre.of(Removed)] == [id_of(gone)]


async def test_words_that_come_before_the_session_is_ready_are_heard() -> None:
    async with a_house() as house, playing(house, wait=False) as theatre:
        await house.discord.wait_until_connected(house.bot)
        house.bort.says(house.general, "first")
        house.bort.says(house.general, "second")
        await theatre.hears("second")
        assert theatre.words() == ["first", "second"]


async def test_others_bots_are_bots_and_the_bots_own_notes_are_nobodys() -> None:
    async with a_house() as house:
        other = house.discord.add_bot("Helper", house.kettle)
        async with playing(house) as theatre:
            note = await theatre.platform.notify(talk_in(house.general), "these are clones")
            assert note is not None
            assert note.author.kind == "system"
            async with playing(house, token=other.token, wait=False):
                pass
            house.bort.says(house.general, "here")
            await theatre.hears("here")
            assert theatre.words() == ["here"]
            assert house.general.history[0].content == "these are clones"


async def test_what_a_clone_said_can_be_taken_back() -> None:
    async with a_house() as house, playing(house) as theatre:
        message = await theatre.says("oops")
        assert message is not None
        await theatre.platform.delete(talk_in(house.general), message.id)
        assert house.general.history[-1:] == [] or house.general.history[-1].deleted
        await theatre.platform.delete(talk_in(house.general), message.id)


async def test_a_channel_that_is_not_one_is_refused() -> None:
    async with a_house() as house, playing(house) as theatre:
        forum = house.discord.add_channel(house.kettle, "forum", ChannelType.FORUM)
        with pytest.raises(PlatformError, match="there is no channel"):
            await theatre.says("hi", channel=forum)
        with pytest.raises(PlatformError, match="is not an id of Discord"):
            await theatre.reacts("🔥", MessageId("console:main/1"), by=MAREK)


async def test_a_draft_below_a_notice_is_as_harmless_as_what_is_posted() -> None:
    async with a_house() as house, playing(house) as theatre:
        here = talk_in(house.general)
        draft = "@everyone **look** discord.gg/abc [me](https://evil.example) " + "🙂" * 2000
        notice = await theatre.platform.notify(here, "Juno in <#1>:", draft)
        assert notice is not None
        (posted,) = house.general.history
        assert posted.content.startswith("Juno in <#1>:\n@\u200beveryone \\*\\*look")
        assert "evil" not in posted.content
        assert "discord.gg" not in posted.content
        assert not posted.pings_somebody
        assert len(posted.content.encode("utf-16-le")) // 2 <= 2000
