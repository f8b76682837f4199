"""Invented people who chat, and trouble by the dozen."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from clients_of_rehearsal import connected
from hypothesis import given
from hypothesis import strategies as st

from botconvo.rehearsal import NO_LIMITS, WEBHOOK_BOT, Rehearsal
from botconvo.rehearsal.crowd import PEOPLE, Answers, Asks, Crowd, Edits, Reacts, Says, next_deed
from botconvo.rehearsal.trouble import KINDS, Trouble

CLONES = ("Juno", "Dex")


class Hasty:
    """A clock that lets every wait end at once, and comes to a stop after ``waits``."""

    def __init__(self, waits: int) -> None:
        self._now, self._left = datetime(2025, 3, 1, tzinfo=UTC), waits
        self.over = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    async def wait_until(self, when: datetime) -> None:
        self._left -= 1
        if self._left < 0:
            self.over.set()
            await asyncio.Event().wait()
        self._now = max(self._now, when) + timedelta(milliseconds=1)
        await asyncio.sleep(0)


@given(st.integers(), st.booleans(), st.booleans())
def test_nobody_reacts_to_nothing_or_edits_what_was_not_said(
    seed: int, clone_spoke: bool, said: bool
) -> None:
    deed = next_deed(Random(seed), CLONES, clone_spoke=clone_spoke, said=said)
    assert clone_spoke or not isinstance(deed, Answers | Reacts)
    assert said or not isinstance(deed, Edits)


def test_a_clone_is_called_by_name_and_nobody_where_there_is_none() -> None:
    deeds = [next_deed(Random(n), CLONES, clone_spoke=False, said=False) for n in range(50)]
    called = [deed for deed in deeds if isinstance(deed, Asks)]
    assert called
    assert all(any(name in deed.text for name in CLONES) for deed in called)
    alone = [next_deed(Random(n), (), clone_spoke=False, said=False) for n in range(50)]
    assert {type(deed) for deed in alone} == {Says}


async def test_a_crowd_keeps_a_channel_lively() -> None:
    async with Rehearsal() as rehearsal:
        guild = rehearsal.add_guild("Kettle")
        general = rehearsal.add_channel(guild, "general")
        people = [rehearsal.add_person(name, guild) for name in PEOPLE]
        clock = Hasty(200)
        crowd = Crowd(people, general, (), clock, Random(1))
        chatting = asyncio.create_task(crowd.chat())
        async with asyncio.timeout(10):
            await clock.over.wait()
        chatting.cancel()
    assert crowd.deeds > 50
    assert {message.author.name for message in general.history} == set(PEOPLE)


async def test_trouble_of_every_kind_comes_and_is_mended() -> None:
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        guild = rehearsal.add_guild("Kettle")
        general = rehearsal.add_channel(guild, "general")
        bot = rehearsal.add_bot("BotConvo", guild)
        trouble = Trouble(rehearsal, bot, [general], Random(1))
        assert {trouble.strike() for _ in KINDS} == set(KINDS)
        assert rehearsal.faults.rules or general.overwrites or rehearsal.gateway.duplicates
        trouble.mend()
        role = next(role for role in guild.roles.values() if role.managed_by == bot.user.id)
        assert (role.permissions, general.overwrites) == (WEBHOOK_BOT, {})
        assert not rehearsal.faults.rules
        rehearsal.gateway.duplicates = 0
        async with connected(rehearsal, bot) as client:
            assert (await client.fetch_channel(general.id)).id == general.id


@pytest.mark.parametrize("kind", list(KINDS))
async def test_trouble_can_be_chosen(kind: str) -> None:
    async with Rehearsal() as rehearsal:
        guild = rehearsal.add_guild("Kettle")
        channels = [rehearsal.add_channel(guild, "general")]
        bot = rehearsal.add_bot("BotConvo", guild)
        assert Trouble(rehearsal, bot, channels, Random(1), [kind]).strike() == kind
