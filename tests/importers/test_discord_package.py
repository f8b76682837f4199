"""The package that Discord sends to a person, in its old and its new spelling."""

import json
import shutil
import zipfile
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from builders import NOON
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from botconvo.errors import ImportFailed
from botconvo.gathering import gather
from botconvo.granting import Terms, grant
from botconvo.importers import Export, LeftOut, Reason, Row, find_exports
from botconvo.messages import AuthorId, Message
from botconvo.store import Store
from botconvo.taking import take_exports

EXPORTS = Path(__file__).parent.parent / "data" / "exports"
OLD, NEW = EXPORTS / "discord-package-2020", EXPORTS / "discord-package-2025"
FROM_API = sorted((EXPORTS / "discord-dce-2.47").glob("*general*.[jc]s*"))
BORT, FISHVILLA = AuthorId("discord:101000000000000001"), AuthorId("discord:101000000000000002")
CHANNEL = "discord:1218000000000000002"


def read(path: Path) -> list[Row]:
    (export,) = find_exports(path).exports
    assert (export.format, export.origin) == ("discord-package", "file")
    return list(export.rows())


def said(rows: list[Row]) -> list[Message]:
    return [row for row in rows if isinstance(row, Message)]


def a_package(folder: Path, files: Mapping[str, object]) -> Path:
    """A package of these files beside an account; values that are no text are written as JSON."""
    usual = {"account/user.json": {"id": "101000000000000001", "username": "bort"}}
    for name, content in {**usual, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def a_channel(folder: Path, *items: object) -> list[Row]:
    return read(a_package(folder, {"messages/c1218000000000000002/messages.json": list(items)}))


ONE = {"ID": 1219000000000000000, "Timestamp": "2024-03-18 20:59:58", "Contents": "hi"}


def test_the_old_spelling_is_read() -> None:
    rows = read(OLD)
    assert [message.text for message in said(rows)] == [
        "yeah i'm down",
        "<@101000000000000003> lmao",
        "ok so who's playing tonight",
    ]
    assert Counter(row.reason for row in rows if isinstance(row, LeftOut)) == {Reason.EMPTY: 2}
    last = said(rows)[-1]
    assert (last.id, last.channel) == (f"{CHANNEL}/1219000000000000000", CHANNEL)
    assert (last.author.id, last.author.name) == (BORT, "bort")
    assert last.at == datetime(2024, 3, 18, 20, 59, 58, 123000, UTC)


def test_the_new_spelling_is_read() -> None:
    found = said(read(NEW))
    assert {(each.author.id, each.author.name) for each in found} == {(FISHVILLA, "Fishvilla")}
    assert Counter(each.channel for each in found) == {CHANNEL: 5, "discord:1218000000000000003": 1}
    (private,) = [each for each in found if each.text == "only between us"]
    assert [(each.kind, each.name) for each in private.attachments] == [
        ("photo", "photo.png"),
        ("video", "c,d.mp4"),
    ]


def test_a_zip_and_a_folder_hold_the_same(tmp_path: Path) -> None:
    packed = Path(shutil.make_archive(str(tmp_path / "package"), "zip", NEW.parent, NEW.name))
    assert read(packed) == read(NEW)


def test_folders_may_be_named_in_any_language(tmp_path: Path) -> None:
    shutil.copytree(NEW, tmp_path / "p")
    (tmp_path / "p" / "Messages").rename(tmp_path / "p" / "Nachrichten")
    (tmp_path / "p" / "Account").rename(tmp_path / "p" / "Konto")
    assert said(read(tmp_path / "p")) == said(read(NEW))


def test_several_packages_in_one_folder_keep_their_authors_apart(tmp_path: Path) -> None:
    shutil.copytree(OLD, tmp_path / "bort")
    shutil.copytree(NEW, tmp_path / "fish")
    bort, fish = (list(export.rows()) for export in find_exports(tmp_path).exports)
    assert (said(bort), said(fish)) == (said(read(OLD)), said(read(NEW)))


@pytest.mark.parametrize("folder", ["", "package"])
def test_exports_beside_a_package_are_read_besides(tmp_path: Path, folder: str) -> None:
    shutil.copytree(NEW, tmp_path / folder, dirs_exist_ok=True)
    (alone,) = find_exports(tmp_path).exports
    digest = alone.digest()
    (tmp_path / "chats").mkdir()
    shutil.copy(FROM_API[-1], tmp_path / "chats" / "general.json")
    shutil.make_archive(str(tmp_path / "more"), "zip", OLD)
    shutil.copy(FROM_API[-1], tmp_path / "general.json")
    found = find_exports(tmp_path)
    assert [export.format for export in found.exports] == [
        "discord-package",
        "discord-json",
        "discord-json",
        "discord-package",
    ]
    assert found.exports[0].digest() == digest
    assert found.others == found.unknown == {}


def test_a_package_without_an_account_fails_alone(store: Store, tmp_path: Path) -> None:
    for name, package in (("bort", OLD), ("fish", NEW)):
        shutil.copytree(package, tmp_path / name)
    account = next((tmp_path / "bort").rglob("user.json"))
    account.unlink()
    taken = take_exports(store, [tmp_path], NOON)
    bort, fish = (file for file in taken if not file.unknown)
    assert bort.failed is not None
    assert "holds no account/user.json" in bort.failed
    assert fish.failed is None
    assert fish.accounting.read == len(list(read(NEW)))


def test_the_id_knows_the_millisecond_that_the_column_lost(tmp_path: Path) -> None:
    at = datetime(2024, 3, 18, 20, 59, 58, 877000, UTC)
    id_ = round((at - datetime(2015, 1, 1, tzinfo=UTC)).total_seconds() * 1000) << 22
    (row,) = a_channel(tmp_path, {**ONE, "ID": id_})
    assert isinstance(row, Message)
    assert row.at == at


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (7, Reason.MALFORMED),
        ({**ONE, "ID": "1.2E+18"}, Reason.MALFORMED),
        ({**ONE, "Contents": None}, Reason.MALFORMED),
        ({**ONE, "Attachments": {}}, Reason.MALFORMED),
        ({**ONE, "Timestamp": "yesterday"}, Reason.DATE),
        ({**ONE, "Timestamp": "0001-01-01 00:00:00"}, Reason.DATE),
        ({**ONE, "Contents": " "}, Reason.EMPTY),
    ],
)
def test_one_broken_message_does_not_stop_the_rest(
    tmp_path: Path, item: object, reason: Reason
) -> None:
    rows = a_channel(tmp_path, ONE, item, {**ONE, "ID": 2})
    assert [row.reason if isinstance(row, LeftOut) else None for row in rows] == [
        None,
        reason,
        None,
    ]
    assert isinstance(rows[1], LeftOut)
    assert (rows[1].file, rows[1].line) == ("messages/c1218000000000000002/messages.json", 1)


