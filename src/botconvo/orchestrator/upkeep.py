"""What people in charge do to one channel: what comes in counts, lines go out or are kept, and the
channel is told what the bots are.

It carries out; what an emoji or a word means is in ``conversation.reins``.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta

from botconvo.conversation import events as ev
from botconvo.conversation.corrections import Judgement
from botconvo.conversation.events import Event
from botconvo.conversation.orders import Say, Submit, Withdraw
from botconvo.conversation.reins import introduction, is_kill_word, is_voted_out, wish
from botconvo.errors import PlatformError
from botconvo.messages import ChannelId, Message, MessageId
from botconvo.orchestrator.approvals import Approvals
from botconvo.orchestrator.charge import Charge
from botconvo.ports import Clock, Platform
from botconvo.store import ChannelReins, Store

__all__ = ["Upkeep"]

logger = logging.getLogger(__name__)

_AGAIN = timedelta(minutes=1)
"""Until a channel is told again what it could not be told."""


class Upkeep:
    """The reins of one channel, as far as they are more than the conversation's own.

    ``find`` gives a message of the channel that is still known, ``drawn`` what else was drawn for
    one, as far as it might have been said; ``put`` brings an event.
    """

    def __init__(
        self,
        channel: ChannelId,
        platform: Platform,
        store: Store,
        clock: Clock,
        charge: Charge,
        approvals: Approvals | None,
        find: Callable[[MessageId], Message | None],
        drawn: Callable[[MessageId], Sequence[str]],
        put: Callable[[Event], Awaitable[None]],
    ) -> None:
        self._channel, self._platform = channel, platform
        self._store, self._clock = store, clock
        self._charge, self._approvals = charge, approvals
        self._find, self._drawn, self._put = find, drawn, put
        self._limits = platform.limits(channel)
        self._left = ChannelReins()
        self._introducing = False
        self._removing: set[MessageId] = set()

    # ---- what comes in -------------------------------------------------------------------

    def left(self) -> tuple[ev.Steer, ...]:
        """How people left the channel before a restart, as steers.

        Only where others than the owner are: on the owner's own screen a run begins as new.
        """
        if not self._limits.people:
            return ()
        self._left = self._store.channel_reins(self._channel)
        muted = tuple(ev.Mute(persona=persona) for persona in sorted(self._left.muted))
        return (*muted, ev.Silence()) if self._left.paused else muted

    def remember(self, reins: ChannelReins) -> bool:
        """Keep how the channel is now; whether that is news."""
        if reins == self._left:
            return False
        self._left = reins
        self._store.set_channel_reins(self._channel, reins)
        return True

    def lets_in(self, event: Event) -> bool:
        """Whether the talk may hear of it at all."""
        match event:
            case ev.Opened():
                return not self._has_to_introduce()
            case ev.Heard(message=message) if self._kills(message):
                return self._find(message.id) is None  # told again, it silences nothing again
            case ev.Overheard(message=message) if self._kills(message):
                return False  # that silences the channel in which it was said
            case ev.Heard(message=message) | ev.Edited(message=message):
                return not self._charge.is_ignored(message.author.id)
            case ev.Overheard(message=message):
                return not self._charge.is_ignored(message.author.id)
            case ev.Reacted(author=author, emoji=emoji):
                return wish(emoji) is not None or not self._charge.is_ignored(author.id)
            case _:
                return True

    def meant(self, event: Event) -> Event:
        """What an event is to the conversation."""
        if isinstance(event, ev.Heard) and self._kills(event.message):
            return ev.Steered(steer=ev.Silence())
        return event

    def _kills(self, message: Message) -> bool:
        is_person = message.author.kind == "person"
        return is_person and is_kill_word(message.text, self._charge.law.kill_word)

    # ---- lines ---------------------------------------------------------------------------

    def wished(self, event: ev.Reacted, message: Message | None) -> ev.Ruling | None:
        """What follows from somebody's emoji on a line; ``message`` holds it already."""
        if message is None or message.author.kind != "clone" or event.author.kind != "person":
            return None
        match wish(event.emoji):
            case "keep":
                return ev.Star(message=message.id, author=event.author, moderates=event.moderates)
            case "delete":
                delete = ev.Delete(
                    message=message.id, author=event.author, moderates=event.moderates
                )
                law, people = self._charge.law, self._charge.people
                alone = self._charge.judge_of(delete, message.author.name) == "moderator"
                return delete if alone or is_voted_out(message, law, people) else None
            case _:
                return None

    async def rule(self, ruling: ev.Ruling, by: str) -> str:
        """Carry a ruling out; what was done, in one sentence.

        Raises:
            PlatformError: there is no such line, or the platform cannot.
        """
        match ruling:
            case ev.Delete(message=message):
                return await self._delete(ruling, self._line(message), by)
            case ev.Star(message=message):
                line = self._line(message)
                is_new = self._charge.star(line, by)
                self._judge(ruling, line, "good", by)
                return "kept among the favourites" if is_new else "it is a favourite already"
            case ev.Disown(message=message):
                return self._disown(ruling, self._line(message), by)
            case ev.Drop(message=message):
                if not self._charge.drop(message):
                    raise PlatformError("that line is not kept")
                return "kept no longer"
            case ev.Allow(number=number):
                self._charge.allow(number)
                return "allowed: it may be said again"

    def _line(self, message: MessageId) -> Message:
        found = self._find(message) or self._store.live_message(message)
        if found is None or found.channel != self._channel:
            raise PlatformError("that line is not known here; it may be too old, or removed")
        if found.author.kind != "clone":
            raise PlatformError("that is no line of a bot; only those can be kept or removed")
        return found

    def _judge(
        self, ruling: ev.Star | ev.Delete | ev.Disown, line: Message, judgement: Judgement, by: str
    ) -> bool:
        """Let the clone learn from it; False where this is nobody who teaches it."""
        judge = self._charge.judge_of(ruling, line.author.name)
        if judge is not None and line.text.strip():
            self._charge.correct(line, judgement, judge, by, self._drawn(line.id))
        return judge is not None

    def _disown(self, ruling: ev.Disown, line: Message, by: str) -> str:
        if not line.text.strip():
            raise PlatformError("there are no words in that line")
        name = line.author.name
        if not self._judge(ruling, line, "never", by):
            who = "an owner" if self._charge.law.judges == "owners" else "an owner, a moderator"
            raise PlatformError(f"only {who} or the person behind {name} can say that")
        return f"{name} never says that again, nor anything nearly the same"

    async def _delete(self, ruling: ev.Delete, message: Message, by: str) -> str:
        if message.id in self._removing:
            return "it is being removed"
        self._removing.add(message.id)
        try:
            self._judge(ruling, message, "bad", by)
            self._charge.refuse(message.text, self._channel, message.author.name, by)
            await self._platform.delete(self._channel, message.id)
        except PlatformError as error:
            raise PlatformError(f"it is not said again, but still stands here: {error}") from None
        finally:
            self._removing.discard(message.id)
            await self._put(ev.Removed(message=message.id))
        return "removed: it is not said again"

    # ---- approval ------------------------------------------------------------------------

    async def submit(self, order: Submit) -> None:
        """Show a line to whoever approves; where that is impossible it is dropped."""
        if self._approvals is None or self._approvals.channel is None:
            return  # whoever sees the page decides there
        try:
            await self._approvals.submit(self._channel, order)
        except PlatformError as error:
            logger.warning("%s: not shown for approval: %s", order.post.persona, error)
            failed = ev.Failed(order=order.post.id, reason=str(error), retryable=True)
            await self._put(failed)

    async def withdraw(self, order: Withdraw) -> None:
        """Take it back."""
        logger.info("a line was withdrawn: %s", order.reason)
        if self._approvals is not None:
            await self._approvals.withdraw(order.post)

    def refuse_draft(self, say: Say, persona: str, by: str) -> None:
        """Never say a line that was dropped for good."""
        self._charge.refuse(say.text, self._channel, persona, by)

    # ---- the channel ---------------------------------------------------------------------

    @property
    def _mode(self) -> str:
        return "curated" if self._charge.law.curated else "open"

    def _has_to_introduce(self) -> bool:
        if not self._limits.people:
            return False
        return self._store.introduced_as(self._channel) != self._mode

    def begins_to_introduce(self, event: Event) -> bool:
        """Whether the channel has to be told now what the bots are, before they speak."""
        if self._introducing or not isinstance(event, ev.Opened) or not self._has_to_introduce():
            return False
        self._introducing = True
        return True

    async def introduce(self, names: Sequence[str], invented: Collection[str]) -> None:
        """Say what the bots are, and which are ``invented``, then let the talk begin.

        It is noted afterwards: twice is better than never.
        """
        mode = self._mode
        commands = self._limits.commands
        text = introduction(names, self._charge.law, commands=commands, invented=invented)
        while True:
            try:
                await self._platform.notify(self._channel, text)
                break
            except PlatformError as error:
                logger.warning("%s was not told what the bots are: %s", self._channel, error)
                await self._clock.wait_until(self._clock.now() + _AGAIN)
        self._store.introduce(self._channel, mode)
        self._introducing = False
        await self._put(ev.Opened())
