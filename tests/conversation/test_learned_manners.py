"""Clones that keep to what was learned of their friends, in talks on a clock of their own."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from random import Random

import pytest
from conversation.driving import JUNO, MAREK, TILLY, Play
from hypothesis import given, settings
from hypothesis import strategies as st

from botconvo.conversation.lifespan import ABSENT, activity, next_hour
from botconvo.conversation.manners import PRESETS, Manners, manners
from botconvo.conversation.orders import Post
from botconvo.conversation.pace import delay_s
from botconvo.conversation.speakers import talkativeness
from botconvo.errors import ConfigError
from botconvo.personas import Persona
from model_server.checkpoint.learned_manners import Hours, LearnedManners, Shares

PARTS = (3.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0)
ROWS = (2.0, 3.0, 4.0, 5.0, 6.0)
ALONE = (1.0, 0.0, 0.0, 0.0, 0.0)


def delays(*at: float) -> Shares:
    """As often before each of these ends of a part."""
    return Shares(below=PARTS, shares=tuple(1 / len(at) if p in at else 0.0 for p in PARTS))


def rows(*shares: float) -> Shares:
    return Shares(below=ROWS, shares=shares)


def hours(*often: int, zone: str = "UTC") -> Hours:
    return Hours(zone=zone, shares=tuple(1 / len(often) if h in often else 0.0 for h in range(24)))


def a_persona(persona: Persona, **learned: object) -> Persona:
    return replace(persona, learned=LearnedManners(messages=1000, **learned))  # type: ignore[arg-type]


FAST = a_persona(JUNO, delays=delays(10.0, 30.0), bursts=rows(0.4, 0.4, 0.2, 0.0, 0.0))
SLOW = a_persona(MAREK, delays=delays(300.0, 900.0, 1800.0), bursts=rows(*ALONE))
THIRD = a_persona(TILLY, delays=delays(60.0), bursts=rows(*ALONE))


class Timed(Play):
    """Remembers when each post went out."""

    def __init__(self, *personas: Persona, **more: object) -> None:
        self.at: list[datetime] = []
        super().__init__(*personas, **more)  # type: ignore[arg-type]

    def out(self, post: Post) -> None:
        self.at.append(self.now)
        super().out(post)

    def gaps(self) -> dict[str, list[float]]:
        """Seconds before each message that follows upon another clone's."""
        found: dict[str, list[float]] = {}
        for (before, then), (post, now) in pairwise(zip(self.posts, self.at, strict=True)):
            if before.persona != post.persona:
                found.setdefault(post.persona, []).append((now - then).total_seconds())
        return found


