"""The project's store: one SQLite file with what was imported, agreed to and said.

It keeps and finds; the rules are elsewhere (``botconvo.consent``, ``botconvo.taking``).
"""

from botconvo.store.collected import COLLECTED, Collected, Kinds, Span
from botconvo.store.database import STORE_NAME
from botconvo.store.exports import Adding, SeenAuthor, Source
from botconvo.store.leaks import LeakKey, Leaks
from botconvo.store.ledger import KnownPerson
from botconvo.store.live import LIVE_KEPT, Claimed, Refused
from botconvo.store.noted import ChannelReins, Noted

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
    "Refused",
    "SeenAuthor",
    "Source",
    "Span",
    "Store",
]


class Store(Collected, Leaks, Noted):
    """``with Store.open(project / STORE_NAME) as store: ...``"""
