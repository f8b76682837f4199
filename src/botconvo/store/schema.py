"""The tables of a project's store, and how an older store becomes a newer one.

Which of them can be erased: everything but ``ledger``, which is append-only by trigger and holds
nothing that says who anybody is.  Times that are sorted or compared are whole microseconds since
1970 in UTC; times that go into digests are ISO 8601 texts.
"""

__all__ = ["APPLICATION_ID", "MIGRATIONS", "VERSION"]

APPLICATION_ID = 0x42436F6E
"""Marks an SQLite file as ours ("BCon")."""

_FIRST = """
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL UNIQUE,
    format TEXT NOT NULL,
    origin TEXT NOT NULL,
    author TEXT,
    imported_at TEXT NOT NULL,
    counts TEXT NOT NULL
);
CREATE TABLE authors (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL
);
CREATE TABLE author_names (
    author TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (author, name)
) WITHOUT ROWID;
CREATE TABLE author_counts (
    source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE,
    author TEXT NOT NULL,
    messages INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (source, author)
) WITHOUT ROWID;

CREATE TABLE messages (
    place INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    author TEXT NOT NULL,
    at INTEGER NOT NULL,
    text TEXT NOT NULL,
    reply_to TEXT,
    attachments TEXT NOT NULL,
    revision INTEGER NOT NULL,
    origin TEXT NOT NULL
);
CREATE INDEX messages_in_order ON messages (channel, at);
CREATE INDEX messages_by_author ON messages (author);
CREATE TABLE reactions (
    message TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    emoji TEXT NOT NULL,
    author TEXT NOT NULL,
    PRIMARY KEY (message, emoji, author)
);
CREATE INDEX reactions_by_author ON reactions (author);

CREATE TABLE people (
    person TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE
);
CREATE TABLE identities (
    author TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people ON DELETE CASCADE
);
CREATE TABLE records (
    record TEXT PRIMARY KEY,
    salt TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE TABLE ledger (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    person TEXT NOT NULL,
    record TEXT,
    seal TEXT NOT NULL,
    previous TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL UNIQUE
);
CREATE TRIGGER ledger_is_not_edited BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_is_not_cut BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TABLE acknowledgements (
    policy TEXT PRIMARY KEY,
    at TEXT NOT NULL
);

CREATE TABLE live (
    place INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    author TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    text TEXT NOT NULL,
    reply_to TEXT,
    attachments TEXT NOT NULL,
    reactions TEXT NOT NULL,
    revision INTEGER NOT NULL
);
CREATE INDEX live_in_order ON live (channel, at);
CREATE TABLE claims (
    channel TEXT NOT NULL,
    post TEXT NOT NULL,
    person TEXT,
    state TEXT NOT NULL CHECK (state IN ('claimed', 'released', 'settled')),
    at INTEGER NOT NULL,
    message TEXT,
    PRIMARY KEY (channel, post)
) WITHOUT ROWID;
"""

_LIFESPAN = """
CREATE TABLE away (
    channel TEXT NOT NULL,
    persona TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (channel, persona)
) WITHOUT ROWID;
CREATE INDEX claims_in_order ON claims (channel, at);
"""

_REINS = """
CREATE TABLE noted (
    kind TEXT NOT NULL CHECK (kind IN ('saved', 'favourite')),
    message TEXT NOT NULL,
    channel TEXT NOT NULL,
    author TEXT NOT NULL,
    name TEXT NOT NULL,
    author_kind TEXT NOT NULL,
    text TEXT NOT NULL,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    noted_at INTEGER NOT NULL,
    PRIMARY KEY (kind, message)
) WITHOUT ROWID;
CREATE TABLE refused_texts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    text TEXT NOT NULL,
    channel TEXT NOT NULL,
    persona TEXT NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL
);
CREATE TABLE ignored (
    author TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE channels (
    channel TEXT PRIMARY KEY,
    paused INTEGER NOT NULL DEFAULT 0,
    muted TEXT NOT NULL DEFAULT '[]',
    begins INTEGER,
    introduced TEXT
) WITHOUT ROWID;
"""

