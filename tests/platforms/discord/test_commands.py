"""Slash commands as people use them, on the rehearsal server; the reins behind them are fakes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from builders import a_message, an_author
from clients_of_rehearsal import connected
from fakes import FakeControls, FakeDesk

from botconvo.conversation import events as ev
from botconvo.conversation.noted import RefusedText
from botconvo.errors import PlatformError
from botconvo.messages import Author, AuthorId, ChannelId
from botconvo.personas import PersonaName
from botconvo.platforms.discord.commands import prepare_with
from botconvo.ports import (
    Answer,
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
from botconvo.rehearsal import NO_LIMITS, Application, Channel, Guild, Person, Refusal, Rehearsal
from botconvo.rehearsal.entities import Interaction
from botconvo.rehearsal.permissions import Permission

JUNO, MAREK = PersonaName("Juno"), PersonaName("Marek")
THEN = datetime(2026, 1, 1, tzinfo=UTC)


class Refusing(FakeControls):
    """Reins that refuse everything."""

    async def steer(self, channel: ChannelId, steer: ev.Steer | ev.Ruling, by: str) -> str:
        raise PlatformError("the talk is *paused*; resume it first")

    async def query(self, channel: ChannelId, query: Query, by: str) -> Answer:
        if isinstance(query, MayAsk):
            return Answer(text="")
        raise PlatformError("there is no talk here")


@dataclass
class Server:
    """A server with a bot that knows the commands; ``ann`` is a member, ``olga`` runs the server,
    ``mod`` may manage messages, ``owner`` owns the bots."""

    rehearsal: Rehearsal
    guild: Guild
    general: Channel
    ann: Person
    mod: Person
    olga: Person
    owner: Person
    controls: FakeControls
    bot: Application

    @property
    def channel(self) -> ChannelId:
        return ChannelId(f"discord:{self.guild.id}/{self.general.id}")

    async def does(
        self, who: Person, command: str, expected: ev.Steer | ev.Ruling, **options: Any
    ) -> Interaction:
        """The answer to a command that has to come to this pull, in this channel."""
        before = len(self.controls.steered)
        answer = await who.runs(self.general, command, **options)
        (pull,) = self.controls.steered[before:]
        assert (pull.channel, pull.steer, pull.by) == (self.channel, expected, who.name)
        return answer


@pytest.fixture
def controls() -> FakeControls:
    return FakeControls()


@pytest.fixture
async def server(controls: FakeControls) -> AsyncIterator[Server]:
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        olga = rehearsal.add_person("Olga")
        guild = rehearsal.add_guild("The Leaky Kettle", owner=olga)
        general = rehearsal.add_channel(guild, "general")
        ann, mod, owner = (rehearsal.add_person(name, guild) for name in ("Ann", "Mod", "Owner"))
        rehearsal.set_overwrite(general, mod, allow=Permission.MANAGE_MESSAGES)
        bot = rehearsal.add_bot("BotConvo", guild)
        server = Server(rehearsal, guild, general, ann, mod, olga, owner, controls, bot)
        controls.open(server.channel)
        controls.answers[Who] = Answer(text="Juno: ready", personas=(JUNO, MAREK))
        async with connected(rehearsal, bot) as client:
            controls.owners = {AuthorId(f"discord:{owner.id}")}
            prepare = prepare_with(controls, FakeDesk())
            await prepare(client)
            yield server
        assert rehearsal.discrepancies == []


async def test_anybody_may_stop_the_bots_and_everybody_sees_it(server: Server) -> None:
    answer = await server.does(server.ann, "/botconvo pause", ev.Pause())
    assert (answer.content, answer.ephemeral) == ("Pause done.", False)


@pytest.mark.parametrize(
    ("command", "options", "steer"),
    [
        ("/botconvo resume", {}, ev.Resume()),
        ("/botconvo speed", {"factor": 2.5}, ev.SetSpeed(factor=2.5)),
        ("/botconvo reset", {}, ev.Reset()),
        ("/persona mute", {"persona": "juno"}, ev.Mute(persona=JUNO)),
        ("/persona unmute", {"persona": "Juno"}, ev.Unmute(persona=JUNO)),
    ],
)
async def test_only_those_in_charge_let_them_go_on(
    server: Server, command: str, options: dict[str, Any], steer: ev.Steer
) -> None:
    refused = await server.ann.runs(server.general, command, **options)
    assert refused.ephemeral
    assert "manage messages" in refused.content
    assert server.controls.steered == []
    for who in (server.mod, server.owner, server.olga):
        await server.does(who, command, steer, **options)


async def test_what_was_removed_is_allowed_again_by_owners_alone(server: Server) -> None:
    for who in (server.ann, server.mod):
        refused = await who.runs(server.general, "/botconvo allow", text=3)
        assert "only an owner" in refused.content
    for who in (server.owner, server.olga):
        await server.does(who, "/botconvo allow", ev.Allow(number=3), text=3)


async def test_a_line_is_deleted_by_whoever_may_manage_messages(server: Server) -> None:
    with pytest.raises(Refusal):
        await server.ann.runs(server.general, "/delete", line="discord:1/2")
    answer = await server.mod.runs(server.general, "/delete", line="discord:1/2")
    await server.rehearsal.wait_for(lambda: answer.content == "Delete done.")
    assert answer.ephemeral
    (pull,) = server.controls.steered
    assert isinstance(pull.steer, ev.Delete)
    assert pull.steer.message == a_message(channel="discord:1", id="2").id
    assert pull.steer.author is not None
    assert pull.steer.author.id == f"discord:{server.mod.id}"
    assert pull.steer.moderates


async def test_whoever_wants_to_be_ignored_is_and_nobody_else_sees_it(server: Server) -> None:
    ann = AuthorId(f"discord:{server.ann.id}")
    answer = await server.does(server.ann, "/ignoreme", ev.Ignore(author=ann))
    assert answer.ephemeral
    await server.does(server.ann, "/ignoreme", ev.Heed(author=ann), undo=True)


async def test_a_question_stands_in_the_channel_as_the_persons_words(server: Server) -> None:
    text = "who moved it? @everyone"
    answer = await server.ann.runs(server.general, "/ask", persona="juno", text=text)
    shown = answer.original
    assert shown is not None
    await server.controls.has_steered(1)
    steer = server.controls.steered[0].steer
    assert isinstance(steer, ev.AskPersona)
    assert steer.message is not None
    assert steer.persona == JUNO
    message = steer.message
    assert (message.text, message.text) == (shown.content, f"Juno, {text}")
    assert message.id == f"discord:{server.general.id}/{shown.id}", "it can be replied to"
    assert message.author == Author(id=AuthorId(f"discord:{server.ann.id}"), name="Ann")
    assert not answer.ephemeral
    assert not shown.mention_everyone


async def test_a_topic_is_what_a_person_said(server: Server) -> None:
    await server.ann.runs(server.general, "/botconvo topic", text="the soup war")
    await server.controls.has_steered(1)
    steer = server.controls.steered[0].steer
    assert isinstance(steer, ev.SetTopic)
    assert (steer.message.text, steer.message.author.name) == ("the soup war", "Ann")


@pytest.mark.parametrize(
    ("command", "options", "query"),
    [
        ("/botconvo who", {}, Who()),
        ("/botconvo why", {}, Why()),
        ("/botconvo why", {"line": "discord:1/2"}, Why(message="discord:1/2")),  # type: ignore[arg-type]
        ("/botconvo status", {}, Status()),
        ("/botconvo favourites", {}, Lines(kind="favourite")),
        ("/botconvo saved", {}, Lines(kind="saved")),
        ("/botconvo help", {}, Help()),
        ("/persona info", {"persona": "MAREK"}, Info(persona=MAREK)),
    ],
)
async def test_questions_are_answered_to_whoever_asks(
    server: Server, command: str, options: dict[str, Any], query: Query
) -> None:
    server.controls.answers[type(query)] = Answer(
        text="one *two* @everyone\n" + 3000 * "x", personas=(JUNO, MAREK)
    )
    answer = await server.ann.runs(server.general, command, **options)
    assert server.controls.queries[-1] == query
    assert answer.ephemeral
    assert answer.content.startswith("one \\*two\\* @everyone")
    assert len(answer.content) <= 2000
    assert server.general.transcript() == []


async def test_the_list_of_removed_texts_is_for_moderators(server: Server) -> None:
    assert "manage messages" in (await server.ann.runs(server.general, "/botconvo removed")).content
    await server.mod.runs(server.general, "/botconvo removed")
    assert server.controls.queries[-1] == Removed()


async def test_names_and_lines_are_offered_while_somebody_types(server: Server) -> None:
    offered = await server.ann.completes(server.general, "/ask", "persona", "a", text="x")
    assert [each["value"] for each in offered] == ["Marek"]
    offered = await server.ann.completes(server.general, "/persona info", "persona", "")
    assert [each["value"] for each in offered] == ["Juno", "Marek"]
    lines = tuple(
        a_message(
            f"line {number} {'x' * 200}", author=an_author("Juno", kind="clone"), id=str(number)
        )
        for number in range(30)
    )
    server.controls.answers[Recent] = Answer(text="", messages=lines)
    offered = await server.ann.completes(server.general, "/botconvo why", "line", "")
    assert [each["value"] for each in offered] == [each.id for each in lines[:25]]
    assert all(len(each["name"]) <= 100 for each in offered)
    offered = await server.mod.completes(server.general, "/delete", "line", "line 7")
    assert [each["value"] for each in offered] == [lines[7].id]
    refused = RefusedText(
        number=9, text="soup", channel=server.channel, persona=JUNO, by="Ann", at=THEN
    )
    server.controls.answers[Removed] = Answer(text="", refused=(refused,))
    offered = await server.ann.completes(server.general, "/botconvo allow", "text", "SOUP")
    assert [(each["name"], each["value"]) for each in offered] == [("9. Juno: soup", 9)]


async def test_in_a_direct_message_a_person_is_in_charge(server: Server) -> None:
    dm = server.ann.dm(server.bot)
    channel = ChannelId(f"discord:@me/{dm.id}")
    server.controls.open(channel)
    await server.ann.runs(dm, "/botconvo reset")
    assert [(pull.channel, pull.steer) for pull in server.controls.steered] == [
        (channel, ev.Reset())
    ]


class TestRefused:
    """What the reins refuse is said to whoever asked."""

    @pytest.fixture
    def controls(self) -> FakeControls:
        return Refusing()

    async def test_a_pull(self, server: Server) -> None:
        answer = await server.ann.runs(server.general, "/botconvo pause")
        assert answer.ephemeral
        assert answer.content == "the talk is \\*paused\\*; resume it first"

    async def test_a_question_in_the_channel_becomes_the_reason(self, server: Server) -> None:
        answer = await server.ann.runs(server.general, "/ask", persona="Juno", text="hm?")
        await server.rehearsal.wait_for(lambda: "paused" in answer.content)
        slow = await server.mod.runs(server.general, "/delete", line="discord:1/2")
        await server.rehearsal.wait_for(lambda: "paused" in slow.content)

    async def test_what_is_asked(self, server: Server) -> None:
        answer = await server.ann.runs(server.general, "/botconvo who")
        assert answer.content == "there is no talk here"
        assert await server.ann.completes(server.general, "/ask", "persona", "", text="x") == []


async def test_the_commands_are_registered_once_for_all_clients_of_a_run(
    server: Server,
) -> None:
    prepare = prepare_with(server.controls, FakeDesk())
    synced = []
    for _ in range(2):
        async with connected(server.rehearsal, server.bot) as client:
            await prepare(client)
            synced.append(
                sum(r.method == "PUT" and "commands" in r.path for r in server.rehearsal.requests)
            )
            await server.ann.runs(server.general, "/botconvo pause")
    assert synced[0] == synced[1]
