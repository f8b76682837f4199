"""What the platforms of this machine (console and page) share: new messages and harmless text.

Both show words that came from people and models, so nothing may reach a terminal or a page that
is more than words.  Neither keeps messages: that is the store's business.
"""

import re
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from botconvo.conversation.orders import Say
from botconvo.errors import PlatformError
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId
from botconvo.people import speaker_name
from botconvo.personas import PersonaName

__all__ = ["MAX_CHARACTERS", "Mint", "folded_name", "new_id", "utc_now", "visible", "visible_name"]

MAX_CHARACTERS = 2000
"""The longest message, in characters; the same as Discord's, so that a talk can move there."""

_BREAKS = re.compile(r"\r\n?|[\u0085\u2028\u2029\v\f]")
# C0 and C1 controls carry terminal escapes, U+202A-E and U+2066-9 turn the reading direction of
# what follows, lone surrogates cannot be written to any stream.  Line breaks stay.
_UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_REMEMBERED_POSTS = 256


def visible(text: str) -> str:
    """The text without anything that could act on a terminal or page; line breaks are kept."""
    return _UNSEEN.sub("", _BREAKS.sub("\n", text).replace("\t", " "))


def visible_name(name: str) -> str:
    """A speaker's name on one line, without characters that cannot be seen; may be "someone"."""
    seen = visible(name).replace("\n", " ")
    return speaker_name("".join(each for each in seen if unicodedata.category(each) != "Cf"))


def folded_name(name: str) -> str:
    """A form in which names that look alike to a hasty reader are equal ("Juno", "ＪＵＮＯ ")."""
    return unicodedata.normalize("NFKC", visible_name(name)).casefold()


def utc_now() -> datetime:
    """The time of day, aware."""
    return datetime.now(UTC)


def new_id() -> str:
    """An id that no other run has used, so that a kept transcript never clashes."""
    return uuid4().hex


class Mint:
    """Makes the messages of one channel; a nonce that comes again gets the same message."""

    def __init__(
        self, channel: ChannelId, *, now: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self._channel = channel
        self._now = now
        self._new_id = new_id
        self._posted: OrderedDict[str, Message] = OrderedDict()

    def heard(self, author: Author, text: str) -> Message:
        """What a person has just written."""
        return self._message(author, text, reply_to=None)

    def notice(self, text: str) -> Message:
        """What the platform itself says."""
        author = Author(id=AuthorId(f"{self._channel}/notice"), name="BotConvo", kind="system")
        return self._message(author, text, reply_to=None)

    def posted(self, persona: PersonaName, say: Say, nonce: str) -> Message:
        """What a clone says.

        Raises:
            PlatformError: it is longer than a message may be.
        """
        if (known := self._posted.get(nonce)) is not None:
            return known
        if len(say.text) > MAX_CHARACTERS:
            raise PlatformError(
                f"{self._channel}: a message of {len(say.text)} characters by {persona} was not "
                f"posted; at most {MAX_CHARACTERS} are possible"
            )
        author = Author(id=AuthorId(f"{self._channel}/{persona}"), name=persona, kind="clone")
        message = self._message(author, say.text, reply_to=say.reply_to)
        self._posted[nonce] = message
        if len(self._posted) > _REMEMBERED_POSTS:
            self._posted.popitem(last=False)
        return message

    def _message(self, author: Author, text: str, *, reply_to: MessageId | None) -> Message:
        return Message(
            id=MessageId(f"{self._channel}/{self._new_id()}"),
            channel=self._channel,
            author=author,
            text=text,
            at=self._now(),
            reply_to=reply_to,
        )
