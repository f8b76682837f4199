"""What somebody chooses in Discord before they agree, and what that comes to.  Pure."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from botconvo.consent import Terms
from botconvo.errors import ConsentError
from botconvo.messages import AuthorId, ChannelId

__all__ = ["CHOICES", "Form", "explained", "terms", "with_choice", "with_game_turned", "with_words"]

_LASTS = {"3 months": 91, "6 months": 182, "1 year": 365}
CHOICES: dict[str, dict[str, str]] = {
    "words": {
        "all": "Everything I wrote that the owner imports",
        "here": "Only what I wrote in this channel",
    },
    "places": {
        "discord": "It may talk here on Discord only",
        "everywhere": "It may talk wherever the owner lets it",
    },
    "audience": {
        "anyone": "Anyone there may talk to it",
        "me": "Only I may talk to it (and other clones)",
        "clones": "Only other clones may talk to it",
    },
    "lasts": {
        **{span: f"My consent ends after {span}" for span in _LASTS},
        "open": "It lasts until I withdraw it",
    },
}
"""What can be chosen, by question: the answer and how it is put."""
_LONGEST = 300
"""Characters of a statement; Discord shows 2,000 in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The choices so far."""

    words: str = "all"
    places: str = "discord"
    audience: str = "anyone"
    lasts: str = "1 year"
    game: bool = False
    since: date | None = None
    until: date | None = None
    """The last day."""
    statement: str = ""


def with_choice(form: Form, question: str, answer: str) -> Form:
    """The form with another answer to one of ``CHOICES``."""
    if answer not in CHOICES[question]:
        raise ConsentError(f"{answer!r} cannot be chosen for {question!r}")
    changed: dict[str, Any] = {question: answer}
    return replace(form, **changed)


def with_game_turned(form: Form) -> Form:
    """The form with the other answer to whether lines may be shown in the blind game."""
    return replace(form, game=not form.game)


def with_words(form: Form, *, since: str, until: str, statement: str) -> Form:
    """The form with what was typed into it.

    Raises:
        ConsentError: a date is none, or the first comes after the last.
    """
    first, last = _day(since), _day(until)
    if first is not None and last is not None and last < first:
        raise ConsentError(f"no message is from {first} on and up to {last}")
    words = " ".join(statement.split())[:_LONGEST]
    return replace(form, since=first, until=last, statement=words)


def terms(form: Form, *, author: AuthorId, channel: ChannelId, now: datetime) -> Terms:
    """What an adult agrees to with it; ``channel`` is where they are, as exports call it.

    Their words are worked on by the owner's computer alone.
    """
    audience: dict[str, tuple[str, ...] | None] = {"anyone": None, "me": (author,), "clones": ()}
    days = _LASTS.get(form.lasts)
    return Terms(
        adult=True,
        channels=(channel,) if form.words == "here" else None,
        since=_midnight(form.since),
        until=None if form.until is None else _midnight(form.until + timedelta(days=1)),
        platforms=("discord",) if form.places == "discord" else None,
        audience=audience[form.audience],
        game=form.game,
        expires_at=None if days is None else now + timedelta(days=days),
        statement=form.statement,
    )


def explained(form: Form, name: str) -> str:
    """What is agreed to with it, for whoever is to agree."""
    first = "" if form.since is None else f" since {form.since}"
    last = "" if form.until is None else f" up to {form.until}"
    dates = f" Only what I wrote{first}{last}." if first or last else ""
    said = f'\nIn my words: "{form.statement}"' if form.statement else ""
    chosen = "\n".join(f"- {CHOICES[each][getattr(form, each)]}." for each in CHOICES)
    lines = "Lines that I wrote may" if form.game else "No line that I wrote may"
    game = f"\n- {lines} be shown in the guessing game, /game."
    return (
        f"**A chat bot that writes like you, {name}?** If you agree, the owner of this bot may "
        "train a small language model on your messages, on their own computer, and let it talk "
        "here as a bot that is marked as one. It can say things you would never say. Nothing goes "
        "to another company; for that you would be asked again. You can see what you agreed to, "
        "take it back at any time (the clone leaves within seconds), get a copy of what is held "
        "of you, or have it all removed: /consent show, /consent withdraw, /export, /forgetme. "
        "It takes the place of what you agreed to before. Whoever runs the bot can talk to the "
        f"clone in any case, on their own screen.\n\n**You would agree to this:**\n{chosen}{game}"
        f"{dates}{said}\n\nAre you an adult (18 or older), and do you agree?"
    )


def _day(typed: str) -> date | None:
    if not typed.strip():
        return None
    try:
        return date.fromisoformat(typed.strip())
    except ValueError:
        raise ConsentError(f"{typed.strip()!r} is no date; write it as 2024-12-31") from None


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)
