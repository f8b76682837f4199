"""Which rows are one message."""

import pytest

from botconvo.messages import Author, AuthorId, MessageId
from botconvo.store.twins import Stamp, better, kind_of, overlap, possible_authors

SECOND = 1_000_000
NOON = 1_710_763_200 * SECOND
IDS = ["discord:5/1", "discord:5/row-a", "discord:5/row-second-a", "discord:5/row-minute-a"]


def stamp(name: str, seconds: float) -> Stamp:
    return Stamp(MessageId(name), NOON + round(seconds * SECOND))


def test_every_kind_knows_more_than_the_next() -> None:
    kinds = [*IDS, "discord:5/row-name-a"]
    assert [kind_of(each) for each in kinds] == [0, 1, 2, 3, 4]
    assert better(stamp(kinds[0], 0), stamp(kinds[1], 0))
    assert not better(stamp(kinds[1], 0), stamp("discord:5/row-b", 0))


@pytest.mark.parametrize(
    ("one", "at", "other", "where", "same"),
    [
        (IDS[0], 12.5, IDS[1], 12.5, True),
        (IDS[0], 12.5, IDS[1], 12.501, False),
        (IDS[0], 12.5, IDS[2], 12, True),
        (IDS[0], 13, IDS[2], 12, False),
        (IDS[0], 59.999, IDS[3], 0, True),
        (IDS[0], 60, IDS[3], 0, False),
        (IDS[1], 30, IDS[0], 0, True),
        (IDS[1], 60.5, IDS[0], 0, False),
        (IDS[2], 59, IDS[3], 0, True),
    ],
)
def test_twins_lie_within_what_the_coarser_one_leaves_out(
    one: str, at: float, other: str, where: float, same: bool
) -> None:
    assert overlap(stamp(one, at), stamp(other, where)) is same
    assert overlap(stamp(other, where), stamp(one, at)) is same


def test_an_account_may_stand_for_its_owner() -> None:
    known = Author(id=AuthorId("discord:7"), name="smig", account="Smigtan#4412")
    named = Author(id=AuthorId("discord-name:Smigtan#4412"), name="Smigtan", account="Smigtan#4412")
    assert set(possible_authors(known)) == {known.id, named.id}
    assert set(possible_authors(named)) == {named.id}
    assert possible_authors(Author(id=AuthorId("irc:bort"), name="bort")) == ("irc:bort",)
