"""Exports that are large in one way, made small: none takes more than a second for 60 kB."""

from pathlib import Path

import extreme_imports
import pytest
from fuzz_imports import promised

from botconvo.importers import find_exports


@pytest.mark.parametrize("name", extreme_imports.names())
def test_what_is_large_in_one_way_costs_in_proportion(name: str, tmp_path: Path) -> None:
    path = extreme_imports.make(name, tmp_path / "x", 60_000)

    def reading() -> int:
        found = find_exports(path, author=extreme_imports.author_for(name) or None)
        return sum(1 for export in found.exports for _ in export.rows())

    promised(reading, path.stat().st_size)
