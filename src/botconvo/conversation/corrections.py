"""What people say of a clone's lines, to make it more like the person; who may say it.  Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from botconvo.conversation.reins import Law
from botconvo.messages import Author, ChannelId, Message, MessageId
from botconvo.people import People

__all__ = ["Correction", "Judge", "Judgement", "judge_of"]

Judgement = Literal["good", "bad", "never"]
"""``good``: they talk like that (⭐); ``bad``: it was removed (🗑); ``never``: they would
never say it."""
Judge = Literal["owner", "friend", "moderator", "anybody"]
"""Who said so; the friend is whoever was cloned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A judgement on one line.

    ``context`` is what stood before it, oldest first, as far as it is still kept; ``drawn`` are the
    texts that the model offered besides, where that is known.  ``by`` is the judge's name.
    """

    line: Message
    judgement: Judgement
    judge: Judge
    by: str
    at: datetime
    context: tuple[Message, ...] = ()
    drawn: tuple[str, ...] = ()

    @property
    def message(self) -> MessageId:
        return self.line.id

    @property
    def channel(self) -> ChannelId:
        return self.line.channel

    @property
    def persona(self) -> str:
        return self.line.author.name

    @property
    def text(self) -> str:
        return self.line.text


def judge_of(
    author: Author | None, *, moderates: bool, persona: str, law: Law, people: People
) -> Judge | None:
    """As what somebody judges a line of ``persona``; None: their word teaches it nothing.

    No ``author`` is whoever sits at the owner's own screen.
    """
    if author is None or author.id in law.owners:
        return "owner"
    if people.known(author.id) == persona:
        return "friend"
    if moderates and law.judges != "owners":
        return "moderator"
    return "anybody" if law.judges == "everybody" else None
