"""The copy of what is held of one person: all that is theirs, and nobody else's words."""

import io
import json
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from builders import a_message, an_author
from cli.typing_in import typed

from botconvo.errors import OutputError
from botconvo.forgetting import OwnAccount, Project
from botconvo.granting import Terms, grant
from botconvo.holdings import holding, write_holding, zipped
from botconvo.messages import Author, AuthorId
from botconvo.store import STORE_NAME, Store
from botconvo.store.holdings import HELD
from botconvo.store.rows_of import ROWS
from botconvo.taking import take_exports

GENERAL = next(
    (Path(__file__).parent / "data" / "exports" / "discord-dce-2.47").glob("*general*.json")
)
BORT = Author(id=AuthorId("discord:101000000000000001"), name="Bort 🛹")
NOW = datetime.now(UTC)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Everybody of the export agreed, and all of them talk live."""
    path = Path(shutil.copy(GENERAL, tmp_path / "general.json"))
    with Store.open(tmp_path / STORE_NAME) as store:
        take_exports(store, [path], NOW)
        for name in ("bort", "smig", "fishvilla"):
            grant(store, name, Terms(adult=True, statement=f"{name} says yes"), NOW)
        for author in (BORT, an_author("Smig"), an_author("Bort 🛹", kind="clone")):
            said = a_message(
                f"live {author.kind} {author.id}", author=author, id=author.id, channel="web:x"
            )
            store.record_live(said)
    return Project.at(tmp_path)


def test_all_that_is_theirs_is_in_it_and_no_word_of_anybody_else(project: Project) -> None:
    held = holding(project, "bort", NOW)
    messages = json.loads(held.files["messages.json"])
    with Store.open(project.store) as store:
        own = {each.text for each in store.messages_of([BORT.id])}
        everybody = {known for person in store.people() for known in person.authors}
        others = {each.text for each in store.messages_of(everybody - {BORT.id})} - own
    assert {each["text"] for each in messages} == own
    everything = "\n".join(held.files.values())
    assert others
    assert not [text for text in others if len(text) > 3 and text in everything]
    assert "live person discord:101" in everything
    assert "live clone" in everything
    assert "live person discord:smig" not in everything
    assert "bort says yes" in everything
    assert "smig says yes" not in everything
    for name in ("smig", "fishvilla"):
        assert name not in held.files["README.txt"].casefold()


def test_an_account_gets_what_is_its_own_whatever_it_is_called(project: Project) -> None:
    stranger = holding(project, OwnAccount(author=AuthorId("discord:404")), NOW)
    assert all(
        json.loads(text) == []
        for name, text in stranger.files.items()
        if "elsew" not in name and name.endswith(".json")
    )
    own = holding(project, OwnAccount(author=BORT.id), NOW)
    assert own.files["messages.json"] == holding(project, "bort", NOW).files["messages.json"]


def test_every_kind_of_rows_that_is_forgotten_is_handed_out() -> None:
    assert HELD.keys() == {kind.name for kind in ROWS}


def test_it_is_written_as_a_zip_or_a_folder(project: Project, tmp_path: Path) -> None:
    held = holding(project, "bort", NOW)
    write_holding(held, tmp_path / "bort.zip")
    write_holding(held, tmp_path / "folder")
    with zipfile.ZipFile(tmp_path / "bort.zip") as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == held.files
    assert {p.name: p.read_text("utf-8") for p in (tmp_path / "folder").iterdir()} == held.files
    assert zipfile.is_zipfile(io.BytesIO(zipped(held)))
    for path in (tmp_path / "bort.zip", tmp_path / "folder"):
        with pytest.raises(OutputError, match="there already"):
            write_holding(held, path)


def test_the_owner_types_it(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "copy.zip"
    done = typed("consent", "export", "bort", "--out", out, "--project", project.folder)
    assert (done.code, out.is_file()) == (0, True)
    assert "3 messages" in done.out or "4 messages" in done.out
    done = typed("consent", "export", "nobody at all", "--project", project.folder)
    assert done.code == 2
    assert "nobody called" in done.err


def test_a_ledger_that_was_cut_is_found_by_a_digest_that_was_noted(project: Project) -> None:
    done = typed("consent", "verify-ledger", "--project", project.folder)
    digest = done.out.split()[-1]
    verify = ("consent", "verify-ledger", "--project", project.folder, "--head")
    assert typed(*verify, digest).code == 0
    done = typed(*verify, "f" * 64)
    assert done.code == 2
    assert "cut off" in done.err


def test_a_consent_that_ends_soon_is_shown(project: Project) -> None:
    soon = datetime.fromtimestamp(datetime.now(UTC).timestamp() + 5 * 86400, UTC)
    words = ("consent", "grant", "bort", "--adult", "--expires", f"{soon:%Y-%m-%d}")
    assert typed(*words, "--project", project.folder).code == 0
    shown = typed("consent", "show", "bort", "--project", project.folder).out
    assert f"the consent ends on {soon:%Y-%m-%d}, in 4 days" in shown
