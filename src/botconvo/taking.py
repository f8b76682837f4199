"""Takes rows of exports into the store, of those who agreed, and accounts for all others.

The consent rule of imports stands here and nowhere else: words are kept only of authors with a live
record, and only what that record covers.  Of everybody else the store learns how much they wrote,
and when, so that the owner can see whom to ask.
"""

import gc
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from botconvo.consent import ConsentRecord, allows
from botconvo.errors import ExportEmpty, ImportFailed
from botconvo.importers import FAULTS, Export, LeftOut, Reason, Row, find_exports, natural
from botconvo.messages import UNTOLD, AuthorId, ChannelId, Message
from botconvo.policies import POLICIES
from botconvo.store import COLLECTED, Adding, Source, Store

__all__ = [
    "Accounting",
    "Progress",
    "Taken",
    "drop_without_consent",
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

_CLOCKS_DIFFER = timedelta(minutes=5)
"""Of computers that are right."""

_AT_ONCE = 1000
"""Messages that go into the store together."""

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
    empty: bool = False
    """It failed because nobody has written anything there."""
    interrupted: bool = False
    """Only its first rows were read; the next import of it goes on behind them."""

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
    store: Store,
    export: Export,
    sha256: str,
    now: datetime,
    progress: Progress | None,
    stop: Stop | None = None,
) -> Taken:
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
    with _few_collections(), store.add_export(source, now, same) as adding:
        accounting = _rows(export, adding, store.live_records(now), now, told, before, stop)
        adding.counts = {"read": accounting.read, **accounting.left_out}
    return Taken(
        path=export.path,
        member=export.member,
        format=export.format,
        origin=export.origin,
        accounting=accounting,
        interrupted=adding.rows_read is not None,
    )


@contextmanager
def _few_collections() -> Iterator[None]:
    """Rows by the million make no cycles: looking for some among them takes a tenth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


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
    ahead: Counter[bool] = Counter()
    rows = _compared(export.rows(told), now + _CLOCKS_DIFFER, ahead)
    if stop is not None:
        rows = _until(rows, stop, before, adding)
    messages = take_rows(rows, adding, records, accounting, export, before)
    if ahead[True]:
        _warn(
            accounting,
            export,
            f"messages from the future ({ahead[True]:,}); check --time-zone and this computer's "
            "clock",
        )
    if not accounting.read:
        raise ExportEmpty(f"{export.label} holds no messages at all")
    if not messages:
        raise ImportFailed(f"{export.label} holds no message of a person ({_reasons(accounting)})")
    return accounting


def _compared(rows: Iterator[Row], soon: datetime, ahead: Counter[bool]) -> Iterator[Row]:
    """The rows; ``ahead`` counts the messages that are later than ``soon``."""
    for row in rows:
        if isinstance(row, Message) and row.at > soon:
            ahead[True] += 1
        yield row


def _until(rows: Iterator[Row], stop: Stop, before: int, adding: Adding) -> Iterator[Row]:
    """The rows up to where somebody wants to stop, which is asked behind those of ``before``."""
    messages = False
    for number, row in enumerate(rows, 1):
        yield row
        messages = messages or isinstance(row, Message)
        if number % _AT_ONCE == 0 and number > before and messages and stop():
            adding.rows_read = number
            return


def take_rows(
    rows: Iterable[Row],
    adding: Adding,
    records: Mapping[AuthorId, ConsentRecord],
    accounting: Accounting,
    export: Export | None = None,
    before: int = 0,
) -> int:
    """Keep what the records allow, and account for every row; how many messages there were.

    The first ``before`` rows are in the store already; ``export`` is where faults lie.
    """
    agreed: list[Message] = []
    messages = 0
    for row in rows:
        accounting.read += 1
        if isinstance(row, LeftOut):
            _leave_out(row, export, adding, accounting)
            continue
        messages += 1
        adding.saw(row)
        reason = _why_not(row, records)
        if reason is None and accounting.read <= before:
            reason = TAKEN_BEFORE
        if reason is not None:
            accounting.left_out[reason] += 1
            continue
        agreed.append(_with_agreed_reactions(row, records))
        if len(agreed) >= _AT_ONCE:
            _take_all(agreed, adding, accounting)
    _take_all(agreed, adding, accounting)
    return messages


def _leave_out(row: LeftOut, export: Export | None, adding: Adding, accounting: Accounting) -> None:
    accounting.left_out[row.reason] += 1
    if row.reason is Reason.BOT and row.author is not None:
        adding.saw_bot(row.author)
    if export is not None and row.reason in FAULTS and len(accounting.errors) < _MOST_ERRORS:
        accounting.errors.append(
            {
                "file": f"{export.path}/{row.file}" if row.file else export.label,
                "line": row.line,
                "what": str(row.reason),
            }
        )


def _warn(accounting: Accounting, export: Export, what: str) -> None:
    accounting.errors.append({"file": export.label, "line": None, "what": what})


def _take_all(messages: list[Message], adding: Adding, accounting: Accounting) -> None:
    for message, new in zip(messages, adding.take_all(messages), strict=True):
        if new:
            accounting.taken += 1
            accounting.by_author[message.author.id] += 1
        else:
            accounting.left_out[ALREADY_TAKEN] += 1
    messages.clear()


def _why_not(message: Message, records: Mapping[AuthorId, ConsentRecord]) -> str | None:
    """Why a message is not taken, unless its author agreed."""
    record = records.get(message.author.id)
    if record is None:
        return NO_CONSENT
    if not allows(record, author=message.author.id, channel=message.channel, at=message.at):
        return OUTSIDE_CONSENT
    return None


def _with_agreed_reactions(message: Message, records: Mapping[AuthorId, ConsentRecord]) -> Message:
    if not message.reactions:
        return message
    agreed = tuple(
        reaction
        for reaction in message.reactions
        if reaction.author is None or reaction.author.id in records
    )
    return replace(message, reactions=agreed)


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


def _failed(path: Path, member: str, why: str, *, empty: bool = False) -> Taken:
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
    )


def _reasons(accounting: Accounting) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in accounting.left_out.most_common())
