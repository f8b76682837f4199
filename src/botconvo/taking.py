"""Takes rows of exports into the store, of those who agreed, and accounts for all others.

The consent rule of imports stands here and nowhere else: words are kept only of authors with a live
record, and only what that record covers.  Of everybody else the store learns how much they wrote,
and when, so that the owner can see whom to ask.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import compress, islice
from pathlib import Path

from botconvo.batches import Batch, batches, few_collections, in_batches
from botconvo.consent import ConsentRecord, allows
from botconvo.errors import ExportEmpty, ImportFailed
from botconvo.importers import Export, Row, find_exports, natural
from botconvo.messages import UNTOLD, AuthorId, ChannelId, Message
from botconvo.policies import POLICIES
from botconvo.store import (
    COLLECTED,
    Adding,
    Packed,
    Seen,
    Source,
    Store,
    StoredRow,
    from_micros,
    to_micros,
)

__all__ = [
    "Accounting",
    "Progress",
    "Taken",
    "drop_without_consent",
    "export_of",
    "in_order",
    "take_again",
    "take_exports",
    "take_rows",
]

NO_CONSENT = "no consent"
OUTSIDE_CONSENT = "outside the consent"
ALREADY_TAKEN = "already taken"
TAKEN_BEFORE = "taken before the interruption"
_MOST_ERRORS = 1000
"""Faults that are listed one by one; all are counted."""

_KNOWN_ROWS = 3
"""So many rows that the store knows tell where an export without a channel belongs."""

_ZONE_ROWS = 50_000
"""So many rows, a summer and a winter of a busy channel, tell whether a time zone matters."""

_CLOCKS_DIFFER = timedelta(minutes=5)
"""Of computers that are right."""

Progress = Callable[[str, int, int], None]
"""Told what is read, the bytes read so far, and how many there are."""
Stop = Callable[[], bool]
"""Asked now and then whether somebody wants to go on another time."""


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
    ahead: int = 0
    """Messages that are dated in the future."""

    def add(self, other: "Accounting") -> None:
        """Add up two files."""
        self.read += other.read
        self.taken += other.taken
        self.left_out.update(other.left_out)
        self.by_author.update(other.by_author)
        self.errors.extend(other.errors)
        self.ahead += other.ahead

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
    forgotten: bool = False
    """Somebody wrote in it who was forgotten since: their name is listed again, no words."""
    empty: bool = False
    """It failed because nobody has written anything there."""
    unknown: bool = False
    """It is no export at all."""
    interrupted: bool = False
    """Only its first rows were read; the next import of it goes on behind them."""

    @property
    def name(self) -> str:
        """How it is called among the others."""
        return f"{self.path.name}/{self.member.rstrip('/')}" if self.member else self.path.name


def take_exports(
    store: Store,
    paths: Sequence[Path],
    now: datetime,
    *,
    author: str | None = None,
    zone: str = "UTC",
    without: frozenset[str] = frozenset(),
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> tuple[Taken, ...]:
    """Import files, folders and zips, each export in one transaction.

    When ``stop`` says so, what was read so far is kept, the rest is left for the next time, and
    the last of the exports that are returned is ``interrupted``.

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
    exports: list[Export] = []

    def failed(path: Path, why: ImportFailed, member: str = "") -> None:
        failures.append(why)
        taken.append(_failed(path, member, str(why), empty=isinstance(why, ExportEmpty)))

    for path in dict.fromkeys(whole):
        try:
            found = find_exports(path, author=author, zone=zone)
        except ImportFailed as why:
            failed(path, why)
            continue
        exports.extend(replace(each, without=without) for each in found.exports)
        taken.extend(
            _failed(path, name, f"{path}/{name} is empty", empty=True) for name in found.empty
        )
        taken.extend(
            _failed(path, name, f"{path}/{name} {why}") for name, why in found.others.items()
        )
        taken.extend(
            _failed(path, name, f"{path}/{name} {why}", unknown=True)
            for name, why in found.unknown.items()
        )
    for export in in_order(exports):
        try:
            _check_policy(store, export)
            stamp = export.stamp()
            taken.append(_take(store, export, export.digest(), now, progress, stop))
            if export.stamp() != stamp:
                _warn(taken[-1].accounting, export, "was written to meanwhile; import it again")
            if taken[-1].interrupted:
                return tuple(taken)
        except ImportFailed as why:
            failed(export.path, why, export.member)
    if all(file.failed is not None for file in taken):
        raise failures[0]
    return tuple(taken)


