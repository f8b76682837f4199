"""How long things take in a talk: answers, typing, and the wait after a failure.  Pure."""

import math
from random import Random

from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import Act, Picture, React
from botconvo.personas import Persona

__all__ = ["delay_s", "retry_s", "typing_s"]

_LONGEST_RETRY_S = 60.0
_FIRST_TYPING_S = 1.0
"""The longest that a talk's first message is typed for: whoever started it has waited enough."""
_REAL_S = (1.0, 1800.0)
"""Delays of people between which the law of ``delay_s`` works; a longer silence ends a talk."""
_INSTANT_S = 0.1
"""Below that nobody sees a delay; 0 has no logarithm."""


def delay_s(persona: Persona, manners: Manners, rng: Random) -> float:
    """Seconds from a message to this persona's next one, if its friend's delays are known; else 0.

    A delay is drawn from the friend's own ones: a part of the histogram by its share, and within
    the part evenly by logarithm.  Real ones are minutes at times, at which a talk would stall: they
    are brought between ``manners.delay_s`` so that what is a factor between real delays is a
    smaller factor, the same everywhere, between those of clones: a friend who takes a second takes
    the shortest, one who takes half an hour the longest, and whoever is slower stays slower.
    Drafting, typing and the silence after a post lie within the delay, not behind it.
    """
    learned = persona.learned if manners.learned_manners else None
    if learned is None or learned.delays is None:
        return 0.0
    delays, (least, most) = learned.delays, _REAL_S
    place = rng.choices(range(len(delays.below)), delays.shares)[0]
    begin = delays.below[place - 1] if place else least
    low, high = (math.log(min(max(each, least), most)) for each in (begin, delays.below[place]))
    how_slow = (rng.uniform(low, high) - math.log(least)) / math.log(most / least)
    shortest, longest = (max(bound, _INSTANT_S) for bound in manners.delay_s)
    return float(shortest * (longest / shortest) ** how_slow)


def typing_s(act: Act | Picture, manners: Manners, *, first: bool) -> float:
    """Seconds for which somebody is seen typing; ``first``: nothing was said here yet."""
    if manners.typing_per_s == 0.0 or isinstance(act, React):
        return 0.0
    longest = min(manners.typing_max_s, _FIRST_TYPING_S) if first else manners.typing_max_s
    return min(len(act.text) / manners.typing_per_s, longest)


def retry_s(failures: int, manners: Manners) -> float:
    """Seconds until the next try after so many failures in a row (at least one)."""
    return float(min(manners.retry_s * 2 ** min(failures - 1, 10), _LONGEST_RETRY_S))
