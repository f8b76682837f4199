"""Whatever ``botconvo import`` is given: one clear line, and nothing lost that can be read."""

import contextlib
import json
import os
import shutil
import struct
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli.typing_in import Done, typed
from training.full_disk import full_disk

EXPORTS = Path(__file__).parent.parent / "data" / "exports"
GENERAL = next((EXPORTS / "discord-dce-2.47").glob("*general*.json"))
CSV = next((EXPORTS / "discord-dce-2.47").glob("*general*.csv"))
CHAT = b"31/12/2023, 21:05 - Bo: hi\n31/12/2023, 21:06 - Al: you\n"


def refused(done: Done, *words: str) -> None:
    """One line that says all of these ``words``, exit code 2, and nothing else."""
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
    for word in words:
        assert word in done.err


def warned(done: Done, rows: str, *words: str) -> None:
    """It was read as far as it goes, with one warning."""
    assert (done.code, done.err.count("\n")) == (0, 1), done
    assert done.err.startswith("warning: ")
    assert rows in done.out
    for word in words:
        assert word in done.err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "exports"
    made.mkdir()
    return made


def test_a_wrong_folder_says_what_was_there(folder: Path, tmp_path: Path) -> None:
    (folder / "holiday.png").write_bytes(b"\x89PNG\0\0")
    done = typed("import", folder, "--project", tmp_path)
    refused(done, str(folder), "holds no export that can be read", "holiday.png is no text")


def test_an_empty_folder_says_what_to_name(folder: Path, tmp_path: Path) -> None:
    refused(typed("import", folder, "--project", tmp_path), "holds no files", "name the export")


def test_an_unknown_format_tells_what_is_known(folder: Path, tmp_path: Path) -> None:
    (folder / "x.txt").write_bytes(b"a poem\n")
    done = typed("import", folder / "x.txt", "--author", "Bo", "--project", tmp_path)
    assert done.code in (0, 2)  # one column of one person's lines, if that is meant
    (folder / "x.txt").write_bytes(b"a poem, in two columns\nand a line\n")
    done = typed("import", folder / "x.txt", "--author", "Bo", "--project", tmp_path)
    refused(done, "'a poem, in two columns'", "WhatsApp's chat.txt", "DiscordChatExporter's JSON")


def test_json_of_something_else_is_said_to_be_that(folder: Path, tmp_path: Path) -> None:
    (folder / "x.json").write_text('{"settings": 1}', encoding="utf-8")
    done = typed("import", folder / "x.json", "--project", tmp_path)
    refused(done, "is JSON, but of no chat that ")


def test_a_locked_zip(folder: Path, tmp_path: Path) -> None:
    path = folder / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("chat.txt", CHAT)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 8
    struct.pack_into("<H", data, at, struct.unpack_from("<H", data, at)[0] | 1)
    path.write_bytes(data)
    refused(typed("import", path, "--project", tmp_path), "'chat.txt'", "has a password")


def test_a_torn_zip(folder: Path, tmp_path: Path) -> None:
    path = folder / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("chat.txt", CHAT)
    path.write_bytes(path.read_bytes()[:60])
    refused(typed("import", path, "--project", tmp_path), "is a torn zip", "copy it again")


def test_a_zip_that_leads_out_of_itself(folder: Path, tmp_path: Path) -> None:
    path = folder / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../out.txt", CHAT)
    refused(typed("import", path, "--project", tmp_path), "leads out of the zip")
    assert not list(tmp_path.rglob("out.txt"))


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_is_packed_in_a_rare_way(folder: Path, tmp_path: Path, how: int) -> None:
    """What it grows to is known only when it is in memory."""
    path = folder / "x.zip"
    with zipfile.ZipFile(path, "w", how) as archive:
        archive.writestr("chat.txt", CHAT)
    done = typed("import", path, "--project", tmp_path)
    refused(done, "chat.txt is packed in a way that is not read here", "unpack the zip")


def test_a_zip_whose_files_grow_beyond_reason_together(folder: Path, tmp_path: Path) -> None:
    path = folder / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.txt", CHAT + b"0" * 20_000_000)
    refused(typed("import", path, "--project", tmp_path), "its files, which would grow from")


