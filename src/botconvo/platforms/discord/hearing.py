"""What the accounts hear, and whose talk it is: channels that come and go, and what was missed.

One account listens to the servers; each hears its own direct messages.  A talk is opened for every
configured channel that the bot can see, for threads where the owner wants that, and for direct
messages if they are allowed.  What hinders a channel is told as ``Hindered`` while it lasts; one
that was deleted, or whose server has put the bot out, is ``Closed``.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import discord
from pydantic import SecretStr

from botconvo.conversation.events import (
    Closed,
    Edited,
    Event,
    Heard,
    Hindered,
    Opened,
    OrderId,
    Reacted,
    Removed,
    TypingSeen,
    Unreacted,
)
from botconvo.conversation.reins import wish, word_on_draft
from botconvo.errors import PlatformError
from botconvo.messages import Author, ChannelId, Message, MessageId, clone_author
from botconvo.personas import PersonaName
from botconvo.platforms.discord.account import UNREACHABLE, Account, Ears, Patience
from botconvo.platforms.discord.beside import Beside
from botconvo.platforms.discord.ids import (
    author_id,
    channel_id,
    message_id,
    message_numbers,
    place_of,
    server_of,
)
from botconvo.platforms.discord.permissions import lacking, needed
from botconvo.platforms.discord.places import ChannelRules, Place
from botconvo.platforms.discord.reading import Reader, changed_emoji, differences, person
from botconvo.platforms.discord.speech import Speech
from botconvo.platforms.discord.webhooks import Webhooks

__all__ = ["Hearing", "Parts"]

logger = logging.getLogger(__name__)

_MOST_WAITING = 10_000
"""Events that nobody has taken up; the words among further ones are read from the channel later."""
_SURVEY_S = 0.05
"""Changes of a server come in bursts; they are looked at together."""
_CATCHING = 4
"""Channels that are read at the same time."""
_PAGE, _PAGES = 100, 10
_SHOWN = 5
_CHANGEABLE = timedelta(hours=1)
"""Older messages are hardly ever edited or deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """``listener`` hears the servers; ``owned`` are personas' own accounts.

    Personas come and go while a platform is open: ``owned`` changes then, and ``another`` makes an
    account, from the name of a variable and the token in it.
    """

    listener: Account
    speech: Speech
    owned: dict[PersonaName, Account] = field(default_factory=dict)
    webhooks: Webhooks | None = None
    another: Callable[[str, SecretStr], Account] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """The last messages of a place, oldest first, back to the number ``since``.

    ``there`` are also those that nobody says: notices, and answers to commands, which hold the
    words of whoever used one.
    """

    messages: Sequence[Message]
    there: frozenset[MessageId]
    since: int
    reactions: Mapping[MessageId, Sequence[discord.Reaction]]

    def lacks(self, message: MessageId) -> bool:
        """Whether it would be among them if it still stood there."""
        number = message_numbers(message)[1]
        newest = max((message_numbers(each)[1] for each in self.there), default=0)
        return self.since <= number <= newest and message not in self.there


