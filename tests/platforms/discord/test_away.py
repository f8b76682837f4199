"""What people did to messages while nobody listened: heard afterwards, once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from platforms.discord.theatre import Theatre, a_house, id_of, playing, talk_in

from botconvo.conversation.events import Closed, Edited, Heard, Reacted, Removed, Unreacted
from botconvo.messages import Message, Reaction
from botconvo.platforms.discord.places import ChannelRules
from botconvo.rehearsal import Permission

MESSAGES = "/messages"
REACTIONS = "/reactions/"


def break_off(theatre: Theatre) -> None:
    """The client ends, and what happens before the next one is there is not told again."""
    broken = {"id": "1", "content": None}
    theatre.house.discord.faults.send_event(theatre.house.bot, "MESSAGE_CREATE", broken)


def asked(theatre: Theatre, kind: type[Reacted | Unreacted]) -> list[tuple[str, str]]:
    return [(event.emoji, event.author.name) for event in theatre.of(kind)]


async def comes_back(theatre: Theatre, word: str) -> None:
    """Come back once what was missed has been read, and this after it."""
    theatre.house.bort.says(theatre.house.general, word)
    await theatre.hears(word)
    await theatre.is_free()


async def test_wishes_about_a_line_are_read_after_a_gap() -> None:
    async with a_house() as house, playing(house) as theatre:
        olga = house.discord.add_person("Olga", house.kettle)
        await theatre.says("hello")
        line = house.general.history[-1]
        house.bort.reacts(line, "⭐")
        await theatre.until(lambda: asked(theatre, Reacted))
        break_off(theatre)
        house.bort.unreacts(line, "⭐")
        olga.reacts(line, "🗑️")
        house.bort.reacts(line, "🗑️")
        olga.reacts(line, "🎉")
        await comes_back(theatre, "one")
        assert asked(theatre, Unreacted) == [("⭐", "Bort")]
        told = [("⭐", "Bort"), ("🗑️", "Bort"), ("🗑️", "Olga")]
        assert sorted(asked(theatre, Reacted)) == told
        break_off(theatre)
        await comes_back(theatre, "two")
        assert sorted(asked(theatre, Reacted)) == told, "once"
        assert len([r for r in house.discord.requests if REACTIONS in r.path]) == 1, "only news"


async def test_an_emoji_on_a_persons_words_is_no_wish() -> None:
    async with a_house() as house, playing(house) as theatre:
        said = house.bort.says(house.general, "mine")
        await theatre.hears("mine")
        break_off(theatre)
        house.bort.reacts(said, "🗑️")
        await comes_back(theatre, "one")
        assert asked(theatre, Reacted) == []


async def test_wishes_from_while_the_program_was_away_are_heard_once() -> None:
    async with a_house() as house:
        kept: list[Message] = []
        async with playing(house) as theatre:
            message = await theatre.says("hello")
            assert message is not None
            kept.append(message)
        house.bort.reacts(house.general.history[-1], "🗑️")
        async with playing(house, remembered=lambda _: kept) as theatre:
            await theatre.until(lambda: theatre.of(Reacted))
            (vote,) = theatre.of(Reacted)
            assert (vote.message, vote.emoji, vote.author.name) == (message.id, "🗑️", "Bort")
        reaction = Reaction(emoji=vote.emoji, author=vote.author)
        kept[0] = replace(message, reactions=(reaction,))
        async with playing(house, remembered=lambda _: kept) as theatre:
            await comes_back(theatre, "again")
            assert theatre.of(Reacted) == []


async def test_a_clones_own_star_is_not_taken_back_when_a_persons_comes() -> None:
    async with a_house() as house, playing(house) as theatre:
        message = await theatre.says("hello")
        assert message is not None
        await theatre.reacts("⭐", message.id)
        break_off(theatre)
        house.bort.reacts(house.general.history[-1], "⭐")
        await comes_back(theatre, "one")
        assert asked(theatre, Reacted) == [("⭐", "Bort")]
        assert asked(theatre, Unreacted) == []


async def test_all_emoji_that_a_moderator_takes_off_a_line_are_taken_back() -> None:
    async with a_house() as house, playing(house) as theatre:
        await theatre.says("hello")
        line = house.general.history[-1]
        house.bort.reacts(line, "🗑️")
        house.bort.reacts(line, "🎉")
        await theatre.until(lambda: len(theatre.of(Reacted)) == 2)
        house.discord.world.clear_reactions(line)
        await theatre.until(lambda: len(theatre.of(Unreacted)) == 2)
        assert {emoji for emoji, _ in asked(theatre, Unreacted)} == {"🗑️", "🎉"}


async def test_an_emoji_that_is_told_twice_is_heard_once() -> None:
    async with a_house() as house, playing(house) as theatre:
        await theatre.says("hello")
        house.discord.faults.duplicate(1)
        house.bort.reacts(house.general.history[-1], "⭐")
        await comes_back(theatre, "one")
        assert asked(theatre, Reacted) == [("⭐", "Bort")]


async def test_an_edit_leaves_the_emoji_where_they_are() -> None:
    async with a_house() as house, playing(house) as theatre:
        said = house.bort.says(house.general, "hello")
        await theatre.hears("hello")
        house.bort.reacts(said, "🎉")
        house.bort.edits(said, "hello there")
        await theatre.until(lambda: theatre.of(Edited))
        (edited,) = theatre.of(Edited)
        assert [reaction.emoji for reaction in edited.message.reactions] == ["🎉"]


async def test_in_a_channel_that_was_quiet_for_long_deletions_and_edits_are_noticed() -> None:
    async with a_house() as house, playing(house) as theatre:
        house.discord.world.now = lambda: datetime.now(UTC) - timedelta(hours=3)
        gone = house.bort.says(house.general, "gone")
        kept = house.bort.says(house.general, "kept")
        await theatre.hears("kept")
        break_off(theatre)
        house.bort.deletes(gone)
        house.bort.edits(kept, "changed")
        await theatre.until(lambda: theatre.of(Removed))
        await theatre.until(lambda: theatre.of(Edited))
        assert [event.message for event in theatre.of(Removed)] == [id_of(gone)]
        assert [event.message.text for event in theatre.of(Edited)] == ["changed"]


async def test_a_history_that_may_not_be_read_is_not_taken_for_an_empty_channel() -> None:
    """Discord shows no messages then, and no error."""
    async with a_house() as house, playing(house) as theatre:
        house.bort.says(house.general, "first")
        await theatre.hears("first")
        break_off(theatre)
        deny = Permission.READ_MESSAGE_HISTORY
        house.discord.set_overwrite(house.general, house.bot, deny=deny)
        await theatre.until(lambda: "Read Message History" in str(theatre.hindrance()))
        house.bort.says(house.general, "second")
        await theatre.hears("second")
        assert theatre.of(Removed) == []
        house.discord.set_overwrite(house.general, house.bot)
        await theatre.is_free()
        assert theatre.words() == ["first", "second"]


async def test_a_channel_that_was_emptied_is_noticed() -> None:
    async with a_house() as house, playing(house) as theatre:
        said = house.bort.says(house.general, "first")
        await theatre.hears("first")
        break_off(theatre)
        house.discord.world.delete(said)
        await theatre.until(lambda: theatre.of(Removed))


async def test_a_channel_that_is_gone_is_not_read_again_and_again() -> None:
    async with a_house() as house:
        other = house.discord.add_channel(house.kettle, "other")
        rules = [ChannelRules(id=house.general.id), ChannelRules(id=other.id)]
        async with playing(house, *rules) as theatre:
            house.bort.says(other, "hello")
            await theatre.hears("hello", other)
            house.discord.delete_channel(other)
            await theatre.until(lambda: theatre.of(Closed, other))
            before = len(house.discord.requests)
            break_off(theatre)
            await comes_back(theatre, "one")
            read = list(house.discord.requests)[before:]
            assert not [r for r in read if f"/channels/{other.id}/" in r.path]


async def test_a_draft_is_approved_or_dropped_by_what_was_put_on_it_in_a_gap() -> None:
    async with a_house() as house:
        office = house.discord.add_channel(house.kettle, "office")
        here = talk_in(office)
        rules = [
            ChannelRules(id=house.general.id),
            ChannelRules(id=office.id, office=here),
        ]
        async with playing(house, *rules) as theatre:
            await theatre.is_free(office)
            notice = await theatre.platform.notify(here, "Juno wants to say hello")
            assert notice is not None
            break_off(theatre)
            house.bort.reacts(office.history[-1], "✅")
            await theatre.until(lambda: theatre.of(Reacted, office))
            break_off(theatre)
            await comes_back(theatre, "one")
            (word,) = theatre.of(Reacted, office)
            assert (word.message, word.emoji) == (notice.id, "✅")


async def test_words_before_anybody_listened_are_no_news() -> None:
    async with a_house() as house:
        async with playing(house) as theatre:
            await theatre.says("hello")
        house.bort.reacts(house.general.history[-1], "🗑️")
        async with playing(house) as theatre:
            break_off(theatre)
            await comes_back(theatre, "one")
            assert theatre.of(Reacted) == []
            assert [event.message.text for event in theatre.of(Heard)] == ["one"]
