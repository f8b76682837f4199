"""``botconvo run`` as people use it: real processes, killed for real."""

import io
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cli.typing_in import typed
from processes import PROC, children_of, is_alive, needs_proc, until
from projects import checkpoints_of, make_project, persona_table, write_config
from tiny_model import make_tiny_checkpoint
from training.full_disk import full_disk

from botconvo.consent import ConsentRecord, PersonId, RecordId, granted
from botconvo.messages import ChannelId
from botconvo.store import STORE_NAME, Store

LONG_S = 60.0
KEYS = "time persona text prompt prompt_source phrase latency_ms message_id".split()
POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows knows no such signals")


@dataclass(slots=True)
class Talking:
    """A run under way: its messages one by one, and what it logs."""

    process: "subprocess.Popen[bytes]"
    log: Path
    said: list[dict[str, Any]] = field(default_factory=list)
    _rows: "queue.Queue[bytes]" = field(default_factory=queue.Queue)

    def read(self) -> None:
        """For a thread: hand on stdout, row by row, to its end."""
        assert self.process.stdout is not None
        for row in self.process.stdout:
            self._rows.put(row)
        self._rows.put(b"")

    def hear(self) -> dict[str, Any]:
        """The next message; an error when the run ends instead."""
        row = self._rows.get(timeout=LONG_S)
        assert row, f"the run has ended: {self.errors()}"
        message = json.loads(row)
        assert isinstance(message, dict)
        self.said.append(message)
        return message

    def hear_of(self, *personas: str, most: int = 400) -> None:
        """Listen until each of these has spoken from now on."""
        missing = set(personas)
        for _ in range(most):
            missing.discard(self.hear()["persona"])
            if not missing:
                return
        raise AssertionError(f"{missing} said nothing in {most} messages: {self.errors()}")

    def end(self, number: int | None = None) -> int:
        """Send a signal, if any, and wait; the exit code."""
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(LONG_S)
        while row := self._rows.get(timeout=LONG_S):
            self.said.append(json.loads(row))
        return code

    def errors(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def servers(self) -> dict[str, int]:
        """The pid of every model server, by its checkpoint's folder."""
        found = children_of(self.process.pid)
        names = {
            pid: re.search(r"model_server \S*?(\w+) --", command) for pid, command in found.items()
        }
        return {match[1]: pid for pid, match in names.items() if match}


@contextmanager
def talking(config: Path, *words: object, stdin: int = subprocess.DEVNULL) -> Iterator[Talking]:
    """``botconvo run`` on the console with JSON; it has ended when the context is left."""
    log = config.with_name(f"{len(list(config.parent.glob('*.log')))}.log")
    options = ["--config", config, "--platform", "console", "--json", *words]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "botconvo", "run", *map(str, options)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={k: v for k, v in os.environ.items() if not k.startswith("BOTCONVO_")},
        )
    run = Talking(process, log)
    reader = threading.Thread(target=run.read)
    reader.start()
    try:
        yield run
    finally:
        left = run.servers().values() if PROC.exists() else ()
        process.kill()
        process.wait(LONG_S)
        for pid in left:  # one that a broken test has stopped would stay for ever
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        reader.join(LONG_S)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(autouse=True)
def _nobody_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in this process read its stdin, which is the test runner's."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of Bort, Juno and Marek; only to be read."""
    folder = tmp_path_factory.mktemp("made")
    checkpoints_of(("Bort", "Juno", "Marek"), folder)
    return folder / "checkpoints"


def table(made: Path, name: str) -> str:
    return persona_table(name, checkpoint=(made / name.lower()).as_posix())


@pytest.fixture
def config(made: Path, tmp_path: Path) -> Path:
    """A project in which Bort and Juno talk."""
    return write_config(tmp_path, table(made, "Bort"), table(made, "Juno"))


# What it says


