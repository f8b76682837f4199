"""Messages as transcript lines; training and the live talk both call this and nothing else."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from botconvo.messages import Message, MessageId
from botconvo.people import People
from botconvo.transcript.grammar import Command, Line

__all__ = ["SpokenLine", "lines", "transcript"]

Cleaning = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenLine:
    """A line with the message it came from."""

    line: Line
    at: datetime
    message: MessageId


def lines(message: Message, people: People, cleaning: Cleaning) -> tuple[Line, ...]:
    """The lines of one message: pictures first, then its words, then the reactions it got."""
    if message.author.kind == "system":
        return ()
    name = people.speaker(message.author)
    acts = tuple(
        Line(
            name=name,
            command=Command.VIDEO if attachment.kind == "video" else Command.PHOTO,
            argument=cleaning(attachment.description),
        )
        for attachment in message.attachments
        if attachment.kind != "file"
    )
    text = cleaning(message.text)
    command = Command.REPLY if message.reply_to is not None else None
    said = (Line(name=name, argument=text, command=command),) if text else ()
    if not said and not acts:
        return ()
    reactions = tuple(
        Line(
            name=people.speaker(reaction.author),
            command=Command.REACT,
            argument=cleaning(reaction.emoji),
        )
        for reaction in message.reactions
        if reaction.author is not None and cleaning(reaction.emoji)
    )
    return acts + said + reactions


def transcript(
    messages: Iterable[Message], people: People, cleaning: Cleaning, *, init_after: timedelta
) -> tuple[SpokenLine, ...]:
    """All lines in order, with ``name: INIT;`` where somebody speaks after a silence.

    The first message of all is a beginning too.
    """
    spoken: list[SpokenLine] = []
    last: datetime | None = None
    for message in messages:
        found = lines(message, people, cleaning)
        if not found:
            continue
        if last is None or message.at - last > init_after:
            found = (Line(name=found[0].name, command=Command.INIT), *found)
        last = message.at
        spoken.extend(SpokenLine(line=line, at=message.at, message=message.id) for line in found)
    return tuple(spoken)
