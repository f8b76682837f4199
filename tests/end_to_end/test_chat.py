"""``botconvo chat`` on a real terminal, and with lines from a pipe."""

import io
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli.typing_in import Done, typed
from processes import children_of, is_alive, needs_proc, until
from projects import checkpoints_of, persona_table, write_config
from terminals import Terminal, on_a_terminal

from botconvo.consent import ConsentRecord, PersonId, RecordId, granted, withdrawn
from botconvo.store import STORE_NAME, Store
from botconvo.transcript.grammar import parse_lines

BORT = PersonId("p-aaaaaaaaaa")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bort and Juno, both invented; only to be read."""
    folder = tmp_path_factory.mktemp("project")
    checkpoints_of(("Bort", "Juno"), folder)
    write_config(folder, persona_table("Bort"), persona_table("Juno"), conversation="")
    return folder


def said(name: str) -> str:
    """What shows that a clone has said something."""
    return rf"{name}  BOT  [^\n]+\n"


def servers(terminal: Terminal) -> list[int]:
    found = children_of(terminal.process.pid).items()
    return [pid for pid, command in found if "model_server" in command]


# On a terminal


def test_a_chat_from_the_choice_of_a_role_to_the_end(project: Path, tmp_path: Path) -> None:
    with on_a_terminal(
        *("chat", "Bort", "--config", project / "config.toml", "--seed", 1), cwd=tmp_path
    ) as terminal:
        terminal.until(r"Whom do you play\? 1 Bort  2 Juno, or type a name of your own")
        terminal.until("Name .*:")
        terminal.type("7")
        terminal.until("choose from 1 to 2, or type a name")
        terminal.type("Sam")
        terminal.until("You play Sam. Bort is a clone.")
        terminal.until("Sam:")
        terminal.type("who is in tonight?")
        first = terminal.until(said("Bort"))
        terminal.type("")
        terminal.until(said("Bort"))
        terminal.type("/undo")
        terminal.until("taken back: Bort: ")
        terminal.type("/redo")
        terminal.until("in again: Bort: ")
        terminal.type("/undo")
        terminal.until("taken back: Bort: ")
        terminal.type("/save my chat.txt")
        terminal.until("my chat.txt: 2 messages")
        terminal.type("/dance")
        terminal.until("there is no command /dance")
        terminal.type("/exit")
        assert terminal.end() == 0
    lines = parse_lines((tmp_path / "my chat.txt").read_text(encoding="utf-8"))
    assert [line.name for line in lines] == ["Sam", "Sam", "Bort"]
    assert lines[1].argument == "who is in tonight?"
    assert f"Bort  BOT  {lines[2].argument}" in first
    assert [path.name for path in tmp_path.iterdir()] == ["my chat.txt"], "nothing else is kept"


def test_suggestions_are_offered_and_one_is_taken(project: Path) -> None:
    with on_a_terminal("chat", "Bort", "--as", "Sam", "--suggestions", 3, cwd=project) as terminal:
        terminal.until("Sam:")
        terminal.type("hello")
        offered = terminal.until(r"Sam \(1-3 takes one\):")
        texts = re.findall(r"  [123]  Bort  BOT  ([^\n]+)\n", offered)
        assert len(set(texts)) == 3
        terminal.type("2")
        assert texts[1] in terminal.until(r"Bort  BOT  [^\n]+\n")
        terminal.until("Sam:")
        terminal.press(b"\x04")
        assert terminal.end() == 0
        assert terminal.seen.endswith("\n"), "the shell's prompt begins a line of its own"


def test_whoever_plays_the_clone_talks_with_the_others(project: Path) -> None:
    with on_a_terminal("chat", "Bort", "--as", "bort", cwd=project) as terminal:
        terminal.until("You play Bort. Juno is a clone.")
        for _ in range(3):
            terminal.until("Bort:")
            terminal.type("")
            terminal.until(r"Juno  BOT|Juno reacted|nothing fit")
        terminal.press(b"\x03")
        assert terminal.end() == 0, "Ctrl-C is how a chat may end"
    assert "Bort  BOT" not in terminal.seen, "the model never speaks as you"


@needs_proc
@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
def test_a_signal_leaves_no_process_also_before_anybody_is_ready(
    project: Path, signal_name: str
) -> None:
    with on_a_terminal("chat", "Bort", cwd=project) as terminal:
        terminal.until("Name .*:")
        running = servers(terminal)
        terminal.process.send_signal(getattr(signal, signal_name))
        assert terminal.end() == 0
    assert running
    assert until(lambda: not any(map(is_alive, running)))


@needs_proc
def test_a_model_server_that_is_killed_comes_back_and_the_chat_goes_on(project: Path) -> None:
    with on_a_terminal("chat", "Bort", "--as", "Sam", cwd=project) as terminal:
        terminal.until("Sam:")
        terminal.type("one")
        terminal.until(said("Bort"))
        (first,) = servers(terminal)
        os.kill(first, signal.SIGKILL)
        terminal.until(r"ended with code -9")
        terminal.type("two")
        terminal.until(said("Bort"))
        (second,) = servers(terminal)
        assert second != first
        terminal.type("/exit")
        assert terminal.end() == 0
        assert "Traceback" not in terminal.seen


@needs_proc
def test_a_consent_that_is_withdrawn_ends_the_chat_while_it_waits(tmp_path: Path) -> None:
    checkpoints_of(["Bort"], tmp_path)
    write_config(tmp_path, persona_table("Bort"), conversation="")
    manifest = tmp_path / "checkpoints" / "bort" / "manifest.json"
    facts = json.loads(manifest.read_text(encoding="utf-8"))
    facts["consent"] |= {"person": BORT, "fictional": False}
    manifest.write_text(json.dumps(facts), encoding="utf-8")
    record = ConsentRecord(
        id=RecordId("r-1"), person=BORT, granted_at=datetime.now(UTC), adult=True
    )
    with Store.open(tmp_path / STORE_NAME) as store:
        store.append_ledger(granted(store.ledger(), record, salt="salt"))
        with on_a_terminal("chat", "--as", "Sam", cwd=tmp_path) as terminal:
            terminal.until("Sam:")
            terminal.type("hello")
            terminal.until(said("Bort"))
            running = servers(terminal)
            store.append_ledger(withdrawn(store.ledger(), BORT, datetime.now(UTC)))
            terminal.until("botconvo: Bort: the consent for this clone was withdrawn")
            assert terminal.end() == 2
            assert "Traceback" not in terminal.seen
        assert running
        assert until(lambda: not any(map(is_alive, running)))


# From a pipe


Typed = Callable[..., Done]


@pytest.fixture
def chat(project: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Type lines into a chat in this process."""

    def typing(*words: object, lines: str) -> Done:
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        return typed("chat", *words, "--config", project / "config.toml")

    return typing


