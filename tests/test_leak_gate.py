"""The project's leak index is made of its messages, and only as long as they are there."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from builders import NOON, a_message

from botconvo.conversation.events import Candidate, Objection
from botconvo.conversation.orders import PromptSource, Trace
from botconvo.leak_gate import INDEX_NAME, LeakGate, leak_index, sample_index, write_sample_index
from botconvo.messages import AuthorId, Message
from botconvo.orchestrator.answers import why
from botconvo.platforms.web.view import shown_json
from botconvo.ports import ShownMessage
from botconvo.store import Source, Store

SECRET = "my grandmother hides the spare key under the blue flower pot"
EXPORT = Source(path=Path("a.json"), sha256="0" * 64, format="discord-json", origin="discord-api")


class Polite:
    def digest(self) -> str:
        return "polite"

    def objection(self, text: str) -> Objection | None:
        return "unsafe" if "rude" in text else None


def take(store: Store, *messages: Message, export: Source = EXPORT) -> None:
    with store.add_export(export, NOON) as adding:
        for message in messages:
            adding.saw(message)
            adding.take(message)


def test_a_project_without_messages_holds_nothing_back(store: Store) -> None:
    assert not leak_index(store).copies(SECRET)
    assert not (store.path.parent / INDEX_NAME).exists()


def test_with_the_last_message_file_and_key_are_gone(store: Store) -> None:
    take(store, a_message(SECRET))
    leak_index(store)
    store.drop_messages([AuthorId("discord:bort")])
    assert not leak_index(store).copies(SECRET)
    assert store.leak_key() is None
    assert not (store.path.parent / INDEX_NAME).exists()


def test_it_is_kept_beside_the_store_and_read_again(store: Store) -> None:
    take(store, a_message(SECRET))
    made, told = leak_index(store), list[int]()
    again = leak_index(store, told.append)
    assert told == []
    assert made.copies(SECRET)
    assert again.copies(SECRET)
    content = (store.path.parent / INDEX_NAME).read_bytes()
    assert b"grandmother" not in content
    assert made.key not in content


@pytest.mark.parametrize("harm", [b"", b"torn"])
def test_a_file_that_is_another_is_made_again(store: Store, harm: bytes) -> None:
    take(store, a_message(SECRET))
    leak_index(store)
    (store.path.parent / INDEX_NAME).write_bytes(harm)
    assert leak_index(store).copies(SECRET)


def test_new_messages_are_in_it_and_removed_ones_are_not(store: Store) -> None:
    take(store, a_message(SECRET))
    first = leak_index(store)
    other = "nobody but me has ever seen the purple lighthouse"
    export = Source(path=Path("b.json"), sha256="1" * 64, format="x", origin="y")
    take(store, a_message(other, author="smig"), export=export)
    assert leak_index(store).copies(other)
    store.drop_messages([AuthorId("discord:bort")])
    last = leak_index(store)
    assert last.copies(other)
    assert not last.copies(SECRET)
    assert last.key != first.key
    kept = store.leak_key()
    assert kept is not None
    assert kept.key == last.key


def test_it_reads_messages_as_clones_learn_them(store: Store) -> None:
    take(store, a_message("look at <:blob:123456789012345678> this https://x.test/a now please ok"))
    assert leak_index(store).copies("look at :blob: this now please")


def test_a_folder_that_cannot_be_written_still_has_a_gate(store: Store) -> None:
    (store.path.parent / INDEX_NAME).mkdir()
    take(store, a_message(SECRET))
    assert leak_index(store).copies(SECRET)


def test_the_gate_tells_a_copy_from_bad_words(store: Store) -> None:
    take(store, a_message(SECRET))
    gate = LeakGate(Polite(), [sample_index(), leak_index(store)])
    assert gate.objection(f"so, {SECRET}") == "copied"
    assert gate.objection("rude words") == "unsafe"
    assert gate.objection("the spare key is where it was") is None


def test_the_demos_index_is_that_of_its_server(tmp_path: Path) -> None:
    demo = Path(__file__).parents[1] / "src" / "botconvo" / "demo"
    server = json.loads((demo / "sample-server.json").read_text(encoding="utf-8"))
    wrote = sample_words(server["messages"])
    write_sample_index(tmp_path / INDEX_NAME, wrote)
    assert np.array_equal(np.load(tmp_path / INDEX_NAME), np.load(demo / INDEX_NAME))


def sample_words(messages: Iterable[dict[str, object]]) -> list[tuple[str, str]]:
    """What the four friends who agreed wrote."""
    rows = ((row["author"], row["content"]) for row in messages)
    return [
        (author["id"], str(text))
        for author, text in rows
        if isinstance(author, dict) and author["nickname"] != "Sam"
    ]


def test_no_trace_shows_what_was_held_back() -> None:
    trace = Trace(
        source=PromptSource.FRESH,
        target=None,
        prompt="Bort:",
        phrase=None,
        candidates=(
            Candidate(completion=f" {SECRET}", line=None, verdict="copied"),
            Candidate(completion=" hello", line=None, verdict="ok"),
        ),
        chosen=1,
        reason="had the turn",
        latency_ms=1.0,
        seed=1,
    )
    said = a_message("hello")
    assert "grandmother" not in why(said, trace, None)
    shown = json.dumps(shown_json(said.channel, ShownMessage(message=said, trace=trace)))
    assert "hello" in shown
    assert "grandmother" not in shown
