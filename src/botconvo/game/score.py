"""How many rounds were told apart, how sure that is, and the same in plain words."""

from dataclasses import dataclass
from math import sqrt

__all__ = ["Score", "of_people", "of_player", "wilson"]

_Z = 1.959964
"""The quantile of the normal distribution that leaves 95 % between itself and its negative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """``right`` of ``rounds`` were told apart, by so many ``players``."""

    right: int = 0
    rounds: int = 0
    players: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.right <= self.rounds:
            raise ValueError(f"{self.right} of {self.rounds} is no score")

    @property
    def interval(self) -> tuple[float, float]:
        """In which share of all rounds they would be told apart, with 95 % confidence."""
        return wilson(self.right, self.rounds)


def wilson(right: int, rounds: int) -> tuple[float, float]:
    """Wilson's interval (1927) of a share; it holds the share itself, and 0 to 1 for no rounds."""
    if rounds == 0:
        return 0.0, 1.0
    share = right / rounds
    middle = share + _Z**2 / (2 * rounds)
    half = _Z * sqrt(share * (1 - share) / rounds + _Z**2 / (4 * rounds**2))
    whole = 1 + _Z**2 / rounds
    # Exact at the ends, where rounding would leave the share itself out.
    low = 0.0 if right == 0 else (middle - half) / whole
    high = 1.0 if right == rounds else (middle + half) / whole
    return low, high


def of_player(score: Score) -> str:
    """For whoever plays."""
    if score.rounds == 0:
        return "no round yet"
    return f"you told them apart in {_figures(score)}"


def of_people(score: Score, name: str) -> str:
    """For whoever reads of it."""
    who = "One person" if score.players == 1 else f"{score.players} people"
    return f"{who} told {name} from the clone in {_figures(score, 'rounds')}"


def _figures(score: Score, what: str = "") -> str:
    low, high = score.interval
    of = f"{score.rounds} {what}".strip() if score.rounds != 1 else f"1 {what[:-1]}".strip()
    return (
        f"{score.right} of {of}; guessing gives {score.rounds / 2:g}; "
        f"between {low * 100:.0f} % and {high * 100:.0f} %"
    )
