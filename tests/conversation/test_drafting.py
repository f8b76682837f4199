"""Answers in a chat: whom the model is asked for, with which prompt, and what may be said."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from builders import NOON
from conversation.driving import CHANNEL as ROOM

from botconvo.conversation.chat import (
    Chat,
    Offer,
    Spoken,
    Tell,
    gone_on,
    heard,
    remembered,
    spoken,
)
from botconvo.conversation.conversation import Conversation
from botconvo.conversation.drafting import Drafting, answered
from botconvo.conversation.events import Candidate, Heard, Opened
from botconvo.conversation.manners import PRESETS, Manners, manners
from botconvo.conversation.orders import Ask, PromptSource, Say
from botconvo.people import People
from botconvo.personas import Persona, PersonaName, Sampling
from botconvo.transcript.grammar import Command, Line, parse_line

JUNO, MAREK, TILLY = (Persona(name=PersonaName(name)) for name in ("Juno", "Marek", "Tilly"))
PLAY = PRESETS["friend-simulator"]
ALONE = Chat(you="Sam", cast=(JUNO,))
COMPANY = Chat(you="Sam", cast=(JUNO, MAREK, TILLY))


def drafting(
    chat: Chat,
    *,
    wanted: int = 1,
    opening: str = "",
    names_speakers: bool = True,
    preset: Manners = PLAY,
) -> Drafting:
    return Drafting(
        chat=chat,
        manners=preset,
        seed=7,
        wanted=wanted,
        opening=opening,
        names_speakers=names_speakers,
    )


def candidate(text: str, *, verdict: str = "ok", logprob: float = -2.0) -> Candidate:
    """``text`` is a whole line, "Juno: hi", as the judge has read it."""
    line = parse_line(text)
    return Candidate(completion=text, line=line, verdict=verdict, logprob=logprob)  # type: ignore[arg-type]


def asked(state: Drafting) -> Ask:
    ask = state.ask()
    assert ask is not None
    return ask


def said(*texts: str, chat: Chat = ALONE) -> Chat:
    for text in texts:
        name, _, words = text.partition(": ")
        chat = remembered(chat, Line(name=name, argument=words), NOON)
    return gone_on(chat)


def texts(candidates: Sequence[Candidate]) -> list[str]:
    return [each.line.argument for each in candidates if each.line is not None]


# What is asked


def test_it_draws_as_friend_simulator_did() -> None:
    ask = asked(drafting(said("Sam: hi")))
    assert ask.n == 2
    assert ask.sampling == Sampling(
        temperature=0.4, top_k=50, top_p=0.95, repetition_penalty=1.15, max_tokens=65
    )


def test_the_personas_own_sampling_goes_above_the_presets() -> None:
    hot = replace(JUNO, sampling=Sampling(temperature=1.2))
    ask = asked(drafting(replace(ALONE, cast=(hot,))))
    assert (ask.sampling.temperature, ask.sampling.top_k) == (1.2, 50)


def test_the_prompt_holds_the_lines_that_a_live_talk_would_have() -> None:
    """Byte for byte, with the drop of old lines in blocks: one code renders both."""
    rows = [f"{'Sam' if number % 3 else 'Juno'}: line number {number}" for number in range(40)]
    chat = said(*rows)
    endless = manners("group-chat", {"fresh_share": 0.0, "fresh_after": 100}).unattended()
    live = Conversation(ROOM, endless, [JUNO], seed=1, people=People(), kept=chat.messages[:-1])
    live.receive(Opened())
    last = replace(chat.messages[-1], author=chat.messages[1].author, channel=ROOM)
    live.receive(Heard(message=last))
    order = live.next(NOON)
    while not isinstance(order, Ask):
        order = live.next(order.until)  # type: ignore[union-attr,arg-type]
    chat = replace(chat, messages=(*chat.messages[:-1], live.messages[-1]))
    assert asked(drafting(chat)).context == order.context
    assert len(order.context) < 20


def test_a_chat_begins_as_a_talk_does() -> None:
    ask = asked(drafting(gone_on(ALONE)))
    assert ask.context == (Line(name="Juno", command=Command.INIT),)
    assert (ask.source, ask.target) == (PromptSource.FRESH, None)


def test_the_last_message_is_taken_up_with_a_phrase_where_manners_say_so() -> None:
    chat = said("Sam: the goblin sword is mine")
    assert asked(drafting(chat)).phrase_from is None
    plain = asked(drafting(chat, preset=manners("classic")))
    assert (plain.phrase_from, plain.open_with_phrase) == ("the goblin sword is mine", True)
    assert plain.context == ()
    opened = asked(drafting(chat, preset=manners("classic"), opening="my dog"))
    assert (opened.phrase_from, opened.opening) == (None, "my dog")


def test_every_answer_is_drawn_from_numbers_of_its_own_and_the_same_again() -> None:
    chat = said("Sam: hi")
    first = asked(drafting(chat))
    assert asked(drafting(chat)) == first
    again, _ = heard(chat, "/again", NOON)
    later = drafting(chat).drafted([])
    assert len({first.seed, asked(drafting(again)).seed, asked(later).seed}) == 3


def test_as_many_are_drawn_as_are_missing_within_bounds() -> None:
    assert asked(drafting(ALONE, wanted=5)).n == 5
    assert asked(drafting(ALONE, wanted=500)).n == 16
    one_found = drafting(ALONE, wanted=5).drafted([candidate("Juno: hi")])
    assert asked(one_found).n == 4


# Who speaks


def test_the_clone_alone_always_speaks() -> None:
    assert drafting(said("Sam: Marek, you there?")).speaker() == JUNO


def test_in_company_the_model_says_who_speaks_first() -> None:
    chat = said("Sam: anybody?", chat=COMPANY)
    assert drafting(chat).speaker() is None
    assert drafting(chat, names_speakers=False).speaker() is not None


def test_whom_you_name_speaks() -> None:
    chat = said("Sam: what does tilly think?", chat=COMPANY)
    assert drafting(chat).speaker() == TILLY
    named_by_a_clone = said("Juno: tilly?", chat=COMPANY)
    assert drafting(named_by_a_clone).speaker() is None


def test_an_opening_is_the_first_ones() -> None:
    assert drafting(gone_on(COMPANY), opening="so").speaker() == JUNO


def test_where_the_model_named_nobody_who_is_here_turns_are_taken() -> None:
    chat = said("Juno: hm", chat=COMPANY)
    state = drafting(chat).drafted([candidate("Freya: hi", verdict="foreign")])
    assert state.speaker() in (MAREK, TILLY, JUNO)
    assert asked(state).persona == state.speaker().name  # type: ignore[union-attr]
    drawn = {
        drafting(replace(chat, asked=n)).drafted([]).speaker().name  # type: ignore[union-attr]
        for n in range(40)
    }
    assert {"Marek", "Tilly"} <= drawn


def test_a_model_that_names_nobody_who_is_here_is_not_asked_for_ever() -> None:
    chat = said("Juno: hm", chat=COMPANY)
    for _ in range(2):
        assert drafting(chat).speaker() is None
        chat = drafting(chat).drafted([candidate("Freya: hi", verdict="foreign")]).chat
    assert drafting(chat).speaker() is not None


@pytest.mark.parametrize("name", ["Marek", "Sam"])
def test_a_model_that_names_somebody_who_is_here_is_asked_again(name: str) -> None:
    chat = replace(said("Juno: hm", chat=COMPANY), in_vain=1)
    verdict = "ok" if name == "Marek" else "foreign"
    assert drafting(chat).drafted([candidate(f"{name}: hi", verdict=verdict)]).chat.in_vain == 0


# What may be said


def test_the_model_never_speaks_as_you() -> None:
    chat = said("Juno: hm", chat=COMPANY)
    state = drafting(chat).drafted([candidate("Sam: yes"), candidate("Marek: no")])
    assert texts(state.found) == ["no"]
    assert state.strangers == (), "you are no stranger"


def test_whom_the_model_let_speak_and_who_may_not_is_remembered() -> None:
    state = drafting(said("Juno: hm", chat=COMPANY), wanted=3)
    state = state.drafted([candidate("Freya: a", verdict="foreign"), candidate("Marek: b")])
    state = state.drafted([candidate("Freya: c", verdict="foreign")])
    assert state.strangers == ("Freya",)


def test_what_was_judged_unfit_or_was_said_before_is_not_said() -> None:
    chat = said("Juno: the kettle is broken again", "Sam: oh no")
    came = [
        candidate("Juno: bad", verdict="unsafe"),
        candidate("Juno: the kettle is broken again"),
        candidate("Juno: i bought another one"),
        Candidate(completion="", line=None, verdict="empty"),
    ]
    assert texts(drafting(chat, wanted=4).drafted(came).found) == ["i bought another one"]


def test_the_words_that_it_has_to_begin_with_are_no_repetition() -> None:
    chat = said("Sam: the big brown dog of my aunt")
    came = [candidate("Juno: the big brown dog of hers is mine")]
    assert drafting(chat).drafted(came).found == ()
    opened = drafting(chat, opening="the big brown dog of").drafted(came)
    assert len(opened.found) == 1
    assert len(drafting(chat).drafted(came, phrase="the big brown dog of").found) == 1


def test_what_was_refused_in_this_step_does_not_come_back() -> None:
    chat = replace(said("Sam: hi"), refused=("hello",))
    came = [candidate("Juno: hello"), candidate("Juno: hey")]
    assert texts(drafting(chat).drafted(came).found) == ["hey"]


def test_suggestions_differ_and_the_best_of_each_speaker_comes_first() -> None:
    chat = said("Sam: hm", chat=COMPANY)
    came = [
        candidate("Marek: so so words", logprob=-3.0),
        candidate("Juno: other words", logprob=-1.0),
        candidate("Marek: better words, hm", logprob=-1.0),
        candidate("Juno: other words", logprob=-1.0),
    ]
    state = drafting(chat, wanted=5).drafted(came)
    assert texts(state.found) == ["better words, hm", "so so words", "other words"]
    state = state.drafted([candidate("Juno: other words"), candidate("Juno: new words here")])
    assert texts(state.found)[3:] == ["new words here"]


def test_a_reaction_needs_a_message_and_is_given_once() -> None:
    fire = candidate("Juno: REACT: 🔥;")
    assert drafting(gone_on(ALONE)).drafted([fire]).found == ()
    chat = said("Sam: look")
    assert texts(drafting(chat).drafted([fire]).found) == ["🔥"]
    chat, _ = spoken(chat, Line(name="Juno", command=Command.REACT, argument="🔥"), NOON)
    assert drafting(chat).drafted([fire]).found == ()


def test_it_gives_up_after_four_asks_in_a_row_without_success() -> None:
    state = drafting(said("Sam: hi"), wanted=3)
    for text in ("a", "b", None, "c"):
        assert state.ask() is not None
        state = state.drafted([] if text is None else [candidate(f"Juno: word {text}")])
    assert state.ask() is None, "there are enough"
    state = drafting(said("Sam: hi"))
    for _ in range(4):
        assert state.ask() is not None
        state = state.drafted([])
    assert state.ask() is None


# What becomes of it


def test_one_that_is_wanted_is_said_and_several_are_offered() -> None:
    chat = said("Sam: hi")
    came = [candidate("Juno: hello you"), candidate("Juno: good day")]
    after, deed = answered(drafting(chat).drafted(came), NOON)
    assert isinstance(deed, Spoken)
    assert deed.act == Say(text="hello you")
    assert len(after.messages) == 2
    after, deed = answered(drafting(chat, wanted=2).drafted(came), NOON)
    assert isinstance(deed, Offer)
    assert [line.argument for line in deed.lines] == ["hello you", "good day"]
    assert (after.offered, after.messages) == (deed.lines, chat.messages)


def test_fewer_than_wanted_are_offered_and_none_is_told() -> None:
    chat = said("Sam: hi")
    _, deed = answered(drafting(chat, wanted=3).drafted([candidate("Juno: hello you")]), NOON)
    assert isinstance(deed, Offer)
    after, deed = answered(drafting(chat, wanted=3).drafted([]), NOON)
    assert isinstance(deed, Tell)
    assert "an empty line tries again" in deed.text
    assert after == chat