def test_truncated_json_is_taken_up_to_the_break(folder: Path, tmp_path: Path) -> None:
    torn = folder / "torn.json"
    torn.write_bytes(GENERAL.read_bytes()[:-3000])
    warned(typed("import", torn, "--project", tmp_path), "read = 0 taken +", f"{torn}, line ")


def test_two_exports_of_one_channel_of_which_one_is_torn(folder: Path, tmp_path: Path) -> None:
    (folder / "a.json").write_bytes(GENERAL.read_bytes()[:6000])
    shutil.copy(GENERAL, folder / "b.json")
    assert typed("import", folder / "b.json", "--project", tmp_path).code == 0
    for name in ("bort", "smig"):
        typed("consent", "grant", name, "--adult", "--project", tmp_path)
    done = typed("import", folder, "--project", tmp_path)
    warned(done, "b.json: 22 read = 0 taken", "a.json, line ")
    assert "already taken" in done.out


def test_one_file_in_two_encodings_keeps_its_letters(folder: Path, tmp_path: Path) -> None:
    path = folder / "chat.txt"
    path.write_bytes(
        "31/12/2023, 21:05 - Bö: süß\n".encode() + "31/12/2023, 21:06 - Bö: süß\n".encode("cp1252")
    )
    assert typed("import", path, "--project", tmp_path).code == 0
    done = typed("people", "--project", tmp_path)
    assert "Bö" in done.out
    assert "�" not in done.out


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf16_without_its_end_is_read(folder: Path, tmp_path: Path, order: str) -> None:
    mark = "\ufeff"
    (folder / "chat.txt").write_bytes(f"{mark}{CHAT.decode()}".encode(order)[:-1])
    done = typed("import", folder / "chat.txt", "--project", tmp_path)
    assert (done.code, "2 read" in done.out) == (0, True)


def test_links_that_go_round_in_a_circle(folder: Path, tmp_path: Path) -> None:
    (folder / "chat.txt").write_bytes(CHAT)
    (folder / "round").symlink_to(folder)
    (folder / "self.txt").symlink_to(folder / "self.txt")
    done = typed("import", folder, "--project", tmp_path)
    warned(done, "2 read", "self.txt cannot be read: ")
    refused(typed("import", folder / "self.txt", "--project", tmp_path), "self.txt cannot be read")


