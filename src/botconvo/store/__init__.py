"""The project's store: one SQLite file with what was imported, agreed to and said.

It keeps and finds; the rules are elsewhere (``botconvo.consent``, ``botconvo.taking``).
"""

from botconvo.store.collected import COLLECTED, Collected, Kinds, Span
from botconvo.store.corrections import Corrections
from botconvo.store.database import STORE_NAME
from botconvo.store.erasing import Somebody, Underway, Written
from botconvo.store.exports import Adding, SeenAuthor, Source
from botconvo.store.game import Games
from botconvo.store.holdings import Holdings
from botconvo.store.leaks import LeakKey, Leaks
from botconvo.store.ledger import KnownPerson
from botconvo.store.live import LIVE_KEPT, Claimed, Refused
from botconvo.store.noted import ChannelReins
from botconvo.store.packed import Packed, Seen, StoredRow, pack
from botconvo.store.values import from_micros, to_micros

__all__ = [
    "COLLECTED",
    "LIVE_KEPT",
    "STORE_NAME",
    "Adding",
    "ChannelReins",
    "Claimed",
    "Kinds",
    "KnownPerson",
    "LeakKey",
    "Packed",
    "Refused",
    "Seen",
    "SeenAuthor",
    "Somebody",
    "Source",
    "Span",
    "Store",
    "StoredRow",
    "Underway",
    "Written",
    "from_micros",
    "pack",
    "to_micros",
]


class Store(Collected, Games, Leaks, Corrections, Holdings):
    """``with Store.open(project / STORE_NAME) as store: ...``"""
