"""Folders and zips of exports; zips that were made to do harm."""

import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.errors import ImportFailed
from botconvo.importers import find_exports
from botconvo.importers.trees import FolderTree, ZipTree, natural, tree_of

CSV = b"text\nhello there\nhow are you\n"


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_parts_are_in_the_order_of_their_numbers() -> None:
    names = [f"a{part}.csv" for part in (" [part 10]", "", " [part 2]")]
    assert natural(names) == ("a.csv", "a [part 2].csv", "a [part 10].csv")
    assert natural(["a [10 of 12].csv", "a [9 of 12].csv"])[0] == "a [9 of 12].csv"


@given(st.lists(st.text(st.characters(exclude_characters="\0/\\"), min_size=1)))
def test_any_names_can_be_put_in_order(names: list[str]) -> None:
    assert sorted(natural(names)) == sorted(names)


def test_a_folder_gives_everything_below_it_and_goes_round_no_link(tmp_path: Path) -> None:
    (tmp_path / "a" / ".git").mkdir(parents=True)
    (tmp_path / "a" / "x.csv").write_bytes(CSV)
    (tmp_path / "a" / ".git" / "y.csv").write_bytes(CSV)
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (tmp_path / "a" / "gone.csv").symlink_to(tmp_path / "nowhere")
    tree = FolderTree(tmp_path)
    assert tree.names() == ("a/gone.csv", "a/x.csv")
    with pytest.raises(FileNotFoundError):
        tree.open("a/gone.csv")
    with tree.open("a/x.csv") as raw:
        assert raw.read() == CSV
    assert tree.size("a/x.csv") == len(CSV)


def test_a_zip_gives_its_files_but_not_what_a_mac_adds(tmp_path: Path) -> None:
    files = {"b.csv": CSV, "a/c.csv": CSV, "__MACOSX/._b.csv": b"x", ".DS_Store": b"x"}
    tree = ZipTree(packed(tmp_path / "x.zip", files))
    assert tree.names() == ("a/c.csv", "b.csv")
    found = find_exports(tmp_path / "x.zip", author="Bort")
    assert [export.member for export in found.exports] == ["a/c.csv", "b.csv"]
    assert [len(list(export.rows())) for export in found.exports] == [2, 2]


def test_a_zip_is_opened_once_until_it_changes(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.zip", {"a.csv": CSV})
    tree = tree_of(path)
    assert tree_of(path) is tree
    packed(path, {"a.csv": CSV, "b.csv": CSV})
    assert tree_of(path).names() == ("a.csv", "b.csv")


@pytest.mark.parametrize("name", ["../out.csv", "/etc/out.csv", "a/../../out.csv", "C:\\out.csv"])
def test_a_name_that_leads_out_of_the_zip_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImportFailed, match="leads out of the zip"):
        find_exports(packed(tmp_path / "x.zip", {"a.csv": CSV, name: CSV}), author="Bort")


def test_a_zip_that_grows_beyond_reason_is_refused(tmp_path: Path) -> None:
    bomb = packed(tmp_path / "x.zip", {"a.csv": b"text\n" + b"0" * 60_000_000})
    with pytest.raises(ImportFailed, match="would grow from"):
        find_exports(bomb, author="Bort")


def test_a_locked_zip_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.zip", {"a.csv": CSV})
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 8
    struct.pack_into("<H", data, at, struct.unpack_from("<H", data, at)[0] | 1)
    path.write_bytes(data)
    with pytest.raises(ImportFailed, match="has a password"):
        find_exports(path, author="Bort")


def test_a_torn_zip_is_said_to_be_one(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.zip", {"a.csv": CSV})
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ImportFailed, match="torn zip"):
        find_exports(path, author="Bort")


def test_damage_inside_a_zip_costs_the_rest_of_that_file(tmp_path: Path) -> None:
    rows = b"text\n" + b"".join(b"line %d is here\n" % number for number in range(40_000))
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.csv", rows)
    data = bytearray(path.read_bytes())
    data[len(rows) - 100] ^= 0xFF
    path.write_bytes(data)
    (export,) = find_exports(path, author="Bort").exports
    *some, last = export.rows()
    assert len(some) > 1_000
    assert str(getattr(last, "reason", None)) == "the file breaks off here"
    assert getattr(last, "file", None) == "a.csv"


def test_what_is_beside_exports_in_a_folder_of_downloads_is_told_by_kind(tmp_path: Path) -> None:
    chat = b"[2023-01-02 10:20:30] Bo: hello\n"
    (tmp_path / "chat.md").write_bytes(chat)
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\0")
    (tmp_path / "setup.exe").write_bytes(b"MZ\0\0")
    (tmp_path / "notes.txt").write_bytes(b"milk, eggs")
    (tmp_path / "torn.zip").write_bytes(b"PK\x03\x04rest")
    packed(tmp_path / "letter.docx", {"word/document.xml": b"<?xml?>"})
    packed(tmp_path / "chats.zip", {"a/chat.md": chat, "empty.csv": b"", "more.txt": b"milk"})
    packed(tmp_path / "locked.zip", {"x": (tmp_path / "chats.zip").read_bytes()})
    found = find_exports(tmp_path)
    assert [export.label for export in found.exports] == [
        f"{tmp_path}/chat.md",
        f"{tmp_path}/chats.zip/a/chat.md",
    ]
    assert sorted(found.unknown) == [
        "chats.zip/more.txt",
        "letter.docx",
        "locked.zip",
        "notes.txt",
        "setup.exe",
    ]
    assert list(found.others) == ["torn.zip"]
    assert found.others["torn.zip"].startswith("is a torn zip")
    assert found.empty == ("chats.zip/empty.csv",)


def test_a_folder_without_an_export_says_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\0\0")
    with pytest.raises(ImportFailed, match=r"holds no export.*photo\.png is no text"):
        find_exports(tmp_path)


def test_a_zone_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CSV)
    with pytest.raises(ImportFailed, match="'Moon/Base' is no time zone"):
        find_exports(tmp_path, zone="Moon/Base")


def test_names_that_do_not_print_break_no_line(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one\x0btwo\u2028three.bin", b"\0\0")
    with pytest.raises(ImportFailed) as failed:
        find_exports(path)
    assert len(str(failed.value).splitlines()) == 1
    assert "one?two?three.bin" in str(failed.value)
