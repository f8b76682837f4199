"""Learned manners in words, for whoever trains a clone or reads a report.  Pure."""

from model_server.checkpoint.learned_manners import HOURS, Hours, LearnedManners, Shares

__all__ = ["mean_row", "span_of_day", "told_manners"]

_MOST = 0.7
"""Share of the messages that "mostly" stands for."""
_FAIR = 0.5
_MINUTES_FROM = 120


def told_manners(learned: LearnedManners | None) -> str:
    """What was learned, in half a sentence; what was not, and why, too."""
    if learned is None:
        return "nothing: there are too few messages"
    told = [
        _delays(learned),
        None if learned.bursts is None else f"{mean_row(learned.bursts):.1f} messages in a row",
        None if learned.hours is None else _hours(learned.hours),
        None if learned.words is None else f"{learned.words:.0f} words a message",
        _talk(learned),
        None if not learned.reactions else f"{learned.reactions:.0%} reactions",
    ]
    words = ", ".join(each for each in told if each is not None)
    return f"{words} (from about {learned.messages:,} messages{_unknown(learned)})"


def _delays(learned: LearnedManners) -> str | None:
    if learned.delays is None:
        return None
    return f"answers half of the time within about {_time(learned.delays.median())}"


def mean_row(bursts: Shares) -> float:
    """Messages in a row on average; five or more count as five."""
    rows = zip(bursts.below, bursts.shares, strict=True)
    return sum((below - 1) * share for below, share in rows) / sum(bursts.shares)


def _hours(hours: Hours) -> str:
    begin, length = span_of_day(hours)
    if length > HOURS * _MOST:
        return "at all hours"
    return f"mostly from {begin} to {(begin + length) % HOURS} h ({hours.zone})"


def span_of_day(hours: Hours) -> tuple[int, int]:
    """The shortest span with most of the messages: its first hour, and how many hours."""
    wanted = _MOST * sum(hours.shares)
    twice = (*hours.shares, *hours.shares)
    spans = (
        (length, begin)
        for length in range(1, HOURS + 1)
        for begin in range(HOURS)
        if sum(twice[begin : begin + length]) >= wanted
    )
    length, begin = next(spans)
    return begin, length


def _talk(learned: LearnedManners) -> str | None:
    if learned.talkativeness is None:
        return None
    return f"{learned.talkativeness / _FAIR:.1f} × a fair share of the turns"


def _unknown(learned: LearnedManners) -> str:
    """Why some of it is missing."""
    if learned.delays is None and learned.bursts is None:
        return "; their times do not tell how fast, or too few do"
    missing = [
        name
        for name, found in (("delays", learned.delays), ("hours", learned.hours))
        if found is None
    ]
    coarse = "" if learned.exact else "; times in whole minutes"
    return coarse + (f"; not known: {' and '.join(missing)}" if missing else "")


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < _MINUTES_FROM else f"{seconds / 60:.0f} min"
