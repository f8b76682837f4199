"""Discord as a platform: events of its channels in, acts of personas out.

One account listens; which account speaks is the business of ``speech``.  A talk is opened for every
configured channel that the bot can see, for threads where the owner wants that, and for direct
messages if they are allowed.  What hinders a channel is told as ``Hindered`` while it lasts.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, assert_never
from uuid import uuid4

import discord

from botconvo.conversation.events import (
    Edited,
    Event,
    Heard,
    Hindered,
    Opened,
    Reacted,
    Removed,
    TypingSeen,
)
from botconvo.conversation.orders import Act, React, Say
from botconvo.errors import PlatformError
from botconvo.messages import Author, ChannelId, Message, MessageId, clone_author
from botconvo.personas import PersonaName
from botconvo.platforms.discord.account import REQUEST_S, UNREACHABLE, Account, Ears
from botconvo.platforms.discord.ids import (
    author_id,
    channel_id,
    jump_link,
    message_id,
    message_numbers,
    place_of,
)
from botconvo.platforms.discord.outcome import Forbidden, Uncertain, refusal
from botconvo.platforms.discord.permissions import lacking, needed
from botconvo.platforms.discord.places import ChannelRules, Flight, Place
from botconvo.platforms.discord.reading import Reader, differences, person
from botconvo.platforms.discord.speech import Speech, There, Words, send
from botconvo.platforms.discord.text import LIMIT, fitted, named, plain, quote, units
from botconvo.platforms.discord.webhooks import Parent, Webhooks
from botconvo.ports import Limits

__all__ = ["DiscordPlatform", "Parts"]

logger = logging.getLogger(__name__)

_MOST_WAITING = 10_000
"""Events that nobody has taken up; the words among further ones are read from the channel later."""
_SURVEY_S = 0.05
"""Changes of a server come in bursts; they are looked at together."""
_CATCHING = 4
"""Channels that are read at the same time."""
_PAGE, _PAGES = 100, 10
_READ_TRIES_S = (0.5, 2.0, 5.0, 10.0)
_ECHO_S = 1.5
_LOOKED_AT = 25
_ANY = 2**63
"""Above every number of a message: one page is enough."""
_TYPING_S = 5.0
_AGAIN_S = 30.0
_FORBIDDEN_S = 60.0
"""After so long it is tried again whether something is allowed by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """``listener`` hears the servers; ``owned`` are personas' own accounts."""

    listener: Account
    speech: Speech
    owned: Mapping[PersonaName, Account] = field(default_factory=dict)
    webhooks: Webhooks | None = None


