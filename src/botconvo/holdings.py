"""Everything that a project holds of one person, as a folder or zip for that person.

JSON for programs, one plain text for people.  Nobody else's words are in it: what others said, the
exports in which they said it, and clones' weights stay where they are and are only named.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from botconvo.agreed import rows
from botconvo.consent import PersonId, latest_record
from botconvo.errors import OutputError
from botconvo.forgetting import OwnAccount, Plan, Project, find_somebody, plan
from botconvo.forgetting.hosted import hosted_with
from botconvo.packing.records import packs_with
from botconvo.store import Somebody, Store
from botconvo.writing import write_whole

__all__ = ["Holding", "holding", "keep_in_mind", "write_holding", "zipped"]

_README = "README.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """``files`` are what is handed out, by name; ``messages`` counts the words in it."""

    name: str
    person: PersonId | None
    """None: no consent was ever recorded."""
    messages: int
    files: Mapping[str, str]


def holding(project: Project, name: str | OwnAccount, now: datetime) -> Holding:
    """What is held of the person with that name, author id or opaque id.

    Raises:
        ConsentError: there is nobody, or there are several.
        BotConvoError: something cannot be read.
    """
    there = plan(project, name)
    with Store.open(project.store, create=False) as store:
        somebody = find_somebody(project, store, name)
        held = store.holdings(somebody)
        record = None
        if somebody.person is not None:
            record = latest_record(store.ledger(somebody.person), somebody.person)
        shown = _shown(store, somebody)
    gone = _gone(project, somebody)
    elsewhere = _elsewhere(there)
    files = {f"{title.replace(' ', '-')}.json": _json(each) for title, each in held.items()}
    files["elsewhere.json"] = _json({"in the project": elsewhere, "sent away": gone})
    agreed = () if record is None else rows(record)
    left = [each.what for each in there.left]
    files[_README] = _summary(shown, now, held, agreed, elsewhere, gone, left)
    count = len(held["messages"]) + len(held["said in live talks"])
    return Holding(name=shown, person=somebody.person, messages=count, files=files)


def _shown(store: Store, somebody: Somebody) -> str:
    known = {person.id: person.name for person in store.people()}
    if somebody.person in known:
        return known[somebody.person]
    return min(somebody.names or somebody.authors, default="somebody")


def zipped(held: Holding) -> bytes:
    """All files in one zip."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in held.files.items():
            archive.writestr(name, text)
    return into.getvalue()


def write_holding(held: Holding, path: Path, *, force: bool = False) -> tuple[Path, ...]:
    """Into a zip where ``path`` ends with ``.zip``, else into a new folder; the files written.

    Raises:
        OutputError: it is there already and ``force`` is False, or it cannot be written.
    """
    if path.suffix.lower() == ".zip":
        write_whole(path, zipped(held), force=force)
        return (path,)
    try:
        path.mkdir(parents=True, exist_ok=force)
    except FileExistsError:
        raise OutputError(f"{path} is there already; give another --out, or --force") from None
    except OSError as error:
        raise OutputError(f"{path} cannot be made: {error.strerror}") from None
    for name, text in held.files.items():
        write_whole(path / name, text, force=force)
    return tuple(path / name for name in held.files)


def keep_in_mind(project: Project, held: Holding, written: tuple[Path, ...]) -> None:
    """A copy that still lies there goes when the person is forgotten."""
    people = frozenset() if held.person is None else frozenset({held.person})
    with Store.open(project.store, create=False) as store:
        for path in written:
            store.note_file(path, "copy", people)


def _elsewhere(there: Plan) -> list[dict[str, Any]]:
    """What stands in files: it is counted and known by digests, and not handed out.

    Others' words may be in it, and paths are the owner's own matter.
    """
    return [
        {
            "where": keeper,
            "what": found.what,
            "count": found.count,
            "sha256": list(found.digests),
        }
        for keeper, found in there.found
        if found.shown
    ]


def _gone(project: Project, somebody: Somebody) -> list[dict[str, Any]]:
    """The packs and tuning jobs in which their words left this computer."""
    person = somebody.person
    packs = () if person is None else packs_with(project.folder, person)
    jobs = [job for job in hosted_with(project, somebody) if job.status != "written"]
    return [
        {
            "to": each.pack.processor,
            "as": f"the pack {each.pack.name}",
            "consent record": each.people[str(person)],
        }
        for each in packs
    ] + [
        {
            "to": each.processor,
            "as": f"the tuning job {each.suffix}",
            "consent record": each.people.get(str(person), ""),
        }
        for each in jobs
    ]


def _summary(
    name: str,
    now: datetime,
    held: Mapping[str, list[dict[str, Any]]],
    agreed: tuple[tuple[str, str], ...],
    elsewhere: list[dict[str, Any]],
    gone: list[dict[str, Any]],
    left: list[str],
) -> str:
    seen = sum(each["messages"] for each in held["seen"])
    taken = len(held["messages"])
    lines = [
        f"What this BotConvo project holds of {name}, on {now:%Y-%m-%d %H:%M} UTC",
        "",
        "What was agreed to",
        *(f"  {label:11}  {value}" for label, value in agreed),
        *([] if agreed else ["  nothing: no words are kept of exports, only how much was written"]),
        "",
        "What is kept (one JSON file each)",
        *(f"  {len(each):7}  {title}" for title, each in held.items()),
        "",
        "What was seen in exports, and left out",
        f"  {seen} messages were seen in imported files, {taken} are kept; of the others only",
        "  their number and the dates of the first and the last.",
        "",
        "Clones, files and other places with something of it",
        *(f"  {each['count']} x {each['what']}" for each in elsewhere),
        *([] if elsewhere else ["  none"]),
        "",
        "Where the words went, other than this computer",
        *(f"  {each['to']}, in {each['as']}" for each in gone),
        *([] if gone else ["  nowhere"]),
        "",
        "What the project cannot reach, if there is any",
        *(f"  {each}" for each in left),
        *([] if left else ["  nothing known"]),
        "",
        "Nobody else's words are in here. To be forgotten: /forgetme in Discord, or ask the owner",
        "of the project ('botconvo forget').",
    ]
    return "\n".join(lines) + "\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
