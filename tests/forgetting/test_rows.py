"""What the store holds of somebody goes, all of it, and nothing stays in the file."""

from pathlib import Path

import pytest
from builders import NOON, a_message, a_reaction, an_author

from botconvo.consent import verify
from botconvo.conversation.corrections import Correction
from botconvo.errors import ConsentError
from botconvo.forgetting import Project, forget, plan
from botconvo.granting import Terms, grant
from botconvo.messages import Author, AuthorId, clone_author
from botconvo.store import STORE_NAME, Source, Store

SOURCE = Source(path=Path("a.json"), sha256="0" * 64, format="discord-json", origin="file")
WORDS = "a canary in the coal mine"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Bort and Juno agreed; Bort wrote a canary, and Juno answered."""
    with Store.open(tmp_path / STORE_NAME) as store:
        bort = AuthorId("discord:218000000000000001")
        him = an_author("Bort")
        with store.add_export(SOURCE, NOON) as adding:
            for message in (
                a_message(WORDS, author=him, id="1"),
                a_message(
                    "ah", author="Juno", id="2", reply_to="1", reactions=[a_reaction(by=him)]
                ),
            ):
                adding.saw(message)
                adding.take(message)
        assert bort
        for name in ("Bort", "Juno"):
            grant(store, name, Terms(adult=True, statement=f"{name} says yes"), NOON)
        store.record_live(a_message("live " + WORDS, author=him, id="3"))
        store.note_line(a_message("live " + WORDS, author=him, id="3"), "favourite", "Bort", NOON)
        store.record_live(a_message("fine", author="Juno", id="4", reactions=[a_reaction(by=him)]))
        for id_, name, by in (("5", "Bort", "Juno"), ("6", "Juno", "Bort")):
            store.correct(
                Correction(
                    line=a_message(f"the clone of {name}", author=clone_author(name), id=id_),
                    judgement="bad",
                    judge="friend",
                    by=by,
                    at=NOON,
                    context=(
                        a_message("live " + WORDS, author=him, id="3"),
                        a_message("fine", author="Juno", id="4"),
                    ),
                )
            )
    return Project.at(tmp_path)


def stored(project: Project) -> bytes:
    """Every byte of the store's files."""
    return b"".join(path.read_bytes() for path in project.folder.glob(f"{STORE_NAME}*"))


def test_nothing_of_somebody_who_is_forgotten_is_left_in_the_file(project: Project) -> None:
    assert b"canary" in stored(project)
    assert b"Bort" in stored(project)
    receipt = forget(project, "bort", NOON)
    assert sum(item.count for item in receipt.items) > 5
    for trace in (b"canary", b"bort", b"Bort"):
        assert trace not in stored(project)
    with Store.open(project.store) as store:
        assert verify(store.ledger()) == ()
        assert [person.name for person in store.people()] == ["Juno"]
        (kept,) = store.messages_of([AuthorId("discord:juno")])
        assert (kept.text, kept.reply_to, kept.reactions) == ("ah", None, ())
        (correction,) = store.corrections()
        assert (correction.persona, correction.by) == ("Juno", "somebody")
        assert [each.text for each in correction.context] == ["fine"]


def test_the_plan_changes_nothing(project: Project) -> None:
    before = stored(project)
    found = {name: each.count for name, each in plan(project, "Bort").found}
    assert found["messages"] == 2
    assert found["transcripts"] == 1
    assert stored(project) == before


def test_nobody_is_forgotten_twice(project: Project) -> None:
    forget(project, "Bort", NOON)
    with pytest.raises(ConsentError, match="Bort"):
        forget(project, "Bort", NOON)


def test_a_chat_of_two_loses_their_id_and_keeps_what_the_other_wrote(tmp_path: Path) -> None:
    channel = "telegram:1-218000000000000001"
    him = Author(id=AuthorId("telegram:218000000000000001"), name="Bort", kind="person")
    her = Author(id=AuthorId("telegram:1"), name="Juno", kind="person")
    reaction = a_reaction(by=her)
    with Store.open(tmp_path / STORE_NAME) as store, store.add_export(SOURCE, NOON) as adding:
        for message in (
            a_message(WORDS, author=him, id="1", channel=channel),
            a_message("ah", author=her, id="2", channel=channel, reactions=[reaction]),
            a_message("so", author=her, id="3", channel=channel, reply_to="2"),
        ):
            adding.saw(message)
            adding.take(message)
    project = Project.at(tmp_path)
    forget(project, "Bort", NOON)
    assert b"218000000000000001" not in stored(project)
    with Store.open(project.store) as store:
        first, second = store.messages_of([her.id])
        assert first.channel.startswith("telegram:untold-")
        assert (first.id, second.id) == (f"{first.channel}/2", f"{first.channel}/3")
        assert second.reply_to == first.id
        assert first.reactions == (reaction,)