def in_a_row(posts: Sequence[Post]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for name, row in groupby(posts, key=lambda post: post.persona):
        found.setdefault(name, []).append(len(list(row)))
    return found


@pytest.fixture(scope="module")
def talk() -> Timed:
    play = Timed(FAST, SLOW, THIRD)
    play.posts_made(400)
    return play


def test_whoever_answers_slowly_is_slower(talk: Timed) -> None:
    gaps = talk.gaps()
    fast, slow = statistics.median(gaps["Juno"]), statistics.median(gaps["Marek"])
    assert slow > 1.4 * fast
    assert slow > statistics.median(gaps["Tilly"])


def test_no_talk_stalls(talk: Timed) -> None:
    longest = max(max(gaps) for gaps in talk.gaps().values())
    assert longest <= PRESETS["group-chat"].delay_s[1] + 0.001


def test_whoever_writes_in_a_row_does_so_as_often(talk: Timed) -> None:
    found = Counter(in_a_row(talk.posts)["Juno"])
    total = found.total()
    assert max(found) <= 3
    expected = {1: 0.4, 2: 0.4, 3: 0.2}
    chi2 = sum((found[n] - total * share) ** 2 / (total * share) for n, share in expected.items())
    assert chi2 < 13.8, "two degrees of freedom, one case of a thousand"
    assert set(in_a_row(talk.posts)["Marek"]) == {1}


def test_the_same_seed_gives_the_same_talk_and_another_one_another() -> None:
    def talked(seed: int) -> list[tuple[str, datetime]]:
        play = Timed(FAST, SLOW, seed=seed)
        return [(p.persona, at) for p, at in zip(play.posts_made(40), play.at, strict=True)]

    assert talked(5) == talked(5)
    assert talked(5) != talked(6)


def test_whoever_talks_more_has_more_turns() -> None:
    loud = a_persona(JUNO, talkativeness=0.9, bursts=rows(*ALONE))
    shy = a_persona(MAREK, talkativeness=0.2, bursts=rows(*ALONE))
    usual = a_persona(TILLY, talkativeness=0.5, bursts=rows(*ALONE))
    play = Play(loud, shy, usual)
    turns = Counter(str(post.persona) for post in play.posts_made(300))
    assert turns["Juno"] > 1.3 * turns["Marek"]
    assert turns["Juno"] > turns["Tilly"] > turns["Marek"]


def test_what_the_owner_says_of_talking_goes_above_what_was_learned() -> None:
    numbers = manners("group-chat")
    learned = a_persona(JUNO, talkativeness=0.9)
    assert talkativeness(learned, numbers) == 0.9
    assert talkativeness(replace(learned, talkativeness=0.1), numbers) == 0.1
    assert talkativeness(JUNO, numbers) == 0.5
    assert talkativeness(learned, replace(numbers, learned_manners=False)) == 0.5


def test_a_talk_without_learned_manners_is_as_it_was() -> None:
    off = replace(manners("group-chat").unattended(), learned_manners=False)
    plain, told = Timed(preset=off), Timed(FAST, SLOW, THIRD, preset=off)
    plain.posts_made(30)
    told.posts_made(30)
    assert [(p.persona, p.act) for p in plain.posts] == [(p.persona, p.act) for p in told.posts]
    assert plain.at == told.at


@pytest.mark.parametrize("preset", ["classic", "friend-simulator", "gpt-3-chatbot"])
def test_presets_of_earlier_systems_know_nothing_of_it(preset: str) -> None:
    assert not PRESETS[preset].learned_manners
    assert PRESETS["group-chat"].learned_manners


def test_a_person_ends_a_row_and_is_answered() -> None:
    chatty = a_persona(JUNO, bursts=rows(0.0, 0.0, 0.0, 0.0, 1.0))
    play = Play(chatty, MAREK)
    while not play.posts or play.posts[-1].persona != "Juno":
        play.posts_made(len(play.posts) + 1)
    play.person_says("Marek, what do you think?")
    assert play.until(Post).persona == "Marek"


def test_somebody_alone_goes_on_for_ever() -> None:
    play = Play(a_persona(JUNO, bursts=rows(*ALONE)))
    assert len(play.posts_made(5)) == 5


def test_in_company_rows_use_up_the_turns() -> None:
    chatty = [a_persona(each, bursts=rows(0.0, 0.0, 0.0, 0.0, 1.0)) for each in (JUNO, MAREK)]
    play = Play(*chatty, preset=replace(manners("group-chat"), longest_burst=9, go_on=1.0))
    play.person_says("hello, how are you all")
    play.posts_made(50)
    assert 1 < play.longest_run <= 6


# ---- delays ---------------------------------------------------------------------------------


@given(st.integers(), st.sampled_from(PARTS))
def test_a_delay_lies_within_the_bounds(seed: int, part: float) -> None:
    numbers = manners("group-chat", {"delay_s": (2.0, 7.0)})
    drawn = delay_s(a_persona(JUNO, delays=delays(part)), numbers, Random(seed))
    assert 2.0 <= drawn <= 7.0 + 1e-9


@given(st.integers())
def test_slower_parts_give_longer_delays(seed: int) -> None:
    numbers = manners("group-chat")
    drawn = [delay_s(a_persona(JUNO, delays=delays(part)), numbers, Random(seed)) for part in PARTS]
    assert drawn == sorted(drawn)


def test_nobody_waits_whose_delays_are_unknown() -> None:
    numbers = manners("group-chat")
    assert delay_s(JUNO, numbers, Random(1)) == 0.0
    assert delay_s(a_persona(JUNO), numbers, Random(1)) == 0.0
    off = replace(numbers, learned_manners=False)
    assert delay_s(SLOW, off, Random(1)) == 0.0
    assert delay_s(SLOW, replace(numbers, delay_s=(0.0, 0.0)), Random(1)) == pytest.approx(0.1)


def test_bounds_are_checked() -> None:
    with pytest.raises(ConfigError, match="delay_s"):
        manners("group-chat", {"delay_s": (5.0, 1.0)})
    with pytest.raises(ConfigError, match="longest_burst"):
        manners("group-chat", {"longest_burst": 0})


# ---- hours ----------------------------------------------------------------------------------

EVENING = hours(18, 19, 20, 21)
MORNING = hours(7, 8, 9)
COMPANY: Manners = replace(
    manners("group-chat"), sleep_s=None, start_alone_s=None, cool_down_s=0.0, go_on=1.0
)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 7, 1, hour, minute, tzinfo=UTC)


