"""What a conversation remembers, and how much of it a prompt gets."""

from datetime import timedelta

from builders import a_message, a_reaction

from botconvo.conversation.history import History
from botconvo.people import People


def a_history(count: int = 0) -> History:
    history = History(People(), timedelta(minutes=30))
    for number in range(count):
        history.add(a_message(f"message {number}", minutes=number, id=str(number)))
    return history


def test_the_first_line_of_all_begins_a_conversation() -> None:
    lines = a_history(2).context(14)
    assert [str(line.command) for line in lines] == ["INIT", "None", "None"]


def test_a_prompt_gets_between_half_and_all_of_its_lines() -> None:
    for count in range(60):
        lines = a_history(count).context(10)
        assert len(lines) <= 10
        assert len(lines) >= min(count, 5)
        if count:
            assert lines[-1].argument == f"message {count - 1}"


def test_a_prompt_begins_with_the_same_line_for_several_messages() -> None:
    firsts = [a_history(count).context(10)[0].argument for count in range(20, 40)]
    assert len(set(firsts)) <= 5


def test_no_lines_are_no_context() -> None:
    assert a_history(5).context(0) == ()


def test_the_same_message_is_kept_once_at_its_newest_revision() -> None:
    history = a_history()
    assert history.add(a_message("old words", id="1"))
    assert not history.add(a_message("new words", id="1", revision=1))
    assert not history.add(a_message("old words", id="1"))
    assert history.texts(5) == ("new words",)


def test_a_reaction_counts_once_and_a_removed_message_is_forgotten() -> None:
    history = a_history(1)
    message = history.messages[0]
    laugh = a_reaction("😂", by="fishvilla")
    assert laugh.author is not None
    history.react(message.id, "😂", laugh.author)
    history.react(message.id, "😂", laugh.author)
    assert history.messages[0].reactions == (laugh,)
    history.remove(message.id)
    assert history.messages == ()


def test_only_so_many_messages_are_kept() -> None:
    history = a_history(250)
    assert len(history.messages) == 200
    assert history.messages[0].text == "message 50"