def test_a_torn_channel_costs_nothing_of_the_others(tmp_path: Path) -> None:
    whole = json.dumps([ONE, {**ONE, "ID": 2}])
    files = {f"messages/c121800000000000000{n}/messages.json": whole for n in range(3)}
    files["messages/c1218000000000000001/messages.json"] = whole[:-20]
    rows = read(a_package(tmp_path, files))
    assert len(said(rows)) == 5
    (torn,) = [row for row in rows if isinstance(row, LeftOut)]
    assert (torn.reason, torn.file) == (
        Reason.TORN,
        "messages/c1218000000000000001/messages.json",
    )


@pytest.mark.parametrize("account", ["[]", "{", '{"id": "me"}', None])
def test_without_an_account_nobody_knows_whose_words_they_are(
    tmp_path: Path, account: str | None
) -> None:
    a_package(tmp_path, {"messages/c1218000000000000002/messages.json": [ONE]})
    user = tmp_path / "account" / "user.json"
    if account is None:
        user.unlink()
    else:
        user.write_text(account)
    with pytest.raises(ImportFailed, match=r"account/user\.json that says whose") as failed:
        read(tmp_path)
    assert "\n" not in str(failed.value)


def test_a_package_names_its_author_itself() -> None:
    (export,) = find_exports(OLD, author="Somebody").exports
    with pytest.raises(ImportFailed, match="without --author 'Somebody'"):
        list(export.rows())


@given(st.binary(max_size=300), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_content_stops_the_import(tmp_path: Path, content: bytes, table: bool) -> None:
    path = tmp_path / "x.zip"
    name = "messages.csv" if table else "messages.json"
    head = b"ID,Timestamp,Contents,Attachments\n" if table else b"["
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("account/user.json", '{"id": "7", "username": "x"}')
        archive.writestr(f"messages/c1218000000000000002/{name}", head + content)
    rows = list(Export(path=path, format="discord-package").rows())
    assert all(isinstance(row, Message | LeftOut) for row in rows)


@pytest.mark.parametrize("package_first", [True, False])
def test_words_of_the_api_become_the_persons_own_once_they_give_their_package(
    store: Store, package_first: bool
) -> None:
    grant_later = [OLD, NEW] if package_first else FROM_API
    take_exports(store, grant_later, NOON)
    grant(store, "bort", Terms(adult=True), NOON)
    grant(store, "fishvilla", Terms(adult=True), NOON)
    take_exports(store, [*FROM_API, OLD, NEW], NOON)
    both = [BORT, FISHVILLA]
    assert store.origins_of(both) == {"file"}
    general = [each for each in store.messages_of(both) if each.channel == CHANNEL]
    assert len(general) == 8
    (down,) = [each for each in general if each.text == "yeah i'm down"]
    assert down.reply_to == f"{CHANNEL}/1219000000000000000"
    found = gather(store, "bort", NOON)
    assert len(found.messages) == 9  # and no platform's rule is asked about


def test_friends_packages_meet_in_their_channel_by_time(store: Store) -> None:
    take_exports(store, [OLD, NEW], NOON)
    grant(store, "bort", Terms(adult=True), NOON)
    grant(store, "fishvilla", Terms(adult=True), NOON)
    talk = [
        message.author.name
        for message in gather(store, "bort", NOON).messages
        if message.channel == CHANNEL
    ]
    assert talk[:4] == ["bort", "Fishvilla", "Fishvilla", "bort"]


def test_mentions_become_the_names_of_those_whom_the_project_knows(store: Store) -> None:
    take_exports(store, [OLD, FROM_API[-1]], NOON)
    grant(store, "bort", Terms(adult=True), NOON)
    texts = [message.text for message in gather(store, "bort", NOON).messages]
    assert "<@101000000000000003> lmao" in texts
    grant(store, "smig", Terms(adult=True, fictional=True), NOON, speaker="Smig")
    texts = [message.text for message in gather(store, "bort", NOON).messages]
    assert "@Smig lmao" in texts
