"""``/consent``, ``/forgetme`` and ``/export`` as people use them, with a real store behind."""

import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clients_of_rehearsal import connected
from fakes import FakeControls

from botconvo.agreed import rows
from botconvo.consent import latest_record, verify
from botconvo.desk import OwnDesk
from botconvo.forgetting import Project
from botconvo.granting import Terms, grant
from botconvo.messages import AuthorId, ChannelId
from botconvo.platforms.discord import own_data
from botconvo.platforms.discord.commands import prepare_with
from botconvo.ports import Handed
from botconvo.rehearsal import NO_LIMITS, Application, Channel, Person, Refusal, Rehearsal
from botconvo.rehearsal.entities import Interaction, Message
from botconvo.store import STORE_NAME, Store
from botconvo.taking import take_exports

EXPORTS = Path(__file__).parents[2] / "data" / "exports" / "discord-dce-2.47"
GENERAL = next(EXPORTS.glob("*general*.json"))
BORT = "101000000000000001"
"""Who wrote three messages there; Ann has his place in these tests."""
YES = "I am 18 or older: I agree"


@dataclass
class Server:
    """A server with the bot on it, over a project in which an export with Ann is imported."""

    rehearsal: Rehearsal
    general: Channel
    ann: Person
    mallory: Person
    bot: Application
    project: Project
    controls: FakeControls

    @property
    def author(self) -> AuthorId:
        return AuthorId(f"discord:{self.ann.id}")

    def store(self) -> Store:
        return Store.open(self.project.store)

    async def says(self, answer: Interaction, *words: str) -> Message:
        """The answer, once it says this; it is seen by whoever asked alone."""
        await self.rehearsal.wait_for(lambda: all(word in answer.content for word in words))
        assert answer.original is not None
        assert answer.ephemeral
        assert self.general.transcript() == []
        return answer.original


@pytest.fixture
def desk_class() -> type[OwnDesk]:
    return OwnDesk


@pytest.fixture
async def server(tmp_path: Path, desk_class: type[OwnDesk]) -> AsyncIterator[Server]:
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        olga = rehearsal.add_person("Olga")
        guild = rehearsal.add_guild("The Leaky Kettle", owner=olga)
        general = rehearsal.add_channel(guild, "general")
        ann, mallory = (rehearsal.add_person(name, guild) for name in ("Ann", "Mallory"))
        bot = rehearsal.add_bot("BotConvo", guild)
        export = tmp_path / "general.json"
        text = GENERAL.read_text(encoding="utf-8").replace(BORT, str(ann.id))
        export.write_text(text, encoding="utf-8")
        with Store.open(tmp_path / STORE_NAME) as store:
            take_exports(store, [export], datetime.now(UTC))
        controls = FakeControls(ChannelId(f"discord:{guild.id}/{general.id}"))
        project = Project.at(tmp_path)
        desk = desk_class(project=project, now=lambda: datetime.now(UTC))
        async with connected(rehearsal, bot) as client:
            await prepare_with(controls, desk)(client)
            yield Server(rehearsal, general, ann, mallory, bot, project, controls)
        assert rehearsal.discrepancies == []


async def test_lines_are_shown_in_the_game_only_if_somebody_says_so(server: Server) -> None:
    form = await server.ann.runs(server.general, "/consent give")
    await server.says(form, "No line that I wrote may be shown in the guessing game")
    form = await server.ann.presses(form, "Guessing game: yes / no")
    await server.says(form, "Lines that I wrote may be shown in the guessing game")
    await server.says(await server.ann.presses(form, YES), "Recorded")
    shown = await server.ann.runs(server.general, "/consent show")
    await server.says(shown, "game: their own lines may be shown")
    with server.store() as store:
        (record,) = store.live_records(datetime.now(UTC)).values()
    assert record.game


async def test_somebody_agrees_by_their_own_account(server: Server) -> None:
    form = await server.ann.runs(server.general, "/consent give")
    await server.says(form, "writes like you, Ann", "Are you an adult")
    form = await server.ann.chooses(form, "consent-audience", "me")
    form = await server.ann.chooses(form, "consent-lasts", "3 months")
    asked = await server.ann.presses(form, "Dates, and my own words")
    form = await server.ann.submits(asked, In="go *ahead*", Only="2024-01-31")
    await server.says(form, "Only I may talk to it", "since 2024-01-31", "go *ahead*")
    done = await server.ann.presses(form, YES)
    said = await server.says(done, "Recorded", "3 of your messages were taken")
    assert said.components == []
    with server.store() as store:
        (person,) = store.people()
        record = store.live_record(person.id, datetime.now(UTC))
        assert verify(store.ledger()) == ()
    assert record is not None
    assert (record.sources, record.audience) == ((server.author,), (server.author,))
    assert (record.platforms, record.processors) == (("discord",), ("local",))
    assert record.since == datetime(2024, 1, 31, tzinfo=UTC)
    assert not record.game
    assert record.statement == f'by their own account, {server.author}: "go *ahead*"'
    assert record.expires_at is not None
    assert timedelta(days=90) < record.expires_at - datetime.now(UTC) < timedelta(days=92)
    shown = await server.ann.runs(server.general, "/consent show")
    for _, value in rows(record)[:2]:
        await server.says(shown, value)


async def test_whoever_is_no_adult_agrees_to_nothing(server: Server) -> None:
    form = await server.ann.runs(server.general, "/consent give")
    done = await server.ann.presses(form, "No, or I am under 18")
    assert (await server.says(done, "Nothing was recorded")).components == []
    with server.store() as store:
        assert store.ledger() == ()


