"""A place in a talk on another platform that visitors of the page may take."""

from typing import Protocol

from botconvo.messages import ChannelId, Message

__all__ = ["Seat"]


class Seat(Protocol):
    """Where what a visitor writes goes, where the page has no channel of its own.

    What is said comes back as an event of that other platform.
    """

    @property
    def channel(self) -> ChannelId: ...
    def says(self, name: str, text: str) -> Message:
        """Write there under a visitor's name.

        Raises:
            PlatformError: it cannot be written there.
        """
        ...

    def types(self, name: str) -> None: ...
