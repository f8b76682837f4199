"""What each thing typed does to a chat: frozen values in, frozen values out."""

from dataclasses import replace

import pytest
from builders import NOON
from hypothesis import given
from hypothesis import strategies as st

from botconvo.conversation.chat import (
    HELP,
    Answer,
    Chat,
    Deed,
    Leave,
    Save,
    Spoken,
    Tell,
    cast_for,
    gone_on,
    heard,
    remembered,
    role,
    saved,
    spelled,
    spoken,
)
from botconvo.conversation.orders import React, Say
from botconvo.personas import Persona, PersonaName
from botconvo.transcript.grammar import Command, Line, parse_lines

JUNO, MAREK, TILLY = (Persona(name=PersonaName(name)) for name in ("Juno", "Marek", "Tilly"))
CHAT = Chat(you="Sam", cast=(JUNO,))


def typed(chat: Chat, *lines: str) -> tuple[Chat, Deed]:
    """Type lines; whoever is to answer says "answer 1", "answer 2" and so on."""
    deed: Deed = Leave()
    for line in lines:
        chat, deed = heard(chat, line, NOON)
        if isinstance(deed, Answer):
            chat, deed = spoken(chat, says(f"answer {chat.asked}"), NOON)
    return chat, deed


def offering(chat: Chat, *lines: Line) -> Chat:
    """The chat while it offers these."""
    return replace(chat, offered=lines)


def says(text: str, name: str = "Juno", command: Command | None = None) -> Line:
    return Line(name=name, argument=text, command=command)


def words(chat: Chat) -> list[str]:
    return [f"{message.author.name}: {message.text}" for message in chat.messages]


def told(deed: Deed) -> str:
    assert isinstance(deed, Tell)
    return deed.text


# Saying something


def test_what_is_typed_is_said_by_you_and_then_answered() -> None:
    chat, deed = heard(CHAT, "  who is in tonight?  ", NOON)
    assert deed == Answer()
    assert words(chat) == ["Sam: who is in tonight?"]
    assert chat.messages[0].author.kind == "person"
    chat, deed = spoken(chat, says("me"), NOON)
    assert words(chat) == ["Sam: who is in tonight?", "Juno: me"]
    assert deed == Spoken(name="Juno", act=Say(text="me"), message=chat.messages[1])
    assert chat.messages[1].author.kind == "clone"


def test_an_empty_line_lets_it_go_on_without_you() -> None:
    for empty in ("", "   "):
        chat, deed = heard(CHAT, empty, NOON)
        assert (deed, chat.messages) == (Answer(), ())
    assert words(typed(CHAT, "", "")[0]) == ["Juno: answer 1", "Juno: answer 2"]


def test_a_reply_and_a_reaction_are_about_the_last_message() -> None:
    chat, _ = heard(CHAT, "guess what", NOON)
    replied, deed = spoken(chat, says("what", command=Command.REPLY), NOON)
    assert replied.messages[1].reply_to == chat.messages[0].id
    assert isinstance(deed, Spoken)
    assert deed.act == Say(text="what", reply_to=chat.messages[0].id)
    reacted, deed = spoken(chat, says("🔥", command=Command.REACT), NOON)
    assert deed == Spoken(
        name="Juno", act=React(emoji="🔥", message=chat.messages[0].id), message=None
    )
    assert [each.emoji for each in reacted.messages[0].reactions] == ["🔥"]
    assert len(reacted.messages) == 1


def test_what_holds_no_words_is_not_said() -> None:
    chat, deed = heard(CHAT, "https://example.org", NOON)
    assert "not said" in told(deed)
    assert chat == CHAT


def test_say_takes_what_looks_like_something_else() -> None:
    asked = offering(CHAT, says("a"), says("b"))
    for text in ("2", "/exit"):
        chat, deed = heard(asked, f"/say {text}", NOON)
        assert (deed, words(chat)) == (Answer(), [f"Sam: {text}"])
    assert "/say takes what you want to say" in told(heard(CHAT, "/say ", NOON)[1])


def test_no_message_ever_gets_the_id_of_one_that_was_taken_back() -> None:
    first, _ = typed(CHAT, "one")
    second, _ = typed(first, "/undo", "two")
    assert {m.id for m in first.messages}.isdisjoint(m.id for m in second.messages)


# Suggestions


def test_a_number_takes_a_suggestion_and_an_empty_line_the_first() -> None:
    chat, _ = heard(CHAT, "hm", NOON)
    asked = offering(chat, says("a"), says("b"), says("c"))
    for line, text in (("2", "b"), ("", "a"), (" 3 ", "c")):
        taken, deed = heard(asked, line, NOON)
        assert words(taken) == ["Sam: hm", f"Juno: {text}"]
        assert isinstance(deed, Spoken)
        assert taken.offered == ()


