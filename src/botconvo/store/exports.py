"""The store's imported side: which files were seen, who wrote in them, and the rows taken.

It keeps words only when told to; whom they may be kept of is the caller's question.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path

from botconvo.consent import PersonId
from botconvo.errors import StoreError
from botconvo.messages import (
    OF_NAME,
    Author,
    AuthorId,
    ChannelId,
    Message,
    MessageId,
    Reaction,
)
from botconvo.store.backups import delete_backups
from botconvo.store.database import Database
from botconvo.store.packed import Packed, Seen, StoredRow, pack
from botconvo.store.twins import (
    LONGEST,
    SECOND,
    Kind,
    Stamp,
    better,
    kind_of,
    overlap,
    possible_authors,
)
from botconvo.store.values import (
    attachments_from,
    from_micros,
    same_words,
    storable,
    to_micros,
)

_INSERT = """
INSERT INTO messages
    (id, channel, author, at, text, reply_to, attachments, revision, origin)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_INSERT_NEW = _INSERT.replace("INSERT", "INSERT OR IGNORE")

_MANY_NEAR = 5000
"""So many rows around the time of a few new ones: they are not in the order of time."""
_FEW_CHANNELS = 8

__all__ = ["Adding", "Exports", "SeenAuthor", "Source"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An imported export: the file ``path``, or ``member`` of that folder or zip.

    ``author``, ``zone`` and ``channel`` are what was said of it because it does not say it itself.
    """

    path: Path
    sha256: str
    format: str
    origin: str
    member: str = ""
    author: str | None = None
    zone: str = "UTC"
    channel: ChannelId | None = None
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenAuthor:
    """Somebody who wrote in an imported file; ``messages`` counts the files, ``taken`` the rows."""

    id: AuthorId
    name: str
    names: tuple[str, ...]
    """Every name seen, the present one included."""
    kind: str
    messages: int
    taken: int
    first: datetime
    last: datetime
    person: PersonId | None


@dataclass(slots=True)
class Adding:
    """One file on its way into the store, inside its transaction."""

    _store: "Exports"
    origin: str
    counts: dict[str, int] = field(default_factory=dict)
    """What the file's row in the store says of it; fill it in before the end."""
    rows_read: int | None = None
    """How many rows were read, where that is not all of them."""
    _seen: dict[AuthorId, Seen] = field(default_factory=dict)
    _bots: set[AuthorId] = field(default_factory=set)
    _same: ChannelId | None = None
    _kinds: dict[ChannelId, set[Kind]] = field(default_factory=dict)
    """By channel, how much its rows know: only where that differs there can be twins."""

    def saw(self, message: Message) -> None:
        """Count a message for its author; nothing of what it says is kept."""
        self.saw_all(pack([message], self.origin))

    def saw_all(self, packed: Packed) -> None:
        """Count several at once."""
        for author, seen in packed.seen.items():
            self._seen.setdefault(author, Seen(seen.author)).add(seen)

    def saw_bot(self, author: AuthorId) -> None:
        """Remember that an author is a bot: other exports of the same channel may not say so."""
        self._bots.add(author)

    def pass_over_unknown(self) -> None:
        """Count only for authors who are known already: others in this file were forgotten."""
        known = {author for (author,) in self._store._rows("SELECT id FROM authors")}
        self._seen = {author: count for author, count in self._seen.items() if author in known}

    def take(self, message: Message) -> bool:
        """Keep a message.  False where it is there already; the row that knows more is kept."""
        return self.take_all(pack([message], self.origin))[0]

    def take_all(self, packed: Packed) -> list[bool]:
        """Keep several at once, which is faster; for each what ``take`` says."""
        return self._store._take(packed, self)


class _Twin(Enum):
    """What is there already of a message that comes in."""

    NONE = "nothing"
    BETTER = "a row that knows more"
    WORSE = "a row that knew less, and gave up its place"


class Exports(Database):
    """The part of the store that imports fill and training reads."""

    @contextmanager
    def add_export(
        self, source: Source, now: datetime, same: ChannelId | None = None
    ) -> Iterator[Adding]:
        """Take in one file, in one transaction: whole, or not at all.

        ``same`` is a channel of which the file tells now which one it is.

        A file that was imported before, under this path or with these bytes, is replaced as a
        source; its rows stay as they are.

        Raises:
            StoreError: the file cannot be written, for example because the disk is full.
        """
        adding = Adding(self, source.origin, _same=same)
        with self.transaction():
            yield adding
            self._do(
                "DELETE FROM sources WHERE path = ? AND member = ? OR sha256 = ?",
                (str(source.path), source.member, source.sha256),
            )
            (row,) = self._rows(
                "INSERT INTO sources (path, member, sha256, format, origin, author, zone, channel,"
                " without, imported_at, counts, rows_read, ledger_entries)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT COUNT(*) FROM ledger))"
                " RETURNING id",
                (
                    str(source.path),
                    source.member,
                    source.sha256,
                    source.format,
                    source.origin,
                    source.author,
                    source.zone,
                    source.channel,
                    " ".join(sorted(source.without)),
                    now.isoformat(),
                    json.dumps(adding.counts),
                    adding.rows_read,
                ),
            )
            self._keep_counts(int(row[0]), adding)

    def rows_read(self, source: Source) -> int:
        """How many rows an import of just this file read that was interrupted.

        0 where none was, or where consents changed since: other rows are to be taken then.
        """
        rows = self._rows(
            "SELECT rows_read FROM sources WHERE path = ? AND member = ? AND sha256 = ?"
            " AND format = ? AND author IS ? AND zone = ? AND channel IS ? AND without = ?"
            " AND rows_read IS NOT NULL AND ledger_entries = (SELECT COUNT(*) FROM ledger)",
            (
                str(source.path),
                source.member,
                source.sha256,
                source.format,
                source.author,
                source.zone,
                source.channel,
                " ".join(sorted(source.without)),
            ),
        )
        return int(rows[0][0]) if rows else 0

    def zone_of(self, sha256: str) -> str | None:
        """By whose clock the file with these bytes was imported, if it was."""
        rows = self._rows("SELECT zone FROM sources WHERE sha256 = ?", (sha256,))
        return str(rows[0][0]) if rows else None

    def sources(self, authors: Collection[AuthorId] | None = None) -> tuple[Source, ...]:
        """The imported files in the order of import; only those that ``authors`` wrote in."""
        wanted = None if authors is None else json.dumps(sorted(authors))
        rows = self._rows(
            "SELECT path, member, sha256, format, origin, author, zone, channel, without"
            " FROM sources WHERE ?1 IS NULL OR id IN"
            " (SELECT source FROM author_counts"
            " WHERE author_counts.author IN (SELECT value FROM json_each(?1))) ORDER BY id",
            (wanted,),
        )
        return tuple(
            Source(
                path=Path(path),
                member=member,
                sha256=sha256,
                format=format_,
                origin=origin,
                author=author,
                zone=zone,
                channel=channel,
                without=frozenset(without.split()),
            )
            for path, member, sha256, format_, origin, author, zone, channel, without in rows
        )

    def channels_of(self, message: Message) -> tuple[ChannelId, ...]:
        """The channels in which the same words of the same author stand at the same time."""
        stamp = Stamp(message.id, to_micros(message.at))
        authors = dict.fromkeys(possible_authors(message.author))
        alike = self._alike(authors, storable(message.text), stamp)
        return tuple(dict.fromkeys(channel for channel, _ in alike))

    def channels(self) -> frozenset[ChannelId]:
        """All channels in which rows stand."""
        # From one channel to the next in the index; DISTINCT would go through every row.
        rows = self._rows(
            "WITH RECURSIVE found (channel) AS (SELECT min(channel) FROM messages UNION ALL"
            " SELECT (SELECT min(channel) FROM messages WHERE channel > found.channel) FROM found"
            " WHERE found.channel IS NOT NULL)"
            " SELECT channel FROM found WHERE channel IS NOT NULL"
        )
        return frozenset(ChannelId(channel) for (channel,) in rows)

    def accounts(self) -> dict[str, AuthorId]:
        """Whose account has which name, as far as that is known and there is only one."""
        rows = self._rows(
            "SELECT name, min(author) FROM accounts GROUP BY name HAVING count(*) = 1"
        )
        return {name: AuthorId(author) for name, author in rows}

    def authors(self) -> tuple[SeenAuthor, ...]:
        """Everybody who wrote in an imported file, the busiest first."""
        names: dict[str, list[str]] = {}
        for author, name in self._rows("SELECT author, name FROM author_names ORDER BY name"):
            names.setdefault(author, []).append(name)
        rows = self._rows(
            "SELECT authors.id, authors.name, kind, SUM(messages), MIN(first), MAX(last), person,"
            " (SELECT COUNT(*) FROM messages WHERE author = authors.id)"
            " FROM authors JOIN author_counts ON author_counts.author = authors.id"
            " LEFT JOIN identities ON identities.author = authors.id"
            " GROUP BY authors.id ORDER BY SUM(messages) DESC, authors.id"
        )
        return tuple(
            SeenAuthor(
                id=AuthorId(id_),
                name=name,
                names=tuple(names.get(id_, [name])),
                kind=kind,
                messages=messages,
                taken=taken,
                first=from_micros(first),
                last=from_micros(last),
                person=person,
            )
            for id_, name, kind, messages, first, last, person, taken in rows
        )

    def messages_of(self, authors: Collection[AuthorId]) -> tuple[Message, ...]:
        """The rows taken from these authors, channel by channel, oldest first."""
        wanted = json.dumps(sorted(authors))
        reactions = self._reactions(wanted)
        rows = self._rows(
            "SELECT messages.id, channel, author, name, kind, at, text, reply_to, attachments,"
            " revision FROM messages JOIN authors ON authors.id = messages.author"
            " WHERE author IN (SELECT value FROM json_each(?)) ORDER BY channel, at, place",
            (wanted,),
        )
        return tuple(
            Message(
                id=MessageId(id_),
                channel=ChannelId(channel),
                author=Author(id=AuthorId(author), name=name, kind=kind),
                text=text,
                at=from_micros(at),
                reply_to=reply_to,
                attachments=attachments_from(attachments),
                reactions=tuple(reactions.get(id_, ())),
                revision=revision,
            )
            for id_, channel, author, name, kind, at, text, reply_to, attachments, revision in rows
        )

    def words_of(self, author: AuthorId, most: int) -> tuple[str, ...]:
        """The latest ``most`` rows of an author that hold more than a word or two."""
        rows = self._rows(
            "SELECT text FROM messages INDEXED BY messages_by_author"
            " WHERE author = ? AND length(text) >= 12 ORDER BY at DESC LIMIT ?",
            (author, most),
        )
        return tuple(text for (text,) in rows)

    def origins_of(self, authors: Collection[AuthorId]) -> frozenset[str]:
        """Where these authors' rows came from."""
        rows = self._rows(
            "SELECT DISTINCT origin FROM messages WHERE author IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted(authors)),),
        )
        return frozenset(origin for (origin,) in rows)

    def drop_messages(self, authors: Collection[AuthorId]) -> int:
        """Remove every row and reaction of these authors; how many rows there were.

        The copies that were made before an update go too, as they hold the same words.

        Raises:
            StoreError: one of these copies, or the store, cannot be written.
        """
        wanted = json.dumps(sorted(authors))
        with self.transaction():
            reactions = self._do(
                "DELETE FROM reactions WHERE author IN (SELECT value FROM json_each(?))", (wanted,)
            )
            rows = self._do(
                "DELETE FROM messages WHERE author IN (SELECT value FROM json_each(?))", (wanted,)
            )
            if rows or reactions:
                self._delete_backups()
        return rows

    def _delete_backups(self) -> None:
        try:
            delete_backups(self.path)
        except OSError as error:
            raise StoreError(
                f"{error.filename}: this copy holds the words that are to be removed, and cannot "
                f"be deleted ({error.strerror}); nothing was removed, close what has it open"
            ) from None

    def remove_messages(self, messages: Iterable[MessageId]) -> None:
        """Remove these rows."""
        with self.transaction():
            self._connection.executemany(
                "DELETE FROM messages WHERE id = ?", ((message,) for message in messages)
            )

    def authors_with_messages(self) -> frozenset[AuthorId]:
        """Everybody of whom words or reactions are kept."""
        rows = self._rows(
            "SELECT author FROM messages UNION SELECT author FROM reactions WHERE author <> ''"
        )
        return frozenset(AuthorId(author) for (author,) in rows)

    def _keep_counts(self, source: int, adding: Adding) -> None:
        for count in adding._seen.values():
            self._count(source, count)
        for bot in adding._bots:
            self._do("UPDATE authors SET kind = 'bot' WHERE id = ?", (bot,))

    def _count(self, source: int, count: Seen) -> None:
        author = count.author
        name = storable(author.name)
        self._do(
            "INSERT INTO authors (id, name, kind) VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
            " kind = iif(kind = 'bot', kind, excluded.kind)",
            (author.id, name, author.kind),
        )
        self._do("INSERT OR IGNORE INTO author_names VALUES (?, ?)", (author.id, name))
        if author.account and OF_NAME not in author.id:
            self._do(
                "INSERT OR IGNORE INTO accounts VALUES (?, ?)",
                (storable(author.account), author.id),
            )
        self._do(
            "INSERT INTO author_counts (source, author, messages, first, last)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (source, author) DO UPDATE SET"
            " messages = messages + excluded.messages,"
            " first = min(first, excluded.first), last = max(last, excluded.last)",
            (source, author.id, count.messages, count.first, count.last),
        )

    def _take(self, packed: Packed, adding: Adding) -> list[bool]:
        if self._all_new(packed, adding):
            self._react(packed.reactions)
            return [True] * len(packed.rows)
        known = self._known(row[0] for row in packed.rows)
        new: list[StoredRow] = []
        taken: list[bool] = []
        beaten: set[str] = set()
        for row in packed.rows:
            before = row[0] in known
            twin = self._twin(row, packed.possible[row[2]], adding, before=before)
            if twin is _Twin.BETTER:
                taken.append(False)
                beaten.add(row[0])
                continue
            if before:
                self._insert(new)
                taken.append(self._renew(row))
            else:
                new.append(row)
                taken.append(twin is _Twin.NONE)
                known.add(row[0])
        self._insert(new)
        # Also for a row that is there already: somebody who reacted may have agreed since.
        self._react(each for each in packed.reactions if each[0] not in beaten)
        return taken

    def _all_new(self, packed: Packed, adding: Adding) -> bool:
        """Take rows of which none is there yet, in one step; False where that is not so."""
        if self._may_have_twins(packed, adding):
            return False
        # A savepoint would copy each page of the indexes before it is changed.
        ((last,),) = self._rows("SELECT ifnull(max(place), 0) FROM messages")
        before = self._connection.total_changes
        self._connection.executemany(_INSERT_NEW, packed.rows)
        added = self._connection.total_changes - before
        if 0 < added < len(packed.rows):
            self._connection.execute("DELETE FROM messages WHERE place > ?", (last,))
        return added == len(packed.rows)

    def _may_have_twins(self, packed: Packed, adding: Adding) -> bool:
        """Whether rows that know more, or less, lie around the time of these."""
        for channel, ours in packed.channels.items():
            if channel not in adding._kinds:
                adding._kinds[channel] = self._kinds_in(channel)
            adding._kinds[channel] |= ours
        for channel, ours in packed.channels.items():
            among = [channel] if len(adding._kinds[channel]) > 1 else []
            if adding._same is not None:
                among.append(adding._same)
            if not among:
                continue
            if len(ours) > 1 or len(packed.channels) > _FEW_CHANNELS:
                return True
            first = min(seen.first for seen in packed.seen.values()) - LONGEST
            last = max(seen.last for seen in packed.seen.values()) + LONGEST
            for where in among:
                near = self._connection.execute(
                    "SELECT id FROM messages WHERE channel = ? AND at BETWEEN ? AND ? LIMIT ?",
                    (where, first, last, _MANY_NEAR),
                ).fetchall()
                if len(near) == _MANY_NEAR or (near and where != channel):
                    return True
                if any(kind_of(id_) not in ours for (id_,) in near):
                    return True
        return False

    def _react(self, reactions: Iterable[tuple[str, str, AuthorId]]) -> None:
        self._connection.executemany("INSERT OR IGNORE INTO reactions VALUES (?, ?, ?)", reactions)

    def _insert(self, rows: list[StoredRow]) -> None:
        self._connection.executemany(_INSERT, rows)
        rows.clear()

    def _known(self, ids: Iterable[str]) -> set[str]:
        """Those of these messages that are there already."""
        rows = self._connection.execute(
            "SELECT id FROM messages WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(ids)),),
        )
        return {id_ for (id_,) in rows}

    def _renew(self, row: StoredRow) -> bool:
        """Let a row that is there say what a newer revision, or the person's own file, says.

        What somebody gave of their own words stands: of the same message from an API only what
        it replies to is added, whichever came first.  The whole time takes the place of its
        minute or second.
        """
        id_, _, _, at, text, reply_to, attachments, revision, origin = row
        self._do(
            "UPDATE messages SET at = ?1 WHERE id = ?2 AND at % ?3 = 0 AND ?1 % ?3 <> 0",
            (at, id_, SECOND),
        )
        ((known, last),) = self._rows("SELECT origin, revision FROM messages WHERE id = ?", (id_,))
        own, was_own = origin == "file", known == "file"
        if revision <= last if own == was_own else was_own:
            if reply_to is not None:
                self._do(
                    "UPDATE messages SET reply_to = ? WHERE id = ? AND reply_to IS NULL",
                    (reply_to, id_),
                )
            return False
        self._do(
            "UPDATE messages SET text = ?, attachments = ?, revision = ?, origin = ?,"
            " reply_to = ifnull(?, reply_to) WHERE id = ?",
            (text, attachments, revision, origin, reply_to, id_),
        )
        return True

    def _twin(
        self, row: StoredRow, authors: Iterable[AuthorId], adding: Adding, *, before: bool
    ) -> "_Twin":
        """Whether the same message is there from an export that tells more, or less.

        If it is there from one that tells less, the new one takes its place: each takes one, so
        that words said twice in a minute stay two.
        """
        channel, stamp = row[1], Stamp(MessageId(row[0]), row[3])
        if len(adding._kinds[channel]) == 1 and adding._same is None:
            return _Twin.NONE
        alike = [
            (where, other)
            for where, other in self._alike(authors, row[4], stamp)
            if where in (channel, adding._same)
        ]
        if any(better(other, stamp) for _, other in alike):
            return _Twin.BETTER
        worse = next(
            (other for where, other in alike if where != channel or better(stamp, other)), None
        )
        if worse is None or before:
            return _Twin.NONE
        self._connection.execute("DELETE FROM messages WHERE id = ?", (worse.id,))
        return _Twin.WORSE

    def _kinds_in(self, channel: ChannelId) -> set[Kind]:
        self._connection.create_function("row_kind", 1, kind_of, deterministic=True)
        rows = self._connection.execute(
            "SELECT DISTINCT row_kind(id) FROM messages WHERE channel = ?", (channel,)
        )
        return {found for (found,) in rows}

    def _alike(
        self, authors: Iterable[AuthorId], text: str, stamp: Stamp
    ) -> list[tuple[ChannelId, Stamp]]:
        """Rows of the same words of the same author that can be of the same moment."""
        # Nobody says much in a minute; a file in which somebody does must not make this slow.
        rows = [
            row
            for author in authors
            for row in self._rows(
                "SELECT channel, id, at, text FROM messages INDEXED BY messages_by_author"
                " WHERE author = ? AND at BETWEEN ? AND ? ORDER BY at LIMIT 200",
                (author, stamp.at - LONGEST, stamp.at + LONGEST),
            )
        ]
        found = (
            (ChannelId(channel), Stamp(id_, at))
            for channel, id_, at, kept in rows
            if same_words(kept, text)
        )
        return [(channel, other) for channel, other in found if overlap(stamp, other)]

    def _reactions(self, authors: str) -> Mapping[str, list[Reaction]]:
        """By message, those on the messages of ``authors`` (a JSON list)."""
        found: dict[str, list[Reaction]] = {}
        rows = self._rows(
            "SELECT message, emoji, reactions.author, name, kind FROM reactions"
            " JOIN messages ON messages.id = reactions.message"
            " LEFT JOIN authors ON authors.id = reactions.author"
            " WHERE messages.author IN (SELECT value FROM json_each(?)) ORDER BY reactions.rowid",
            (authors,),
        )
        for message, emoji, author, name, kind in rows:
            by = Author(id=AuthorId(author), name=name or author, kind=kind or "person")
            found.setdefault(message, []).append(
                Reaction(emoji=emoji, author=by if author else None)
            )
        return found
