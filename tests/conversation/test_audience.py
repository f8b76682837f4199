"""Who may talk to a clone: whoever may not gets no answer of its, and is no part of its prompts."""

from dataclasses import replace
from typing import Any

import pytest
from conversation.driving import CHANNEL, JUNO, MAREK, Play
from hypothesis import given, settings
from hypothesis import strategies as st

from botconvo.conversation import events as ev
from botconvo.conversation.manners import PRESETS, Manners
from botconvo.conversation.orders import Ask, Poll, Post, React, Say
from botconvo.messages import Author, AuthorId, Message, MessageId
from botconvo.personas import Persona

ANN = Author(id=AuthorId("test:ann"), name="Ann")
BOB = Author(id=AuthorId("test:bob"), name="Bob", groups=frozenset({"discord:role/9"}))
OPEN = replace(MAREK, talkativeness=1.0)
FOR_BOB = replace(JUNO, talkativeness=1.0, audience=frozenset({"discord:role/9"}))
FOR_CLONES = replace(JUNO, talkativeness=1.0, audience=frozenset[str]())
few = settings(max_examples=25, deadline=None)


def company(preset: str = "group-chat", **numbers: Any) -> Manners:
    plain: dict[str, Any] = {"go_on": 1.0, "start_alone_s": None, "hush_s": 0.0}
    return replace(PRESETS[preset], **(plain | numbers))


def tells(play: Play, author: Author, text: str, reply_to: MessageId | None = None) -> Message:
    """A person says something."""
    number = len(play.talk.messages)
    message = Message(
        id=MessageId(f"test:room/p{number}-{author.name}"),
        channel=CHANNEL,
        author=author,
        text=text,
        at=play.now,
        reply_to=reply_to,
    )
    play.talk.receive(ev.Heard(message=message))
    return message


def prompts_of(play: Play, persona: Persona) -> str:
    """Everything that a persona's model was told."""
    told = [each for each in play.orders if isinstance(each, Ask) and each.persona == persona.name]
    polled = [
        each for each in play.orders if isinstance(each, Poll) and persona.name in each.personas
    ]
    contexts = [*(each.context for each in told), *(each.context for each in polled)]
    lines = [line for context in contexts for line in context]
    return " ".join(
        [
            *(f"{line.name}: {line.argument}" for line in lines),
            *(each.phrase_from or "" for each in told),
        ]
    )


@pytest.mark.parametrize("preset", ["group-chat", "classic"])
@given(seed=st.integers(0, 2**32))
@few
def test_whoever_may_not_talk_to_a_clone_is_not_heard_by_it(preset: str, seed: int) -> None:
    play = Play(FOR_BOB, OPEN, preset=company(preset), seed=seed)
    for number in range(4):
        told = tells(play, ANN, f"Juno, the walrus number {number} sings")
        play.posts_made(len(play.posts) + 1)
        tells(play, ANN, f"the walrus again {number}", reply_to=told.id)
        tells(play, BOB, f"Juno, the teapot number {number} leaks")
        play.posts_made(len(play.posts) + 2)
    assert "walrus" not in prompts_of(play, FOR_BOB)
    assert "Ann" not in prompts_of(play, FOR_BOB)
    walrus = {each.id for each in play.talk.messages if each.author == ANN}
    for post in play.posts:
        if post.persona == FOR_BOB.name:
            assert about(post) not in walrus


def about(post: Post) -> MessageId | None:
    match post.act:
        case Say(reply_to=message):
            return message
        case React(message=message):
            return message
        case _:
            return None


def test_a_member_of_a_group_is_answered() -> None:
    play = Play(FOR_BOB, OPEN, preset=company())
    tells(play, BOB, "Juno, is the kettle on?")
    play.posts_made(1)
    assert play.posts[0].persona == FOR_BOB.name
    assert "kettle" in prompts_of(play, FOR_BOB)


def test_where_nobody_may_hear_a_person_the_clones_say_nothing_to_them() -> None:
    play = Play(FOR_CLONES, preset=company())
    tells(play, ANN, "Juno, are you there?")
    play.posts_made(9)
    assert play.posts == []


def test_clones_hear_each_other_in_any_case() -> None:
    play = Play(FOR_CLONES, OPEN, preset="group-chat")
    play.posts_made(6)
    assert {post.persona for post in play.posts} == {FOR_CLONES.name, OPEN.name}
    assert OPEN.name in prompts_of(play, FOR_CLONES)


def test_a_reaction_of_somebody_who_may_not_talk_to_it_is_no_line_for_a_clone() -> None:
    play = Play(FOR_BOB, OPEN, preset=company())
    told = tells(play, BOB, "Juno, is the kettle on?")
    play.talk.receive(ev.Reacted(message=told.id, emoji="🦭", author=ANN))
    play.posts_made(1)
    assert "🦭" not in prompts_of(play, FOR_BOB)


def test_a_clone_that_is_asked_by_somebody_else_stays_silent() -> None:
    play = Play(FOR_BOB, preset=company())
    message = tells(play, ANN, "Juno, tell me")
    play.talk.receive(ev.Steered(steer=ev.AskPersona(persona=FOR_BOB.name, message=message)))
    play.posts_made(9)
    assert play.posts == []


def test_a_wider_audience_counts_from_then_on() -> None:
    play = Play(FOR_CLONES, preset=company())
    tells(play, ANN, "Juno, are you there?")
    play.posts_made(9)
    play.talk.receive(ev.PersonasChanged(personas=(replace(FOR_CLONES, audience=None),)))
    tells(play, ANN, "Juno, and now?")
    play.posts_made(1)
    assert play.posts[0].persona == FOR_CLONES.name
