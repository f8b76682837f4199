"""A week in several channels, on a clock of its own: what people would see of it."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from botconvo.conversation import events as ev
from botconvo.conversation.conversation import Conversation
from botconvo.conversation.events import Candidate
from botconvo.conversation.lifespan import day_of, presences, quiet_until
from botconvo.conversation.manners import PRESETS
from botconvo.conversation.orders import (
    Ask,
    Cancel,
    Keep,
    Poll,
    Post,
    PromptSource,
    React,
    Type,
    Wait,
)
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId, clone_author
from botconvo.people import People
from botconvo.personas import Persona, PersonaName
from botconvo.transcript.grammar import parse_line

MONDAY = datetime(2026, 3, 23, 6, tzinfo=UTC)
"""Six days later the clocks of Berlin go forward."""
WEEK = timedelta(days=7)
PERSONAS = tuple(Persona(name=PersonaName(name)) for name in ("Juno", "Marek", "Tilly"))
CHANNELS = tuple(ChannelId(f"test:{name}") for name in ("lobby", "games", "soup", "empty"))
TALKING = CHANNELS[:3]
MANNERS = replace(
    PRESETS["group-chat"],
    samples=1,
    daily_messages=30,
    quiet_hours=("23:00-07:30",),
    time_zone="Europe/Berlin",
)
ZONE = MANNERS.time_zone


@dataclass(slots=True)
class Room:
    """A channel whose orders are obeyed at once; what was out is remembered."""

    talk: Conversation
    wakes: datetime | None = MONDAY
    posts: list[Post] = field(default_factory=list)
    at: list[datetime] = field(default_factory=list)

    def run(self, now: datetime) -> None:
        while True:
            order = self.talk.next(now)
            match order:
                case Wait(until=until):
                    self.wakes = until
                    return
                case Ask():
                    self.talk.receive(drafted(order))
                case Post():
                    self.post(order, now)
                case Type() | Cancel() | Keep() | Poll():
                    pass

    def post(self, post: Post, now: datetime) -> None:
        assert post.budget is not None
        today = sum(at >= post.budget.since for at in self.at)
        if today >= post.budget.limit:
            self.talk.receive(
                ev.Failed(order=post.id, reason="", retryable=False, until=post.budget.until)
            )
            return
        self.posts.append(post)
        self.at.append(now)
        message = None
        if not isinstance(post.act, React):
            message = Message(
                id=MessageId(f"{post.id}/out"),
                channel=self.talk.messages[0].channel if self.talk.messages else CHANNELS[0],
                author=clone_author(post.persona),
                text=post.act.text,
                at=now,
            )
        self.talk.receive(ev.Posted(order=post.id, message=message))


def drafted(ask: Ask) -> ev.Answered:
    """Now and then a clone reacts or goes away, else it has something new to say."""
    rng = Random(ask.seed)
    text = rng.choices(["REACT: 🔥;", "INIT;", f"thing {ask.seed} of {rng.random()}"], [1, 1, 18])[
        0
    ]
    channel = ask.id.split("/")[0]
    line = parse_line(f"{ask.persona}: {text if text.endswith(';') else f'{channel} {text}'}")
    verdict: ev.Verdict = "silent" if text == "INIT;" else "ok"
    candidate = Candidate(completion=text, line=line, verdict=verdict, logprob=-1.0)
    return ev.Answered(ask=ask.id, candidates=(candidate,), prompt="", phrase=None, latency_ms=1.0)


def a_day_of_people(channel: ChannelId, day: datetime, rng: Random) -> Iterator[Message]:
    """Three to twelve messages of three people, some of them to a clone or to each other."""
    last: Message | None = None
    for number in range(rng.randint(3, 12)):
        author = rng.choice(["Ann", "Bob", "Cleo"])
        words = rng.choice(
            ["so, how is it going", "Juno, are you there?", "marek and tilly: soup?"]
        )
        message = Message(
            id=MessageId(f"{channel}/{day:%d}/{number}"),
            channel=channel,
            author=Author(id=AuthorId(f"test:{author}"), name=author),
            text=f"{channel} {words}",
            at=day + timedelta(minutes=rng.uniform(60, 900)),
            reply_to=last.id if last is not None and rng.random() < 0.2 else None,
        )
        last = message
        yield message


def a_week(seed: int) -> tuple[dict[ChannelId, Room], dict[PersonaName, list[datetime]]]:
    """All rooms after it, and when each persona's presence changed."""
    rooms = {
        channel: Room(Conversation(channel, MANNERS, PERSONAS, seed=seed, people=People()))
        for channel in CHANNELS
    }
    for room in rooms.values():
        room.talk.receive(ev.Opened())
    rng = Random(seed)
    said = sorted(
        (
            message
            for channel in TALKING
            for day in range(7)
            for message in a_day_of_people(channel, MONDAY + timedelta(days=day), rng)
        ),
        key=lambda message: message.at,
    )
    changed: dict[PersonaName, list[datetime]] = {persona.name: [] for persona in PERSONAS}
    shown = dict.fromkeys(changed, False)
    for message in (*said, None):
        end = message.at if message is not None else MONDAY + WEEK
        while (now := min((r.wakes for r in rooms.values() if r.wakes), default=end)) < end:
            for room in rooms.values():
                if room.wakes is not None and room.wakes <= now:
                    room.run(now)
            away = presences(
                (r.talk.personas, r.talk.asleep) for r in rooms.values() if r.talk.is_alive(now)
            )
            for name in changed:
                is_away = away.get(name, False)
                if shown[name] != is_away:
                    shown[name] = is_away
                    changed[name].append(now)
        if message is not None:
            rooms[message.channel].talk.receive(ev.Heard(message=message))
            rooms[message.channel].run(message.at)
    return rooms, changed


