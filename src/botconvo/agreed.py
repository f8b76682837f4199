"""What somebody agreed to, in plain words; and how the owner types it.  Pure.

The rules are in ``botconvo.consent``; this words them, for the terminal, for a file and for chats.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from botconvo.consent import ConsentRecord, is_live
from botconvo.errors import ConsentError

__all__ = [
    "REMINDED",
    "audience_of",
    "audience_words",
    "next_reminder",
    "reminder",
    "rows",
    "whom",
]

REMINDED = timedelta(days=14)
"""So long before its end a consent is spoken of."""
_SHORTLY = timedelta(seconds=1)


def rows(record: ConsentRecord) -> tuple[tuple[str, str], ...]:
    """Every field as a label and its value, in a fixed order."""
    dates = [f"since {record.since:%Y-%m-%d}"] if record.since else []
    dates += [f"before {record.until:%Y-%m-%d}"] if record.until else []
    expires = f", expires {record.expires_at:%Y-%m-%d}" if record.expires_at else ", without an end"
    ended = f", withdrawn {record.withdrawn_at:%Y-%m-%d}" if record.withdrawn_at else ""
    return (
        ("record", f"{record.id}, granted {record.granted_at:%Y-%m-%d}{expires}{ended}"),
        ("who", "an invented character" if record.fictional else "an adult"),
        ("sources", ", ".join(record.sources) or "none"),
        ("channels", "all" if record.channels is None else _listed(record.channels)),
        ("dates", " ".join(dates) or "all"),
        ("platforms", "all" if record.platforms is None else _listed(record.platforms)),
        ("audience", whom(record.audience)),
        ("processors", _listed(record.processors)),
        ("game", "their own lines may be shown" if record.game or record.fictional else "no"),
        ("statement", record.statement or "none"),
        ("checkpoints", ", ".join(digest[:16] for digest in record.checkpoints) or "none"),
    )


def whom(audience: Sequence[str] | None) -> str:
    """Who may talk to a clone."""
    if audience is None:
        return "anyone"
    return ", ".join((*audience, "other clones")) if audience else "other clones alone"


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values) or "none"


def audience_of(words: Sequence[str]) -> tuple[str, ...] | None:
    """Who may talk to a clone, as it is typed: ``anyone``, ``clones``, ids, ``role:ID``.

    A bare number is a Discord account; the form is that of ``ConsentRecord.audience``.

    Raises:
        ConsentError: it makes no sense.
    """
    named = [word for word in words if word not in ("anyone", "clones")]
    if "anyone" in words and len(set(words)) > 1:
        others = _listed([word for word in words if word != "anyone"])
        raise ConsentError(f"--audience anyone leaves nobody out; give it alone, or only {others}")
    wrong = [word for word in named if not _qualified(word).partition(":")[2]]
    if wrong:
        raise ConsentError(
            f"--audience {wrong[0]!r}: take anyone, clones, the number of a Discord account, "
            "role:NUMBER for a Discord role, or an author id such as web:ann"
        )
    if not words or "anyone" in words:
        return None
    return tuple(dict.fromkeys(map(_qualified, named)))


def audience_words(audience: Sequence[str] | None) -> tuple[str, ...]:
    """What is to be typed for it; nothing where it is everybody."""
    if audience is None:
        return ()
    return tuple(map(_typed, audience)) or ("clones",)


def _qualified(word: str) -> str:
    if word.isdecimal():
        return f"discord:{word}"
    kind, _, number = word.partition(":")
    return f"discord:role/{number}" if kind == "role" and number else word


def _typed(id: str) -> str:
    return id.replace("discord:role/", "role:")


def next_reminder(record: ConsentRecord | None, now: datetime) -> datetime | None:
    """When ``reminder`` has something new to say; None: never."""
    if record is None or record.expires_at is None or not is_live(record, now):
        return None
    left = record.expires_at - now
    if left > REMINDED:
        return record.expires_at - REMINDED
    return record.expires_at - timedelta(days=left.days) + _SHORTLY if left.days else None


def reminder(name: str, record: ConsentRecord | None, now: datetime) -> str | None:
    """What the owner has to know of a consent that ends soon; None where it does not."""
    if record is None or record.expires_at is None or not is_live(record, now):
        return None
    left = record.expires_at - now
    if left > REMINDED:
        return None
    days = left.days
    when = "in less than a day" if days < 1 else "in 1 day" if days == 1 else f"in {days} days"
    return (
        f"{name}: the consent ends on {record.expires_at:%Y-%m-%d}, {when}; then the clone is "
        "silent and their words are removed with the next import; ask again in time"
    )
