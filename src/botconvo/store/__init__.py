"""The project's store: one SQLite file with what was imported, agreed to and said.

It keeps and finds; the rules are elsewhere (``botconvo.consent``, ``botconvo.taking``).
"""

from botconvo.store.database import STORE_NAME
from botconvo.store.exports import Adding, Exports, SeenAuthor, Source
from botconvo.store.leaks import LeakKey, Leaks
from botconvo.store.ledger import KnownPerson
from botconvo.store.live import LIVE_KEPT, Claimed, Refused
from botconvo.store.noted import ChannelReins, Noted

__all__ = [
    "LIVE_KEPT",
    "STORE_NAME",
    "Adding",
    "ChannelReins",
    "Claimed",
    "KnownPerson",
    "LeakKey",
    "Refused",
    "SeenAuthor",
    "Source",
    "Store",
]


class Store(Exports, Leaks, Noted):
    """``with Store.open(project / STORE_NAME) as store: ...``"""