@pytest.fixture(scope="module")
def week() -> tuple[dict[ChannelId, Room], dict[PersonaName, list[datetime]]]:
    return a_week(7)


Week = tuple[dict[ChannelId, Room], dict[PersonaName, list[datetime]]]


def test_the_clones_talk_in_every_channel_and_mostly_with_people(week: Week) -> None:
    rooms, _ = week
    for channel in TALKING:
        sources = Counter(post.trace.source for post in rooms[channel].posts)
        assert 40 < sum(sources.values()) < 7 * 30
        assert sources[PromptSource.PERSON] > 20
        assert sources[PromptSource.CLONE] > 5


def test_nobody_speaks_more_often_than_the_turns_allow(week: Week) -> None:
    for room in week[0].values():
        assert longest_run(room.talk.messages) <= 6


def longest_run(messages: Sequence[Message]) -> int:
    longest = run = 0
    for message in messages:
        run = 0 if message.author.kind == "person" else run + 1
        run += sum(r.author is not None and r.author.kind == "clone" for r in message.reactions)
        longest = max(longest, run)
    return longest


def test_nothing_is_said_in_quiet_hours_whatever_the_clocks_do(week: Week) -> None:
    for room in week[0].values():
        begun = [at for at in room.at if is_quiet(at) and is_quiet(at - timedelta(seconds=30))]
        assert begun == []


def is_quiet(at: datetime) -> bool:
    return quiet_until(at, MANNERS.quiet_hours, ZONE) is not None


def test_no_day_takes_more_than_its_budget(week: Week) -> None:
    for room in week[0].values():
        days = Counter(day_of(at, ZONE)[0] for at in room.at)
        assert max(days.values(), default=0) <= 30


def test_a_channel_that_everybody_left_is_left_alone(week: Week) -> None:
    posts = week[0][CHANNELS[3]].posts
    assert 1 <= len(posts) <= 6


def test_whoever_is_named_answers_within_the_day(week: Week) -> None:
    for channel in TALKING:
        room = week[0][channel]
        answered = {
            post.trace.target for post in room.posts if post.trace.reason.startswith("named")
        }
        named = [m for m in room.talk.messages if m.author.kind == "person" and "Juno" in m.text]
        asked = [m for m in named[:-1] if m.reply_to is None]
        assert sum(m.id in answered for m in asked) > 0.8 * len(asked)


def test_what_is_said_in_one_channel_is_in_no_prompt_of_another(week: Week) -> None:
    for channel, room in week[0].items():
        for message in room.talk.messages:
            others = [other for other in CHANNELS if other != channel]
            assert all(other not in message.text for other in others)


def test_everybody_is_away_at_times_and_comes_back(week: Week) -> None:
    for changes in week[1].values():
        assert len(changes) >= 2
        away = [back - left for left, back in zip(changes[::2], changes[1::2], strict=False)]
        assert max(away) <= timedelta(hours=2), "an hour, and two channels' sleeps may overlap"
        assert sorted(away)[len(away) // 2] < timedelta(minutes=30)


def test_a_week_takes_about_a_second_of_work() -> None:
    began = time.process_time()
    a_week(8)
    assert time.process_time() - began < 5.0
