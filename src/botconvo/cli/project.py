"""What the verbs that work on a project share: where it is, its store, dates, a progress bar."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import TaskID

    from botconvo.people import People
    from botconvo.store import Store

__all__ = [
    "DAY",
    "at_midnight",
    "channel_progress",
    "file_progress",
    "joined_people",
    "open_store",
    "project_option",
    "stop_asked",
    "zone_of_days",
]

DAY = click.DateTime(["%Y-%m-%d"])
"""A day, without a time zone yet."""
_BIG_BYTES = 20_000_000
"""Only exports over this size get a progress bar."""


def project_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--project DIR``, as ``project``."""
    return click.option(
        "--project",
        type=click.Path(path_type=Path),
        default=Path(),
        metavar="DIR",
        help="The project's folder, where the store lies. Default: the current folder.",
    )(function)


def open_store(project: Path, *, create: bool = False) -> "Store":
    """The project's store.

    Raises:
        StoreError: there is none and ``create`` is False, or it cannot be used.
    """
    from botconvo.errors import StoreError
    from botconvo.store import STORE_NAME, Store

    if not project.is_dir():
        raise StoreError(f"there is no folder {project}; name the project's with --project DIR")
    return Store.open(project / STORE_NAME, create=create)


def joined_people(project: Path) -> "People":
    """Whose accounts the owner joined in the project's config.toml, if there is one.

    Raises:
        ConfigError: it cannot be read.
    """
    from botconvo.build import build_people
    from botconvo.config import load_settings

    return build_people(load_settings(project / "config.toml", required=False))


def zone_of_days(project: Path) -> str:
    """By whose clocks the project's config.toml tells hours and days; UTC where it cannot tell.

    A file with a fault stops no training, which needs nothing else of it.
    """
    from botconvo.config import load_settings
    from botconvo.errors import ConfigError

    try:
        settings = load_settings(project / "config.toml", required=False)
    except ConfigError:
        return "UTC"
    return settings.conversation.manners().time_zone


def at_midnight(day: datetime | None) -> datetime | None:
    """The beginning of a day that was typed, in UTC."""
    return None if day is None else day.replace(tzinfo=UTC)


@contextmanager
def file_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar with bytes and remaining time for every big export, from when it is first told of."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    tasks: dict[str, TaskID] = {}
    with ExitStack() as shown:
        bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))

        def told(label: str, done: int, total: int) -> None:
            if total <= _BIG_BYTES:
                return
            if not tasks:
                shown.enter_context(bar)
            if label not in tasks:
                tasks[label] = bar.add_task(label.rpartition("/")[2], total=total)
            bar.update(tasks[label], completed=done)

        yield told


@contextmanager
def channel_progress(channels: int) -> Iterator[Callable[[str, int, float, int], None]]:
    """A bar over so many channels, with the messages read so far, where somebody can see it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    read = TextColumn("{task.fields[read]} messages")
    bar = Progress(
        *columns, read, TimeElapsedColumn(), console=console, disable=not console.is_terminal
    )
    with bar:
        task = bar.add_task("", total=channels, read=0)

        def told(label: str, done: int, part: float, messages: int) -> None:
            bar.update(task, description=label, completed=done + part, read=messages)

        yield told


@contextmanager
def stop_asked() -> Iterator[Callable[[], bool]]:
    """Tells whether Ctrl-C was pressed; at the second time it interrupts as it always does."""
    pressed = threading.Event()

    def on_first(_number: int, _frame: object) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set  # only there can a signal be caught
        return
    before = signal.signal(signal.SIGINT, on_first)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