def test_lines_from_a_pipe_are_shown_and_answered_until_their_end(chat: Typed) -> None:
    done = chat("Bort", "--seed", 1, lines="hello there\n\n")
    assert done.code == 0, done.err
    rows = done.out.splitlines()
    assert rows[0].startswith("· You play You. Bort is a clone.")
    assert rows[1] == "You  hello there"
    assert len(re.findall(r"^Bort  BOT  .", done.out, re.M)) == 2
    assert chat("Bort", "--seed", 1, lines="hello there\n\n").out == done.out


def test_an_input_that_has_ended_already_is_a_short_chat(chat: Typed) -> None:
    done = chat("Bort", lines="")
    assert (done.code, len(done.out.splitlines())) == (0, 1)


def test_a_file_that_is_not_the_chats_own_is_not_replaced(chat: Typed, tmp_path: Path) -> None:
    other, own = tmp_path / "other.txt", tmp_path / "own.txt"
    other.write_text("mine", encoding="utf-8")
    done = chat(
        "Bort",
        lines=f"hi\n/save {other}\n/save {own}\n/save {own}\n/save {tmp_path}/no/where\n"
        f"/save ~nobody-at-all/x\n/save {tmp_path}\n",
    )
    assert done.code == 0, done.err
    assert f"{other} is there already; take another name" in done.out
    assert other.read_text(encoding="utf-8") == "mine"
    assert done.out.count(f"{own}: 2 messages") == 2
    assert "where cannot be written: No such file" in done.out
    assert f"{tmp_path} is a folder" in done.out
    assert "home directory" in done.out
    assert own.read_text(encoding="utf-8").startswith("# made by BotConvo; clones spoke as Bort\n")


def test_a_line_that_is_too_long_is_not_said(chat: Typed) -> None:
    done = chat("Bort", lines=f"{'x' * 2001}\n")
    assert "not said: 2001 characters; at most 2000" in done.out
    assert "BOT" not in done.out


def test_nothing_that_is_typed_reaches_the_terminal_as_more_than_words(chat: Typed) -> None:
    done = chat("Bort", "--as", "S\x1b[2Jam:", lines="\x1b]0;title\x07hello\n")
    assert "\x1b" not in done.out
    assert "You play S[2Jam." in done.out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["Nobody"], "'Nobody' is neither a persona of config.toml (there are Bort, Juno)"),
        ([], "say whom, by name or as the path of a checkpoint: one of Bort, Juno"),
        (["Bort", "--suggestions", "0"], "--suggestions"),
        (["Bort", "--max-tokens", "256"], "max_tokens: 256 leaves no room for a prompt"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(chat: Typed, words: list[str], line: str) -> None:
    done = chat(*words, lines="hi\n")
    assert done.code == 2
    assert "Traceback" not in done.err
    assert [row for row in done.err.splitlines() if line in row] == done.err.splitlines()[-1:]


def test_whoever_plays_the_only_one_has_nobody_to_talk_with(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.parent)
    monkeypatch.setattr(sys, "stdin", io.StringIO("hi\n"))
    done = typed("chat", project / "checkpoints" / "bort", "--as", "Bort")
    assert done.code == 2
    assert "nobody is left to talk with: you play Bort" in done.err


def test_single_lines_have_no_company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints_of(["Bort"], tmp_path)
    manifest = tmp_path / "checkpoints" / "bort" / "manifest.json"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('"kind": "transcript"', '"kind": "plain"'), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO("hi\n"))
    for words in (["chat", "--everybody"], ["generate", "--lines", "3"]):
        done = typed(*words, manifest.parent)
        assert done.code == 2
        assert "cannot speak as others; leave --" in done.err
    done = typed("chat", manifest.parent, "--seed", 1)
    assert done.code == 0, done.err
    assert re.search(said("Bort"), done.out)