def test_a_link_to_nothing_is_told(folder: Path, tmp_path: Path) -> None:
    (folder / "chat.txt").write_bytes(CHAT)
    (folder / "gone.txt").symlink_to(folder / "nowhere.txt")
    warned(typed("import", folder, "--project", tmp_path), "2 read", "gone.txt cannot be read")


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """As somebody who may not read everything: root may."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows knows no such permissions")
def test_what_may_not_be_read_is_a_warning_beside_what_may() -> None:
    with tempfile.TemporaryDirectory() as made:
        project, exports = Path(made), Path(made) / "exports"
        exports.mkdir()
        (exports / "good.txt").write_bytes(CHAT)
        (exports / "closed.txt").write_bytes(CHAT)
        (exports / "below").mkdir()
        (exports / "below" / "chat.txt").write_bytes(CHAT)
        assert typed("import", exports / "good.txt", "--project", project).code == 0
        for path in (project, *project.rglob("*")):
            path.chmod(0o777)
        (exports / "closed.txt").chmod(0)
        (exports / "below").chmod(0)
        with nobody():
            whole = typed("import", exports, "--project", project)
            one = typed("import", exports / "closed.txt", "--project", project)
            hidden = typed("import", exports / "below" / "chat.txt", "--project", project)
        (exports / "below").chmod(0o700)
    assert whole.code == 0
    assert "2 read" in whole.out
    assert "closed.txt cannot be read: Permission denied" in whole.err
    assert "below cannot be read: Permission denied" in whole.err
    refused(one, "closed.txt cannot be read: Permission denied")
    refused(hidden, "chat.txt cannot be read: Permission denied")


def test_a_disk_that_fills_up_leaves_the_store_as_it_was(folder: Path, tmp_path: Path) -> None:
    big = folder / "big.txt"
    with big.open("w", encoding="utf-8") as file:
        for number in range(4_000):
            file.write(f"31/12/2023, 21:05 - Bo{number}: hi {number}\n")
    (folder / "chat.txt").write_bytes(CHAT)
    assert typed("import", folder / "chat.txt", "--project", tmp_path).code == 0
    before = typed("people", "--project", tmp_path)
    with full_disk(200_000):
        done = typed("import", big, "--project", tmp_path)
    refused(done, "nothing of this step was stored")
    assert typed("people", "--project", tmp_path) == before
    assert "4000 read" in typed("import", big, "--project", tmp_path).out


def test_messages_from_the_future_are_taken_with_a_warning(folder: Path, tmp_path: Path) -> None:
    later = datetime.now(UTC) + timedelta(days=40)
    path = folder / "chat.txt"
    path.write_bytes(CHAT + f"{later:%d/%m/%Y, %H:%M} - Bo: hello\n".encode())
    typed("import", path, "--project", tmp_path)
    typed("consent", "grant", "Bo", "--adult", "--project", tmp_path)
    done = typed("import", path, "--project", tmp_path)
    warned(done, "3 read", f"{path}: messages from the future (1); check --time-zone")
    assert "already taken" in done.out  # by the consent, which went through the file again


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_a_named_pipe_is_refused_and_not_waited_for(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(folder / "pipe.json")
    done = typed("import", folder / "pipe.json", "--project", tmp_path)
    refused(done, "is a pipe or a device", "write what it gives to a file")
    (folder / "chat.txt").write_bytes(CHAT)
    assert "2 read" in typed("import", folder, "--project", tmp_path).out


def test_a_folder_may_be_called_like_a_file(folder: Path, tmp_path: Path) -> None:
    inner = folder / "x.json"
    inner.mkdir()
    shutil.copy(GENERAL, inner / "general")
    done = typed("import", inner, "--project", tmp_path)
    assert (done.code, "22 read" in done.out, done.err) == (0, True, "")


def test_a_file_that_grows_while_it_is_read_is_told(folder: Path, tmp_path: Path) -> None:
    path = folder / "chat.txt"
    path.write_bytes(CHAT * 4_000)
    done = threading.Event()

    def write() -> None:
        with path.open("ab", buffering=0) as file:
            while not done.wait(0.0005):
                file.write(CHAT)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        typing = typed("import", path, "--project", tmp_path)
    finally:
        done.set()
        writing.join()
    assert typing.code == 0
    assert f"{path}: was written to meanwhile; import it again" in typing.err


def test_an_empty_file_beside_good_ones_is_passed_over(folder: Path, tmp_path: Path) -> None:
    shutil.copy(GENERAL, folder)
    (folder / "empty.csv").write_bytes(b"")
    report = tmp_path / "report.json"
    done = typed("import", folder, "--project", tmp_path, "--report", report)
    assert (done.code, done.err) == (0, "")
    assert "empty.csv: empty, passed over" in done.out
    assert json.loads(report.read_text(encoding="utf-8"))["errors"] == []


@pytest.mark.parametrize("name", ["x" * 300, "no/such/file"])
def test_a_name_that_can_be_no_file(tmp_path: Path, name: str) -> None:
    refused(typed("import", name, "--project", tmp_path))


def test_names_and_words_that_are_no_characters_are_stored(folder: Path, tmp_path: Path) -> None:
    content = json.loads(GENERAL.read_text(encoding="utf-8"))
    for message in content["messages"]:
        message["content"] = "\ud800 half a sign \0"
        message["author"]["name"] = message["author"]["nickname"] = "Bo\udfff"
    path = folder / "half.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert typed("import", path, "--project", tmp_path).code == 0
    done = typed("consent", "grant", "discord:100", "--adult", "--project", tmp_path)
    assert done.err.count("\n") <= 1
    assert typed("people", "--project", tmp_path).code == 0
