"""How long things take in a talk: typing, and the wait after a failure.  Pure."""

from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import Act, Picture, React

__all__ = ["retry_s", "typing_s"]

_LONGEST_RETRY_S = 60.0
_FIRST_TYPING_S = 1.0
"""The longest that a talk's first message is typed for: whoever started it has waited enough."""


def typing_s(act: Act | Picture, manners: Manners, *, first: bool) -> float:
    """Seconds for which somebody is seen typing; ``first``: nothing was said here yet."""
    if manners.typing_per_s == 0.0 or isinstance(act, React):
        return 0.0
    longest = min(manners.typing_max_s, _FIRST_TYPING_S) if first else manners.typing_max_s
    return min(len(act.text) / manners.typing_per_s, longest)


def retry_s(failures: int, manners: Manners) -> float:
    """Seconds until the next try after so many failures in a row (at least one)."""
    return float(min(manners.retry_s * 2 ** min(failures - 1, 10), _LONGEST_RETRY_S))
