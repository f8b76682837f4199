"""The store's part in forgetting somebody: their rows go, and nothing of them stays in the file.

Which rows those are is a table (``rows_of``).  A forget is noted before anything is erased, and its
note goes last: whatever ends the process in between, the same command finishes it.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from botconvo.consent import PersonId
from botconvo.errors import StoreError
from botconvo.messages import UNTOLD, AuthorId
from botconvo.store.database import Database
from botconvo.store.rows_of import ROWS, PersonalRows

__all__ = ["Erasing", "Somebody", "Underway", "Written", "is_named"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Somebody:
    """Everything by which a person is known in a project.

    ``person`` is None for whoever never agreed to anything.  ``names`` are all that were ever
    seen, ``clones`` those of their clones, ``bound`` digests of clones from earlier systems.
    """

    person: PersonId | None
    names: frozenset[str]
    authors: frozenset[AuthorId]
    clones: frozenset[str] = frozenset()
    bound: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Underway:
    """A forget that has begun.  ``somebody`` is None once their rows are gone."""

    id: str
    at: datetime
    somebody: Somebody | None
    receipt: str
    """As JSON; it holds no names."""


FileKind = Literal["csv", "report", "chat", "clone", "copy", "project"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file with people's words or ids in it that somebody asked for; ``people`` are opaque."""

    path: Path
    kind: FileKind
    sha256: str
    people: frozenset[PersonId]


class Erasing(Database):
    """The part of the store that forgets."""

    # ---- a forget, from its beginning to its end -----------------------------------------

    def underway(self) -> Underway | None:
        """The forget that was begun and not finished, if there is one."""
        rows = self._rows("SELECT id, at, somebody, receipt FROM forgetting")
        if not rows:
            return None
        id_, at, somebody, receipt = rows[0]
        return Underway(
            id=id_,
            at=datetime.fromisoformat(at),
            somebody=None if somebody is None else _somebody(somebody),
            receipt=receipt,
        )

    def begin_forget(self, underway: Underway) -> None:
        """Note who is to be forgotten, before anything is erased.

        Raises:
            StoreError: another forget has not been finished.
        """
        if self.underway() is not None:
            raise StoreError(f"{self.path}: another forget is not finished; repeat it first")
        who = None if underway.somebody is None else _text(underway.somebody)
        self._do(
            "INSERT INTO forgetting (number, id, at, somebody, receipt) VALUES (1, ?, ?, ?, ?)",
            (underway.id, underway.at.isoformat(), who, underway.receipt),
        )

    def count_rows(self, kind: PersonalRows, somebody: Somebody) -> int:
        """How many rows of a kind are somebody's."""
        with self._lock:
            values = _used(kind.count, self._values(somebody, ""))
            return int(self._connection.execute(kind.count, values).fetchone()[0])

    def erase_rows(self, somebody: Somebody, at: datetime) -> None:
        """Everything that the store holds of somebody goes, all at once."""
        values = self._values(somebody, at.isoformat())
        with self.transaction():
            self._connection.execute("PRAGMA defer_foreign_keys = ON")
            self._rename_channels(somebody)
            for kind in (*(k for k in ROWS if k.name == "exports"), *ROWS):
                for statement in kind.erase:
                    self._connection.execute(statement, _used(statement, values))
            self._do("INSERT INTO forgets (id, at) SELECT id, at FROM forgetting")
            self._do("UPDATE forgetting SET somebody = NULL")

    def leave_no_trace(self) -> None:
        """Rewrite the file without free pages, and empty the log beside it.

        Raises:
            StoreError: there is no room for a second copy, or another process holds the file.
        """
        with self._lock:
            self._rows("VACUUM")
            ((busy, *_),) = self._rows("PRAGMA wal_checkpoint(TRUNCATE)")
        if busy:
            raise StoreError(
                f"{self.path}: another process is reading it; stop it, and repeat the command"
            )

    def end_forget(self) -> None:
        """It is done."""
        self._do("DELETE FROM forgetting")

    def forgets(self) -> int:
        """How many people were forgotten so far."""
        return int(self._rows("SELECT count(*) FROM forgets")[0][0])

    def forgets_begun(self) -> int:
        """The same, with one that is under way."""
        return self.forgets() + len(
            self._rows("SELECT 1 FROM forgetting WHERE somebody IS NOT NULL")
        )

    def forgotten_exports(self) -> frozenset[str]:
        """Digests of exports in which somebody wrote who was forgotten."""
        return frozenset(sha for (sha,) in self._rows("SELECT sha256 FROM forgotten_exports"))

    def others_in(self, path: Path, authors: Collection[AuthorId]) -> int:
        """How many others wrote in what was imported from a path."""
        rows = self._rows(
            "SELECT count(DISTINCT author) FROM author_counts WHERE source IN"
            " (SELECT id FROM sources WHERE path = ?)"
            " AND author NOT IN (SELECT value FROM json_each(?))",
            (str(path), json.dumps(sorted(authors))),
        )
        return int(rows[0][0])

    def is_ignored(self, authors: Collection[AuthorId]) -> bool:
        """Whether one of these asked to be ignored."""
        rows = self._rows(
            "SELECT 1 FROM ignored WHERE author IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted(authors)),),
        )
        return bool(rows)

    # ---- clones that saw somebody's lines ------------------------------------------------

    def disable(self, weights: Iterable[str], at: datetime) -> None:
        """Weights of these digests are served no more."""
        with self.transaction():
            for digest in weights:
                self._do("INSERT OR IGNORE INTO disabled VALUES (?, ?)", (digest, at.isoformat()))

    def disabled(self) -> frozenset[str]:
        """Digests of the weights that saw lines of somebody who was forgotten."""
        return frozenset(digest for (digest,) in self._rows("SELECT weights FROM disabled"))

    # ---- files that somebody asked for ---------------------------------------------------

    def note_written(self, written: Written) -> None:
        """Remember a file that holds people's words; one at the same path is replaced."""
        people = json.dumps(sorted(written.people))
        self._do(
            "INSERT OR REPLACE INTO written (path, kind, sha256, people) VALUES (?, ?, ?, ?)",
            (str(written.path), written.kind, written.sha256, people),
        )

    def note_file(self, path: Path, kind: FileKind, people: Iterable[PersonId] = ()) -> None:
        """Remember a file as it is now, by its digest.

        Raises:
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.note_written(
            Written(path=path.absolute(), kind=kind, sha256=digest, people=frozenset(people))
        )

    def written(self) -> tuple[Written, ...]:
        rows = self._rows("SELECT path, kind, sha256, people FROM written ORDER BY path")
        return tuple(
            Written(
                path=Path(path),
                kind=kind,
                sha256=sha256,
                people=frozenset(map(PersonId, json.loads(people))),
            )
            for path, kind, sha256, people in rows
        )

    def drop_written(self, path: Path) -> None:
        self._do("DELETE FROM written WHERE path = ?", (str(path),))

    # ---- inside --------------------------------------------------------------------------

    def _values(self, somebody: Somebody, at: str) -> dict[str, str | None]:
        functions: tuple[tuple[str, int, Callable[..., str | bool]], ...] = (
            ("folded", 1, str.casefold),
            ("named", 3, _named),
            ("without", 3, _without),
            ("unmentioned", 2, _unmentioned),
        )
        for name, arguments, function in functions:
            self._connection.create_function(name, arguments, function, deterministic=True)
        return {
            "authors": json.dumps(sorted(somebody.authors)),
            "names": json.dumps(sorted(somebody.names)),
            "clones": json.dumps(sorted(name.casefold() for name in somebody.clones)),
            "person": somebody.person,
            "at": at,
        }

    def _rename_channels(self, somebody: Somebody) -> None:
        """A chat of two is often called after one of them; others' rows in it stay.

        An import of the same export knows such a channel again by its rows.
        """
        rows = self._rows("SELECT DISTINCT channel FROM messages")
        for (channel,) in rows:
            platform, _, rest = channel.partition(":")
            if not is_named(rest, somebody.names, somebody.authors):
                continue
            new = f"{platform}{UNTOLD}{secrets.token_hex(6)}"
            values = {"old": channel, "new": new, "length": len(channel)}
            for table, column in (
                ("reactions", "message"),
                ("messages", "reply_to"),
                ("messages", "id"),
            ):
                self._connection.execute(
                    f"UPDATE {table} SET {column} = :new || substr({column}, :length + 1)"  # noqa: S608
                    f" WHERE substr({column}, 1, :length + 1) = :old || '/'",
                    values,
                )
            self._connection.execute(
                "UPDATE messages SET channel = :new WHERE channel = :old", _used(":old:new", values)
            )


def is_named(text: str, names: Collection[str], authors: Collection[AuthorId]) -> bool:
    """Whether a text holds a name as words of its own, however it is joined, or an account's id."""
    words = _words(text)
    bare = (author.rpartition(":")[2] for author in authors)
    wanted = (*names, *authors, *(each for each in bare if re.fullmatch(r"\d{5,}", each)))
    return any(f" {_words(each)} " in f" {words} " for each in wanted if _words(each))


