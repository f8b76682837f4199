"""Takes rows of exports into the store, of those who agreed, and accounts for all others.

The consent rule of imports stands here and nowhere else: words are kept only of authors with a live
record, and only what that record covers.  Of everybody else the store learns how much they wrote,
and when, so that the owner can see whom to ask.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from botconvo.consent import ConsentRecord, allows
from botconvo.errors import ImportFailed
from botconvo.importers import FAULTS, Export, LeftOut, Reason, find_exports
from botconvo.messages import AuthorId, ChannelId, Message
from botconvo.policies import POLICIES
from botconvo.store import Adding, Source, Store

__all__ = [
    "Accounting",
    "Progress",
    "Taken",
    "drop_without_consent",
    "take_again",
    "take_exports",
]

NO_CONSENT = "no consent"
OUTSIDE_CONSENT = "outside the consent"
ALREADY_TAKEN = "already taken"
_MOST_ERRORS = 1000
"""Faults that are listed one by one; all are counted."""

_KNOWN_ROWS = 3
"""So many rows that the store knows tell where an export without a channel belongs."""

Progress = Callable[[str, int, int], None]
"""Told what is read, the bytes read so far, and how many there are."""


@dataclass(slots=True, kw_only=True)
class Accounting:
    """What became of every row: ``read == taken + sum(left_out.values())``."""

    read: int = 0
    taken: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    by_author: Counter[str] = field(default_factory=Counter)
    """Rows taken, by author id."""
    errors: list[dict[str, str | int | None]] = field(default_factory=list)
    """What could not be read: ``file``, ``line``, ``what``."""

    def add(self, other: "Accounting") -> None:
        """Add up two files."""
        self.read += other.read
        self.taken += other.taken
        self.left_out.update(other.left_out)
        self.by_author.update(other.by_author)
        self.errors.extend(other.errors)

    def as_json(self) -> dict[str, object]:
        """The form of ``--report FILE``."""
        return {
            "read": self.read,
            "taken": self.taken,
            "left_out": dict(self.left_out.most_common()),
            "by_author": dict(self.by_author.most_common()),
            "errors": self.errors,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One export of an import; ``failed`` says why it gave nothing, in one line."""

    path: Path
    member: str = ""
    format: str
    origin: str
    accounting: Accounting
    failed: str | None = None

    @property
    def name(self) -> str:
        """How it is called among the others."""
        return f"{self.path.name}/{self.member}" if self.member else self.path.name


def take_exports(
    store: Store,
    paths: Sequence[Path],
    now: datetime,
    *,
    author: str | None = None,
    zone: str = "UTC",
    without: frozenset[str] = frozenset(),
    progress: Progress | None = None,
) -> tuple[Taken, ...]:
    """Import files, folders and zips, each export in one transaction.

    One that cannot be read does not stop the rest.  ``author`` and ``zone`` are explained in
    ``find_exports``, ``without`` in ``importers.reading.About``.

    Raises:
        ImportFailed: there is no such file, or not one of them could be read.
        StoreError: the store cannot be written; the exports before that one are in.
    """
    whole = [path.absolute() for path in paths]
    _all_there(whole)
    drop_without_consent(store, now)
    taken: list[Taken] = []
    failures: list[ImportFailed] = []

    def failed(path: Path, why: ImportFailed, member: str = "") -> None:
        failures.append(why)
        taken.append(_failed(path, member, str(why)))

    for path in dict.fromkeys(whole):
        try:
            found = find_exports(path, author=author, zone=zone)
        except ImportFailed as why:
            failed(path, why)
            continue
        for found_export in found.exports:
            export = replace(found_export, without=without)
            try:
                _check_policy(store, export)
                taken.append(_take(store, export, export.digest(), now, progress))
            except ImportFailed as why:
                failed(path, why, export.member)
        taken.extend(
            _failed(path, name, f"{path}/{name} {why}") for name, why in found.others.items()
        )
    if all(file.failed is not None for file in taken):
        raise failures[0]
    return tuple(taken)


def take_again(
    store: Store,
    authors: Collection[AuthorId],
    now: datetime,
    progress: Progress | None = None,
) -> tuple[Accounting, tuple[str, ...]]:
    """Go again through the imported files that ``authors`` wrote in, because they agreed since.

    The second value says, a sentence each, which files could not be used.
    """
    total = Accounting()
    trouble: list[str] = []
    for source in store.sources(authors):
        try:
            export = Export(
                path=source.path,
                member=source.member,
                format=source.format,
                author=source.author,
                zone=source.zone,
                channel=source.channel,
                without=source.without,
            )
            if export.digest() != source.sha256:
                trouble.append(f"{export.label} was changed since it was imported; import it again")
                continue
            total.add(_take(store, export, source.sha256, now, progress).accounting)
        except ImportFailed as failed:
            trouble.append(f"{failed}; import it again from where it is now")
    return total, tuple(trouble)


