"""``botconvo collect`` on a rehearsed Discord: the real program, real sockets."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import NOON
from cli.typing_in import Done, typed

from botconvo.granting import Terms, grant, withdraw
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId
from botconvo.rehearsal import (
    NO_LIMITS,
    Application,
    Channel,
    ChannelType,
    Guild,
    Permission,
    Person,
    Rehearsal,
)
from botconvo.store import STORE_NAME, Source, Store
from botconvo.store.twins import kind_of

ADULT = Terms(adult=True)
READ = "/channels/{}/messages$"


class Clock:
    """Goes on only when somebody has written."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


@dataclass(slots=True)
class Stage:
    discord: Rehearsal
    clock: Clock
    folder: Path
    kettle: Guild
    general: Channel
    carol: Person
    dave: Person
    bot: Application

    def say(self, count: int, channel: Channel | None = None, by: Person | None = None) -> None:
        for number in range(count):
            self.clock.at += timedelta(minutes=1)
            (by or self.carol).says(channel or self.general, f"what I say for the {number}th time")

    async def collect(self, *words: object, token: str | None = None) -> Done:
        """In a thread of this process, beside the server."""
        secrets = f"BOTCONVO_DISCORD_TOKEN={token or self.bot.token}\n"
        (self.folder / ".env").write_text(secrets, encoding="utf-8")
        return await asyncio.to_thread(typed, "collect", "--project", self.folder, *words)

    async def start(self) -> asyncio.subprocess.Process:
        """As a process of its own."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "botconvo", "collect"),
            cwd=self.folder,
            env={k: v for k, v in os.environ.items() if not k.startswith("BOTCONVO_")},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    def store(self) -> Store:
        return Store.open(self.folder / STORE_NAME)

    def agree(self, person: Person) -> None:
        """After somebody was seen in an export or a channel."""
        with self.store() as store:
            grant(store, person.name, ADULT, NOON, author_ids=[author_of(person)])

    def kept(self, person: Person) -> list[str]:
        with self.store() as store:
            return [message.text for message in store.messages_of([author_of(person)])]

    def pages(self, channel: Channel | None = None) -> int:
        path = f"/channels/{(channel or self.general).id}/messages"
        return sum(seen.path == path and seen.status == 200 for seen in self.discord.requests)


def author_of(person: Person) -> AuthorId:
    return AuthorId(f"discord:{person.id}")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with a_stage(tmp_path) as stage, asyncio.timeout(240):
        yield stage


@asynccontextmanager
async def a_stage(folder: Path) -> AsyncIterator[Stage]:
    clock = Clock()
    async with Rehearsal(limits=NO_LIMITS, now=clock) as discord:
        kettle = discord.add_guild("The Kettle")
        general = discord.add_channel(kettle, "general")
        carol, dave = (discord.add_person(name, kettle) for name in ("Carol", "Dave"))
        table = (
            f"[platforms.discord]\nchannels = [{general.id}]\n"
            f'api = "{discord.api_base}"\ngateway = "{discord.gateway_url}"\n'
        )
        (folder / "config.toml").write_text(table, encoding="utf-8")
        bot = discord.add_bot("Kettle bot", kettle)
        yield Stage(discord, clock, folder, kettle, general, carol, dave, bot)


async def test_only_words_of_those_who_agreed_are_kept_and_each_only_once(stage: Stage) -> None:
    stage.say(260)
    stage.say(3, by=stage.dave)
    report = stage.folder / "report.json"
    done = await stage.collect("--report", report)
    assert (done.code, done.err) == (0, "")
    assert "The Kettle #general: 263 read = 0 taken + 263 left out" in done.out
    assert "263  no consent" in done.out
    assert "rule 21" in done.out
    assert 'botconvo consent grant "Carol" --adult' in done.out
    assert stage.pages() == 3
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["read"] == 263 == found["taken"] + sum(found["left_out"].values())
    assert not any(b"what I say" in path.read_bytes() for path in stage.folder.glob("*sqlite3*"))

    stage.agree(stage.carol)
    done = await stage.collect()
    assert "263 read = 260 taken + 3 left out" in done.out, "what was left out is read once more"
    pages = stage.pages()
    done = await stage.collect()
    assert "1 channel with nothing new" in done.out
    assert stage.pages() == pages, "nothing new is not even asked for"
    stage.say(2)
    assert "2 read = 2 taken + 0 left out" in (await stage.collect()).out
    assert len(stage.kept(stage.carol)) == 262
    with stage.store() as store:
        counts = {author.name: author.messages for author in store.authors()}
    assert counts == {"Carol": 262, "Dave": 3}


async def test_who_withdrew_is_gone_with_the_next_run_and_who_agrees_again_is_back(
    stage: Stage,
) -> None:
    stage.say(3)
    await stage.collect()
    stage.agree(stage.carol)
    await stage.collect()
    with stage.store() as store:
        withdraw(store, "Carol", NOON)
    stage.say(1)
    assert "1 read = 0 taken + 1 left out" in (await stage.collect()).out
    assert stage.kept(stage.carol) == []
    stage.agree(stage.carol)
    assert "4 read = 4 taken + 0 left out" in (await stage.collect()).out


async def test_rows_are_the_exports_rows(stage: Stage) -> None:
    """As DiscordChatExporter has them: with ids in JSON, without them and with names in CSV."""
    greeting = stage.carol.says(stage.general, f"hello {stage.dave.user.mention} and all of you")
    answer = stage.dave.says(stage.general, "hello Carol", reply_to=greeting)
    channel = ChannelId(f"discord:{stage.general.id}")
    carol = Author(id=author_of(stage.carol), name="Carol", account="carol")
    without_id = Message(
        id=MessageId(f"{channel}/row-0123456789"),
        channel=channel,
        author=carol,
        text="hello @Dave and all of you",
        at=greeting.at,
    )
    assert kind_of(without_id.id) == 1
    source = Source(path=Path("a.csv"), sha256="0", format="csv", origin="discord-api")
    with stage.store() as store, store.add_export(source, NOON) as adding:
        adding.saw(without_id)
        adding.take(without_id)
    stage.agree(stage.carol)
    done = await stage.collect()
    assert "2 read = 0 taken + 2 left out" in done.out, "it is the same message"
    stage.agree(stage.carol)
    with stage.store() as store:
        grant(store, "Dave", ADULT, NOON)
    await stage.collect()
    with stage.store() as store:
        both = store.messages_of([author_of(stage.carol), author_of(stage.dave)])
        assert store.origins_of([author_of(stage.carol)]) == {"discord-api"}
    first, second = both
    assert (first.id, second.id) == (f"{channel}/{greeting.id}", f"{channel}/{answer.id}")
    assert second.reply_to == first.id
    assert first.at == greeting.at.replace(tzinfo=UTC)
    # The same rows from an export with ids add nothing, whichever comes first.
    with stage.store() as store:
        again = Source(path=Path("b.json"), sha256="1", format="json", origin="discord-api")
        with store.add_export(again, NOON) as adding:
            assert [adding.take(message) for message in both] == [False, False]


async def test_bots_and_notices_are_left_out_by_reason(stage: Stage) -> None:
    stage.say(1)
    helper = stage.discord.add_bot("Helper", stage.kettle)
    world = stage.discord.world
    from botconvo.rehearsal.world import THREAD_CREATED, Draft

    world.post(stage.general, helper.user, Draft(content="beep"))
    world.post(stage.general, stage.carol.user, Draft(content="a thread", kind=THREAD_CREATED))
    world.post(stage.general, stage.carol.user, Draft(content=""))
    out = (await stage.collect()).out
    for line in ("1  bot or webhook", "1  system notice", "1  no words", "1  no consent"):
        assert line in out


async def test_threads_forum_posts_and_archived_ones_are_read_and_closed_channels_are_not(
    stage: Stage,
) -> None:
    world, carol = stage.discord.world, stage.carol
    forum = stage.discord.add_channel(stage.kettle, "ideas", ChannelType.FORUM)
    secret = stage.discord.add_channel(stage.kettle, "secret")
    mute = stage.discord.add_channel(stage.kettle, "no-history")
    talk = world.add_thread(stage.general, "tea", carol.user)
    old = world.add_thread(stage.general, "old tea", carol.user)
    post = world.add_thread(forum, "an idea", carol.user)
    for place in (stage.general, secret, mute, talk, old, post):
        stage.say(2, place)
    world.change_channel(old, archived=True)
    stage.discord.set_overwrite(secret, stage.bot, deny=Permission.VIEW_CHANNEL)
    stage.discord.set_overwrite(mute, stage.bot, deny=Permission.READ_MESSAGE_HISTORY)
    done = await stage.collect()
    assert done.code == 0, done.err
    for name in ("#general", "#general > tea", "#general > old tea", "#ideas > an idea"):
        assert f"The Kettle {name}: 2 read" in done.out
    assert "#secret" not in done.out
    assert "not read: The Kettle #no-history: Kettle bot lacks Read Message History" in done.err
    assert stage.pages(secret) == stage.pages(mute) == 0


async def test_only_what_is_named_is_read(stage: Stage) -> None:
    other = stage.discord.add_channel(stage.kettle, "other")
    thread = stage.discord.world.add_thread(other, "tea", stage.carol.user)
    for place in (stage.general, other, thread):
        stage.say(1, place)
    out = (await stage.collect("--channel", thread.id)).out
    assert "#other > tea: 1 read" in out
    assert out.count(" read = ") == 1
    out = (await stage.collect("--channel", other.id)).out
    assert ("#other: 1 read" in out, "#general" in out) == (True, False)
    done = await stage.collect("--channel", 5)
    assert done.code == 2
    assert "channel 5: there is no such channel" in done.err
    assert "there is no channel that the bot may read" in done.err
    done = await stage.collect("--server", 7)
    assert done.code == 2
    assert "server 7: Kettle bot is not in it" in done.err
    done = await stage.collect("--server", stage.kettle.id)
    assert "#general: 1 read" in done.out


async def test_a_later_run_goes_further_back(stage: Stage) -> None:
    stage.say(150)
    middle = stage.general.history[100]
    stage.clock.at = (middle.at + timedelta(days=2)).replace(hour=0, minute=0)
    since = stage.clock.at.date().isoformat()
    stage.say(120)
    assert "120 read" in (await stage.collect("--since", since)).out
    assert "nothing new" in (await stage.collect("--since", since)).out
    assert "150 read" in (await stage.collect()).out
    assert "nothing new" in (await stage.collect()).out
    with stage.store() as store:
        assert [author.messages for author in store.authors()] == [270]


async def test_edits_are_found_by_reading_again(stage: Stage) -> None:
    stage.say(2)
    await stage.collect()
    stage.agree(stage.carol)
    await stage.collect()
    stage.carol.edits(stage.general.history[0], "I meant something else")
    assert "nothing new" in (await stage.collect()).out
    done = await stage.collect("--again")
    assert "2 read = 1 taken + 1 left out" in done.out
    assert stage.kept(stage.carol)[0] == "I meant something else"


async def test_a_rate_limit_is_waited_for_and_a_broken_answer_asked_for_again(
    stage: Stage,
) -> None:
    stage.say(250)
    path = READ.format(stage.general.id)
    stage.discord.faults.limit(0.3, path=path, times=2)
    stage.discord.faults.fail(502, path=path, times=1)
    stage.discord.faults.cut(path=path, times=1)
    done = await stage.collect()
    assert (done.code, stage.pages()) == (0, 3), done.err
    assert "250 read" in done.out


async def test_killed_in_the_middle_it_goes_on_where_it_was(stage: Stage) -> None:
    stage.say(250)
    await stage.collect("--since", "2030-01-01")  # makes the store, reads nothing
    with stage.store() as store:
        grant_unseen(store, stage.carol)
    path = READ.format(stage.general.id)
    stage.discord.faults.delay(0.0, path=path, times=2)
    hang = stage.discord.faults.hang(path=path, times=1)
    process = await stage.start()
    await stage.discord.wait_for(lambda: hang.happened, timeout_s=60)
    process.kill()
    await process.communicate()
    with stage.store() as store:
        assert len(store.messages_of([author_of(stage.carol)])) == 200
    done = await stage.collect()
    assert "50 read = 50 taken + 0 left out" in done.out
    assert len(stage.kept(stage.carol)) == 250
    with stage.store() as store:
        assert [author.messages for author in store.authors()] == [250]


def grant_unseen(store: Store, person: Person) -> None:
    """An export in which the person wrote nothing that could be taken."""
    message: Any = Message(
        id=MessageId("discord:9/1"),
        channel=ChannelId("discord:9"),
        author=Author(id=author_of(person), name=person.name),
        text="",
        at=NOON,
    )
    source = Source(path=Path("x"), sha256="x", format="x", origin="file")
    with store.add_export(source, NOON) as adding:
        adding.saw(message)
    grant(store, person.name, ADULT, NOON)
    with store.transaction():
        store._do("DELETE FROM sources")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ((503, None), "Discord answers with an error (503)"),
        ((401, 1), "Discord refuses this token"),
        ((403, 1), "The Kettle #general: Kettle bot may not read it"),
        ((404, 1), "The Kettle #general was deleted meanwhile"),
    ],
)
async def test_what_goes_wrong_is_one_line_and_what_was_read_stays(
    stage: Stage, fault: tuple[int, int | None], said: str
) -> None:
    stage.say(150)
    path = READ.format(stage.general.id)
    status, times = fault
    stage.discord.faults.delay(0.0, path=path, times=1)
    stage.discord.faults.fail(status, path=path, times=times)
    done = await stage.collect()
    lost = status in (503, 401)
    assert done.code == (2 if lost else 0)
    (line,) = [line for line in done.err.splitlines() if "rate limited" not in line]
    assert said in line
    assert "100 read = 0 taken + 100 left out" in done.out
    stage.discord.faults.clear()
    assert "50 read = 0 taken + 50 left out" in (await stage.collect()).out


async def test_a_bot_that_may_not_see_words_or_is_none_says_so(stage: Stage) -> None:
    stage.say(1)
    stage.bot.message_content = False
    done = await stage.collect()
    assert done.code == 2
    assert "Message Content intent is off" in done.err
    stage.bot.message_content = True
    for token in (f"{stage.bot.token[:-1]}x", "12345"):
        done = await stage.collect(token=token)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert "BOTCONVO_DISCORD_TOKEN: " in done.err
        assert token not in done.err
    stage.discord.put_out(stage.bot, stage.kettle)
    done = await stage.collect()
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "Kettle bot is in no server; invite it with https://" in done.err