def in_order(exports: Iterable[Export]) -> list[Export]:
    """The parts of one channel by their numbers; last what needs names that the others tell."""
    found = list(exports)
    places = {label: place for place, label in enumerate(natural(each.label for each in found))}
    return sorted(found, key=lambda each: (each.names_only, places[each.label]))


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
    sources = store.sources(authors)
    if any(source.format == COLLECTED for source in sources):
        trouble.append("what they wrote where the bot reads is still to come: botconvo collect")
    for source in sources:
        if source.format == COLLECTED:
            continue
        try:
            export = export_of(source)
            if export.digest() != source.sha256:
                trouble.append(f"{export.label} was changed since it was imported; import it again")
                continue
            again = _take(store, export, source.sha256, now, progress, again=True)
            total.add(again.accounting)
        except ImportFailed as failed:
            trouble.append(f"{failed}; import it again from where it is now")
    return total, tuple(trouble)


def drop_without_consent(store: Store, now: datetime) -> int:
    """Remove the rows of everybody whose record is gone, withdrawn or expired; how many."""
    live = store.live_records(now)
    return store.drop_messages(store.authors_with_messages() - live.keys())


def export_of(source: Source) -> Export:
    """What was imported as that."""
    return Export(
        path=source.path,
        member=source.member,
        format=source.format,
        author=source.author,
        zone=source.zone,
        channel=source.channel,
        without=source.without,
    )


def _check_policy(store: Store, export: Export) -> None:
    policy = POLICIES.get(export.origin)
    if policy is None or not policy.before_import or store.acknowledged(policy.name) is not None:
        return
    raise ImportFailed(f"{export.label} was not read. {policy.refusal}")


def _check_zone(store: Store, export: Export, sha256: str) -> None:
    """The same file by another clock would have every message once more, at another time."""
    before = store.zone_of(sha256)
    if before is None or before == export.zone:
        return
    then = replace(export, zone=before)
    both = zip(_times(export), _times(then), strict=False)
    if any(one != other for one, other in islice(both, _ZONE_ROWS)):
        raise ImportFailed(
            f"{export.label} was imported before with --time-zone {before}; with {export.zone} "
            "all of it would be there twice, at other times. Repeat it with "
            f"--time-zone {before}; if that was the wrong one, import it into a new project"
        )


def _times(export: Export) -> Iterator[datetime | None]:
    """When the rows were written; None where there is no message."""
    return (row.at if isinstance(row, Message) else None for row in export.rows())


def _take(
    store: Store,
    export: Export,
    sha256: str,
    now: datetime,
    progress: Progress | None,
    stop: Stop | None = None,
    *,
    again: bool = False,
) -> Taken:
    """Read ``again`` for somebody else's sake, it brings nobody back who was forgotten."""
    _check_zone(store, export, sha256)
    if export.names_only:
        export = replace(export, accounts=store.accounts())
    if export.channel is None and export.guesses_channel:
        export = replace(export, channel=_channel_of(store, export))
        same = None
    else:
        same = _known_channel(store, export, {each for each in store.channels() if UNTOLD in each})
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
    before = store.rows_read(source)
    with few_collections(), store.add_export(source, now, same) as adding:
        accounting = _rows(export, adding, store.live_records(now), now, told, before, stop)
        adding.counts = {"read": accounting.read, **accounting.left_out}
        forgotten = sha256 in store.forgotten_exports()
        if again and forgotten:
            adding.pass_over_unknown()
    return Taken(
        path=export.path,
        member=export.member,
        format=export.format,
        origin=export.origin,
        accounting=accounting,
        interrupted=adding.rows_read is not None,
        forgotten=forgotten,
    )


