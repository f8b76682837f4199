"""Splits what was said in channels into sessions: stretches of talk without a long silence.

A session begins exactly where the transcript says ``name: INIT;``, so that a clone meets the same
beginnings in training and in a live talk.  It ends with the ``INIT`` of the next one: that nobody
says anything for a long time is what a clone can learn of the end of a talk.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from botconvo.messages import ChannelId, Message
from botconvo.people import People
from botconvo.transcript.grammar import Command, Line, print_lines
from botconvo.transcript.lines import SpokenLine, transcript

__all__ = ["SILENCE", "Session", "split_into_sessions"]

SILENCE = timedelta(minutes=30)
"""The default silence that ends a session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Lines of one channel without a long silence; the first is an ``INIT``.

    So is the last, where a later session of the channel follows: whoever begins that one.
    """

    lines: tuple[Line, ...]
    started: datetime
    ended: datetime | None = None
    """When its last line was said, or a later one of the same stretch; None where nobody told."""

    def said_by(self, speaker: str) -> int:
        """How many lines of words are this speaker's."""
        return sum(line.says and line.name == speaker for line in self.lines)

    @property
    def text(self) -> str:
        """The printed lines, without a line break at the end."""
        return print_lines(self.lines)


def split_into_sessions(
    messages: Iterable[Message],
    people: People,
    cleaning: Callable[[str], str],
    *,
    silence: timedelta = SILENCE,
) -> tuple[Session, ...]:
    """The sessions of all channels by the time that they began; messages may come in any order."""
    channels: dict[ChannelId, list[Message]] = {}
    for message in messages:
        channels.setdefault(message.channel, []).append(message)
    sessions = [
        session
        for channel in channels.values()
        for session in _cut(
            transcript(
                # Stable: messages of the same moment stay in the order of the export.
                sorted(channel, key=lambda message: message.at),
                people,
                cleaning,
                init_after=silence,
            )
        )
    ]
    return tuple(sorted(sessions, key=lambda session: session.started))


def _cut(spoken: Sequence[SpokenLine]) -> Iterator[Session]:
    begins = [place for place, line in enumerate(spoken) if line.line.command is Command.INIT]
    for begin, end in zip(begins, [*begins[1:], len(spoken)], strict=True):
        part = spoken[begin : end + 1]
        yield Session(
            lines=tuple(line.line for line in part),
            started=part[0].at,
            ended=spoken[end - 1].at,  # not of the INIT behind it: that is the next one's
        )
