"""The messages that a conversation remembers, and the transcript that a prompt gets from them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import zip_longest

from botconvo.conversation.reins import is_wish, without_reaction, without_wishes
from botconvo.messages import (
    Author,
    AuthorId,
    ChannelId,
    Message,
    MessageId,
    Reaction,
    clone_author,
)
from botconvo.people import People
from botconvo.personas import Persona, PersonaName
from botconvo.transcript.cleaning import clean_chat
from botconvo.transcript.grammar import Line
from botconvo.transcript.lines import SpokenLine, transcript

__all__ = ["History"]

_KEPT = 200
"""Messages remembered; older ones can no longer be replied to or edited."""


class History:
    """Ordered messages of one channel; the same id is kept once, at its newest revision."""

    def __init__(self, people: People, init_after: timedelta, kept: Sequence[Message] = ()) -> None:
        self._people, self.init_after = people, init_after
        self._messages: dict[MessageId, Message] = {}
        self._notes: dict[MessageId, tuple[Line, ...]] = {}
        self._topic_start: MessageId | None = None
        for message in kept:
            self.add(message)

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(self._messages.values())

    @property
    def last(self) -> Message | None:
        return next(reversed(self._messages.values()), None)

    def find(self, message: MessageId) -> Message | None:
        return self._messages.get(message)

    def add(self, message: Message) -> bool:
        """Whether it is new or a newer revision."""
        known = self._messages.get(message.id)
        if known is not None and known.revision >= message.revision:
            return False
        self._messages[message.id] = replace(message, reactions=without_wishes(message.reactions))
        while len(self._messages) > _KEPT:
            oldest = next(iter(self._messages))
            del self._messages[oldest]
            self._notes.pop(oldest, None)
        return known is None

    def edit(self, message: Message) -> None:
        if message.id in self._messages:
            self.add(message)

    def remove(self, message: MessageId) -> None:
        self._messages.pop(message, None)
        self._notes.pop(message, None)

    def note(self, message: MessageId, line: Line) -> None:
        """A line that follows on a message and is none itself, such as ``name: SAVE;``."""
        if message in self._messages:
            self._notes[message] = (*self._notes.get(message, ()), line)

    def forget(self, author: AuthorId) -> None:
        """Drop everything of this author: messages, and reactions to those of others."""
        for message in self.messages:
            if message.author.id == author:
                self.remove(message.id)
                continue
            kept = tuple(r for r in message.reactions if r.author is None or r.author.id != author)
            self._messages[message.id] = replace(message, reactions=kept)

    def clear(self) -> None:
        """Drop everything."""
        self._messages.clear()
        self._notes.clear()
        self._topic_start = None

    def react(self, message: MessageId, emoji: str, author: Author) -> None:
        """Take note of an emoji, unless it asks for something to be done to the message."""
        known = self._messages.get(message)
        reaction = Reaction(emoji=emoji, author=author)
        if known is None or reaction in known.reactions or is_wish(reaction):
            return
        self._messages[message] = replace(known, reactions=(*known.reactions, reaction))

    def take_back(self, message: MessageId, emoji: str, author: Author) -> None:
        """Drop a reaction."""
        known = self._messages.get(message)
        if known is not None:
            self._messages[message] = without_reaction(known, emoji, author)

    def start_topic(self, message: MessageId) -> None:
        """Prompts begin at this message from now on."""
        self._topic_start = message

    def topic(self) -> tuple[Message, ...]:
        """The messages since the topic began."""
        everything = self.messages
        for index in range(len(everything) - 1, -1, -1):
            if everything[index].id == self._topic_start:
                return everything[index:]
        return everything

    def context(self, count: int, hearers: Sequence[Persona] = ()) -> tuple[Line, ...]:
        """The newest lines of the topic, oldest first: ``count`` at most, half of that at least.

        Lines of somebody who may not talk to one of the ``hearers`` are left out.

        Old lines are dropped in blocks.  A prompt whose first line changed with every message
        would find nothing of itself in the model server's cache.
        """
        if count <= 0:
            return ()
        heard = _heard_by(self.topic(), hearers)
        spoken = transcript(heard, self._people, clean_chat, init_after=self.init_after)
        block = max(1, count // 2)
        dropped = max(0, -(-(len(spoken) - count) // block) * block)
        return self._with_notes(spoken[dropped:])

    def _with_notes(self, spoken: Sequence[SpokenLine]) -> tuple[Line, ...]:
        found: list[Line] = []
        for item, after in zip_longest(spoken, spoken[1:]):
            found.append(item.line)
            if after is None or after.message != item.message:
                found += self._notes.get(item.message, ())
        return tuple(found)

    def last_heard(self, hearers: Sequence[Persona]) -> Message | None:
        """The newest message that all of these may hear."""
        return next(reversed(_heard_by(self.messages, hearers)), None)

    def targets(
        self, channel: ChannelId, target: MessageId | None, hearers: Sequence[Persona]
    ) -> tuple[MessageId | None, MessageId | None]:
        """What a turn about ``target`` can reply to, and the newest message of the channel.

        What was overheard elsewhere is neither, nor is what the ``hearers`` may not hear.
        """
        heard = reversed(_heard_by(self.messages, hearers))
        last = next((m.id for m in heard if m.channel == channel), None)
        found = None if target is None else self.find(target)
        elsewhere = found is not None and found.channel != channel
        return None if elsewhere else target, last

    def emoji_of(self, persona: PersonaName, message: MessageId | None) -> frozenset[str]:
        """The emoji that a clone gave to a message."""
        found = None if message is None else self.find(message)
        mine = clone_author(persona)
        given = found.reactions if found is not None else ()
        return frozenset(reaction.emoji for reaction in given if reaction.author == mine)

    def texts(self, count: int) -> tuple[str, ...]:
        """What the newest messages said, oldest first."""
        return tuple(message.text for message in self.messages[-count:]) if count > 0 else ()

    def last_clone(self) -> PersonaName | None:
        """Who spoke last, if it was a clone."""
        if self.last is None or self.last.author.kind != "clone":
            return None
        return PersonaName(self.last.author.name)

    def latest_clone(self) -> PersonaName | None:
        """Which clone spoke last, whoever spoke since."""
        clones = (m for m in reversed(self._messages.values()) if m.author.kind == "clone")
        latest = next(clones, None)
        return None if latest is None else PersonaName(latest.author.name)

    def silent_for(self) -> dict[PersonaName, int]:
        """Messages since each clone last spoke."""
        found: dict[PersonaName, int] = {}
        for age, message in enumerate(reversed(self._messages.values())):
            if message.author.kind == "clone":
                found.setdefault(PersonaName(message.author.name), age)
        return found

    def clone_run(self, channel: ChannelId) -> int:
        """What clones said, and the emoji they gave, since a person's last message there."""
        count = 0
        for message in reversed(self._messages.values()):
            given = (reaction.author for reaction in message.reactions)
            count += sum(author is not None and author.kind == "clone" for author in given)
            if message.author.kind == "person" and message.channel == channel:
                break
            count += message.author.kind == "clone"
        return count

    def clone_texts(self, channel: ChannelId, before: Message | None) -> tuple[str, ...]:
        """What clones said on this topic since a person's last message, the oldest first.

        ``before`` is a message that counts as not there yet.
        """
        found: list[str] = []
        for message in reversed(self.topic()):
            if before is not None and message.id == before.id:
                continue
            if message.author.kind == "person" and message.channel == channel:
                break
            if message.author.kind == "clone":
                found.append(message.text)
        return tuple(reversed(found))


def _heard_by(messages: Sequence[Message], hearers: Sequence[Persona]) -> Sequence[Message]:
    """Without messages and reactions of those who may not talk to one of these."""
    choosy = [p for p in hearers if p.audience is not None or p.confided is not None]
    if not choosy:
        return messages

    def hear(author: Author) -> bool:
        return all(persona.hears(author) for persona in choosy)

    return [
        replace(
            message,
            reactions=tuple(r for r in message.reactions if r.author is None or hear(r.author)),
        )
        for message in messages
        if hear(message.author)
    ]