def _channel_of(store: Store, export: Export) -> ChannelId | None:
    """Where an export belongs whose rows do not say so: in the channel of rows known already.

    Later parts of a channel belong where the first one does.
    """
    known = _known_channel(store, export, store.channels())
    if known is not None:
        return known
    first = export.first_part()
    if first is None:
        return None
    return _channel_of(store, first) or next(
        (row.channel for row in first.rows() if isinstance(row, Message)), None
    )


def _known_channel(store: Store, export: Export, among: Collection[ChannelId]) -> ChannelId | None:
    """The channel (one of ``among``) in which the first known rows of an export stand."""
    found: Counter[ChannelId] = Counter()
    for row in export.rows() if among else ():
        if isinstance(row, Message):
            channels = store.channels_of(row)
            found.update(each for each in channels if each in among)
            if found.total() >= _KNOWN_ROWS and found.most_common(1)[0][1] * 2 > found.total():
                break
    return found.most_common(1)[0][0] if found else None


def _rows(
    export: Export,
    adding: Adding,
    records: Mapping[AuthorId, ConsentRecord],
    now: datetime,
    told: Callable[[int], None] | None,
    before: int,
    stop: Stop | None,
) -> Accounting:
    """Messages dated after ``now`` are taken like all others, and told."""
    accounting = Accounting()
    with closing(batches(export, told)) as found:
        compared = _compared(found, now + _CLOCKS_DIFFER, accounting)
        asked = _until(compared, stop, before, adding, accounting) if stop else compared
        messages = _take_batches(asked, adding, records, accounting, export, before)
    if accounting.ahead:
        _warn(
            accounting,
            export,
            f"messages from the future ({accounting.ahead:,}); check --time-zone and this "
            "computer's clock",
        )
    if not accounting.read:
        raise ExportEmpty(f"{export.label} holds no messages at all")
    if not messages:
        raise ImportFailed(f"{export.label} holds no message of a person ({_reasons(accounting)})")
    return accounting


def _compared(found: Iterable[Batch], soon: datetime, accounting: Accounting) -> Iterator[Batch]:
    """The batches; ``accounting`` counts the messages that are later than ``soon``."""
    latest = to_micros(soon)
    for batch in found:
        if any(seen.last > latest for seen in batch.packed.seen.values()):
            accounting.ahead += sum(row[3] > latest for row in batch.packed.rows)
        yield batch


def _until(
    found: Iterable[Batch], stop: Stop, before: int, adding: Adding, accounting: Accounting
) -> Iterator[Batch]:
    """The batches up to where somebody wants to stop, which is asked behind those of ``before``.

    ``accounting`` tells how many rows were read.
    """
    messages = False
    for batch in found:
        if messages and accounting.read > before and stop():
            adding.rows_read = accounting.read
            return
        messages = messages or bool(batch.packed.rows)
        yield batch


def take_rows(
    rows: Iterable[Row],
    adding: Adding,
    records: Mapping[AuthorId, ConsentRecord],
    accounting: Accounting,
) -> int:
    """Keep what the records allow, and account for every row; how many messages there were."""
    return _take_batches(in_batches(rows, adding.origin), adding, records, accounting)


