"""The channel in which somebody reads every line before it is posted, and says yes or no.

Whoever can react there may decide: the platform's own permissions are the gate.
"""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from botconvo.conversation.events import Event, OrderId, Reacted, Steer
from botconvo.conversation.orders import Post, React, Submit
from botconvo.conversation.reins import word_on_draft
from botconvo.errors import PlatformError
from botconvo.messages import ChannelId, MessageId
from botconvo.ports import Platform

__all__ = ["Approvals", "shown_draft"]

logger = logging.getLogger(__name__)

_EARLY = 64
"""Words on notices that are not known yet: the platform may tell of them before its own answer."""

SteerFor = Callable[[ChannelId, Steer, str], Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """A line that was shown by ``platform`` in ``office``, to be said in ``channel``."""

    platform: Platform
    office: ChannelId
    channel: ChannelId
    order: OrderId


class Approvals:
    """Shows lines in ``channel`` and hands on what people say about them.

    None: nowhere; whoever sees the page decides there.
    """

    def __init__(self, channel: ChannelId | None) -> None:
        self.channel = channel
        self._platform: Platform | None = None
        self._steer: SteerFor | None = None
        self._waiting: dict[MessageId, _Waiting] = {}
        self._early: OrderedDict[MessageId, Reacted] = OrderedDict()

    def attach(self, platform: Platform | None, steer: SteerFor) -> None:
        """Where the lines are shown, and whom to tell."""
        self._platform, self._steer = platform, steer

    async def submit(self, channel: ChannelId, order: Submit) -> None:
        """Show a line of that channel.

        Raises:
            PlatformError: nobody can see it.
        """
        if self._platform is None or self.channel is None:
            raise PlatformError(f"the approval channel {self.channel} is not there")
        waiting = _Waiting(
            platform=self._platform, office=self.channel, channel=channel, order=order.post.id
        )
        draft = shown_draft(order.post)
        notice = await self._platform.notify(self.channel, _notice(channel, order), draft)
        if notice is None:
            raise PlatformError(f"the approval channel {self.channel} shows no messages")
        self._waiting[notice.id] = waiting
        early = self._early.pop(notice.id, None)
        if early is not None:
            await self.hear(early)

    async def withdraw(self, order: OrderId) -> None:
        """A line waits no longer: its notice goes."""
        notice = next((each for each, line in self._waiting.items() if line.order == order), None)
        if notice is None:
            return
        line = self._waiting.pop(notice)
        with suppress(PlatformError):  # then it stays and does nothing
            await line.platform.delete(line.office, notice)

    async def hear(self, event: Event) -> None:
        """Take up what happened in the channel."""
        if not isinstance(event, Reacted) or event.author.kind != "person":
            return
        waiting = self._waiting.get(event.message)
        if waiting is None:
            self._early[event.message] = event
            if len(self._early) > _EARLY:
                self._early.popitem(last=False)
            return
        word = word_on_draft(event.emoji, waiting.order)
        if word is None or self._steer is None:
            return
        del self._waiting[event.message]
        try:
            await self._steer(waiting.channel, word, event.author.name)
        except PlatformError as error:
            logger.warning("%s", error)


def shown_draft(post: Post) -> str:
    """What would be posted, in words."""
    return f"reacts {post.act.emoji}" if isinstance(post.act, React) else post.act.text


def _notice(channel: ChannelId, order: Submit) -> str:
    place = channel.rpartition("/")[2].rpartition(":")[2]
    where = f"<#{place}>" if place.isdigit() else place
    return (
        f"{order.post.persona} in {where}, until {order.until:%H:%M} UTC. "
        f"✅ posts it, ❌ drops it, 🗑 drops it for good."
    )
