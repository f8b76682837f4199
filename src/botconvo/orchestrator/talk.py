"""The loop of one channel: carries out the conversation's orders and brings it what happened.

The loop never waits for work: asks and posts run as child tasks that put their result into the
channel's inbox.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from botconvo.consent import PersonId
from botconvo.conversation import events as ev
from botconvo.conversation.acts import as_remembered
from botconvo.conversation.conversation import Conversation
from botconvo.conversation.events import Event, OrderId
from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import (
    Ask,
    Cancel,
    Keep,
    Picture,
    Poll,
    Post,
    React,
    Say,
    Submit,
    Trace,
    Type,
    Wait,
    Withdraw,
)
from botconvo.conversation.reins import wish, without_reaction
from botconvo.errors import PlatformError, VoiceError
from botconvo.messages import (
    Author,
    AuthorId,
    ChannelId,
    Message,
    MessageId,
    Reaction,
    clone_author,
)
from botconvo.orchestrator import steering
from botconvo.orchestrator.approvals import Approvals, shown_draft
from botconvo.orchestrator.cast import Cast
from botconvo.orchestrator.charge import Charge
from botconvo.orchestrator.inquiry import Inquiry
from botconvo.orchestrator.upkeep import Upkeep
from botconvo.personas import Persona, PersonaName
from botconvo.ports import (
    Answer,
    Clock,
    Limits,
    MayAsk,
    Platform,
    Query,
    Shown,
    ShownDraft,
    ShownMessage,
    ShownReaction,
    ShownRemoval,
    ShownState,
    ShownTyping,
)
from botconvo.store import ChannelReins, Claimed, Refused, Store
from botconvo.voices import Voice

__all__ = ["Talk", "company", "fitting"]

logger = logging.getLogger(__name__)

_INBOX = 1000
_WATCHER = 200
_POLL_S = 5.0
"""The longest that a talk waits for what the models say of the next speaker."""
_KEPT = 200
"""Messages, with their traces, that a new watcher gets."""


def fitting(manners: Manners, limits: Limits) -> Manners:
    """The manners that a channel needs: its own, if it has some, else those of the run.

    Where only the owner can be, nobody has to be protected from a long talk.
    """
    own = limits.manners or manners
    return own if limits.people else own.unattended()


def company(personas: Sequence[Persona], limits: Limits, channel: ChannelId) -> tuple[Persona, ...]:
    """Those who may talk in a channel.

    On the owner's own screen whoever is there may talk to all of them.
    """
    platform = channel.partition(":")[0]
    here = tuple(
        persona
        for persona in personas
        if (limits.personas is None or persona.name in limits.personas)
        and (persona.platforms is None or platform in persona.platforms)
    )
    return here if limits.people else tuple(replace(p, audience=None, confided=None) for p in here)


class Talk:
    """One channel's conversation, running.

    ``posted`` is called after every post that went out and says whether to go on, ``rested``
    whenever somebody has gone away or come back.
    """

    def __init__(
        self,
        channel: ChannelId,
        conversation: Conversation,
        platform: Platform,
        cast: Cast,
        store: Store,
        clock: Clock,
        posted: Callable[[Message, Post], bool],
        run_id: str,
        rested: Callable[[], None] = lambda: None,
        charge: Charge | None = None,
        approvals: Approvals | None = None,
    ) -> None:
        self.channel, self.conversation = channel, conversation
        self.platform, self._cast = platform, cast
        self._store, self._clock, self._on_posted = store, clock, posted
        self._run_id, self._rested = run_id, rested
        self._asleep = dict(conversation.asleep)
        self._inbox: asyncio.Queue[Event] = asyncio.Queue(_INBOX)
        self._work: dict[OrderId, asyncio.Task[None]] = {}
        self._watchers: set[asyncio.Queue[Shown | None]] = set()
        self._traces: dict[MessageId, Trace] = {}
        self._state = ShownState(paused=False, speed=1.0, temperature=None, personas=())
        self._hindrance: str | None = None
        self._is_closed = False
        self._messages = {message.id: message for message in conversation.messages}
        self._charge = charge or Charge(store, clock)
        self._upkeep = Upkeep(
            channel,
            platform,
            store,
            clock,
            self._charge,
            approvals,
            find=self._messages.get,
            put=self.put,
        )
        for steer in self._upkeep.left():
            conversation.receive(ev.Steered(steer=steer))

    # ---- what comes in -------------------------------------------------------------------

    async def put(self, event: Event) -> None:
        """Bring an event; waits while the inbox is full, so that a flood slows its source."""
        await self._inbox.put(event)

    async def set_personas(self, ready: Sequence[Persona]) -> None:
        """These can speak now; those who may do so here are told of."""
        here = company(ready, self.platform.limits(self.channel), self.channel)
        await self.put(ev.PersonasChanged(personas=here))

    def set_state(self, state: ShownState) -> None:
        """How the personas are; the reins are filled in from the conversation."""
        self._state = state
        self._show_state()

    def set_manners(self, manners: Manners) -> None:
        """Take new numbers from the next turn on."""
        self.conversation.set_manners(fitting(manners, self.platform.limits(self.channel)))

    async def set_approval(self, approval: timedelta | None, *, moved: bool) -> None:
        """See ``Conversation.set_approval``; the channel is told where that is news to it."""
        self.conversation.set_approval(approval, moved=moved)
        self._show_state()
        await self.put(ev.Opened())

    # ---- the loop ------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled, or until its channel is closed."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                wait = self._obey(tasks)
                await self._save_who_sleeps()
                event = await self._next_event(wait)
                if event is None:
                    continue
                if isinstance(event, ev.Closed):
                    self._close(tasks)
                    return
                if self._upkeep.begins_to_introduce(event):
                    here = self.platform.limits(self.channel).personas
                    cast = [name for name, _ in self._state.personas]
                    names = [name for name in cast if here is None or name in here]
                    telling = self._upkeep.introduce(names, self._invented(names))
                    self._start(tasks, OrderId("introduction"), telling)
                if self._upkeep.lets_in(event):
                    self._hear(tasks, event)

    def _invented(self, names: Sequence[PersonaName]) -> frozenset[PersonaName]:
        """Those that are nobody's clone."""
        members = {name: self._cast.member(name) for name in names}
        now = self._clock.now()
        return frozenset(
            name
            for name, member in members.items()
            if member is not None and self._is_fictional(member.person, now)
        )

    def _is_fictional(self, person: PersonId | None, now: datetime) -> bool:
        if person is None:
            return True
        record = self._store.live_record(person, now)
        return record is not None and record.fictional

    def _close(self, tasks: asyncio.TaskGroup) -> None:
        """Drop what is under way; whoever was to approve a line is told, and nobody else."""
        for task in self._work.values():
            task.cancel()
        self.conversation.receive(ev.Closed())
        self._is_closed = True
        self._obey(tasks)
        for queue in self._watchers:
            self._put(queue, None)

    def _hear(self, tasks: asyncio.TaskGroup, event: Event) -> None:
        ruling = self._note(event)
        if ruling is not None and isinstance(event, ev.Reacted):
            order = OrderId(f"{event.message}/{ruling}")
            self._start(tasks, order, self._rule(ruling, event.author.name))
        self.conversation.receive(meant := self._upkeep.meant(event))
        reins = ChannelReins(paused=self.conversation.paused, muted=self.conversation.muted)
        if self._upkeep.remember(reins) or isinstance(meant, ev.Steered):
            self._show_state()

    def _obey(self, tasks: asyncio.TaskGroup) -> Wait:
        while True:
            order = self.conversation.next(self._clock.now())
            match order:
                case Wait():
                    return order
                case Ask():
                    self._start(tasks, order.id, self._ask(order))
                case Cancel(ask=ask):
                    if ask in self._work:
                        self._work[ask].cancel()
                case Poll():
                    self._start(tasks, order.id, self._poll(order))
                case Keep():
                    self._keep_line(order)
                case Type(persona=persona):
                    self._start(tasks, OrderId(f"{persona}/typing"), self._type(persona))
                case Post():
                    self._start(tasks, order.id, self._post(order))
                case Submit(post=post):
                    self._start(tasks, post.id, self._upkeep.submit(order))
                    self._show_state()
                case Withdraw():
                    self._start(
                        tasks, OrderId(f"{order.post}/withdraw"), self._upkeep.withdraw(order)
                    )
                    self._show_state()
                case _:
                    assert_never(order)

    def _start(
        self, tasks: asyncio.TaskGroup, order: OrderId, work: Coroutine[None, None, None]
    ) -> None:
        task = tasks.create_task(work)
        self._work[order] = task
        task.add_done_callback(lambda _: self._work.pop(order, None))

    async def _next_event(self, wait: Wait) -> Event | None:
        """The next event, or None when it is time to look again."""
        if wait.until is None:
            return await self._inbox.get()
        getting = asyncio.create_task(self._inbox.get())
        waiting = asyncio.create_task(self._clock.wait_until(wait.until))
        try:
            await asyncio.wait({getting, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                waiting.result()
            return getting.result() if getting.done() else None
        finally:
            getting.cancel()
            waiting.cancel()

    # ---- orders --------------------------------------------------------------------------

    async def _ask(self, ask: Ask) -> None:
        voice = self._cast.voices().get(ask.persona)
        try:
            if voice is None:
                raise VoiceError(f"{ask.persona} is not ready", retryable=True)
            draft = await voice.draft(ask)
        except VoiceError as error:
            logger.warning("%s", error)
            await self.put(ev.Failed(order=ask.id, reason=str(error), retryable=error.retryable))
            return
        await self.put(
            ev.Answered(
                ask=ask.id,
                candidates=draft.candidates,
                prompt=draft.prompt,
                phrase=draft.phrase,
                latency_ms=draft.latency_ms,
            )
        )

    async def _poll(self, poll: Poll) -> None:
        """Ask all models at once; whoever is not ready in time has no say."""
        voices = self._cast.voices()
        asked = [name for name in poll.personas if name in voices]
        found = await asyncio.gather(*(self._urge(voices[name], poll) for name in asked))
        pairs = zip(asked, found, strict=True)
        urges = tuple((name, urge) for name, urge in pairs if urge is not None)
        await self.put(ev.Scored(poll=poll.id, urges=urges))

    async def _urge(self, voice: Voice, poll: Poll) -> float | None:
        try:
            async with asyncio.timeout(_POLL_S):
                return await voice.urge(poll)
        except (VoiceError, TimeoutError):
            return None  # talkativeness decides where nobody can tell

    async def _type(self, persona: PersonaName) -> None:
        self._show(ShownTyping(persona=persona))
        with suppress(PlatformError):  # an indicator that cannot be shown is no reason to stop
            await self.platform.show_typing(self.channel, persona)

    async def _post(self, post: Post) -> None:
        """Claim, post, tell: at most once, because the claim outlives a crash."""
        claim = await self._claim(post)
        if not isinstance(claim, Claimed):
            logger.warning("%s: not posted: %s", post.persona, claim.reason)
            failed = ev.Failed(
                order=post.id, reason=claim.reason, retryable=False, until=claim.until
            )
            await self.put(failed)
            return
        act = post.act
        if isinstance(act, Picture):  # as words: nobody draws it
            act = Say(text=act.text)
        try:
            message = await self.platform.post(self.channel, post.persona, act, claim.post)
        except PlatformError as error:
            await asyncio.to_thread(self._store.release, claim)
            logger.warning("%s: not posted: %s", post.persona, error)
            await self.put(ev.Failed(order=post.id, reason=str(error), retryable=True))
            return
        await asyncio.to_thread(self._settle, claim, message, post)
        if self._show_post(post, message):
            await self.put(ev.Posted(order=post.id, message=message))

    async def _claim(self, post: Post) -> Claimed | Refused:
        """The right to post, or why there is none."""
        member = self._cast.member(post.persona)
        if member is None:
            return Refused(reason="it has left")
        nonce = f"{self._run_id}/{post.id}"
        return await asyncio.to_thread(
            self._store.claim, self.channel, nonce, member.person, self._clock.now(), post.budget
        )

    def _settle(self, claim: Claimed, message: Message | None, post: Post) -> None:
        self._store.settle(claim, None if message is None else message.id)
        if message is not None:
            self._store.record_live(as_remembered(message, post.act))

    def _keep_line(self, keep: Keep) -> None:
        found = self._messages.get(keep.message)
        if found is not None:
            self._charge.save(found, keep.persona)
        logger.info("%s saved a line in %s", keep.persona, self.channel)

    async def _save_who_sleeps(self) -> None:
        asleep = dict(self.conversation.asleep)
        if asleep != self._asleep:
            self._asleep = asleep
            await asyncio.to_thread(self._store.save_away, self.channel, asleep)
            self._rested()

    def _show_post(self, post: Post, message: Message | None) -> bool:
        """Show it to watchers; False when the run ends with it."""
        if message is not None:
            self._remember(message, post.trace)
            self._show(ShownMessage(message=message, trace=post.trace))
            return self._on_posted(message, post)
        if isinstance(post.act, React):
            reaction = Reaction(emoji=post.act.emoji, author=clone_author(post.persona))
            self._react(post.act.message, reaction)
            self._show(
                ShownReaction(
                    message=post.act.message,
                    emoji=post.act.emoji,
                    author=post.persona,
                    trace=post.trace,
                )
            )
        return True

    # ---- watchers ------------------------------------------------------------------------

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._watchers)

    async def watch(self) -> AsyncIterator[Shown]:
        """See ``Controls.watch``."""
        queue: asyncio.Queue[Shown | None] = asyncio.Queue(_WATCHER)
        recent = tuple(self._messages.values())
        if self._is_closed:
            return
        self._watchers.add(queue)
        try:
            yield self._reins()
            for message in recent:
                yield ShownMessage(message=message, trace=self._traces.get(message.id))
            while (shown := await queue.get()) is not None:
                yield shown
        finally:
            self._watchers.discard(queue)

    def _note(self, event: Event) -> ev.Ruling | None:
        """Show watchers what people did, and keep it for the next start.

        What comes back is what somebody's emoji on a line asks for.
        """
        match event:
            case ev.Heard(message=message):
                if message.id not in self._messages:  # no echo of our own post
                    self._keep(message)
                    self._show(ShownMessage(message=message, trace=None))
            case ev.Edited(message=message) if self._is_news(message):
                self._keep(message)
                self._show(ShownMessage(message=message, trace=self._traces.get(message.id)))
            case ev.Removed(message=gone):
                self._messages.pop(gone, None)
                self._traces.pop(gone, None)
                self._store.remove_live(gone)
                self._show(ShownRemoval(message=gone))
            case ev.Reacted(message=about, emoji=emoji, author=author):
                line = self._react(about, Reaction(emoji=emoji, author=author))
                self._show(
                    ShownReaction(message=about, emoji=emoji, author=author.name, trace=None)
                )
                return self._upkeep.wished(event, line)
            case ev.Unreacted(message=about, emoji=emoji, author=author):
                self._take_back(about, emoji, author)
            case ev.Steered(steer=ev.SetTopic(message=message)):
                self._note(ev.Heard(message=message))
            case ev.Steered(steer=ev.AskPersona(message=Message() as message)):
                self._note(ev.Heard(message=message))
            case ev.Steered(steer=ev.Reset()):
                self._store.reset_channel(self.channel, self._clock.now())
            case ev.Steered(steer=ev.Ignore(author=author_id)):
                self._forget(author_id)
            case ev.Hindered(reason=reason):
                self._hindrance = reason
                self._show_state()
            case _:
                pass
        return None

    # ---- the reins -----------------------------------------------------------------------

    async def steer(self, steer: ev.Steer | ev.Ruling, by: str) -> str:
        """See ``Controls.steer``."""
        if isinstance(steer, ev.Ruling):
            return await self._upkeep.rule(steer, by)
        conversation = self.conversation
        done = steering.done(
            steer,
            personas=[name for name, _ in self._state.personas],
            ready=[name for name, how in self._state.personas if how == "ready"],
            muted=conversation.muted,
            paused=conversation.paused,
            held=conversation.held,
        )
        match steer:
            case ev.AskPersona(persona=persona, message=Message() as message):
                self._check_asking(message.author, persona)
                self._charge.note_ask(message.author.id)
            case ev.SetTopic(message=message):
                self._check_asking(message.author)
                self._charge.note_ask(message.author.id)
            case ev.Ignore(author=author):
                self._charge.ignore(author)
            case ev.Heed(author=author):
                self._charge.heed(author)
            case ev.Reject(for_good=True):
                self._refuse_draft(by)
            case _:
                pass
        await self.put(ev.Steered(steer=steer))
        return done

    def _check_asking(self, author: Author, persona: PersonaName | None = None) -> None:
        """
        Raises:
            PlatformError: they may not ask, or not this persona, or not yet.
        """
        if self._charge.is_ignored(author.id):
            raise PlatformError("you are ignored, as you wished; undo that first")
        if self.conversation.paused:
            raise PlatformError("the talk is paused; resume it first")
        if not self._is_a_guest(author.id):
            return
        member = None if persona is None else self._cast.member(persona)
        if member is not None and not member.persona.hears(author):
            raise PlatformError(
                f"whoever {persona} is a clone of has not agreed that you talk to it"
            )
        self._charge.check_asking(author.id)

    def _is_a_guest(self, author: AuthorId) -> bool:
        """Whether somebody asks from among the people of the channel, not from the owner's page."""
        here = author.partition(":")[0] == self.channel.partition(":")[0]
        return here and self.platform.limits(self.channel).people

    def query(self, query: Query) -> Answer:
        """See ``Controls.query``."""
        if isinstance(query, MayAsk):
            self._check_asking(query.author, query.persona)
        members = {name: self._cast.member(name) for name, _ in self._state.personas}
        return Inquiry(
            channel=self.channel,
            state=self._reins(),
            messages=tuple(self._messages.values()),
            traces=self._traces,
            members={name: member for name, member in members.items() if member is not None},
            law=self._charge.law,
            limits=self.platform.limits(self.channel),
            turn_limit=self.conversation.manners.limit,
            store=self._store,
            now=self._clock.now(),
        ).answer(query)

    async def _rule(self, ruling: ev.Ruling, by: str) -> None:
        try:
            done = await self._upkeep.rule(ruling, by)
            logger.info("%s, by %s in %s", done, by, self.channel)
        except PlatformError as error:
            logger.warning("%s: %s", self.channel, error)

    def _refuse_draft(self, by: str) -> None:
        held = self.conversation.held
        if held is not None and isinstance(held.act, Say):
            self._upkeep.refuse_draft(held.act, held.persona, by)

    def _forget(self, author: AuthorId) -> None:
        """Nothing of theirs is shown any more; the store has dropped it already."""
        for message in tuple(self._messages.values()):
            if message.author.id == author:
                del self._messages[message.id]
                self._show(ShownRemoval(message=message.id))
                continue
            kept = tuple(r for r in message.reactions if r.author is None or r.author.id != author)
            self._messages[message.id] = replace(message, reactions=kept)

    def let_go(self) -> None:
        """Somebody was forgotten: know no more than the store does.

        Traces hold prompts, and prompts hold anybody's words.
        """
        self._traces.clear()
        known = {each.id: each for each in self.conversation.messages} | self._messages
        for message in known.values():
            stored = self._store.live_message(message.id)
            if stored is None:
                self._messages.pop(message.id, None)
                self.conversation.receive(ev.Removed(message=message.id))
                self._show(ShownRemoval(message=message.id))
            elif stored != message:
                if message.id in self._messages:
                    self._messages[message.id] = stored
                self.conversation.receive(ev.Edited(message=stored))

    def _keep(self, message: Message) -> None:
        """Remember it, here and in the store; a newer revision replaces an older one."""
        self._remember(message)
        self._store.record_live(message)

    def _is_news(self, message: Message) -> bool:
        known = self._messages.get(message.id)
        return known is None or known.revision < message.revision

    def _react(self, about: MessageId, reaction: Reaction) -> Message | None:
        """Keep a reaction; the message with it, or None where nobody knows the message."""
        message = self._messages.get(about)
        if message is not None and reaction not in message.reactions:
            message = replace(message, reactions=(*message.reactions, reaction))
            self._keep(message)
        elif message is None and wish(reaction.emoji) is not None:
            message = self._store.live_message(about)  # too old to be shown, not to be ruled on
            if message is not None and reaction not in message.reactions:
                message = replace(message, reactions=(*message.reactions, reaction))
                self._store.record_live(message)
        return message

    def _take_back(self, about: MessageId, emoji: str, author: Author) -> None:
        message = self._messages.get(about) or self._store.live_message(about)
        if message is None:
            return
        message = without_reaction(message, emoji, author)
        self._store.record_live(message)
        if about in self._messages:
            self._messages[about] = message

    def _remember(self, message: Message, trace: Trace | None = None) -> None:
        self._messages[message.id] = message
        if trace is not None:
            self._traces[message.id] = trace
        while len(self._messages) > _KEPT:
            oldest = next(iter(self._messages))
            del self._messages[oldest]
            self._traces.pop(oldest, None)

    def _reins(self) -> ShownState:
        conversation, held = self.conversation, self.conversation.held
        notes = [note for note in (self._hindrance, self._state.note) if note]
        draft = None
        if held is not None:
            draft = ShownDraft(order=held.id, persona=held.persona, text=shown_draft(held))
        return replace(
            self._state,
            note="; ".join(notes) or None,
            paused=conversation.paused,
            speed=conversation.speed,
            temperature=conversation.temperature,
            muted=tuple(sorted(conversation.muted)),
            draft=draft,
        )

    def _show_state(self) -> None:
        self._show(self._reins())

    def _show(self, shown: Shown) -> None:
        for queue in self._watchers:
            self._put(queue, shown)

    def _put(self, queue: "asyncio.Queue[Shown | None]", shown: Shown | None) -> None:
        while queue.full():
            queue.get_nowait()  # whoever does not keep up loses the oldest
        queue.put_nowait(shown)