def _take_batches(
    found: Iterable[Batch],
    adding: Adding,
    records: Mapping[AuthorId, ConsentRecord],
    accounting: Accounting,
    export: Export | None = None,
    before: int = 0,
) -> int:
    """The first ``before`` rows are in the store already; ``export`` is where faults lie."""
    messages = 0
    for batch in found:
        messages += len(batch.packed.rows)
        accounting.read += len(batch.packed.rows) + batch.left_out.total()
        _leave_out(batch, export, adding, accounting)
        adding.saw_all(batch.packed)
        agreed = _agreed(batch.packed, records, accounting)
        if accounting.read <= before:
            accounting.left_out.update({TAKEN_BEFORE: len(agreed.rows)} if agreed.rows else {})
        else:
            _take_all(agreed, adding, accounting)
    return messages


def _leave_out(batch: Batch, export: Export | None, adding: Adding, accounting: Accounting) -> None:
    accounting.left_out.update(batch.left_out)
    for bot in batch.bots:
        adding.saw_bot(bot)
    if export is None:
        return
    for row in batch.faults[: _MOST_ERRORS - len(accounting.errors)]:
        accounting.errors.append(
            {
                "file": f"{export.path}/{row.file}" if row.file else export.label,
                "line": row.line,
                "what": str(row.reason),
            }
        )


def _warn(accounting: Accounting, export: Export, what: str) -> None:
    accounting.errors.append({"file": export.label, "line": None, "what": what})


def _take_all(packed: Packed, adding: Adding, accounting: Accounting) -> None:
    new = adding.take_all(packed)
    accounting.taken += sum(new)
    if not all(new):
        accounting.left_out[ALREADY_TAKEN] += len(new) - sum(new)
    taken = compress((row[2] for row in packed.rows), new)
    accounting.by_author.update(taken)


def _agreed(
    packed: Packed, records: Mapping[AuthorId, ConsentRecord], accounting: Accounting
) -> Packed:
    """The rows that may be kept; all others are counted by the reason why not."""
    reactions = [each for each in packed.reactions if not each[2] or each[2] in records]
    if all(_all_allowed(seen, packed.channels, records) for seen in packed.seen.values()):
        return replace(packed, reactions=reactions)
    rows: list[StoredRow] = []
    for row in packed.rows:
        reason = _why_not(row, records)
        if reason is None:
            rows.append(row)
        else:
            accounting.left_out[reason] += 1
    kept = {row[0] for row in rows}
    reactions = [each for each in reactions if each[0] in kept]
    return replace(packed, rows=rows, reactions=reactions)


def _all_allowed(
    seen: Seen, channels: Iterable[ChannelId], records: Mapping[AuthorId, ConsentRecord]
) -> bool:
    """Whether a record covers all of somebody's rows: it does if it covers the first and last."""
    record = records.get(seen.author.id)
    return record is not None and all(
        allows(record, author=seen.author.id, channel=channel, at=from_micros(at))
        for channel in channels
        for at in (seen.first, seen.last)
    )


def _why_not(row: StoredRow, records: Mapping[AuthorId, ConsentRecord]) -> str | None:
    """Why a message is not taken, unless its author agreed."""
    _, channel, author, at, *_ = row
    record = records.get(author)
    if record is None:
        return NO_CONSENT
    if not allows(record, author=author, channel=channel, at=from_micros(at)):
        return OUTSIDE_CONSENT
    return None


def _all_there(paths: Iterable[Path]) -> None:
    """A mistyped name is told before anything is done."""
    for path in paths:
        try:
            path.stat()
        except FileNotFoundError:
            raise ImportFailed(f"there is no file {path}; check its name") from None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise ImportFailed(f"{path} cannot be read: {why}") from None


def _failed(
    path: Path, member: str, why: str, *, empty: bool = False, unknown: bool = False
) -> Taken:
    label = f"{path}/{member}" if member else str(path)
    errors: list[dict[str, str | int | None]] = [{"file": label, "line": None, "what": why}]
    accounting = Accounting(errors=[] if empty else errors)
    return Taken(
        path=path,
        member=member,
        format="",
        origin="",
        accounting=accounting,
        failed=why,
        empty=empty,
        unknown=unknown,
    )


def _reasons(accounting: Accounting) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in accounting.left_out.most_common())
