"""The preset ``classic`` is BotConvo to the number, for every seed, and lacks its bugs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from conversation.driving import JUNO, MAREK, TILLY, Play, said
from hypothesis import given, settings
from hypothesis import strategies as st

from botconvo.conversation import events as ev
from botconvo.conversation.manners import PRESETS
from botconvo.conversation.orders import Ask, Cancel, Post, PromptSource, Wait
from botconvo.personas import Sampling

CLASSIC = PRESETS["classic"].unattended()
SEEDS = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def a_talk(seed: int, *, posts: int = 30) -> Play:
    play = Play(preset="classic", seed=seed)
    play.posts_made(posts)
    return play


@pytest.fixture(scope="module")
def many() -> list[Ask]:
    """The asks of many short talks, without what only the first turn of a talk does."""
    quick = replace(CLASSIC, repeat_window=0)
    talks = [Play(preset=quick, seed=seed) for seed in range(80)]
    for talk in talks:
        talk.posts_made(51)
    return [ask for talk in talks for ask in talk.asks[1:]]


@given(seed=SEEDS)
@few
def test_the_numbers_of_every_turn(seed: int) -> None:
    for ask in a_talk(seed).asks:
        drawn = ask.sampling
        assert drawn.temperature is not None
        assert 0.60 <= drawn.temperature <= 0.79
        assert drawn.temperature == round(drawn.temperature, 2)
        assert 30 <= (drawn.max_tokens or 0) <= 99
        assert drawn.max_total_tokens == drawn.max_tokens, "the prompt's tokens count"
        assert (drawn.top_k, drawn.top_p, drawn.repetition_penalty) == (0, 1.0, 1.0)
        assert (ask.n, ask.context, ask.open_with_phrase) == (5, (), True)
        assert ask.phrase_law == "classic"


def test_every_hundredth_and_every_length_is_as_likely_as_another(many: list[Ask]) -> None:
    temperatures = Counter(round(100 * (ask.sampling.temperature or 0)) for ask in many)
    assert sorted(temperatures) == list(range(60, 80))
    assert all(0.035 < count / len(many) < 0.065 for count in temperatures.values())
    lengths = Counter(ask.sampling.max_tokens for ask in many)
    assert sorted(number or 0 for number in lengths) == list(range(30, 100))
    assert all(0.007 < count / len(many) < 0.022 for count in lengths.values())


def test_seven_turns_of_ten_take_up_the_last_message_and_three_nothing(many: list[Ask]) -> None:
    sources = Counter(ask.source for ask in many)
    assert set(sources) == {PromptSource.CLONE, PromptSource.FRESH}
    assert 0.28 < sources[PromptSource.FRESH] / len(many) < 0.32
    for ask in many:
        assert (ask.phrase_from is None) == (ask.source is PromptSource.FRESH)


@given(seed=SEEDS)
@few
def test_what_is_taken_up_is_the_message_right_before(seed: int) -> None:
    play = a_talk(seed)
    for number, ask in enumerate(play.asks[1:]):
        if ask.source is PromptSource.CLONE:
            assert ask.phrase_from == said(play.posts)[number][1]


# speakers


@given(seed=SEEDS, heard=st.lists(st.integers(0, 29)))
@few
def test_nobody_speaks_twice_in_a_row_whoever_wrote_in_between(seed: int, heard: list[int]) -> None:
    play = Play(preset="classic", seed=seed)
    for number in range(30):
        play.posts_made(number)
        if number in heard:
            play.person_says("what is up with you all")
    speakers = [name for name, _ in said(play.posts)]
    assert all(one != two for one, two in pairwise(speakers))


def test_everybody_may_speak_first_and_is_as_likely_to() -> None:
    first = Counter(Play(preset="classic", seed=seed).until(Ask).persona for seed in range(600))
    assert set(first) == {"Juno", "Marek", "Tilly"}
    assert all(150 < count < 250 for count in first.values())


def test_everybody_else_is_as_likely_to_speak_next() -> None:
    talks = [[ask.persona for ask in a_talk(seed).asks] for seed in range(40)]
    pairs = Counter(pair for talk in talks for pair in pairwise(talk))
    before = Counter(one for one, _ in pairs.elements())
    assert len(pairs) == 6
    assert all(0.4 < count / before[one] < 0.6 for (one, _), count in pairs.items())


def test_a_clone_that_names_another_does_not_choose_who_speaks() -> None:
    play = Play(JUNO, MAREK, TILLY, preset="classic", seed=3)
    play.says = lambda ask: [f"Marek knows {ask.seed}"]
    speakers = Counter(name for name, _ in said(play.posts_made(90)))
    assert min(speakers.values()) > 15


def test_talkativeness_counts_for_nothing() -> None:
    loud, silent = replace(JUNO, talkativeness=1.0), replace(MAREK, talkativeness=0.0)
    play = Play(loud, silent, TILLY, preset="classic", seed=1)
    speakers = Counter(name for name, _ in said(play.posts_made(90)))
    assert min(speakers.values()) > 20


@given(seed=SEEDS)
@few
def test_two_take_turns(seed: int) -> None:
    play = Play(JUNO, MAREK, preset="classic", seed=seed)
    speakers = [name for name, _ in said(play.posts_made(10))]
    assert speakers in (["Juno", "Marek"] * 5, ["Marek", "Juno"] * 5)


@given(seed=SEEDS)
@few
def test_one_alone_goes_on_and_still_answers_people(seed: int) -> None:
    play = Play(JUNO, preset="classic", seed=seed)
    assert [name for name, _ in said(play.posts_made(10))] == ["Juno"] * 10
    heard = play.person_says("do you ever stop?")
    assert play.until(Ask).target == heard.id


# people


@given(seed=SEEDS, posts=st.integers(0, 5), orders=st.integers(0, 4))
@few
def test_a_persons_message_is_what_the_next_turn_takes_up_and_only_that(
    seed: int, posts: int, orders: int
) -> None:
    play = Play(preset="classic", seed=seed)
    play.posts_made(posts)
    for _ in range(orders):  # at any moment of a turn
        play.obey(play.next())
    play.person_says("never mind this one")
    heard = play.person_says("what about the soup?")
    seen = len(play.asks)
    play.posts_made(len(play.posts) + 4)
    about = [ask.target for ask in play.asks[seen:] if ask.source is PromptSource.PERSON]
    assert about == [heard.id], "the latest, once"
    assert heard.id in [ask.target for ask in play.asks[seen : seen + 2]]


# words


@given(lengths=st.lists(st.integers(1, 40), min_size=5, max_size=5), seed=SEEDS)
@few
def test_the_longest_of_the_samples_is_said(lengths: list[int], seed: int) -> None:
    texts = [letter * length for letter, length in zip("abcde", lengths, strict=True)]
    play = Play(preset="classic", seed=seed, says=lambda ask: texts)
    assert said(play.posts_made(1))[0][1] == max(texts, key=len)


# time


def gaps(seed: int) -> Sequence[float]:
    """Seconds from every post of a talk to the next ask."""
    play = Play(preset=replace(CLASSIC, repeat_window=0), seed=seed)
    found, posted = [], None
    for _ in range(130):
        order = play.next()
        if isinstance(order, Ask) and posted is not None:
            found.append((play.now - posted).total_seconds())
            posted = None
        if isinstance(order, Post):
            posted = play.now
        play.obey(order)
    return found


@given(seed=SEEDS)
@few
def test_three_to_seven_seconds_lie_between_messages(seed: int) -> None:
    found = gaps(seed)
    assert len(found) > 30
    assert all(3.0 <= gap < 7.0 for gap in found)


def test_every_silence_between_the_two_is_as_likely_as_another() -> None:
    found = [gap for seed in range(20) for gap in gaps(seed)]
    quarters = Counter(int(gap) for gap in found)
    assert sorted(quarters) == [3, 4, 5, 6]
    assert all(0.2 < count / len(found) < 0.3 for count in quarters.values())


@given(seed=SEEDS, after=st.floats(0.0, 6.9))
@few
def test_a_person_does_not_cut_the_silence_short(seed: int, after: float) -> None:
    play = Play(preset="classic", seed=seed)
    play.posts_made(1)
    posted = play.now
    assert isinstance(play.next(), Wait)
    play.wait(after)
    heard = play.person_says("hello?")
    ask = play.until(Ask)
    assert ask.target == heard.id
    assert 3.0 <= (play.now - posted).total_seconds() < 7.0


def test_nobody_is_shown_typing_and_nobody_hushes() -> None:
    play = a_talk(5)
    assert {type(order) for order in play.orders} == {Ask, Post, Wait}
    play.talk.receive(ev.TypingSeen(author=play.person_says("hm").author.id, at=play.now))
    before = play.now
    play.until(Ask)
    assert play.now - before < timedelta(seconds=7)


@given(seed=SEEDS)
@few
def test_errors_are_met_with_longer_and_longer_silence(seed: int) -> None:
    play = Play(preset="classic", seed=seed)
    times = []
    for _ in range(10):
        ask = play.until(Ask)
        times.append(play.now)
        play.talk.receive(ev.Failed(order=ask.id, reason="gone", retryable=True))
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert waits == [pytest.approx(s) for s in (0.2, 4, 8, 16, 32, 60, 60, 60, 60)]
    play.posts_made(1)
    assert len(play.posts) == 1, "and when it is over they talk on"


@given(seed=SEEDS)
@few
def test_a_person_who_writes_during_a_turn_restarts_it_without_a_wait(seed: int) -> None:
    play = Play(preset="classic", seed=seed)
    play.posts_made(1)
    first, before = play.until(Ask), play.now
    heard = play.person_says("wait, what?")
    assert play.next() == Cancel(ask=first.id)
    second = play.next()
    assert isinstance(second, Ask)
    assert (second.target, play.now) == (heard.id, before)


# the owner's word


def test_a_personas_own_numbers_go_above_the_presets() -> None:
    own = replace(JUNO, sampling=Sampling(temperature=1.1, max_tokens=200))
    ask = Play(own, preset="classic").until(Ask)
    drawn = ask.sampling
    assert (drawn.temperature, drawn.max_tokens, drawn.max_total_tokens) == (1.1, 200, 200)


def test_draws_do_not_hang_together(many: list[Ask]) -> None:
    """A talk's turns are seeded by their number: no draw may follow from another."""
    hot = [ask.source for ask in many if (ask.sampling.temperature or 0) >= 0.75]
    assert 0.24 < Counter(hot)[PromptSource.FRESH] / len(hot) < 0.36
    assert len({ask.seed for ask in many}) == len(many)
