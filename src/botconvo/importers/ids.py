"""Ids for exports that give none: the same row has the same id in every export that holds it."""

import hashlib
import re
from collections import Counter

from botconvo.messages import MADE_UP, AuthorId, ChannelId, MessageId

__all__ = ["RowIds", "slug"]


def slug(name: str) -> str:
    """A name as part of an id; the same name, however it is spelled in capitals, is the same."""
    word = re.sub(r"\W+", "-", name.casefold()).strip("-")
    return word or hashlib.sha256(name.encode(errors="replace")).hexdigest()[:8]


class RowIds:
    """Gives ids within a channel.  Rows that are alike in everything are told apart by counting.

    A file must be in the order of time: only rows of one moment are remembered.
    """

    def __init__(self, channel: ChannelId) -> None:
        self.channel = channel
        self._alike: Counter[bytes] = Counter()
        self._moment = ""

    def of(self, author: AuthorId, moment: str, text: str) -> MessageId:
        """``moment`` is the row's time in a form that does not depend on the export."""
        if moment != self._moment:
            self._moment = moment
            self._alike.clear()
        key = "\0".join((self.channel, author, moment, text)).encode(errors="replace")
        digest = hashlib.sha256(key).digest()
        self._alike[digest] += 1
        if self._alike[digest] > 1:
            digest = hashlib.sha256(digest + str(self._alike[digest]).encode()).digest()
        return MessageId(f"{self.channel}{MADE_UP}{digest.hex()[:20]}")
