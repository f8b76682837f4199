"""The benchmark of imports on small invented exports."""

import re
import sys
from pathlib import Path

import bench_import
import make_big_export
import pytest

from botconvo.importers import find_exports
from botconvo.messages import Message


def test_every_row_of_a_made_export_is_a_message(tmp_path: Path) -> None:
    texts: list[list[str]] = []
    for ending in make_big_export.WRITERS:
        path = bench_import.an_export(tmp_path / f"big{ending}", 300)
        (export,) = find_exports(path).exports
        rows = list(export.rows())
        texts.append([row.text for row in rows if isinstance(row, Message)])
        assert len(texts[-1]) == len(rows) == 300
    assert texts[0] == texts[1] == texts[2]


def test_the_table_has_a_figure_for_everything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bench_import.py", "--messages", "2000", "--formats", "json", "csv"]
    monkeypatch.setattr(sys, "argv", words)
    bench_import.main()
    table = capsys.readouterr().out
    # The few messages with which everybody is made known are the first 800.
    assert len(re.findall(r"^\| botconvo, \w+ \| \d+ \| 2,000 \| 1,200 \|", table, re.M)) == 2
    assert "pandas" in table