class Hearing:
    """Hears with the accounts that ``parts`` makes; ``inbox`` gets what happens.

    ``remembered`` gives the messages of a channel that earlier runs heard, oldest first: what was
    said since then is read when the channel is opened.
    """

    def __init__(
        self,
        parts: Callable[[Ears], Parts],
        inbox: "asyncio.Queue[tuple[ChannelId, Event] | None]",
        beside: Beside,
        *,
        rules: Sequence[ChannelRules],
        direct_messages: bool,
        personas: Collection[PersonaName],
        remembered: Callable[[ChannelId], Sequence[Message]],
        patience: Patience,
    ) -> None:
        self.parts = made = parts(self)
        self.personas = set(personas)
        self._listener, self._owned = made.listener, made.owned
        self._speech, self._webhooks = made.speech, made.webhooks
        self._inbox, self._beside = inbox, beside
        self._rules = {rule.id: rule for rule in rules}
        self._direct, self._remembered = direct_messages, remembered
        self._patience = patience
        self._places: dict[int, Place] = {}
        self._direct_accounts: dict[int, Account] = {}
        self._missed: set[int] = set()
        self._unseen: set[int] = set()
        self._troubles = {self._listener: "the connection to Discord is not there yet"}
        self._survey_soon: asyncio.TimerHandle | None = None
        self._changed_meanwhile = False
        self._reading = asyncio.Semaphore(_CATCHING)

    def accounts(self) -> tuple[Account, ...]:
        return tuple(dict.fromkeys((self._listener, *self._owned.values())))

    def owners(self) -> dict[int, PersonaName]:
        """Whose account each user is, where personas have their own."""
        return {account.id: persona for persona, account in self._owned.items()}

    def account_of(self, place: int) -> Account:
        """Who hears a place."""
        return self._direct_accounts.get(place, self._listener)

    def is_direct(self, place: Place) -> bool:
        return place.number in self._direct_accounts

    def talking(self, channel: ChannelId) -> Place:
        """
        Raises:
            PlatformError: there is no such channel.
        """
        place = self._places.get(place_of(channel))
        if place is None or place.talk != channel:
            raise PlatformError(f"discord: there is no channel {channel}")
        return place

    def place(self, number: int) -> Place | None:
        return self._places.get(number)

    @property
    def trouble(self) -> str | None:
        """Why Discord is not there at present."""
        return self._troubles.get(self._listener)

    def take_up_missed(self) -> None:
        """Read what a flood has washed away; to be called when there is room again."""
        missed, self._missed = self._missed, set()
        for place in [self._places[number] for number in missed if number in self._places]:
            self._catch_up(place)

    def close(self) -> None:
        if self._survey_soon is not None:
            self._survey_soon.cancel()

    # ---- what accounts hear (``Ears``) ---------------------------------------------------

    def connected(self, account: Account) -> None:
        self._troubles.pop(account, None)
        known = self._heard_with(account)
        if account is self._listener:
            self._changed_meanwhile = False
            if self._webhooks is not None:
                self._webhooks.forget_all()
            self._unseen.clear()
            self._survey()
            self._say_where()
        self._tell_hindrances()
        quiet = [place for place in known if not self._may_have_missed(place)]
        for place in known:
            if place in quiet:
                self._go_on(place)
            else:
                self._catch_up(place)
        if quiet:
            self._beside.start(self._look_back(quiet))

    def _heard_with(self, account: Account) -> Sequence[Place]:
        return [p for p in self._places.values() if self.account_of(p.number) is account]

    def _say_where(self) -> None:
        user = self._listener.client.user
        talking = [rules.id for rules in self._rules.values() if rules.office is None]
        rooms = [self._listener.client.get_channel(number) for number in talking]
        names = [f"#{room.name}" for room in rooms if isinstance(room, discord.abc.GuildChannel)]
        shown = ", ".join(names[:_SHOWN]) + (" and more" if len(names) > _SHOWN else "")
        logger.info("%s is on Discord: %s", user.name if user else "?", shown or "no channel yet")

    def _may_have_missed(self, place: Place) -> bool:
        """Not where nothing was said for long and nothing since: there may be very many.

        What became of their messages is read as well, but nobody waits for it.
        """
        channel = self._listener.client.get_channel(place.number)
        last: int | None = getattr(channel, "last_message_id", None)
        newest = max(place.newest, place.start)
        quiet = discord.utils.utcnow() - discord.utils.snowflake_time(newest) > _CHANGEABLE
        return bool(place.waiting) or last is None or last > newest or not quiet

    def resumed(self, account: Account) -> None:
        self._troubles.pop(account, None)
        changed = account is self._listener and self._changed_meanwhile
        for place in self._heard_with(account):
            if changed and self._may_have_missed(place):
                self._catch_up(place)  # it may have been out of sight for a while
            else:
                self._go_on(place)  # Discord has told again what was missed
        if changed:
            self._changed_meanwhile = False
        self._tell_hindrances()

    def _go_on(self, place: Place) -> None:
        if not place.is_reading:
            place.catch_up((), datetime.now(UTC))

    def lost(self, account: Account, reason: str) -> None:
        self._troubles[account] = reason
        for place in self._heard_with(account):
            place.hold()
        self._tell_hindrances()

    def dismissed(self, account: Account) -> None:
        """It is ours no longer; what it heard stays, and nothing more comes."""
        for place in self._heard_with(account):
            self.hinder(place, "whose account this was has left")
        self._troubles.pop(account, None)

    def changed(self, account: Account) -> None:
        if account is self._listener and account in self._troubles:
            self._changed_meanwhile = True  # what is told again may be changed back by now
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
        elif message.channel.id not in self._places:
            self._open_at(message)
        if (place := self._places.get(message.channel.id)) is not None:
            read = self.read(message, place)
            if read is not None:
                self._hear(place, Heard(message=read))

    def _open_at(self, message: discord.Message) -> None:
        """Words may come before anybody has looked at what a new session sees."""
        if self.trouble is None and self._survey_soon is None:
            return
        self._survey()
        if (place := self._places.get(message.channel.id)) is not None:
            place.start = min(place.start, message.id - 1)

    def edited(self, account: Account, message: discord.Message) -> None:
        if (place := self._heard_by(account, message.channel.id)) is None:
            return
        if message.edited_at is None:  # Discord has only added the preview of a link
            return
        read = self.read(message, place)
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
            moderates = wish(emoji) is not None and self._moderates(what)
            event = Reacted(message=message, emoji=emoji, author=author, moderates=moderates)
            self._hear(place, event)

    def _moderates(self, what: discord.RawReactionActionEvent) -> bool:
        """Whether they may manage messages there, as far as that is told."""
        if what.member is None:
            return False
        channel = what.member.guild.get_channel_or_thread(what.channel_id)
        return channel is not None and channel.permissions_for(what.member).manage_messages

    def unreacted(self, account: Account, what: discord.RawReactionActionEvent) -> None:
        if (place := self._heard_by(account, what.channel_id)) is not None:
            message = message_id(what.channel_id, what.message_id)
            event = Unreacted(message=message, emoji=str(what.emoji), author=self._who(what))
            self._hear(place, event)

    def cleared(self, account: Account, channel: int, message: int, emoji: str | None) -> None:
        if (place := self._heard_by(account, channel)) is None:
            return
        known = place.known.get(about := message_id(channel, message))
        for reaction in () if known is None else known.reactions:
            if reaction.author is not None and emoji in (None, reaction.emoji):
                event = Unreacted(message=about, emoji=reaction.emoji, author=reaction.author)
                self._hear(place, event)

    def typing(self, account: Account, what: discord.RawTypingEvent) -> None:
        place = self._heard_by(account, what.channel_id)
        ours = {account.id for account in self.accounts()}
        if place is None or what.user_id in ours or (what.user is not None and what.user.bot):
            return
        # Not Discord's time, which is in whole seconds of another clock.
        self._hear(place, TypingSeen(author=author_id(what.user_id), at=datetime.now(UTC)))

    def thread_deleted(self, account: Account, thread: int) -> None:
        place = self._places.get(thread)
        if account is self._listener and place is not None:
            self._end(place)

    def _heard_by(self, account: Account, channel: int) -> Place | None:
        """The place, if it is this account that listens there."""
        if account is not self.account_of(channel):
            return None
        return self._places.get(channel)

    def _who(self, what: discord.RawReactionActionEvent) -> Author:
        owner = self.owners().get(what.user_id)
        if owner is not None:
            return clone_author(owner)
        if what.member is not None:
            return person(what.member)
        user = self._listener.client.get_user(what.user_id)
        if user is not None:
            return person(user)
        return Author(id=author_id(what.user_id), name="someone", kind="person")

    def read(self, message: discord.Message, place: Place) -> Message | None:
        server = None if message.guild is None else message.guild.id
        reader = Reader(
            application=self._listener.client.application_id or 0,
            clerk=self._listener.id if place.rules.office is not None else 0,
            account=self._listener.id if self._listener.id not in self.owners() else 0,
            webhooks=self._webhooks.known if self._webhooks else frozenset(),
            personas=self.personas,
            accounts=self.owners(),
        )
        return reader.message(message, place.talk or channel_id(server, place.number))

    # ---- which channels there are --------------------------------------------------------

    def _survey(self) -> None:
        """Look at what the bot sees: open what is new, say what hinders, hinder what is gone."""
        if self._survey_soon is not None:
            self._survey_soon.cancel()
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
            self.hinder(place, self._hindrance_of(channel))
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
            self.hinder(place, self._hindrance_of(channel))
        elif channel is None and self._is_put_out(place):
            self._end(place)
        elif channel is None:
            self.hinder(place, "the thread is not there any more")

    def _hindrance_of(self, channel: discord.abc.GuildChannel | discord.Thread) -> str | None:
        thread = isinstance(channel, discord.Thread)
        if isinstance(channel, discord.Thread):
            if channel.locked:
                return "the thread is locked"
            if channel.parent is None:
                return "the thread's channel cannot be seen"
        names = needed(thread=thread)
        is_office = (rules := self._rules.get(channel.id)) is not None and rules.office is not None
        if not (self._speech.quotes or is_office):  # others speak; this account only reads
            names = tuple(name for name in names if not name.startswith("send"))
        missing = lacking(channel.permissions_for(channel.guild.me), names)
        if not missing:
            return None
        who = self._listener.client.user
        return f"{who.name if who else 'the bot'} may not: {', '.join(missing)}"

    def _miss(self, number: int) -> None:
        if self.trouble is not None:
            return  # it may be there
        place = self._places.get(number)
        if place is not None and (self._is_put_out(place) or self._is_deleted(place)):
            self._end(place)
        elif place is not None:
            self.hinder(place, "the channel is not there at present")
        elif number not in self._unseen:
            self._unseen.add(number)
            logger.warning(
                "channel %d: the bot does not see it; check the number, invite the bot to that "
                "server, and let it view the channel ('botconvo doctor --discord' says more)",
                number,
            )

    def _is_put_out(self, place: Place) -> bool:
        """Whether the bot is in the place's server no more; one with an outage stays known."""
        if place.talk is None or self.trouble is not None:
            return False
        return self._listener.client.get_guild(server_of(place.talk)) is None

    def _is_deleted(self, place: Place) -> bool:
        """Whether a channel is gone that is not there; without its server nobody can tell."""
        if place.talk is None:
            return False
        server = self._listener.client.get_guild(server_of(place.talk))
        return server is not None and not server.unavailable

    def _end(self, place: Place) -> None:
        """It is gone for good.  Should it come back, it is a new place with a new talk."""
        talk, place.talk = place.talk, None  # whoever still reads it tells nobody
        del self._places[place.number]
        self._unseen.add(place.number)
        if talk is None:
            return
        for other in self._places.values():
            other.listeners.discard(talk)
        logger.info("%s is gone; its talk has ended", talk)
        self._emit(talk, Closed())

    def _open(
        self, channel: discord.abc.GuildChannel | discord.Thread, rules: ChannelRules
    ) -> Place:
        place = self._places.get(channel.id)
        if place is not None and place.talk is not None:
            return place
        talk = rules.office or channel_id(channel.guild.id, channel.id)
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
        owner = self.owners().get(account.id)
        rules = ChannelRules(id=number, personas=None if owner is None else frozenset({owner}))
        self._direct_accounts[number] = account
        talk = channel_id(None, number)
        place = self._begin(number, talk, rules, message.id - 1)
        self._emit(talk, Opened())
        self._tell(place)

    # ---- what was missed -----------------------------------------------------------------

    def _catch_up(self, place: Place) -> None:
        """Read what happened while nobody listened; what happens meanwhile waits."""
        if self._places.get(place.number) is not place:
            return  # it is gone
        place.hold()
        if place.is_reading:
            place.again = True
        elif not self._may_read(place):
            place.release()  # ``hinder`` comes back here once it may
        else:
            place.is_reading = True
            self._beside.start(self._read_back(place))

    def _may_read(self, place: Place) -> bool:
        if self.is_direct(place):
            return self.account_of(place.number) in self.accounts()
        channel = self._listener.client.get_channel(place.number)
        if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
            return False
        if isinstance(channel, discord.Thread) and channel.parent is None:
            return False
        granted = channel.permissions_for(channel.guild.me)
        return granted.view_channel and granted.read_message_history

    async def _look_back(self, places: Sequence[Place]) -> None:
        """Read what became of what was said there, in one channel after the other."""
        for place in places:
            if not place.is_reading and place.known and self._may_read(place):
                place.hold()
                place.is_reading = True
                await self._read_back(place)

    async def _read_back(self, place: Place) -> None:
        for pause_s in self._patience.read_tries_s:
            try:
                async with self._reading:
                    found = await self.recent(place, until=place.oldest)
                    missed = await self._differences(place, found)
            except UNREACHABLE as error:
                failure = error
                await asyncio.sleep(pause_s)
            else:
                place.catch_up(missed, datetime.now(UTC), found.lacks)
                break
        else:
            logger.warning("channel %s cannot be read: %s; trying again", place.number, failure)
            place.release()
            again_s = self._patience.read_again_s
            self._beside.start(self._later(again_s, lambda: self._catch_up(place)))
        place.is_reading = False
        if place.again:
            place.again = False
            self._catch_up(place)

    async def _differences(self, place: Place, found: Recent) -> list[Event]:
        if place.known and not found.there:
            await self._make_sure(next(reversed(place.known)), place)
        news = differences(
            place.revisions(),
            found.messages,
            there=found.there,
            since=found.since,
            start=place.start,
        )
        return [*news, *[event async for event in self._asked_for(place, found)]]

    async def _make_sure(self, message: MessageId, place: Place) -> None:
        """A channel seems empty: Discord shows it so to whoever may not read its history, too.

        Raises:
            discord.Forbidden: that is why.
        """
        client, number = self.account_of(place.number).client, message_numbers(message)[1]
        try:
            async with asyncio.timeout(self._patience.request_s):
                await client.get_partial_messageable(place.number).fetch_message(number)
        except discord.NotFound:
            return

    async def _asked_for(self, place: Place, found: Recent) -> AsyncIterator[Event]:
        """What people asked for with an emoji on a line: Discord tells only how many did.

        As many as before are taken for the same ones.
        """
        asks = _is_word if place.rules.office is not None else _is_wish
        lines = [each for each in found.messages if each.author.kind in ("clone", "system")]
        for line in lines:
            known = place.known.get(line.id)
            if known is None and message_numbers(line.id)[1] <= place.start:
                continue  # from before anybody listened
            before = () if known is None else known.reactions
            given = {str(each.emoji): each for each in found.reactions.get(line.id, ())}
            for emoji in filter(asks, {r.emoji for r in before}.union(given)):
                authors = [r.author for r in before if r.emoji == emoji and r.author is not None]
                there = await self._who_gave(given.get(emoji), authors)
                for event in changed_emoji(line.id, emoji, _people(authors), _people(there)):
                    yield event

    async def _who_gave(
        self, reaction: discord.Reaction | None, known: Sequence[Author]
    ) -> Sequence[Author]:
        if reaction is None:
            return ()
        if reaction.count == len(known):
            return known
        async with asyncio.timeout(self._patience.request_s):
            users = [user async for user in reaction.users(limit=min(reaction.count, _PAGE))]
        return [person(user) for user in users]

    async def recent(self, place: Place, *, until: int, limit: int = _PAGE) -> Recent:
        """What stands in a place, back to ``until``."""
        client = self.account_of(place.number).client
        seen = client.get_channel(place.number)
        partial = client.get_partial_messageable(place.number)
        channel = seen if isinstance(seen, discord.abc.Messageable) else partial
        raw: list[discord.Message] = []
        since = 0
        for _ in range(_PAGES):
            async with asyncio.timeout(self._patience.request_s):
                before = raw[-1] if raw else None
                page = [each async for each in channel.history(limit=limit, before=before)]
            raw += page
            since = page[-1].id if len(page) == limit else 0
            if since <= until:
                break
        read = (self.read(each, place) for each in reversed(raw))
        return Recent(
            messages=[message for message in read if message is not None],
            there=frozenset(message_id(each.channel.id, each.id) for each in raw),
            since=since,
            reactions={
                message_id(each.channel.id, each.id): each.reactions
                for each in raw
                if each.reactions
            },
        )

    async def _later(self, seconds: float, do: Callable[[], None]) -> None:
        await asyncio.sleep(seconds)
        do()

    def forbidden(self, place: Place, reason: str) -> None:
        """Something is not allowed there, whatever the permissions seem to be."""
        self.hinder(place, reason)
        self._beside.start(self._later(self._patience.forbidden_s, self._survey))

    # ---- what hinders --------------------------------------------------------------------

    def hinder(self, place: Place, reason: str | None) -> None:
        was, place.hindrance = place.hindrance, reason
        self._tell(place)
        if place.rules.office is not None and reason not in (None, was):
            logger.warning("channel %d: nobody can approve lines there: %s", place.number, reason)
        if reason is None and was is not None:
            self._catch_up(place)

    def _tell_hindrances(self) -> None:
        for place in self._places.values():
            self._tell(place)

    def _tell(self, place: Place) -> None:
        reason = self._troubles.get(self.account_of(place.number)) or place.hindrance
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


def _is_wish(emoji: str) -> bool:
    return wish(emoji) is not None


def _is_word(emoji: str) -> bool:
    return word_on_draft(emoji, OrderId("")) is not None


def _people(authors: Sequence[Author]) -> Sequence[Author]:
    return [author for author in authors if author.kind == "person"]
