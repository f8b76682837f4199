"""The reins of a run: every talk behind the one protocol that pages and commands use."""

import logging
from collections.abc import AsyncIterator, Sequence

from botconvo.conversation.events import Heed, Ignore, Ruling, Steer
from botconvo.errors import PlatformError
from botconvo.messages import AuthorId, ChannelId
from botconvo.orchestrator.cast import Cast, CastMember
from botconvo.orchestrator.charge import Charge
from botconvo.orchestrator.talk import Talk
from botconvo.personas import PersonaName
from botconvo.ports import Answer, Query, Shown
from botconvo.voices import Voice

__all__ = ["Reins"]

logger = logging.getLogger(__name__)


class Reins:
    """Implements ``Controls`` over the talks of a run."""

    def __init__(self) -> None:
        self._talks: dict[ChannelId, Talk] = {}
        self._charge: Charge | None = None
        self._cast: Cast | None = None

    def obey(self, charge: Charge) -> None:
        """Who may do what in this run."""
        self._charge = charge

    def attend(self, cast: Cast) -> None:
        """Who plays in this run."""
        self._cast = cast

    def playing(self, persona: PersonaName) -> tuple[CastMember, Voice] | None:
        """Somebody who can speak now, and the voice of the model server that runs for them."""
        if self._cast is None:
            return None
        member, voice = self._cast.member(persona), self._cast.voices().get(persona)
        return None if member is None or voice is None else (member, voice)

    def is_owner(self, author: AuthorId) -> bool:
        """See ``Controls``."""
        return self._charge is not None and self._charge.is_owner(author)

    def add(self, talk: Talk) -> None:
        self._talks[talk.channel] = talk

    def remove(self, talk: Talk) -> None:
        """Its channel is gone; another talk of the same channel stays."""
        if self._talks.get(talk.channel) is talk:
            del self._talks[talk.channel]

    def find(self, channel: ChannelId) -> Talk | None:
        return self._talks.get(channel)

    @property
    def talks(self) -> Sequence[Talk]:
        return tuple(self._talks.values())

    def channels(self) -> Sequence[ChannelId]:
        return tuple(self._talks)

    async def steer(self, channel: ChannelId, steer: Steer | Ruling, by: str) -> str:
        """See ``Controls``.  Whoever is ignored is so in every channel."""
        done = await self._talk(channel).steer(steer, by)
        if isinstance(steer, Ignore | Heed):
            for talk in self.talks:
                if talk.channel != channel:
                    await talk.steer(steer, by)
        logger.info("%s, by %s in %s", done, by, channel)
        return done

    async def query(self, channel: ChannelId, query: Query, by: str) -> Answer:
        """See ``Controls``."""
        return self._talk(channel).query(query)

    def watch(self, channel: ChannelId) -> AsyncIterator[Shown]:
        """See ``Controls``."""
        return self._talk(channel).watch()

    def _talk(self, channel: ChannelId) -> Talk:
        if channel not in self._talks:
            raise PlatformError(f"there is no channel {channel!r}; take one of {self.channels()}")
        return self._talks[channel]