def test_activity_is_by_the_clocks_of_the_zone() -> None:
    berlin = hours(18, 19, zone="Europe/Berlin")
    assert activity(EVENING, at(19)) == 1.0
    assert activity(EVENING, at(12)) == 0.0
    assert activity(berlin, at(16, 30)) == 1.0, "18:30 in Berlin in summer"
    assert activity(berlin, at(18)) == 0.0
    assert activity(None, at(3)) == 1.0


@settings(max_examples=60)
@given(
    st.sets(st.integers(0, 23), min_size=1, max_size=6),
    st.integers(0, 365 * 24 * 60),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"]),
)
def test_the_next_hour_is_one_of_them(often: set[int], minutes: int, zone: str) -> None:
    now, found = at(0) + timedelta(minutes=minutes), hours(*often, zone=zone)
    if activity(found, now) >= ABSENT:
        return
    then = next_hour(found, now)
    assert now < then <= now + timedelta(hours=26)
    assert activity(found, then) >= ABSENT or then == now + timedelta(days=1)


def test_in_company_clones_talk_at_their_friends_hours() -> None:
    early, late = a_persona(JUNO, hours=MORNING), a_persona(MAREK, hours=EVENING)
    found = {}
    for hour in (8, 19):
        play = Play(early, late, TILLY, preset=COMPANY, seed=hour)
        play.now = at(hour)
        for number in range(40):
            play.person_says(f"thought {number}", "Ann" if number % 2 else "Bob")
            drain(play)
            play.now += timedelta(seconds=30)
        found[hour] = Counter(str(post.persona) for post in play.posts)
    assert found[8]["Juno"] > 5
    assert found[8]["Marek"] == 0
    assert found[19]["Marek"] > 5
    assert found[19]["Juno"] == 0


def drain(play: Play) -> None:
    """Obey until it waits for more than a few seconds."""
    end = play.now + timedelta(seconds=30)
    while play.now < end and play.obey(play.next()):
        pass
    play.now = min(play.now, end)


def test_whoever_is_named_answers_at_any_hour() -> None:
    play = Play(a_persona(JUNO, hours=MORNING), MAREK, preset=COMPANY)
    play.now = at(23)
    play.person_says("Juno, are you awake?")
    assert play.until(Post).persona == "Juno"


def test_somebody_alone_with_the_clones_is_answered_at_any_hour() -> None:
    play = Play(a_persona(JUNO, hours=MORNING), preset=COMPANY)
    play.now = at(23)
    play.person_says("hello?")
    assert play.until(Post).persona == "Juno"


def test_a_talk_that_waits_for_morning_wakes_up_then() -> None:
    everybody = [a_persona(each, hours=MORNING) for each in (JUNO, MAREK)]
    play = Play(*everybody, preset=replace(COMPANY, start_alone_s=(60.0, 61.0), brake=1.0))
    play.now = at(22)
    play.person_says("good night")
    while not play.posts:
        assert play.obey(play.next())
    first = play.now
    assert first < at(23), "somebody alone with them is answered"
    while len(play.posts) < 3:
        assert play.obey(play.next()), "it waits for ever"
    assert play.now >= at(7) + timedelta(days=1)


def test_where_the_owner_alone_is_hours_do_not_count() -> None:
    play = Play(a_persona(JUNO, hours=MORNING), a_persona(MAREK, hours=MORNING))
    play.now = at(23)
    assert len(play.posts_made(4)) == 4
