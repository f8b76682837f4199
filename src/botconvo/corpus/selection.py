"""Which messages a corpus is made of: what is private, and what was said to machines, is left out.

Pure.  Duplicates are counted and kept: "same" is what friends say.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from botconvo.corpus.redaction import Private, find_private
from botconvo.messages import Message

__all__ = ["Redacted", "Selected", "select"]

_TO_A_BOT = re.compile(r"(?:[!$/]|;;|[a-z]!)[a-z][\w-]+(?:\s|\Z)", re.I)
"""``!play``, ``/roll``, ``m!help``: a command to another bot."""
_LONG = 100
"""Nobody types so many characters twice; who does has copied them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """A message that is left out, its words as the corpus would have them, and what is private."""

    message: Message
    text: str
    found: tuple[Private, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """``messages`` for the corpus.

    ``commands`` counts what was said to other bots, ``duplicates`` the messages whose words were
    there before, and ``pasted`` those of them that are too long to have been typed twice.
    """

    messages: tuple[Message, ...]
    redacted: tuple[Redacted, ...]
    commands: int
    duplicates: int
    pasted: int


def select(
    messages: Iterable[Message], cleaning: Callable[[str], str], *, redact: bool = True
) -> Selected:
    """Go through ``messages`` in order; ``cleaning`` is that of the corpus."""
    kept: list[Message] = []
    redacted: list[Redacted] = []
    seen: Counter[str] = Counter()
    commands = 0
    for message in messages:
        if _TO_A_BOT.match(message.text):
            commands += 1
            continue
        text = "\n".join(filter(None, map(cleaning, _words(message))))
        found = find_private(text) if redact else ()
        if found:
            redacted.append(Redacted(message=message, text=text, found=found))
            continue
        seen[text] += bool(text)
        kept.append(message)
    again = {text: count - 1 for text, count in seen.items() if count > 1}
    return Selected(
        messages=tuple(kept),
        redacted=tuple(redacted),
        commands=commands,
        duplicates=sum(again.values()),
        pasted=sum(count for text, count in again.items() if len(text) >= _LONG),
    )


def _words(message: Message) -> tuple[str, ...]:
    return (message.text, *(attachment.description for attachment in message.attachments))
