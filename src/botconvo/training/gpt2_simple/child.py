"""The process in which gpt-2-simple runs: started, listened to, and asked to stop.

It asks by closing the child's stdin, which the operating system does too when this process dies:
gpt-2-simple then saves and ends, on Windows as elsewhere.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from botconvo.errors import TrainingError

__all__ = ["require_tensorflow", "run_child"]

_MODULE = "botconvo.training.gpt2_simple.side"
_NEEDED = ("tensorflow", "gpt_2_simple", "huggingface_hub")
_FAILED = 2
_LOOK_S = 0.2
"""How often it is looked whether somebody wants a stop."""

Report = Mapping[str, Any]


def require_tensorflow() -> None:
    """
    Raises:
        TrainingError: one of the libraries is missing.
    """
    for name in _NEEDED:
        if not _is_installed(name):
            raise TrainingError(
                f"the engine gpt-2-simple needs {name}, which is not installed; "
                "pip install 'botconvo[tensorflow]'"
            )


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # somebody has forbidden it
        return False


def run_child(
    verb: str,
    facts: Report,
    *,
    folder: Path,
    on_report: Callable[[Report], None] = lambda report: None,
    stopped: Callable[[], bool] = lambda: False,
    on_stop: Callable[[], None] = lambda: None,
    gpu: bool = True,
) -> None:
    """Run one verb of ``side`` in ``folder`` until it ends; ``stopped`` asks it to end early.

    Raises:
        TrainingError: it says what is wrong, or breaks down.
    """
    # -P: a file of the owner's folder that is called like a module must not run in its place.
    words = [sys.executable, "-P", "-m", _MODULE, verb, json.dumps(facts)]
    with (
        TemporaryFile() as errors,
        subprocess.Popen(
            words,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            env=_environment(gpu),
            # Ctrl-C in the terminal reaches us alone, and we stop in order.
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        ) as child,
    ):
        try:
            fault = _follow(child, on_report, stopped, on_stop)
            code = child.wait()
        except BaseException:
            child.kill()
            raise
        if code:
            raise _failure(fault, code, _last_line(errors))


def _environment(gpu: bool) -> dict[str, str]:
    """None of our own variables, and Python's own path of this process.

    The child runs in another folder, so paths of modules must not be relative.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BOTCONVO_")}
    paths = [
        str(Path(path).resolve()) for path in kept.get("PYTHONPATH", "").split(os.pathsep) if path
    ]
    kept |= {"PYTHONPATH": os.pathsep.join(paths)} if paths else {}
    return kept | {"PYTHONIOENCODING": "utf-8"} | ({} if gpu else {"CUDA_VISIBLE_DEVICES": "-1"})


def _follow(
    child: subprocess.Popen[str],
    on_report: Callable[[Report], None],
    stopped: Callable[[], bool],
    on_stop: Callable[[], None],
) -> str | None:
    """Hand on what the child reports until it has no more to say; what is wrong, if anything."""
    assert child.stdin is not None
    assert child.stdout is not None
    rows: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(child.stdout, rows), daemon=True).start()
    fault: str | None = None
    while True:
        if stopped() and not child.stdin.closed:
            on_stop()
            with suppress(OSError):  # it has ended meanwhile
                child.stdin.close()
        try:
            row = rows.get(timeout=_LOOK_S)
        except queue.Empty:
            continue
        if row is None:
            return fault
        report = json.loads(row)
        if "error" in report:
            fault = str(report["error"])
        else:
            on_report(report)


def _read(stream: IO[str], rows: "queue.SimpleQueue[str | None]") -> None:
    with suppress(ValueError):  # closed, because we gave up
        for row in stream:
            rows.put(row)
    rows.put(None)


def _failure(fault: str | None, code: int, last_words: str) -> TrainingError:
    if code == _FAILED and fault is not None:
        return TrainingError(fault)
    if code == -9:
        return TrainingError(
            "the process of gpt-2-simple was killed, most likely for its memory; take a smaller "
            "--batch or a smaller base"
        )
    return TrainingError(f"the process of gpt-2-simple ended with code {code}: {last_words}")


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    rows = errors.read().decode("utf-8", "replace").split("\n")
    return next((row.strip() for row in reversed(rows) if row.strip()), "it left no message")
