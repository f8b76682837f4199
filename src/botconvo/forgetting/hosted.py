"""Tuning jobs at services with lines of the person's: files and models there, records here.

What is there is deleted there.  Where that does not work (no key any more, no network), the forget
goes on all the same: the ids, which name nobody, stay as debts, and every later forget and every
``train --engine hosted`` tries again.
"""

from collections.abc import Iterator

from botconvo.config import load_settings
from botconvo.errors import BotConvoError, ConfigError
from botconvo.forgetting.keeping import Found, Keeper, Project
from botconvo.hosted.records import (
    Debt,
    JobRecord,
    debts,
    drop,
    folder_of,
    keep_debts,
    records,
)
from botconvo.hosted.service import Service, host_of
from botconvo.hosted.tuning import debts_of, settle
from botconvo.store import Somebody, Store

__all__ = ["HOSTED", "hosted_with", "owed"]


def hosted_with(project: Project, somebody: Somebody) -> tuple[JobRecord, ...]:
    """Jobs that got lines of the person's, for their clone or for others'."""
    if somebody.person is None:
        return ()
    return tuple(
        record
        for record in records(project.folder)
        if somebody.person in record.people or somebody.person == record.person
    )


def owed(project: Project) -> tuple[str, ...]:
    """What could not be deleted at services yet; none of it names anybody."""
    return tuple(
        f"a {debt.kind} at {host_of(debt.endpoint)} that could not be deleted yet: {debt.id}"
        for debt in debts(project.folder)
    )


def _find(project: Project, _store: Store, somebody: Somebody) -> tuple[Found, ...]:
    return tuple(_found(project, hosted_with(project, somebody)))


def _found(project: Project, jobs: tuple[JobRecord, ...]) -> Iterator[Found]:
    for record in jobs:
        for debt in debts_of(record):
            where = f"{debt.id} at {host_of(record.endpoint)}, for {record.speaker}'s clone"
            yield Found(what=f"a hosted {debt.kind}", count=1, shown=where)
        yield Found(
            what="a hosted job's record", count=1, shown=str(folder_of(project.folder, record))
        )


def _erase(project: Project, _store: Store, somebody: Somebody) -> None:
    jobs = hosted_with(project, somebody)
    new = [debt for record in jobs for debt in debts_of(record)]
    keep_debts(project.folder, (*debts(project.folder), *new))
    for record in jobs:
        drop(project.folder, record)
    _settle(project, debts(project.folder))


def _settle(project: Project, owing: tuple[Debt, ...]) -> None:
    """As far as it goes now: whoever is to be forgotten does not wait for a service."""
    if not owing:
        return
    try:
        key = load_settings(project.config, required=False).hosted_key
    except ConfigError:
        return
    for endpoint in dict.fromkeys(debt.endpoint for debt in owing):
        try:
            with Service(endpoint, key) as service:
                settle(project.folder, service, endpoint)
        except BotConvoError:  # no key, or no library: they stay owed, and are named
            continue


HOSTED = Keeper(
    name="hosted",
    holds="models and files at services that were made with lines of theirs, and their records",
    find=_find,
    erase=_erase,
)
