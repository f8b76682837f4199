"""What happened while nobody listened is told apart from what was never listened to."""

from collections.abc import Sequence

from builders import a_message
from hypothesis import given
from hypothesis import strategies as st

from botconvo.conversation.events import Edited, Heard, Removed
from botconvo.messages import Message, MessageId
from botconvo.platforms.discord.places import ChannelRules, Place
from botconvo.platforms.discord.reading import differences


def number(n: int, revision: int = 0) -> Message:
    return a_message(f"text {n}", id=str(n), channel="discord:5", revision=revision)


def events(
    known: Sequence[Message], found: Sequence[Message], *, since: int = 0, start: int = 0
) -> list[tuple[str, MessageId]]:
    revisions = {message.id: message.revision for message in known}
    told = []
    for event in differences(revisions, found, since=since, start=start):
        match event:
            case Removed(message=gone):
                told.append(("removed", gone))
            case Heard(message=message) | Edited(message=message):
                told.append((type(event).__name__.lower(), message.id))
    return told


def test_new_edited_and_deleted_messages_are_told() -> None:
    known = [number(1), number(2), number(3)]
    found = [number(1), number(3, revision=9), number(4)]
    assert events(known, found) == [
        ("removed", "discord:5/2"),
        ("edited", "discord:5/3"),
        ("heard", "discord:5/4"),
    ]


def test_what_lies_before_the_page_was_not_deleted() -> None:
    assert events([number(1), number(5)], [number(6)], since=4) == [
        ("removed", "discord:5/5"),
        ("heard", "discord:5/6"),
    ]


def test_what_was_said_before_anybody_listened_is_no_news() -> None:
    assert events([], [number(1), number(2), number(3)], start=2) == [("heard", "discord:5/3")]
    assert events([number(2)], [number(1), number(2)]) == []


@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)), st.integers(0, 60))
def test_whoever_heard_what_it_is_told_knows_what_is_there(
    heard: set[int], there: set[int], start: int
) -> None:
    """Nothing after the start is missing, and nothing that has gone is left."""
    known = {number(n).id for n in heard if n > start}
    found = [number(n) for n in sorted(there)]
    for what, message in events(
        [number(n) for n in sorted(heard) if n > start], found, start=start
    ):
        known.discard(message) if what == "removed" else known.add(message)
    first = max(start, min((n for n in heard if n > start), default=0))
    wanted = {number(n).id for n in there if n > first} | (
        {number(n).id for n in there & heard if n > start}
    )
    assert known == wanted


def test_what_happens_while_a_place_catches_up_comes_afterwards() -> None:
    told: list[object] = []
    place = Place(
        number=5,
        talk=number(1).channel,
        rules=ChannelRules(id=5),
        emit=lambda _, event: told.append(event),
    )
    place.hold()
    place.hear(Heard(message=number(3)))
    place.hear(Heard(message=number(2)))
    place.catch_up([Heard(message=number(1)), Heard(message=number(2))], number(1).at)
    assert [e.message.text for e in told if isinstance(e, Heard)] == ["text 1", "text 2", "text 3"]
