"""How a friend took part in talks, as a checkpoint keeps it: shares and means, no single message.

Standard library only: the trainer writes it, the talk goes by it, the model server carries it.
``botconvo.corpus.timing`` estimates it.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["HOURS", "Hours", "LearnedManners", "Shares"]

HOURS = 24
_ROUNDED = 0.15
"""How far rounded shares may be from 1 together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """A coarse histogram: ``shares[i]``, in hundredths, is of what lies below ``below[i]``.

    Every part begins where the one before it ends, the first at 0; the last holds all above, too.

    Raises:
        ValueError: they do not fit together.
    """

    below: tuple[float, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.below or len(self.below) != len(self.shares):
            raise ValueError("a histogram has one share for each of its parts")
        if sorted(set(self.below)) != list(self.below) or self.below[0] <= 0.0:
            raise ValueError("the parts of a histogram grow, from above 0")
        _check_shares(self.shares)

    def median(self) -> float:
        """Where the middle lies, if values lie evenly within a part."""
        reached, begin, half = 0.0, 0.0, sum(self.shares) / 2
        for below, share in zip(self.below, self.shares, strict=True):
            if reached + share >= half:
                return begin + (below - begin) * (half - reached) / share
            reached, begin = reached + share, below
        return self.below[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """The share of messages in each hour of the day, by the clocks of ``zone`` (an IANA name).

    Raises:
        ValueError: there are not 24, or they are no shares.
    """

    zone: str
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.shares) != HOURS:
            raise ValueError("a day has 24 hours")
        _check_shares(self.shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedManners:
    """What was learned of one friend; None where the messages do not tell, or are too few.

    ``messages`` is how many of the friend's it rests on, rounded to two digits, and ``exact``
    whether their times were known to the second.
    """

    version: Literal[1] = 1
    messages: int
    exact: bool = True
    delays: Shares | None = None
    """Seconds from the last message of somebody else to the friend's, within a conversation."""
    bursts: Shares | None = None
    """Messages in a row: below 2 is a single one."""
    hours: Hours | None = None
    words: float | None = None
    """Of a message, on average."""
    talkativeness: float | None = None
    """0.5 is a fair share of the turns, 1 twice as much, as ``Persona.talkativeness`` has it."""
    reactions: float | None = None
    """Share of all that the friend did that was an emoji put on a message."""


def _check_shares(shares: tuple[float, ...]) -> None:
    if any(not 0.0 <= share <= 1.0 for share in shares) or abs(sum(shares) - 1.0) > _ROUNDED:
        raise ValueError("shares go from 0 to 1 and are 1 together")
