"""A small sample of what the fuzzer does: the same promises, for every format."""

import random
from pathlib import Path

import pytest
from fuzz_imports import ARCHIVES, Finding, adds_up, check, formats, promised, seeds
from hypothesis import given
from hypothesis import strategies as st

from botconvo.errors import ImportFailed
from botconvo.importers import formats as known

_SEEDS = {format_: tuple(seeds(format_)) for format_ in formats()}
_ODD = (b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"[", b"{", b"<", b"&#" + b"9" * 5000 + b";")
_NUMBERS = (b"-1", b"1e999", b"NaN", b"9" * 25, b"0", b"null", b"\\ud800", b"9999-12-31", b"\n")


def test_every_format_that_is_read_is_fuzzed() -> None:
    read = {each.name for each in known.FORMATS} | {each.name for each in known.ARCHIVES}
    assert read | {"zip"} == set(formats())


@pytest.mark.parametrize("format_", formats())
def test_the_seeds_are_of_their_formats(format_: str, tmp_path: Path) -> None:
    assert max(check(format_, seed, tmp_path / "x") for seed in _SEEDS[format_]) > 0


@pytest.mark.parametrize("format_", formats())
@given(data=st.data())
def test_a_damaged_export_is_accounted_for(
    format_: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    seed = data.draw(st.sampled_from(_SEEDS[format_]))
    at = data.draw(st.integers(0, len(seed)))
    gone = data.draw(st.integers(0, 40))
    put = data.draw(st.binary(max_size=8) | st.sampled_from(_ODD + _NUMBERS))
    content = seed[:at] + put + seed[at + gone :]
    check(format_, content, tmp_path_factory.getbasetemp() / f"{format_}.scratch")


@pytest.mark.parametrize("format_", [each for each in formats() if each not in ARCHIVES])
def test_what_is_read_is_taken_or_left_out(format_: str, tmp_path: Path) -> None:
    dice = random.Random(format_)
    author = "Bo" if format_ in ("twitter", "single-column-csv") else None
    for seed in dice.choices(_SEEDS[format_], k=4):
        at = dice.randrange(len(seed))
        adds_up(seed[:at] + dice.choice(_ODD) + seed[at + 3 :], tmp_path / "x", author)


def test_a_broken_promise_is_a_finding() -> None:
    """Nothing else would show that the promises are looked at."""
    assert promised(lambda: _fails(ImportFailed("in one line")), 10) == 0
    with pytest.raises(Finding, match="an error of many lines"):
        promised(lambda: _fails(ImportFailed("much too long " * 500)), 10)
    with pytest.raises(RecursionError):
        promised(lambda: _fails(RecursionError()), 10)


def _fails(error: Exception) -> int:
    raise error


@pytest.mark.parametrize(
    ("format_", "content", "rows"),
    [
        ("irc-log", b"2024-03-18 21:05:07\tbo\thi\n3925-03-18 21:05:07\tbo\thi\n", 2),
        ("irc-log", b"1:05 <4o> \x0c", 1),
        ("ssi-bot", b"<|soss r/\n<|soss r/cats|><|sot|>a<|sost|>b\n", 3),
        ("discord-csv", b'AuthorID,Author,Date,Content,Attachments,Reactions\n7,"b"\n', 1),
    ],
)
def test_what_was_found_before_is_read(
    format_: str, content: bytes, rows: int, tmp_path: Path
) -> None:
    assert check(format_, content, tmp_path / "x") == rows


def test_a_file_without_a_name_in_a_zip_is_passed_over(tmp_path: Path) -> None:
    seed = next(seeds("zip"))
    whole = seed.replace(b"users.json", b"\0sers.json")
    assert whole != seed
    check("zip", whole, tmp_path / "x")
