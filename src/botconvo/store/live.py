"""The store's live side: what was said in running talks, and which posts are claimed.

A claim is the point of no return of a post.  It is given in one transaction that also looks whether
the person's consent is live, so that a withdrawal in another process stops the very next post.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from botconvo.consent import PersonId, allows, refusal
from botconvo.conversation.orders import Budget
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId
from botconvo.personas import PersonaName
from botconvo.store.ledger import Ledger
from botconvo.store.values import (
    attachments_from,
    attachments_text,
    from_micros,
    reactions_from,
    reactions_text,
    storable,
    to_micros,
)

__all__ = ["LIVE_KEPT", "Claimed", "Live", "Refused"]

LIVE_KEPT = timedelta(days=30)
"""How long live transcripts are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """The right to post once."""

    channel: ChannelId
    post: str
    person: PersonId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a post must not go out."""

    reason: Literal[
        "no consent", "not on this platform", "already claimed", "enough for today", "it has left"
    ]
    until: datetime | None = None
    """When it is worth asking again, where that is known."""


class Live(Ledger):
    """The part of the store that running talks use."""

    def record_live(self, message: Message) -> None:
        """Keep a message of a running talk; a higher revision replaces it."""
        self._do(
            "INSERT INTO live (id, channel, author, name, kind, at, text, reply_to, attachments,"
            " reactions, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET text = excluded.text, reactions = excluded.reactions,"
            " attachments = excluded.attachments, revision = excluded.revision"
            " WHERE excluded.revision >= live.revision",
            (
                message.id,
                message.channel,
                message.author.id,
                storable(message.author.name),
                message.author.kind,
                to_micros(message.at),
                storable(message.text),
                message.reply_to,
                attachments_text(message.attachments),
                reactions_text(message.reactions),
                message.revision,
            ),
        )

    def remove_live(self, message: MessageId) -> None:
        """Honour a deletion, also where somebody noted the line."""
        with self.transaction():
            self._do("DELETE FROM live WHERE id = ?", (message,))
            self._do("DELETE FROM noted WHERE message = ?", (message,))
            self._correct_deleted(message)

    def recent_live(self, channel: ChannelId, limit: int) -> tuple[Message, ...]:
        """The last ``limit`` messages of a channel since it was reset, oldest first."""
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM live WHERE channel = ? AND at > COALESCE("  # noqa: S608
            "(SELECT begins FROM channels WHERE channels.channel = live.channel), at - 1)"
            " ORDER BY at DESC, place DESC LIMIT ?",
            (channel, limit),
        )
        return tuple(_message(row) for row in reversed(rows))

    def live_message(self, message: MessageId) -> Message | None:
        """One message; None where it is not kept."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM live WHERE id = ?", (message,))  # noqa: S608
        return _message(rows[0]) if rows else None

    def purge_live(self, now: datetime, kept: timedelta = LIVE_KEPT) -> int:
        """Remove live messages and claims older than ``kept``; how many messages there were.

        So do people's words before a line that was corrected so long ago.
        """
        before = to_micros(now - kept)
        with self.transaction():
            self._do("DELETE FROM claims WHERE at < ?", (before,))
            self._cut_contexts("$[3]", "clone", kept=True, before=before)
            return self._do("DELETE FROM live WHERE at < ?", (before,))

    def live_before(self, message: Message, limit: int) -> tuple[Message, ...]:
        """The last ``limit`` messages of its channel that stood before a message, oldest first."""
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM live WHERE channel = ? AND at <= ? AND id <> ?"  # noqa: S608
            " AND place < COALESCE((SELECT place FROM live WHERE id = ?), 9e18)"
            " ORDER BY at DESC, place DESC LIMIT ?",
            (message.channel, to_micros(message.at), message.id, message.id, limit),
        )
        return tuple(_message(row) for row in reversed(rows))

    def _correct_deleted(self, message: MessageId) -> None:
        """What stood before a line is gone there too; a line that was judged bad stays judged."""
        self._do("DELETE FROM corrections WHERE message = ? AND judgement = 'good'", (message,))
        self._cut_contexts("$[0]", message)

    def _cut_contexts(
        self, place: str, value: str, *, kept: bool = False, before: int | None = None
    ) -> None:
        """Drop those lines of corrections' contexts that have a value at a place, or all others.

        Only of corrections that were made ``before`` a time, where one is given.
        """
        sign = "=" if kept else "<>"
        self._do(
            "UPDATE corrections SET context = (SELECT json_group_array(json(value)) FROM"  # noqa: S608
            f" json_each(context) WHERE json_extract(value, ?) {sign} ?)"
            " WHERE at < ? AND context <> '[]'",
            (place, value, 2**62 if before is None else before),
        )

    def save_away(self, channel: ChannelId, away: Mapping[PersonaName, datetime]) -> None:
        """Remember who is away from a channel, and until when."""
        with self.transaction():
            self._do("DELETE FROM away WHERE channel = ?", (channel,))
            for persona, until in away.items():
                self._do(
                    "INSERT INTO away (channel, persona, until) VALUES (?, ?, ?)",
                    (channel, persona, to_micros(until)),
                )

    def away(self, channel: ChannelId) -> dict[PersonaName, datetime]:
        """Who is away from a channel, and until when."""
        rows = self._rows("SELECT persona, until FROM away WHERE channel = ?", (channel,))
        return {PersonaName(persona): from_micros(until) for persona, until in rows}

    def claim(
        self,
        channel: ChannelId,
        post: str,
        person: PersonId | None,
        now: datetime,
        budget: Budget | None = None,
    ) -> Claimed | Refused:
        """Ask for the right to post; one transaction, so that only one asker gets it.

        ``post`` is the nonce of the post: unique within the channel, over restarts too.
        ``person`` is None for an invented character, whom nobody has to be asked about.  ``budget``
        bounds what the channel takes, whichever run asks.
        """
        with self.transaction():
            if person is not None:
                record = self.live_record(person, now)
                if record is None or refusal(record, now, processor="local") is not None:
                    return Refused(reason="no consent")
                if not allows(record, platform=channel.partition(":")[0]):
                    return Refused(reason="not on this platform")
            if budget is not None and self._claimed(channel, budget.since) >= budget.limit:
                return Refused(reason="enough for today", until=budget.until)
            got = self._do(
                "INSERT INTO claims (channel, post, person, state, at)"
                " VALUES (?, ?, ?, 'claimed', ?)"
                " ON CONFLICT (channel, post) DO UPDATE SET state = 'claimed', at = excluded.at,"
                " person = excluded.person WHERE claims.state = 'released'",
                (channel, post, person, to_micros(now)),
            )
            if not got:
                return Refused(reason="already claimed")
        return Claimed(channel=channel, post=post, person=person)

    def _claimed(self, channel: ChannelId, since: datetime) -> int:
        rows = self._rows(
            "SELECT count(*) FROM claims WHERE channel = ? AND at >= ? AND state != 'released'",
            (channel, to_micros(since)),
        )
        return int(rows[0][0])

    def release(self, claim: Claimed) -> None:
        """Give a claim back: it was certainly not posted and may be tried again."""
        self._do(
            "UPDATE claims SET state = 'released'"
            " WHERE channel = ? AND post = ? AND state = 'claimed'",
            (claim.channel, claim.post),
        )

    def settle(self, claim: Claimed, message: MessageId | None = None) -> None:
        """It is out, or may be: the claim is used up."""
        self._do(
            "UPDATE claims SET state = 'settled', message = ? WHERE channel = ? AND post = ?",
            (message, claim.channel, claim.post),
        )


_COLUMNS = "id, channel, author, name, kind, at, text, reply_to, attachments, reactions, revision"


def _message(row: tuple[Any, ...]) -> Message:
    id_, channel, author, name, kind, at, text, reply_to, attachments, reactions, revision = row
    return Message(
        id=MessageId(id_),
        channel=ChannelId(channel),
        author=Author(id=AuthorId(author), name=name, kind=kind),
        text=text,
        at=from_micros(at),
        reply_to=reply_to,
        attachments=attachments_from(attachments),
        reactions=reactions_from(reactions),
        revision=revision,
    )
