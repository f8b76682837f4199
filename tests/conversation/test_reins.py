"""What people do to a talk: the kill word, votes, and every pull at the reins."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from builders import a_message, a_reaction, an_author
from conversation.driving import CHANNEL, JUNO, MAREK, START, TILLY, Play, said
from hypothesis import given, settings
from hypothesis import strategies as st

from botconvo.conversation import events as ev
from botconvo.conversation.manners import manners
from botconvo.conversation.orders import Ask, Cancel, Post, PromptSource, Submit, Wait, Withdraw
from botconvo.conversation.reins import (
    Law,
    decides_alone,
    introduction,
    is_kill_word,
    is_voted_out,
    next_ask,
    wish,
    word_on_draft,
)
from botconvo.messages import AuthorId, Message, Reaction
from botconvo.people import People, Person

NOBODY_ELSE = People()
HOUR = timedelta(hours=1)
FEW = manners("group-chat", {"turn_limit": 2})


# ---- words and emoji ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["bots stop", "BOTS, STOP!!", "  Bots…stop ", "@Bot Convo bots stop"]
)
def test_the_kill_word_counts_however_it_is_written(text: str) -> None:
    assert is_kill_word(text, "bots stop")


@pytest.mark.parametrize("text", ["do bots stop at red?", "bots stop it", "botsstop", "", "stop"])
def test_the_kill_word_in_other_words_is_talk(text: str) -> None:
    assert not is_kill_word(text, "bots stop")


@given(st.text())
def test_without_a_kill_word_nothing_silences(text: str) -> None:
    assert not is_kill_word(text, "")


def test_emoji_ask_for_things_in_every_form() -> None:
    assert [wish(sign) for sign in ("🗑", "🗑️", "⭐", "🌟", "😂", "")] == [
        "delete",
        "delete",
        "keep",
        "keep",
        None,
        None,
    ]


def a_line(*voters: str, clone: str = "Juno") -> Message:
    line = a_message(author=an_author(clone, kind="clone"))
    reactions = tuple(a_reaction("🗑️", by=voter) for voter in voters)
    return a_message(author=line.author, reactions=reactions)


def test_enough_people_vote_a_line_out() -> None:
    assert not is_voted_out(a_line("ann"), Law(), NOBODY_ELSE)
    assert is_voted_out(a_line("ann", "ben"), Law(), NOBODY_ELSE)
    assert is_voted_out(a_line("ann"), Law(delete_votes=1), NOBODY_ELSE)


def test_nobody_votes_twice_and_bots_do_not_vote() -> None:
    twice = (a_reaction("🗑", by="ann"), a_reaction("🗑️", by="ann"))
    clones = tuple(a_reaction("🗑", by=an_author(name, kind="clone")) for name in "ab")
    for reactions in (twice, clones, (Reaction(emoji="🗑"), Reaction(emoji="🗑"))):
        line = a_message(author=an_author("Juno", kind="clone"), reactions=reactions)
        assert not is_voted_out(line, Law(), NOBODY_ELSE)


def test_an_owner_and_whoever_was_cloned_decide_alone() -> None:
    law = Law(owners=frozenset({AuthorId("discord:olga")}))
    people = People([Person(name="Juno", authors=frozenset({AuthorId("discord:real-juno")}))])
    assert is_voted_out(a_line("olga"), law, people)
    assert is_voted_out(a_line("real-juno"), law, people)
    assert not is_voted_out(a_line("real-juno", clone="Marek"), law, people)
    assert not decides_alone(an_author("Juno"), "Juno", law, people), "a shown name is no proof"


def test_a_persons_message_is_never_voted_out() -> None:
    line = a_message(reactions=(a_reaction("🗑", by="ann"), a_reaction("🗑", by="ben")))
    assert not is_voted_out(line, Law(), NOBODY_ELSE)


def test_a_word_on_a_draft() -> None:
    order = ev.OrderId("x")
    assert word_on_draft("✅", order) == ev.Approve(order=order)
    assert word_on_draft("👍🏽", order) == ev.Approve(order=order)
    assert word_on_draft("❌", order) == ev.Reject(order=order)
    assert word_on_draft("🗑️", order) == ev.Reject(order=order, for_good=True)
    assert word_on_draft("😂", order) is None


def test_a_channel_is_told_what_is_true_there() -> None:
    told = introduction(["Juno", "Marek", "Tilly"], Law(), commands=True)
    assert told.startswith("Juno, Marek and Tilly are bots")
    assert "Nobody reads the lines" in told
    assert "/ignoreme" in told
    assert "bots stop" in told
    alone = introduction(["Juno"], Law(curated=True, kill_word=""), commands=False)
    assert alone.startswith("Juno is a bot")
    assert "A person reads every line" in alone
    assert "/ignoreme" not in alone
    assert "silent" not in alone
    assert len(told) < 2000


@pytest.mark.parametrize(
    ("invented", "origins"),
    [
        ((), " They are clones of people who agreed to it."),
        (("Tilly",), "Juno and Marek are clones of people who agreed to it; Tilly is an invented"),
        (("Juno", "Tilly"), "Marek is the clone of a person who agreed to it; Juno and Tilly are"),
        (("Juno", "Marek", "Tilly"), " They are invented characters."),
    ],
)
def test_a_channel_is_told_who_is_invented(invented: tuple[str, ...], origins: str) -> None:
    names = ["Juno", "Marek", "Tilly"]
    assert origins in introduction(names, Law(), commands=True, invented=invented)


MINUTES = st.lists(st.integers(0, 120), max_size=20).map(sorted)


@given(MINUTES, st.integers(1, 4), st.integers(1, 60))
def test_nobody_asks_more_often_than_the_law_says(at: list[int], asks: int, within: int) -> None:
    law = Law(asks=asks, asks_within=timedelta(minutes=within))
    times = [START + timedelta(minutes=minute) for minute in at]
    asked: list[datetime] = []
    for now in times:
        until = next_ask(asked, now, law)
        if until is None:
            asked.append(now)
            continue
        assert now < until <= now + law.asks_within
        assert next_ask(asked, until, law) is None, "then they may"
    for first, last in zip(asked, asked[asks:], strict=False):
        assert last - first >= law.asks_within


def test_a_law_without_a_limit_lets_everybody_ask() -> None:
    assert next_ask([START] * 1000, START, Law(asks=0)) is None


# ---- silence -----------------------------------------------------------------------------------


def test_silence_drops_what_is_being_drafted_or_typed() -> None:
    for kind in ("asking", "typing"):
        play = Play(JUNO)
        ask = play.until(Ask)
        if kind == "typing":
            play.answer(ask, "a long line of words that somebody has to type")
            play.next()
        play.steer(ev.Silence())
        if kind == "asking":
            assert isinstance(play.next(), Cancel)
        play.wait(3600)
        assert play.next() == Wait()
        assert play.talk.paused


def test_after_a_silence_nobody_takes_up_what_was_said_before_it() -> None:
    play = Play(JUNO)
    play.posts_made(1)
    play.person_says("hello?")
    play.steer(ev.Silence())
    play.steer(ev.Resume())
    play.wait(60)
    assert play.until(Ask).target != play.talk.messages[-2].id


# ---- topic and questions -----------------------------------------------------------------------


def test_a_topic_is_taken_up_at_once_and_what_was_before_is_no_context() -> None:
    play = Play(preset=FEW)
    play.posts_made(2)
    assert play.next() == Wait(), "the limit is reached"
    play.steer(ev.SetTopic(message=a_message("the great soup war", author="Ann")))
    ask = play.until(Ask)
    assert ask.source is PromptSource.PERSON
    assert [line.argument for line in ask.context if line.says] == ["the great soup war"]


def test_a_topic_drops_the_turn_that_is_under_way() -> None:
    play = Play()
    old = play.until(Ask)
    play.steer(ev.SetTopic(message=a_message("soup")))
    assert play.until(Cancel).ask == old.id
    play.answer(old, "too late")
    assert play.until(Ask).phrase_from == "soup"


def test_whoever_is_asked_answers_past_the_limit() -> None:
    play = Play(JUNO, MAREK, TILLY, preset=FEW)
    play.posts_made(2)
    for persona in (TILLY, JUNO, MAREK):
        question = a_message(f"what now, you there? {persona.name[0]}", author="Ann")
        play.steer(ev.AskPersona(persona=persona.name, message=question))
        ask = play.until(Ask)
        assert (ask.persona, ask.target) == (persona.name, question.id)
        play.answer(ask, *play.says(ask))
        play.obey(play.until(Post))


def test_somebody_asked_without_words_takes_the_next_turn_once() -> None:
    play = Play(JUNO, MAREK, preset=FEW)
    play.posts_made(2)
    play.steer(ev.AskPersona(persona=JUNO.name))
    assert play.until(Ask).persona == JUNO.name
    play.posts_made(3)
    assert play.next() == Wait()


def test_what_others_write_meanwhile_is_answered_after_the_question() -> None:
    play = Play(JUNO, MAREK)
    play.posts_made(1)
    question = a_message("and you?", author="Ann")
    play.steer(ev.AskPersona(persona=MAREK.name, message=question))
    other = play.person_says("Juno, are you there", name="Ben")
    first = play.until(Ask)
    assert (first.persona, first.target) == (MAREK.name, question.id)
    play.answer(first, "yes of course i am")
    play.obey(play.until(Post))
    second = play.until(Ask)
    assert (second.persona, second.target) == (JUNO.name, other.id)


def test_a_question_whose_answer_came_to_nothing_is_tried_again() -> None:
    play = Play(JUNO, MAREK)
    play.posts_made(1)
    play.steer(ev.AskPersona(persona=MAREK.name, message=a_message("and you?")))
    for _ in range(3):
        ask = play.until(Ask)
        assert ask.persona == MAREK.name
        play.answer(ask, "")


AMONG_PEOPLE = replace(manners("group-chat"), company=True)


def test_among_people_whoever_is_asked_answers_and_nobody_else() -> None:
    shy = [replace(persona, talkativeness=0.0) for persona in (JUNO, MAREK)]
    play = Play(*shy, preset=AMONG_PEOPLE)
    play.person_says("hello", name="Ben")
    question = a_message("and you?", author="Ann", channel=CHANNEL)
    play.steer(ev.AskPersona(persona=MAREK.name, message=question))
    ask = play.until(Ask)
    assert (ask.persona, ask.target) == (MAREK.name, question.id)
    play.answer(ask, "i am fine, thank you")
    play.obey(play.until(Post))
    assert all(each.target != question.id for each in play.asks[1:])


def test_among_people_a_topic_is_taken_up_even_by_those_who_speak_little() -> None:
    shy = [replace(persona, talkativeness=0.001) for persona in (JUNO, MAREK)]
    play = Play(*shy, preset=AMONG_PEOPLE)
    for name in ("Ann", "Ben"):
        play.person_says("hello", name=name)
    topic = a_message("the great soup war", author="Ann", channel=CHANNEL)
    play.steer(ev.SetTopic(message=topic))
    ask = play.until(Ask)
    assert (ask.source, ask.target) == (PromptSource.PERSON, topic.id)


def test_an_emoji_that_asks_for_removal_does_not_let_them_go_on() -> None:
    play = Play(JUNO, MAREK, preset=replace(AMONG_PEOPLE, go_on=0.0, start_alone_s=None))
    play.person_says("juno, hello")
    play.posts_made(1)
    while play.obey(play.next()):
        pass
    line, ann = play.talk.messages[-1], an_author("Ann")
    play.talk.receive(ev.Reacted(message=line.id, emoji="🗑", author=ann))
    assert play.next() == Wait()


# ---- mute, reset, ignore -----------------------------------------------------------------------


def test_a_muted_persona_takes_no_turn_even_when_it_is_named() -> None:
    play = Play(JUNO, MAREK)
    play.steer(ev.Mute(persona=JUNO.name))
    play.person_says("Juno, say something")
    assert {persona for persona, _ in said(play.posts_made(4))} == {MAREK.name}
    play.steer(ev.Unmute(persona=JUNO.name))
    play.person_says("Juno, say something")
    assert play.until(Ask).persona == JUNO.name


def test_muting_drops_its_turn_and_everybody_muted_is_silence() -> None:
    play = Play(JUNO)
    ask = play.until(Ask)
    play.steer(ev.Mute(persona=JUNO.name))
    assert play.next() == Cancel(ask=ask.id)
    play.wait(600)
    assert play.next() == Wait()


def test_after_a_reset_nothing_of_before_is_a_context() -> None:
    play = Play(JUNO, MAREK)
    play.posts_made(3)
    play.person_says("remember this")
    play.steer(ev.Reset())
    ask = play.until(Ask)
    assert ask.source is PromptSource.FRESH
    assert play.talk.messages == ()


def test_an_ignored_persons_words_leave_the_context_at_once() -> None:
    play = Play(JUNO, MAREK)
    play.person_says("my secret is a horse", name="Ann")
    play.posts_made(1)
    ask = play.until(Ask)
    assert any("horse" in line.argument for line in ask.context)
    play.steer(ev.Ignore(author=AuthorId("test:Ann")))
    assert play.next() == Cancel(ask=ask.id)
    again = play.until(Ask)
    assert not any("horse" in line.argument or line.name == "Ann" for line in again.context)


def test_an_ignored_persons_reactions_leave_too() -> None:
    play = Play(JUNO)
    post = play.posts_made(1)[0]
    message = play.talk.messages[-1]
    ann = play.person_says("ha", name="Ann").author
    play.talk.receive(ev.Reacted(message=message.id, emoji="😂", author=ann))
    play.steer(ev.Ignore(author=ann.id))
    assert [m.text for m in play.talk.messages] == [said([post])[0][1]]
    assert play.talk.messages[0].reactions == ()


def test_emoji_that_ask_for_something_are_no_context_and_can_be_taken_back() -> None:
    play = Play(JUNO)
    play.posts_made(1)
    message, ann = play.talk.messages[-1], an_author("Ann")
    for emoji in ("🗑", "⭐", "😂", "🎉"):
        play.talk.receive(ev.Reacted(message=message.id, emoji=emoji, author=ann))
    play.talk.receive(ev.Unreacted(message=message.id, emoji="🎉", author=ann))
    assert [reaction.emoji for reaction in play.talk.messages[-1].reactions] == ["😂"]


# ---- approval ----------------------------------------------------------------------------------


def a_draft(play: Play) -> Submit:
    return play.until(Submit)


def test_a_line_waits_and_what_was_approved_is_posted() -> None:
    play = Play(JUNO, approval=HOUR)
    draft = a_draft(play)
    assert play.next() == Wait(until=draft.until)
    assert play.talk.held == draft.post
    play.wait(600)
    play.steer(ev.Approve(order=draft.post.id))
    assert play.until(Post) == draft.post
    assert play.talk.held is None


def test_nothing_is_posted_without_a_word() -> None:
    play = Play(JUNO, approval=HOUR)
    draft = a_draft(play)
    assert play.obey(play.next())
    assert play.next() == Withdraw(post=draft.post.id, reason="nobody said a word in time")
    assert a_draft(play).post.id != draft.post.id, "another one is drafted"
    assert play.posts == []


def test_a_line_that_was_dropped_is_not_posted_and_the_talk_goes_on() -> None:
    play = Play(JUNO, approval=HOUR)
    draft = a_draft(play)
    play.steer(ev.Reject(order=draft.post.id))
    play.steer(ev.Approve(order=draft.post.id))
    assert a_draft(play).post.id != draft.post.id
    assert play.posts == []


def test_a_line_about_a_message_that_is_deleted_is_withdrawn() -> None:
    play = Play(JUNO, approval=HOUR)
    message = play.person_says("what do you think")
    draft = a_draft(play)
    play.talk.receive(ev.Removed(message=message.id))
    assert play.next() == Withdraw(post=draft.post.id, reason="the talk went on")


def test_silence_withdraws_a_line() -> None:
    play = Play(JUNO, approval=HOUR)
    draft = a_draft(play)
    play.steer(ev.Silence())
    assert play.next() == Withdraw(post=draft.post.id, reason="the talk went on")
    play.steer(ev.Approve(order=draft.post.id))
    assert play.next() == Wait()


def test_a_line_that_cannot_be_shown_is_given_up() -> None:
    play = Play(JUNO, approval=HOUR)
    draft = a_draft(play)
    play.talk.receive(ev.Failed(order=draft.post.id, reason="no channel", retryable=True))
    assert a_draft(play).post.id != draft.post.id


STEERS = st.sampled_from(
    [
        ev.Pause(),
        ev.Resume(),
        ev.Step(),
        ev.Silence(),
        ev.Reset(),
        ev.Mute(persona=JUNO.name),
        ev.Unmute(persona=JUNO.name),
        ev.AskPersona(persona=MAREK.name),
        ev.Ignore(author=AuthorId("test:Ann")),
        ev.Heed(author=AuthorId("test:Ann")),
        ev.SetTopic(message=a_message("soup", channel=CHANNEL)),
    ]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(STEERS, st.integers(1, 6)), max_size=25), st.booleans())
def test_whatever_people_do_everything_said_was_wanted(
    deeds: list[ev.Steer | int], curated: bool
) -> None:
    """Numbers are orders to obey; where lines are approved, every word is a yes."""
    play = Play(JUNO, MAREK, approval=HOUR if curated else None)
    approved = set()
    for deed in deeds:
        if not isinstance(deed, int):
            play.steer(deed)
            continue
        for _ in range(deed):
            order = play.next()
            if isinstance(order, Submit):
                approved.add(order.post.id)
                play.steer(ev.Approve(order=order.post.id))
            if isinstance(order, Post):
                assert order.persona not in play.talk.muted
                assert order.id in approved or not curated
            if not play.obey(order):
                break
    play.steer(ev.Resume())
    play.steer(ev.Unmute(persona=JUNO.name))
    play.steer(ev.AskPersona(persona=MAREK.name))
    while not isinstance(order := play.next(), Post):
        if isinstance(order, Submit):
            play.steer(ev.Approve(order=order.post.id))
        assert play.obey(order), "it goes on afterwards"
