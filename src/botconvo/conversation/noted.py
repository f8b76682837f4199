"""Lines that somebody noted: clones that saved them, people who kept or removed them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from botconvo.messages import Author, ChannelId, MessageId

__all__ = ["NotedKind", "NotedLine", "RefusedText"]

NotedKind = Literal["saved", "favourite", "disowned"]
"""``saved`` by a clone (``SAVE;``), ``favourite`` of a person (a star); ``disowned``: the cloned
person would never say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedLine:
    """A message as it was when somebody noted it; ``by`` is their name."""

    kind: NotedKind
    message: MessageId
    channel: ChannelId
    author: Author
    text: str
    at: datetime
    by: str
    noted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedText:
    """What a clone said and nobody is to hear again; ``by`` is the name of whoever removed it."""

    number: int
    text: str
    channel: ChannelId
    persona: str
    by: str
    at: datetime
