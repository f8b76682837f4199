"""Which columns hold something of a person, and how that is counted and erased: a table of SQL.

In every statement ``:authors`` is a JSON list of author ids, ``:names`` one of all their names,
``:clones`` one of their clones' names in lower case (compared with ``folded(...)``), ``:person``
the opaque id or NULL, ``:at`` the time; the functions are those of ``erasing``.  What belongs
to others is kept: their words, also where they name the person.  An author id in them is taken out.
"""

from dataclasses import dataclass

__all__ = ["IMPERSONAL", "ROWS", "PersonalRows"]

_BY_ID = "author IN (SELECT value FROM json_each(:authors))"
_CLONES = "IN (SELECT value FROM json_each(:clones))"
_SAID = f"({_BY_ID} OR (folded(name) {_CLONES} AND (kind = 'clone' OR author LIKE '%/person/%')))"
"""Live rows of theirs; where people only type a name, whoever typed this one."""
_NOTED = _SAID.replace("kind =", "author_kind =")
_PLAYED = f"({_BY_ID} OR (author LIKE '%/person/%' AND named(author, :names, :authors)))"
_ABOUT = f"(person = :person OR folded(persona) {_CLONES})"
_ALONE = (
    "(named(path, :names, :authors) OR named(member, :names, :authors)"
    " OR named(author, :names, :authors) OR named(channel, :names, :authors)"
    f" OR (EXISTS (SELECT 1 FROM author_counts WHERE source = sources.id AND {_BY_ID})"
    " AND NOT EXISTS (SELECT 1 FROM author_counts WHERE source = sources.id"
    f" AND NOT {_BY_ID})))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalRows:
    """Rows of one kind.  ``columns`` are all columns that they claim, by table.

    ``count`` gives one number; ``erase`` are statements, in their order.
    """

    name: str
    holds: str
    columns: dict[str, tuple[str, ...]]
    count: str
    erase: tuple[str, ...]


ROWS = (
    PersonalRows(
        name="messages",
        holds="what they wrote, as it was imported, and their reactions",
        columns={
            "messages": (
                "place",
                "id",
                "channel",
                "author",
                "at",
                "text",
                "reply_to",
                "attachments",
                "revision",
                "origin",
            ),
            "reactions": ("message", "emoji", "author"),
        },
        count=f"SELECT (SELECT count(*) FROM messages WHERE {_BY_ID})"
        f" + (SELECT count(*) FROM reactions WHERE {_BY_ID})",
        erase=(
            "UPDATE messages SET reply_to = NULL WHERE reply_to IN"
            f" (SELECT id FROM messages WHERE {_BY_ID})",
            f"DELETE FROM reactions WHERE {_BY_ID}",
            f"DELETE FROM messages WHERE {_BY_ID}",
            "UPDATE messages SET text = unmentioned(text, :authors)"
            " WHERE text <> unmentioned(text, :authors)",
        ),
    ),
    PersonalRows(
        name="exports",
        holds="where the imported exports lie that nobody else wrote in, or that are named after "
        "them",
        columns={
            "sources": (
                "id",
                "path",
                "member",
                "sha256",
                "format",
                "origin",
                "author",
                "zone",
                "channel",
                "without",
                "imported_at",
                "counts",
                "rows_read",
                "ledger_entries",
            ),
        },
        count=f"SELECT count(*) FROM sources WHERE {_ALONE}",
        erase=(
            "INSERT OR IGNORE INTO forgotten_exports SELECT sha256, :at FROM sources WHERE id IN"
            f" (SELECT source FROM author_counts WHERE {_BY_ID})",
            f"DELETE FROM sources WHERE {_ALONE}",
        ),
    ),
    PersonalRows(
        name="authors",
        holds="their accounts' ids and names, and how much they wrote in each export",
        columns={
            "authors": ("id", "name", "kind"),
            "author_names": ("author", "name"),
            "author_counts": ("source", "author", "messages", "first", "last", "record"),
            "accounts": ("name", "author"),
        },
        count="SELECT (SELECT count(*) FROM authors"
        " WHERE id IN (SELECT value FROM json_each(:authors)))"
        f" + (SELECT count(*) FROM accounts WHERE {_BY_ID})",
        erase=(
            f"DELETE FROM accounts WHERE {_BY_ID}",
            f"DELETE FROM author_counts WHERE {_BY_ID}",
            f"DELETE FROM author_names WHERE {_BY_ID}",
            "DELETE FROM authors WHERE id IN (SELECT value FROM json_each(:authors))",
        ),
    ),
    PersonalRows(
        name="leak key",
        holds="the key to digests of what everybody wrote; it is made anew",
        columns={"leak_index": ("one", "key", "messages", "sha256")},
        count="SELECT count(*) FROM leak_index WHERE EXISTS"
        f" (SELECT 1 FROM messages WHERE {_BY_ID})",
        erase=("DELETE FROM leak_index",),
    ),
    PersonalRows(
        name="transcripts",
        holds="what they and their clone said in live talks",
        columns={
            "live": (
                "place",
                "id",
                "channel",
                "author",
                "name",
                "kind",
                "at",
                "text",
                "reply_to",
                "attachments",
                "reactions",
                "revision",
            ),
        },
        count=f"SELECT count(*) FROM live WHERE {_SAID}",
        erase=(
            "UPDATE live SET reply_to = NULL WHERE reply_to IN"
            f" (SELECT id FROM live WHERE {_SAID})",
            f"DELETE FROM live WHERE {_SAID}",
            "UPDATE live SET text = unmentioned(text, :authors)"
            " WHERE text <> unmentioned(text, :authors)",
            "UPDATE live SET reactions = without(reactions, :names, :authors)"
            " WHERE reactions <> without(reactions, :names, :authors)",
        ),
    ),
    PersonalRows(
        name="saved lines",
        holds="lines of theirs and of their clone that were saved, starred or removed, and who did",
        columns={
            "noted": (
                "kind",
                "message",
                "channel",
                "author",
                "name",
                "author_kind",
                "text",
                "at",
                "by",
                "noted_at",
            ),
            "refused_texts": ("number", "text", "channel", "persona", "by", "at"),
        },
        count=f"SELECT (SELECT count(*) FROM noted WHERE {_NOTED})"
        f" + (SELECT count(*) FROM refused_texts WHERE folded(persona) {_CLONES})",
        erase=(
            f"DELETE FROM noted WHERE {_NOTED}",
            "UPDATE noted SET text = unmentioned(text, :authors)"
            " WHERE text <> unmentioned(text, :authors)",
            "UPDATE noted SET by = 'somebody' WHERE named(by, :names, :authors)",
            f"DELETE FROM refused_texts WHERE folded(persona) {_CLONES}",
            "UPDATE refused_texts SET by = 'somebody' WHERE named(by, :names, :authors)",
        ),
    ),
    PersonalRows(
        name="corrections",
        holds="what was said of their clone's lines, what stood before those, and who said it",
        columns={
            "corrections": (
                "message",
                "channel",
                "author",
                "persona",
                "text",
                "reply_to",
                "said_at",
                "context",
                "drawn",
                "judgement",
                "judge",
                "by",
                "at",
            ),
        },
        count=f"SELECT count(*) FROM corrections WHERE folded(persona) {_CLONES}"
        " OR context <> without(context, :names, :authors)",
        erase=(
            f"DELETE FROM corrections WHERE folded(persona) {_CLONES}",
            "UPDATE corrections SET context = without(context, :names, :authors)"
            " WHERE context <> without(context, :names, :authors)",
            *(
                f"UPDATE corrections SET {column} = unmentioned({column}, :authors)"
                f" WHERE {column} <> unmentioned({column}, :authors)"
                for column in ("text", "context", "drawn")
            ),
            "UPDATE corrections SET by = 'somebody' WHERE named(by, :names, :authors)",
        ),
    ),
    PersonalRows(
        name="reins",
        holds="their wish to be ignored, and where their clone is muted or away",
        columns={
            "ignored": ("author", "at"),
            "channels": ("channel", "paused", "muted", "begins", "introduced"),
            "away": ("channel", "persona", "until"),
            "claims": ("channel", "post", "person", "state", "at", "message"),
        },
        count=f"SELECT (SELECT count(*) FROM ignored WHERE {_BY_ID})"
        f" + (SELECT count(*) FROM away WHERE folded(persona) {_CLONES})",
        erase=(
            f"DELETE FROM ignored WHERE {_BY_ID}",
            f"DELETE FROM away WHERE folded(persona) {_CLONES}",
            "UPDATE channels SET muted = without(muted, :names, :authors)"
            " WHERE muted <> without(muted, :names, :authors)",
            "UPDATE claims SET person = NULL WHERE person = :person",
        ),
    ),
    PersonalRows(
        name="game",
        holds="the rounds of the blind game that they played, and those about their clone",
        columns={
            "players": ("player", "author"),
            "rounds": (
                "player",
                "persona",
                "session",
                "line",
                "person",
                "checkpoint",
                "is_real",
                "guessed_real",
                "at",
            ),
        },
        count=f"SELECT (SELECT count(*) FROM players WHERE {_PLAYED})"
        f" + (SELECT count(*) FROM rounds WHERE {_ABOUT})",
        erase=(
            f"DELETE FROM rounds WHERE {_ABOUT}",
            f"DELETE FROM rounds WHERE player IN (SELECT player FROM players WHERE {_PLAYED})",
            f"DELETE FROM players WHERE {_PLAYED}",
        ),
    ),
    PersonalRows(
        name="agreement",
        holds="their name, their accounts, and the texts of what they agreed to",
        columns={
            "people": ("person", "name"),
            "identities": ("author", "person"),
            "records": ("record", "salt", "text"),
        },
        count="SELECT (SELECT count(*) FROM people WHERE person = :person)"
        " + (SELECT count(*) FROM records WHERE record IN"
        " (SELECT record FROM ledger WHERE person = :person))",
        erase=(
            "DELETE FROM records WHERE record IN"
            " (SELECT record FROM ledger WHERE person = :person)",
            "DELETE FROM identities WHERE person = :person",
            f"DELETE FROM identities WHERE {_BY_ID}",
            "DELETE FROM people WHERE person = :person",
        ),
    ),
)

IMPERSONAL: dict[str, tuple[tuple[str, ...], str]] = {
    "ledger": (
        ("number", "at", "kind", "person", "record", "seal", "previous", "digest"),
        "opaque ids and seals: the chain outlives the texts",
    ),
    "collected": (
        ("source", "channel", "oldest", "newest"),
        "how far a server's channel was read: a row goes with its source",
    ),
    "acknowledgements": (("policy", "at"), "which platform's rule the owner has read"),
    "forgets": (("number", "id", "at"), "that somebody was forgotten, and when"),
    "forgotten_exports": (("sha256", "at"), "digests of exports of several people"),
    "disabled": (("weights", "at"), "digests of weights"),
    "forgetting": (
        ("number", "id", "at", "somebody", "receipt"),
        "who is being forgotten: emptied together with their rows",
    ),
    "written": (
        ("path", "kind", "sha256", "people"),
        "where files lie: a row goes with its file (keepers 'files' and 'clones')",
    ),
    "sqlite_sequence": (("name", "seq"), "SQLite's own counters"),
}
"""Columns that hold nothing of anybody once a forget is done, and why."""
