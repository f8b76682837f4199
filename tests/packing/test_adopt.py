"""What comes back is believed nothing, and takes its place whole or not at all."""

import hashlib
import json
import shutil
import stat
import tomllib
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
from cli.typing_in import Done, typed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packing.packs import AWAY, a_checkpoint, a_project, a_result, agree, pack, the_record
from training.full_disk import full_disk

from botconvo.checkpoints import bundled_base
from botconvo.errors import PackError
from botconvo.packing import adopting
from botconvo.packing.adopting import Places
from botconvo.packing.records import PackRecord
from botconvo.packing.result import read_result, write_result
from botconvo.store import STORE_NAME, Store
from botconvo.training.bases import BASE_DIGEST
from model_server.checkpoint.folder import describe_weights, load_checkpoint, write_checkpoint
from model_server.checkpoint.manifest import Consent
from model_server.prompt_format import PromptFormat

CONFIG = '# mine\npreset = "classic" # the old way\n'


@pytest.fixture
def project(tmp_path: Path, base: Path) -> Path:
    """A project with a pack that is out."""
    folder = a_project(tmp_path / "p")
    assert pack(folder, base=base).code == 0
    return folder


@pytest.fixture
def record(project: Path) -> PackRecord:
    return the_record(project)


def adopt(project: Path, archive: Path, *words: object) -> Done:
    return typed("adopt", archive, "--project", project, *words)


def clone_of(project: Path) -> dict[str, bytes]:
    folder = project / "checkpoints" / "bort"
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def refused(project: Path, archive: Path, why: str, *words: object) -> None:
    """One line, exit code 2, and the clone that is there, or is not, as it was."""
    before = clone_of(project)
    done = adopt(project, archive, *words)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1), done
    assert why in done.err
    assert clone_of(project) == before


