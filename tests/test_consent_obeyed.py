"""Every bound of a consent, and every way to somebody's words or clone that has to obey it.

The record under test stands in the ledger while the store still holds rows of a wider one, so that
each gate has to look for itself.  A clone that comes back from elsewhere is in ``packing``, what
is said in a talk to a clone that may not hear it in ``conversation``.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import NOON
from fakes import FakeClock
from orchestrator.stage import a_member

from botconvo.agreed import audience_of, audience_words, rows
from botconvo.checkpoints import bound_person, consenting_person
from botconvo.consent import ConsentRecord, PersonId, RecordId, granted, withdrawn
from botconvo.errors import ConsentError, CorpusError
from botconvo.exporting import export_csv
from botconvo.gathering import gather
from botconvo.messages import AuthorId, ChannelId
from botconvo.orchestrator.permits import Permits
from botconvo.personas import PersonaName
from botconvo.policies import DISCORD
from botconvo.reviewing import review
from botconvo.store import Claimed, Store
from botconvo.taking import take_again, take_exports
from model_server.checkpoint.manifest import Consent

GENERAL = next(
    (Path(__file__).parent / "data" / "exports" / "discord-dce-2.47").glob("*general*.json")
)
BORT, P = AuthorId("discord:101000000000000001"), PersonId("p-aaaaaaaaaa")
HERE = ChannelId("discord:1218000000000000002")
WEIGHTS = "a" * 64
NOW = datetime.now(UTC)
LONG_AGO, LATE = NOW - timedelta(days=4000), NOW + timedelta(days=4000)
WIDE = ConsentRecord(
    id=RecordId("r-1"),
    person=P,
    granted_at=LONG_AGO,
    adult=True,
    sources=(BORT,),
    processors=("local", "hosted-notebook"),
    checkpoints=(WEIGHTS,),
)


@dataclass
class Project:
    """A store in which Bort's rows stand, and a folder for what is written."""

    store: Store
    folder: Path

    def agree(self, **bounds: Any) -> None:
        """Bort agrees to something else; no rows are dropped."""
        number = len(self.store.ledger())
        record = replace(WIDE, id=RecordId(f"r-{number + 1}"), **bounds)
        entry = granted(self.store.ledger(), record, salt=f"s{number}")
        self.store.append_ledger(entry)


@pytest.fixture
def project(store: Store, tmp_path: Path) -> Project:
    path = Path(shutil.copy(GENERAL, tmp_path / "general.json"))
    found = Project(store, tmp_path)
    store.keep_person(P, "Bort", [BORT])
    found.agree()
    take_exports(store, [path], NOW)
    assert len(store.messages_of([BORT])) == 3
    store.acknowledge(DISCORD.name, NOW)
    return found


def imports(project: Project) -> object:
    project.store.drop_messages([BORT])
    return take_again(project.store, [BORT], NOW, None)[0].taken


def trains(project: Project) -> object:
    return gather(project.store, "Bort", NOW).messages


def packs(project: Project) -> object:
    return gather(project.store, "Bort", NOW, processor="hosted-notebook").messages


def writes_csv(project: Project) -> object:
    return export_csv(project.store, "Bort", project.folder / "bort.csv", NOW).rows


def reviews(project: Project) -> object:
    return review(project.store, "Bort", NOW)


def serves(project: Project) -> object:
    return consenting_person(Consent(person=P, record="r-1"), project.store, "Bort")


def serves_old(project: Project) -> object:
    return bound_person(project.store, WEIGHTS, "Bort", NOW)


def plays_on(platform: str) -> Callable[[Project], object]:
    def plays(project: Project) -> object:
        permits = Permits(project.store, FakeClock(NOW), [platform])
        return permits.refusal(a_member(PersonaName("Bort"), person=P)) is None

    return plays


def posts_on(platform: str) -> Callable[[Project], object]:
    def posts(project: Project) -> object:
        channel = ChannelId(f"{platform}:main")
        return isinstance(project.store.claim(channel, "1", P, NOW), Claimed)

    return posts