def _words(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()


def _named(text: str | None, names: str, authors: str) -> bool:
    return text is not None and is_named(text, json.loads(names), json.loads(authors))


def _without(text: str, names: str, authors: str) -> str:
    """A JSON list without the names, or without the lists that hold an author id."""
    gone = {*json.loads(names), *json.loads(authors)}
    listed = json.loads(text)
    kept = [
        each for each in listed if not gone & ({*each[1:3]} if isinstance(each, list) else {each})
    ]
    return text if len(kept) == len(listed) else json.dumps(kept)


def _unmentioned(text: str, authors: str) -> str:
    for author in json.loads(authors):
        text = re.sub(rf"<@!?{re.escape(author.rpartition(':')[2])}>", "@somebody", text)
    return text


def _used(statement: str, values: Mapping[str, object]) -> dict[str, object]:
    """Only what a statement asks for: SQLite takes no others from Python 3.12 on."""
    return {name: value for name, value in values.items() if f":{name}" in statement}


def _text(somebody: Somebody) -> str:
    return json.dumps(
        {
            "person": somebody.person,
            "names": sorted(somebody.names),
            "authors": sorted(somebody.authors),
            "clones": sorted(somebody.clones),
            "bound": sorted(somebody.bound),
        },
        ensure_ascii=False,
    )


def _somebody(text: str) -> Somebody:
    fields = json.loads(text)
    return Somebody(
        person=fields["person"],
        names=frozenset(fields["names"]),
        authors=frozenset(map(AuthorId, fields["authors"])),
        clones=frozenset(fields["clones"]),
        bound=frozenset(fields["bound"]),
    )