@pytest.mark.parametrize("number", ["0", "4", "99999"])
def test_a_number_that_is_not_offered_is_told_and_the_choice_stays(number: str) -> None:
    asked = offering(CHAT, says("a"), says("b"), says("c"))
    chat, deed = heard(asked, number, NOON)
    assert told(deed) == f"there is no suggestion {number}; choose from 1 to 3"
    assert chat == asked


def test_a_number_is_said_where_nothing_is_offered() -> None:
    assert words(heard(CHAT, "42", NOON)[0]) == ["Sam: 42"]


def test_whoever_says_something_else_takes_none_of_them() -> None:
    chat, deed = heard(offering(CHAT, says("a"), says("b")), "never mind", NOON)
    assert (deed, words(chat), chat.offered) == (Answer(), ["Sam: never mind"], ())


def test_again_asks_for_other_suggestions_and_remembers_those_refused() -> None:
    chat, _ = heard(CHAT, "hm", NOON)
    chat, deed = heard(offering(chat, says("a"), says("b")), "/again", NOON)
    assert (deed, words(chat), chat.offered) == (Answer(), ["Sam: hm"], ())
    assert chat.refused == ("a", "b")
    assert gone_on(chat).refused == (), "in the next step they may be said"


# Back and forth


def test_undo_takes_back_what_you_said_with_its_answer() -> None:
    chat, _ = typed(CHAT, "one", "two")
    back, deed = typed(chat, "/undo")
    assert words(back) == ["Sam: one", "Juno: answer 1"]
    assert told(deed) == "taken back: Sam: two · Juno: answer 2"
    empty, _ = typed(back, "/UNDO")
    assert words(empty) == []
    assert told(typed(empty, "/undo")[1]) == "there is nothing to take back"


def test_redo_brings_in_again_in_order_until_something_new_is_said() -> None:
    chat, _ = typed(CHAT, "one", "two", "/undo", "/undo")
    once, deed = typed(chat, "/redo")
    assert words(once) == ["Sam: one", "Juno: answer 1"]
    assert told(deed) == "in again: Sam: one · Juno: answer 1"
    twice, _ = typed(once, "/redo")
    assert words(twice)[2:] == ["Sam: two", "Juno: answer 2"]
    assert told(typed(twice, "/redo")[1]) == "there is nothing to bring in again"
    other, _ = typed(once, "three")
    assert told(typed(other, "/redo")[1]) == "there is nothing to bring in again"


def test_undo_among_suggestions_drops_them_or_takes_your_line_back() -> None:
    said, _ = heard(typed(CHAT, "one")[0], "two", NOON)
    back, deed = heard(offering(said, says("a")), "/undo", NOON)
    assert (told(deed), back.offered) == ("taken back: Sam: two", ())
    assert words(back) == ["Sam: one", "Juno: answer 1"]
    went_on, _ = heard(typed(CHAT, "one")[0], "", NOON)
    back, deed = heard(offering(went_on, says("a")), "/undo", NOON)
    assert told(deed) == "the suggestions are dropped"
    assert words(back) == ["Sam: one", "Juno: answer 1"]
    assert told(heard(back, "/undo", NOON)[1]).startswith("taken back: Sam: one")


def test_a_step_that_came_to_nothing_is_no_step_back() -> None:
    chat, _ = typed(CHAT, "one")
    for _ in range(3):
        chat, deed = heard(chat, "", NOON)
        assert deed == Answer()  # and nothing fit came
    assert words(heard(chat, "/undo", NOON)[0]) == []


def test_a_reaction_is_taken_back_and_brought_in_again() -> None:
    chat, _ = typed(CHAT, "one")
    chat, _ = heard(chat, "", NOON)
    chat, _ = spoken(chat, says("🔥", command=Command.REACT), NOON)
    back, deed = heard(chat, "/undo", NOON)
    assert told(deed) == "taken back: a reaction"
    assert back.messages[-1].reactions == ()
    assert heard(back, "/redo", NOON)[0].messages == chat.messages


def test_again_keeps_what_you_said_and_asks_for_another_answer() -> None:
    chat, _ = typed(CHAT, "one", "two")
    again, deed = heard(chat, "/again", NOON)
    assert (deed, words(again)) == (Answer(), ["Sam: one", "Juno: answer 1", "Sam: two"])
    assert again.refused == ("answer 2",)
    assert again.asked > chat.asked, "it is drawn from other numbers"
    answered, _ = spoken(again, says("another"), NOON)
    assert words(heard(answered, "/undo", NOON)[0]) == ["Sam: one", "Juno: answer 1"]


