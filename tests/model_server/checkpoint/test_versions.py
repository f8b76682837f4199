"""Older versions stand beside a checkpoint, so many and no more, and change places with it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_server.checkpoint.versions import (
    is_aside,
    older_versions,
    plain_name,
    put_in_place,
    swap_with,
)


def write(folder: Path, text: str, keep: int = 3) -> None:
    partial = folder.with_name(folder.name + ".partial")
    partial.mkdir()
    (partial / "manifest.json").write_text(text, encoding="utf-8")
    put_in_place(partial, folder, keep=keep)


def text_of(folder: Path) -> str:
    return (folder / "manifest.json").read_text(encoding="utf-8")


def texts(folder: Path) -> list[str]:
    return [text_of(each) for each in (folder, *older_versions(folder))]


@given(st.from_regex(r"\A[a-z][a-z.-]{0,8}\Z"), st.integers(1, 30))
def test_a_name_is_found_again_under_what_is_added_to_it(name: str, number: int) -> None:
    plain = plain_name(name)
    for added in (".previous", f".previous-{number}", ".partial"):
        assert plain_name(plain + added) == plain
        assert is_aside(plain + added)


def test_older_versions_are_kept_the_newest_first_and_no_more_than_so_many(tmp_path: Path) -> None:
    folder = tmp_path / "bort"
    for number in range(6):
        write(folder, str(number))
    write(tmp_path / "bort-junior", "another")
    assert texts(folder) == ["5", "4", "3", "2"]
    write(folder, "6", keep=1)
    assert texts(folder) == ["6", "5"]
    write(folder, "7", keep=0)
    assert texts(folder) == ["7"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bort", "bort-junior"]


def test_what_was_left_by_an_interruption_is_in_nobodys_way(tmp_path: Path) -> None:
    folder = tmp_path / "bort"
    for number in range(4):
        write(folder, str(number))
    older_versions(folder)[0].rename(tmp_path / "lost")  # the newest number is free
    write(folder, "4")
    assert texts(folder) == ["4", "3", "1", "0"]


@pytest.mark.parametrize("which", [0, 2])
def test_an_older_version_and_the_one_in_use_change_places_and_back(
    tmp_path: Path, which: int
) -> None:
    folder = tmp_path / "bort"
    for number in range(4):
        write(folder, str(number))
    before = texts(folder)
    swap_with(older_versions(folder)[which], folder)
    assert text_of(folder) == before[which + 1]
    assert sorted(texts(folder)) == sorted(before)
    swap_with(older_versions(folder)[which], folder)
    assert texts(folder) == before


def test_an_older_version_takes_the_place_of_one_that_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "bort"
    write(folder, "0")
    write(folder, "1")
    folder.rename(tmp_path / "gone")
    swap_with(older_versions(folder)[0], folder)
    assert texts(folder) == ["0"]
