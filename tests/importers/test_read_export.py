"""Which format a file has, told from its content; and what is said of files that are no exports."""

import shutil
import zipfile
from pathlib import Path

import pytest

from botconvo.errors import ImportFailed
from botconvo.importers import Export, LeftOut, Reason, find_exports
from botconvo.messages import Message

EXPORTS = Path(__file__).parent.parent / "data" / "exports"
NEWEST = EXPORTS / "discord-dce-2.47"


def read_export(path: Path, author: str | None = None) -> Export:
    (export,) = find_exports(path, author=author).exports
    return export


def a_file(folder: Path, content: bytes | str, name: str = "export.txt") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        ("discord-dce-2.47/*general*.json", "discord-json"),
        ("discord-dce-2.47/Direct*.json", "discord-json"),
        ("discord-dce-2.47/*general*.csv", "discord-csv"),
        ("discord-dce-2.47/windows-crlf.csv", "discord-csv"),
        ("discord-dce-2.47/excel*.csv", "discord-csv"),
        ("discord-dce-2.20-2.37/*unix.csv", "discord-csv"),
        ("discord-dce-2.47/*general*.html", "discord-html"),
        ("discord-dce-2.47/*general*.txt", "discord-text"),
    ],
)
def test_the_content_tells_the_format_and_the_name_does_not(
    tmp_path: Path, pattern: str, kind: str
) -> None:
    path = Path(shutil.copy(next(EXPORTS.glob(pattern)), tmp_path / "misleading.png"))
    export = read_export(path)
    assert export.format == kind
    assert export.origin == "discord-api"
    assert any(isinstance(row, Message) for row in export.rows())


def test_a_single_column_needs_to_know_whose_it_is() -> None:
    path = EXPORTS / "gpt-2-simple" / "bort.csv"
    with pytest.raises(ImportFailed, match="--author NAME"):
        read_export(path)
    export = read_export(path, author="Bort")
    assert (export.format, export.origin) == ("single-column-csv", "file")
    assert [row.author.name for row in export.rows() if isinstance(row, Message)] == ["Bort"] * 4


def test_a_file_that_names_its_authors_takes_no_other() -> None:
    with pytest.raises(ImportFailed, match="without --author 'Bort'"):
        read_export(next(NEWEST.glob("*general*.json")), author="Bort")


def test_a_byte_order_mark_is_tolerated(tmp_path: Path) -> None:
    for sample in (next(NEWEST.glob("*general*.json")), next(NEWEST.glob("*general*.csv"))):
        marked = a_file(tmp_path, b"\xef\xbb\xbf" + sample.read_bytes(), sample.name)
        assert list(read_export(marked).rows()) == list(read_export(sample).rows())


def test_json_and_csv_of_one_channel_are_one_channel() -> None:
    channels = {
        row.channel
        for pattern in ("*general*.json", "*general*.csv")
        for row in read_export(next(NEWEST.glob(pattern))).rows()
        if isinstance(row, Message)
    }
    assert channels == {"discord:1218000000000000002"}


def test_bytes_that_are_no_utf8_cost_letters_and_not_the_file(tmp_path: Path) -> None:
    sample = next(NEWEST.glob("*general*.csv")).read_bytes().replace(b"ok so", b"\xff\xfe so")
    texts = [
        row.text for row in read_export(a_file(tmp_path, sample)).rows() if isinstance(row, Message)
    ]
    assert texts[0] == "ÿþ so who's playing tonight"
    assert len(texts) == 14


