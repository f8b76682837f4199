"""What people removed is not said again, nor anything nearly the same (``near_copies``)."""

import hashlib
import json
from collections.abc import Collection, Iterable

from botconvo.conversation.events import Objection
from botconvo.conversation.near_copies import are_near, fold
from botconvo.ports import KnownFilter

__all__ = ["Refusals"]


class Refusals:
    """Implements ``TextFilter``: ``inner``, and nothing that was refused.

    ``refused`` are the texts by their numbers.
    """

    def __init__(self, inner: KnownFilter, refused: Iterable[tuple[int, str]] = ()) -> None:
        self._inner = inner
        self._refused = {number: fold(text) for number, text in refused}

    def refuse(self, number: int, text: str) -> None:
        """Let nothing pass that is nearly the same, from now on."""
        self._refused[number] = fold(text)

    def allow(self, number: int) -> None:
        """Forget a refusal."""
        self._refused.pop(number, None)

    def keep_only(self, numbers: Collection[int]) -> None:
        """Forget all other refusals."""
        self._refused = {n: text for n, text in self._refused.items() if n in numbers}

    def digest(self) -> str:
        """Another one for other refusals."""
        refused = sorted(each.letters for each in self._refused.values())
        return hashlib.sha256(json.dumps([self._inner.digest(), refused]).encode()).hexdigest()

    def objection(self, text: str) -> Objection | None:
        mine = fold(text)
        if any(are_near(mine, refused) for refused in self._refused.values()):
            return "unsafe"
        return self._inner.objection(text)
