"""From a person's name to everything that may be trained on for them, and no more.

The last gate in front of training: consent is looked at again, because it may have ended since the
rows were taken, and so is the platform's rule.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from botconvo.consent import ConsentRecord, PersonId, allows
from botconvo.conversation.reins import without_wishes
from botconvo.corpus import Selected, select
from botconvo.errors import ConsentError, CorpusError
from botconvo.granting import find_person, grant_command
from botconvo.messages import AuthorId, Message
from botconvo.people import People, Person
from botconvo.policies import POLICIES
from botconvo.store import KnownPerson, Store
from botconvo.transcript.cleaning import PROFILES

__all__ = ["Gathered", "gather"]

_MENTION = re.compile(r"<@!?(?P<user>\d{15,20})>")
"""As Discord's data package has it; exporters put the name themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What a corpus for ``person`` is built from.

    ``messages`` are the person's and those of everybody else who agreed, channel by channel, oldest
    first, without those that are private or said to machines; ``people`` gives each the name that
    stands in transcripts.  ``zone`` is by whose clocks hours of the day are told.
    """

    person: KnownPerson
    record: ConsentRecord
    people: People
    ids: Mapping[str, PersonId]
    """Who has which name in transcripts."""
    origins: frozenset[str]
    selected: Selected
    zone: str = "UTC"

    @property
    def messages(self) -> tuple[Message, ...]:
        """What is trained on; ``selected`` knows what of theirs is not."""
        return self.selected.messages


def gather(
    store: Store,
    name: str,
    now: datetime,
    *,
    processor: str = "local",
    context: bool = True,
    redact: bool = True,
    training: bool = True,
    zone: str = "UTC",
) -> Gathered:
    """Everything that a clone of ``name`` may be trained on, by ``processor``.

    Without ``context`` that is what the person wrote, and nobody else's messages.  With ``redact``
    messages with something private in them are left out.  Platforms' rules are about ``training``,
    and not about looking at what is there.

    Raises:
        ConsentError: the person has no live consent, or not for this, or rows come from a
            platform's API and the owner has not acknowledged its rule (``policies``).
        CorpusError: nothing of the person was taken.
    """
    person = find_person(store.people(), name)
    live = store.live_records(now)
    records = {
        author: record
        for author, record in live.items()
        if allows(record, processor=processor) and (context or author in person.authors)
    }
    own = next((records[author] for author in person.authors if author in records), None)
    if own is None:
        there = next((live[author] for author in person.authors if author in live), None)
        raise ConsentError(
            f"{person.name} has no live consent for {processor!r} work; ask, then: "
            f"{grant_command(person.name, there, processor=processor)}"
        )
    if training:
        _check_origin(store, records)
    everybody = store.people()
    people = People(Person(name=known.name, authors=known.authors) for known in everybody)
    messages = tuple(
        _named(_agreed(message, records), people)
        for message in store.messages_of(records)
        if _covered(message, records)
    )
    selected = select(messages, PROFILES["chat"], redact=redact)
    if not any(message.author.id in person.authors for message in messages):
        raise CorpusError(f"nothing that {person.name} wrote was taken; import their exports again")
    return Gathered(
        person=person,
        record=own,
        people=people,
        ids={known.name: known.id for known in everybody},
        selected=selected,
        origins=store.origins_of(records),
        zone=zone,
    )


def _covered(message: Message, records: dict[AuthorId, ConsentRecord]) -> bool:
    record = records[message.author.id]
    return allows(record, author=message.author.id, channel=message.channel, at=message.at)


def _agreed(message: Message, records: dict[AuthorId, ConsentRecord]) -> Message:
    """Without reactions of those whose own messages would be left out, and of what a talk obeys.

    A person's 🗑 or ⭐ is a wish there, and never stands in a prompt.
    """
    kept = [r for r in message.reactions if r.author is None or r.author.id in records]
    return replace(message, reactions=without_wishes(kept))


def _named(message: Message, people: People) -> Message:
    """With names for the mentions of people whom the project knows, as a live talk has them."""

    def name(mention: re.Match[str]) -> str:
        known = people.known(AuthorId(f"discord:{mention['user']}"))
        return mention[0] if known is None else f"@{known}"

    return replace(message, text=_MENTION.sub(name, message.text))


def _check_origin(store: Store, records: dict[AuthorId, ConsentRecord]) -> None:
    """An invented character wrote nothing in anybody's Discord, so no rule is broken by it."""
    real = [author for author, record in records.items() if not record.fictional]
    for origin in sorted(store.origins_of(real)):
        policy = POLICIES.get(origin)
        if policy is not None and store.acknowledged(policy.name) is None:
            raise ConsentError(policy.refusal)
