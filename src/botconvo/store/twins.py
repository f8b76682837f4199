"""Which rows are one message that several exports give in different detail.

JSON and HTML know a message's id, CSV its author's id and its time, older CSV only the minute,
plain text only the minute and the name of the account.  Of twins the row that knows most is kept.
It knows nothing of SQL.
"""

from dataclasses import dataclass

from botconvo.messages import MADE_UP, OF_NAME, Author, AuthorId, MessageId

__all__ = ["LONGEST", "SECOND", "Kind", "Stamp", "better", "kind_of", "overlap", "possible_authors"]

SECOND = 1_000_000
_MINUTE = 60 * SECOND
LONGEST = _MINUTE
"""Microseconds within which twins can lie apart."""
_MARKS = (("name-", _MINUTE), ("minute-", _MINUTE), ("second-", SECOND))
Kind = int
"""How little a row knows: 0 has an id of its own, 1 the whole time, 2 the second, 3 the minute, 4
a name only."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A row's id and its time in microseconds since 1970."""

    id: MessageId
    at: int


def kind_of(id: str) -> Kind:
    """What an id tells about how much its row knows."""
    _, made_up, rest = id.partition(MADE_UP)
    if not made_up:
        return 0
    for place, (mark, _) in enumerate(_MARKS):
        if rest.startswith(mark):
            return 1 + len(_MARKS) - place
    return 1


def better(one: Stamp, other: Stamp) -> bool:
    """Whether ``one`` knows more than ``other``; rows of one kind are told apart by their ids."""
    return kind_of(one.id) < kind_of(other.id)


def overlap(one: Stamp, other: Stamp) -> bool:
    """Whether both can be of one moment."""
    return one.at < other.at + _width(other) and other.at < one.at + _width(one)


def possible_authors(author: Author) -> tuple[AuthorId, ...]:
    """Under which ids the same author's rows may stand."""
    if not author.account:
        return (author.id,)
    platform = author.id.partition(":")[0].removesuffix(OF_NAME[:-1])
    return author.id, AuthorId(f"{platform}{OF_NAME}{author.account}")


def _width(stamp: Stamp) -> int:
    """How long the moment may lie behind the time, in microseconds; at least one."""
    for mark, width in _MARKS:
        if f"{MADE_UP}{mark}" in stamp.id:
            return width
    if kind_of(stamp.id) != 0 or stamp.at % SECOND:
        return 1
    # HTML has ids but may tell no seconds, and a data package no milliseconds.
    return SECOND if stamp.at % _MINUTE else _MINUTE
