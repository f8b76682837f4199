"""Ids for exports that give none: the same row has the same id in every export that holds it."""

import hashlib
import re
import unicodedata

from botconvo.messages import MADE_UP, AuthorId, ChannelId, MessageId

__all__ = ["RowIds", "channel_of_words", "name_id", "slug"]


def slug(name: str) -> str:
    """A name as part of an id; the same name, however it is spelled in capitals, is the same."""
    word = re.sub(r"\W+", "-", name.casefold()).strip("-")
    return word or hashlib.sha256(name.encode(errors="replace")).hexdigest()[:8]


def name_id(platform: str, name: str) -> AuthorId:
    """An author who is known by a name alone, ``<platform>:<slug>``.

    Names that differ in more than capitals and blanks are different people ("Bo" and "Bo 2", but
    also "Bo" and "Bo!"): nobody must be taken because somebody of a similar name agreed.
    """
    plain = unicodedata.normalize("NFC", " ".join(name.casefold().split()))
    word = slug(plain)
    if word != plain.replace(" ", "-") and re.search(r"\w", plain):
        word += f"-{hashlib.sha256(plain.encode(errors='replace')).hexdigest()[:6]}"
    return AuthorId(f"{platform}:{word}")


def channel_of_words(platform: str, *words: str) -> ChannelId:
    """For exports that do not say which chat they are: ``words`` are what every one of it holds.

    A longer one begins with the same row; a thread has the same people.
    """
    key = "\0".join(words).encode(errors="replace")
    return ChannelId(f"{platform}:{hashlib.sha256(key).hexdigest()[:12]}")


class RowIds:
    """Gives ids within a channel.  Rows that are alike in everything are told apart by counting.

    A file must be in the order of time: only rows of one moment are remembered.
    """

    def __init__(self, channel: ChannelId) -> None:
        self.channel = channel
        self._alike: dict[bytes, int] = {}
        self._moment = ""

    def of(self, author: AuthorId, moment: str, text: str, mark: str = "") -> MessageId:
        """``moment`` is the row's time in a form that does not depend on the export.

        ``mark`` tells rows that know less than others of the same message, as ``store.twins`` reads
        it: ``second-``, ``minute-`` or ``name-``.
        """
        if moment != self._moment:
            self._moment = moment
            self._alike.clear()
        key = f"{self.channel}\0{author}\0{moment}\0{text}".encode(errors="replace")
        digest = hashlib.sha256(key).digest()
        alike = self._alike[digest] = self._alike.get(digest, 0) + 1
        if alike > 1:
            digest = hashlib.sha256(digest + str(alike).encode()).digest()
        return MessageId(f"{self.channel}{MADE_UP}{mark}{digest.hex()[:20]}")
