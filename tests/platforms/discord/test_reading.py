"""What happened while nobody listened is told apart from what was never listened to."""

from collections.abc import Sequence

from builders import a_message
from hypothesis import given
from hypothesis import strategies as st

from botconvo.conversation.events import Edited, Event, Heard, Removed
from botconvo.messages import Message, MessageId
from botconvo.platforms.discord.hearing import Recent
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
    assert events([number(2)], [number(1), number(2)], start=1) == []


def test_what_was_missed_before_the_first_words_that_are_known_is_news() -> None:
    assert events([number(2)], [number(1), number(2)]) == [("heard", "discord:5/1")]


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
    assert known == {number(n).id for n in there if n > start}


def a_place(told: list[object]) -> Place:
    return Place(
        number=5,
        talk=number(1).channel,
        rules=ChannelRules(id=5),
        emit=lambda _, event: told.append(event),
    )


def texts(told: Sequence[object]) -> list[str]:
    return [event.message.text for event in told if isinstance(event, Heard)]


def test_what_waited_through_a_long_gap_is_not_told_twice() -> None:
    told: list[object] = []
    place = a_place(told)
    place.hold()
    for n in range(1, 301):
        place.hear(Heard(message=number(n)))
    place.hear(Edited(message=number(2, revision=1)))
    missed: list[Event] = [Heard(message=number(n, revision=2)) for n in range(1, 302)]
    place.catch_up(missed, number(1).at)
    assert told == [Heard(message=e.message) for e in missed if isinstance(e, Heard)]
    assert len(place.known) < len(told), "not everything is kept"
    place.hear(Heard(message=number(1)))
    assert len(told) == len(missed), "what was forgotten is not news again"


def test_what_is_known_is_looked_at_again_however_long_the_gap() -> None:
    told: list[object] = []
    place = a_place(told)
    for n in range(10, 400, 10):
        place.hear(Heard(message=number(n)))
    place.hold()
    place.remember(number(500))  # words of a clone, posted while nothing was heard
    assert place.gap == 390
    assert place.oldest == 10
    news = list(
        differences(
            place.revisions(),
            [number(395), number(500)],
            since=place.oldest,
            start=place.start,
        )
    )
    assert [e for e in news if isinstance(e, Heard)] == [Heard(message=number(395))]
    assert len([e for e in news if isinstance(e, Removed)]) == len(told)


def test_what_waits_and_was_deleted_before_the_channel_was_read_is_not_told() -> None:
    told: list[object] = []
    place = a_place(told)
    place.hold()
    for n in (1, 2, 3):
        place.hear(Heard(message=number(n)))
    place.hear(Edited(message=number(2, revision=1)))
    there = frozenset({number(1).id, number(8).id})
    found = Recent(messages=[number(1)], there=there, since=0, reactions={})
    place.hear(Heard(message=number(9)))
    place.catch_up([Heard(message=number(1))], number(1).at, found.lacks)
    assert texts(told) == ["text 1", "text 9"]
    assert not [event for event in told if isinstance(event, Edited)]


def test_words_that_cannot_be_read_back_yet_do_not_hide_what_is_missing() -> None:
    told: list[object] = []
    place = a_place(told)
    place.hear(Heard(message=number(1)))
    place.hold()
    place.release()  # the channel could not be read
    for n in range(200, 400):
        place.hear(Heard(message=number(n)))
    place.hold()
    assert (place.gap, place.oldest, place.start) == (1, 1, 0)


def test_what_happens_while_a_place_catches_up_comes_afterwards() -> None:
    told: list[object] = []
    place = a_place(told)
    place.hold()
    place.hear(Heard(message=number(3)))
    place.hear(Heard(message=number(2)))
    place.catch_up([Heard(message=number(1)), Heard(message=number(2))], number(1).at)
    assert texts(told) == ["text 1", "text 2", "text 3"]
