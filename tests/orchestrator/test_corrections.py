"""What people say of a line counts from the next line on, and over restarts."""

import pytest
from fakes import FakeClock
from orchestrator.stage import Babbler, a_stage
from orchestrator.test_people_in_charge import ANN, BEN, BOTH, let_post, seen

from botconvo.conversation import events as ev
from botconvo.conversation.reins import Law
from botconvo.errors import PlatformError
from botconvo.messages import Author, AuthorId
from botconvo.orchestrator.charge import Charge
from botconvo.people import People, Person
from botconvo.ports import ShownRemoval
from botconvo.store import Store

JUNO = Author(id=AuthorId("fake:juno"), name="J.")
PEOPLE = People([Person(name="Juno", authors=frozenset({JUNO.id}))])


async def test_what_they_would_never_say_stays_and_is_not_said_again(store: Store) -> None:
    charge = Charge(store, FakeClock())
    async with a_stage(store, Babbler(), *BOTH, charge=charge) as stage:
        await let_post(stage, 3)
        line = stage.posted[2][0]
        done = await stage.talk.steer(ev.Disown(message=line.id), "the page")
        assert done == f"{line.author.name} never says that again, nor anything nearly the same"
        assert stage.platform.deleted == []
        assert charge.taste(line.author.name).forbids(line.text.upper())
        others = {message.author.name for message, _ in stage.posted} - {line.author.name}
        assert not any(charge.taste(name).forbids(line.text) for name in others)
    (correction,) = store.corrections()
    assert (correction.text, correction.judgement, correction.judge) == (
        line.text,
        "never",
        "owner",
    )
    assert [each.id for each in correction.context] == [m.id for m, _ in stage.posted[:2]]
    assert correction.text not in correction.drawn
    assert Charge(store, FakeClock()).taste(line.author.name).forbids(line.text)


async def test_a_star_and_a_removal_are_corrections_and_can_be_taken_back(store: Store) -> None:
    charge = Charge(store, FakeClock())
    async with a_stage(store, Babbler(), *BOTH, charge=charge) as stage:
        await let_post(stage, 2)
        (kept, _), (bad, _) = stage.posted
        await stage.talk.steer(ev.Star(message=kept.id), "the page")

        async def delete() -> None:
            await stage.talk.steer(ev.Delete(message=bad.id), "the page")

        await seen(stage, lambda shown: shown == ShownRemoval(message=bad.id), delete)
        told = {each.message: each.judgement for each in store.corrections()}
        assert told == {kept.id: "good", bad.id: "bad"}
        assert charge.taste(kept.author.name).worth(kept.text) > 0
        assert charge.taste(bad.author.name).worth(bad.text) < 0
        await stage.talk.steer(ev.Drop(message=kept.id), "the page")
        (refused,) = store.refused_texts()
        await stage.talk.steer(ev.Allow(number=refused.number), "the page")
        assert store.corrections() == ()
        assert charge.taste(bad.author.name).worth(bad.text) == 0


async def test_a_star_of_anybody_keeps_a_line_and_teaches_nothing(store: Store) -> None:
    charge = Charge(store, FakeClock(), people=PEOPLE)
    async with a_stage(store, Babbler(), *BOTH, charge=charge) as stage:
        await let_post(stage, 1)
        line = stage.posted[0][0]
        await stage.talk.steer(ev.Star(message=line.id, author=ANN), "Ann")
        assert [each.text for each in store.noted_lines("favourite")] == [line.text]
        assert store.corrections() == ()
        with pytest.raises(PlatformError, match="only an owner, a moderator or the person behind"):
            await stage.talk.steer(ev.Disown(message=line.id, author=ANN), "Ann")
        assert store.corrections() == ()
        friend = ev.Disown(message=line.id, author=JUNO)
        if line.author.name == "Juno":
            await stage.talk.steer(friend, "J.")
        else:
            with pytest.raises(PlatformError, match="only an owner"):
                await stage.talk.steer(friend, "J.")
        assert {each.judge for each in store.corrections()} <= {"friend"}


@pytest.mark.parametrize(("judges", "removed"), [("moderators", True), ("owners", False)])
async def test_a_moderators_bin_is_enough_where_moderators_judge(
    store: Store, judges: str, removed: bool
) -> None:
    law = Law(judges="moderators" if judges == "moderators" else "owners")
    async with a_stage(
        store, Babbler(), *BOTH, charge=Charge(store, FakeClock(), law=law)
    ) as stage:
        await let_post(stage, 1)
        line = stage.posted[0][0]
        vote = ev.Reacted(message=line.id, emoji="🗑️", author=BEN, moderates=True)
        await stage.talk.put(vote)
        if removed:
            await seen(
                stage,
                lambda shown: shown == ShownRemoval(message=line.id),
                lambda: stage.talk.put(vote),
            )
        else:
            await let_post(stage, 2)
        told = [(each.judgement, each.judge) for each in store.corrections()]
        assert told == ([("bad", "moderator")] if removed else [])