def test_the_same_seed_says_the_same_as_one_json_object_per_message(
    config: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    again.mkdir()
    copy = again / "config.toml"
    copy.write_text(config.read_text(encoding="utf-8"), encoding="utf-8")
    words = ("--seed", 1, "--max-messages", 8)
    with talking(config, *words) as first, talking(copy, *words) as second:
        assert (first.end(), second.end()) == (0, 0)
    assert len(first.said) == 8, "it ends right after the last one"
    assert [(m["persona"], m["text"], m["prompt"], m["phrase"]) for m in first.said] == [
        (m["persona"], m["text"], m["prompt"], m["phrase"]) for m in second.said
    ]
    assert {message["persona"] for message in first.said} == {"Bort", "Juno"}
    assert first.said[0]["prompt_source"] == "fresh"
    for message in first.said:
        assert list(message) == KEYS
        assert datetime.fromisoformat(message["time"]).tzinfo is not None
        assert message["prompt"].endswith(f"{message['persona']}:")
        assert message["latency_ms"] > 0
        assert message["message_id"].startswith("console:main/")
    assert len({message["message_id"] for message in first.said}) == 8
    assert "Bort: ready at http://127.0.0.1:" in first.errors()
    assert "Traceback" not in first.errors() + second.errors()
    assert (tmp_path / "botconvo.sqlite3").exists()


@POSIX
def test_the_classic_preset_begins_replies_with_a_phrase_until_ctrl_c(config: Path) -> None:
    with talking(config, "--preset", "classic", "--seed", 3) as run:
        for _ in range(6):
            run.hear()
        servers = run.servers().values() if PROC.exists() else ()
        assert run.end(signal.SIGINT) == 0, "Ctrl-C is how a talk ends"
        assert not any(map(is_alive, servers))
        assert "Traceback" not in run.errors()
    speakers = [message["persona"] for message in run.said]
    assert all(one != two for one, two in pairwise(speakers))
    for message in run.said:
        assert "\n" in message["prompt"] or message["prompt"].startswith(message["persona"])
        if message["phrase"]:
            assert message["prompt"].endswith(message["phrase"])
            assert message["text"].startswith(message["phrase"])


# What it survives


@needs_proc
def test_a_killed_model_server_comes_back_and_a_killed_run_leaves_no_orphan(config: Path) -> None:
    with talking(config) as run:
        run.hear_of("Bort", "Juno")
        before = run.servers()
        os.kill(before["bort"], signal.SIGKILL)
        assert until(lambda: run.servers().get("bort") not in (None, before["bort"]))
        run.hear_of("Bort", "Juno")
        after = run.servers()
        assert after["juno"] == before["juno"], "the other one went on"
        assert "Bort: its model server ended with code -9" in run.errors()
        assert run.end(signal.SIGKILL) == -signal.SIGKILL
        assert until(lambda: not any(map(is_alive, after.values())))


@needs_proc
def test_a_bad_edit_changes_nothing_a_newcomer_joins_and_a_second_ctrl_c_ends_at_once(
    config: Path, made: Path
) -> None:
    with talking(config, "--preset", "group-chat") as run:
        run.hear_of("Bort", "Juno")
        good = config.read_text(encoding="utf-8")
        config.write_text(good + "\n[[personas]\n", encoding="utf-8")
        while "was not taken up" not in run.errors():
            run.hear()
        servers = run.servers()
        run.hear_of("Bort", "Juno")
        config.write_text(good + "\n" + table(made, "Marek"), encoding="utf-8")
        run.hear_of("Marek")
        assert run.servers().items() >= servers.items(), "nobody else was restarted"
        everybody = run.servers()
        os.kill(everybody["marek"], signal.SIGSTOP)  # it will not hear the request to stop
        run.process.send_signal(signal.SIGINT)
        assert until(lambda: not is_alive(everybody["bort"]))
        assert run.end(signal.SIGINT) == 130
        assert "Traceback" not in run.errors()
        assert until(lambda: not any(map(is_alive, everybody.values())))


def consented(project: Path, *names: str) -> None:
    """Let the checkpoints of a project be clones of people who agreed."""
    with Store.open(project / STORE_NAME) as store:
        for letter, name in zip("ab", names, strict=False):
            person = PersonId(f"p-{letter * 10}")
            manifest = project / "checkpoints" / name.lower() / "manifest.json"
            facts = json.loads(manifest.read_text(encoding="utf-8"))
            facts["consent"] |= {"person": person, "fictional": False}
            manifest.write_text(json.dumps(facts), encoding="utf-8")
            store.keep_person(person, name, [])
            record = ConsentRecord(
                id=RecordId(f"r-{letter}"), person=person, granted_at=datetime.now(UTC), adult=True
            )
            store.append_ledger(granted(store.ledger(), record, salt="salt"))


@needs_proc
def test_a_consent_withdrawn_in_another_process_ends_its_clone_in_a_running_talk(
    tmp_path: Path,
) -> None:
    config = make_project(tmp_path, "Bort", "Juno")
    consented(tmp_path, "Bort", "Juno")
    with talking(config, "--preset", "group-chat") as run:
        run.hear_of("Bort", "Juno")
        servers = run.servers()
        withdraw = ["consent", "withdraw", "Bort", "--project", str(tmp_path)]
        done = subprocess.run(
            [sys.executable, "-m", "botconvo", *withdraw], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert until(lambda: not is_alive(servers["bort"]))
        assert "Bort has left: the consent for this clone was withdrawn" in run.errors()
        gone = datetime.now(UTC)
        later: list[str] = []
        while len(later) < 3:
            message = run.hear()
            if datetime.fromisoformat(message["time"]) > gone:
                later.append(message["persona"])
        assert set(later) == {"Juno"}
        assert run.servers()["juno"] == servers["juno"], "nobody else was restarted"
        with config.open("a", encoding="utf-8") as file:
            file.write("\n# Bort is still in here\n")
        assert until(lambda: "config.toml was taken up; in the talk: Juno" in run.errors()), (
            run.errors()
        )
        assert "Bort: the consent for this clone was withdrawn" in run.errors()
        assert run.end(signal.SIGINT) == 0
        assert "Traceback" not in run.errors()


@needs_proc
def test_another_version_of_a_clone_is_taken_up_by_a_running_talk(tmp_path: Path) -> None:
    config = make_project(tmp_path, "Bort", "Juno")
    make_tiny_checkpoint(tmp_path / "checkpoints", "Bort", seed=7)
    Store.open(tmp_path / STORE_NAME).close()
    with talking(config, "--preset", "group-chat") as run:
        run.hear_of("Bort", "Juno")
        servers = run.servers()
        words = ["rollback", "Bort", "--project", str(tmp_path)]
        done = subprocess.run(
            [sys.executable, "-m", "botconvo", *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert until(lambda: run.servers().get("bort") not in (None, servers["bort"]))
        assert "a clone's other version was taken up; in the talk: Bort, Juno" in run.errors()
        assert run.servers()["juno"] == servers["juno"], "nobody else was restarted"


@needs_proc
def test_whoever_is_forgotten_is_out_of_a_running_talk_and_out_of_its_memory(
    tmp_path: Path,
) -> None:
    config = make_project(tmp_path, "Bort", "Juno")
    consented(tmp_path, "Bort", "Juno")
    with talking(config, "--preset", "group-chat") as run:
        run.hear_of("Bort", "Juno")
        servers = run.servers()
        words = ["forget", "Bort", "--yes", "--project", str(tmp_path)]
        done = subprocess.run(
            [sys.executable, "-m", "botconvo", *words], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert until(lambda: not is_alive(servers["bort"]))
        assert until(lambda: not is_alive(servers["juno"])), "it remembered prompts with Bort in"
        gone = datetime.now(UTC)
        later: list[dict[str, Any]] = []
        while len(later) < 3:
            message = run.hear()
            if datetime.fromisoformat(message["time"]) > gone:
                later.append(message)
        assert {message["persona"] for message in later} == {"Juno"}
        assert not any("Bort:" in message["prompt"] for message in later[1:])
        assert until(lambda: "config.toml was taken up; in the talk: Juno" in run.errors()), (
            run.errors()
        )
        assert run.end(signal.SIGINT) == 0
        assert "Traceback" not in run.errors()
    with Store.open(tmp_path / STORE_NAME) as store:
        assert b"Bort" not in (tmp_path / STORE_NAME).read_bytes()
        assert store.underway() is None


# What a person has to mend


def refused(config: Path, *words: object) -> str:
    """The one line with which a run ends that cannot be."""
    done = typed("run", "--config", config, "--platform", "console", "--json", *words)
    assert done.code == 2, done
    assert done.out == ""
    rows = [row for row in done.err.splitlines() if row.startswith("botconvo: ")]
    assert len(rows) == 1, done.err
    assert "Traceback" not in done.err
    return rows[0]


def test_without_a_config_a_run_says_how_to_get_one(tmp_path: Path) -> None:
    assert "run 'botconvo init'" in refused(tmp_path / "config.toml")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("[conversations]", "conversations: there is no such setting"),
        (persona_table("bort"), "'bort' is already the name of personas[0]"),
        (persona_table("Tilly", checkpoint="."), "is no checkpoint"),
        (persona_table("Tilly", checkpoint="nowhere"), "there is no such folder"),
        ("[[personas]", "config.toml: "),
    ],
)
def test_a_config_that_cannot_be_run_is_told_in_one_line(
    config: Path, more: str, told: str
) -> None:
    config.write_text(config.read_text(encoding="utf-8") + more, encoding="utf-8")
    assert told in refused(config)


def test_a_truncated_checkpoint_is_told_in_one_line(tmp_path: Path) -> None:
    config = make_project(tmp_path, "Bort")
    weights = tmp_path / "checkpoints" / "bort" / "bort-adapter.gguf"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "bort-adapter.gguf: is 1000 bytes" in refused(config)


def test_a_pipeline_that_is_not_installed_ends_the_run(config: Path) -> None:
    config.write_text(
        'spacy_pipeline = "xx_nobody_has_this"\n' + config.read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    assert "python -m spacy download xx_nobody_has_this" in refused(config)


def test_a_model_servers_port_in_use_is_told_in_one_line(made: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        where = (made / "bort").as_posix()
        config = write_config(
            tmp_path, persona_table("Bort", f"port = {port}", checkpoint=where), table(made, "Juno")
        )
        told = refused(config, "--seed", 1)
    assert re.search(rf"Bort: its model server ended with code 2: cannot listen on .*{port}", told)


def test_where_the_page_is_is_told(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = config.read_text(encoding="utf-8")
    page = "\n[platforms.web]\nport = 0\nopen_browser = false\n"
    config.write_text(settings + page, encoding="utf-8")
    with caplog.at_level("INFO"):
        done = typed("run", "--config", config, "--platform", "web", "--max-messages", "1")
    assert done.code == 0
    assert re.search(r"the page is at http://127\.0\.0\.1:[1-9]\d*/$", caplog.text, re.M)


def test_the_pages_port_in_use_is_told_in_one_line(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = config.read_text(encoding="utf-8")
        page = f"\n[platforms.web]\nport = {port}\nopen_browser = false\n"
        config.write_text(settings + page, encoding="utf-8")
        assert str(port) in refused(config, "--platform", "web")


def test_a_disk_that_fills_ends_the_talk_with_one_line_and_nothing_half_written(
    config: Path, tmp_path: Path
) -> None:
    with Store.open(tmp_path / STORE_NAME):
        pass
    with full_disk((tmp_path / STORE_NAME).stat().st_size + 100_000):
        done = typed("run", "--config", config, "--platform", "console", "--json")
    assert done.code == 2
    assert re.search(
        r"^botconvo: .*sqlite3: (the disk is full|it cannot be written)", done.err, re.M
    )
    assert "Traceback" not in done.err
    said = [json.loads(row)["text"] for row in done.out.splitlines()]
    assert said, "it ran until the disk was full"
    with Store.open(tmp_path / STORE_NAME) as store:
        kept = [message.text for message in store.recent_live(ChannelId("console:main"), 200)]
    assert kept[: len(said)] == said[-len(kept) :]
