"""One SQLite file: opening, migrating, transactions, and errors in plain words.

It knows nothing of what the tables mean.
"""

import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botconvo.errors import StoreError
from botconvo.store.backups import make_backup, snapshot
from botconvo.store.schema import APPLICATION_ID, MIGRATIONS, VERSION

__all__ = ["STORE_NAME", "Database"]

logger = logging.getLogger(__name__)

STORE_NAME = "botconvo.sqlite3"
"""The store's file in the project's folder."""
_BUSY_S = 10.0
"""How long to wait for another process that is writing."""
_CACHE_KIB = 65_536
_WHAT: dict[str, str] = {
    "SQLITE_FULL": "the disk is full; nothing of this step was stored, free space and repeat it",
    "SQLITE_BUSY": "another process has been writing to it for too long; try again",
    "SQLITE_NOTADB": "it is not a store of BotConvo",
    "SQLITE_CORRUPT": "it is damaged; restore a copy of it",
    "SQLITE_READONLY": "it cannot be written to; check its permissions",
    "SQLITE_CANTOPEN": "it cannot be opened; check that the folder exists and can be written to",
    "SQLITE_IOERR": "it cannot be written to; nothing of this step was stored, check the disk",
}


class Database:
    """An open store file.  May be used from several threads; each step is one transaction."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._lock = threading.RLock()
        self._depth = 0
        self.path = path

    @classmethod
    def open(cls, path: Path, *, create: bool = True) -> Self:
        """Open a store file, make it if there is none, bring an older one up to date.

        Raises:
            StoreError: it is missing and ``create`` is False, it is something else, damaged,
                locked, or was made by a newer version.
        """
        if not create and not path.exists():
            raise StoreError(
                f"there is no store {path}; import an export first: botconvo import FILE"
            )
        with _plainly(path):
            connection = sqlite3.connect(
                path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
        try:
            database = cls(connection, path)
            database._prepare()
        except BaseException:
            connection.close()
            raise
        return database

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is stored, or nothing is; one inside another is part of it.

        Raises:
            StoreError: the file cannot be read or written.
        """
        with self._lock, _plainly(self.path):
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
                if self._depth == 1:
                    self._connection.execute("COMMIT")
            except BaseException:
                # SQLite itself has rolled back already where the disk is full.
                if self._depth == 1 and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    def copy_to(self, target: Path) -> None:
        """Write what the store holds at this moment into a new file, also while others write.

        Raises:
            StoreError: it cannot be read.
            OSError: the file cannot be written.
        """
        with _plainly(target):
            snapshot(self.path, target)

    def data_version(self) -> int:
        """A number that changes when another process has written."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        with self._lock, _plainly(self.path):
            return self._connection.execute(sql, values).fetchall()

    def _do(self, sql: str, values: Sequence[object] = ()) -> int:
        """One statement inside a transaction; how many rows it changed."""
        with self.transaction():
            return self._connection.execute(sql, values).rowcount

    def _prepare(self) -> None:
        found = self._rows("PRAGMA user_version")[0][0]
        ours = self._rows("PRAGMA application_id")[0][0] == APPLICATION_ID
        if found > VERSION and ours:
            raise StoreError(
                f"{self.path} was made by a newer BotConvo (store version {found}, this one knows "
                f"{VERSION}); update BotConvo"
            )
        if not ours and self._rows("SELECT 1 FROM sqlite_master LIMIT 1"):
            raise StoreError(f"{self.path} is some other program's database; move it away")
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            self._rows(f"PRAGMA {pragma}")
        # An import changes many pages of the indexes again and again before it is whole.
        self._rows(f"PRAGMA cache_size = -{_CACHE_KIB}")
        # What was deleted is overwritten: a withdrawal leaves no words in free pages.
        self._rows("PRAGMA secure_delete = ON")
        self._migrate()

    def _migrate(self) -> None:
        if self._rows("PRAGMA user_version")[0][0] == VERSION:
            return
        with self.transaction():
            # Asked again: another process may have migrated while this one waited.
            found = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if 0 < found < VERSION:
                self._back_up(found)
            for script in MIGRATIONS[found:]:
                for statement in _statements(script):
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {VERSION}")

    def _back_up(self, version: int) -> None:
        try:
            backup = make_backup(self.path, version)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"{self.path}: it is of an older version, and no copy of it could be made before "
                f"it is brought up to date ({error}); nothing was changed, free space and repeat it"
            ) from None
        logger.info(
            "%s is brought from version %d to %d; a copy of it as it was: %s",
            self.path,
            version,
            VERSION,
            backup.name,
        )


def _statements(script: str) -> Iterator[str]:
    """``executescript`` would commit on its own; this stays inside the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def _plainly(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        family = "_".join(name.split("_")[:2])
        what = _WHAT.get(family, str(error))
        raise StoreError(f"{path}: {what}") from error