def test_progress_is_told_in_bytes(tmp_path: Path) -> None:
    path = next(NEWEST.glob("*general*.json"))
    told: list[int] = []
    list(read_export(path).rows(told.append))
    assert told[-1] == path.stat().st_size
    assert told == sorted(told)


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    def digest(name: str, text: str) -> str:
        return read_export(a_file(tmp_path, f"text\n{text}", name), author="Bort").digest()

    assert digest("a", "one") == digest("b", "one")
    assert digest("a", "one") != digest("b", "two")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \n", "is empty"),
        (b"PK\x03\x04rest", "is a torn zip"),
        ("<!DOCTYPE html>\n<html>", "is HTML, but no chat"),
        ('{"messages": []}', "JSON, but of no chat"),
        ('[{"a": 1}]', "a JSON list"),
        ("window.YTD.like.part0 = [", "a Twitter archive without tweets"),
        ("name,text,more\na,b,c\n", "is no export that BotConvo reads"),
        (b"\x7fELF\0\0\0", "is no text, and no zip"),
    ],
)
@pytest.mark.parametrize("author", [None, "Bort"])
def test_what_is_no_export_is_said_in_one_line(
    tmp_path: Path, content: bytes | str, what: str, author: str | None
) -> None:
    path = a_file(tmp_path, content)
    with pytest.raises(ImportFailed, match=what) as failed:
        read_export(path, author=author)
    assert str(failed.value).startswith(str(path))
    assert "\n" not in str(failed.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="there is no file"):
        find_exports(tmp_path / "gone.json")
    with pytest.raises(ImportFailed, match="there is no file"):
        Export(path=tmp_path / "gone.json", format="discord-json").digest()


def test_a_file_that_goes_away_before_it_is_read_is_an_import_error(tmp_path: Path) -> None:
    export = Export(path=tmp_path / "gone.json", format="discord-json")
    with pytest.raises(ImportFailed, match="there is no file"):
        list(export.rows())


def test_the_name_of_the_file_is_in_every_error_of_its_parser(tmp_path: Path) -> None:
    path = a_file(tmp_path, '{"guild": {}, "channel": {"id": "5"}, "me')
    with pytest.raises(ImportFailed, match="breaks off") as failed:
        list(read_export(path).rows())
    assert str(path) in str(failed.value)


def test_a_torn_file_says_so_in_its_last_row(tmp_path: Path) -> None:
    whole = next(NEWEST.glob("*general*.json")).read_bytes()
    *_, last = read_export(a_file(tmp_path, whole[: len(whole) // 2])).rows()
    assert isinstance(last, LeftOut)
    assert last.reason is Reason.TORN


def test_chats_are_told_from_each_other_and_read_twice_within_a_zip(tmp_path: Path) -> None:
    """Where a whole file decides the order of dates, it is read from its beginning again."""
    files = {
        "WhatsApp Chat - Pals/_chat.txt": "01/02/24, 10:00 - Bo: a\n13/02/24, 10:00 - Bo: b\n",
        "logs/#cats/2024-03-18.log": "[21:05] <bo> hi\n",
        "signal/Ana/chat.md": "[2023-01-02 10:20:30] Ana: hello  \n",
        "telegram/result.json": '{"type": "personal_chat", "id": 1, "messages": [{"id": 5, "type":'
        ' "message", "date_unixtime": "1710795598", "from": "Bo", "from_id": "user2",'
        ' "text": "hi"}]}',
        "inbox/pals_1/message_1.json": '{"messages": [{"sender_name": "Bo", "timestamp_ms":'
        ' 1710795598123, "content": "hi"}], "thread_path": "inbox/pals_1"}',
    }
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr("WhatsApp Chat - Pals/00000002-PHOTO.jpg", b"\xff\xd8\0\0")
    assert find_exports(path).others == {}
    found = {
        export.format: [row for row in export.rows() if isinstance(row, Message)]
        for export in find_exports(path).exports
    }
    assert {format_: len(rows) for format_, rows in found.items()} == {
        "whatsapp-chat": 2,
        "irc-log": 1,
        "signal-chat": 1,
        "telegram-json": 1,
        "meta-json": 1,
    }
    assert [row.at.month for row in found["whatsapp-chat"]] == [2, 2]
    assert found["telegram-json"][0].channel == "telegram:1-2"
    assert found["irc-log"][0].channel == "irc:cats"
    assert found["meta-json"][0].channel == "meta:pals_1"


def test_whose_me_is_in_a_signal_chat_may_be_said(tmp_path: Path) -> None:
    export = read_export(a_file(tmp_path, "[2023-01-02 10:20:30] Me: hello\n"), author="Ana")
    assert [row.author.name for row in export.rows() if isinstance(row, Message)] == ["Ana"]
