"""Rows of exports many at a time, packed for the store; large exports are read by a process beside.

What is read and how is the importers' matter; who agreed is the caller's.  The other process gets
the export on its stdin and answers on its stdout.  It is in a process group of its own, so that
Ctrl-C reaches us alone; when we are gone, its next answer, which is never far, finds the pipe
closed and ends it (on Windows too): no orphan is left.
"""

import gc
import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from botconvo.errors import ImportFailed
from botconvo.importers import FAULTS, Export, LeftOut, Reason, Row
from botconvo.messages import AuthorId, Message
from botconvo.store import Packed, pack

__all__ = ["Batch", "batches", "few_collections", "in_batches", "serve"]

_AT_ONCE = 1000
_CHARACTERS_AT_ONCE = 4_000_000
"""Rows, and characters of their words, that come together."""
_WORTH_BYTES = 16_000_000
"""Starting a process costs a third of a second: of a smaller export the half is less."""
_SIGN_BYTES = 8_000_000
"""After so many bytes without a row there is an empty batch, as a sign of life."""
_PIPE_BYTES = 1 << 18
_SERVE = "from botconvo.batches import serve; serve()"

Progress = Callable[[int], None]


@dataclass(slots=True)
class Batch:
    """Rows that follow each other in an export."""

    packed: Packed
    left_out: Counter[Reason] = field(default_factory=Counter)
    bots: set[AuthorId] = field(default_factory=set)
    faults: list[LeftOut] = field(default_factory=list)
    """Of the rows left out those that mean that something is wrong with the file."""
    done: int = 0
    """Bytes of the export that were read until here."""


def batches(
    export: Export, told: Progress | None = None, *, beside: bool | None = None
) -> Generator[Batch, None, None]:
    """The rows of an export in their order.  Close it where it is not read to the end.

    ``beside`` says whether another process reads it, which goes by its size otherwise.

    Raises:
        ImportFailed: see ``Export.rows``.
    """
    if beside is None:
        beside = _worth_a_process(export)
    yield from _from_beside(export, told) if beside else _packed(export, told)


def serve() -> None:
    """Be the other process."""
    out = sys.stdout.buffer
    answer: ImportFailed | None = None
    told = 0

    def say(something: Batch | ImportFailed | None) -> None:
        pickle.dump(something, out, pickle.HIGHEST_PROTOCOL)
        out.flush()

    def sign(done: int) -> None:
        nonlocal told
        if done - told >= _SIGN_BYTES:
            told = done
            say(Batch(Packed(), done=done))

    try:
        export: Export = pickle.load(sys.stdin.buffer)  # noqa: S301 - by our own parent
        try:
            with few_collections():
                for batch in _packed(export, sign):
                    say(batch)
        except ImportFailed as failed:
            answer = failed
        say(answer)
    except (BrokenPipeError, EOFError):
        os._exit(1)  # nobody listens any more; Python would complain that it cannot flush


@contextmanager
def few_collections() -> Iterator[None]:
    """Rows by the million make no cycles: looking for some among them takes a tenth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _worth_a_process(export: Export) -> bool:
    try:
        return (os.cpu_count() or 1) > 1 and export.size() >= _WORTH_BYTES
    except (OSError, KeyError):
        return False  # reading it says what is wrong


def _from_beside(export: Export, told: Progress | None) -> Iterator[Batch]:
    # -P: a file of the owner's folder that is called like a module must not run in its place.
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _SERVE],
        bufsize=_PIPE_BYTES,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=os.name != "nt",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        | getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with suppress(BrokenPipeError):
            pickle.dump(export, process.stdin)
            process.stdin.close()
        while True:
            try:
                answer = pickle.load(process.stdout)  # noqa: S301 - by our own child
            except (EOFError, pickle.UnpicklingError):
                raise ImportFailed(
                    f"{export.label}: the process that reads it has ended "
                    f"(exit code {process.wait()}); see above, free memory, and import it again"
                ) from None
            if answer is None:
                return
            if isinstance(answer, ImportFailed):
                raise answer
            if told is not None:
                told(answer.done)
            yield answer
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        with suppress(OSError):
            process.stdin.close()


def _packed(export: Export, told: Progress | None) -> Iterator[Batch]:
    done = 0

    def read(bytes_: int) -> None:
        nonlocal done
        done = bytes_
        if told is not None:
            told(done)

    for batch in in_batches(export.rows(read), export.origin):
        batch.done = done
        yield batch


def in_batches(rows: Iterable[Row], origin: str) -> Iterator[Batch]:
    """Rows that came from ``origin``, many at a time; there is always one batch."""
    messages: list[Message] = []
    batch, characters, many = Batch(Packed()), 0, 0
    for row in rows:
        many += 1
        if isinstance(row, Message):
            messages.append(row)
            characters += len(row.text)
        else:
            _leave_out(row, batch)
        if many >= _AT_ONCE or characters >= _CHARACTERS_AT_ONCE:
            batch.packed = pack(messages, origin)
            yield batch
            messages, batch, characters, many = [], Batch(Packed()), 0, 0
    batch.packed = pack(messages, origin)
    yield batch


def _leave_out(row: LeftOut, batch: Batch) -> None:
    batch.left_out[row.reason] += 1
    if row.reason is Reason.BOT and row.author is not None:
        batch.bots.add(row.author)
    if row.reason in FAULTS:
        batch.faults.append(row)
