"""A run from the command line: signals, the store's file, JSON on stdout, and the exit.

Ctrl-C is how a run ends, so the first one stops it in order and the exit code is 0, as it is after
a termination signal, ``--max-messages`` or a reader of stdout that has gone away.  The second
Ctrl-C ends it at once, with exit code 130.  What a person has to mend ends it with exit code 2.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx

from botconvo.build import RunOptions, build_game, build_plan, build_platforms, take_up
from botconvo.config import Settings, load_settings
from botconvo.conversation.orders import Post
from botconvo.errors import BotConvoError, PlatformError
from botconvo.messages import Message
from botconvo.orchestrator.reins import Reins
from botconvo.orchestrator.run import run
from botconvo.sample import SampleWords
from botconvo.store import Store
from model_server.errors import ModelServerError

__all__ = ["expected", "message_json", "put_out", "raised", "stop_on_signals", "talk"]

logger = logging.getLogger(__name__)


def talk(
    config: Path,
    *,
    platforms: tuple[str, ...],
    preset: str | None,
    seed: int | None,
    max_messages: int | None,
    as_json: bool,
    keep: bool = True,
) -> None:
    """Run until Ctrl-C, a termination signal or ``max_messages``.

    Without ``keep`` nothing that is said stays, and the blind game has the sample friends' words.

    Raises:
        BotConvoError, ModelServerError: something that a person has to mend.
    """
    settings = load_settings(config)
    options = RunOptions(
        config=config,
        platforms=platforms,
        preset=preset,
        seed=seed,
        max_messages=max_messages,
        json=as_json,
    )
    with _store(settings, keep=keep) as store, raised():
        if not keep:
            sample = SampleWords(store.path.with_name("sample.sqlite3"))
            options = replace(options, words=sample)
        asyncio.run(_talk(settings, options, store))


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """What a person has to mend comes out of a task group as one error; a bug stays as it is.

    A reader of stdout that has gone away is no error.
    """
    try:
        yield
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    except BrokenPipeError:
        _let_go_of_stdout()
    except BaseExceptionGroup as group:
        if (error := expected(group)) is None:
            raise
        if not isinstance(error, BrokenPipeError):
            raise error from None
        _let_go_of_stdout()


@contextlib.contextmanager
def _store(settings: Settings, *, keep: bool) -> Iterator[Store]:
    with contextlib.ExitStack() as stack:
        path = settings.store
        if not keep:
            folder = tempfile.TemporaryDirectory(prefix="botconvo-", ignore_cleanup_errors=True)
            path = Path(stack.enter_context(folder)) / "demo.sqlite3"
        yield stack.enter_context(Store.open(path))


async def _talk(settings: Settings, options: RunOptions, store: Store) -> None:
    stopping = asyncio.Event()
    reins = Reins()
    game = build_game(settings, options, reins, store)
    platforms = build_platforms(settings, options, reins, store, stopping.set, game)
    # Model servers are on loopback: a proxy in the environment must not see their traffic.
    async with httpx.AsyncClient(trust_env=False) as http:
        plan = build_plan(
            settings,
            options,
            store,
            http,
            _print_json if options.json else _quiet,
            lambda fresh: take_up(platforms, settings, fresh),
            game.let_go,
        )
        if options.seed is None:
            logger.info("seed %d (give it to --seed to hear this again)", plan.seed)
        with stop_on_signals(stopping):
            await run(plan, platforms, reins, stopping)


@contextlib.contextmanager
def stop_on_signals(stopping: asyncio.Event) -> Iterator[None]:
    """The first Ctrl-C stops in order; the second ends at once."""
    loop, run_task = asyncio.get_running_loop(), asyncio.current_task()
    assert run_task is not None

    def stop(number: int, _frame: object) -> None:
        again = stopping.is_set() and number == signal.SIGINT
        loop.call_soon_threadsafe(run_task.cancel if again else stopping.set)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGBREAK"):  # Ctrl-Break and the closing of a console on Windows
        numbers.append(signal.SIGBREAK)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _quiet(message: Message, post: Post) -> None:
    """Nobody asked for JSON."""


def _print_json(message: Message, post: Post) -> None:
    put_out(message_json(message, post))


def put_out(row: str) -> None:
    """Print one row on stdout, at once.

    Raises:
        BrokenPipeError: nobody reads any more.
        PlatformError: it cannot be written to.
    """
    try:
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _let_go_of_stdout()
        raise PlatformError(
            f"standard output cannot be written to: {error.strerror}; check where it goes"
        ) from None


def _let_go_of_stdout() -> None:
    """Nobody takes what is still in its buffer, and Python would try again at the exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def message_json(message: Message, post: Post) -> str:
    """One posted message as one line of JSON; the keys are a contract with scripts."""
    trace = post.trace
    return json.dumps(
        {
            "time": message.at.isoformat(),
            "persona": post.persona,
            "text": message.text,
            "prompt": trace.prompt,
            "prompt_source": trace.source,
            "phrase": trace.phrase,
            "latency_ms": round(trace.latency_ms, 1),
            "message_id": message.id,
        },
        ensure_ascii=False,
    )


def expected(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """The error to tell about, if all of a group are expected; None where one of them is a bug."""
    errors = list(_leaves(group))
    told = [error for error in errors if isinstance(error, BotConvoError | ModelServerError)]
    gone = [error for error in errors if isinstance(error, BrokenPipeError)]
    return (told + gone)[0] if len(told) + len(gone) == len(errors) else None


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
