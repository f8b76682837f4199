"""What is learned of when and how much somebody writes, and what cannot be read from it."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from random import Random

import pytest
from corpus.talks import FIRST, by, message, talks
from hypothesis import given, settings
from hypothesis import strategies as st

from botconvo.corpus import learned_manners, observe, told_manners
from botconvo.corpus.timing import DELAY_PARTS, MINUTE_PARTS, TOGETHER, counted
from botconvo.importers import friend_simulator, markdown_transcript, single_column_csv, ssi_bot
from botconvo.importers.reading import numbered_lines
from botconvo.messages import Author, AuthorId, Message, MessageId, Reaction, tells_time
from botconvo.people import People
from model_server.checkpoint.learned_manners import LearnedManners


def learned(messages: Sequence[Message], name: str = "Bort", **more: object) -> LearnedManners:
    zone = str(more.get("zone", "UTC"))
    found = learned_manners(observe(messages, People(), **more)[name], zone=zone)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_delays_are_those_after_somebody_else() -> None:
    delays = learned(talks(delay=lambda rng: rng.uniform(12, 28), row=lambda rng: 3)).delays
    assert delays is not None
    assert delays.below == DELAY_PARTS
    assert delays.shares[DELAY_PARTS.index(30.0)] == 1.0
    assert 10 < delays.median() < 30


def test_messages_in_a_row_are_counted() -> None:
    bursts = learned(talks(row=lambda rng: rng.choice([1, 1, 3]))).bursts
    assert bursts is not None
    assert bursts.shares[0] == pytest.approx(2 / 3, abs=0.07)
    assert bursts.shares[2] == pytest.approx(1 / 3, abs=0.07)
    assert bursts.shares[1] == bursts.shares[3] == 0


def test_a_row_with_a_long_pause_is_two() -> None:
    talk = [message(0, "Ann", FIRST)]
    talk += [
        message(place + 1, "Bort", FIRST + timedelta(minutes=3 * place + 1)) for place in range(40)
    ]
    bursts = learned(talk).bursts
    assert bursts is not None
    assert bursts.shares == (1.0, 0, 0, 0, 0)


def test_hours_are_by_the_clocks_of_the_zone() -> None:
    messages = talks(hour=lambda rng: 0)
    utc, tokyo = learned(messages).hours, learned(messages, zone="Asia/Tokyo").hours
    assert utc is not None
    assert tokyo is not None
    assert utc.shares[18] > 0.9
    assert tokyo.shares[3] > 0.9
    assert tokyo.zone == "Asia/Tokyo"


def test_of_a_few_days_no_hours_are_learned() -> None:
    found = learned(talks(days=13))
    assert found.hours is None
    assert "not known: hours" in told_manners(found)


def test_talkativeness_is_a_share_of_the_turns() -> None:
    rng, talk = Random(3), list[Message]()
    for place in range(600):
        others = [
            name for name in ("Ann", "Bort", "Cleo") if not talk or talk[-1].author.name != name
        ]
        weights = [1 if name == "Bort" else 4 for name in others]
        name = rng.choices(others, weights)[0]
        talk.append(message(place, name, FIRST + timedelta(seconds=30 * place)))
    shy, loud = learned(talk).talkativeness, learned(talk, "Ann").talkativeness
    assert shy is not None
    assert loud is not None
    assert shy < 0.35 < 0.5 < loud


def test_reactions_of_the_friend_are_counted_wherever_they_are() -> None:
    heart = Reaction(emoji="❤", author=by("Bort"))
    messages = [
        replace(each, reactions=(heart,)) if each.author.name == "Ann" and i % 4 == 0 else each
        for i, each in enumerate(talks())
    ]
    found = learned(messages).reactions
    assert found is not None
    assert found == pytest.approx(1 / 3, abs=0.02)  # 200 of them, beside 400 messages


def test_nothing_is_learned_of_somebody_who_wrote_little() -> None:
    assert learned_manners(observe(talks(days=2), People())["Bort"]) is None
    assert "too few" in told_manners(None)


def test_what_is_later_than_the_training_counts_for_nothing() -> None:
    early = talks(days=20)
    until = early[-1].at
    late = [
        replace(each, id=MessageId(f"{each.id}x"), at=each.at + timedelta(days=30))
        for each in talks(days=20, delay=lambda rng: 400.0, row=lambda rng: 4)
    ]
    assert learned([*late, *early], until=until) == learned(early)


def test_later_talks_alone_are_observed_since_a_moment() -> None:
    messages = talks(days=20)
    border = FIRST + timedelta(days=10)
    later = observe(messages, People(), since=border)["Bort"]
    assert later.messages == sum(m.at > border and m.author.name == "Bort" for m in messages)


# ---- exports that tell less ---------------------------------------------------------------


def to_the_minute(messages: Sequence[Message]) -> list[Message]:
    return [replace(each, at=each.at.replace(second=0, microsecond=0)) for each in messages]


def test_whole_minutes_tell_no_seconds() -> None:
    found = learned(to_the_minute(talks()))
    assert not found.exact
    assert found.delays is not None
    assert found.delays.below == MINUTE_PARTS
    assert found.bursts is not None
    assert found.hours is not None
    assert "whole minutes" in told_manners(found)


def test_channels_with_seconds_are_enough() -> None:
    exact, coarse = talks(), to_the_minute(talks(channel="whatsapp:2", seed=9))
    found = learned([*exact, *coarse])
    assert found.exact
    assert found.delays == learned(exact).delays


def test_days_alone_tell_no_times() -> None:
    midnights = [
        replace(each, at=each.at.replace(hour=0, minute=0, second=0, microsecond=0))
        for each in talks()
    ]
    found = learned(midnights)
    assert (found.delays, found.bursts, found.hours) == (None, None, None)
    assert found.words == 3.0
    assert found.talkativeness is not None
    assert "do not tell how fast" in told_manners(found)


def rows(text: str) -> list[tuple[int, str]]:
    return list(numbered_lines(io.StringIO(text)))


def timeless_exports() -> dict[str, list[object]]:
    lines = [("Ann" if i % 2 else "Bort", f"words number {i}") for i in range(80)]
    table = io.StringIO()
    csv.writer(table).writerows([["text"], *([words] for _, words in lines)])
    bort = Author(id=AuthorId("file:bort"), name="Bort")
    thread = "<|soss r/talk|><|sot|>A title<|sost|>words" + "".join(
        f"<|sor u/{name}|>{words}" for name, words in lines
    )
    return {
        "friend simulator": list(
            friend_simulator.parse(rows("".join(f"<{n}> {w}\n" for n, w in lines)))
        ),
        "transcript": list(
            markdown_transcript.parse(
                rows("# START\nBort: INIT;\n" + "".join(f"{n}: {w}\n" for n, w in lines))
            )
        ),
        "csv": list(single_column_csv.parse(io.StringIO(table.getvalue()), bort)),
        "ssi-bot": list(ssi_bot.parse(rows(thread + "\n"))),
    }


@pytest.mark.parametrize("form", ["friend simulator", "transcript", "csv", "ssi-bot"])
def test_made_up_times_are_known_for_what_they_are(form: str) -> None:
    messages = [row for row in timeless_exports()[form] if isinstance(row, Message)]
    assert len(messages) > 20
    assert not any(map(tells_time, messages))
    own = next(iter(observe(messages, People()).values()))
    assert not own.delays
    assert not own.whole
    assert not own.bursts
    assert not own.hours


def test_real_times_are_believed() -> None:
    assert all(map(tells_time, talks(days=1)))
    assert tells_time(message(1, "Ann", FIRST, channel="reddit:sub"))


# ---- what cannot be read from it ------------------------------------------------------------

SEEDS = st.integers(0, 10**6)


@settings(max_examples=12)
@given(SEEDS, st.lists(st.text("abcde 🙂", min_size=1), min_size=1, max_size=5))
def test_no_text_changes_the_times(seed: int, texts: list[str]) -> None:
    plain = learned(talks(days=15, seed=seed))
    rng = Random(seed)
    other = learned([replace(m, text=rng.choice(texts)) for m in talks(days=15, seed=seed)])
    assert replace(other, words=None) == replace(plain, words=None)


@settings(max_examples=12)
@given(SEEDS, st.integers(0, 23), st.integers(0, 59), st.integers(1, TOGETHER - 1))
def test_a_few_messages_at_an_odd_hour_leave_no_trace(
    seed: int, hour: int, minute: int, odd: int
) -> None:
    usual = talks(days=20, seed=seed, hour=lambda rng: 0)
    if hour in (18, 19):
        hour = 4
    alone = [
        message(
            9000 + i,
            "Bort",
            (FIRST + timedelta(days=i)).replace(hour=hour, minute=minute, second=7),
        )
        for i in range(odd)
    ]
    hours = learned([*usual, *alone]).hours
    assert hours is not None
    assert hours.shares[hour] == 0.0
    assert hours == learned(usual).hours


@settings(max_examples=12)
@given(SEEDS)
def test_every_share_rests_on_several_messages(seed: int) -> None:
    messages = talks(
        days=15,
        seed=seed,
        delay=lambda rng: rng.uniform(1, 60) ** rng.choice([1, 1, 1.8]),
        row=lambda rng: rng.choice([1, 1, 1, 2, 3, 7]),
        hour=lambda rng: rng.randint(0, 12),
    )
    own = observe(messages, People())["Bort"]
    found = learned_manners(own)
    assert found is not None
    for shares, values in (
        (found.delays, [seconds for seconds, _ in own.delays]),
        (found.bursts, [float(count) for count, _ in own.bursts]),
    ):
        assert shares is not None
        for share, count in zip(shares.shares, counted(values, shares.below), strict=True):
            assert share == 0.0 or count >= TOGETHER


@settings(max_examples=12)
@given(SEEDS, st.integers(0, 149), st.floats(-20, 20))
def test_a_message_that_moves_a_little_moves_no_share_by_much(
    seed: int, place: int, seconds: float
) -> None:
    messages = talks(days=15, seed=seed)
    moved = [*messages]
    own = [i for i, each in enumerate(messages) if each.author.name == "Bort"][place]
    moved[own] = replace(messages[own], at=messages[own].at + timedelta(seconds=seconds / 10))
    before, after = learned(messages), learned(moved)
    for first, second in ((before.delays, after.delays), (before.hours, after.hours)):
        assert first is not None
        assert second is not None
        worst = max(abs(a - b) for a, b in zip(first.shares, second.shares, strict=True))
        assert worst <= (TOGETHER + 1) / 150


@settings(max_examples=12)
@given(SEEDS)
def test_nothing_but_hundredths_and_round_counts_is_kept(seed: int) -> None:
    kept = json.dumps(asdict(learned(talks(days=15, seed=seed))))
    assert "2026" not in kept
    assert "Ann" not in kept
    found = learned(talks(days=15, seed=seed))
    for part in (found.delays, found.bursts, found.hours):
        assert part is not None
        assert all(share == round(share, 2) for share in part.shares)
    assert found.messages == 150


def test_the_order_of_the_messages_does_not_matter() -> None:
    messages = talks()
    shuffled = Random(1).sample(messages, len(messages))
    assert learned(shuffled) == learned(messages)
