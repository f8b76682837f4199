-- A store of version 10 with a little of everything.
PRAGMA application_id = 1111715694;
PRAGMA user_version = 10;
BEGIN TRANSACTION;
CREATE TABLE accounts (
    name TEXT NOT NULL,
    author TEXT NOT NULL,
    PRIMARY KEY (name, author)
) WITHOUT ROWID;
CREATE TABLE acknowledgements (
    policy TEXT PRIMARY KEY,
    at TEXT NOT NULL
);
INSERT INTO "acknowledgements" VALUES('discord-developer-policy-21','2024-03-18T12:00:00+00:00');
CREATE TABLE "author_counts" (
    source INTEGER NOT NULL REFERENCES "sources" ON DELETE CASCADE,
    author TEXT NOT NULL,
    messages INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL, record TEXT,
    PRIMARY KEY (source, author)
) WITHOUT ROWID;
INSERT INTO "author_counts" VALUES(7,'discord:1',3,1710763200000000,1710763200000000,NULL);
CREATE TABLE author_names (
    author TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (author, name)
) WITHOUT ROWID;
INSERT INTO "author_names" VALUES('discord:1','Bort');
CREATE TABLE authors (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL
);
INSERT INTO "authors" VALUES('discord:1','Bort','person');
CREATE TABLE away (
    channel TEXT NOT NULL,
    persona TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (channel, persona)
) WITHOUT ROWID;
CREATE TABLE channels (
    channel TEXT PRIMARY KEY,
    paused INTEGER NOT NULL DEFAULT 0,
    muted TEXT NOT NULL DEFAULT '[]',
    begins INTEGER,
    introduced TEXT
) WITHOUT ROWID;
CREATE TABLE claims (
    channel TEXT NOT NULL,
    post TEXT NOT NULL,
    person TEXT,
    state TEXT NOT NULL CHECK (state IN ('claimed', 'released', 'settled')),
    at INTEGER NOT NULL,
    message TEXT,
    PRIMARY KEY (channel, post)
) WITHOUT ROWID;
INSERT INTO "claims" VALUES('discord:8/5','post-1',NULL,'settled',1710763200000000,NULL);
CREATE TABLE collected (
    source INTEGER PRIMARY KEY REFERENCES sources ON DELETE CASCADE,
    channel TEXT NOT NULL UNIQUE,
    oldest INTEGER NOT NULL,
    newest INTEGER NOT NULL
);
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
CREATE TABLE disabled (
    weights TEXT PRIMARY KEY,
    at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE forgets (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL
);
CREATE TABLE forgetting (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    id TEXT NOT NULL,
    at TEXT NOT NULL,
    somebody TEXT,
    receipt TEXT NOT NULL
);
CREATE TABLE forgotten_exports (
    sha256 TEXT PRIMARY KEY,
    at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE identities (
    author TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people ON DELETE CASCADE
);
INSERT INTO "identities" VALUES('discord:1','p-aaaaaaaaaa');
CREATE TABLE ignored (
    author TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE leak_index (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    key BLOB NOT NULL,
    messages TEXT NOT NULL,
    sha256 TEXT NOT NULL
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
INSERT INTO "live" VALUES(1,'discord:5/10','discord:8/5','discord:1','Bort','person',1710763200000000,'said live',NULL,'[]','[]',0);
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
INSERT INTO "messages" VALUES(1,'discord:5/9','discord:5','discord:1',1710763200000000,'hello there',NULL,'[]',0,'discord-api');
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
CREATE TABLE people (
    person TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE
);
INSERT INTO "people" VALUES('p-aaaaaaaaaa','Bort');
CREATE TABLE reactions (
    message TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    emoji TEXT NOT NULL,
    author TEXT NOT NULL,
    PRIMARY KEY (message, emoji, author)
);
INSERT INTO "reactions" VALUES('discord:5/9','😂','discord:1');
CREATE TABLE records (
    record TEXT PRIMARY KEY,
    salt TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE TABLE refused_texts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    text TEXT NOT NULL,
    channel TEXT NOT NULL,
    persona TEXT NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL
);
CREATE TABLE "sources" (
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
    counts TEXT NOT NULL, without TEXT NOT NULL DEFAULT '', rows_read INTEGER, ledger_entries INTEGER,
    UNIQUE (path, member)
);
INSERT INTO "sources" VALUES(7,'a.json','','x','discord-json','discord-api',NULL,'UTC',NULL,'2024-03-18T12:00:00+00:00','{"read": 3}','',NULL,NULL);
CREATE TABLE written (
    path TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('csv', 'report', 'chat', 'clone', 'copy', 'project')),
    sha256 TEXT NOT NULL,
    people TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX messages_in_order ON messages (channel, at);
CREATE INDEX reactions_by_author ON reactions (author);
CREATE TRIGGER ledger_is_not_edited BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_is_not_cut BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE INDEX live_in_order ON live (channel, at);
CREATE INDEX claims_in_order ON claims (channel, at);
CREATE INDEX messages_by_author ON messages (author, at);
DELETE FROM "sqlite_sequence";
COMMIT;