def test_again_also_replaces_a_reaction() -> None:
    chat, _ = heard(CHAT, "one", NOON)
    chat, _ = spoken(chat, says("🔥", command=Command.REACT), NOON)
    again, _ = heard(chat, "/again", NOON)
    assert (words(again), again.messages[0].reactions) == (["Sam: one"], ())
    assert again.refused == ("🔥",)


def test_again_at_the_beginning_goes_on() -> None:
    chat, deed = heard(CHAT, "/again", NOON)
    assert (deed, chat.messages) == (Answer(), ())


@given(st.lists(st.sampled_from(["hi", "", "/undo", "/redo", "/again", "2", "/say x"])))
def test_undo_after_any_course_gives_the_messages_before_and_redo_those_after(
    course: list[str],
) -> None:
    chat, _ = typed(CHAT, *course)
    after, _ = typed(chat, "one more")
    back, _ = typed(after, "/undo")
    assert back.messages == chat.messages
    assert typed(back, "/redo")[0].messages == after.messages
    assert typed(back, "/redo", "/undo")[0].messages == chat.messages
    assert len({message.id for message in after.messages}) == len(after.messages)


# Other commands


@pytest.mark.parametrize("line", ["/exit", "/EXIT", "/quit", "  /exit  "])
def test_exit_leaves(line: str) -> None:
    assert heard(CHAT, line, NOON) == (CHAT, Leave())


def test_help_lists_every_command() -> None:
    assert told(heard(CHAT, "/help", NOON)[1]) == HELP
    for word in ("again", "undo", "redo", "say", "save", "exit"):
        assert f"/{word}" in HELP


def test_save_takes_a_file_whose_name_may_hold_spaces() -> None:
    assert heard(CHAT, "/save my chat.txt", NOON) == (CHAT, Save(path="my chat.txt"))
    assert "/save takes a file" in told(heard(CHAT, "/save", NOON)[1])


def test_a_command_that_does_not_exist_is_told() -> None:
    chat, deed = heard(CHAT, "/dance", NOON)
    assert told(deed) == "there is no command /dance; /help lists them"
    assert chat == CHAT


def test_a_chat_is_saved_as_a_transcript_that_says_what_it_is() -> None:
    chat, _ = heard(CHAT, "REACT: x", NOON)
    chat, _ = spoken(chat, says("🔥", command=Command.REACT), NOON)
    chat, _ = spoken(chat, says("sure", name="Marek"), NOON)
    assert saved(chat).splitlines() == [
        "# made by BotConvo; clones spoke as Marek",
        "",
        "Sam: INIT;",
        "Sam: \\REACT: x",
        "Juno: REACT: 🔥;",
        "Marek: sure",
    ]
    assert [line.name for line in parse_lines(saved(chat))] == ["Sam", "Sam", "Juno", "Marek"]
    assert "clones spoke as nobody" in saved(CHAT)


def test_what_was_said_before_is_remembered_by_who_said_it() -> None:
    chat = remembered(CHAT, says("hi", name="Juno"), NOON)
    chat = remembered(chat, says("hello", name="Marek"), NOON)
    assert [message.author.kind for message in chat.messages] == ["clone", "person"]


# Who plays whom


def test_a_role_is_a_number_a_known_name_or_a_name_of_ones_own() -> None:
    known = ["Juno", "Marek"]
    assert role("2", known) == "Marek"
    assert role("juno", known) == "Juno"
    assert role("ＪＵＮＯ ", known) == "Juno"
    assert role("Sam", known) == "Sam"
    assert role("3", known) is None
    assert role("0", known) is None
    assert spelled("2", known) == "2"


def test_the_clone_alone_answers_unless_everybody_is_wanted() -> None:
    assert cast_for("Sam", JUNO, (MAREK, TILLY), everybody=False) == (JUNO,)
    assert cast_for("Sam", JUNO, (MAREK, TILLY), everybody=True) == (JUNO, MAREK, TILLY)
    assert cast_for(None, JUNO, (MAREK, TILLY), everybody=True) == (JUNO, MAREK, TILLY)


@pytest.mark.parametrize("everybody", [False, True])
@pytest.mark.parametrize("you", ["Juno", "juno", "ＪＵＮＯ"])
def test_whoever_plays_the_clone_talks_with_the_others(you: str, everybody: bool) -> None:
    assert cast_for(you, JUNO, (MAREK, TILLY), everybody=everybody) == (MAREK, TILLY)
    assert cast_for(you, JUNO, (), everybody=everybody) == ()


def test_nobody_whom_you_play_is_in_the_cast() -> None:
    assert cast_for("marek", JUNO, (MAREK, TILLY), everybody=True) == (JUNO, TILLY)
