"""What the page's routes need from the platform behind them."""

from collections.abc import Mapping
from typing import Any, Protocol

from botconvo.errors import PlatformError
from botconvo.messages import Author, ChannelId, Message
from botconvo.ports import Controls, Game, Shown

__all__ = ["BusyError", "Host"]


class BusyError(PlatformError):
    """More is coming in than is taken up; worth another try."""


class Host(Protocol):
    """The platform as its page sees it."""

    @property
    def title(self) -> str: ...
    @property
    def channel(self) -> ChannelId: ...
    @property
    def token(self) -> str: ...
    @property
    def pictures(self) -> Mapping[str, tuple[str, bytes]]:
        """Persona name to media type and bytes."""
        ...

    @property
    def controls(self) -> Controls | None:
        """The reins; None before the talk has begun."""
        ...

    @property
    def game(self) -> Game | None:
        """None where there is nothing to play with."""
        ...

    def player(self, name: str) -> Author:
        """Who plays under a visitor's name.

        Raises:
            PlatformError: the name is a clone's.
        """
        ...

    def hear(self, name: str, text: str) -> Mapping[str, Any]:
        """Take in what a visitor wrote and return the message as the page reads it.

        Raises:
            BusyError: too much is waiting already.
            PlatformError: the name or the text cannot be taken.
        """
        ...

    def said(self, name: str, text: str) -> Message:
        """What a visitor wrote as a message, which nobody has heard yet.

        Raises:
            PlatformError: the name or the text cannot be taken.
        """
        ...

    def see_typing(self, name: str) -> None: ...
    def learn(self, shown: Shown) -> None:
        """See what goes out to a page: the names of personas are taken from it."""
        ...
