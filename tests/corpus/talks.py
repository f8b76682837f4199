"""Talks for tests of manners: who wrote when."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId, Reaction

FIRST = datetime(2026, 1, 5, 18, tzinfo=UTC)


def by(name: str) -> Author:
    return Author(id=AuthorId(f"discord:{name.lower()}"), name=name)


def message(
    number: int,
    name: str,
    at: datetime,
    text: str = "some words here",
    *,
    channel: str = "discord:1",
    reactions: tuple[Reaction, ...] = (),
) -> Message:
    return Message(
        id=MessageId(f"{channel}/{number}"),
        channel=ChannelId(channel),
        author=by(name),
        text=text,
        at=at,
        reactions=reactions,
    )


def talks(
    days: int = 40,
    *,
    delay: Callable[[Random], float] = lambda rng: rng.uniform(5, 25),
    row: Callable[[Random], int] = lambda rng: 1,
    hour: Callable[[Random], int] = lambda rng: rng.randint(0, 4),
    seed: int = 1,
    friend: str = "Bort",
    channel: str = "discord:1",
    words: Sequence[str] = ("some words here",),
) -> list[Message]:
    """Ten turns of Ann and of the friend a day, who answers by these laws; 18 h is hour 0."""
    rng, made = Random(seed), list[Message]()
    for day in range(days):
        at = FIRST + timedelta(days=day, hours=hour(rng), seconds=rng.uniform(0, 600))
        for _ in range(10):
            at += timedelta(seconds=rng.uniform(20, 60))
            made.append(message(len(made), "Ann", at, channel=channel))
            at += timedelta(seconds=delay(rng))
            for place in range(row(rng)):
                at += timedelta(seconds=rng.uniform(3, 9) if place else 0)
                made.append(message(len(made), friend, at, rng.choice(words), channel=channel))
    return made