_MEMBERS = """
CREATE TABLE new_sources (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    member TEXT NOT NULL DEFAULT '',
    sha256 TEXT NOT NULL UNIQUE,
    format TEXT NOT NULL,
    origin TEXT NOT NULL,
    author TEXT,
    zone TEXT NOT NULL DEFAULT 'UTC',
    channel TEXT,
    imported_at TEXT NOT NULL,
    counts TEXT NOT NULL,
    UNIQUE (path, member)
);
INSERT INTO new_sources (id, path, sha256, format, origin, author, imported_at, counts)
    SELECT id, path, sha256, format, origin, author, imported_at, counts FROM sources;
CREATE TABLE new_author_counts (
    source INTEGER NOT NULL REFERENCES new_sources ON DELETE CASCADE,
    author TEXT NOT NULL,
    messages INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (source, author)
) WITHOUT ROWID;
INSERT INTO new_author_counts SELECT * FROM author_counts;
DROP TABLE author_counts;
DROP TABLE sources;
ALTER TABLE new_sources RENAME TO sources;
ALTER TABLE new_author_counts RENAME TO author_counts;
DROP INDEX messages_by_author;
CREATE INDEX messages_by_author ON messages (author, at);
"""

_WITHOUT = """
ALTER TABLE sources ADD COLUMN without TEXT NOT NULL DEFAULT '';
"""

_ACCOUNTS = """
CREATE TABLE accounts (
    name TEXT NOT NULL,
    author TEXT NOT NULL,
    PRIMARY KEY (name, author)
) WITHOUT ROWID;
"""

_LEAKS = """
CREATE TABLE leak_index (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    key BLOB NOT NULL,
    messages TEXT NOT NULL,
    sha256 TEXT NOT NULL
);
"""

_UNFINISHED = """
ALTER TABLE sources ADD COLUMN rows_read INTEGER;
ALTER TABLE sources ADD COLUMN ledger_entries INTEGER;
ALTER TABLE author_counts ADD COLUMN record TEXT;
CREATE TABLE collected (
    source INTEGER PRIMARY KEY REFERENCES sources ON DELETE CASCADE,
    channel TEXT NOT NULL UNIQUE,
    oldest INTEGER NOT NULL,
    newest INTEGER NOT NULL
);
"""

_FORGETTING = """
CREATE TABLE forgetting (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    id TEXT NOT NULL,
    at TEXT NOT NULL,
    somebody TEXT,
    receipt TEXT NOT NULL
);
CREATE TABLE forgets (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL
);
CREATE TABLE forgotten_exports (
    sha256 TEXT PRIMARY KEY,
    at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE disabled (
    weights TEXT PRIMARY KEY,
    at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE written (
    path TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('csv', 'report', 'chat', 'clone', 'copy', 'project')),
    sha256 TEXT NOT NULL,
    people TEXT NOT NULL
) WITHOUT ROWID;
"""

_CORRECTIONS = """
CREATE TABLE corrections (
    message TEXT PRIMARY KEY,
    channel TEXT NOT NULL,
    author TEXT NOT NULL,
    persona TEXT NOT NULL,
    text TEXT NOT NULL,
    reply_to TEXT,
    said_at INTEGER NOT NULL,
    context TEXT NOT NULL,
    drawn TEXT NOT NULL,
    judgement TEXT NOT NULL CHECK (judgement IN ('good', 'bad', 'never')),
    judge TEXT NOT NULL CHECK (judge IN ('owner', 'friend', 'moderator', 'anybody')),
    by TEXT NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;
"""

_GAME = """
CREATE TABLE players (
    player TEXT PRIMARY KEY,
    author TEXT NOT NULL UNIQUE
) WITHOUT ROWID;
CREATE TABLE rounds (
    player TEXT NOT NULL REFERENCES players ON DELETE CASCADE,
    persona TEXT NOT NULL,
    session TEXT NOT NULL,
    line INTEGER NOT NULL,
    person TEXT NOT NULL,
    checkpoint TEXT NOT NULL,
    is_real INTEGER NOT NULL,
    guessed_real INTEGER,
    at INTEGER NOT NULL,
    PRIMARY KEY (player, session, line, persona)
) WITHOUT ROWID;
"""

MIGRATIONS = (
    _FIRST,
    _LIFESPAN,
    _REINS,
    _MEMBERS,
    _WITHOUT,
    _ACCOUNTS,
    _LEAKS,
    _UNFINISHED,
    _FORGETTING,
    _CORRECTIONS,
    _GAME,
)
"""Script n makes version n + 1 out of version n."""

VERSION = len(MIGRATIONS)
