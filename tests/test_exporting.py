"""From the store to a CSV of one column, and back."""

import csv
import io
import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from builders import NOON
from hypothesis import given
from hypothesis import strategies as st
from training.full_disk import full_disk

from botconvo.errors import ConsentError, CorpusError, OutputError
from botconvo.exporting import export_csv
from botconvo.granting import Terms, grant, withdraw
from botconvo.importers.single_column_csv import author_of, parse, print_rows
from botconvo.messages import Message
from botconvo.policies import DISCORD
from botconvo.store import STORE_NAME, Store
from botconvo.taking import take_exports

EXPORTS = Path(__file__).parent / "data" / "exports"
GENERAL = next((EXPORTS / "discord-dce-2.47").glob("*general*.json"))
COLUMN = EXPORTS / "gpt-2-simple" / "bort.csv"
ADULT, FICTIONAL = Terms(adult=True), Terms(fictional=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with a Discord channel in it, and Zed's lines from a CSV."""
    with Store.open(tmp_path / STORE_NAME) as store:
        take_exports(store, [GENERAL], NOON)
        take_exports(store, [COLUMN], NOON, author="Zed")
        yield store


def as_gpt_2_simple_reads(path: Path) -> list[str]:
    """Its rule: the first line is skipped whole, and column 0 of every row counts."""
    with path.open(encoding="utf-8", errors="ignore") as file:
        file.readline()
        return [row[0] for row in csv.reader(file)]


def test_it_is_read_by_gpt_2_simples_rule(store: Store, tmp_path: Path) -> None:
    grant(store, "zed", ADULT, NOON)
    path = tmp_path / "zed.csv"
    done = export_csv(store, "Zed", path, NOON)
    assert (done.person, done.rows, done.wordless) == ("Zed", 4, 0)
    assert as_gpt_2_simple_reads(path) == [
        "ok so who's playing tonight",
        "yeah, i'm down",
        "two lines",
        'he said "no"',
    ]


def test_only_the_persons_own_words_are_in_it_and_cleaned(store: Store, tmp_path: Path) -> None:
    grant(store, "fishvilla", FICTIONAL, NOON)
    grant(store, "bort", FICTIONAL, NOON)
    path = tmp_path / "bort.csv"
    done = export_csv(store, "bort", path, NOON)
    lines = as_gpt_2_simple_reads(path)
    assert done.rows + done.wordless == 3 == len(lines) + done.wordless
    assert not any("http" in line or "<@" in line for line in lines)


def test_what_is_exported_can_be_imported_and_exported_again(store: Store, tmp_path: Path) -> None:
    grant(store, "zed", ADULT, NOON)
    first, again = tmp_path / "first.csv", tmp_path / "again.csv"
    export_csv(store, "zed", first, NOON)
    with Store.open(tmp_path / "other.sqlite3") as other:
        take_exports(other, [first], NOON, author="Zed")
        grant(other, "zed", ADULT, NOON)
        export_csv(other, "zed", again, NOON)
    assert again.read_bytes() == first.read_bytes()


@given(st.lists(st.text()))
def test_what_is_printed_is_read(texts: list[str]) -> None:
    kept = [text.replace("\0", "") for text in texts]
    rows = parse(io.StringIO(print_rows(texts), newline=""), author_of("Bort"))
    read = [row.text for row in rows if isinstance(row, Message)]
    assert read == [text for text in kept if text.strip()]


def test_without_a_live_consent_nothing_is_written(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "zed.csv"
    with pytest.raises(ConsentError, match="nobody called 'zed' has a consent record"):
        export_csv(store, "zed", path, NOON)
    grant(store, "zed", Terms(adult=True, expires_at=NOON + timedelta(days=1)), NOON)
    with pytest.raises(ConsentError, match="no live consent"):
        export_csv(store, "zed", path, NOON + timedelta(days=2))
    withdraw(store, "zed", NOON)
    with pytest.raises(ConsentError, match="no live consent"):
        export_csv(store, "zed", path, NOON)
    assert not path.exists()


def test_discords_rule_is_asked_about_the_persons_own_rows_alone(
    store: Store, tmp_path: Path
) -> None:
    grant(store, "zed", ADULT, NOON)
    grant(store, "bort", ADULT, NOON)
    export_csv(store, "zed", tmp_path / "zed.csv", NOON)
    with pytest.raises(ConsentError, match="--acknowledge-discord-policy"):
        export_csv(store, "bort", tmp_path / "bort.csv", NOON)
    store.acknowledge(DISCORD.name, NOON)
    assert export_csv(store, "bort", tmp_path / "bort.csv", NOON).rows


def test_a_person_without_rows_or_words_has_no_file(store: Store, tmp_path: Path) -> None:
    grant(store, "zed", Terms(adult=True, channels=()), NOON)
    with pytest.raises(CorpusError, match="nothing that Zed wrote was taken"):
        export_csv(store, "zed", tmp_path / "zed.csv", NOON)
    links = tmp_path / "links.csv"
    links.write_text("text\nhttps://example.org\n", encoding="utf-8")
    take_exports(store, [links], NOON, author="Linker")
    grant(store, "linker", ADULT, NOON)
    with pytest.raises(CorpusError, match="nothing that Linker wrote holds words"):
        export_csv(store, "linker", tmp_path / "out.csv", NOON)


def test_a_file_that_is_there_is_replaced_only_when_forced(store: Store, tmp_path: Path) -> None:
    grant(store, "zed", ADULT, NOON)
    path = tmp_path / "zed.csv"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="is there already; --force replaces it"):
        export_csv(store, "zed", path, NOON)
    assert path.read_text(encoding="utf-8") == "mine"
    with pytest.raises(OutputError, match="is a folder; name a file in it"):
        export_csv(store, "zed", tmp_path, NOON, force=True)
    assert export_csv(store, "zed", path, NOON, force=True).rows == 4
    assert len(as_gpt_2_simple_reads(path)) == 4


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions or limits")
def test_nobody_else_can_read_it_and_nothing_half_written_stays(
    store: Store, tmp_path: Path
) -> None:
    grant(store, "zed", ADULT, NOON)
    folder = tmp_path / "out"
    folder.mkdir()
    path = folder / "zed.csv"
    with full_disk(20), pytest.raises(OutputError, match="cannot be written: File too large"):
        export_csv(store, "zed", path, NOON)
    assert list(folder.iterdir()) == []
    export_csv(store, "zed", path, NOON)
    assert [found.name for found in folder.iterdir()] == ["zed.csv"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    with pytest.raises(OutputError, match=r"nowhere.* cannot be written"):
        export_csv(store, "zed", tmp_path / "nowhere" / "zed.csv", NOON)
