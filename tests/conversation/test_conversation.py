"""What a talk promises, played without any I/O."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import a_message, an_author
from conversation.driving import CHANNEL, JUNO, MAREK, TILLY, Play, said

from botconvo.conversation import events as ev
from botconvo.conversation.events import Candidate
from botconvo.conversation.manners import PRESETS, Manners, manners
from botconvo.conversation.orders import (
    Ask,
    Cancel,
    Post,
    PromptSource,
    React,
    Say,
    Submit,
    Type,
    Wait,
    Withdraw,
)
from botconvo.transcript.grammar import Command, parse_line

GROUP = PRESETS["group-chat"].unattended()


def test_the_same_seed_gives_the_same_talk() -> None:
    first, again = Play(seed=7).posts_made(30), Play(seed=7).posts_made(30)
    assert said(first) == said(again)
    assert [post.trace.seed for post in first] == [post.trace.seed for post in again]


def test_another_seed_gives_another_talk() -> None:
    assert said(Play(seed=7).posts_made(30)) != said(Play(seed=8).posts_made(30))


def test_nothing_is_said_before_the_channel_is_open() -> None:
    play = Play(opened=False)
    assert play.next() == Wait()
    play.talk.receive(ev.Opened())
    assert isinstance(play.next(), Ask)


def test_every_order_is_given_once() -> None:
    play = Play()
    ask = play.until(Ask)
    assert play.next() == Wait()
    play.obey(ask)
    post = play.posts_made(1)[0]
    play.talk.receive(ev.Posted(order=post.id, message=None))  # a second report changes nothing
    assert len({order.id for order in play.orders if isinstance(order, Post)}) == 1


def test_the_first_turn_starts_a_topic_and_later_ones_take_up_the_last_message() -> None:
    play = Play(preset=manners("group-chat", {"fresh_share": 0.0}).unattended())
    posts = play.posts_made(6)
    assert play.asks[0].source is PromptSource.FRESH
    assert play.asks[0].context[-1].command is Command.INIT
    assert {ask.source for ask in play.asks[1:]} == {PromptSource.CLONE}
    assert play.asks[3].phrase_from == said(posts)[2][1]


def test_a_topic_that_has_gone_on_for_long_is_followed_by_another() -> None:
    play = Play(preset=manners("group-chat", {"fresh_share": 0.0, "fresh_after": 5}).unattended())
    play.posts_made(12)
    fresh = [i for i, ask in enumerate(play.asks) if ask.source is PromptSource.FRESH]
    assert fresh == [0, 5, 10]
    after = play.asks[7]
    assert len([line for line in after.context if line.says]) == 2, "the old topic is left behind"


def test_a_person_is_answered_next() -> None:
    play = Play()
    play.posts_made(2)
    heard = play.person_says("what do you all think of soup?")
    ask = play.until(Ask)
    assert (ask.source, ask.target) == (PromptSource.PERSON, heard.id)
    assert ask.context[-1].argument == "what do you all think of soup?"


def test_a_person_need_not_wait_for_the_gap_to_end() -> None:
    play = Play(preset=manners("group-chat", {"gap_s": (500.0, 500.0)}).unattended())
    play.posts_made(1)
    play.next()
    before = play.now
    play.person_says("hello?")
    play.until(Ask)
    assert play.now - before < timedelta(seconds=5)


def test_a_person_who_wrote_during_a_post_need_not_wait_for_the_gap_either() -> None:
    play = Play(preset=manners("group-chat", {"gap_s": (500.0, 500.0)}).unattended())
    post = play.until(Post)
    heard = play.person_says("hello?")
    before = play.now
    play.out(post)
    assert play.until(Ask).target == heard.id
    assert play.now - before < timedelta(seconds=5)


def test_people_who_write_without_a_pause_do_not_put_an_answer_off_for_ever() -> None:
    play = Play(preset=manners("group-chat", {"answer_s": (1.0, 1.0), "hush_s": 0.0}).unattended())
    play.posts_made(1)
    for _ in range(30):
        play.person_says("and another thing")
        if isinstance(play.next(), Ask):
            break
        play.wait(0.3)
    assert play.asks[-1].source is PromptSource.PERSON


def test_where_nothing_counts_as_a_repetition_it_may_be_said_again() -> None:
    play = Play(preset=replace(GROUP, repeat_window=0), says=lambda ask: ["the very same words"])
    assert len(play.posts_made(3)) == 3


def test_the_persona_that_a_person_names_answers() -> None:
    for seed in range(8):
        play = Play(seed=seed)
        play.posts_made(2)
        play.person_says("tilly, what is that?")
        ask = play.until(Ask)
        assert isinstance(ask, Ask)
        assert ask.persona == "Tilly"


def test_the_persona_that_a_person_replies_to_answers() -> None:
    for seed in range(8):
        play = Play(seed=seed)
        post = play.posts_made(1)[0]
        play.person_says("why is that?", reply_to=f"test:room/{post.id}")
        ask = play.until(Ask)
        assert isinstance(ask, Ask)
        assert ask.persona == post.persona


def test_a_clone_that_names_another_usually_gives_it_the_turn() -> None:
    play = Play(
        preset=manners("group-chat", {"named_speaker": 1.0, "fresh_share": 0.0}).unattended()
    )
    play.says = lambda ask: [f"{'Marek' if ask.persona != 'Marek' else 'Juno'} number {ask.seed}"]
    speakers = [name for name, _ in said(play.posts_made(9))]
    assert speakers[1:] == ["Marek" if name != "Marek" else "Juno" for name in speakers[:-1]]


@pytest.mark.parametrize("preset", [GROUP, replace(GROUP, same_speaker=0.0)])
def test_one_persona_alone_goes_on(preset: Manners) -> None:
    play = Play(JUNO, preset=preset)
    assert len(play.posts_made(5)) == 5
    play.person_says("anyone here?")
    assert said(play.posts_made(6))[5][0] == "Juno"


def test_one_persona_alone_that_takes_no_turns_of_its_own_waits_to_be_spoken_to() -> None:
    play = Play(replace(JUNO, talkativeness=0.0))
    assert play.posts_made(1) == []
    play.person_says("juno?")
    assert said(play.posts_made(1))[0][0] == "Juno"


def test_a_phrase_that_a_reply_had_to_begin_with_is_no_repetition() -> None:
    play = Play(preset=replace(GROUP, opening_share=1.0, fresh_share=0.0))
    play.person_says("the two very old wooden chairs are gone")
    ask = play.until(Ask)
    text = "the two very old wooden chairs burn well"
    line = parse_line(f"{ask.persona}: {text}")
    play.talk.receive(
        ev.Answered(
            ask=ask.id,
            candidates=(Candidate(completion=" burn well", line=line, verdict="ok"),),
            prompt="",
            phrase="the two very old wooden chairs",
            latency_ms=1.0,
        )
    )
    assert said([play.until(Post)]) == [(ask.persona, text)]


def test_somebody_who_says_nothing_new_is_not_posted() -> None:
    play = Play(says=lambda ask: ["the very same words as ever before"])
    play.posts_made(1)
    orders = len(play.orders)
    while len(play.orders) < orders + 30:
        play.obey(play.next())
    assert len(play.posts) == 1
    assert play.now > START_PLUS_A_MINUTE, "it waits longer and longer before it tries again"


START_PLUS_A_MINUTE = Play().now + timedelta(minutes=1)


def test_a_turn_without_a_fit_candidate_posts_nothing_and_goes_on() -> None:
    play = Play()
    ask = play.until(Ask)
    play.answer(ask, "", "")
    assert isinstance(play.until(Ask), Ask)
    assert play.posts == []


def test_a_failed_ask_is_tried_again_later() -> None:
    play = Play()
    first = play.until(Ask)
    play.talk.receive(ev.Failed(order=first.id, reason="gone", retryable=True))
    second = play.until(Ask)
    assert second.id != first.id


def test_a_person_who_writes_while_a_clone_drafts_restarts_that_turn_once() -> None:
    play = Play()
    first = play.until(Ask)
    play.person_says("wait, what about me?")
    assert play.next() == Cancel(ask=first.id)
    second = play.until(Ask)
    assert second.source is PromptSource.PERSON
    play.person_says("and me?")
    assert play.next() == Wait(), "a second message does not restart the turn again"
    play.answer(second, "here you are then")
    assert said(play.posts_made(1))[0][1] == "here you are then"


def test_a_late_answer_to_a_given_up_ask_is_not_posted() -> None:
    play = Play()
    first = play.until(Ask)
    play.person_says("stop, look!")
    play.next()
    play.answer(first, "too late now")
    second = play.until(Ask)
    play.answer(second, "looking at it")
    assert said(play.posts_made(1)) == [(second.persona, "looking at it")]


def test_typing_is_shown_before_a_post_for_as_long_as_it_takes_to_type() -> None:
    play = Play(says=lambda ask: ["x" * 45 + f" {ask.seed}"])
    play.person_says("tell me a long story")
    typing = play.until(Type)
    before = play.now
    post = play.until(Post)
    assert typing.persona == post.persona
    assert timedelta(seconds=3) < play.now - before < timedelta(seconds=6.5)


def test_a_single_step_in_a_pause_is_not_kept_waiting_by_typing() -> None:
    play = Play(says=lambda ask: ["x" * 45 + f" {ask.seed}"])
    play.posts_made(2)
    play.talk.receive(ev.Steered(steer=ev.Pause()))
    before = play.now
    play.talk.receive(ev.Steered(steer=ev.Step()))
    play.until(Post)
    assert play.now == before


def test_the_first_message_of_a_talk_is_typed_for_a_second_at_most() -> None:
    play = Play(says=lambda ask: ["x" * 45 + f" {ask.seed}"])
    play.until(Type)
    before = play.now
    play.until(Post)
    assert play.now - before == timedelta(seconds=1)


def test_twice_the_speed_takes_half_the_time() -> None:
    def time_for_ten(speed: float) -> timedelta:
        play = Play()
        play.talk.receive(ev.Steered(steer=ev.SetSpeed(factor=speed)))
        play.posts_made(10)
        return play.now - Play().now

    assert time_for_ten(2.0) / time_for_ten(1.0) == pytest.approx(0.5, rel=0.01)


def test_a_paused_talk_says_nothing_until_it_is_resumed() -> None:
    play = Play()
    play.posts_made(1)
    play.talk.receive(ev.Steered(steer=ev.Pause()))
    assert len(play.posts_made(5)) == 1
    play.talk.receive(ev.Steered(steer=ev.Resume()))
    assert len(play.posts_made(3)) == 3


def test_a_step_lets_a_paused_talk_say_one_more_message() -> None:
    play = Play()
    play.talk.receive(ev.Steered(steer=ev.Pause()))
    assert play.posts_made(1) == []
    play.talk.receive(ev.Steered(steer=ev.Step()))
    assert len(play.posts_made(5)) == 1
    assert play.talk.paused


def test_a_set_temperature_goes_above_every_personas_own_until_it_is_taken_back() -> None:
    play = Play()
    play.talk.receive(ev.Steered(steer=ev.SetTemperature(value=1.3)))
    play.posts_made(2)
    play.talk.receive(ev.Steered(steer=ev.SetTemperature(value=None)))
    play.posts_made(4)
    assert [ask.sampling.temperature for ask in play.asks] == [1.3, 1.3, 1.0, 1.0]


def test_a_personas_own_sampling_goes_above_the_presets() -> None:
    hot = replace(JUNO, sampling=replace(JUNO.sampling, temperature=1.1))
    play = Play(hot)
    ask = play.until(Ask)
    assert (ask.sampling.temperature, ask.sampling.top_p) == (1.1, GROUP.top_p)


def test_clones_hush_while_a_person_types() -> None:
    play = Play()
    play.posts_made(1)
    play.next()
    play.talk.receive(ev.TypingSeen(author=play.person_says("hm").author.id, at=play.now))
    play.talk.receive(ev.TypingSeen(author=play.person_says("hmm").author.id, at=play.now))
    began = play.now
    play.until(Ask)
    assert play.now - began >= timedelta(seconds=GROUP.hush_s)


def test_a_turn_limit_silences_clones_until_a_person_writes() -> None:
    play = Play(preset=replace(GROUP, turn_limit=3))
    assert len(play.posts_made(10)) == 3
    play.person_says("go on")
    assert len(play.posts_made(10)) == 6


def test_an_echo_of_an_own_post_changes_nothing() -> None:
    play = Play()
    play.posts_made(2)
    kept = play.talk.messages
    play.talk.receive(ev.Heard(message=kept[-1]))
    assert play.talk.messages == kept
    ask = play.until(Ask)
    assert ask.source is not PromptSource.PERSON


def test_an_edit_before_the_post_changes_what_is_answered() -> None:
    play = Play()
    heard = play.person_says("do you like cats?")
    first = play.until(Ask)
    play.talk.receive(ev.Edited(message=replace(heard, text="do you like dogs?", revision=1)))
    assert play.next() == Cancel(ask=first.id)
    second = play.until(Ask)
    assert second.phrase_from == "do you like dogs?"


def test_a_deletion_before_the_post_takes_the_answer_back() -> None:
    play = Play()
    play.posts_made(1)
    heard = play.person_says("forget this")
    first = play.until(Ask)
    play.talk.receive(ev.Removed(message=heard.id))
    assert play.next() == Cancel(ask=first.id)
    second = play.until(Ask)
    assert second.target != heard.id
    assert all(line.argument != "forget this" for line in second.context)


def test_a_reply_command_becomes_a_reply_and_a_reaction_becomes_an_emoji() -> None:
    play = Play()
    heard = play.person_says("look at this")
    ask = play.until(Ask)
    play.answer(ask, "REPLY: so cute;")
    post = play.until(Post)
    assert post.act == Say(text="so cute", reply_to=heard.id)
    play.out(post)
    play.person_says("and this", id="test:room/second")
    ask = play.until(Ask)
    play.answer(ask, "REACT: 🔥;")
    post = play.until(Post)
    assert post.act == React(emoji="🔥", message=play.asks[-1].target or post.act.message)  # type: ignore[union-attr]


def test_a_persona_that_left_is_not_asked_and_its_draft_is_dropped() -> None:
    play = Play(JUNO, MAREK)
    first = play.until(Ask)
    stays = MAREK if first.persona == "Juno" else JUNO
    play.talk.receive(ev.PersonasChanged(personas=(stays, TILLY)))
    assert play.next() == Cancel(ask=first.id)
    speakers = {name for name, _ in said(play.posts_made(12))}
    assert speakers == {stays.name, "Tilly"}


def test_a_clock_that_jumps_back_undoes_nothing() -> None:
    play = Play()
    play.posts_made(2)
    play.now -= timedelta(hours=3)
    posts = play.posts_made(4)
    assert len(posts) == 4


def test_the_trace_says_why_something_was_said() -> None:
    play = Play()
    play.person_says("Marek, are you there?")
    trace = play.posts_made(1)[0].trace
    assert trace.reason == "named by Ann"
    assert trace.candidates[trace.chosen].score == max(
        c.score for c in trace.candidates if c.score is not None
    )


def test_while_the_channel_is_hindered_nothing_is_ordered_and_then_it_goes_on() -> None:
    play = Play()
    play.posts_made(2)
    play.until(Type)
    play.talk.receive(ev.Hindered(reason="no connection"))
    assert play.next() == Wait()
    play.talk.receive(ev.Hindered(reason=None))
    assert len(play.posts_made(4)) >= 4


def test_a_talk_whose_channel_is_closed_drops_its_draft_and_orders_nothing_more() -> None:
    play = Play()
    ask = play.until(Ask)
    play.talk.receive(ev.Closed())
    assert play.next() == Cancel(ask=ask.id)
    assert play.next() == Wait()
    play.person_says("Juno?")
    play.now += timedelta(days=2)
    assert play.next() == Wait()


def test_a_line_that_is_being_typed_when_approval_begins_waits_for_it() -> None:
    play = Play()
    play.until(Type)
    play.talk.set_approval(timedelta(hours=1))
    submitted = play.until(Submit)
    assert play.posts == []
    play.talk.receive(ev.Steered(steer=ev.Approve(order=submitted.post.id)))
    assert play.until(Post).act == submitted.post.act


@pytest.mark.parametrize(("approval", "moved"), [(None, False), (timedelta(hours=1), True)])
def test_a_line_that_waits_is_withdrawn_when_nobody_would_hear_of_it(
    approval: timedelta | None, moved: bool
) -> None:
    play = Play(approval=timedelta(hours=1))
    submitted = play.until(Submit)
    play.talk.set_approval(approval, moved=moved)
    assert play.until(Withdraw).post == submitted.post.id
    assert play.until(Submit).post if moved else play.until(Post)


def test_a_line_that_waits_goes_on_waiting_where_only_the_time_changes() -> None:
    play = Play(approval=timedelta(hours=1))
    play.until(Submit)
    play.talk.set_approval(timedelta(hours=2))
    assert isinstance(play.next(), Wait)


def test_what_was_said_while_nobody_listened_is_known_and_hurries_nobody() -> None:
    slow = manners("group-chat", {"gap_s": (500.0, 500.0)}).unattended()
    for late in (False, True):
        play = Play(preset=slow)
        play.posts_made(1)
        play.next()
        before = play.now
        message = a_message("is anybody there?", channel=CHANNEL, author=an_author("bort"))
        play.talk.receive(ev.Heard(message=message, late=late))
        assert message in play.talk.messages
        play.until(Ask)
        assert (play.now - before > timedelta(seconds=100)) is late
