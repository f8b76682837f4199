"""Which messages a corpus is made of."""

from builders import a_message

from botconvo.corpus import select
from botconvo.transcript.cleaning import clean_chat


def test_private_lines_are_left_out_whole_and_kept_to_be_reviewed() -> None:
    lines = [a_message("hi"), a_message("call +1 650 253 0000 ok"), a_message("bye")]
    found = select(lines, clean_chat)
    assert found.messages == (lines[0], lines[2])
    (line,) = found.redacted
    assert line.message == lines[1]
    assert [line.text[each.start : each.end] for each in line.found] == ["+1 650 253 0000"]
    assert select(lines, clean_chat, redact=False).messages == tuple(lines)


def test_what_cleaning_drops_is_not_looked_at() -> None:
    lines = [a_message("look https://example.org/203.0.113.7/a@b.org")]
    assert select(lines, clean_chat).messages == tuple(lines)


def test_commands_to_other_bots_are_left_out() -> None:
    commands = ["!play hats", "m!skip", "/roll 2d6", "$daily", ";;queue"]
    words = ["!!!", "! no", "/ yes", "$5 please", "k!", "...ok", "-_-", "and/or", "oh!really"]
    found = select([a_message(text) for text in [*commands, *words]], clean_chat)
    assert [message.text for message in found.messages] == words
    assert found.commands == len(commands)


def test_repeated_words_are_counted_and_kept() -> None:
    pasta = "what did you just say about my hats " * 4
    found = select([a_message(text) for text in ["lol", "lol", "lol", pasta, pasta]], clean_chat)
    assert (len(found.messages), found.duplicates, found.pasted) == (5, 3, 1)


def test_pictures_without_words_are_no_duplicates() -> None:
    lines = [a_message("", attachments=["photo"]), a_message("", attachments=["photo"], minutes=1)]
    assert select(lines, clean_chat).duplicates == 0
