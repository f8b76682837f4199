"""``botconvo import`` as it is typed."""

import json
import shutil
from pathlib import Path

import pytest
from cli.typing_in import typed

EXPORTS = Path(__file__).parent.parent / "data" / "exports"
GENERAL = next((EXPORTS / "discord-dce-2.47").glob("*general*.json"))


def test_a_fresh_project_takes_nothing_and_says_what_to_type_next(tmp_path: Path) -> None:
    done = typed("import", GENERAL, "--project", tmp_path)
    assert done.code == 0
    assert "22 read = 0 taken + 22 left out" in done.out
    assert "Nothing was taken yet" in done.out
    assert 'botconvo consent grant "Fishvilla" --adult' in done.out
    assert "13  no consent" in done.out


def test_discords_rule_is_said_each_time_and_only_then(tmp_path: Path) -> None:
    for _ in range(2):
        assert "rule 21" in typed("import", GENERAL, "--project", tmp_path).out
    column = EXPORTS / "gpt-2-simple" / "bort.csv"
    done = typed("import", column, "--author", "Bort", "--project", tmp_path)
    assert done.code == 0
    assert "rule 21" not in done.out


def test_the_report_is_json(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert typed("import", GENERAL, "--report", report, "--project", tmp_path).code == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["read"] == found["taken"] + sum(found["left_out"].values()) == 22
    assert list(tmp_path.glob("*.unfinished")) == []


def test_a_torn_file_is_a_warning_with_its_line(tmp_path: Path) -> None:
    torn = tmp_path / "torn.json"
    torn.write_bytes(GENERAL.read_bytes()[:6000])
    done = typed("import", torn, "--project", tmp_path)
    assert done.code == 0
    assert f"warning: {torn}, line " in done.err
    assert done.err.endswith(": the file breaks off here\n")


def test_one_bad_file_among_good_ones_is_a_warning(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<!DOCTYPE html>", encoding="utf-8")
    done = typed("import", page, GENERAL, "--project", tmp_path)
    assert done.code == 0
    assert done.err.startswith(f"warning: {page} is HTML")
    assert "22 read" in done.out


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b'{"guild": {}, "channel": {"id": "5"}, "messages": [{"id"', "no message of a person"),
        (b"<!DOCTYPE html>", "is HTML"),
        (b"\x00\x01\x02", "is no text"),
        (None, "there is no file"),
    ],
)
def test_what_cannot_be_imported_is_one_line_and_exit_code_2(
    tmp_path: Path, content: bytes | None, what: str
) -> None:
    path = tmp_path / "export"
    if content is not None:
        path.write_bytes(content)
    done = typed("import", path, "--project", tmp_path)
    assert done.code == 2
    assert what in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_a_folder_needs_an_export_in_it_and_a_project_must_exist(tmp_path: Path) -> None:
    done = typed("import", tmp_path, "--project", tmp_path)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "no export that can be read" in done.err
    done = typed("import", GENERAL, "--project", tmp_path / "nowhere")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "there is no folder" in done.err


def test_a_report_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    done = typed("import", GENERAL, "--report", tmp_path / "no" / "r.json", "--project", tmp_path)
    assert done.code == 2
    assert "cannot be written" in done.err


def test_a_big_file_shows_a_bar(tmp_path: Path) -> None:
    big = tmp_path / "big.csv"
    row = '"7","bort","2024-03-18T21:59:58.1230000+01:00","{}","",""\n'
    with big.open("w", encoding="utf-8") as file:
        file.write("AuthorID,Author,Date,Content,Attachments,Reactions\n")
        file.writelines(row.format("x" * 90_000) for _ in range(240))
    done = typed("import", big, "--project", tmp_path)
    assert done.code == 0
    assert "big.csv" in done.err
    assert "MB" in done.err


def test_a_project_is_the_current_folder_unless_named(tmp_path: Path) -> None:
    shutil.copy(GENERAL, tmp_path / "general.json")
    typed("import", tmp_path / "general.json", "--project", tmp_path)
    assert (tmp_path / "botconvo.sqlite3").exists()