def test_a_clone_comes_home_and_is_configured(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    (project / "config.toml").write_text(CONFIG, encoding="utf-8")
    archive = a_result(tmp_path / "bort-trained.zip", record, base)
    done = adopt(project, archive)
    assert (done.code, done.err) == (0, "")
    assert f"Delete {archive} and {record.archive}" in done.out
    checkpoint = load_checkpoint(project / "checkpoints" / "bort")
    assert checkpoint.base_path.resolve().parent == base.resolve()
    assert checkpoint.manifest.consent == record.pack.consent
    assert record.manners is not None
    assert checkpoint.manifest.manners == record.manners, "which never left this computer"
    text = (project / "config.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text)["personas"] == [{"name": "Bort", "checkpoint": "checkpoints/bort"}]
    assert text.startswith(CONFIG)


def test_adopting_twice_is_harmless(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    archive = a_result(tmp_path / "x.zip", record, base)
    adopt(project, archive)
    before = clone_of(project)
    done = adopt(project, archive)
    assert (done.code, done.err) == (0, "")
    assert "was in" in done.out
    assert clone_of(project) == before
    assert not (project / "checkpoints" / "bort.previous").exists()
    # A clone that was damaged since is put there anew.
    (project / "checkpoints" / "bort" / "adapter.gguf").write_bytes(b"torn")
    assert adopt(project, archive).code == 0
    assert clone_of(project) == before


def test_the_base_that_comes_with_botconvo_is_found(tmp_path: Path) -> None:
    project = a_project(tmp_path / "p")
    assert pack(project).code == 0
    record = the_record(project)
    assert record.pack.base.bundled
    done = adopt(project, a_result(tmp_path / "x.zip", record, bundled_base()))
    assert (done.code, done.err) == (0, "")
    manifest = json.loads(clone_of(project)["manifest.json"])
    assert manifest["base"]["path"] is None


def test_a_base_of_the_hub_that_was_converted_here_is_not_fetched_again(
    tmp_path: Path, base: Path
) -> None:
    project = a_project(tmp_path / "p")
    assert pack(project, base="somebody/tiny").code == 0
    shutil.copytree(base, project / "bases" / "tiny")
    done = adopt(project, a_result(tmp_path / "x.zip", the_record(project), base))
    assert (done.code, done.err) == (0, "")
    path = load_checkpoint(project / "checkpoints" / "bort").base_path
    assert path.resolve().parent == project.resolve() / "bases" / "tiny"


def test_an_unpacked_archive_is_taken_too(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    """Some browsers unpack what they download, and some systems leave files of their own there."""
    archive = a_result(tmp_path / "x.zip", record, base)
    with ZipFile(archive) as file:
        file.extractall(tmp_path / "unpacked")
    (tmp_path / "unpacked" / ".DS_Store").write_bytes(b"icons")
    assert adopt(project, tmp_path / "unpacked").code == 0


def test_an_older_clone_takes_the_place_of_a_newer_one_only_when_told(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    adopt(project, a_result(tmp_path / "new.zip", record, base))
    old = a_result(tmp_path / "old.zip", record, base, seed=1, created=past)
    refused(project, old, "holds a newer clone, of ")
    assert adopt(project, old, "--output", tmp_path / "beside").code == 0
    assert adopt(project, old, "--force").code == 0
    assert clone_of(project)["adapter.gguf"] == (tmp_path / "beside/adapter.gguf").read_bytes()
    assert (project / "checkpoints" / "bort.previous").is_dir()


def test_a_result_of_another_project_is_foreign(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    other = a_project(tmp_path / "other")
    archive = a_result(tmp_path / "x.zip", record, base)
    refused(other, archive, f"pack {record.pack.id[:8]} was not made in ")


def test_a_consent_that_was_withdrawn_meanwhile_is_honoured(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    archive = a_result(tmp_path / "x.zip", record, base)
    typed("consent", "withdraw", "Fishvilla", "--project", project)
    refused(project, archive, "Fishvilla does not agree any more that their words go to")


def test_so_is_one_that_no_longer_names_the_other_computer(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    archive = a_result(tmp_path / "x.zip", record, base)
    agree(project, "Bort", ("local",))
    refused(project, archive, "Bort does not agree any more that their words go to")


def test_a_new_consent_to_the_same_words_changes_nothing(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    agree(project, "Bort", (*AWAY, "colab"))
    assert adopt(project, a_result(tmp_path / "x.zip", record, base)).code == 0


def test_a_new_consent_to_fewer_words_does(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    words = ["--adult", "--processor", "hosted-notebook", "--since", "2024-03-20"]
    assert typed("consent", "grant", "Fishvilla", *words, "--project", project).code == 0
    archive = a_result(tmp_path / "x.zip", record, base)
    refused(project, archive, "somebody in it has agreed to other messages than those in it")


OTHER = {
    "persona": ("Juno", "person"),
    "consent": (Consent(person="p-bbbbbbbbbb", record="r-1"), "person"),
    "corpus_sha256": ("0" * 64, "corpus"),
    "prompt_format": (PromptFormat(speaker="Bort", init_after_s=5.0), "prompt format"),
}


@pytest.mark.parametrize("field", OTHER)
def test_a_clone_of_something_else_is_refused(
    project: Path, record: PackRecord, base: Path, tmp_path: Path, field: str
) -> None:
    value, what = OTHER[field]
    changes: dict[str, Any] = {field: value}
    archive = a_result(tmp_path / "x.zip", record, base, **changes)
    refused(project, archive, f"names another {what} than the pack of ")


def whole_weights(path: Path, record: PackRecord, base: Path, base_sha256: str) -> Path:
    """A result of which all weights were trained."""
    made = load_checkpoint(a_checkpoint(path.parent / "made", record, base), base=base)
    weights = Path(shutil.copy(load_checkpoint(base).base_path, path.parent / "model.gguf"))
    manifest = made.manifest.model_copy(
        update={
            "weights": describe_weights(weights, "full"),
            "base": None,
            "training": {BASE_DIGEST: base_sha256},
        }
    )
    write_checkpoint(path.parent / "whole", manifest, weights)
    write_result(path, record.pack.id, path.parent / "whole")
    return path


def test_whole_weights_come_home_where_no_method_was_named(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    digest = load_checkpoint(base).manifest.weights.sha256
    done = adopt(project, whole_weights(tmp_path / "x.zip", record, base, digest))
    assert (done.code, done.err) == (0, "")
    assert set(clone_of(project)) == {"manifest.json", "model.gguf"}


def test_whole_weights_of_another_base_are_refused(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    archive = whole_weights(tmp_path / "x.zip", record, base, "0" * 64)
    refused(project, archive, "was trained on another base than tiny in its pack")


def test_whole_weights_in_place_of_an_adapter_are_refused(tmp_path: Path, base: Path) -> None:
    project = a_project(tmp_path / "p")
    assert pack(project, "--method", "lora", base=base).code == 0
    digest = load_checkpoint(base).manifest.weights.sha256
    archive = whole_weights(tmp_path / "x.zip", the_record(project), base, digest)
    refused(project, archive, "names another method than the pack of ")


def test_a_clone_of_another_base_is_refused(
    project: Path, record: PackRecord, tmp_path: Path
) -> None:
    archive = a_result(tmp_path / "x.zip", record, bundled_base())
    refused(project, archive, "was trained on another base than tiny in its pack")


def test_a_base_that_is_gone_is_one_line(tmp_path: Path, base: Path) -> None:
    own = shutil.copytree(base, tmp_path / "own")
    project = a_project(tmp_path / "p")
    pack(project, base=own)
    archive = a_result(tmp_path / "x.zip", the_record(project), own)
    own.rename(tmp_path / "moved")
    refused(project, archive, f"is not in {own} any more")


def test_a_folder_with_something_else_is_not_written_over(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "cat.png").write_bytes(b"cat")
    archive = a_result(tmp_path / "x.zip", record, base)
    refused(project, archive, "is no checkpoint", "--output", photos)


def test_a_full_disk_leaves_the_older_clone_as_it_was(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    adopt(project, a_result(tmp_path / "old.zip", record, base, seed=1, created=past))
    archive = a_result(tmp_path / "new.zip", record, base)
    before, places = clone_of(project), Places(project=project, bundled_base=bundled_base())
    with Store.open(project / STORE_NAME) as store:
        with full_disk(4_000), pytest.raises(PackError, match="make room") as caught:
            adopting.adopt(store, archive, places, datetime.now(UTC))
        assert "\n" not in str(caught.value)
        assert clone_of(project) == before
        assert adopting.adopt(store, archive, places, datetime.now(UTC)).fresh


def rewritten(
    archive: Path, change: Callable[[dict[str, bytes]], None], *, compression: int = 0
) -> Path:
    """The archive with other members."""
    with ZipFile(archive) as file:
        members = {name: file.read(name) for name in file.namelist()}
    change(members)
    path = archive.with_name("changed.zip")
    with ZipFile(path, "w", compression) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


MEMBERS: dict[str, Callable[[dict[str, bytes]], object]] = {
    "a path out of the folder": lambda m: m.update({"../../evil.gguf": m.pop("adapter.gguf")}),
    "a path from the root": lambda m: m.update({"/tmp/evil.gguf": m.pop("adapter.gguf")}),  # noqa: S108
    "a path of Windows": lambda m: m.update({"..\\evil.gguf": m.pop("adapter.gguf")}),
    "a pickle": lambda m: m.update({"pytorch_model.bin": b"\x80\x04."}),
    "a pickle in place of weights": lambda m: m.update({"state.pkl": m.pop("adapter.gguf")}),
    "a program": lambda m: m.update({"setup.py": b"import os"}),
    "no manifest": lambda m: m.pop("manifest.json"),
    "no weights": lambda m: m.pop("adapter.gguf"),
    "two weights": lambda m: m.update({"model.gguf": b"GGUF"}),
}


@pytest.mark.parametrize("what", MEMBERS)
def test_an_archive_with_anything_else_in_it_is_refused(
    project: Path, record: PackRecord, base: Path, tmp_path: Path, what: str
) -> None:
    def change(members: dict[str, bytes]) -> None:
        MEMBERS[what](members)

    archive = rewritten(a_result(tmp_path / "x.zip", record, base), change)
    refused(project, archive, "and nothing else; give the archive that the notebook made")
    assert not list(tmp_path.rglob("evil*"))


def test_weights_that_are_no_gguf_are_refused(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    """Even where their digest is the one that the manifest has."""
    checkpoint = a_checkpoint(tmp_path / "made", record, base)
    pickle = b"\x80\x04\x95" * 1000
    (checkpoint / "adapter.gguf").write_bytes(pickle)
    manifest = json.loads((checkpoint / "manifest.json").read_bytes())
    manifest["weights"] |= {"bytes": len(pickle), "sha256": hashlib.sha256(pickle).hexdigest()}
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))
    write_result(tmp_path / "x.zip", record.pack.id, checkpoint)
    refused(project, tmp_path / "x.zip", "adapter.gguf")


def test_weights_that_are_not_the_described_ones_are_refused(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    def change(members: dict[str, bytes]) -> None:
        members["adapter.gguf"] = members["adapter.gguf"][:-1] + b"\0\0"

    refused(project, rewritten(a_result(tmp_path / "x.zip", record, base), change), "adapter.gguf")


def test_a_link_in_an_archive_is_refused(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    archive = a_result(tmp_path / "x.zip", record, base)
    with ZipFile(archive) as file:
        members = {name: file.read(name) for name in file.namelist()}
    with ZipFile(tmp_path / "link.zip", "w") as file:
        for name in ("result.json", "manifest.json"):
            file.writestr(name, members[name])
        link = ZipInfo("adapter.gguf")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
    refused(project, tmp_path / "link.zip", "adapter.gguf is no file")


def test_a_zip_bomb_is_not_unpacked(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    def change(members: dict[str, bytes]) -> None:
        members["adapter.gguf"] = bytes(50_000_000)

    archive = a_result(tmp_path / "x.zip", record, base)
    bomb = rewritten(archive, change, compression=ZIP_DEFLATED)
    assert bomb.stat().st_size < 100_000
    refused(project, bomb, "was compressed, which no notebook does")


def test_a_description_of_a_megabyte_is_not_read(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"] += b" " * 2_000_000

    archive = rewritten(a_result(tmp_path / "x.zip", record, base), change)
    refused(project, archive, "far too many")


def test_a_file_that_is_there_twice_is_refused(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    archive = a_result(tmp_path / "x.zip", record, base)
    with ZipFile(archive, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("manifest.json", "{}")
    refused(project, archive, "holds a file twice")


def test_what_is_no_result_at_all_is_one_line(
    project: Path, record: PackRecord, tmp_path: Path
) -> None:
    (tmp_path / "text.zip").write_text("hello")
    refused(project, tmp_path / "text.zip", "is torn, or no zip file")
    refused(project, tmp_path / "nowhere.zip", "there is no ")
    refused(project, Path(record.archive), "is the pack that goes out")
    refused(project, tmp_path, "give the archive that the notebook made")


def test_a_record_that_is_torn_is_one_line(
    project: Path, record: PackRecord, base: Path, tmp_path: Path
) -> None:
    archive = a_result(tmp_path / "x.zip", record, base)
    (path,) = (project / "training" / "packs").iterdir()
    path.write_text("{")
    refused(project, archive, "delete it and pack again")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, base: Path) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    project = a_project(folder / "p")
    pack(project, base=base)
    return a_result(folder / "x.zip", the_record(project), base).read_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_torn_archive_is_one_line_or_whole(
    data: st.DataObject, whole: bytes, tmp_path: Path
) -> None:
    """Cut short, and with bytes of the directory or anywhere else changed."""
    torn = bytearray(whole[: data.draw(st.integers(0, len(whole)) | st.just(len(whole)))])
    places = st.integers(0, max(0, len(torn) - 1)) | st.integers(max(0, len(torn) - 400), len(torn))
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=4)):
        torn[place : place + 1] = bytes([byte])
    scratch = tmp_path / f"{zlib.crc32(torn):x}-{len(torn)}"
    scratch.mkdir(exist_ok=True)
    (tmp_path / "torn.zip").write_bytes(torn)
    with suppress(PackError):  # anything else that it raises is a traceback
        read_result(tmp_path / "torn.zip", scratch)
    shutil.rmtree(scratch)