async def test_a_date_that_is_none_is_said_and_changes_nothing(server: Server) -> None:
    form = await server.ann.runs(server.general, "/consent give")
    asked = await server.ann.presses(form, "Dates, and my own words")
    refused = await server.ann.submits(asked, Only="last year")
    await server.rehearsal.wait_for(lambda: refused.followups or refused.original)
    assert "Are you an adult" in form.content


async def test_nobody_presses_what_was_shown_to_another(server: Server) -> None:
    form = await server.ann.runs(server.general, "/consent give")
    with pytest.raises(Refusal):
        await server.mallory.presses(form, YES)


async def test_nobody_acts_for_another_by_taking_their_name(server: Server) -> None:
    with server.store() as store:
        grant(store, "Mallory", Terms(adult=True, checkpoints=("a" * 64,)), datetime.now(UTC))
    config = "[[people]]\nname = 'Mallory 2'\nauthors = ['discord:1']\n"
    server.project.config.write_text(config, encoding="utf-8")
    form = await server.mallory.runs(server.general, "/consent give")
    done = await server.mallory.presses(form, YES)
    await server.says(done, "you agreed, as Mallory 3")
    with server.store() as store:
        first, second = store.people()
        assert store.live_record(first.id, datetime.now(UTC)) is not None
        assert first.authors == frozenset()
        assert second.authors == {AuthorId(f"discord:{server.mallory.id}")}
    done = await server.mallory.runs(server.general, "/consent withdraw")
    await server.says(done, "You have withdrawn")
    with server.store() as store:
        assert store.live_record(first.id, datetime.now(UTC)) is not None
        assert store.live_record(second.id, datetime.now(UTC)) is None
    asked = await server.mallory.runs(server.general, "/forgetme")
    await server.says(asked, "cannot be brought back")
    await server.says(await server.mallory.presses(asked, "Remove everything"), "Forgotten")
    with server.store() as store:
        assert [person.id for person in store.people()] == [first.id]
        assert store.live_record(first.id, datetime.now(UTC)) is not None


async def test_accounts_that_the_owner_joined_agree_one_by_one(server: Server) -> None:
    other = AuthorId("discord:101000000000000002")
    with server.store() as store:
        grant(
            store,
            "Ann",
            Terms(adult=True),
            datetime.now(UTC),
            author_ids=(server.author, other),
            speaker="Ann",
        )
        assert store.messages_of([other])
    form = await server.ann.runs(server.general, "/consent give")
    await server.says(await server.ann.presses(form, YES), "Recorded")
    with server.store() as store:
        assert len(store.messages_of([server.author])) == 3
        assert store.messages_of([other]) == ()


async def test_a_consent_is_taken_back_in_a_direct_message(server: Server) -> None:
    dm = server.ann.dm(server.bot)
    form = await server.ann.runs(dm, "/consent give")
    await server.says(await server.ann.presses(form, YES), "Recorded")
    done = await server.ann.runs(dm, "/consent withdraw")
    await server.says(done, "3 of your messages were removed")
    with server.store() as store:
        (person,) = store.people()
        record = latest_record(store.ledger(), person.id)
        assert record is not None
        assert record.withdrawn
        assert store.messages_of([server.author]) == ()
    again = await server.ann.runs(dm, "/consent withdraw")
    await server.says(again, "no consent that could be withdrawn")


async def test_whoever_agreed_to_nothing_is_told_so(server: Server) -> None:
    shown = await server.mallory.runs(server.general, "/consent show")
    await server.says(shown, "agreed to nothing")
    done = await server.mallory.runs(server.general, "/consent withdraw")
    await server.says(done, "nothing that could be withdrawn")
    held = await server.mallory.runs(server.general, "/export")
    await server.says(held, "Everything that is held")


async def test_a_copy_of_what_is_held_is_handed_to_that_person_alone(server: Server) -> None:
    form = await server.ann.runs(server.general, "/consent give")
    await server.says(await server.ann.presses(form, YES), "Recorded")
    answer = await server.ann.runs(server.general, "/export")
    message = await server.says(answer, "Everything that is held")
    (file,) = message.attachments
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        messages = json.loads(archive.read("messages.json"))
        summary = archive.read("README.txt").decode()
    assert len(messages) == 3
    assert "an adult" in summary


class Heavy(OwnDesk):
    """Holds more than Discord takes."""

    async def export(self, author: object) -> Handed:
        return Handed(name="x.zip", content=bytes(own_data.LARGEST + 1))


class TestTooLarge:
    """A copy that Discord does not take is not cut."""

    @pytest.fixture
    def desk_class(self) -> type[OwnDesk]:
        return Heavy

    async def test_whoever_asks_is_sent_to_the_owner(self, server: Server) -> None:
        answer = await server.ann.runs(server.general, "/export")
        message = await server.says(answer, "10.0 MB", "ask the owner")
        assert message.attachments == []


async def test_somebody_is_forgotten_after_a_second_word(server: Server) -> None:
    form = await server.ann.runs(server.general, "/consent give")
    await server.says(await server.ann.presses(form, YES), "Recorded")
    asked = await server.ann.runs(server.general, "/forgetme")
    await server.says(asked, "messages", "cannot be brought back")
    kept = await server.ann.presses(asked, "Keep it")
    await server.says(kept, "Nothing was removed")
    with server.store() as store:
        assert len(store.messages_of([server.author])) == 3
    asked = await server.ann.runs(server.general, "/forgetme")
    await server.says(asked, "cannot be brought back")
    done = await server.ann.presses(asked, "Remove everything")
    await server.says(done, "Forgotten (receipt f-")
    with server.store() as store:
        assert store.people() == ()
        assert store.messages_of([server.author]) == ()
        assert verify(store.ledger()) == ()
