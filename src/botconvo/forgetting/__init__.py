"""Somebody is forgotten: every place that holds something of theirs, and the receipt.

    find_somebody    a name or an author's id -> everything by which they are known
    plan             what would go, what would be disabled, and what cannot be erased here
    forget           does it, and gives a receipt that names nobody

Each place is a ``Keeper`` in ``registry.KEEPERS``.  Whoever adds a table, a column or a file in
which something of a person may stand adds it there; a test fails until that is done.
"""

from botconvo.forgetting.forget import (
    OwnAccount,
    Plan,
    Receipt,
    find_somebody,
    finish,
    forget,
    plan,
    unfinished,
)
from botconvo.forgetting.keeping import Found, Keeper, Project
from botconvo.forgetting.registry import KEEPERS
from botconvo.store import Somebody

__all__ = [
    "KEEPERS",
    "Found",
    "Keeper",
    "OwnAccount",
    "Plan",
    "Project",
    "Receipt",
    "Somebody",
    "find_somebody",
    "finish",
    "forget",
    "plan",
    "unfinished",
]