def drop_without_consent(store: Store, now: datetime) -> int:
    """Remove the rows of everybody whose record is gone, withdrawn or expired; how many."""
    live = store.live_records(now)
    return store.drop_messages(store.authors_with_messages() - live.keys())


def _check_policy(store: Store, export: Export) -> None:
    policy = POLICIES.get(export.origin)
    if policy is None or not policy.before_import or store.acknowledged(policy.name) is not None:
        return
    raise ImportFailed(f"{export.label} was not read. {policy.refusal}")


def _take(
    store: Store, export: Export, sha256: str, now: datetime, progress: Progress | None
) -> Taken:
    if export.channel is None and export.guesses_channel:
        export = replace(export, channel=_channel_of(store, export))
    source = Source(
        path=export.path,
        member=export.member,
        sha256=sha256,
        format=export.format,
        origin=export.origin,
        author=export.author,
        zone=export.zone,
        channel=export.channel,
        without=export.without,
    )
    total = 0 if progress is None else export.size()
    told = None if progress is None else lambda done: progress(export.label, done, total)
    with store.add_export(source, now) as adding:
        accounting = _rows(export, adding, store.live_records(now), told)
        adding.counts = {"read": accounting.read, **accounting.left_out}
    return Taken(
        path=export.path,
        member=export.member,
        format=export.format,
        origin=export.origin,
        accounting=accounting,
    )


def _channel_of(store: Store, export: Export) -> ChannelId | None:
    """Where an export belongs whose rows do not say so: in the channel of rows known already."""
    found: Counter[ChannelId] = Counter()
    for row in export.rows():
        if isinstance(row, Message):
            found.update(store.channels_of(row))
            if found.total() >= _KNOWN_ROWS and found.most_common(1)[0][1] * 2 > found.total():
                break
    return found.most_common(1)[0][0] if found else None


def _rows(
    export: Export,
    adding: Adding,
    records: Mapping[AuthorId, ConsentRecord],
    told: Callable[[int], None] | None,
) -> Accounting:
    accounting = Accounting()
    messages = 0
    for row in export.rows(told):
        accounting.read += 1
        if isinstance(row, LeftOut):
            accounting.left_out[row.reason] += 1
            if row.reason is Reason.BOT and row.author is not None:
                adding.saw_bot(row.author)
            if row.reason in FAULTS and len(accounting.errors) < _MOST_ERRORS:
                accounting.errors.append(
                    {
                        "file": f"{export.path}/{row.file}" if row.file else export.label,
                        "line": row.line,
                        "what": str(row.reason),
                    }
                )
            continue
        messages += 1
        adding.saw(row)
        reason = _offer(row, adding, records)
        if reason is None:
            accounting.taken += 1
            accounting.by_author[row.author.id] += 1
        else:
            accounting.left_out[reason] += 1
    if not messages:
        raise ImportFailed(f"{export.label} holds no message of a person ({_reasons(accounting)})")
    return accounting


def _offer(
    message: Message, adding: Adding, records: Mapping[AuthorId, ConsentRecord]
) -> str | None:
    """Take a message if its author agreed; otherwise why not."""
    record = records.get(message.author.id)
    if record is None:
        return NO_CONSENT
    if not allows(record, author=message.author.id, channel=message.channel, at=message.at):
        return OUTSIDE_CONSENT
    agreed = tuple(
        reaction
        for reaction in message.reactions
        if reaction.author is None or reaction.author.id in records
    )
    return None if adding.take(replace(message, reactions=agreed)) else ALREADY_TAKEN


def _all_there(paths: Iterable[Path]) -> None:
    """A mistyped name is told before anything is done."""
    for path in paths:
        if not path.exists():
            raise ImportFailed(f"there is no file {path}; check its name")


def _failed(path: Path, member: str, why: str) -> Taken:
    label = f"{path}/{member}" if member else str(path)
    accounting = Accounting(errors=[{"file": label, "line": None, "what": why}])
    return Taken(path=path, member=member, format="", origin="", accounting=accounting, failed=why)


def _reasons(accounting: Accounting) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in accounting.left_out.most_common())
    return reasons or "it has no messages at all"
