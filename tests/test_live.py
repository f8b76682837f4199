"""A run from the command line, in this process: how it ends, and what goes to stdout."""

import contextlib
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from processes import children_of, is_alive, needs_proc, until
from projects import make_project

from botconvo.conversation.events import OrderId
from botconvo.conversation.orders import Post, PromptSource, Say, Trace
from botconvo.errors import ConfigError, PlatformError
from botconvo.live import expected, message_json, talk
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId
from botconvo.personas import PersonaName
from botconvo.store import STORE_NAME
from model_server.errors import CheckpointError

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files or signals")


def run(config: Path, *, most: int | None = None, keep: bool = True) -> None:
    talk(
        config,
        platforms=("console",),
        preset=None,
        seed=None,
        max_messages=most,
        as_json=True,
        keep=keep,
    )


@pytest.fixture(autouse=True)
def _nobody_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in this process read its stdin, which is the test runner's."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"), "Bort", "Juno")


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """Signals that reach this process; without it a broken test would end the tests."""
    signals: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _: signals.append(number)) for number in numbers]
    yield signals
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def when(condition: Callable[[], bool], do: Callable[[], None]) -> threading.Thread:
    """Do something from another thread once a condition holds."""

    def wait() -> None:
        if until(condition):
            do()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@needs_proc
def test_a_signal_stops_in_order_also_before_anybody_is_ready(made: Path, heard: list[int]) -> None:
    others, servers = set(children_of(os.getpid())), set[int]()

    def started() -> bool:
        running = children_of(os.getpid()).items()
        servers.update(pid for pid, line in running if "model_server" in line and pid not in others)
        return len(servers) == 2

    thread = when(started, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with contextlib.redirect_stdout(io.StringIO()):
        run(made)
    thread.join()
    assert len(servers) == 2
    assert not any(map(is_alive, servers))
    assert heard == [], "the signal was taken by the run"
    os.kill(os.getpid(), signal.SIGTERM)
    assert heard == [signal.SIGTERM], "and later ones go where they went before"


@POSIX
def test_a_reader_that_goes_away_ends_the_run_quietly(made: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as nobody_reads, contextlib.redirect_stdout(nobody_reads):
        run(made)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_stdout_is_told(made: Path) -> None:
    with (
        Path("/dev/full").open("w", encoding="utf-8") as full,
        contextlib.redirect_stdout(full),
        pytest.raises(PlatformError, match="standard output cannot be written to: No space left"),
    ):
        run(made)


def test_a_demo_keeps_nothing_and_prints_what_is_said(made: Path) -> None:
    for left in made.parent.glob(f"{STORE_NAME}*"):
        left.unlink()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        run(made, most=2, keep=False)
    assert [json.loads(row)["persona"] for row in out.getvalue().splitlines()] != []
    assert len(out.getvalue().splitlines()) == 2
    assert list(made.parent.glob(f"{STORE_NAME}*")) == []


# What goes to stdout


def a_post(text: str) -> tuple[Message, Post]:
    trace = Trace(
        source=PromptSource.CLONE,
        target=None,
        prompt="Juno: hi\nBort:",
        phrase=None,
        candidates=(),
        chosen=0,
        reason="a free turn",
        latency_ms=12.3456,
        seed=1,
    )
    message = Message(
        id=MessageId("console:main/1"),
        channel=ChannelId("console:main"),
        author=Author(id=AuthorId("clone:Bort"), name="Bort", kind="clone"),
        text=text,
        at=datetime(2024, 5, 17, 12, tzinfo=UTC),
    )
    persona = PersonaName("Bort")
    return message, Post(id=OrderId("1/post"), persona=persona, act=Say(text=text), trace=trace)


def test_a_message_is_one_line_of_json_with_these_keys() -> None:
    row = message_json(*a_post("two\nlines 🔥 \u2028 “quoted”"))
    assert "\n" not in row
    assert json.loads(row) == {
        "time": "2024-05-17T12:00:00+00:00",
        "persona": "Bort",
        "text": "two\nlines 🔥 \u2028 “quoted”",
        "prompt": "Juno: hi\nBort:",
        "prompt_source": "clone",
        "phrase": None,
        "latency_ms": 12.3,
        "message_id": "console:main/1",
    }
    assert "🔥" in row, "people can read it"


# What is told of a group of errors


def a_group(*errors: Exception) -> ExceptionGroup[Exception]:
    return ExceptionGroup("unhandled errors in a TaskGroup", list(errors))


def test_the_error_in_nested_groups_is_found() -> None:
    error = ConfigError("told")
    assert expected(a_group(a_group(a_group(error)))) is error
    torn = CheckpointError("torn")
    assert expected(a_group(torn)) is torn


def test_of_several_the_first_that_a_person_can_mend_is_told() -> None:
    first, second = ConfigError("first"), ConfigError("second")
    assert expected(a_group(a_group(first), second)) is first
    assert expected(a_group(BrokenPipeError(), a_group(first))) is first
    assert isinstance(expected(a_group(BrokenPipeError())), BrokenPipeError)


def test_a_bug_among_them_is_never_hidden() -> None:
    assert expected(a_group(ConfigError("told"), a_group(ZeroDivisionError()))) is None
    assert expected(a_group(ZeroDivisionError())) is None
