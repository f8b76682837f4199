"""What the models' lines do: the transcript grammar as acts, and acts as lines.  Pure."""

from collections.abc import Sequence, Set
from dataclasses import replace
from random import Random

from botconvo.conversation.choice import is_repeated
from botconvo.conversation.events import Candidate
from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import Act, Picture, PictureKind, React, Say
from botconvo.messages import Attachment, Message, MessageId
from botconvo.transcript.grammar import Command

__all__ = ["act_of", "as_remembered", "is_wordless", "judged", "picked_act"]

_WORDLESS = (Command.INIT, Command.SAVE)
_PICTURES: dict[Command, PictureKind] = {
    Command.PHOTO: "photo",
    Command.VIDEO: "video",
    Command.MEME: "meme",
}


def judged(
    candidate: Candidate, manners: Manners, said: Sequence[str], opening: str, given: Set[str]
) -> Candidate:
    """What only a conversation knows of a candidate: what was said before, and which acts it takes.

    ``opening`` is a phrase that it had to begin with, ``given`` are emoji that stand there already.
    """
    line = candidate.line
    if line is None:
        return candidate
    if candidate.verdict == "silent" and manners.acts:
        may = line.command in _WORDLESS or line.command in _PICTURES
        return replace(candidate, verdict="ok") if may else candidate
    if candidate.verdict == "ok" and line.says and is_repeated(line.argument, said, opening):
        return replace(candidate, verdict="repeated")
    is_reaction = candidate.verdict == "ok" and line.command is Command.REACT
    if is_reaction and line.argument in given:
        return replace(candidate, verdict="repeated")
    return candidate


def picked_act(candidates: Sequence[Candidate], rng: Random) -> int | None:
    """The index of a wordless act, as often as the model wants it; None: something is to be said.

    Words are chosen as the best of several; an act that was chosen so would be done far too often.
    """
    if not candidates:
        return None
    index = rng.randrange(len(candidates))
    return index if is_wordless(candidates[index]) else None


def is_wordless(candidate: Candidate) -> bool:
    """Whether it is fit to be done, and puts nothing into the channel."""
    line = candidate.line
    return candidate.verdict == "ok" and line is not None and line.command in _WORDLESS


def act_of(
    candidate: Candidate, target: MessageId | None, last: MessageId | None
) -> Act | Picture | None:
    """What is put out; ``target`` can be replied to, ``last`` is the newest message."""
    line = candidate.line
    if line is None:
        return None
    if line.command is Command.REACT:
        emoji_for = target or last
        return None if emoji_for is None else React(emoji=line.argument, message=emoji_for)
    if line.command in _PICTURES:
        return Picture(kind=_PICTURES[line.command], description=line.argument)
    reply_to = target if line.command is Command.REPLY else None
    return Say(text=line.argument, reply_to=reply_to)


def as_remembered(message: Message, act: Act | Picture) -> Message:
    """A post as it stands in the transcript: a picture is one, however it was shown."""
    if not isinstance(act, Picture):
        return message
    shown = Attachment(
        kind="video" if act.kind == "video" else "photo",
        name=f"{act.kind}.png",
        description=act.description,
    )
    return replace(message, text="", attachments=(shown,))
