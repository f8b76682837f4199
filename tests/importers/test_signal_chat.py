"""Signal's chats as signal-export writes them."""

from chat_files import reasons, rows, said, shared

from botconvo.importers import Reason

CHAT = """\
[2023-01-02 10:20:30] Ana: hello  \n\

[2023-01-02 10:20:31] Me: \n\

> hello
> there\n\

hi back  \n\
(- Ana: 😂, Bo: ❤ -)
[2023-01-02 10:20:32] Ana: look  ![cat.jpg](./media/cat.jpg)  \n\
[2023-01-02 10:20:33] Ana: [note.m4a](./media/note.m4a)  \n\
[2023-01-02 10:20:34] Ana:   \n(( 😀 ))
[2023-01-02 10:20:35] Ana: (This message was deleted)
[2023-01-02 10:20:36] Ana: Missed voice call  \n\
[2023-01-02 10:20:37] No-Sender: Ana changed the timer
"""


def test_the_sample_is_read() -> None:
    found = rows("signal-chat", shared("signal/chat-miner/test_export.txt"))
    assert [each.text for each in said(found)] == ["Hello John!", "Hello\nJane!"]


def test_quotes_and_marks_of_the_writer_are_no_words() -> None:
    found = rows("signal-chat", CHAT)
    assert [(each.author.name, each.text) for each in said(found)] == [
        ("Ana", "hello"),
        ("Me", "hi back"),
        ("Ana", "look"),
    ]
    assert [each.emoji for each in said(found)[1].reactions] == ["😂", "❤"]
    assert [each.name for each in said(found)[2].attachments] == ["cat.jpg"]
    assert reasons(found) == [
        Reason.MEDIA,
        Reason.STICKER,
        Reason.REMOVED,
        Reason.SYSTEM,
        Reason.SYSTEM,
    ]


def test_me_is_nobody_else_until_it_is_said_who_that_is() -> None:
    one = said(rows("signal-chat", CHAT))[1].author
    other = said(rows("signal-chat", CHAT.replace("hello", "good morning")))[1].author
    assert one.id != other.id
    named = said(rows("signal-chat", CHAT, author="Dee Dee"))[1].author
    assert (named.id, named.name) == ("signal:dee-dee", "Dee Dee")
