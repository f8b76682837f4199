"""``botconvo review``, and what training leaves out."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import NOON
from cli.typing_in import typed

from botconvo.errors import ConsentError
from botconvo.exporting import export_csv
from botconvo.gathering import gather
from botconvo.granting import Terms, grant
from botconvo.reviewing import review
from botconvo.store import STORE_NAME, Store
from botconvo.taking import take_exports

LINES = ["text", "hello there", "mail b@example.org", "!play hats", "hello there", "bye"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "bort.csv"
    path.write_text("\n".join(LINES))
    with Store.open(tmp_path / STORE_NAME) as store:
        take_exports(store, [path], NOON, author="Bort")
        yield store


def test_it_shows_what_is_left_out(store: Store, tmp_path: Path) -> None:
    grant(store, "Bort", Terms(adult=True), NOON)
    found = review(store, "Bort", NOON)
    assert (found.messages, found.commands, found.duplicates) == (5, 1, 1)
    assert [line.text for line in found.redacted] == ["mail b@example.org"]
    done = typed("review", "Bort", "--project", tmp_path)
    assert done.code == 0
    assert "mail [e-mail: b@example.org]" in done.out
    assert "1 of 5 messages are left out for what is in them (1 e-mail)" in done.out
    listed = json.loads(typed("review", "Bort", "--json", "--project", tmp_path).out)
    assert listed["redacted"][0]["found"] == [{"kind": "e-mail", "text": "b@example.org"}]


def test_it_needs_consent_as_everything_does(store: Store) -> None:
    with pytest.raises(ConsentError, match="consent"):
        review(store, "Bort", NOON)


def test_private_words_reach_neither_corpus_nor_csv_unless_asked(
    store: Store, tmp_path: Path
) -> None:
    grant(store, "Bort", Terms(adult=True), NOON)
    kept = ["hello there", "hello there", "bye"]
    assert [message.text for message in gather(store, "Bort", NOON).messages] == kept
    done = export_csv(store, "Bort", tmp_path / "out.csv", NOON)
    assert (done.rows, done.redacted) == (3, 1)
    assert "example.org" not in (tmp_path / "out.csv").read_text()
    done = export_csv(store, "Bort", tmp_path / "all.csv", NOON, redact=False)
    assert (done.rows, done.redacted) == (4, 0)
