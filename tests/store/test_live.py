"""Live transcripts and claims."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from builders import CHANNEL, NOON, a_message, a_reaction, an_author

from botconvo.consent import ConsentRecord, PersonId, RecordId, granted, withdrawn
from botconvo.conversation.orders import Budget
from botconvo.messages import Attachment, ChannelId
from botconvo.personas import PersonaName
from botconvo.store import LIVE_KEPT, STORE_NAME, Claimed, Refused, Store

BORT = PersonId("p-aaaaaaaaaa")
WEB = ChannelId("web:main")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store in which Bort agreed, for a month and for the page."""
    with Store.open(tmp_path / STORE_NAME) as store:
        record = ConsentRecord(
            id=RecordId("r-1"),
            person=BORT,
            granted_at=NOON,
            adult=True,
            platforms=("web",),
            expires_at=NOON + timedelta(days=30),
        )
        store.append_ledger(granted((), record, salt="salt"))
        yield store


def test_the_last_messages_come_back_oldest_first(store: Store) -> None:
    messages = [
        a_message("a", minutes=1, reply_to="x", attachments=["photo"], reactions=[a_reaction()]),
        a_message("b", minutes=2, author=an_author("Smig", kind="clone")),
        a_message("c", minutes=3, reactions=[a_reaction(by=None)]),
    ]
    for message in reversed(messages):
        store.record_live(message)
    store.record_live(a_message("elsewhere", channel="web:other"))
    assert store.recent_live(ChannelId(CHANNEL), 10) == tuple(messages)
    assert store.recent_live(ChannelId(CHANNEL), 2) == tuple(messages[1:])


def test_what_a_picture_shows_comes_back(store: Store) -> None:
    shown = Attachment(kind="photo", name="photo.png", description="a lamp")
    message = replace(a_message(attachments=["video"]), attachments=(shown,))
    store.record_live(message)
    assert store.recent_live(message.channel, 1) == (message,)


def test_an_edit_takes_the_place_of_what_was_said(store: Store) -> None:
    said = a_message("teh", id="1")
    store.record_live(said)
    store.record_live(replace(said, text="the", revision=1))
    store.record_live(said)
    assert [message.text for message in store.recent_live(said.channel, 5)] == ["the"]


def test_a_deletion_is_honoured(store: Store) -> None:
    said = a_message()
    store.record_live(said)
    store.remove_live(said.id)
    assert store.recent_live(said.channel, 5) == ()


def test_live_transcripts_are_kept_for_thirty_days(store: Store) -> None:
    store.record_live(a_message("old", minutes=0))
    store.record_live(a_message("new", minutes=1))
    assert store.purge_live(NOON + LIVE_KEPT) == 0
    assert store.purge_live(NOON + LIVE_KEPT + timedelta(seconds=1)) == 1
    assert [message.text for message in store.recent_live(ChannelId(CHANNEL), 5)] == ["new"]


def test_a_post_is_claimed_once(store: Store) -> None:
    claim = store.claim(WEB, "1", BORT, NOON)
    assert claim == Claimed(channel=WEB, post="1", person=BORT)
    assert store.claim(WEB, "1", BORT, NOON) == Refused(reason="already claimed")
    assert isinstance(store.claim(WEB, "2", BORT, NOON), Claimed)


def test_a_released_claim_can_be_had_again_and_a_settled_one_cannot(store: Store) -> None:
    claim = store.claim(WEB, "1", BORT, NOON)
    assert isinstance(claim, Claimed)
    store.release(claim)
    assert store.claim(WEB, "1", BORT, NOON) == claim
    store.settle(claim, a_message().id)
    store.release(claim)
    assert store.claim(WEB, "1", BORT, NOON) == Refused(reason="already claimed")


def test_without_a_live_consent_nothing_is_claimed(store: Store) -> None:
    stranger = PersonId("p-bbbbbbbbbb")
    assert store.claim(WEB, "1", stranger, NOON) == Refused(reason="no consent")
    late = NOON + timedelta(days=30)
    assert store.claim(WEB, "1", BORT, late) == Refused(reason="no consent")


def test_a_clone_stays_where_its_person_allowed_it(store: Store) -> None:
    discord = ChannelId(CHANNEL)
    assert store.claim(discord, "1", BORT, NOON) == Refused(reason="not on this platform")


def test_an_invented_character_needs_nobodys_consent(store: Store) -> None:
    assert isinstance(store.claim(WEB, "1", None, NOON), Claimed)
    assert store.claim(WEB, "1", None, NOON) == Refused(reason="already claimed")


def test_a_withdrawal_by_another_process_stops_the_next_post(store: Store) -> None:
    with Store.open(store.path) as other:
        other.append_ledger(withdrawn(other.ledger(), BORT, NOON))
    assert store.claim(WEB, "1", BORT, NOON) == Refused(reason="no consent")


def test_of_many_that_ask_at_once_one_gets_the_claim(store: Store) -> None:
    together = Barrier(4)

    def ask(_: int) -> Claimed | Refused:
        with Store.open(store.path) as mine:
            together.wait()
            return mine.claim(WEB, "1", BORT, NOON)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert sum(isinstance(answer, Claimed) for answer in answers) == 1
    assert answers.count(Refused(reason="already claimed")) == 3


def test_old_claims_are_let_go(store: Store) -> None:
    store.claim(WEB, "1", None, NOON)
    store.purge_live(NOON + LIVE_KEPT + timedelta(seconds=1))
    assert isinstance(store.claim(WEB, "1", None, NOON), Claimed)


# The budget of a channel


def a_budget(limit: int = 2) -> Budget:
    return Budget(limit=limit, since=NOON, until=NOON + timedelta(days=1))


def test_a_channel_takes_no_more_posts_a_day_than_its_budget_over_restarts(store: Store) -> None:
    assert isinstance(store.claim(WEB, "1", None, NOON, a_budget()), Claimed)
    with Store.open(store.path) as again:
        assert isinstance(again.claim(WEB, "2", None, NOON, a_budget()), Claimed)
        refused = again.claim(WEB, "3", None, NOON, a_budget())
    assert refused == Refused(reason="enough for today", until=NOON + timedelta(days=1))
    other = ChannelId("web:other")
    assert isinstance(store.claim(other, "3", None, NOON, a_budget()), Claimed)


def test_what_was_not_posted_and_what_was_posted_yesterday_costs_nothing(store: Store) -> None:
    store.claim(WEB, "yesterday", None, NOON - timedelta(seconds=1))
    claim = store.claim(WEB, "1", None, NOON, a_budget(1))
    assert isinstance(claim, Claimed)
    store.release(claim)
    assert isinstance(store.claim(WEB, "2", None, NOON, a_budget(1)), Claimed)


def test_of_many_that_ask_at_once_no_more_get_a_claim_than_the_budget_has(store: Store) -> None:
    together = Barrier(4)

    def ask(number: int) -> bool:
        with Store.open(store.path) as mine:
            together.wait()
            return isinstance(mine.claim(WEB, str(number), None, NOON, a_budget()), Claimed)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(ask, range(4))) == 2


def test_who_is_away_is_remembered_by_channel(store: Store) -> None:
    juno, marek = PersonaName("Juno"), PersonaName("Marek")
    store.save_away(WEB, {juno: NOON, marek: NOON + timedelta(hours=1)})
    store.save_away(ChannelId(CHANNEL), {juno: NOON})
    store.save_away(WEB, {marek: NOON})
    with Store.open(store.path) as again:
        assert again.away(WEB) == {marek: NOON}
        assert again.away(ChannelId(CHANNEL)) == {juno: NOON}
