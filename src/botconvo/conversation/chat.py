"""A talk that one person plays in: what each thing typed does to it.  Pure.

FriendSimulator's way: the person chooses whom they play, the model says what the others say and
never speaks as that person; an empty line lets it go on.  With nobody playing, the model writes a
whole conversation.

A ``Chat`` is a value.  ``heard`` gives the next one and a deed, which is all that is left to do;
where that is an ``Answer``, ``drafting`` says what to ask the model, and what becomes of it.

A turn is a step: what the person said and what was answered are taken back together.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from botconvo.conversation.orders import Act, React, Say
from botconvo.messages import (
    Author,
    AuthorId,
    ChannelId,
    Message,
    MessageId,
    Reaction,
    clone_author,
)
from botconvo.people import People
from botconvo.personas import Persona
from botconvo.transcript.cleaning import clean_chat
from botconvo.transcript.grammar import Command, Line, print_lines
from botconvo.transcript.lines import transcript

__all__ = [
    "CHANNEL",
    "HELP",
    "Answer",
    "Chat",
    "Deed",
    "Leave",
    "Offer",
    "Save",
    "Spoken",
    "Tell",
    "cast_for",
    "gone_on",
    "heard",
    "remembered",
    "role",
    "saved",
    "spelled",
    "spoken",
]

CHANNEL = ChannelId("console:chat")
"""A chat is a channel of the console: consent that is bound to platforms has to name it."""

HELP = """\
an empty line     let it go on without you, or take the first suggestion
a number          take that suggestion
/again            another answer in place of the last one
/undo  /redo      take the last turn back, or bring it in again
/say TEXT         say something that looks like a command or a number
/save FILE        write the chat into a file
/exit             the end (Ctrl-D too)
Anything else that you type is said by you."""

_KEPT_STEPS = 1000
_EXCERPT = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """Where a chat stands.

    ``you`` is whom the person plays (None: nobody plays), ``cast`` whom the model speaks as, never
    ``you``; the first of them is whose checkpoint it is, where it may speak.
    """

    you: str | None
    cast: tuple[Persona, ...]
    init_after: timedelta = timedelta(minutes=30)
    messages: tuple[Message, ...] = ()
    past: tuple[tuple[Message, ...], ...] = ()
    """The messages before each step, the newest last."""
    future: tuple[tuple[Message, ...], ...] = ()
    """What was taken back, the next to be brought in again first."""
    offered: tuple[Line, ...] = ()
    """Suggestions of which none was taken yet."""
    refused: tuple[str, ...] = ()
    """Answers of this step in whose place others were asked for."""
    made: int = 0
    """Messages ever made: their ids are never used again."""
    asked: int = 0
    """Answers ever asked for: none is drawn from the same numbers."""
    in_vain: int = 0
    """Turns in a row in which the model said who speaks, and it was nobody who may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Let the model say something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Let the person choose."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """This was said, or done to a message; ``message`` is None for a reaction."""

    name: str
    act: Act
    message: Message | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Something for the person to know."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Save:
    """Write the chat into a file."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """The end."""


Deed = Answer | Offer | Spoken | Tell | Save | Leave


# ---- who plays whom ----------------------------------------------------------------------------


def role(typed: str, known: Sequence[str]) -> str | None:
    """Whom somebody plays who typed this: a number of ``known``, or a name; else None."""
    if typed.isdecimal():
        number = int(typed)
        return known[number - 1] if 1 <= number <= len(known) else None
    return spelled(typed, known)


def spelled(name: str, known: Sequence[str]) -> str:
    """A name as it stands in ``known``; one that does not stand there as it is."""
    return next((each for each in known if _folded(each) == _folded(name)), name)


def cast_for(
    you: str | None, lead: Persona, company: Sequence[Persona], *, everybody: bool
) -> tuple[Persona, ...]:
    """Whom the model plays: ``lead``, or ``everybody``, and never ``you``.

    Whoever plays ``lead`` talks with the others.
    """
    wanted = (lead, *company) if everybody or _plays(you, lead) else (lead,)
    return tuple(persona for persona in wanted if not _plays(you, persona))


def _plays(you: str | None, persona: Persona) -> bool:
    return you is not None and _folded(you) == _folded(persona.name)


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


# ---- what is typed -----------------------------------------------------------------------------


def heard(chat: Chat, typed: str, now: datetime) -> tuple[Chat, Deed]:
    """What a line that was typed does."""
    text = typed.strip()
    if text.startswith("/"):
        return _obeyed(chat, text, now)
    if chat.offered and (not text or text.isdecimal()):
        return _picked(chat, int(text or "1"), now)
    if text:
        return _said(chat, text, now)
    return gone_on(chat), Answer()


def gone_on(chat: Chat) -> Chat:
    """The chat at the beginning of a step."""
    past = (*chat.past, chat.messages)[-_KEPT_STEPS:]
    return replace(chat, past=past, future=(), offered=(), refused=(), asked=chat.asked + 1)


def remembered(chat: Chat, line: Line, now: datetime) -> Chat:
    """The chat after somebody has said ``line``; nothing follows from it."""
    is_clone = any(persona.name == line.name for persona in chat.cast)
    chat, _ = _with_words(chat, line, now, is_clone=is_clone)
    return chat


def _said(chat: Chat, text: str, now: datetime) -> tuple[Chat, Deed]:
    if not text:
        return chat, Tell(text="/say takes what you want to say: /say 42")
    if not clean_chat(text):
        return chat, Tell(text="not said: it holds no words, and links are left out")
    assert chat.you is not None
    line = Line(name=chat.you, argument=text)
    chat, _ = _with_words(gone_on(chat), line, now, is_clone=False)
    return chat, Answer()


def _picked(chat: Chat, number: int, now: datetime) -> tuple[Chat, Deed]:
    if not 1 <= number <= len(chat.offered):
        many = len(chat.offered)
        return chat, Tell(text=f"there is no suggestion {number}; choose from 1 to {many}")
    return spoken(chat, chat.offered[number - 1], now)


def _obeyed(chat: Chat, text: str, now: datetime) -> tuple[Chat, Deed]:
    word, _, value = text[1:].partition(" ")
    value = value.strip()
    match word.casefold():
        case "exit" | "quit":
            return chat, Leave()
        case "help" | "?":
            return chat, Tell(text=HELP)
        case "undo":
            return _undone(chat)
        case "redo":
            return _redone(chat)
        case "again":
            return _again(chat), Answer()
        case "say":
            return _said(chat, value, now)
        case "save" if value:
            return chat, Save(path=value)
        case "save":
            return chat, Tell(text="/save takes a file: /save chat.txt")
        case _:
            return chat, Tell(text=f"there is no command /{word}; /help lists them")


# ---- back and forth ----------------------------------------------------------------------------


def _undone(chat: Chat) -> tuple[Chat, Deed]:
    if chat.offered and chat.past and chat.past[-1] == chat.messages:
        chat = replace(chat, past=chat.past[:-1], offered=())
        return chat, Tell(text="the suggestions are dropped")
    past = chat.past
    while past and past[-1] == chat.messages:  # a step that came to nothing
        past = past[:-1]
    if not past:
        return chat, Tell(text="there is nothing to take back")
    before, gone = past[-1], chat.messages
    chat = replace(chat, messages=before, past=past[:-1], future=(gone, *chat.future), offered=())
    return chat, Tell(text=f"taken back: {_difference(before, gone)}")


def _redone(chat: Chat) -> tuple[Chat, Deed]:
    if not chat.future:
        return chat, Tell(text="there is nothing to bring in again")
    after, before = chat.future[0], chat.messages
    chat = replace(
        chat, messages=after, past=(*chat.past, before), future=chat.future[1:], offered=()
    )
    return chat, Tell(text=f"in again: {_difference(before, after)}")


def _again(chat: Chat) -> Chat:
    """The chat without what was answered last, about to get another answer."""
    if not chat.past:
        return gone_on(chat)
    before, since = chat.past[-1], chat.messages[len(chat.past[-1]) :]
    own = (message for message in since if message.author.kind == "person")
    refused = [line.argument for line in chat.offered]
    refused += [message.text for message in since if message.author.kind == "clone"]
    refused += [reaction.emoji for message in chat.messages[-1:] for reaction in message.reactions]
    return replace(
        chat,
        messages=(*before, *(replace(message, reactions=()) for message in own)),
        future=(),
        offered=(),
        refused=(*chat.refused, *refused),
        asked=chat.asked + 1,
    )


def _difference(before: Sequence[Message], after: Sequence[Message]) -> str:
    shown = [f"{each.author.name}: {_excerpt(each.text)}" for each in after[len(before) :]]
    return " · ".join(shown) or "a reaction"


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _EXCERPT else f"{line[: _EXCERPT - 1]}…"


def saved(chat: Chat) -> str:
    """The chat as a transcript, below a line that says what it is."""
    clones = {each.author.name for each in chat.messages if each.author.kind == "clone"}
    spoken = transcript(chat.messages, People(), clean_chat, init_after=chat.init_after)
    said = print_lines(each.line for each in spoken)
    return (
        f"# made by BotConvo; clones spoke as {', '.join(sorted(clones)) or 'nobody'}\n\n{said}\n"
    )


# ---- what is said ------------------------------------------------------------------------------


def spoken(chat: Chat, line: Line, now: datetime) -> tuple[Chat, Deed]:
    """A clone says ``line``, or does it to the last message."""
    if line.command is Command.REACT:
        return _reacted(chat, line)
    chat, message = _with_words(chat, line, now, is_clone=True)
    act = Say(text=message.text, reply_to=message.reply_to)
    return replace(chat, offered=()), Spoken(name=line.name, act=act, message=message)


def _reacted(chat: Chat, line: Line) -> tuple[Chat, Deed]:
    *before, last = chat.messages
    reaction = Reaction(emoji=line.argument, author=clone_author(line.name))
    last = replace(last, reactions=(*last.reactions, reaction))
    act = React(emoji=line.argument, message=last.id)
    chat = replace(chat, messages=(*before, last), offered=())
    return chat, Spoken(name=line.name, act=act, message=None)


def _with_words(chat: Chat, line: Line, now: datetime, *, is_clone: bool) -> tuple[Chat, Message]:
    replied = line.command is Command.REPLY and chat.messages
    message = Message(
        id=MessageId(f"{CHANNEL}/{chat.made}"),
        channel=CHANNEL,
        author=clone_author(line.name) if is_clone else _person(line.name),
        text=line.argument,
        at=now,
        reply_to=chat.messages[-1].id if replied else None,
    )
    return replace(chat, messages=(*chat.messages, message), made=chat.made + 1), message


def _person(name: str) -> Author:
    return Author(id=AuthorId(f"{CHANNEL}/{name}"), name=name, kind="person")