WAYS: dict[str, Callable[[Project], object]] = {
    "train": trains,
    "train --pack": packs,
    "export-csv": writes_csv,
    "review": reviews,
    "serve-model": serves,
    "serve-model, an old clone": serves_old,
    "run on discord": plays_on("discord"),
    "run on the page": plays_on("web"),
    "a post on discord": posts_on("discord"),
    "a post on the page": posts_on("web"),
    "import": imports,  # the last: it drops what the others look at
}
WORDS = {"import", "train", "train --pack", "export-csv", "review"}
LOCAL = set(WAYS) - {"import", "train --pack"}
DISCORD_WAYS = {"run on discord", "a post on discord"}
BOUNDS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "everything": ({}, set()),
    "expired": ({"expires_at": NOW - timedelta(hours=1)}, set(WAYS)),
    "not expired yet": ({"expires_at": NOW + timedelta(hours=1)}, set()),
    "another account": ({"sources": (AuthorId("discord:1"),)}, WORDS),
    "another channel": ({"channels": (ChannelId("discord:1"),)}, WORDS),
    "this channel": ({"channels": (HERE,)}, set()),
    "later messages": ({"since": LATE}, WORDS),
    "earlier messages": ({"until": LONG_AGO}, WORDS),
    "all dates": ({"since": LONG_AGO, "until": LATE}, set()),
    "the page alone": ({"platforms": ("web",)}, DISCORD_WAYS),
    "a hosted computer alone": ({"processors": ("hosted-notebook",)}, LOCAL),
    "this computer alone": ({"processors": ("local",)}, {"train --pack"}),
    "no old clone": ({"checkpoints": ()}, {"serve-model, an old clone"}),
    "an audience": ({"audience": ()}, set()),
    "a statement": ({"statement": "go ahead"}, set()),
}
"""What is agreed to, and the ways that are closed by it; all others are open."""


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_bound_closes_its_ways_and_no_others(project: Project, bound: str) -> None:
    bounds, closed = BOUNDS[bound]
    project.agree(**bounds)
    assert {way for way in WAYS if not is_open(project, way)} == closed


def test_a_withdrawal_closes_every_way(project: Project) -> None:
    project.store.append_ledger(withdrawn(project.store.ledger(), P, NOW))
    assert not [way for way in WAYS if is_open(project, way)]


def is_open(project: Project, way: str) -> bool:
    try:
        return bool(WAYS[way](project))
    except (ConsentError, CorpusError):
        return False


def test_a_run_takes_over_where_and_with_whom_a_clone_may_talk(project: Project) -> None:
    permits = Permits(project.store, FakeClock(NOW), ["discord"])
    member = a_member(PersonaName("Bort"), person=P)
    assert permits.bounded(member).persona == member.persona
    project.agree(audience=("discord:1",), platforms=("discord",))
    bounded = permits.bounded(member).persona
    assert bounded.audience == frozenset({"discord:1"})
    assert bounded.platforms == frozenset({"discord"})


def test_every_field_is_shown() -> None:
    fields = dict(rows(WIDE))
    bounds: dict[str, Any] = {
        "sources": (AuthorId("discord:7"),),
        "channels": (HERE,),
        "since": NOON,
        "until": NOON,
        "platforms": ("web",),
        "audience": ("discord:role/9",),
        "processors": ("hosted-notebook",),
        "expires_at": NOON,
        "statement": "go ahead",
        "checkpoints": ("b" * 64,),
        "fictional": True,
        "withdrawn_at": NOON,
        "game": True,
    }
    unbound = {"id", "person", "granted_at", "adult"}
    assert bounds.keys() | unbound == set(ConsentRecord.__slots__), "a field without a row"
    for name, value in bounds.items():
        assert dict(rows(replace(WIDE, **{name: value}))) != fields, name


@pytest.mark.parametrize(
    ("words", "audience"),
    [
        ((), None),
        (("anyone",), None),
        (("clones",), ()),
        (("123", "role:9", "web:ann"), ("discord:123", "discord:role/9", "web:ann")),
        (("clones", "123"), ("discord:123",)),
    ],
)
def test_who_may_talk_to_a_clone_is_typed(
    words: tuple[str, ...], audience: tuple[str, ...] | None
) -> None:
    assert audience_of(words) == audience
    assert audience_of(audience_words(audience)) == audience


@pytest.mark.parametrize("words", [("anyone", "clones"), ("anyone", "1"), ("ann",), ("role:",)])
def test_an_audience_that_makes_no_sense_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(ConsentError, match="--audience"):
        audience_of(words)