class DiscordPlatform:
    """Talks in the channels that ``rules`` name.  ``parts`` makes the accounts that it hears with.

    ``remembered`` gives the messages of a channel that earlier runs heard, oldest first: what was
    said since then is read when the channel is opened.
    """

    def __init__(
        self,
        parts: Callable[[Ears], Parts],
        *,
        rules: Sequence[ChannelRules],
        direct_messages: bool,
        personas: Collection[PersonaName],
        remembered: Callable[[ChannelId], Sequence[Message]] = lambda _: (),
    ) -> None:
        self._rules = {rule.id: rule for rule in rules}
        self._direct = direct_messages
        self._personas = set(personas)
        self._remembered = remembered
        made = parts(self)
        self._listener, self._owned = made.listener, made.owned
        self._speech, self._webhooks = made.speech, made.webhooks
        self._places: dict[int, Place] = {}
        self._direct_accounts: dict[int, Account] = {}
        self._inbox: asyncio.Queue[tuple[ChannelId, Event] | None] = asyncio.Queue()
        self._missed: set[int] = set()
        self._trouble: str | None = "the connection to Discord is not there yet"
        self._unseen: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken: BaseException | None = None
        self._survey_soon: asyncio.TimerHandle | None = None
        self._reading = asyncio.Semaphore(_CATCHING)

    @property
    def name(self) -> str:
        return "discord"

    @property
    def listener(self) -> Account:
        """The account that hears the servers."""
        return self._listener

    # ---- opening and closing -------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            for account in self._accounts():
                await account.open()
        except BaseException:
            await self._close()
            raise
        for account in self._accounts():
            self._start(account.stay(), ends=True)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._survey_soon is not None:
            self._survey_soon.cancel()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._close()
        self._inbox.put_nowait(None)

    async def _close(self) -> None:
        for account in self._accounts():
            await account.close()
        if self._webhooks is not None:
            await self._webhooks.close()

    def _accounts(self) -> tuple[Account, ...]:
        return tuple(dict.fromkeys((self._listener, *self._owned.values())))

    def _start(self, work: Coroutine[None, None, None], *, ends: bool = False) -> None:
        """Run it beside; a bug in it ends ``events``, as does its end where ``ends`` says so."""
        task = asyncio.create_task(work)
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if task.cancelled():
                return
            self._broken = self._broken or task.exception()
            if ends or self._broken is not None:
                self._inbox.put_nowait(None)

        task.add_done_callback(done)

    async def events(self) -> AsyncIterator[tuple[ChannelId, Event]]:
        while (item := await self._inbox.get()) is not None:
            yield item
            if self._missed and self._inbox.empty():
                missed, self._missed = self._missed, set()
                for number in missed:
                    self._catch_up(self._places[number])
        if self._broken is not None:
            raise self._broken

    def limits(self, channel: ChannelId) -> Limits:
        place = self._place(channel)
        return Limits(
            characters=LIMIT,
            reactions=True,
            replies=True,
            people=True,
            manners=place.rules.manners,
            personas=place.rules.personas,
        )

    # ---- what accounts hear (``Ears``) ---------------------------------------------------

    def connected(self, account: Account) -> None:
        if account is not self._listener:
            return
        if self._webhooks is not None:
            self._webhooks.forget_all()
        self._trouble = None
        self._unseen.clear()
        known = tuple(self._places.values())
        self._survey()
        self._tell_hindrances()
        for place in known:
            self._catch_up(place)

    def resumed(self, account: Account) -> None:
        if account is self._listener:
            self._trouble = None
            self._tell_hindrances()

    def lost(self, account: Account, reason: str) -> None:
        if account is self._listener:
            self._trouble = reason
            self._tell_hindrances()

    def changed(self, account: Account) -> None:
        if account is self._listener and self._survey_soon is None:
            loop = asyncio.get_running_loop()
            self._survey_soon = loop.call_later(_SURVEY_S, self._survey)

    def webhooks_changed(self, channel: int) -> None:
        if self._webhooks is not None:
            self._webhooks.forget(channel)

    def heard(self, account: Account, message: discord.Message) -> None:
        if message.guild is None:
            self._open_direct(account, message)
        elif account is not self._listener:
            return
        if (place := self._places.get(message.channel.id)) is not None:
            read = self._read(message, place)
            if read is not None:
                self._hear(place, Heard(message=read))

    def edited(self, account: Account, message: discord.Message) -> None:
        if (place := self._heard_by(account, message.channel.id)) is None:
            return
        if message.edited_at is None:  # Discord has only added the preview of a link
            return
        read = self._read(message, place)
        if read is not None:
            self._hear(place, Edited(message=read))

    def removed(self, account: Account, channel: int, messages: Sequence[int]) -> None:
        if (place := self._heard_by(account, channel)) is not None:
            for message in messages:
                self._hear(place, Removed(message=message_id(channel, message)))

    def reacted(self, account: Account, what: discord.RawReactionActionEvent) -> None:
        place = self._heard_by(account, what.channel_id)
        if place is None or what.user_id == self._listener.id:
            return
        message = message_id(what.channel_id, what.message_id)
        author = self._who(what)
        if author.kind != "clone":  # its own talk knows what it did
            emoji = str(what.emoji)
            self._hear(place, Reacted(message=message, emoji=emoji, author=author))

    def typing(self, account: Account, what: discord.RawTypingEvent) -> None:
        place = self._heard_by(account, what.channel_id)
        ours = {account.id for account in self._accounts()}
        if place is None or what.user_id in ours or (what.user is not None and what.user.bot):
            return
        # Not Discord's time, which is in whole seconds of another clock.
        self._hear(place, TypingSeen(author=author_id(what.user_id), at=datetime.now(UTC)))

    def _heard_by(self, account: Account, channel: int) -> Place | None:
        """The place, if it is this account that listens there."""
        if account is not self._direct_accounts.get(channel, self._listener):
            return None
        return self._places.get(channel)

    def _who(self, what: discord.RawReactionActionEvent) -> Author:
        owner = self._owners().get(what.user_id)
        if owner is not None:
            return clone_author(owner)
        if what.member is not None:
            return person(what.member)
        user = self._listener.client.get_user(what.user_id)
        if user is not None:
            return person(user)
        return Author(id=author_id(what.user_id), name="someone", kind="person")

    def _owners(self) -> dict[int, PersonaName]:
        return {account.id: persona for persona, account in self._owned.items()}

    def _read(self, message: discord.Message, place: Place) -> Message | None:
        server = None if message.guild is None else message.guild.id
        reader = Reader(
            application=self._listener.client.application_id or 0,
            account=self._listener.id if self._listener.id not in self._owners() else 0,
            personas=self._personas,
            accounts=self._owners(),
        )
        return reader.message(message, place.talk or channel_id(server, place.number))

    # ---- which channels there are --------------------------------------------------------

    def _survey(self) -> None:
        """Look at what the bot sees: open what is new, say what hinders, hinder what is gone."""
        self._survey_soon = None
        if self._webhooks is not None:
            self._webhooks.try_again()
        for rules in self._rules.values():
            channel = self._listener.client.get_channel(rules.id)
            if isinstance(channel, discord.abc.GuildChannel | discord.Thread):
                self._look_at(channel, rules)
            else:
                self._miss(rules.id)
        for number, place in tuple(self._places.items()):
            if number not in self._rules and number not in self._direct_accounts:
                self._look_again(place)

    def _look_at(
        self, channel: discord.abc.GuildChannel | discord.Thread, rules: ChannelRules
    ) -> None:
        if not isinstance(channel, discord.ForumChannel | discord.CategoryChannel):
            place = self._open(channel, rules)
            self._hinder(place, self._hindrance_of(channel))
            for source in rules.listens_to:
                self._listen(source, place)
        if rules.threads:
            for thread in getattr(channel, "threads", ()):
                if thread.id not in self._rules and not (thread.archived or thread.locked):
                    self._look_at(thread, replace(rules, id=thread.id, threads=False))

    def _look_again(self, place: Place) -> None:
        """A thread, or a channel that is only listened to."""
        channel = self._listener.client.get_channel(place.number)
        if isinstance(channel, discord.Thread):
            self._hinder(place, self._hindrance_of(channel))
        elif channel is None:
            self._hinder(place, "the thread is not there any more")

    def _hindrance_of(self, channel: discord.abc.GuildChannel | discord.Thread) -> str | None:
        thread = isinstance(channel, discord.Thread)
        if isinstance(channel, discord.Thread):
            if channel.locked:
                return "the thread is locked"
            if channel.parent is None:
                return "the thread's channel cannot be seen"
        names = needed(thread=thread)
        if not self._speech.quotes:  # others speak; this account only has to read
            names = tuple(name for name in names if not name.startswith("send"))
        missing = lacking(channel.permissions_for(channel.guild.me), names)
        if not missing:
            return None
        who = self._listener.client.user
        return f"{who.name if who else 'the bot'} may not: {', '.join(missing)}"

    def _miss(self, number: int) -> None:
        if (place := self._places.get(number)) is not None:
            self._hinder(place, "the channel was deleted, or the bot may not see it any more")
        elif number not in self._unseen:
            self._unseen.add(number)
            logger.warning(
                "channel %d: the bot does not see it; check the number, invite the bot to that "
                "server, and let it view the channel ('botconvo doctor --discord' says more)",
                number,
            )

    def _open(
        self, channel: discord.abc.GuildChannel | discord.Thread, rules: ChannelRules
    ) -> Place:
        place = self._places.get(channel.id)
        if place is not None and place.talk is not None:
            return place
        talk = channel_id(channel.guild.id, channel.id)
        last = getattr(channel, "last_message_id", None) or 0
        if place is None:
            place = self._begin(channel.id, talk, rules, last)
        else:  # it was only listened to until now
            place.talk, place.rules = talk, rules
        self._emit(talk, Opened())
        self._tell(place)
        return place

    def _begin(self, number: int, talk: ChannelId | None, rules: ChannelRules, last: int) -> Place:
        place = Place(number=number, talk=talk, rules=rules, emit=self._emit)
        self._places[number] = place
        for message in self._remembered(talk) if talk is not None else ():
            if message_numbers(message.id)[0] == number:
                place.remember(message)
        place.start = place.newest or last
        if place.known:
            self._catch_up(place)
        return place

    def _listen(self, source: int, listener: Place) -> None:
        place = self._places.get(source)
        if place is None:
            channel = self._listener.client.get_channel(source)
            if channel is None:
                self._miss(source)
                return
            last = getattr(channel, "last_message_id", None) or 0
            place = self._begin(source, None, ChannelRules(id=source), last)
        assert listener.talk is not None
        place.listeners.add(listener.talk)

    def _open_direct(self, account: Account, message: discord.Message) -> None:
        number = message.channel.id
        if not self._direct or number in self._places or message.author.bot:
            return
        owner = self._owners().get(account.id)
        rules = ChannelRules(id=number, personas=None if owner is None else frozenset({owner}))
        self._direct_accounts[number] = account
        talk = channel_id(None, number)
        place = self._begin(number, talk, rules, message.id - 1)
        self._emit(talk, Opened())
        self._tell(place)

    # ---- what was missed -----------------------------------------------------------------

    def _catch_up(self, place: Place) -> None:
        """Read what happened while nobody listened; what happens meanwhile waits."""
        if place.waiting is None:
            place.waiting = []
            self._start(self._read_back(place))
        else:
            place.again = True

    async def _read_back(self, place: Place) -> None:
        missed: list[Event] = []
        for pause_s in _READ_TRIES_S:
            try:
                async with self._reading:
                    missed = await self._differences(place)
                break
            except UNREACHABLE as error:
                failure = error
                await asyncio.sleep(pause_s)
        else:
            logger.warning("%s cannot be read: %s; trying again", place.number, failure)
            self._start(self._later(_AGAIN_S, lambda: self._catch_up(place)))
        place.catch_up(missed, datetime.now(UTC))
        if place.again:
            place.again = False
            self._catch_up(place)

    async def _differences(self, place: Place) -> list[Event]:
        found, since = await self._recent(place, until=place.newest or place.start)
        return list(differences(place.revisions(), found, since=since, start=place.start))

    async def _recent(
        self, place: Place, *, until: int, limit: int = _PAGE
    ) -> tuple[list[Message], int]:
        """The messages of a place, oldest first, back to ``until``; and what they go back to."""
        client = self._direct_accounts.get(place.number, self._listener).client
        seen = client.get_channel(place.number)
        partial = client.get_partial_messageable(place.number)
        channel = seen if isinstance(seen, discord.abc.Messageable) else partial
        raw: list[discord.Message] = []
        since = 0
        for _ in range(_PAGES):
            async with asyncio.timeout(REQUEST_S):
                before = raw[-1] if raw else None
                page = [each async for each in channel.history(limit=limit, before=before)]
            raw += page
            since = page[-1].id if len(page) == limit else 0
            if since <= until:
                break
        read = (self._read(each, place) for each in reversed(raw))
        return [message for message in read if message is not None], since

    async def _later(self, seconds: float, do: Callable[[], None]) -> None:
        await asyncio.sleep(seconds)
        do()

    # ---- what goes out -------------------------------------------------------------------

    async def show_typing(self, channel: ChannelId, persona: PersonaName) -> None:
        place = self._place(channel)
        account = self._speech.account(self._there(place), persona)
        try:
            async with asyncio.timeout(_TYPING_S):
                await account.client.get_partial_messageable(place.number).typing()
        except UNREACHABLE as error:
            raise PlatformError(f"{persona}: {error or 'Discord does not answer'}") from None

    async def show_presence(self, persona: PersonaName, asleep: bool) -> None:
        """Show whether a persona is there, where it has an account of its own."""
        if (account := self._owned.get(persona)) is not None and account.connected:
            status = discord.Status.invisible if asleep else discord.Status.online
            await account.client.change_presence(status=status)

    async def post(
        self, channel: ChannelId, persona: PersonaName, act: Act, nonce: str
    ) -> Message | None:
        """See ``Platform.post``."""
        place = self._place(channel)
        self._personas.add(persona)
        try:
            match act:
                case React():
                    await self._react(place, persona, act)
                    return None
                case Say():
                    return await self._say(place, persona, act, nonce)
                case _:
                    assert_never(act)
        except Forbidden as error:
            self._hinder(place, str(error))
            self._start(self._later(_FORBIDDEN_S, self._survey))
            raise

    async def notify(self, channel: ChannelId, text: str) -> Message | None:
        """Say something as the bot itself; None where nobody can tell whether it is out.

        Raises:
            PlatformError: it was not said.
        """
        place = self._place(channel)
        account = self._there(place).account
        try:
            number = await send(account, place.number, text[:LIMIT], uuid4().hex)
        except Uncertain:
            return None
        user = account.client.user
        author = Author(id=author_id(account.id), name=user.name if user else "bot", kind="system")
        return _message(place, number, author, text)

    async def delete(self, channel: ChannelId, message: MessageId) -> None:
        """Take a message of ours out of the channel; one that has gone already is no error.

        Raises:
            PlatformError: it is still there.
        """
        place = self._place(channel)
        there, (where, number) = self._there(place), message_numbers(message)
        try:
            async with asyncio.timeout(REQUEST_S):
                partial = there.account.client.get_partial_messageable(where)
                raw = await partial.fetch_message(number)
                owner = self._owners().get(raw.author.id)
                if owner is not None:
                    client = self._owned[owner].client
                    await client.get_partial_messageable(where).get_partial_message(number).delete()
                elif raw.webhook_id is not None and there.parent and self._webhooks:
                    thread = where if there.thread else None
                    await self._webhooks.delete(there.parent, raw.webhook_id, number, thread)
                else:
                    await raw.delete()
        except discord.NotFound:
            return
        except UNREACHABLE as error:
            raise PlatformError(f"{message} was not deleted: {error or 'no answer'}") from None

    async def _react(self, place: Place, persona: PersonaName, act: React) -> None:
        channel, number = message_numbers(act.message)
        there = self._there(place)
        emoji = self._emojis(place).get(act.emoji.strip(":"), act.emoji)
        if emoji.startswith(":"):
            raise PlatformError(f"{persona}: there is no emoji {act.emoji} in this server")
        client = self._speech.account(there, persona).client
        try:
            async with asyncio.timeout(REQUEST_S):
                message = client.get_partial_messageable(channel).get_partial_message(number)
                await message.add_reaction(emoji)
        except UNREACHABLE as error:
            failure = refusal(error, f"{persona}'s reaction")
            if isinstance(failure, PlatformError):  # once more would change nothing
                raise failure from None

    async def _say(
        self, place: Place, persona: PersonaName, say: Say, nonce: str
    ) -> Message | None:
        there = self._there(place)
        words = await self._words(place, persona, say)
        echo: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        flight = Flight(
            persona=persona,
            text=plain(words.text),
            seen=lambda message: None if echo.done() else echo.set_result(message),
        )
        place.flights.append(flight)
        try:
            number = await self._speech.say(there, persona, words, nonce)
        except (PlatformError, Uncertain) as error:
            found = await self._look(place, flight, echo, error)
            if found is None:
                return None
            number = message_numbers(found)[1]
        finally:
            place.flights.remove(flight)
        author = clone_author(persona)
        message = _message(place, number, author, flight.text, reply_to=say.reply_to)
        place.remember(message)
        return message

    async def _words(self, place: Place, persona: PersonaName, say: Say) -> Words:
        quotation, reply_to = "", None
        if say.reply_to is not None:
            where, number = message_numbers(say.reply_to)
            if not self._speech.quotes:
                reply_to = number if where == place.number else None
            elif (target := await self._find(say.reply_to)) is not None:
                quotation = quote(target.author.name, target.text, self._jump_link(target.id))
        room = LIMIT - units(quotation) - units(named(persona, ""))
        text = fitted(say.text, room, self._emojis(place))
        if not text:
            raise PlatformError(f"{persona}: nothing is left of what it would say")
        return Words(text=text, quotation=quotation, reply_to=reply_to)

    async def _look(
        self,
        place: Place,
        flight: Flight,
        echo: asyncio.Future[Message],
        error: PlatformError | Uncertain,
    ) -> MessageId | None:
        """Where the words are that may be out; None where nobody can tell.

        Raises:
            PlatformError: they are certainly not out.
        """
        if isinstance(error, PlatformError):
            if echo.done():
                return echo.result().id
            raise error
        with suppress(TimeoutError):
            async with asyncio.timeout(_ECHO_S):
                return (await echo).id
        try:
            found, _ = await self._recent(place, until=_ANY, limit=_LOOKED_AT)
        except UNREACHABLE as failure:
            logger.warning("whether %s's words are out cannot be told: %s", flight.persona, failure)
            return None
        for message in reversed(found):
            same = (message.author.name, message.text) == (flight.persona, flight.text)
            if same and message.author.kind == "clone" and message.id not in place.known:
                return message.id
        raise PlatformError(f"{flight.persona}: not posted: {error}")

    async def _find(self, message: MessageId) -> Message | None:
        where, number = message_numbers(message)
        place = self._places.get(where)
        if place is None or (known := place.known.get(message)) is not None:
            return known if place is not None else None
        client = self._direct_accounts.get(where, self._listener).client
        try:
            async with asyncio.timeout(REQUEST_S):
                raw = await client.get_partial_messageable(where).fetch_message(number)
        except UNREACHABLE:
            return None
        return self._read(raw, place)

    def _jump_link(self, message: MessageId) -> str:
        channel = self._listener.client.get_channel(message_numbers(message)[0])
        guild = getattr(channel, "guild", None)
        return jump_link(None if guild is None else guild.id, message)

    def _emojis(self, place: Place) -> dict[str, str]:
        channel = self._listener.client.get_channel(place.number)
        guild = getattr(channel, "guild", None)
        return {} if guild is None else {e.name: str(e) for e in guild.emojis if e.available}

    def _there(self, place: Place) -> There:
        """
        Raises:
            PlatformError: the account does not see it at present.
        """
        account = self._direct_accounts.get(place.number)
        if account is not None:
            return There(place=place.number, parent=None, thread=False, account=account)
        channel = self._listener.client.get_channel(place.number)
        if channel is None:
            raise PlatformError(f"channel {place.number} cannot be seen: {self._trouble or 'gone'}")
        thread = isinstance(channel, discord.Thread)
        parent = channel.parent if isinstance(channel, discord.Thread) else channel
        return There(
            place=place.number,
            parent=parent if isinstance(parent, Parent) else None,
            thread=thread,
            account=self._listener,
        )

    def _place(self, channel: ChannelId) -> Place:
        place = self._places.get(place_of(channel))
        if place is None or place.talk != channel:
            raise PlatformError(f"discord: there is no channel {channel}")
        return place

    # ---- what hinders --------------------------------------------------------------------

    def _hinder(self, place: Place, reason: str | None) -> None:
        was, place.hindrance = place.hindrance, reason
        self._tell(place)
        if reason is None and was is not None:
            self._catch_up(place)

    def _tell_hindrances(self) -> None:
        for place in self._places.values():
            self._tell(place)

    def _tell(self, place: Place) -> None:
        reason = self._trouble or place.hindrance
        if place.talk is not None and reason != place.told:
            place.told = reason
            self._emit(place.talk, Hindered(reason=reason))

    def _emit(self, channel: ChannelId, event: Event) -> None:
        self._inbox.put_nowait((channel, event))

    def _hear(self, place: Place, event: Event) -> None:
        if self._inbox.qsize() < _MOST_WAITING:
            place.hear(event)
        else:
            self._missed.add(place.number)


def _message(
    place: Place, number: int, author: Author, text: str, reply_to: MessageId | None = None
) -> Message:
    assert place.talk is not None
    return Message(
        id=message_id(place.number, number),
        channel=place.talk,
        author=author,
        text=text,
        at=discord.utils.snowflake_time(number),
        reply_to=reply_to,
    )
